//! `kafka-cli metadata`.

use std::io::{self, Write};
use std::time::Duration;

use kafka_examples::args::{Failure, Parsed, cannot_print};
use kafka_examples::nearest::nearest;
use kafka_examples::progress::Progress;
use kafka_std::admin::{Admin, Cluster, TopicInfo};
use kafka_std::{Consumer, Error, ErrorCode};

use crate::options::settings;

/// Runs the command. The output is kcat's.
pub fn run(args: &Parsed) -> Result<(), Failure> {
    let servers = args.required("bootstrap")?;
    let timeout = timeout(args)?;
    let wanted: Vec<&str> = args.all("topic").collect();
    let progress = Progress::new(true);
    let asked = progress.wait(servers, || {
        let mut admin = Admin::connect_within(servers, timeout)?;
        let cluster = admin.metadata((!wanted.is_empty()).then_some(&wanted))?;
        Ok((admin, cluster))
    });
    let (mut admin, cluster) = asked.map_err(|error| match error {
        Error::Config(error) => args.usage(error.to_string()),
        other => other.into(),
    })?;
    match print(&cluster, wanted.is_empty(), &mut io::stdout().lock()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(cannot_print(&error)),
        _ => {}
    }
    let missing: Vec<_> = cluster.topics.iter().filter(|topic| topic.error != ErrorCode::NONE).collect();
    if wanted.is_empty() || missing.is_empty() {
        return Ok(());
    }
    // Only to be helpful: that it cannot be had changes nothing.
    let all = admin.metadata(None).map(|cluster| cluster.topics).unwrap_or_default();
    let missing: Vec<String> = missing
        .iter()
        .map(|topic| {
            let near = nearest(&topic.name, all.iter().map(|other| other.name.as_str()));
            let hint = near.map_or(String::new(), |near| format!("; did you mean {near}?"));
            format!("topic {}: {}{hint}", topic.name, topic.error)
        })
        .collect();
    Err(Failure::Failed(missing.join("\n")))
}

/// How long to wait, after a look at all settings.
fn timeout(args: &Parsed) -> Result<Duration, Failure> {
    let mut timeout = Duration::from_secs(10);
    let mut known = Consumer::builder();
    for (name, value) in settings(args)? {
        known = known.set(name, value).map_err(|error| args.usage(error.to_string()))?;
        if matches!(name, "request.timeout.ms" | "socket.timeout.ms") {
            timeout = value.trim().parse().map_or(timeout, Duration::from_millis);
        }
    }
    match args.number("timeout")? {
        Some(0) => Err(args.usage("--timeout: 0 seconds is no time to answer in".into())),
        Some(seconds) => Ok(Duration::from_secs(seconds)),
        None => Ok(timeout),
    }
}

fn print(cluster: &Cluster, all: bool, out: &mut impl Write) -> io::Result<()> {
    let id = cluster.id.as_deref().unwrap_or("without id");
    writeln!(out, "Metadata for {} (cluster {id}):", if all { "all topics" } else { "these topics" })?;
    writeln!(out, " {} brokers:", cluster.brokers.len())?;
    for broker in &cluster.brokers {
        let rack = broker.rack.as_ref().map_or(String::new(), |rack| format!(", rack {rack}"));
        let controller = if cluster.controller == Some(broker.id) { " (controller)" } else { "" };
        writeln!(out, "  broker {} at {}:{}{rack}{controller}", broker.id, broker.host, broker.port)?;
    }
    writeln!(out, " {} topics:", cluster.topics.len())?;
    cluster.topics.iter().try_for_each(|topic| print_topic(topic, out))?;
    out.flush()
}

fn print_topic(topic: &TopicInfo, out: &mut impl Write) -> io::Result<()> {
    let error = if topic.error == ErrorCode::NONE { String::new() } else { format!(" {}", topic.error) };
    writeln!(out, "  topic \"{}\" with {} partitions:{error}", topic.name, topic.partitions.len())?;
    for partition in &topic.partitions {
        let leader = partition.leader.map_or("none".into(), |id| id.to_string());
        let (replicas, isr) = (ids(&partition.replicas), ids(&partition.isr));
        let number = partition.partition;
        writeln!(out, "    partition {number}, leader {leader}, replicas: {replicas}, isrs: {isr}")?;
    }
    Ok(())
}

fn ids(ids: &[i32]) -> String {
    ids.iter().map(i32::to_string).collect::<Vec<_>>().join(",")
}
