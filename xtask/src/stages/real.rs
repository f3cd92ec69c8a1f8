//! What is judged by programs that are not ours: Apache's classes, real Kafka, QEMU.

use crate::firmware;
use crate::shell::{Result, cargo};
use crate::test::Options;

/// With `--long` more messages of each API, version and direction.
pub fn conformance(options: &Options) -> Result {
    let count = if options.long { "500" } else { "50" };
    cargo("test --quiet --release -p kafka-conformance").env("KAFKA_CONFORMANCE_COUNT", count).run()
}

pub fn cluster(options: &Options) -> Result {
    // One test at a time: JVMs beside each other on few cores make each other's time-outs.
    let test = cargo("test --quiet -p kafka-cluster -- --test-threads=1");
    if options.all_brokers { test.args(["--include-ignored"]).run() } else { test.run() }
}

pub fn judges(options: &Options) -> Result {
    // In release: the JVMs need the processor more than the broker does.
    let test = cargo("test --quiet --release -p kafka-broker --features judges --test judges --");
    let test = test.args(["--test-threads=1"]);
    if options.long { test.args(["--include-ignored"]).run() } else { test.run() }
}

pub fn firmware(_: &Options) -> Result {
    // The peers, whose numbers ours are held against, and ours: with each kind of broker, and under trouble.
    for line in [
        "echo",
        "pub_minimq",
        "pub_rust_mqtt",
        "telemetry",
        "telemetry --cut",
        "telemetry --kafka --count 1000",
    ] {
        let args: Vec<String> = line.split(' ').map(String::from).collect();
        firmware::firmware(&args)?;
    }
    Ok(())
}

pub fn size(_: &Options) -> Result {
    crate::size(&[])
}
