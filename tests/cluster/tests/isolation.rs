//! What `read_committed` readers see of our transactions when those overlap, stand beside plain records, are aborted, or
//! run into their timeout: exactly what was committed.

mod ours;

use std::time::{Duration, Instant};

use kafka_cluster::judge::{Entry, Isolation, assert_same, console_read, kcat_read};
use kafka_cluster::{Kafka, Settings, Version};
use kafka_std::Producer;
use kafka_std::error::TransactionError;

const PARTITIONS: u32 = 2;

fn judged(version: Version) {
    // The coordinator looks for transactions that took too long every ten seconds, unless it is told to hurry.
    let hurry = ("transaction.abort.timed.out.transaction.cleanup.interval.ms", "500");
    let kafka = Kafka::start(Settings::new(version).property(hurry.0, hurry.1)).unwrap();
    transactions_that_overlap(&kafka);
    a_transaction_that_takes_too_long(&kafka);
}

#[test]
fn with_kafka_4_3() {
    judged(Version::V4_3);
}

#[test]
#[ignore = "another release: cargo xtask test --all-brokers"]
fn with_kafka_3_9() {
    judged(Version::V3_9);
}

#[test]
#[ignore = "another release: cargo xtask test --all-brokers"]
fn with_kafka_2_8() {
    judged(Version::V2_8);
}

#[test]
#[ignore = "another release: cargo xtask test --all-brokers"]
fn with_kafka_2_1() {
    judged(Version::V2_1);
}

/// A transactional producer, and what it wrote in the transaction that is open.
struct Writer {
    producer: Producer,
    open: Option<Vec<Entry>>,
}

impl Writer {
    fn new(kafka: &Kafka, id: &str, settings: &[(&str, &str)]) -> Writer {
        let all = [&[("transactional.id", id), ("linger.ms", "0")], settings].concat();
        let producer = ours::producer(&kafka.bootstrap(), &all);
        producer.init_transactions().unwrap();
        Writer { producer, open: None }
    }

    fn write(&mut self, topic: &str, entries: &[Entry]) {
        let open = self.open.get_or_insert_with(|| {
            self.producer.begin_transaction().unwrap();
            Vec::new()
        });
        open.extend(ours::send_all(&self.producer, topic, entries));
    }

    /// Ends the transaction; what became visible by that.
    fn end(&mut self, commit: bool) -> Vec<Entry> {
        match self.open.take() {
            Some(written) if commit => {
                self.producer.commit_transaction().unwrap();
                written
            }
            Some(_) => {
                self.producer.abort_transaction().unwrap();
                Vec::new()
            }
            None => Vec::new(),
        }
    }
}

/// Values that nobody else has.
fn next(count: &mut usize, records: usize) -> Vec<Entry> {
    let from = *count;
    *count += records;
    (from..*count).map(|index| kafka_cluster::judge::plain_one(index, PARTITIONS as i32)).collect()
}

fn everybody_reads(kafka: &Kafka, topic: &str, mut visible: Vec<Entry>) {
    let (bootstrap, isolation) = (kafka.bootstrap(), Isolation::ReadCommitted);
    visible.sort_by_key(|entry| (entry.partition, entry.offset));
    assert_same(&visible, &kcat_read(&bootstrap, topic, isolation).unwrap(), "kcat");
    // The last record of each partition is visible, so one that should not be would take the place of one that should.
    let apache = console_read(&bootstrap, topic, visible.len(), isolation).unwrap();
    assert_same(&visible, &apache, "the console consumer");
    let consumer = ours::consumer(&bootstrap, topic, &[("isolation.level", "read_committed")]);
    assert_same(&visible, &ours::read(&consumer, visible.len()).unwrap(), "our consumer");
}

fn transactions_that_overlap(kafka: &Kafka) {
    let topic = "overlapping";
    kafka.create_topic(topic, PARTITIONS).unwrap();
    let mut writers = ["one", "two", "three"].map(|id| Writer::new(kafka, id, &[]));
    let plain = ours::producer(&kafka.bootstrap(), &[("linger.ms", "0")]);
    let (mut visible, mut count, mut dice) = (Vec::new(), 0, 12_345_u64);
    for _ in 0..120 {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (who, what) = (dice >> 33 & 3, dice >> 40 & 7);
        let records = next(&mut count, 1 + (dice >> 50 & 7) as usize);
        match writers.get_mut(who as usize) {
            None => visible.extend(ours::send_all(&plain, topic, &records)),
            Some(writer) if what < 5 => writer.write(topic, &records),
            Some(writer) => visible.extend(writer.end(what < 7)),
        }
    }
    writers.iter_mut().for_each(|writer| visible.extend(writer.end(true)));
    visible.extend(ours::send_all(&plain, topic, &next(&mut count, PARTITIONS as usize)));
    let all = kcat_read(&kafka.bootstrap(), topic, Isolation::ReadUncommitted).unwrap();
    assert!(visible.len() > 100 && all.len() > visible.len() + 20, "{} of {}", visible.len(), all.len());
    everybody_reads(kafka, topic, visible);
}

fn a_transaction_that_takes_too_long(kafka: &Kafka) {
    let topic = "timed-out";
    kafka.create_topic(topic, PARTITIONS).unwrap();
    let (mut visible, mut count) = (Vec::new(), 0);
    let mut slow = Writer::new(kafka, "slow", &[("transaction.timeout.ms", "2000")]);
    slow.write(topic, &next(&mut count, 4));
    visible.extend(slow.end(true));
    slow.write(topic, &next(&mut count, 4));
    let plain = ours::producer(&kafka.bootstrap(), &[]);
    visible.extend(ours::send_all(&plain, topic, &next(&mut count, 2)));
    // What was written behind an open transaction can be seen when that has ended: the coordinator lost its patience.
    let deadline = Instant::now() + Duration::from_secs(60);
    while kcat_read(&kafka.bootstrap(), topic, Isolation::ReadCommitted).unwrap().len() < visible.len() {
        assert!(Instant::now() < deadline, "the transaction is not ended by the coordinator");
    }
    let error = slow.producer.commit_transaction().expect_err("it was aborted long ago");
    eprintln!("a commit that comes too late: {error}");
    match error {
        TransactionError::MustAbort(_) => slow.producer.abort_transaction().unwrap(),
        TransactionError::Failed(_) => slow = Writer::new(kafka, "slow", &[]),
        other => panic!("{other:?}"),
    }
    slow.open = None;
    slow.write(topic, &next(&mut count, 4));
    visible.extend(slow.end(true));
    everybody_reads(kafka, topic, visible);
}
