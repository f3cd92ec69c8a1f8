//! What the simulation found in this client, each as a scenario of its own.

use kafka_broker::{Action, Release};
use kafka_client_core::config::{Acks, ClientConfig, ConsumerConfig, OffsetReset, ProducerConfig};
use kafka_client_core::consumer::{Consumer, Notice, Start};
use kafka_client_core::resources::ConsumerMemory;
use kafka_client_core::time::{Duration, Instant};
use kafka_proto::record::Codec;
use kafka_proto::{ApiKey, ErrorCode};
use kafka_sim::checker::check;
use kafka_sim::link::Reach;
use kafka_sim::scenario::*;
use kafka_sim::world::World;

/// Before it knows a producer a broker accepts any sequence, so the second batch may not overtake the first.
#[test]
fn the_first_batch_of_an_epoch_is_alone_under_way() {
    for kind in BOTH {
        let (mut w, p) = one_producer(kind, 1, 1);
        w.cluster.inject(ApiKey::PRODUCE, Action::Error(ErrorCode::NOT_ENOUGH_REPLICAS));
        let ids: Vec<u64> = (0..5).map(|_| w.send_one(p, Some(0), 500)).collect();
        w.settle(p, 3_000);
        assert_eq!(w.logged("t", 0), ids, "{kind:?}");
        w.assert_sound();
    }
}

/// So also when brokers may have forgotten the producer: after it was idle, and after an attempt that failed, as when
/// an election loses what it wrote. Both times the first batch is refused, and the one behind would be accepted.
#[test]
fn the_first_batch_after_an_idle_time_or_a_failure_is_alone_under_way() {
    for kind in BOTH {
        for (idle_ms, refused) in [(15_000, 1), (100, 4)] {
            let (mut w, p) = one_producer(kind, 1, 1);
            let mut ids = w.send(p, Some(0), 1);
            w.settle(p, 1_000);
            w.run_ms(idle_ms);
            let error =
                if refused == 1 { ErrorCode::CORRUPT_MESSAGE } else { ErrorCode::NOT_ENOUGH_REPLICAS };
            w.cluster.inject_many(ApiKey::PRODUCE, None, 0, refused, Action::Error(error));
            if refused == 1 {
                w.cluster.expire_producers(0);
            }
            ids.extend((0..5).map(|_| w.send_one(p, Some(0), 500)));
            w.run_ms(50);
            w.cluster.expire_producers(0);
            w.settle(p, 5_000);
            assert_eq!(w.logged("t", 0), ids, "{kind:?}, idle for {idle_ms} ms");
            w.assert_sound();
        }
    }
}

/// And when the partition has another leader, of which metadata tells, or lost its leader for a moment: all that the
/// producer wrote may be lost by that, although no attempt failed.
#[test]
fn the_first_batch_after_an_election_is_alone_under_way() {
    for kind in BOTH {
        for nodes in [1, 2] {
            let client = ClientConfig { metadata_max_age: Duration::from_millis(200), ..quick_client() };
            let (mut w, p) = with_config(kind, nodes, 1, client, quick_producer());
            w.send(p, Some(0), 1);
            w.settle(p, 1_000);
            let leader = w.cluster.partition("t", 0).map_or(0, |p| p.leader);
            if nodes == 1 {
                w.cluster.kill_node(0);
                w.drain_cluster();
                w.run_ms(10);
                w.cluster.start_node(0);
            }
            assert!(w.cluster.unclean_election("t", 0, nodes - 1 - leader, 0));
            w.drain_cluster();
            w.run_ms(1_500);
            w.cluster.inject(ApiKey::PRODUCE, Action::Error(ErrorCode::CORRUPT_MESSAGE));
            let ids: Vec<_> = (0..5).map(|_| w.send_one(p, Some(0), 500)).collect();
            w.settle(p, 5_000);
            assert_eq!(w.logged("t", 0), ids, "{kind:?}, {nodes} nodes");
            w.assert_sound();
        }
    }
}

/// A leader that appended, waits for its replicas and loses the partition answers NOT_LEADER_OR_FOLLOWER.
#[test]
fn not_leader_may_follow_an_append() {
    for kind in BOTH {
        let config = kafka_broker::Config { replication_lag_us: 100_000, ..cluster(3, 1) };
        let mut w = World::new(config, 1, true);
        let config = quick_producer();
        let p = w.add_producer(quick_client(), config, memory(kind, &config), &["t"]);
        let mut ids = w.send(p, Some(0), 1);
        w.settle(p, 2_000);
        ids.extend(w.send(p, Some(0), 1));
        assert!(w.run_while(1_000, |w| w.logged("t", 0).len() < 2), "{kind:?}: it is appended");
        let leader = w.cluster.partition("t", 0).map_or(0, |p| p.leader);
        assert!(w.cluster.set_leader("t", 0, (leader + 1) % 3));
        w.drain_cluster();
        // The next attempt is refused for its sequence: nobody can tell any more, and it must not be sent anew.
        w.cluster.inject(ApiKey::PRODUCE, Action::Error(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER));
        w.settle(p, 5_000);
        assert!(not_written(w.outcome(p, ids[1])).is_none(), "{kind:?}");
        assert_eq!(w.logged("t", 0), ids, "{kind:?}: once");
        w.assert_sound();
    }
}

/// With acks=0 nothing is answered, so only the write itself shows that the connection is dead.
#[test]
fn a_write_that_makes_no_progress_is_given_up() {
    for kind in BOTH {
        let config = ProducerConfig { acks: Acks::None, idempotence: false, ..quick_producer() };
        let mut w = World::new(cluster(1, 1), 1, true);
        w.weather.window = 200;
        let p = w.add_producer(quick_client(), config, memory(kind, &config), &["t"]);
        w.send(p, Some(0), 1);
        w.settle(p, 1_000);
        w.make_silent(p);
        w.send_one(p, Some(0), 600);
        w.send_one(p, Some(0), 600);
        w.run_ms(5_000);
        let ids = w.send(p, Some(0), 2);
        w.settle(p, 2_000);
        w.run_ms(100);
        assert!(w.logged("t", 0).ends_with(&ids), "{kind:?}: a new connection is used");
        w.assert_sound();
    }
}

#[test]
fn nothing_is_opened_after_close() {
    let (mut w, p) = one_producer(Memory::Owned, 3, 3);
    w.send(p, None, 5);
    w.settle(p, 2_000);
    let c = w.add_consumer(quick_client(), ConsumerConfig::DEFAULT, ConsumerMemory::owned(), &[("t", 3)]);
    w.run_ms(500);
    w.consumer(c).consumer.close();
    w.pump(c);
    w.close(p);
    let begun = w.connections_begun();
    w.run_ms(60_000);
    assert!(w.consumer(c).consumer.is_closed());
    assert_eq!(w.connections_begun(), begun);
    w.assert_sound();
}

#[test]
fn a_throttled_client_waits_and_does_not_spin() {
    for kind in BOTH {
        let (mut w, p) = one_producer(kind, 1, 1);
        w.send(p, Some(0), 1);
        w.settle(p, 1_000);
        w.cluster.throttle(300);
        let ids = w.send(p, Some(0), 1);
        w.settle(p, 2_000);
        w.cluster.throttle(0);
        let before = w.now;
        let more = w.send(p, Some(0), 1);
        w.settle(p, 2_000);
        assert!(w.all_acked(p, &[ids, more].concat()), "{kind:?}");
        assert!(w.now - before > 100_000, "{kind:?}: it did not wait");
        w.run_ms(1_000);
        w.assert_sound();
    }
}

#[test]
fn all_brokers_in_backoff_is_no_reason_to_spin() {
    for kind in BOTH {
        let mut w = World::new(cluster(3, 1), 1, true);
        w.reach = vec![Reach::Refused; 3];
        let config = quick_producer();
        let p = w.add_producer(quick_client(), config, memory(kind, &config), &["t"]);
        w.run_ms(20_000);
        assert!(w.trace.events() < 2_000, "{kind:?}: {} events", w.trace.events());
        w.reach = vec![Reach::Open; 3];
        let ids = w.send(p, None, 2);
        w.settle(p, 5_000);
        assert!(w.all_acked(p, &ids), "{kind:?}");
        w.assert_sound();
    }
}

/// A topic nobody creates is asked for with a growing backoff.
#[test]
fn metadata_that_does_not_help_is_asked_for_less_and_less_often() {
    for kind in BOTH {
        let mut w = World::new(cluster(1, 1), 1, true);
        let config = quick_producer();
        w.add_producer(quick_client(), config, memory(kind, &config), &["missing"]);
        w.run_ms(60_000);
        let asked = w.wire.requests.get(&ApiKey::METADATA.0).copied().unwrap_or(0);
        assert!((50..90).contains(&asked), "{kind:?}: {asked} times in a minute");
        w.assert_sound();
    }
}

/// A slot for compression may be larger than the whole of `buffer.memory`.
#[test]
fn a_small_buffer_memory_holds_a_batch_also_with_compression() {
    let config =
        ProducerConfig { codec: Codec::Lz4, batch_size: 1024, buffer_memory: 2048, ..quick_producer() };
    let (mut w, p) = with_config(Memory::Owned, 1, 1, quick_client(), config);
    let mut ids = Vec::new();
    for round in 0..200 {
        ids.push(w.send_one(p, Some(0), 20 + round % 900));
    }
    w.settle(p, 5_000);
    assert_eq!(w.logged("t", 0), ids);
    w.close(p);
    w.assert_sound();
}

/// Records of two brokers, before and after a change of leader, come in order.
#[test]
fn records_come_in_order_when_the_leader_moves() {
    for seed in 0..40 {
        let mut w = World::new(cluster(3, 1), seed, true);
        w.weather.delay_us = (100, 8_000);
        let config = quick_producer();
        let p = w.add_producer(quick_client(), config, memory(Memory::Owned, &config), &["t"]);
        let fetch = ConsumerConfig { fetch_max_wait: Duration::from_millis(5), ..ConsumerConfig::DEFAULT };
        let c = w.add_consumer(quick_client(), fetch, ConsumerMemory::owned(), &[("t", 1)]);
        for round in 0..12 {
            for _ in 0..10 {
                w.send(p, Some(0), 2);
                w.run_ms(3);
            }
            w.cluster.set_leader("t", 0, round % 3);
            w.drain_cluster();
        }
        w.settle(p, 5_000);
        assert!(w.run_while(5_000, |w| w.history_polls() < 240), "{} of 240", w.consumer(c).records);
        w.read_logs();
        assert_eq!(check(&w.history), [], "seed {seed}");
        w.assert_sound();
    }
}

/// A broker fills its answer from the front: where that is reached, the last partitions must have their turn too.
#[test]
fn each_partition_has_its_turn_in_a_small_fetch() {
    let mut w = World::new(cluster(1, 6), 1, true);
    let config = quick_producer();
    let p = w.add_producer(quick_client(), config, memory(Memory::Owned, &config), &["t"]);
    for _ in 0..20 {
        for partition in 0..6 {
            w.send_one(p, Some(partition), 300);
        }
    }
    w.settle(p, 5_000);
    let fetch =
        ConsumerConfig { fetch_max_bytes: 1_000, partition_fetch_bytes: 1_000, ..ConsumerConfig::DEFAULT };
    let c = w.add_consumer(quick_client(), fetch, ConsumerMemory::owned(), &[("t", 6)]);
    assert!(w.run_while(5_000, |w| w.history_polls() < 40), "nothing is read");
    let lowest = (0..6).map(|partition| w.consumer(c).next.get(&(0, partition)).copied().unwrap_or(0)).min();
    assert!(lowest > Some(0), "a partition starves: {:?}", w.consumer(c).next);
    w.assert_sound();
}

/// B24, B28, B31: disconnects while offsets are looked up, a seek meanwhile, and batches that begin before the
/// position.
#[test]
fn positions_move_only_when_somebody_says_so() {
    let (mut w, p) = one_producer(Memory::Owned, 1, 1);
    w.send(p, Some(0), 30);
    w.settle(p, 2_000);
    let client = ClientConfig { seed: 3, ..quick_client() };
    let config = ConsumerConfig { offset_reset: OffsetReset::Earliest, ..ConsumerConfig::DEFAULT };
    w.cluster.inject(ApiKey::LIST_OFFSETS, Action::CloseAfter);
    w.cluster.inject(ApiKey::LIST_OFFSETS, Action::Delay(900_000));
    let c = w.add_consumer(client, config, ConsumerMemory::owned(), &[("t", 1)]);
    w.run_ms(300);
    // Still looking the offset up; the seek wins, and what it finds begins within a batch.
    let now = w.instant();
    let mut history = std::mem::take(&mut w.history);
    w.consumer(c).seek(now, &mut history, 0, 0, 17);
    w.history = history;
    w.pump(c);
    w.run_ms(2_000);
    assert_eq!(w.consumer(c).records, 13);
    w.read_logs();
    assert_eq!(check(&w.history), []);
    w.assert_sound();
}

/// A seed that finds it if the rule is taken away (`B11OvertakeUnknown`): a broker lost what it knew of the producer, and
/// took the batch behind first. Which seed that is changes with what the seeds decide.
#[test]
fn a_seed_in_which_a_batch_would_overtake_another() {
    let report = kafka_sim::run::run_seed(103, 360_000_000, false);
    assert!(report.violations.is_empty(), "{:?}", report.violations);
}

/// With fewer connections than brokers the idle one makes room at once, not when something else happens.
#[test]
fn an_idle_connection_makes_room_at_once() {
    let config = quick_producer();
    let mut w = World::new(cluster(5, 5), 1, true);
    let p = w.add_producer_at(quick_client(), config, memory(Memory::Lent, &config), &["t"], &["node0"]);
    for round in 0..2 {
        for partition in 0..5 {
            let id = w.send_one(p, Some(partition), 0);
            // No flush: nothing but the record itself may be needed.
            w.run_ms(100);
            assert!(w.all_acked(p, &[id]), "partition {partition}, round {round}");
            assert!(w.connections_of(p) <= 3);
        }
    }
    w.assert_sound();
}

/// Attempts are counted (`retries`), so none is spent on a broker that has just said that it is not the leader.
#[test]
fn who_does_not_lead_is_not_asked_again_before_metadata() {
    for kind in BOTH {
        let client = ClientConfig { retry_backoff: Duration::from_millis(10), ..quick_client() };
        let config = ProducerConfig { retries: 2, ..quick_producer() };
        // A release that answers without a hint where the leader is.
        let old = kafka_broker::Config { release: Release::V2_8, ..cluster(3, 3) };
        let mut w = World::new(old, 1, true);
        let p = w.add_producer_at(client, config, memory(kind, &config), &["t"], &["node0"]);
        // The metadata, which is slow, goes to node 0; node 1 answers at once.
        w.send(p, Some(0), 1);
        w.send(p, Some(1), 1);
        w.settle(p, 1_000);
        assert_eq!(w.cluster.partition("t", 1).map(|p| p.leader), Some(1));
        assert!(w.cluster.set_leader("t", 1, 2));
        w.drain_cluster();
        w.cluster.inject(ApiKey::METADATA, Action::Delay(900_000));
        let ids = w.send(p, Some(1), 3);
        w.settle(p, 3_000);
        assert!(w.all_acked(p, &ids), "{kind:?}");
        w.assert_sound();
    }
}

/// A partition waited in the list of a broker that died and never came back, although another one led it long since.
#[test]
fn a_leader_that_never_comes_back_is_not_waited_for() {
    for kind in BOTH {
        for node in 0..3 {
            let (mut w, p) = one_producer(kind, 3, 3);
            let mut ids = w.send(p, None, 12);
            w.settle(p, 2_000);
            let c =
                w.add_consumer(quick_client(), ConsumerConfig::DEFAULT, ConsumerMemory::owned(), &[("t", 3)]);
            w.run_ms(1_000);
            w.cluster.kill_node(node);
            w.drain_cluster();
            ids.extend((0..3).map(|n| w.send_one(p, Some(n), 0)));
            w.settle(p, 4_000);
            assert!(w.all_acked(p, &ids), "{kind:?} without node {node}");
            w.run_ms(4_000);
            assert_eq!(w.consumer(c).records, ids.len() as u64, "{kind:?} without node {node}");
            w.assert_sound();
        }
    }
}

/// An answer names a topic that was made anew meanwhile: what it says about the others counts.
#[test]
fn an_answer_about_a_topic_that_is_gone_loses_nothing_of_the_others() {
    let config =
        kafka_broker::Config { topics: vec![("t".to_owned(), 1), ("u".to_owned(), 1)], ..cluster(1, 1) };
    let mut w = World::new(config, 1, true);
    let config = quick_producer();
    let p = w.add_producer(quick_client(), config, memory(Memory::Owned, &config), &["t"]);
    let client = ClientConfig { metadata_max_age: Duration::from_millis(100), ..quick_client() };
    let c = w.add_consumer(client, ConsumerConfig::DEFAULT, ConsumerMemory::owned(), &[("t", 1), ("u", 1)]);
    // The first answer has the record in it, and is held back.
    w.cluster.inject(ApiKey::FETCH, Action::Delay(500_000));
    w.run_ms(100);
    let begun = w.connections_begun();
    w.send(p, Some(0), 1);
    w.run_ms(20);
    assert!(w.cluster.recreate_topic("u"));
    w.drain_cluster();
    assert!(w.run_while(5_000, |w| w.history_polls() < 1), "the record was never read");
    assert_eq!(w.connections_begun(), begun, "the answer was to what was asked");
    assert_eq!(w.consumer(c).records, 1);
    w.assert_sound();
}

/// A leader sends a consumer of another rack to a replica there, with no records, at once (KIP-392).
#[test]
fn a_consumer_with_a_rack_reads_all_the_same() {
    let config = kafka_broker::Config { racks: vec!["a".into(), "b".into()], ..cluster(2, 2) };
    let mut w = World::new(config, 1, true);
    let config = quick_producer();
    let p = w.add_producer(quick_client(), config, memory(Memory::Owned, &config), &["t"]);
    w.send(p, Some(0), 5);
    w.send(p, Some(1), 5);
    w.settle(p, 2_000);
    let fetch = ConsumerConfig { rack: "b", ..ConsumerConfig::DEFAULT };
    let c = w.add_consumer(quick_client(), fetch, ConsumerMemory::owned(), &[("t", 2)]);
    w.run_ms(3_000);
    assert_eq!(w.consumer(c).records, 10);
    let asked = w.wire.requests.get(&ApiKey::FETCH.0).copied().unwrap_or(0);
    assert!(asked < 50, "asked {asked} times");
    w.assert_sound();
}

/// That fewer records than "so many before the end" means all concerns the start, not what is lost days later.
#[test]
fn a_position_lost_after_a_start_from_the_end_is_reset_as_configured() {
    let (mut w, p) = one_producer(Memory::Owned, 2, 1);
    w.send(p, Some(0), 20);
    w.settle(p, 2_000);
    let config = ConsumerConfig { offset_reset: OffsetReset::None, ..ConsumerConfig::DEFAULT };
    let c = w.add_consumer(quick_client(), config, ConsumerMemory::owned(), &[("t", 0)]);
    let now = w.instant();
    let topic = w.consumer(c).topics[0].0;
    w.consumer(c).consumer.assign(now, topic, 0, Start::FromEnd(5)).expect("room");
    w.pump(c);
    w.run_ms(1_000);
    assert_eq!(w.consumer(c).records, 5);
    assert!(w.cluster.unclean_election("t", 0, 1, 10));
    w.drain_cluster();
    w.run_ms(5_000);
    assert_eq!(w.consumer(c).records, 5);
    assert_eq!(w.consumer(c).notices, [(0, 0, Notice::OutOfRange { position: 20 })]);
}

/// Before the cluster has told of a topic, its partitions are named one by one: each takes room of its own.
#[test]
fn partitions_can_be_assigned_one_by_one_before_metadata() {
    let bootstrap = [("node0".into(), 9092)];
    let config = ConsumerConfig::DEFAULT;
    let mut consumer =
        Consumer::new(quick_client(), config, bootstrap, ConsumerMemory::owned()).expect("sound");
    let topics = ["t", "u"].map(|name| consumer.topic(name.into()).expect("room"));
    for partition in 0..1000 {
        for topic in topics {
            let assigned = consumer.assign(Instant(0), topic, partition, Start::Earliest);
            assert_eq!(assigned, Ok(()), "partition {partition}");
        }
    }
}

/// A produce answer names a topic that was made anew meanwhile: what it says about the others counts, also where a batch
/// that is sent twice is written twice.
#[test]
fn an_acknowledgement_beside_a_topic_that_is_gone_counts() {
    let config =
        kafka_broker::Config { topics: vec![("t".to_owned(), 1), ("u".to_owned(), 1)], ..cluster(2, 1) };
    let mut w = World::new(config, 1, true);
    let client = ClientConfig { metadata_max_age: Duration::from_millis(100), ..quick_client() };
    let config = ProducerConfig { idempotence: false, ..quick_producer() };
    assert!(w.cluster.set_leader("t", 0, 0) && w.cluster.set_leader("u", 0, 0));
    // Metadata goes to the other node, whose answers are not held back.
    let p = w.add_producer_at(client, config, memory(Memory::Owned, &config), &["t", "u"], &["node1"]);
    w.send(p, Some(0), 1);
    w.settle(p, 1_000);
    w.cluster.inject(ApiKey::PRODUCE, Action::Delay(500_000));
    let now = w.instant();
    let mut history = std::mem::take(&mut w.history);
    let app = w.producer(p);
    let mut ids = [0; 2];
    for (topic, id) in ids.iter_mut().enumerate() {
        *id = app.next_id();
        app.send(now, &mut history, topic, Some(0), 0).expect("room");
    }
    w.history = history;
    w.pump(p);
    w.run_ms(20);
    assert_eq!(w.logged("u", 0).len(), 1);
    let begun = w.connections_begun();
    assert!(w.cluster.recreate_topic("t"));
    w.drain_cluster();
    w.settle(p, 5_000);
    assert_eq!(w.logged("u", 0), ids[1..], "once");
    // It was in the log of the one before, and the answer says so.
    assert_eq!(w.logged("t", 0), [], "not sent again");
    assert!(w.all_acked(p, &ids));
    assert_eq!(w.connections_begun(), begun, "the answer was to what was asked");
}
