//! How records that are not simply acknowledged end: what is told of them, and when.

use kafka_broker::Action;
use kafka_client_core::config::{Acks, ProducerConfig};
use kafka_client_core::producer::{AppendError, SendError};
use kafka_client_core::time::Duration;
use kafka_proto::{ApiKey, ErrorCode};
use kafka_sim::scenario::*;
use kafka_sim::world::World;

#[test]
fn what_was_never_sent_times_out_as_not_written() {
    for kind in BOTH {
        let (mut w, p) = one_producer(kind, 1, 1);
        w.send(p, Some(0), 1);
        w.settle(p, 1_000);
        w.cluster.kill_node(0);
        w.drain_cluster();
        w.run_ms(100);
        let id = w.send_one(p, Some(0), 0);
        let sent = w.now;
        w.settle(p, 6_100);
        assert_eq!(not_written(w.outcome(p, id)), Some(SendError::TimedOut), "{kind:?}");
        let took = w.producer(p).told[&id].at - sent;
        assert!((6_000_000..6_010_000).contains(&took), "{kind:?}: after {took} us");
        w.cluster.start_node(0);
        let ids = w.send(p, Some(0), 3);
        w.settle(p, 5_000);
        assert!(w.all_acked(p, &ids), "{kind:?}");
        assert_eq!(w.logged("t", 0).len(), 4);
        w.assert_sound();
    }
}

#[test]
fn what_was_sent_and_never_answered_is_indeterminate() {
    for kind in BOTH {
        let (mut w, p) = one_producer(kind, 1, 1);
        w.cluster.inject_many(ApiKey::PRODUCE, None, 0, 100, Action::Swallow);
        let ids = w.send(p, Some(0), 2);
        w.settle(p, 6_500);
        for id in &ids {
            assert_eq!(indeterminate(w.outcome(p, *id)), Some(SendError::TimedOut), "{kind:?}");
        }
        assert_eq!(w.logged("t", 0), ids, "{kind:?}: at most once");
        w.cluster.clear_injections();
        let after = w.send(p, Some(0), 3);
        w.settle(p, 5_000);
        assert!(w.all_acked(p, &after), "{kind:?}");
        assert_eq!(w.logged("t", 0), [ids, after].concat(), "{kind:?}");
        w.close(p);
        w.assert_sound();
    }
}

#[test]
fn an_oversize_record_is_refused_or_gets_its_own_buffer() {
    let (mut w, p) = one_producer(Memory::Lent, 1, 1);
    w.send(p, Some(0), 1);
    assert!(matches!(w.try_send(p, 0, Some(0), 1000), Err(AppendError::TooLarge { max: 1024, .. })));
    w.settle(p, 1_000);
    let (mut w, p) = one_producer(Memory::Owned, 1, 1);
    w.send(p, Some(0), 1);
    let large = w.send_one(p, Some(0), 3_000);
    w.send(p, Some(0), 1);
    w.settle(p, 1_000);
    assert!(w.all_acked(p, &[large]));
    assert_eq!(w.logged("t", 0).len(), 3);
    assert!(matches!(
        w.try_send(p, 0, Some(0), 2_000_000),
        Err(AppendError::TooLarge { max: 1_048_576, .. })
    ));
    w.close(p);
    w.assert_sound();
}

#[test]
fn message_too_large_is_not_written() {
    for kind in BOTH {
        let mut w = World::new(kafka_broker::Config { max_message_bytes: 1024, ..cluster(1, 1) }, 1, true);
        let config = ProducerConfig { batch_size: 2048, buffer_memory: 16 * 1024, ..quick_producer() };
        let p = w.add_producer(quick_client(), config, memory(kind, &config), &["t"]);
        w.cluster.inject(ApiKey::PRODUCE, Action::Error(ErrorCode::RECORD_LIST_TOO_LARGE));
        let id = w.send_one(p, Some(0), 0);
        w.settle(p, 1_000);
        let expected = Some(SendError::Broker(ErrorCode::RECORD_LIST_TOO_LARGE));
        assert_eq!(not_written(w.outcome(p, id)), expected, "{kind:?}");
        let ids = w.send(p, Some(0), 3);
        w.settle(p, 2_000);
        assert_eq!(w.logged("t", 0), ids, "{kind:?}");
        assert!(w.all_acked(p, &ids));
        w.assert_sound();
    }
}

#[test]
fn an_unknown_topic_is_waited_for_and_a_missing_one_never_blocks_the_rest() {
    for kind in BOTH {
        let mut w = World::new(cluster(1, 1), 1, true);
        let config = quick_producer();
        let p = w.add_producer(quick_client(), config, memory(kind, &config), &["later", "t"]);
        w.run_ms(200);
        assert!(matches!(
            w.try_send(p, 0, None, 0),
            Err(AppendError::NoMetadata { last: ErrorCode::UNKNOWN_TOPIC_OR_PARTITION })
        ));
        w.try_send(p, 1, None, 0).expect("the other topic is known");
        w.settle(p, 1_000);
        w.cluster.create_topic("later", 2).expect("created");
        w.run_ms(3_000);
        w.try_send(p, 0, Some(1), 0).expect("it is known now");
        assert_eq!(w.try_send(p, 0, Some(2), 0), Err(AppendError::NoSuchPartition { partitions: 2 }));
        w.settle(p, 1_000);
        assert_eq!(w.logged("later", 1).len(), 1);
        w.assert_sound();
    }
}

#[test]
fn abort_resolves_everything_at_once() {
    for kind in BOTH {
        let (mut w, p) = one_producer(kind, 1, 1);
        w.send(p, Some(0), 1);
        w.settle(p, 1_000);
        w.cluster.inject(ApiKey::PRODUCE, Action::Delay(3_000_000));
        let sent = w.send_one(p, Some(0), 0);
        w.run_ms(50);
        let unsent = w.send_one(p, Some(0), 0);
        w.producer(p).producer.abort();
        w.pump(p);
        assert_eq!(indeterminate(w.outcome(p, sent)), Some(SendError::Closed), "{kind:?}");
        assert_eq!(not_written(w.outcome(p, unsent)), Some(SendError::Closed), "{kind:?}");
        w.close(p);
        assert_eq!(w.try_send(p, 0, Some(0), 0), Err(AppendError::Closed));
        w.assert_sound();
    }
}

/// What waits for a producer id that will not come does not wait for its delivery timeout.
#[test]
fn a_producer_that_is_refused_says_so_at_once() {
    for kind in BOTH {
        let mut w = World::new(cluster(1, 1), 1, true);
        let refusal = ErrorCode::CLUSTER_AUTHORIZATION_FAILED;
        // Records are taken meanwhile.
        w.cluster.inject(ApiKey::INIT_PRODUCER_ID, Action::Error(ErrorCode::COORDINATOR_NOT_AVAILABLE));
        w.cluster.inject(ApiKey::INIT_PRODUCER_ID, Action::Error(refusal));
        let config = quick_producer();
        let p = w.add_producer(quick_client(), config, memory(kind, &config), &["t"]);
        let ids = w.send(p, Some(0), 3);
        w.settle(p, 1_000);
        for id in ids {
            assert_eq!(not_written(w.outcome(p, id)), Some(SendError::Broker(refusal)), "{kind:?}");
        }
        assert_eq!(w.producer(p).producer.refused(), Some(refusal));
        w.close(p);
        w.assert_sound();
    }
}

/// The last frame that was written is the end, where no answer follows.
#[test]
fn closing_without_acknowledgements_waits_for_no_timer() {
    for kind in BOTH {
        let config = ProducerConfig {
            acks: Acks::None,
            idempotence: false,
            linger: Duration::from_millis(60_000),
            delivery_timeout: Duration::from_millis(120_000),
            ..quick_producer()
        };
        let (mut w, p) = with_config(kind, 1, 1, quick_client(), config);
        w.send(p, Some(0), 1);
        w.settle(p, 1_000);
        // No timer is due for a minute.
        w.run_ms(5_000);
        w.send(p, Some(0), 1);
        w.close(p);
        w.assert_sound();
    }
}
