//! A benchmark of this client, with the command line that the other clients' benchmarks have too:
//!
//! `kafka-bench produce|consume|latency|e2e|idle TOPIC N SIZE none|lz4 all|1|0`
//!
//! Environment: `BROKER` (127.0.0.1:19092), `BATCH` in bytes (16384), `LINGER` in ms (5), `BUFFER` in bytes, which is
//! `buffer.memory` (33554432), `DATA` a file of payloads of `SIZE` bytes back to back (made up when absent), `RATE`
//! records per second for e2e (1000), `SEND` how records are sent (`window`: a delivery each, kept in a window; `all`: 64
//! per lock; `token`: a handler), `THREADS` (1).
//! Prints one line of JSON; CPU time is that of this process, user and system. With a codec, `codec_ns_rec` is the CPU time
//! of the compressor alone on the same batches, measured after it.

mod codec;
mod consume;
mod measure;
mod produce;

use std::process::ExitCode;
use std::time::Duration;

use kafka_std::{Producer, ProducerBuilder};

/// The command line.
pub struct Args {
    mode: String,
    topic: String,
    n: usize,
    size: usize,
    compression: String,
    acks: String,
}

impl Args {
    fn parse() -> Option<Args> {
        let mut args = std::env::args().skip(1);
        let args = Args {
            mode: args.next()?,
            topic: args.next()?,
            n: args.next()?.parse().ok()?,
            size: args.next()?.parse().ok()?,
            compression: args.next()?,
            acks: args.next()?,
        };
        Some(args)
    }
}

fn env(name: &str, default: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| default.to_owned())
}

fn env_number(name: &str, default: u64) -> u64 {
    env(name, "").parse().unwrap_or(default)
}

fn broker() -> String {
    env("BROKER", "127.0.0.1:19092")
}

/// A producer as the environment wants it; `linger` overrides `LINGER`.
fn producer(args: &Args, linger: Option<Duration>) -> Result<ProducerBuilder, kafka_std::Error> {
    let linger = linger.unwrap_or(Duration::from_millis(env_number("LINGER", 5)));
    let builder = Producer::builder()
        .bootstrap_servers(&broker())
        .linger(linger)
        .batch_size(u32::try_from(env_number("BATCH", 16_384)).unwrap_or(16_384));
    let buffer = env("BUFFER", "33554432");
    Ok(builder
        .set("compression.type", &args.compression)?
        .set("acks", &args.acks)?
        .set("buffer.memory", &buffer)?)
}

/// Payloads of `size` bytes back to back: from the file `DATA`, or made up, telemetry-like.
fn payloads(size: usize) -> Vec<u8> {
    if let Ok(bytes) = std::fs::read(env("DATA", "")) {
        return bytes;
    }
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
    (0..10_000).flat_map(one).collect()
}

fn main() -> ExitCode {
    let Some(args) = Args::parse() else {
        eprintln!("usage: kafka-bench produce|consume|latency|e2e|idle TOPIC N SIZE none|lz4 all|1|0");
        return ExitCode::from(2);
    };
    let done = match args.mode.as_str() {
        "produce" => produce::throughput(&args),
        "consume" => consume::throughput(&args),
        "e2e" => consume::end_to_end(&args),
        "latency" => produce::latency(&args),
        "idle" => produce::idle(&args),
        mode => {
            eprintln!("unknown mode {mode}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
