//! Our transactions on real Kafka, seen by Apache's tools, by kcat and by our own consumer.

mod ours;

use std::sync::OnceLock;

use kafka_cluster::judge::{self, Entry, Isolation};
use kafka_cluster::{Kafka, Settings, Version, kcat, tools};
use kafka_std::Producer;
use kafka_std::error::TransactionError;
use kafka_std::producer::ConsumerGroup;

fn kafka() -> &'static Kafka {
    static KAFKA: OnceLock<Kafka> = OnceLock::new();
    KAFKA.get_or_init(|| Kafka::start(Settings::new(Version::V4_3)).expect("Kafka 4.3.1"))
}

fn transactional(kafka: &Kafka, id: &str) -> Producer {
    let producer = ours::producer(&kafka.bootstrap(), &[("transactional.id", id), ("linger.ms", "5")]);
    producer.init_transactions().unwrap();
    producer
}

/// Ten transactions of thirty records on three partitions, every third of them aborted; what was committed.
fn ten_transactions(kafka: &Kafka, topic: &str) -> Vec<Entry> {
    let producer = transactional(kafka, topic);
    let mut committed = Vec::new();
    for number in 0..10 {
        producer.begin_transaction().unwrap();
        let entries: Vec<Entry> =
            (30 * number..30 * number + 30).map(|index| judge::plain_one(index, 3)).collect();
        let written = ours::send_all(&producer, topic, &entries);
        if number % 3 == 1 {
            producer.abort_transaction().unwrap();
        } else {
            producer.commit_transaction().unwrap();
            committed.extend(written);
        }
    }
    committed
}

fn everybody_sees_what_was_committed(kafka: &Kafka) {
    let bootstrap = kafka.bootstrap();
    kafka.create_topic("ten", 3).unwrap();
    let committed = ten_transactions(kafka, "ten");
    assert_eq!(committed.len(), 210);
    let kcat = judge::kcat_read(&bootstrap, "ten", Isolation::ReadCommitted).unwrap();
    judge::assert_same(&committed, &kcat, "kcat");
    let apache = judge::console_read(&bootstrap, "ten", committed.len(), Isolation::ReadCommitted).unwrap();
    judge::assert_same(&committed, &apache, "the console consumer");
    let consumer = ours::consumer(&bootstrap, "ten", &[("isolation.level", "read_committed")]);
    let read = ours::read(&consumer, committed.len()).unwrap();
    judge::assert_same(&committed, &read, "our consumer");
    // The aborted ones are in the log all the same.
    let all = judge::kcat_read(&bootstrap, "ten", Isolation::ReadUncommitted).unwrap();
    assert_eq!(all.len(), 300);
}

#[test]
fn committed_records_are_seen_and_aborted_ones_are_not() {
    everybody_sees_what_was_committed(kafka());
}

#[test]
fn the_younger_producer_of_an_id_fences_the_older() {
    kafka().create_topic("fenced", 1).unwrap();
    let older = transactional(kafka(), "fenced");
    older.begin_transaction().unwrap();
    ours::send_all(&older, "fenced", &[judge::plain_one(0, 1)]);
    let younger = transactional(kafka(), "fenced");
    let error = older.commit_transaction().unwrap_err();
    assert!(matches!(error, TransactionError::Failed(_)), "{error:?}");
    younger.begin_transaction().unwrap();
    let written = ours::send_all(&younger, "fenced", &[judge::plain_one(1, 1)]);
    younger.commit_transaction().unwrap();
    let read = judge::kcat_read(&kafka().bootstrap(), "fenced", Isolation::ReadCommitted).unwrap();
    judge::assert_same(&written, &read, "kcat");
}

#[test]
fn librdkafka_with_the_same_id_fences_ours_and_ours_goes_on_after_it() {
    kafka().create_topic("shared", 1).unwrap();
    let ours = transactional(kafka(), "shared-id");
    ours.begin_transaction().unwrap();
    ours::send_all(&ours, "shared", &[judge::plain_one(0, 1)]);
    let id = ["-X", "transactional.id=shared-id"];
    kcat::produce(&kafka().bootstrap(), "shared", &id, b"theirs").unwrap();
    let error = ours.commit_transaction().unwrap_err();
    assert!(matches!(error, TransactionError::Failed(_)), "{error:?}");
    let next = transactional(kafka(), "shared-id");
    next.begin_transaction().unwrap();
    ours::send_all(&next, "shared", &[judge::plain_one(1, 1)]);
    next.commit_transaction().unwrap();
    let read = judge::kcat_read(&kafka().bootstrap(), "shared", Isolation::ReadCommitted).unwrap();
    let values: Vec<&[u8]> = read.iter().filter_map(|entry| entry.value.as_deref()).collect();
    assert_eq!(values, [&b"theirs"[..], b"record 1"]);
}

#[test]
fn offsets_of_a_group_are_committed_with_the_records() {
    kafka().create_topic("input", 2).unwrap();
    kafka().create_topic("output", 1).unwrap();
    let producer = transactional(kafka(), "copier");
    ours::send_all(&ours::producer(&kafka().bootstrap(), &[]), "input", &judge::plain(10, 2));
    let group = ConsumerGroup::new("copiers");
    for (offset, commit) in [(3, true), (5, false)] {
        producer.begin_transaction().unwrap();
        ours::send_all(&producer, "output", &[judge::plain_one(offset as usize, 1)]);
        producer.send_offsets(&group, &[("input", 0, offset), ("input", 1, offset - 1)]).unwrap();
        if commit { producer.commit_transaction().unwrap() } else { producer.abort_transaction().unwrap() }
    }
    let args = ["--describe", "--group", "copiers"];
    let table =
        tools::tool_at(tools::CONSUMER_GROUPS, &kafka().bootstrap(), &args, &[]).unwrap().stdout_text();
    let row = |partition: &str| -> Vec<String> {
        let rows = table.lines().map(|line| line.split_whitespace().map(String::from).collect::<Vec<_>>());
        rows.into_iter().find(|row| row.len() > 4 && row[1] == "input" && row[2] == partition).expect(&table)
    };
    // Group, topic, partition, where the group goes on, where the log ends.
    assert_eq!((row("0")[3].as_str(), row("1")[3].as_str()), ("3", "2"), "{table}");
}

#[test]
#[ignore = "other releases: cargo xtask test --all-brokers"]
fn older_releases_and_three_nodes_agree() {
    for version in [Version::V3_9, Version::V2_8, Version::V2_1] {
        everybody_sees_what_was_committed(&Kafka::start(Settings::new(version)).unwrap());
    }
    everybody_sees_what_was_committed(&Kafka::start(Settings::new(Version::V4_3).nodes(3)).unwrap());
}
