//! The chores of this project: `cargo xtask help` lists them.

mod bench;
mod features;
mod firmware;
mod fuzz;
mod manifest;
mod miri;
mod proof;
mod shell;
mod sim;
mod stages;
mod test;
mod tidy;
mod tools;

use std::process::ExitCode;

const HELP: &str = "cargo xtask CHORE
  test [--only STAGE] [--list] [--long] [--all-brokers]   all that has to pass; installs what is missing
  ci                                                      the same with the long variants, in 70 minutes
  tidy                                                    STYLE.md, as far as a program can judge
  proof [--size]                                          no allocator and no panic in the linked codec
  bench [--quick] [--only NAME,…] [--work NAME,…]         this client beside others: CPU, throughput, latency, memory
  sim --seeds A..B [--transactions] [--hours H] [--table] [--trace]  the simulated cluster; each seed is another life
  recall [--seeds N] [BUG]                                known bugs made again, and the seeds it takes to find them
  fuzz [--seconds N] [--list] [TARGET]                    fuzz targets, each for N seconds
  miri [ARGS]                                             the codec's tests under Miri
  firmware BIN [--count N] [--dhcp]                       a firmware program in QEMU against a server started here
  size [--symbols] [BIN]                                  flash, RAM and stack of the firmware, beside its peers";

/// Without arguments what messages weigh, too.
fn size(args: &[String]) -> shell::Result {
    firmware::size(args)?;
    if args.is_empty() { proof::proof(&["--size".to_owned()]) } else { Ok(()) }
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (chore, rest) = args.split_first().map_or(("help", &[][..]), |(chore, rest)| (chore.as_str(), rest));
    let result = match chore {
        "test" => test::test(rest),
        "ci" => test::ci(rest),
        "tidy" => tidy::tidy(rest),
        "proof" => proof::proof(rest),
        "bench" => bench::bench(rest),
        "sim" => sim::sim(rest),
        "recall" => sim::recall(rest),
        "fuzz" => fuzz::fuzz(rest),
        "miri" => miri::miri(rest),
        "firmware" => firmware::firmware(rest),
        "size" => size(rest),
        "help" | "--help" | "-h" => {
            println!("{HELP}");
            Ok(())
        }
        _ => Err(format!("no such chore\n{HELP}").into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask {chore}: {error}");
            ExitCode::FAILURE
        }
    }
}
