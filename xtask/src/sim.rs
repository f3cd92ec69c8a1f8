//! `cargo xtask sim` and `cargo xtask recall`: the simulation, and whether it finds the bugs it is there for.

use crate::shell::{Result, cargo, root};

/// A build of its own, so that nothing made with the feature `recall` lies where other builds look.
const RECALL_DIR: &str = "target/recall";

/// Runs seeds: `--seeds A..B [--transactions] [--hours H] [--seconds S] [--table] [--trace]`.
pub fn sim(args: &[String]) -> Result {
    cargo("run --quiet -p kafka-sim --profile checked --bin kafka-sim --").args(args).run()
}

/// Makes each known bug again: `[--seeds N] [--hours H] [NAME]…`.
pub fn recall(args: &[String]) -> Result {
    cargo("run --quiet -p kafka-sim --profile checked --features recall --bin recall --target-dir")
        .args([RECALL_DIR, "--"])
        .args(args)
        .run()?;
    absent()
}

/// The portion of the test command: a session cut at each byte, and the life of some hundred clusters. The seeds are the
/// same each time, so that a failure is of the change at hand; `cargo xtask sim` looks for new ones.
pub fn portion() -> Result {
    cargo("test --quiet -p kafka-sim --profile checked --test bytes").env("SIM_EVERY_BYTE", "1").run()?;
    sim(&["--seeds", "0..400", "--hours", "0.25"].map(String::from))?;
    sim(&["--transactions", "--seeds", "0..150", "--hours", "0.2"].map(String::from))
}

/// No other build holds a bug: the program without the feature does not even know their names.
fn absent() -> Result {
    cargo("build --quiet -p kafka-sim --profile checked --bin kafka-sim").run()?;
    let program = std::fs::read(root().join("target/checked/kafka-sim"))?;
    let name = b"B12ResendMaybeWritten";
    let symbol = b"kafka_client_core6recall";
    let found = |needle: &[u8]| program.windows(needle.len()).any(|window| window == needle);
    if found(name) || found(symbol) {
        return Err("a build without the feature recall holds its bugs".into());
    }
    Ok(())
}
