//! A benchmark of this client, with the command line that the other clients' benchmarks have too; `--help` explains it.
//! Prints one line of JSON; CPU time is that of this process, user and system. With a codec, `codec_ns_rec` is the CPU time
//! of the compressor alone on the same batches, measured after it.

mod codec;
mod consume;
mod measure;
mod produce;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use kafka_examples::args::{Failure, Parsed, Spec, exit};
use kafka_examples::nearest::nearest;
use kafka_std::{ConfigError, Error, Producer, ProducerBuilder};

const SPEC: Spec = Spec {
    name: "kafka-bench",
    about: "Measures this client against a broker, and prints one line of JSON.",
    operands: "MODE TOPIC N SIZE CODEC ACKS",
    operands_max: 6,
    options: &[],
    notes: "\
MODE is produce, consume, latency, e2e or idle; N records of SIZE bytes; CODEC is none, lz4, ...; ACKS is all, 1 or 0.

Environment, and what holds without it:
  BROKER   127.0.0.1:19092  where to connect
  BATCH    16384            batch.size in bytes
  LINGER   5                linger.ms
  BUFFER   33554432         buffer.memory in bytes
  DATA     (made up)        a file of payloads of SIZE bytes back to back
  RATE     1000             records per second in e2e
  SEND     window           how records are sent: window (a delivery each), all (64 per lock), token (a handler)
  THREADS  1                that send",
};

/// What measures.
type Mode = fn(&Args) -> Result<(), Error>;

const MODES: [(&str, Mode); 5] = [
    ("produce", produce::throughput),
    ("consume", consume::throughput),
    ("latency", produce::latency),
    ("e2e", consume::end_to_end),
    ("idle", produce::idle),
];

/// How the records of a thread are sent.
#[derive(Clone, Copy)]
enum Way {
    Window,
    All,
    Token,
}

/// The command line and the environment.
pub struct Args {
    topic: String,
    n: usize,
    size: usize,
    compression: String,
    acks: String,
    broker: String,
    batch: u32,
    linger: Duration,
    buffer: u64,
    rate: u32,
    way: Way,
    threads: usize,
    data: Option<PathBuf>,
}

impl Args {
    fn read(parsed: &Parsed) -> Result<(Mode, Args), Failure> {
        let mode = operand::<String>(parsed, 0, "MODE")?;
        let Some((_, run)) = MODES.iter().find(|(name, _)| *name == mode) else {
            let names = MODES.map(|(name, _)| name);
            let hint = nearest(&mode, names)
                .map_or(format!("there are {}", names.join(", ")), |near| format!("did you mean {near}?"));
            return Err(parsed.usage(format!("unknown mode {mode}; {hint}")));
        };
        let size = operand(parsed, 3, "SIZE")?;
        if size == 0 {
            return Err(parsed.usage("SIZE: a record has at least 1 byte here".into()));
        }
        let way = match variable(parsed, "SEND", "window".to_owned())?.as_str() {
            "window" => Way::Window,
            "all" => Way::All,
            "token" => Way::Token,
            other => return Err(parsed.usage(format!("SEND={other}: must be window, all or token"))),
        };
        let args = Args {
            topic: operand(parsed, 1, "TOPIC")?,
            n: operand(parsed, 2, "N")?,
            size,
            compression: operand(parsed, 4, "CODEC")?,
            acks: operand(parsed, 5, "ACKS")?,
            broker: variable(parsed, "BROKER", "127.0.0.1:19092".to_owned())?,
            batch: variable(parsed, "BATCH", 16_384)?,
            linger: Duration::from_millis(variable(parsed, "LINGER", 5)?),
            buffer: variable(parsed, "BUFFER", 33_554_432)?,
            rate: variable::<u32>(parsed, "RATE", 1000)?.max(1),
            way,
            threads: variable::<usize>(parsed, "THREADS", 1)?.max(1),
            data: std::env::var_os("DATA").filter(|path| !path.is_empty()).map(PathBuf::from),
        };
        Ok((*run, args))
    }

    /// Payloads of `size` bytes back to back. Only who sends them has them in memory.
    fn payloads(&self) -> Result<Vec<u8>, Error> {
        let Some(path) = &self.data else { return Ok(made_up(self.size)) };
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        let bytes = std::fs::read(path).map_err(named)?;
        match bytes.len() < self.size {
            true => Err(named(io::Error::other("shorter than a record")).into()),
            false => Ok(bytes),
        }
    }

    /// A producer as it was asked for, with this linger.
    fn producer(&self, linger: Duration) -> Result<ProducerBuilder, Error> {
        let builder = Producer::builder().bootstrap_servers(&self.broker).linger(linger);
        let builder = builder.batch_size(self.batch).buffer_memory(self.buffer);
        Ok(builder.set("compression.type", &self.compression)?.set("acks", &self.acks)?)
    }
}

/// The argument at `index`.
fn operand<T: FromStr>(parsed: &Parsed, index: usize, what: &str) -> Result<T, Failure> {
    let given = parsed.operands.get(index).ok_or_else(|| parsed.usage(format!("{what} is missing")))?;
    let value = given.to_str().and_then(|text| text.parse().ok());
    value.ok_or_else(|| parsed.usage(format!("{what}: \"{}\" is not a number that fits", given.display())))
}

/// A variable of the environment.
fn variable<T: FromStr>(parsed: &Parsed, name: &str, default: T) -> Result<T, Failure> {
    let Some(given) = std::env::var_os(name) else { return Ok(default) };
    let value = given.to_str().and_then(|text| text.parse().ok());
    value.ok_or_else(|| parsed.usage(format!("{name}={}: not a number that fits", given.display())))
}

/// Payloads of `size` bytes back to back, telemetry-like.
fn made_up(size: usize) -> Vec<u8> {
    let one = |i: usize| {
        let celsius = 15.0 + (i * 7919 % 2000) as f64 / 100.0;
        let mut text = format!(r#"{{"sensor":"s{:04}","seq":{i},"celsius":{celsius:.2},"ok":true"#, i % 997);
        while text.len() + 1 < size {
            text.push_str(&format!(r#","x{}":{}"#, text.len(), i * text.len() % 9973));
        }
        text.truncate(size.saturating_sub(1));
        text.push('}');
        text.into_bytes()
    };
    let count = (PAYLOADS_MAX / size).clamp(1, 10_000);
    (0..count).flat_map(one).collect()
}

/// Bytes of all payloads that are made up, unless one has more.
const PAYLOADS_MAX: usize = 16 << 20;

fn main() -> ExitCode {
    let result = SPEC.parse(std::env::args_os().skip(1)).and_then(|args| args.map_or(Ok(()), |a| run(&a)));
    exit(SPEC.name, result)
}

fn run(parsed: &Parsed) -> Result<(), Failure> {
    let (mode, args) = Args::read(parsed)?;
    mode(&args).map_err(|error| match error {
        Error::Config(error @ ConfigError::BadValue { .. }) => parsed.usage(error.to_string()),
        other => other.into(),
    })
}
