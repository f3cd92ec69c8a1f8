//! What we produce to real Kafka, read by kcat and by Apache's console consumer, byte for byte.

mod ours;

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use kafka_cluster::judge::{self, Entry, Isolation};
use kafka_cluster::{Kafka, Settings, Version};
use kafka_std::{ErrorCode, Record};

fn kafka() -> &'static Kafka {
    static KAFKA: OnceLock<Kafka> = OnceLock::new();
    KAFKA.get_or_init(|| Kafka::start(Settings::new(Version::V4_3)).expect("Kafka 4.3.1"))
}

/// Sends records that have everything, and lets both judges read them.
fn everything_arrives(kafka: &Kafka, topic: &str, settings: &[(&str, &str)]) {
    let bootstrap = kafka.bootstrap();
    kafka.create_topic(topic, 3).unwrap();
    let written = ours::send_all(&ours::producer(&bootstrap, settings), topic, &judge::mixed(500, 3));
    let kcat = judge::kcat_read(&bootstrap, topic, Isolation::ReadUncommitted).unwrap();
    judge::assert_same(&written, &kcat, "kcat");
    let apache = judge::console_read(&bootstrap, topic, kcat.len(), Isolation::ReadCommitted).unwrap();
    judge::assert_same(&written, &apache, "the console consumer");
}

#[test]
fn records_of_every_kind_arrive_uncompressed() {
    everything_arrives(kafka(), "kinds-none", &[]);
}

#[test]
fn records_of_every_kind_arrive_as_lz4() {
    everything_arrives(kafka(), "kinds-lz4", &[("compression.type", "lz4"), ("linger.ms", "20")]);
}

#[test]
fn one_record_ten_and_a_hundred_thousand_arrive() {
    let bootstrap = kafka().bootstrap();
    for (count, codec) in [(1, "none"), (10, "lz4"), (100_000, "none"), (100_000, "lz4")] {
        let topic = format!("count-{count}-{codec}");
        kafka().create_topic(&topic, 2).unwrap();
        let producer = ours::producer(&bootstrap, &[("compression.type", codec)]);
        let written = ours::send_all(&producer, &topic, &judge::plain(count, 2));
        let kcat = judge::kcat_read(&bootstrap, &topic, Isolation::ReadUncommitted).unwrap();
        judge::assert_same(&written, &kcat, "kcat");
    }
}

#[test]
fn each_kind_of_acknowledgement_writes() {
    let bootstrap = kafka().bootstrap();
    for acks in ["0", "1", "all"] {
        let topic = format!("acks-{acks}");
        kafka().create_topic(&topic, 1).unwrap();
        let producer = ours::producer(&bootstrap, &[("acks", acks), ("enable.idempotence", "false")]);
        let written = ours::send_all(&producer, &topic, &judge::plain(100, 1));
        assert_eq!(written[0].offset, if acks == "0" { -1 } else { 0 }, "acks={acks}");
        drop(producer);
        // Without acknowledgements only the broker knows when it has written.
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let kcat = judge::kcat_read(&bootstrap, &topic, Isolation::ReadUncommitted).unwrap();
            if kcat.len() >= written.len() || Instant::now() > deadline {
                judge::assert_same(&written, &kcat, "kcat");
                break;
            }
        }
    }
}

#[test]
fn a_broker_that_is_restarted_and_one_that_is_killed_lose_nothing() {
    // Not the shared one: the other tests go on.
    let kafka = Kafka::start(Settings::new(Version::V4_3)).unwrap();
    for (topic, codec) in [("restarted", "none"), ("killed", "lz4")] {
        kafka.create_topic(topic, 2).unwrap();
        let producer = ours::producer(&kafka.bootstrap(), &[("compression.type", codec)]);
        let ledger = ours::send_under(&producer, topic, 2, || {
            if topic == "killed" {
                kafka.kill(1);
                kafka.start_node(1).unwrap();
            } else {
                kafka.restart(1).unwrap();
            }
        });
        let log = judge::kcat_read(&kafka.bootstrap(), topic, Isolation::ReadUncommitted).unwrap();
        ledger.assert_kept(&log);
        assert!(ledger.acked() > ledger.len() * 9 / 10, "{topic}: {} of {}", ledger.acked(), ledger.len());
    }
}

#[test]
fn what_cannot_be_written_is_a_typed_error_in_time() {
    let bootstrap = kafka().bootstrap();
    let begin = Instant::now();
    let settings =
        [("delivery.timeout.ms", "3000"), ("request.timeout.ms", "1000"), ("max.block.ms", "3000")];
    let producer = ours::producer(&bootstrap, &settings);
    let error = producer.send(Record::to("nobody-made-this").value("x")).map(|d| d.wait()).unwrap_err();
    assert!(
        matches!(error, kafka_std::SendError::Unavailable(_) | kafka_std::SendError::Topic { .. }),
        "{error:?}"
    );
    // On a busy machine, too; unset, these limits are a minute and two.
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());

    kafka().create_topic_with("small", 1, 1, &[("max.message.bytes", "2000")]).unwrap();
    let large = Entry::of(0, None, Some(&[b'x'; 4000]));
    let error = ours::send(&producer, "small", &large).unwrap().wait().unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::MESSAGE_TOO_LARGE), "{error}");
    assert!(!error.may_be_written());
    let fine = ours::send_all(&producer, "small", &judge::plain(5, 1));
    judge::assert_same(
        &fine,
        &judge::kcat_read(&bootstrap, "small", Isolation::ReadUncommitted).unwrap(),
        "kcat",
    );
}

#[test]
#[ignore = "another release: cargo xtask test --all-brokers"]
fn records_of_every_kind_arrive_in_older_releases() {
    for version in [Version::V3_9, Version::V2_8, Version::V2_1] {
        let kafka = Kafka::start(Settings::new(version)).unwrap();
        everything_arrives(&kafka, "kinds", &[("compression.type", "lz4")]);
    }
}

#[test]
#[ignore = "three nodes: cargo xtask test --all-brokers"]
fn leaders_killed_in_turn_lose_nothing() {
    let kafka = Kafka::start(Settings::new(Version::V4_3).nodes(3)).unwrap();
    kafka.create_topic_with("chaos", 6, 3, &[("min.insync.replicas", "2")]).unwrap();
    let producer = ours::producer(&kafka.bootstrap(), &[("linger.ms", "5")]);
    let ledger = ours::send_under(&producer, "chaos", 6, || {
        for id in 1..=3 {
            kafka.kill(id);
            kafka.start_node(id).unwrap();
            kafka.wait_in_sync("chaos", 3).unwrap();
        }
    });
    let log = judge::kcat_read(&kafka.bootstrap(), "chaos", Isolation::ReadUncommitted).unwrap();
    ledger.assert_kept(&log);
    assert!(ledger.acked() > ledger.len() * 9 / 10, "{} of {}", ledger.acked(), ledger.len());
}
