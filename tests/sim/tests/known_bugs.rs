//! Bugs that other clients had, by the names of the project's list: what the broker does, and what the client must do.

use kafka_broker::Action;
use kafka_client_core::config::ProducerConfig;
use kafka_client_core::producer::{AppendError, SendError};
use kafka_proto::record::Codec;
use kafka_proto::{ApiKey, ErrorCode};
use kafka_sim::pipe::Cut;
use kafka_sim::scenario::*;
use kafka_sim::world::World;

/// Epoch and sequence of each record of a partition.
fn stamps(w: &World<'_>, partition: i32) -> Vec<(i16, i32)> {
    let log = w.cluster.log("t", partition).unwrap_or_default();
    log.iter().map(|r| (r.producer_epoch, r.sequence)).collect()
}

#[test]
fn b1_a_topic_briefly_unknown_keeps_its_sequence() {
    for kind in BOTH {
        let (mut w, p) = one_producer(kind, 1, 1);
        w.send(p, Some(0), 3);
        w.settle(p, 1_000);
        let unknown = Action::Error(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        w.cluster.inject_many(ApiKey::METADATA, None, 0, 3, unknown);
        w.cluster.inject(ApiKey::PRODUCE, Action::Error(ErrorCode::NOT_LEADER_OR_FOLLOWER));
        let ids = w.send(p, Some(0), 3);
        w.settle(p, 5_000);
        assert!(w.all_acked(p, &ids), "{kind:?}");
        assert_eq!(stamps(&w, 0), (0..6).map(|n| (0, n)).collect::<Vec<_>>(), "{kind:?}");
        w.assert_sound();
    }
}

#[test]
fn b3_a_sequence_is_not_used_again_after_request_timed_out() {
    for kind in BOTH {
        let (mut w, p) = one_producer(kind, 1, 1);
        w.send(p, Some(0), 1);
        w.settle(p, 1_000);
        // Appended, and said to have timed out, until the client gives up.
        let action = Action::ErrorAfter(ErrorCode::REQUEST_TIMED_OUT);
        w.cluster.inject_many(ApiKey::PRODUCE, None, 0, 1_000, action);
        let lost = w.send(p, Some(0), 1);
        w.settle(p, 6_100);
        assert!(indeterminate(w.outcome(p, lost[0])).is_some(), "{kind:?}");
        w.cluster.clear_injections();
        let ids = w.send(p, Some(0), 2);
        w.settle(p, 2_000);
        assert!(w.all_acked(p, &ids), "{kind:?}");
        assert_eq!(stamps(&w, 0), [(0, 0), (0, 1), (1, 0), (1, 1)], "{kind:?}: a new epoch begins at 0");
        w.assert_sound();
    }
}

#[test]
fn b4_no_error_and_no_partition_is_not_yet_a_topic() {
    for kind in BOTH {
        let mut w = World::new(cluster(1, 1), 1, true);
        w.cluster.inject_many(ApiKey::METADATA, None, 0, 3, Action::Error(ErrorCode::NONE));
        let config = quick_producer();
        let p = w.add_producer(quick_client(), config, memory(kind, &config), &["t"]);
        w.run_ms(20);
        let last = ErrorCode::LEADER_NOT_AVAILABLE;
        assert_eq!(w.try_send(p, 0, None, 0), Err(AppendError::NoMetadata { last }), "{kind:?}");
        let ids = w.send(p, None, 1);
        w.settle(p, 1_000);
        assert!(w.all_acked(p, &ids) && w.now < 3_000_000, "{kind:?}");
        w.assert_sound();
    }
}

#[test]
fn b5_a_slot_whose_bytes_are_in_the_socket_stays_pinned() {
    for kind in BOTH {
        let (mut w, p) = one_producer(kind, 1, 1);
        w.send(p, Some(0), 1);
        w.settle(p, 1_000);
        w.run_ms(150);
        // The response takes longer than the delivery may, and the connection lives as long as it answers something.
        w.cluster.inject_many(ApiKey::PRODUCE, None, 0, 100, Action::Delay(990_000));
        let first = w.send_one(p, Some(0), 300);
        let sent = w.now;
        w.run_ms(500);
        w.producer(p).producer.abort();
        w.pump(p);
        assert!(indeterminate(w.outcome(p, first)).is_some(), "{kind:?}");
        assert!(w.now < sent + 990_000);
        w.close(p);
        w.run_ms(2_000);
        assert_eq!(w.logged("t", 0).len(), 2, "{kind:?}: it was appended once, after it was given up");
        w.assert_sound();
    }
}

#[test]
fn b6_what_was_appended_before_the_connection_was_lost_is_recognized() {
    for kind in BOTH {
        let (mut w, p) = one_producer(kind, 1, 1);
        w.send(p, Some(0), 1);
        w.settle(p, 1_000);
        w.cluster.inject_many(ApiKey::PRODUCE, None, 0, 3, Action::CloseAfter);
        let ids = w.send(p, Some(0), 5);
        w.settle(p, 5_000);
        assert_eq!(w.logged("t", 0)[1..], ids, "{kind:?}");
        let offsets: Vec<_> = ids.iter().map(|id| w.producer(p).told[id].offset).collect();
        assert_eq!(offsets, (1..6).map(Some).collect::<Vec<_>>(), "{kind:?}");
        assert!(w.wire.repeated >= 1, "{kind:?}: the same sequence came again");
        w.assert_sound();
    }
}

#[test]
fn b7_an_idle_partition_begins_at_0_under_a_new_epoch() {
    for kind in BOTH {
        let (mut w, p) = one_producer(kind, 1, 2);
        w.send(p, Some(0), 1);
        w.send(p, Some(1), 3);
        w.settle(p, 1_000);
        w.cluster.inject(ApiKey::PRODUCE, Action::Error(ErrorCode::INVALID_PRODUCER_EPOCH));
        w.send(p, Some(0), 2);
        w.settle(p, 3_000);
        let before = w.wire.produce_requests;
        let ids = w.send(p, Some(1), 2);
        w.settle(p, 1_000);
        assert!(w.all_acked(p, &ids), "{kind:?}");
        assert_eq!(w.wire.produce_requests, before + 1, "{kind:?}: at the first attempt");
        assert_eq!(stamps(&w, 0), [(0, 0), (1, 0), (1, 1)], "{kind:?}");
        assert_eq!(stamps(&w, 1), [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)], "{kind:?}");
        w.assert_sound();
    }
}

#[test]
fn b8_batches_of_two_epochs_are_never_under_way_together() {
    for kind in BOTH {
        let (mut w, p) = one_producer(kind, 2, 2);
        w.send(p, Some(0), 1);
        w.send(p, Some(1), 1);
        w.settle(p, 1_000);
        let node = w.cluster.partition("t", 1).map_or(0, |p| p.leader);
        w.cluster.inject_many(ApiKey::PRODUCE, Some(node), 0, 1, Action::Delay(400_000));
        let other = w.cluster.partition("t", 0).map_or(0, |p| p.leader);
        assert_ne!(node, other);
        let refused = Action::Error(ErrorCode::INVALID_PRODUCER_EPOCH);
        w.cluster.inject_many(ApiKey::PRODUCE, Some(other), 0, 1, refused);
        let mut slow = w.send(p, Some(1), 1);
        w.send(p, Some(0), 1);
        w.run_ms(200);
        slow.extend(w.send(p, Some(1), 1));
        w.settle(p, 3_000);
        assert_eq!(w.logged("t", 1)[1..], slow, "{kind:?}");
        assert_eq!(stamps(&w, 1), [(0, 0), (0, 1), (1, 0)], "{kind:?}");
        w.assert_sound();
    }
}

#[test]
fn b11_the_first_of_several_in_flight_fails_and_order_is_kept() {
    for kind in BOTH {
        for code in [ErrorCode::NOT_ENOUGH_REPLICAS, ErrorCode::MESSAGE_TOO_LARGE, ErrorCode::CORRUPT_MESSAGE]
        {
            let (mut w, p) = one_producer(kind, 1, 1);
            w.send(p, Some(0), 1);
            w.settle(p, 1_000);
            w.cluster.inject(ApiKey::PRODUCE, Action::Error(code));
            let ids: Vec<u64> = (0..4).map(|_| w.send_one(p, Some(0), 600)).collect();
            w.settle(p, 5_000);
            assert!(w.wire.in_flight_max > 1, "{kind:?}: nothing was pipelined");
            let logged = w.logged("t", 0)[1..].to_vec();
            match not_written(w.outcome(p, ids[0])) {
                Some(SendError::Broker(refused)) => {
                    assert_eq!(refused, code);
                    assert_eq!(logged, ids[1..], "{kind:?} {code}");
                }
                _ => assert_eq!(logged, ids, "{kind:?} {code}"),
            }
            w.assert_sound();
        }
    }
}

#[test]
fn b12_out_of_order_for_what_may_be_in_the_log_is_indeterminate() {
    for kind in BOTH {
        let (mut w, p) = one_producer(kind, 1, 1);
        w.send(p, Some(0), 1);
        w.settle(p, 1_000);
        w.cluster.inject(ApiKey::PRODUCE, Action::CloseAfter);
        w.cluster.inject(ApiKey::PRODUCE, Action::Error(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER));
        let id = w.send_one(p, Some(0), 0);
        w.settle(p, 5_000);
        let expected = Some(SendError::Broker(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER));
        assert_eq!(indeterminate(w.outcome(p, id)), expected, "{kind:?}");
        let next = w.send(p, Some(0), 2);
        w.settle(p, 2_000);
        assert_eq!(w.logged("t", 0)[1..], [&[id], &next[..]].concat(), "{kind:?}");
        w.assert_sound();
    }
}

#[test]
fn b13_a_compressed_batch_is_sent_again_byte_for_byte() {
    let config = ProducerConfig { codec: Codec::Lz4, buffer_memory: 64 * 1024, ..quick_producer() };
    let (mut w, p) = with_config(Memory::Owned, 1, 1, quick_client(), config);
    w.send(p, Some(0), 1);
    w.settle(p, 1_000);
    w.cluster.inject_many(ApiKey::PRODUCE, None, 0, 3, Action::CloseBefore);
    let ids: Vec<u64> = (0..10).map(|_| w.send_one(p, Some(0), 200)).collect();
    w.settle(p, 5_000);
    assert!(w.wire.repeated >= 1);
    assert_eq!(w.logged("t", 0)[1..], ids);
    w.assert_sound();
}

#[test]
fn b14_a_frame_that_was_begun_is_finished_or_its_connection_closed() {
    for kind in BOTH {
        let (mut w, p) = one_producer(kind, 1, 1);
        w.send(p, Some(0), 1);
        w.settle(p, 1_000);
        // The socket takes a part and then nothing more: the client gives up in the middle of the frame.
        assert!(w.cut_link(0, 40, Cut::Silence));
        let ids = w.send(p, Some(0), 3);
        w.settle(p, 5_000);
        assert!(w.all_acked(p, &ids), "{kind:?}");
        assert_eq!(w.logged("t", 0)[1..], ids, "{kind:?}");
        assert!(w.connections_begun() >= 2, "{kind:?}");
        w.assert_sound();
    }
}

#[test]
fn b15_a_topic_that_is_gone_fails_in_time_and_comes_back_under_its_new_id() {
    for kind in BOTH {
        let (mut w, p) = one_producer(kind, 1, 1);
        w.send(p, Some(0), 1);
        w.settle(p, 1_000);
        assert!(w.cluster.delete_topic("t"));
        let sent = w.now;
        let id = w.send_one(p, Some(0), 0);
        w.settle(p, 6_100);
        assert!(w.producer(p).told[&id].at <= sent + 6_100_000, "{kind:?}");
        assert!(!w.all_acked(p, &[id]), "{kind:?}");
        w.cluster.create_topic("t", 1).expect("created");
        w.run_ms(2_500);
        let ids = w.send(p, Some(0), 3);
        w.settle(p, 5_000);
        assert!(w.all_acked(p, &ids), "{kind:?}");
        assert_eq!(w.logged("t", 0), ids, "{kind:?}");
        w.assert_sound();
    }
}
