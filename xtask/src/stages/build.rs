//! What is judged by building and running it on this machine.

use crate::features;
use crate::shell::{Result, cargo};
use crate::test::Options;
use crate::tools::TARGETS;
use crate::{fuzz, miri, proof, sim};

/// Tests that start a JVM have stages of their own.
const WITH_JAVA: [&str; 2] = ["kafka-cluster", "kafka-conformance"];

pub fn test(_: &Options) -> Result {
    let exclude = WITH_JAVA.iter().flat_map(|name| ["--exclude", name]);
    cargo("test --quiet --workspace").args(exclude).run()?;
    for name in features::CORE {
        for set in features::sets(name)? {
            cargo("test --quiet -p").args([name]).args(set.args()).run()?;
        }
    }
    Ok(())
}

/// Bytes that mean harm, in a build in which every overflow panics.
pub fn hostile(options: &Options) -> Result {
    let decodes = if options.long { "20000000" } else { "2000000" };
    cargo("test --quiet --profile checked -p kafka-proto --features arbitrary,gzip,snappy,zstd")
        .args(["--test", "hostile_messages", "--test", "hostile_records"])
        .env("KAFKA_PROTO_DECODES", decodes)
        .run()
}

/// The codec no slower than a loop written by hand, and without an allocation.
pub fn speed(_: &Options) -> Result {
    cargo("run --quiet --release -p kafka-bench-codec -- --check").run()
}

pub fn embedded(_: &Options) -> Result {
    for target in TARGETS {
        for name in features::CORE {
            cargo("build --quiet --release --no-default-features -p")
                .args([name, "--target", target])
                .run()?;
        }
        cargo("build --quiet --release -p kafka-embassy --target").args([target]).run()?;
    }
    Ok(())
}

pub fn proof(_: &Options) -> Result {
    proof::proof(&[])
}

pub fn fuzz(options: &Options) -> Result {
    // Ten seconds each, or together half of what is left of a long run.
    let together = fuzz::seconds_of_all(10)?;
    fuzz::fuzz_for(options.seconds(together, 0.5))
}

/// With `--long` seeds that nobody has seen pass, and whether the simulation still finds the bugs that are known.
pub fn sim(options: &Options) -> Result {
    sim::portion()?;
    if !options.long {
        return Ok(());
    }
    sim::sim(&["--seeds", "10000..12000", "--hours", "0.05"].map(String::from))?;
    sim::sim(&["--transactions", "--seeds", "10000..12000", "--hours", "0.05"].map(String::from))?;
    sim::recall(&[])
}

pub fn miri(_: &Options) -> Result {
    miri::miri(&[])
}
