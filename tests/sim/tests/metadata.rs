//! Leaders and topics that change, and what clients do about it.

use kafka_broker::Release;
use kafka_client_core::config::{ClientConfig, ConsumerConfig};
use kafka_client_core::consumer::Notice;
use kafka_client_core::resources::ConsumerMemory;
use kafka_client_core::time::Duration;
use kafka_proto::ErrorCode;
use kafka_sim::scenario::*;
use kafka_sim::world::World;

/// With a backoff so long that a scenario shows whether it was spent.
const SLOW: ClientConfig<'static> = ClientConfig {
    retry_backoff: Duration::from_millis(2_000),
    retry_backoff_max: Duration::from_millis(4_000),
    ..ClientConfig::DEFAULT
};

/// Also where the answer does not say who leads now: before 3.7.
#[test]
fn a_consumer_finds_a_new_leader_without_a_backoff() {
    for release in [Release::V2_8, Release::V4_3] {
        let mut w = World::new(kafka_broker::Config { release, ..cluster(2, 1) }, 1, true);
        let config = quick_producer();
        let p = w.add_producer(quick_client(), config, memory(Memory::Owned, &config), &["t"]);
        let c = w.add_consumer(SLOW, ConsumerConfig::DEFAULT, ConsumerMemory::owned(), &[("t", 1)]);
        w.send(p, Some(0), 1);
        w.run_ms(10_000);
        assert_eq!(w.consumer(c).records, 1);
        let leader = w.cluster.partition("t", 0).map_or(0, |p| p.leader);
        assert!(w.cluster.set_leader("t", 0, 1 - leader));
        w.drain_cluster();
        w.send(p, Some(0), 1);
        w.run_ms(1_500);
        assert_eq!(w.consumer(c).records, 2, "{release:?}");
        w.assert_sound();
    }
}

/// A broker that asks for silence reads nothing meanwhile (KIP-219): what was sent all the same would time out. Also
/// where only metadata, ids and coordinators are asked for.
#[test]
fn every_answer_can_ask_for_silence() {
    let often = Duration::from_millis(7_000);
    let client = ClientConfig { metadata_max_age: often, max_in_flight: 1, ..quick_client() };
    let mut w = World::new(cluster(1, 1), 1, true);
    w.cluster.throttle(3_000);
    let config = quick_producer();
    w.add_producer(client, config, memory(Memory::Owned, &config), &["t"]);
    w.add_consumer(client, ConsumerConfig::DEFAULT, ConsumerMemory::owned(), &[("t", 1)]);
    w.run_ms(30_000);
    assert_eq!(w.connections_begun(), 3, "no answer was waited for in vain");
    w.assert_sound();
}

/// What was sent before the broker asked for silence is read after it, and is not late because of that.
#[test]
fn what_is_under_way_has_its_time_after_the_silence() {
    for kind in BOTH {
        let (mut w, p) = one_producer(kind, 1, 1);
        w.send(p, Some(0), 1);
        w.settle(p, 1_000);
        let begun = w.connections_begun();
        w.cluster.throttle(2_000);
        // Two batches, in two requests that go at the same time.
        let ids: Vec<_> = (0..2).map(|_| w.send_one(p, Some(0), 500)).collect();
        w.settle(p, 5_000);
        assert!(w.all_acked(p, &ids), "{kind:?}");
        assert_eq!(w.connections_begun(), begun, "{kind:?}: an answer was not waited for");
        w.assert_sound();
    }
}

/// Nothing to read is not the same as nothing that could be read.
#[test]
fn a_consumer_is_told_once_of_what_does_not_exist() {
    let mut w = World::new(cluster(1, 2), 1, true);
    let topics = [("t", 3), ("missing", 1)];
    let c = w.add_consumer(quick_client(), ConsumerConfig::DEFAULT, ConsumerMemory::owned(), &topics);
    w.run_ms(10_000);
    let unknown = Notice::Refused(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    let mut told = w.consumer(c).notices.clone();
    told.sort_by_key(|told| told.0);
    assert_eq!(told, [(0, 2, unknown), (1, 0, unknown)]);
    // It is read as soon as it is there, and told of again when it is gone again.
    assert!(w.cluster.grow_topic("t", 3));
    w.cluster.create_topic("missing", 1).expect("a legal name");
    let config = quick_producer();
    let p = w.add_producer(quick_client(), config, memory(Memory::Owned, &config), &["t"]);
    w.send(p, Some(2), 1);
    w.settle(p, 5_000);
    w.run_ms(3_000);
    assert_eq!((w.consumer(c).records, w.consumer(c).notices.len()), (1, 2));
    assert!(w.cluster.delete_topic("missing"));
    w.drain_cluster();
    w.run_ms(10_000);
    assert_eq!(w.consumer(c).notices[2..], [(1, 0, unknown)]);
    w.assert_sound();
}
