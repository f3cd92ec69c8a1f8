//! The chores of this project: `cargo xtask help` lists them.

mod firmware;

use std::process::ExitCode;

const HELP: &str = "cargo xtask CHORE
  firmware BIN [--count N] [--dhcp]   build a firmware program, run it in QEMU against a server started here
  size [--symbols] [BIN]              flash, RAM and stack of the firmware, beside its peers";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (chore, rest) = args.split_first().map_or(("help", &[][..]), |(chore, rest)| (chore.as_str(), rest));
    let result = match chore {
        "firmware" => firmware::firmware(rest),
        "size" => firmware::size(rest),
        _ => {
            println!("{HELP}");
            Ok(())
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask {chore}: {error}");
            ExitCode::FAILURE
        }
    }
}
