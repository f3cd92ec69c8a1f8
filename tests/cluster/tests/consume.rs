//! What Apache's console producer, kcat and we ourselves write to real Kafka, read by us, byte for byte.

mod ours;

use std::sync::OnceLock;
use std::time::Duration;

use kafka_cluster::judge::{self, Entry};
use kafka_cluster::{Kafka, Settings, Version, kcat};
use kafka_std::consumer::Start;

fn kafka() -> &'static Kafka {
    static KAFKA: OnceLock<Kafka> = OnceLock::new();
    KAFKA.get_or_init(|| Kafka::start(Settings::new(Version::V4_3)).expect("Kafka 4.3.1"))
}

/// Lines of text, as a console has them: nulls, empties, headers twice, letters beyond ASCII.
fn lines() -> Vec<Entry> {
    let mut lines = vec![
        Entry::of(0, Some(b"cpu"), Some(b"{\"v\":1}")),
        Entry::of(0, None, Some("Größe, 温度".as_bytes())),
        Entry::of(0, Some(b"deleted"), None),
        Entry::of(0, Some(b""), Some(b"")),
        Entry::of(0, Some(b"k"), Some(b"v")).header("h", Some(b"1")).header("h", Some(b"2")),
    ];
    lines.extend(judge::plain(2000, 1));
    lines
}

#[test]
fn what_the_console_producer_writes_is_read_or_refused_by_name() {
    let (bootstrap, sent) = (kafka().bootstrap(), lines());
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let topic = format!("console-{codec}");
        kafka().create_topic(&topic, 1).unwrap();
        judge::console_write(&bootstrap, &topic, codec, &sent).unwrap();
        match ours::read(&ours::consumer(&bootstrap, &topic, &[]), sent.len()) {
            Ok(read) => judge::assert_same(&sent, &read, "our consumer"),
            // Which codecs are built in is a matter of features; these two always are.
            Err(error) => {
                assert!(!["none", "lz4"].contains(&codec), "{codec}: {error}");
                assert!(error.to_string().contains(codec), "the error does not name {codec}: {error}");
            }
        }
    }
}

#[test]
fn what_kcat_writes_is_read() {
    let bootstrap = kafka().bootstrap();
    let all: Vec<u8> = (0..=255).collect();
    for codec in ["none", "lz4"] {
        let topic = format!("kcat-{codec}");
        kafka().create_topic(&topic, 3).unwrap();
        let sent: Vec<Entry> =
            (0..300).map(|i| Entry::of(i % 3, Some(&all[..1 + i as usize % 256]), Some(&all))).collect();
        judge::kcat_write(&bootstrap, &topic, codec, &sent).unwrap();
        let read = ours::read(&ours::consumer(&bootstrap, &topic, &[]), sent.len()).unwrap();
        judge::assert_same(&sent, &read, "our consumer");
    }
}

#[test]
fn what_we_write_we_read() {
    let bootstrap = kafka().bootstrap();
    kafka().create_topic("ours", 4).unwrap();
    let producer = ours::producer(&bootstrap, &[("compression.type", "lz4"), ("linger.ms", "10")]);
    let written = ours::send_all(&producer, "ours", &judge::mixed(5000, 4));
    let read = ours::read(&ours::consumer(&bootstrap, "ours", &[]), written.len()).unwrap();
    judge::assert_same(&written, &read, "our consumer");
}

#[test]
fn reading_begins_where_it_is_told_to() {
    let bootstrap = kafka().bootstrap();
    kafka().create_topic("places", 1).unwrap();
    let producer = ours::producer(&bootstrap, &[]);
    let first = ours::send_all(&producer, "places", &judge::plain(100, 1));
    let consumer = ours::consumer(&bootstrap, "places", &[]);
    judge::assert_same(&first, &ours::read(&consumer, 100).unwrap(), "from the earliest");
    consumer.assign("places", 0, Start::Offset(60)).unwrap();
    judge::assert_same(&first[60..], &ours::read(&consumer, 40).unwrap(), "from offset 60");

    consumer.assign("places", 0, Start::Latest).unwrap();
    // "Latest" is decided by the broker when it is asked: only then may the next records be sent.
    while consumer.position("places", 0).is_none() {
        assert!(consumer.poll(Duration::from_millis(50)).unwrap().is_empty());
    }
    let entry = |index: usize| judge::plain_one(index, 1);
    let second = ours::send_all(&producer, "places", &[entry(100), entry(101)]);
    judge::assert_same(&second, &ours::read(&consumer, 2).unwrap(), "from the latest");
}

#[test]
fn a_restarted_broker_costs_the_reader_nothing() {
    let kafka = Kafka::start(Settings::new(Version::V4_3)).unwrap();
    let bootstrap = kafka.bootstrap();
    kafka.create_topic("restarted", 2).unwrap();
    let producer = ours::producer(&bootstrap, &[]);
    let consumer = ours::consumer(&bootstrap, "restarted", &[]);
    let mut written = ours::send_all(&producer, "restarted", &judge::plain(1000, 2));
    let mut read = ours::read(&consumer, 1000).unwrap();
    kafka.restart(1).unwrap();
    let more: Vec<Entry> = (1000..2000).map(|index| judge::plain_one(index, 2)).collect();
    written.extend(ours::send_all(&producer, "restarted", &more));
    read.extend(ours::read(&consumer, 1000).unwrap());
    judge::assert_same(&written, &read, "our consumer");
}

#[test]
fn committed_transactions_are_read_and_markers_are_not() {
    let bootstrap = kafka().bootstrap();
    kafka().create_topic("transactions", 1).unwrap();
    for lines in ["a\nb", "c"] {
        let id = ["-X", "transactional.id=judge"];
        kcat::produce(&bootstrap, "transactions", &id, lines.as_bytes()).unwrap();
    }
    for isolation in ["read_committed", "read_uncommitted"] {
        let consumer = ours::consumer(&bootstrap, "transactions", &[("isolation.level", isolation)]);
        let read = ours::read(&consumer, 3).unwrap();
        let values: Vec<&[u8]> = read.iter().filter_map(|entry| entry.value.as_deref()).collect();
        assert_eq!(values, [b"a", b"b", b"c"], "{isolation}");
        // The marker of the first transaction took offset 2.
        assert_eq!(read[2].offset, 3);
    }
}

#[test]
#[ignore = "other releases: cargo xtask test --all-brokers"]
fn older_releases_are_read() {
    for version in [Version::V3_9, Version::V2_8, Version::V2_1] {
        let kafka = Kafka::start(Settings::new(version)).unwrap();
        kafka.create_topic("old", 1).unwrap();
        let sent = lines();
        judge::console_write(&kafka.bootstrap(), "old", "lz4", &sent).unwrap();
        let read = ours::read(&ours::consumer(&kafka.bootstrap(), "old", &[]), sent.len()).unwrap();
        judge::assert_same(&sent, &read, "our consumer");
    }
}
