//! The harness against real Kafka: before it judges our client, it has to agree with itself.

use std::sync::OnceLock;

use kafka_cluster::judge::{self, Entry, Isolation};
use kafka_cluster::{Kafka, Settings, Version, tools};

fn kafka() -> &'static Kafka {
    static KAFKA: OnceLock<Kafka> = OnceLock::new();
    KAFKA.get_or_init(|| {
        let settings = Settings::new(Version::V4_3).advertised("GUEST", "10.0.2.2");
        Kafka::start(settings).expect("Kafka 4.3.1")
    })
}

/// Text that is not ASCII, tabs, the separators of both tools, nulls, empties, headers twice.
fn lines() -> Vec<Entry> {
    vec![
        Entry::of(0, Some(b"cpu"), Some(b"{\"v\":1}")).at(0),
        Entry::of(0, None, Some("Größe, 温度".as_bytes())).at(1),
        Entry::of(0, Some(b"null"), None).at(2),
        Entry::of(0, Some(b""), Some(b"")).at(3),
        Entry::of(0, Some(b"a\tb:c=d"), Some(b"x\ty")).at(4).header("h", Some(b"1")).header("h", Some(b"2")),
        Entry::of(0, Some(b"k"), Some(b"v")).at(5).header("empty", Some(b"")),
    ]
}

#[test]
fn what_the_console_producer_writes_both_read_in_every_codec() {
    let (kafka, sent) = (kafka(), lines());
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let topic = format!("console-{codec}");
        kafka.create_topic(&topic, 1).unwrap();
        judge::console_write(&kafka.bootstrap(), &topic, codec, &sent).unwrap();
        let kcat = judge::kcat_read(&kafka.bootstrap(), &topic, Isolation::ReadUncommitted).unwrap();
        judge::assert_same(&sent, &kcat, "kcat");
        if codec != "zstd" {
            continue;
        }
        let apache =
            judge::console_read(&kafka.bootstrap(), &topic, sent.len(), Isolation::ReadCommitted).unwrap();
        judge::assert_same(&sent, &apache, "the console consumer");
        assert!(kcat.iter().zip(&apache).all(|(k, a)| k.timestamp == a.timestamp && a.timestamp > 0));
    }
}

#[test]
fn any_bytes_survive_kcat_and_the_console_consumer() {
    let kafka = kafka();
    kafka.create_topic("bytes", 2).unwrap();
    let all: Vec<u8> = (0..=255).collect();
    let mut sent: Vec<Entry> =
        (0..40).map(|i| Entry::of(i % 2, Some(&all[..i as usize + 1]), Some(&all))).collect();
    sent.push(Entry::of(1, None, Some(b"\n\r\n~F0~ \x00")));
    judge::kcat_write(&kafka.bootstrap(), "bytes", "lz4", &sent).unwrap();
    let kcat = judge::kcat_read(&kafka.bootstrap(), "bytes", Isolation::ReadCommitted).unwrap();
    judge::assert_same(&sent, &kcat, "kcat");
    let apache =
        judge::console_read(&kafka.bootstrap(), "bytes", sent.len(), Isolation::ReadUncommitted).unwrap();
    judge::assert_same(&sent, &apache, "the console consumer");
    assert_eq!(tools::end_offsets(&kafka.bootstrap(), "bytes").unwrap(), [(0, 20), (1, 21)]);
}

#[test]
fn a_guest_is_told_the_address_it_can_reach() {
    let address = kafka().bootstrap_of("GUEST");
    assert!(address.starts_with("10.0.2.2:"), "{address}");
    let port = address.rsplit(':').next().unwrap();
    let listed = kafka_cluster::kcat::kcat(&format!("127.0.0.1:{port}"), &["-L"], &[]).unwrap();
    assert!(listed.stdout_text().contains(&address), "{}", listed.stdout_text());
}

#[test]
fn an_unknown_topic_is_not_created() {
    let read = judge::kcat_read(&kafka().bootstrap(), "nowhere", Isolation::ReadUncommitted);
    assert!(read.is_err(), "{read:?}");
}
