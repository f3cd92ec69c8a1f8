//! A real Kafka in the foreground: `cargo run -p kafka-cluster -- [--version 4.3] [--nodes 3] [name=value …]`.
//!
//! Prints the bootstrap servers on one line when it is ready, and runs until standard input ends or Ctrl-C.

use std::env;
use std::io;
use std::process::ExitCode;

use kafka_cluster::{Error, Kafka, Result, Settings, Version};

fn main() -> ExitCode {
    match settings(env::args().skip(1)).and_then(serve) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn settings(mut args: impl Iterator<Item = String>) -> Result<Settings> {
    let (mut version, mut nodes, mut properties) = (Version::V4_3, 1, Vec::new());
    let mut guest = false;
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| Error::new(format!("{arg} needs a value")));
        match arg.as_str() {
            "--version" => {
                let text = value()?;
                version = Version::parse(&text).ok_or_else(|| Error::new(format!("no release {text}")))?;
            }
            "--nodes" => nodes = value()?.parse().map_err(|_| Error::new("--nodes needs a number"))?,
            "--guest" => guest = true,
            _ => match arg.split_once('=') {
                Some((name, value)) => properties.push((name.to_owned(), value.to_owned())),
                None => return Err(Error::new(format!("unknown argument {arg}"))),
            },
        }
    }
    let mut settings = Settings::new(version).nodes(nodes);
    if guest {
        settings = settings.advertised("GUEST", "10.0.2.2");
    }
    Ok(properties.iter().fold(settings, |settings, (name, value)| settings.property(name, value)))
}

fn serve(settings: Settings) -> Result<()> {
    let kafka = Kafka::start(settings)?;
    println!("{}", kafka.bootstrap());
    io::copy(&mut io::stdin().lock(), &mut io::sink())?;
    Ok(())
}
