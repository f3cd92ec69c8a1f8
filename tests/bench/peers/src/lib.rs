//! What the contestants have in common: the command line, the payloads, and how they are measured.
//!
//! `PEER produce|consume|latency|e2e|idle TOPIC N SIZE none|lz4 all|1|0`, with `BROKER`, `BATCH`, `LINGER`, `DATA` and
//! `RATE` in the environment, as kafka-bench has them; one line of JSON on standard output. A topic has three partitions.

#[path = "../../../../examples/src/bin/kafka-bench/measure.rs"]
mod measure;

use std::time::{Duration, Instant};

pub use measure::{Section, rss_kb};

/// Partitions of a topic.
pub const PARTITIONS: usize = 3;
/// Records before those whose latency counts.
pub const WARM_UP: usize = 200;

/// The command line.
#[derive(Clone, Debug)]
pub struct Args {
    /// `produce`, `consume`, `latency`, `e2e` or `idle`.
    pub mode: String,
    /// The topic.
    pub topic: String,
    /// Records.
    pub n: usize,
    /// Bytes of a record's value.
    pub size: usize,
    /// `none` or `lz4`.
    pub compression: String,
    /// `all`, `1` or `0`.
    pub acks: String,
}

impl Args {
    /// That of this process; it ends with 2 when that makes no sense.
    pub fn parse() -> Args {
        let args: Vec<String> = std::env::args().collect();
        let number = |i: usize| args.get(i).and_then(|text| text.parse().ok());
        let text = |i: usize| args.get(i).cloned().unwrap_or_default();
        let (Some(n), Some(size), true) = (number(3), number(4), args.len() == 7) else {
            eprintln!("usage: {} produce|consume|latency|e2e|idle TOPIC N SIZE none|lz4 all|1|0", text(0));
            std::process::exit(2);
        };
        Args { mode: text(1), topic: text(2), n, size, compression: text(5), acks: text(6) }
    }

    /// What a peer says to a mode that it does not have.
    pub fn unknown_mode(&self) -> ! {
        eprintln!("no mode {}", self.mode);
        std::process::exit(2);
    }
}

/// A variable of the environment.
pub fn env(name: &str, default: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| default.to_owned())
}

fn env_number(name: &str, default: u64) -> u64 {
    env(name, "").parse().unwrap_or(default)
}

/// Where the broker is.
pub fn broker() -> String {
    env("BROKER", "127.0.0.1:19092")
}

/// `batch.size`.
pub fn batch() -> usize {
    env_number("BATCH", 16_384) as usize
}

/// `linger.ms`.
pub fn linger() -> Duration {
    Duration::from_millis(env_number("LINGER", 5))
}

/// Values of `size` bytes, without end: those of the file `DATA`, over and over.
pub fn values(size: usize) -> impl Iterator<Item = &'static [u8]> + Clone {
    let bytes: &'static [u8] = match std::fs::read(env("DATA", "")) {
        Ok(bytes) if bytes.len() >= size => bytes.leak(),
        _ => vec![b'x'; size].leak(),
    };
    bytes.chunks_exact(size).cycle()
}

/// Calls `send` with values that begin with the time since `epoch`, `RATE` of them in a second.
pub fn at_rate(total: usize, size: usize, epoch: Instant, mut send: impl FnMut(&[u8])) {
    let period = Duration::from_secs(1) / u32::try_from(env_number("RATE", 1000)).unwrap_or(1000);
    let mut value = vec![b'x'; size.max(8)];
    let mut due = Instant::now();
    for _ in 0..total {
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let sent = epoch.elapsed().as_nanos() as u64;
        value[..8].copy_from_slice(&sent.to_le_bytes());
        send(&value);
        due += period;
    }
}

/// Collects the latencies of records that [`at_rate`] made.
#[derive(Debug)]
pub struct Arrivals {
    epoch: Instant,
    total: usize,
    seen: usize,
    latencies: Vec<Duration>,
}

impl Arrivals {
    /// For `total` records, of which the first [`WARM_UP`] do not count.
    pub fn new(epoch: Instant, total: usize) -> Arrivals {
        Arrivals { epoch, total, seen: 0, latencies: Vec::with_capacity(total) }
    }

    /// A record is in the hands of the application. True when it was the last.
    pub fn take(&mut self, value: &[u8]) -> bool {
        let now = self.epoch.elapsed();
        let sent = value.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        self.seen += 1;
        if self.seen > WARM_UP {
            self.latencies.push(now.saturating_sub(Duration::from_nanos(sent)));
        }
        self.seen >= self.total
    }

    /// The line of the result.
    pub fn report(self, section: &Section) {
        section.report_latencies(self.latencies);
    }
}

/// What a consumer does with each record: its length, and its first byte.
#[derive(Debug, Default)]
pub struct Touched {
    /// Records.
    pub n: usize,
    bytes: u64,
    x: u64,
}

impl Touched {
    /// Looks at a record's value.
    #[inline]
    pub fn value(&mut self, value: &[u8]) {
        self.n += 1;
        self.bytes += value.len() as u64;
        self.x += u64::from(value.first().copied().unwrap_or(0));
    }

    /// Both together.
    pub fn add(&mut self, other: &Touched) {
        self.n += other.n;
        self.bytes += other.bytes;
        self.x += other.x;
    }

    /// The line of the result.
    pub fn report(&self, section: &Section) {
        section.report(self.n, self.bytes, &format!(",\"x\":{}", self.x));
    }
}

/// The line of a producer's throughput.
pub fn report_produced(section: &Section, args: &Args, errors: usize) {
    section.report(args.n, (args.n * args.size) as u64, &format!(",\"errors\":{errors}"));
}

/// Rests, and says how much memory that takes.
pub fn report_idle() {
    std::thread::sleep(Duration::from_secs(3));
    println!("{{\"n\":1,\"idle_rss_kb\":{}}}", rss_kb());
}
