//! `kafka-cli produce`.

use std::fs::File;
use std::io::{ErrorKind, IsTerminal, Read, stdin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use kafka_examples::args::{Failure, Parsed};
use kafka_examples::progress::Progress;
use kafka_std::producer::Cause;
use kafka_std::{Header, Producer, Record, SendError, Topic};
use memchr::memmem::find;

use crate::options::{delimiter, settings};
use crate::split::{Piece, Split};

/// How long the first record waits for the cluster, unless `max.block.ms` is set: people are watching.
const MAX_BLOCK_MS: &str = "5000";
/// Kafka's default for `max.request.size`.
const RECORD_LEN_MAX: usize = 1_048_576;

/// What became of the records so far; the producer's thread writes here too.
struct Watch {
    acknowledged: AtomicU64,
    failed: AtomicU64,
    /// A record was not acknowledged in time: the cluster has been away for that long.
    gave_up: AtomicBool,
    progress: Progress,
    /// Bytes, where the input is a file.
    input_len: Option<u64>,
}

impl Watch {
    fn at(&self, number: u64, read: u64) {
        let acknowledged = || self.acknowledged.load(Ordering::Relaxed);
        self.progress
            .update(|| (read, self.input_len, format!("{number} records, {} acknowledged", acknowledged())));
    }

    fn failed(&self, number: u64, what: &dyn std::fmt::Display) {
        self.failed.fetch_add(1, Ordering::Release);
        self.progress.say(&format!("kafka-cli: record {number}: {what}"));
    }

    fn verdict(&self) -> Result<(), Failure> {
        self.progress.clear();
        let (failed, acknowledged) =
            (self.failed.load(Ordering::Acquire), self.acknowledged.load(Ordering::Acquire));
        match failed {
            0 => Ok(()),
            _ => Err(Failure::Failed(format!("{failed} of {} records failed", failed + acknowledged))),
        }
    }
}

/// What a piece of the input becomes.
struct Shape {
    partition: Option<u32>,
    key_delimiter: Option<Vec<u8>>,
    key: Option<Vec<u8>>,
    headers: Vec<(String, Option<String>)>,
    empty_is_null: bool,
}

/// Runs the command.
pub fn run(args: &Parsed) -> Result<(), Failure> {
    let shape = shape(args)?;
    let end = delimiter(args, "delimiter")?.unwrap_or_else(|| b"\n".to_vec());
    let topic = args.required("topic")?;
    let input = open(args)?;
    let watch = Arc::new(Watch {
        acknowledged: AtomicU64::new(0),
        failed: AtomicU64::new(0),
        gave_up: AtomicBool::new(false),
        // A bar would run through what somebody types.
        progress: Progress::new(!input.is_typed),
        input_len: input.len,
    });
    let producer = producer(args, &watch)?;
    let topic = producer.topic(topic)?;
    let mut input = Split::new(input.bytes, &end, record_len_max(args)?);
    let sent = send_all(&producer, &topic, &shape, &mut input, &watch);
    // It ends by itself: each record has its `delivery.timeout.ms`.
    producer.close(Duration::MAX);
    sent.and(watch.verdict())
}

/// Sends what `input` has. Records are numbered from 1, empty ones included.
fn send_all<R: Read>(
    producer: &Producer,
    topic: &Topic,
    shape: &Shape,
    input: &mut Split<R>,
    watch: &Watch,
) -> Result<(), Failure> {
    let headers: Vec<Header<'_>> = shape
        .headers
        .iter()
        .map(|(key, value)| Header { key, value: value.as_deref().map(str::as_bytes) })
        .collect();
    let mut number = 0;
    loop {
        watch.at(number, input.read());
        let Some(piece) =
            input.next().map_err(|error| Failure::Failed(format!("reading the input: {error}")))?
        else {
            return Ok(());
        };
        number += 1;
        if watch.gave_up.load(Ordering::Relaxed) {
            let what = "the cluster has not acknowledged records for delivery.timeout.ms";
            return Err(not_sent(number, &what));
        }
        let piece = match piece {
            Piece::Whole(b"") => continue,
            Piece::Whole(piece) => piece,
            Piece::TooLong => {
                watch.failed(number, &"longer than max.request.size allows");
                continue;
            }
        };
        let record = shape.record(topic, piece, &headers);
        let send = || producer.send_with(record, number);
        loop {
            // Only the first one waits for the cluster's metadata.
            let sent = if number == 1 { watch.progress.wait("the cluster", send) } else { send() };
            match sent {
                Ok(()) => break,
                // Each record in there ends within `delivery.timeout.ms`, and makes room.
                Err(SendError::Full { .. }) => {}
                Err(error @ SendError::TooLarge { .. }) => {
                    watch.failed(number, &error);
                    break;
                }
                // No other record would fare better.
                Err(error) => return Err(not_sent(number, &Failure::from(error))),
            }
        }
    }
}

fn not_sent(first: u64, why: &dyn std::fmt::Display) -> Failure {
    Failure::Failed(format!("record {first} and all after it were not sent: {why}"))
}

impl Shape {
    fn record<'a>(&'a self, topic: &'a Topic, piece: &'a [u8], headers: &'a [Header<'a>]) -> Record<'a> {
        let (own_key, value) = match self.key_delimiter.as_deref().and_then(|d| Some((d, find(piece, d)?))) {
            Some((delimiter, at)) => (Some(&piece[..at]), &piece[at + delimiter.len()..]),
            None => (None, piece),
        };
        let key = own_key.or(self.key.as_deref()).filter(|key| !(self.empty_is_null && key.is_empty()));
        let value = Some(value).filter(|value| !(self.empty_is_null && value.is_empty()));
        let mut record = Record::to(topic).headers(headers);
        if let Some(key) = key {
            record = record.key(key);
        }
        if let Some(value) = value {
            record = record.value(value);
        }
        match self.partition {
            Some(partition) => record.partition(partition),
            None => record,
        }
    }
}

fn shape(args: &Parsed) -> Result<Shape, Failure> {
    let key = args.get("key").map(crate::format::unescape).transpose();
    let headers = args.all("header").map(|text| match text.split_once('=') {
        Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
        None => (text.to_owned(), None),
    });
    Ok(Shape {
        partition: args.number("partition")?,
        key_delimiter: delimiter(args, "key-delimiter")?,
        key: key.map_err(|what| args.usage(format!("--key: {what}")))?,
        headers: headers.collect(),
        empty_is_null: args.has("null"),
    })
}

/// Where the records come from.
struct Input {
    bytes: Box<dyn Read>,
    /// In bytes, where that is known.
    len: Option<u64>,
    /// Somebody types it.
    is_typed: bool,
}

fn open(args: &Parsed) -> Result<Input, Failure> {
    let Some(path) = args.operands.first().filter(|path| *path != "-") else {
        return Ok(Input { bytes: Box::new(stdin()), len: None, is_typed: stdin().is_terminal() });
    };
    let failed = |error: std::io::Error| Failure::Failed(format!("{}: {error}", path.display()));
    let file = File::open(path).map_err(failed)?;
    let about = file.metadata().map_err(failed)?;
    if about.is_dir() {
        return Err(failed(ErrorKind::IsADirectory.into()));
    }
    let len = about.is_file().then_some(about.len());
    Ok(Input { bytes: Box::new(file), len, is_typed: false })
}

/// Longer pieces of the input are not kept: no client could send them.
fn record_len_max(args: &Parsed) -> Result<usize, Failure> {
    let mut sizes = settings(args)?
        .into_iter()
        .filter(|(name, _)| matches!(*name, "max.request.size" | "message.max.bytes"));
    // What is no number is refused by the producer, with what would be allowed.
    Ok(sizes.next_back().and_then(|(_, value)| value.trim().parse().ok()).unwrap_or(RECORD_LEN_MAX))
}

fn producer(args: &Parsed, watch: &Arc<Watch>) -> Result<Producer, Failure> {
    let (bootstrap, settings) = (args.required("bootstrap")?, settings(args)?);
    let defaults =
        [("bootstrap.servers", bootstrap), ("client.id", "kafka-cli"), ("max.block.ms", MAX_BLOCK_MS)];
    let codec = args.get("compression").map(|codec| ("compression.type", codec));
    let mut all = defaults.iter().chain(&codec).chain(&settings);
    let builder = all.try_fold(Producer::builder(), |builder, (name, value)| builder.set(name, value));
    let watch = watch.clone();
    let builder = builder.map_err(|error| args.usage(error.to_string()))?.on_delivery(
        move |number, result| match result {
            Ok(_) => drop(watch.acknowledged.fetch_add(1, Ordering::Release)),
            Err(error) => {
                watch.failed(number, error);
                if error.cause() == Cause::TimedOut {
                    watch.gave_up.store(true, Ordering::Relaxed);
                }
            }
        },
    );
    builder.build().map_err(|error| match error {
        kafka_std::Error::Config(error) => args.usage(error.to_string()),
        other => other.into(),
    })
}
