//! `kafka-cli`: produce, consume and look at a cluster from the command line, in the manner of kcat.
//!
//! `options.rs` has the command lines, `format.rs` what is printed of a record, `split.rs` how an input is cut into
//! records; the other files are the commands.

mod consume;
mod format;
mod metadata;
mod options;
mod produce;
mod split;

use std::ffi::OsString;
use std::process::ExitCode;

use kafka_examples::args::{Failure, Parsed, Spec, exit, print_out};
use kafka_examples::nearest::nearest;

const HELP: &str = "\
Kafka on the command line, in the manner of kcat.

Usage: kafka-cli COMMAND [OPTIONS]

Commands:
  produce   send a record per line of a file or of standard input
  consume   print the records of a topic
  metadata  print brokers, topics and partitions

Each has its own help: kafka-cli produce --help
";

/// A command, kcat's name for the same, its command line, and what does it.
type Command = (&'static str, &'static str, Spec, fn(&Parsed) -> Result<(), Failure>);

const COMMANDS: [Command; 3] = [
    ("produce", "-P", options::PRODUCE, produce::run),
    ("consume", "-C", options::CONSUME, consume::run),
    ("metadata", "-L", options::METADATA, metadata::run),
];

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    let command = args.next().unwrap_or_default().to_string_lossy().into_owned();
    exit("kafka-cli", run(&command, args))
}

fn run(command: &str, args: impl Iterator<Item = OsString>) -> Result<(), Failure> {
    match command {
        "--help" | "-h" | "help" => return print_out(HELP),
        "--version" | "-V" => return print_out(concat!("kafka-cli ", env!("CARGO_PKG_VERSION"), "\n")),
        _ => {}
    }
    let Some((_, _, spec, run)) = COMMANDS.iter().find(|c| c.0 == command || c.1 == command) else {
        let what = match nearest(command, COMMANDS.map(|c| c.0)) {
            Some(near) => format!("unknown command {command}; did you mean {near}?"),
            None if command.is_empty() => "no command given: produce, consume or metadata".into(),
            None => format!("unknown command {command}; there are produce, consume and metadata"),
        };
        return Err(Failure::Usage { program: "kafka-cli", what });
    };
    match spec.parse(args)? {
        Some(args) => run(&args),
        None => Ok(()),
    }
}
