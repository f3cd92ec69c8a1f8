//! What the producer was asked for and told, and what our consumer read, as a history.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use kafka_cluster::judge;
use kafka_sim::history::{Entry, History, What};
use kafka_sim::record::{digest, identify};
use kafka_std::consumer::{Consumer, Start};
use kafka_std::producer::DeliveryResult;

/// The topic's number in the history: it has only one.
const TOPIC: u16 = 0;
/// A record waits for room (`max.block.ms`), then for its outcome (`delivery.timeout.ms`), and on a busy machine somewhat
/// longer for whoever notes it.
const TIMEOUT_US: u64 = (60 + 120 + 10) * 1_000_000;
/// How long our consumer may still need when all is well again.
const PATIENCE: Duration = Duration::from_secs(60);

/// How many records had which outcome.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub acked: u64,
    pub not_written: u64,
    pub indeterminate: u64,
}

impl Tally {
    pub fn resolved(&self) -> u64 {
        self.acked + self.not_written + self.indeterminate
    }
}

/// The records that were sent; their ids are their places here.
#[derive(Default)]
pub struct Sends(Vec<(u64, i32, u64)>);

impl Sends {
    pub fn len(&self) -> u64 {
        self.0.len() as u64
    }

    pub fn note(&mut self, at: u64, partition: i32, value: &[u8]) {
        self.0.push((at, partition, digest(None, Some(value))));
    }
}

#[derive(Default)]
struct Told {
    tally: Tally,
    /// When, and what.
    all: Vec<(u64, What)>,
}

impl Told {
    fn note(&mut self, at: u64, what: What) {
        let count = match what {
            What::Acked { .. } => &mut self.tally.acked,
            What::NotWritten { .. } => &mut self.tally.not_written,
            _ => &mut self.tally.indeterminate,
        };
        *count += 1;
        self.all.push((at, what));
    }
}

/// What was told, and the clock for everything.
#[derive(Clone)]
pub struct Books {
    begin: Instant,
    told: Arc<Mutex<Told>>,
}

impl Books {
    pub fn new() -> Books {
        Books { begin: Instant::now(), told: Arc::default() }
    }

    /// Microseconds since the beginning.
    pub fn now(&self) -> u64 {
        self.begin.elapsed().as_micros() as u64
    }

    pub fn tally(&self) -> Tally {
        self.told.lock().unwrap().tally
    }

    /// For the producer: notes what became of the record whose id is the token.
    pub fn listener(&self) -> impl Fn(u64, &DeliveryResult) + Send + Sync + 'static {
        let books = self.clone();
        move |id, result| {
            let what = match result {
                Ok(written) => What::Acked { id, offset: written.offset() },
                Err(error) if error.may_be_written() => {
                    What::Indeterminate { id, why: format!("{:?}", error.cause()) }
                }
                Err(error) => What::NotWritten { id, why: format!("{:?}", error.cause()) },
            };
            let at = books.now();
            books.told.lock().unwrap().note(at, what);
        }
    }

    /// The producer did not take the record.
    pub fn refused(&self, id: u64, error: &kafka_std::SendError) {
        eprintln!("record {id} was refused: {error}");
        let at = self.now();
        self.told.lock().unwrap().note(at, What::NotWritten { id, why: "refused".into() });
    }

    /// All of it, with what is in the log in the end.
    pub fn history(&self, topic: &str, sends: Sends, polls: &[Entry], log: &[judge::Entry]) -> History {
        let mut history = History::default();
        let (producer, _consumer) = (history.participant("p0"), history.participant("c0"));
        let observer = history.participant("--");
        assert_eq!(history.topic(topic), TOPIC);
        let is = What::Is { exactly_once: true, durable: true, timeout_us: TIMEOUT_US };
        history.push(0, producer, is);
        for (id, (at, partition, digest)) in (0..).zip(sends.0) {
            history.push(at, producer, What::Send { place: (TOPIC, partition), id, digest, op: 0 });
        }
        for (at, what) in std::mem::take(&mut self.told.lock().unwrap().all) {
            history.push(at, producer, what);
        }
        history.entries.extend_from_slice(polls);
        // Stable: what happened at one time stays in the order of the calls.
        history.entries.sort_by_key(|entry| entry.at);
        let end = self.now();
        for entry in log {
            let (id, digest) = read(entry.key.as_deref(), entry.value.as_deref());
            let place = (TOPIC, entry.partition);
            history.push(
                end,
                observer,
                What::Log { place, offset: entry.offset, id, digest, committed: true },
            );
        }
        history
    }
}

/// A record's id and digest; an id that nobody has for one that is none of ours.
fn read(key: Option<&[u8]>, value: Option<&[u8]>) -> (u64, u64) {
    let id = value.and_then(identify).map_or(u64::MAX, |(id, _)| id);
    (id, digest(key, value))
}

/// Our consumer, reading while all this happens.
pub struct Reader {
    /// How many records there are: known in the end.
    expected: Arc<AtomicUsize>,
    thread: JoinHandle<Vec<Entry>>,
}

impl Reader {
    pub fn start(bootstrap: &str, topic: &'static str, books: &Books) -> Reader {
        let expected = Arc::new(AtomicUsize::new(usize::MAX));
        let consumer = Consumer::builder().bootstrap_servers(bootstrap).build().unwrap();
        let partitions = consumer.assign_all(topic, Start::Earliest).unwrap();
        let (end, books) = (expected.clone(), books.clone());
        let thread = std::thread::spawn(move || poll(&consumer, partitions, &end, &books));
        Reader { expected, thread }
    }

    /// Lets it come to the end of `count` records; what it was given.
    pub fn finish(self, count: usize) -> Vec<Entry> {
        self.expected.store(count, Ordering::Relaxed);
        self.thread.join().expect("our consumer")
    }
}

fn poll(consumer: &Consumer, partitions: u32, expected: &AtomicUsize, books: &Books) -> Vec<Entry> {
    // The second participant of the history.
    let who = 1;
    let mut entries = vec![Entry { at: 0, who, what: What::ReadsAll }];
    entries.extend((0..partitions as i32).map(|partition| {
        let what = What::Event { place: (TOPIC, partition), offset: 0 };
        Entry { at: 0, who, what }
    }));
    let (mut given, mut op, mut deadline) = (0, 0, None);
    loop {
        let count = expected.load(Ordering::Relaxed);
        if given >= count {
            return entries;
        }
        if count != usize::MAX && Instant::now() > *deadline.get_or_insert(Instant::now() + PATIENCE) {
            panic!("{given} of {count} records read, and no more come: {:?}", consumer.troubles());
        }
        op += 1;
        let records = consumer.poll(Duration::from_millis(200)).expect("records");
        let at = books.now();
        let each = records.for_each(|_, partition, record| {
            let (id, digest) = read(record.key, record.value);
            let what = What::Poll { place: (TOPIC, partition), offset: record.offset, id, digest, op };
            entries.push(Entry { at, who, what });
            given += 1;
        });
        each.expect("records that can be read");
    }
}
