//! The servers of a run: started when first needed, ended with it.

use std::collections::HashSet;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use kafka_cluster::{Kafka, Settings, Version};

use super::report::field;
use super::workloads::Workload;
use super::{contestants, data};
use crate::shell::{Result, Shell, root};

/// How long the sink may take to say what it counted.
const COUNTED: Duration = Duration::from_secs(10);

#[derive(Default)]
pub struct Servers {
    sink: Option<Sink>,
    kafka: Option<Kafka>,
    topics: HashSet<String>,
}

impl Servers {
    pub fn sink(&mut self) -> Result<&Sink> {
        if self.sink.is_none() {
            self.sink = Some(Sink::start()?);
        }
        self.sink.as_ref().ok_or_else(|| "no sink".into())
    }

    pub fn kafka(&mut self) -> Result<&Kafka> {
        if self.kafka.is_none() {
            let kafka = Kafka::start(Settings::new(Version::V4_3))?;
            // Java runs slowly until it has run for a while.
            kafka.create_topic("warm-up", 3)?;
            fill(&kafka, "warm-up", 2_000_000, 100, "none")?;
            self.kafka = Some(kafka);
        }
        self.kafka.as_ref().ok_or_else(|| "no Kafka".into())
    }

    /// A topic for a workload: one for each round, except where it is only read. That is filled at first, by us.
    pub fn topic(&mut self, work: &Workload, n: usize, round: usize) -> Result<String> {
        let reads = work.mode == "consume";
        let topic = if reads { format!("{}-{n}", work.name) } else { format!("{}-{round}", work.name) };
        if !self.topics.insert(topic.clone()) {
            return Ok(topic);
        }
        let kafka = self.kafka()?;
        kafka.create_topic(&topic, work.partitions)?;
        if reads {
            fill(kafka, &topic, n, work.size, work.compression)?;
        }
        Ok(topic)
    }
}

/// Writes `n` records to a topic.
fn fill(kafka: &Kafka, topic: &str, n: usize, size: usize, compression: &str) -> Result {
    let program = Shell::new(&root().join("target/release/kafka-bench").display().to_string());
    let program = program.args(["produce", topic, &n.to_string(), &size.to_string(), compression, "all"]);
    program.env("BROKER", kafka.bootstrap()).env("DATA", data(size)?).read().map(drop)
}

/// The server that forgets.
pub struct Sink {
    process: Child,
    pub address: String,
    counts: Receiver<String>,
}

impl Sink {
    fn start() -> Result<Sink> {
        let mut process =
            Command::new(contestants::sink()).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut lines = BufReader::new(process.stdout.take().ok_or("the sink is silent")?).lines();
        let address = lines.next().ok_or("the sink did not start")??;
        let (sender, counts) = channel();
        std::thread::spawn(move || {
            lines.map_while(std::io::Result::ok).try_for_each(|line| sender.send(line))
        });
        Ok(Sink { process, address, counts })
    }

    /// It must have seen `n` records since the last time, in order. A client may have had several connections.
    pub fn check(&self, n: usize) -> Result {
        let mut seen = 0;
        while seen < n {
            let line =
                self.counts.recv_timeout(COUNTED).map_err(|_| format!("the sink saw {seen} of {n}"))?;
            seen += field(&line, "records").unwrap_or(0.0) as usize;
            if field(&line, "sequence_errors") != Some(0.0) {
                return Err(format!("out of order: {line}").into());
            }
        }
        if seen == n { Ok(()) } else { Err(format!("the sink saw {seen} records instead of {n}").into()) }
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        // It ends with its standard input.
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}
