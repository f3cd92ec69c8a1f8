//! Telemetry of this machine, through Kafka and back: `cargo run --release --bin quickstart`.
//!
//! Each sample of a sensor becomes a record, keyed by the sensor's name; a consumer reads them while they are written. With
//! no cluster at hand it starts one in this process.
//!
//! `sample.rs` asks the operating system, `write.rs` produces, `read.rs` consumes, `report.rs` prints.

mod read;
mod report;
mod sample;
mod write;

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use kafka_broker::{Config, Server};
use kafka_examples::args::{Failure, Opt, Parsed, Spec, exit, print_out};
use kafka_examples::progress::Progress;
use kafka_std::{Admin, ConfigError, Error, ErrorCode};

use report::Report;

const SPEC: Spec = Spec {
    name: "quickstart",
    about: "Sends telemetry of this machine through Kafka, reads it back, and shows what arrived.",
    operands: "",
    operands_max: 0,
    options: &[
        Opt::value('b', "bootstrap", "HOST:PORT", "a cluster; without it, one is started in this process"),
        Opt::value('t', "topic", "TOPIC", "the topic (default telemetry); created if it does not exist"),
        Opt::value('s', "seconds", "N", "how long to take samples, 1 to 3600 (default 3)"),
    ],
    notes: "",
};

/// Partitions of a topic that is created here.
const PARTITIONS: i32 = 3;
/// How long to wait for a cluster that does not answer.
pub const PATIENCE: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    let result = SPEC.parse(std::env::args_os().skip(1)).and_then(|args| args.map_or(Ok(()), |a| run(&a)));
    exit(SPEC.name, result)
}

/// What the writing and the reading side know of each other.
#[derive(Debug)]
pub struct Run {
    /// `host:port` of brokers.
    pub bootstrap: String,
    /// Where the records go.
    pub topic: String,
    /// Tells the records of this run from others in the topic.
    pub id: String,
    /// When each record was sent, by its number.
    pub sent: Mutex<Vec<Instant>>,
    /// How many there will have been; [`u64::MAX`] while that is not known.
    pub total: AtomicU64,
}

impl Run {
    /// How long ago record `number` was sent.
    pub fn latency(&self, number: u64) -> Option<Duration> {
        let sent = self.sent.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        Some(sent.get(usize::try_from(number).ok()?)?.elapsed())
    }
}

fn run(args: &Parsed) -> Result<(), Failure> {
    let topic = args.get("topic").unwrap_or("telemetry").to_owned();
    let seconds: u64 = args.number("seconds")?.unwrap_or(3);
    if !(1..=3600).contains(&seconds) {
        return Err(args.usage(format!("--seconds: {seconds} is not 1 to 3600")));
    }
    let (bootstrap, server) = match args.get("bootstrap") {
        Some(bootstrap) => (bootstrap.to_owned(), None),
        None => {
            let server = Server::start(Config::default())?;
            (server.bootstrap(), Some(server))
        }
    };
    Progress::new(true).wait(&bootstrap, || create_topic(&bootstrap, &topic)).map_err(
        |error| match error {
            Error::Config(ConfigError::BadValue { value, allowed, .. }) => {
                args.usage(format!("--bootstrap: \"{value}\" must be {allowed}"))
            }
            other => other.into(),
        },
    )?;

    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let id = format!("{:x}-{:x}", std::process::id(), since_1970.as_nanos());
    let run =
        Arc::new(Run { bootstrap, topic, id, sent: Mutex::new(Vec::new()), total: AtomicU64::new(u64::MAX) });
    let consumer = read::at_the_end(&run)?;
    let reader = {
        let run = run.clone();
        std::thread::spawn(move || read::read(&consumer, &run))
    };
    let written = write::write(&run, Duration::from_secs(seconds));
    // Whatever was sent: nothing more will come, so the reader ends.
    run.total.store(run.sent.lock().map_or(0, |sent| sent.len() as u64), Ordering::Release);
    let seen = reader.join().map_err(|_| Failure::Failed("the reader panicked".into()))?;
    let (written, seen) = (written?, seen?);

    let place = if server.is_some() { "a broker in this process" } else { "the cluster" };
    print_out(&format!(
        "Telemetry of {}: {} samples of {} sensors, through {place} at {}, topic {}.\n\n",
        sysinfo::System::host_name().unwrap_or_else(|| "this machine".into()),
        written.rounds,
        written.sensors,
        run.bootstrap,
        run.topic,
    ))?;
    let report = Report { sent: written.sent, acknowledged: written.acknowledged, seen };
    print_out(&report.text())?;
    match report.doubled_and_missing() {
        (0, 0) => Ok(()),
        _ => Err(Failure::Failed("what was read back is not what was sent".into())),
    }
}

fn create_topic(bootstrap: &str, topic: &str) -> Result<(), Error> {
    let mut admin = Admin::connect_within(bootstrap, PATIENCE)?;
    let found = admin.metadata(Some(&[topic]))?;
    if found.topics.iter().any(|t| t.error == ErrorCode::NONE) {
        return Ok(());
    }
    match admin.create_topic(topic, PARTITIONS, -1) {
        // Somebody else was faster.
        Err(Error::Broker { code: ErrorCode::TOPIC_ALREADY_EXISTS, .. }) => Ok(()),
        // Brokers before 2.4 have no default for the replication factor.
        Err(Error::Broker { code: ErrorCode::INVALID_REPLICATION_FACTOR, .. }) => {
            admin.create_topic(topic, PARTITIONS, 1)
        }
        result => result,
    }
}
