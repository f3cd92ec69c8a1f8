//! What a producer does beside sending: it counts, it begins again where its cluster went, it wakes after a day.

mod support;

use kafka_broker::{Action, Config, Release};
use kafka_client_core::config::{ClientConfig, ProducerConfig};
use kafka_client_core::metrics::ProducerMetrics;
use kafka_client_core::producer::{Delivery, Outcome, Producer};
use kafka_client_core::resources::{ProducerMemory, Resources};
use kafka_client_core::time::Duration;
use kafka_proto::record::NewRecord;
use kafka_proto::{ApiKey, ErrorCode};
use support::{Wire, collect};

const MINUTE: Duration = Duration::from_millis(60_000);

fn wire(config: Config) -> Wire<'static> {
    Wire::new(Config { topics: vec![("t".into(), 1)], ..config })
}

fn producer() -> Producer<'static> {
    let config = ProducerConfig::DEFAULT;
    let memory = ProducerMemory::owned(config.batch_size, false);
    Producer::new(ClientConfig::DEFAULT, config, [("localhost".into(), 9092)], memory).expect("a producer")
}

/// Sends a batch of `count` records of 100 bytes, which waits for 3 ms; what became of it.
fn batch(wire: &mut Wire<'static>, producer: &mut Producer<'static>, count: u32) -> Outcome {
    let mut told = Vec::new();
    let topic = producer.topic("t".into()).expect("a topic");
    assert!(wire.run_until(producer, MINUTE, collect(&mut told), |p| p.partitions(topic) > 0));
    for _ in 0..count {
        let record = NewRecord { value: Some(&[7; 100]), ..NewRecord::default() };
        producer.append(wire.now, topic, None, &record).expect("taken");
    }
    wire.now = wire.now + Duration(3_000);
    producer.flush(wire.now);
    assert!(wire.run_until(producer, MINUTE, collect(&mut told), |p| !p.unresolved()));
    let [Delivery { outcome, .. }] = told[..] else { panic!("{told:?}") };
    outcome
}

#[test]
fn metrics_count_what_happened() {
    let (mut wire, mut producer) = (wire(Config::default()), producer());
    assert_eq!(*producer.metrics(), ProducerMetrics::default());
    wire.cluster.inject(ApiKey::PRODUCE, Action::Delay(20_000));
    batch(&mut wire, &mut producer, 5);
    let first = *producer.metrics();
    assert_eq!((first.records_acked, first.records_failed, first.retries), (5, 0, 0));
    assert_eq!((first.batches, first.requests, first.throttle_ms), (1, 1, 0));
    assert!((500..700).contains(&first.batch_bytes) && first.sent_bytes == first.batch_bytes, "{first:?}");
    assert_eq!((first.queue_time.count(), first.request_latency.count()), (1, 1));
    assert_eq!((first.queue_time.mean_us(), first.request_latency.mean_us()), (3_000, 20_000));

    // Another attempt is another request with the same bytes.
    wire.cluster.inject(ApiKey::PRODUCE, Action::Error(ErrorCode::NOT_ENOUGH_REPLICAS));
    batch(&mut wire, &mut producer, 5);
    let second = *producer.metrics();
    assert_eq!((second.records_acked, second.batches, second.requests, second.retries), (10, 2, 3, 1));
    assert_eq!(second.sent_bytes, 3 * first.sent_bytes);
    assert_eq!((second.queue_time.count(), second.request_latency.count()), (2, 3));

    // What failed, and for how long the broker asked for silence.
    wire.cluster.throttle(300);
    wire.cluster.inject(ApiKey::PRODUCE, Action::Error(ErrorCode::TOPIC_AUTHORIZATION_FAILED));
    assert!(matches!(batch(&mut wire, &mut producer, 4), Outcome::NotWritten(_)));
    let third = *producer.metrics();
    assert_eq!((third.records_acked, third.records_failed, third.throttle_ms), (10, 4, 300));
    assert_eq!(producer.slots_in_use(), 0);
}

#[test]
fn a_cluster_that_says_so_is_begun_with_anew() {
    let (mut wire, mut producer) = (wire(Config { nodes: 3, ..Config::default() }), producer());
    assert!(matches!(batch(&mut wire, &mut producer, 1), Outcome::Acked { .. }));
    wire.cluster.inject(ApiKey::METADATA, Action::Error(ErrorCode::REBOOTSTRAP_REQUIRED));
    wire.now = wire.now + ClientConfig::DEFAULT.metadata_max_age;
    assert!(matches!(batch(&mut wire, &mut producer, 1), Outcome::Acked { .. }));
    assert_eq!(wire.cluster.clear_injections(), 0, "it was told so");
}

/// Who no longer leads says who does (KIP-951). Metadata, which older ones have to be asked for, takes ten seconds here.
#[test]
fn a_leader_that_moved_is_followed_by_its_hint() {
    for (release, at_once) in [(Release::V4_3, true), (Release::V2_8, false)] {
        let (mut wire, mut producer) = (wire(Config { nodes: 2, release, ..Config::default() }), producer());
        assert!(matches!(batch(&mut wire, &mut producer, 1), Outcome::Acked { .. }));
        let leader = wire.cluster.partition("t", 0).expect("a partition").leader;
        assert!(wire.cluster.set_leader("t", 0, 1 - leader));
        wire.cluster.inject_many(ApiKey::METADATA, None, 0, 100, Action::Delay(10_000_000));
        let begin = wire.now;
        let outcome = batch(&mut wire, &mut producer, 1);
        assert_eq!(outcome, Outcome::Acked { base_offset: Some(1), log_append_time: None });
        let took = wire.now.since(begin);
        assert_eq!(took < Duration::from_millis(2_000), at_once, "{release:?}: {took:?}");
    }
}

/// The broker has forgotten the producer meanwhile: some take its next sequence for the first, some refuse it.
#[test]
fn who_slept_a_day_goes_on_and_doubles_nothing() {
    const DAY: Duration = Duration::from_millis(24 * 3_600_000);
    for (release, sequences) in [(Release::V2_1, [0, 1, 0, 1, 0, 1]), (Release::V4_3, [0, 1, 2, 3, 4, 5])] {
        let (mut wire, mut producer) = (wire(Config { release, ..Config::default() }), producer());
        for day in 0..3 {
            let outcome = batch(&mut wire, &mut producer, 2);
            assert_eq!(outcome, Outcome::Acked { base_offset: Some(2 * day), log_append_time: None });
            wire.now = wire.now + DAY;
            wire.cluster.poll(wire.now.0);
            wire.cluster.expire_producers(DAY.0 - 60_000_000);
        }
        let log = wire.cluster.log("t", 0).expect("a log");
        let stored: Vec<i32> = log.iter().map(|record| record.sequence).collect();
        assert_eq!(stored, sequences, "{release:?}");
    }
}

/// A topic with batches that wait is in use, however soon others are idle.
#[test]
fn a_topic_that_is_idle_at_once_is_asked_for_while_it_is_written_to() {
    let config = ProducerConfig { metadata_max_idle: Duration::ZERO, ..ProducerConfig::DEFAULT };
    let memory = ProducerMemory::owned(config.batch_size, false);
    let mut producer =
        Producer::new(ClientConfig::DEFAULT, config, [("localhost".into(), 9092)], memory).expect("sound");
    let mut wire = wire(Config { release: Release::V2_8, ..Config::default() });
    assert!(matches!(batch(&mut wire, &mut producer, 1), Outcome::Acked { .. }));
    wire.cluster.inject_many(ApiKey::PRODUCE, None, 0, 3, Action::Error(ErrorCode::NOT_LEADER_OR_FOLLOWER));
    assert!(matches!(batch(&mut wire, &mut producer, 1), Outcome::Acked { .. }));
}

/// A lent frame that has no room for the names of the topics.
#[test]
fn a_metadata_request_without_room_is_no_reason_to_spin() {
    let name = "a-name-that-is-much-too-long-for-the-frames-that-were-lent-to-this-producer";
    let mut wire = Wire::new(Config::default());
    let config = ProducerConfig { batch_size: 512, ..ProducerConfig::DEFAULT };
    let mut resources: Resources<'_, 1, 3, 1, 1, 4, 512, 512, 96> = Resources::new();
    let bootstrap = [("localhost".into(), 9092)];
    let mut producer =
        Producer::new(ClientConfig::DEFAULT, config, bootstrap, resources.lend()).expect("a producer");
    producer.topic(name.into()).expect("room for the topic");
    assert!(!wire.run_until(&mut producer, MINUTE, |_, _| {}, |_| false));
}
