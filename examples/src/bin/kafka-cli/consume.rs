//! `kafka-cli consume`.

use std::io::{self, IsTerminal, Write, stdout};
use std::ops::ControlFlow;
use std::time::Duration;

use kafka_examples::args::{Failure, Parsed, cannot_print};
use kafka_examples::progress::Progress;
use kafka_std::ConsumeError;
use kafka_std::consumer::{Consumer, Records, Start};

use crate::format::{Format, Shown};
use crate::options::{delimiter, settings};

/// How long to wait for the cluster, unless `default.api.timeout.ms` is set: people are watching.
const API_TIMEOUT_MS: &str = "5000";
/// How long a poll waits. Nothing hangs on it: a poll ends when records arrive.
const POLL: Duration = Duration::from_millis(200);
/// What is printed is collected up to this many bytes.
const BLOCK: usize = 64 * 1024;

/// What is read, and how much of it.
struct Task<'a> {
    topic: &'a str,
    partitions: Vec<u32>,
    /// Records left to be printed.
    left: Option<u64>,
    /// Ends where the partitions end.
    ends: bool,
    format: Format,
}

/// Runs the command.
pub fn run(args: &Parsed) -> Result<(), Failure> {
    let topic = args.required("topic")?;
    let start = start(args)?;
    let mut task = Task {
        topic,
        partitions: Vec::new(),
        left: args.number("count")?,
        ends: args.has("exit"),
        format: format(args)?,
    };
    let only: Option<u32> = args.number("partition")?;
    let consumer = consumer(args)?;
    let count = Progress::new(true).wait("the cluster", || consumer.partitions(topic))?;
    task.partitions = match only {
        Some(partition) if partition < count => vec![partition],
        Some(partition) => {
            let what = format!("topic {topic} has no partition {partition}: it has {count}, counted from 0");
            return Err(Failure::Failed(what));
        }
        None => (0..count).collect(),
    };
    for partition in &task.partitions {
        consumer.assign(topic, *partition, start)?;
    }
    match read(&consumer, task) {
        // The reader has seen enough.
        Err(Stop::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(Stop::Output(error)) => Err(cannot_print(&error)),
        Err(Stop::Input(error)) => Err(error.into()),
        Ok(()) => Ok(()),
    }
}

/// What ends the reading early.
enum Stop {
    Output(io::Error),
    Input(ConsumeError),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Stop::Output(error)
    }
}

fn read(consumer: &Consumer, mut task: Task<'_>) -> Result<(), Stop> {
    let mut out = io::BufWriter::with_capacity(BLOCK, stdout().lock());
    // On a terminal the records themselves are the progress.
    let progress = Progress::new(!stdout().is_terminal());
    let mut printed = 0u64;
    while task.left != Some(0) {
        // Asked before the poll: what has arrived by now is what this poll and the following ones return.
        let at_end = task.ends && task.partitions.iter().all(|p| consumer.is_at_end(task.topic, *p));
        let records = match consumer.poll(if at_end { Duration::ZERO } else { POLL }) {
            Ok(records) => records,
            Err(error) if goes_on(&error, task.ends) => {
                progress.say(&format!("kafka-cli: {error}"));
                continue;
            }
            Err(error) => return Err(Stop::Input(error)),
        };
        if records.is_empty() && at_end {
            break;
        }
        let end = print(records, &mut task, &mut printed, &mut out)?;
        out.flush()?;
        progress.update(|| (printed, task.left.map(|left| printed + left), format!("{printed} records")));
        if end.is_break() {
            break;
        }
    }
    Ok(())
}

/// Whether reading goes on after the error, as it does without anybody's help unless an end was asked for.
fn goes_on(error: &ConsumeError, ends: bool) -> bool {
    match error {
        ConsumeError::Reset { .. } => true,
        ConsumeError::Unavailable(_) => !ends,
        _ => false,
    }
}

fn print(
    mut records: Records,
    task: &mut Task<'_>,
    printed: &mut u64,
    out: &mut impl Write,
) -> Result<ControlFlow<()>, Stop> {
    while let Some(batch) = records.next_batch() {
        let batch = batch.map_err(Stop::Input)?;
        let (topic, partition) = (batch.topic(), batch.partition());
        for record in batch {
            let record = record.map_err(Stop::Input)?;
            if task.left == Some(0) {
                return Ok(ControlFlow::Break(()));
            }
            task.format.write(&Shown { topic, partition, record: &record }, out)?;
            task.left = task.left.map(|left| left - 1);
            *printed += 1;
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// `-o`.
fn start(args: &Parsed) -> Result<Start, Failure> {
    let text = args.get("offset").unwrap_or("beginning");
    let start = match text {
        "beginning" | "earliest" => Some(Start::Earliest),
        "end" | "latest" => Some(Start::Latest),
        _ => match (text.strip_prefix("s@"), text.strip_prefix('-')) {
            (Some(ms), _) => ms.parse().ok().filter(|ms| *ms >= 0).map(Start::Timestamp),
            (None, Some(count)) => count.parse().ok().map(Start::FromEnd),
            (None, None) => text.parse().ok().map(Start::Offset),
        },
    };
    start.ok_or_else(|| args.usage(format!("--offset: \"{text}\" is none of beginning, end, N, -N, s@MS")))
}

fn format(args: &Parsed) -> Result<Format, Failure> {
    let null_is_shown = args.has("null");
    if let Some(text) = args.get("format") {
        return Format::parse(text, null_is_shown).map_err(|what| args.usage(what));
    }
    let end = args.get("delimiter").unwrap_or("\\n");
    let end = crate::format::unescape(end).map_err(|what| args.usage(format!("--delimiter: {what}")))?;
    Ok(Format::of_delimiters(delimiter(args, "key-delimiter")?.as_deref(), &end, null_is_shown))
}

fn consumer(args: &Parsed) -> Result<Consumer, Failure> {
    let (bootstrap, settings) = (args.required("bootstrap")?, settings(args)?);
    let defaults = [
        ("bootstrap.servers", bootstrap),
        ("client.id", "kafka-cli"),
        ("default.api.timeout.ms", API_TIMEOUT_MS),
        // Where records are gone, the next ones that are there are nearer than the end.
        ("auto.offset.reset", "earliest"),
        // Reading makes no topics.
        ("allow.auto.create.topics", "false"),
    ];
    // Who ends at the end does not wait for more to come.
    let hurry = args.has("exit").then_some(("fetch.max.wait.ms", "10"));
    let mut all = defaults.iter().chain(&hurry).chain(&settings);
    let builder = all.try_fold(Consumer::builder(), |builder, (name, value)| builder.set(name, value));
    let builder = builder.map_err(|error| args.usage(error.to_string()))?;
    builder.build().map_err(|error| match error {
        kafka_std::Error::Config(error) => args.usage(error.to_string()),
        other => other.into(),
    })
}
