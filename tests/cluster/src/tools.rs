//! Apache's own command-line programs, each in a JVM (one to two seconds, so tests run few).
//!
//! They are always those of the newest release, whatever the cluster is: it speaks to every broker from 2.1 on, and
//! its options have one spelling.

use std::time::Duration;

use crate::node::java;
use crate::{Finished, Kafka, Result, Version, libs, run};

/// How long a tool may run.
const TIMEOUT: Duration = Duration::from_secs(120);

/// Reads lines, produces records.
pub const CONSOLE_PRODUCER: &str = "org.apache.kafka.tools.ConsoleProducer";
/// Prints records.
pub const CONSOLE_CONSUMER: &str = "org.apache.kafka.tools.consumer.ConsoleConsumer";
/// Creates, describes and deletes topics.
pub const TOPICS: &str = "org.apache.kafka.tools.TopicCommand";
/// Prints a topic's offsets.
pub const GET_OFFSETS: &str = "org.apache.kafka.tools.GetOffsetShell";
/// Produces numbers and prints each acknowledgement.
pub const VERIFIABLE_PRODUCER: &str = "org.apache.kafka.tools.VerifiableProducer";
/// Consumes with a group and prints what was consumed and committed.
pub const VERIFIABLE_CONSUMER: &str = "org.apache.kafka.tools.VerifiableConsumer";
/// Copies records within transactions.
pub const TRANSACTIONAL_COPIER: &str = "org.apache.kafka.tools.TransactionalMessageCopier";
/// Measures a producer.
pub const PRODUCER_PERFORMANCE: &str = "org.apache.kafka.tools.ProducerPerformance";
/// Measures a consumer.
pub const CONSUMER_PERFORMANCE: &str = "org.apache.kafka.tools.ConsumerPerformance";
/// Lists, describes and aborts transactions.
pub const TRANSACTIONS: &str = "org.apache.kafka.tools.TransactionsCommand";
/// Describes groups and resets their offsets.
pub const CONSUMER_GROUPS: &str = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand";
/// Moves replicas.
pub const REASSIGN_PARTITIONS: &str = "org.apache.kafka.tools.reassign.ReassignPartitionsCommand";
/// Changes configurations of topics, brokers and users.
pub const CONFIGS: &str = "kafka.admin.ConfigCommand";
/// Prints the batches and records of a log segment.
pub const DUMP_LOG: &str = "org.apache.kafka.tools.DumpLogSegments";

/// Runs `class` with `args` and `input`, and gives back its output whatever its exit code.
pub fn tool(class: &str, args: &[&str], input: &[u8]) -> Result<Finished> {
    let mut command = java(&libs(Version::V4_3)?, 256, "warn", &[], class);
    command.args(args);
    run(&mut command, input, TIMEOUT)
}

/// Runs `class` against `bootstrap`; an exit code other than 0 is an error with its output.
pub fn tool_at(class: &str, bootstrap: &str, args: &[&str], input: &[u8]) -> Result<Finished> {
    let mut all = vec!["--bootstrap-server", bootstrap];
    all.extend_from_slice(args);
    let name = class.rsplit('.').next().unwrap_or(class);
    tool(class, &all, input)?.checked(&format!("{name} {}", args.join(" ")))
}

/// `TopicCommand` with `args`; what it printed.
pub fn topics(kafka: &Kafka, args: &[&str]) -> Result<String> {
    Ok(tool_at(TOPICS, &kafka.bootstrap(), args, &[])?.stdout_text())
}

/// The next offset of each partition of `topic`, by partition.
pub fn end_offsets(bootstrap: &str, topic: &str) -> Result<Vec<(i32, i64)>> {
    let text = tool_at(GET_OFFSETS, bootstrap, &["--topic", topic], &[])?.stdout_text();
    let mut offsets: Vec<(i32, i64)> = text
        .lines()
        .filter_map(|line| {
            let mut parts = line.rsplit(':');
            let offset = parts.next()?.parse().ok()?;
            Some((parts.next()?.parse().ok()?, offset))
        })
        .collect();
    offsets.sort_unstable();
    Ok(offsets)
}
