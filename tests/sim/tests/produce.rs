//! Producing: each behaviour once, with owned and with lent memory.

use kafka_broker::Action;
use kafka_client_core::config::{Acks, ClientConfig, ProducerConfig};
use kafka_client_core::producer::{AppendError, Outcome};
use kafka_client_core::time::Duration;
use kafka_proto::{ApiKey, ErrorCode};
use kafka_sim::scenario::*;
use kafka_sim::world::World;

#[test]
fn records_are_acked_with_their_offsets() {
    for kind in BOTH {
        for count in [1, 2, 10, 200] {
            let (mut w, p) = one_producer(kind, 1, 1);
            let ids = w.send(p, None, count);
            w.settle(p, 1_000);
            assert_eq!(w.logged("t", 0), ids, "{kind:?}");
            for (offset, id) in ids.iter().enumerate() {
                let told = w.producer(p).told[id];
                assert_eq!(told.offset, Some(offset as i64), "{kind:?}");
            }
            w.close(p);
            w.assert_sound();
        }
    }
}

#[test]
fn linger_gathers_records_and_ends() {
    for kind in BOTH {
        let config = ProducerConfig { linger: Duration::from_millis(50), ..quick_producer() };
        let (mut w, p) = with_config(kind, 1, 1, quick_client(), config);
        w.send(p, None, 1);
        w.run_ms(20);
        let before = w.wire.produce_requests;
        w.send(p, None, 3);
        w.run_ms(20);
        assert_eq!(w.wire.produce_requests, before, "{kind:?}: linger is not over");
        w.run_ms(30);
        assert_eq!(w.wire.produce_requests, before + 1, "{kind:?}: one request has all");
        assert_eq!(w.logged("t", 0).len(), 4, "{kind:?}");
        assert_eq!(w.cluster.batches("t", 0).len(), 1, "{kind:?}");
        w.assert_sound();
    }
}

#[test]
fn flush_does_not_wait_for_linger() {
    for kind in BOTH {
        let config = ProducerConfig { linger: Duration::from_millis(4_000), ..quick_producer() };
        let (mut w, p) = with_config(kind, 1, 1, quick_client(), config);
        w.send(p, None, 3);
        let now = w.instant();
        let mark = w.producer(p).producer.flush(now);
        assert!(w.producer(p).producer.resolved_to() < mark, "{kind:?}");
        w.pump(p);
        // What comes later is not waited for.
        w.send(p, None, 1);
        w.run_ms(50);
        assert!(w.producer(p).producer.resolved_to() >= mark, "{kind:?}");
        assert_eq!(w.logged("t", 0).len(), 3, "{kind:?}");
        let now = w.instant();
        assert!(w.producer(p).producer.flush(now) > mark, "{kind:?}");
        w.assert_sound();
    }
}

#[test]
fn a_full_batch_goes_before_its_linger_is_over() {
    for kind in BOTH {
        let config = ProducerConfig { linger: Duration::from_millis(4_000), ..quick_producer() };
        let (mut w, p) = with_config(kind, 1, 1, quick_client(), config);
        for _ in 0..5 {
            w.send_one(p, Some(0), 400);
        }
        w.run_ms(100);
        assert_eq!(w.logged("t", 0).len(), 4, "{kind:?}: two full batches, the fifth record lingers");
        w.settle(p, 1_000);
        w.assert_sound();
    }
}

#[test]
fn partitions_and_brokers_get_their_own() {
    for kind in BOTH {
        let (mut w, p) = one_producer(kind, 3, 6);
        for round in 0..20 {
            for partition in 0..6 {
                w.send_one(p, Some(partition), round);
            }
        }
        w.settle(p, 5_000);
        for partition in 0..6 {
            assert_eq!(w.logged("t", partition).len(), 20, "{kind:?} partition {partition}");
        }
        w.close(p);
        w.assert_sound();
    }
}

#[test]
fn a_moved_leader_is_found_and_order_kept() {
    for kind in BOTH {
        let (mut w, p) = one_producer(kind, 3, 1);
        let mut ids = w.send(p, Some(0), 5);
        w.settle(p, 2_000);
        for round in 0..6 {
            let leader = w.cluster.partition("t", 0).map_or(0, |p| p.leader);
            assert!(w.cluster.set_leader("t", 0, (leader + 1) % 3));
            w.drain_cluster();
            ids.extend(w.send(p, Some(0), 5 + round));
            w.settle(p, 3_000);
        }
        assert_eq!(w.logged("t", 0), ids, "{kind:?}");
        assert!(w.all_acked(p, &ids));
        w.close(p);
        w.assert_sound();
    }
}

#[test]
fn retriable_errors_are_retried() {
    for kind in BOTH {
        for code in [
            ErrorCode::NOT_LEADER_OR_FOLLOWER,
            ErrorCode::LEADER_NOT_AVAILABLE,
            ErrorCode::NOT_ENOUGH_REPLICAS,
            ErrorCode::CORRUPT_MESSAGE,
            ErrorCode::KAFKA_STORAGE_ERROR,
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
            ErrorCode::UNKNOWN_TOPIC_ID,
        ] {
            let (mut w, p) = one_producer(kind, 1, 2);
            w.cluster.inject_many(ApiKey::PRODUCE, None, 0, 3, Action::Error(code));
            let mut ids = w.send(p, Some(0), 3);
            w.run_ms(7);
            ids.extend(w.send(p, Some(0), 40));
            w.settle(p, 5_000);
            assert_eq!(w.logged("t", 0), ids, "{kind:?} {code}");
            assert!(w.all_acked(p, &ids), "{kind:?} {code}");
            w.assert_sound();
        }
    }
}

#[test]
fn errors_after_the_append_lead_to_no_duplicate() {
    for kind in BOTH {
        for code in [ErrorCode::REQUEST_TIMED_OUT, ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND] {
            let (mut w, p) = one_producer(kind, 1, 1);
            w.cluster.inject_many(ApiKey::PRODUCE, None, 0, 2, Action::ErrorAfter(code));
            let ids = w.send(p, Some(0), 30);
            w.settle(p, 5_000);
            assert_eq!(w.logged("t", 0), ids, "{kind:?} {code}");
            assert!(w.all_acked(p, &ids), "{kind:?} {code}");
            w.assert_sound();
        }
    }
}

#[test]
fn a_connection_lost_after_the_write_leads_to_no_duplicate() {
    for kind in BOTH {
        for action in [Action::CloseAfter, Action::CloseBefore, Action::Swallow, Action::Delay(1_500_000)] {
            let (mut w, p) = one_producer(kind, 1, 1);
            w.send(p, Some(0), 1);
            w.settle(p, 1_000);
            w.cluster.inject_many(ApiKey::PRODUCE, None, 0, 2, action);
            let ids = w.send(p, Some(0), 30);
            w.settle(p, 5_500);
            assert_eq!(w.logged("t", 0)[1..], ids, "{kind:?} {action:?}");
            assert!(w.all_acked(p, &ids), "{kind:?} {action:?}");
            w.close(p);
            w.assert_sound();
        }
    }
}

#[test]
fn frames_survive_partial_writes_and_bytes_that_come_one_by_one() {
    for kind in BOTH {
        for (write_max, chunk_max, window) in
            [(1, 1, 1 << 20), (7, 3, 64), (1 << 20, 1, 1 << 20), (1000, 1000, 1)]
        {
            let mut w = World::new(cluster(1, 2), 1, true);
            w.weather.write_max = write_max;
            w.weather.chunk_max = chunk_max;
            w.weather.window = window;
            w.weather.delay_us = (10, 20);
            let config = quick_producer();
            let p = w.add_producer(quick_client(), config, memory(kind, &config), &["t"]);
            let ids = w.send(p, Some(1), 40);
            w.settle(p, 5_000);
            assert_eq!(w.logged("t", 1), ids, "{kind:?} {write_max} {chunk_max} {window}");
            w.close(p);
            w.assert_sound();
        }
    }
}

#[test]
fn a_full_pool_says_so_and_goes_on_later() {
    for kind in BOTH {
        let (mut w, p) = one_producer(kind, 1, 1);
        w.send(p, Some(0), 1);
        w.settle(p, 1_000);
        w.cluster.inject(ApiKey::PRODUCE, Action::Delay(500_000));
        let mut ids = Vec::new();
        let refused = loop {
            match w.try_send(p, 0, Some(0), 300) {
                Ok(id) => ids.push(id),
                Err(error) => break error,
            }
            assert!(ids.len() < 1000, "{kind:?}: the pool never is full");
        };
        assert_eq!(refused, AppendError::Full);
        assert!(w.producer(p).producer.slots_in_use() == 8, "{kind:?}");
        ids.push(w.send_one(p, Some(0), 300));
        w.settle(p, 3_000);
        assert_eq!(w.logged("t", 0)[1..], ids, "{kind:?}");
        w.close(p);
        w.assert_sound();
    }
}

#[test]
fn a_slot_is_not_used_again_before_its_delivery_is_released() {
    for kind in BOTH {
        let (mut w, p) = one_producer(kind, 1, 1);
        w.producer(p).hold_deliveries = true;
        for _ in 0..8 {
            w.send_one(p, Some(0), 500);
            w.settle(p, 1_000);
        }
        assert_eq!(w.try_send(p, 0, Some(0), 500), Err(AppendError::Full), "{kind:?}");
        for delivery in std::mem::take(&mut w.producer(p).held) {
            w.producer(p).producer.release(&delivery);
            w.producer(p).producer.release(&delivery);
        }
        assert_eq!(w.producer(p).producer.slots_in_use(), 0, "{kind:?}");
        w.send_one(p, Some(0), 500);
        w.settle(p, 1_000);
        w.assert_sound();
    }
}

#[test]
fn acks_0_and_1() {
    for kind in BOTH {
        for acks in [Acks::None, Acks::Leader] {
            let config = ProducerConfig { acks, idempotence: false, ..quick_producer() };
            let (mut w, p) = with_config(kind, 1, 1, quick_client(), config);
            let ids = w.send(p, Some(0), 50);
            w.settle(p, 1_000);
            w.run_ms(10);
            assert_eq!(w.logged("t", 0), ids, "{kind:?} {acks:?}");
            assert!(w.all_acked(p, &ids));
            let offset = w.producer(p).told[&ids[7]].offset;
            assert_eq!(offset, (acks == Acks::Leader).then_some(7), "{kind:?} {acks:?}");
            w.close(p);
            w.assert_sound();
        }
    }
}

#[test]
fn many_in_flight_without_idempotence() {
    for kind in BOTH {
        let client = ClientConfig { max_in_flight: 1, ..quick_client() };
        let config = ProducerConfig { idempotence: false, ..quick_producer() };
        let (mut w, p) = with_config(kind, 1, 1, client, config);
        w.cluster.inject_many(ApiKey::PRODUCE, None, 1, 1, Action::Error(ErrorCode::NOT_LEADER_OR_FOLLOWER));
        let ids = w.send(p, Some(0), 200);
        w.settle(p, 5_000);
        assert_eq!(w.logged("t", 0), ids, "{kind:?}: one in flight keeps order without idempotence");
        assert_eq!(w.wire.in_flight_max, 1);
        w.assert_sound();
    }
}

#[test]
fn a_dead_bootstrap_address_is_passed_over() {
    for kind in BOTH {
        for hosts in [&["dead", "node0"][..], &["nowhere", "node0"], &["node0", "dead"]] {
            let mut w = World::new(cluster(1, 1), 1, true);
            let config = quick_producer();
            let p = w.add_producer_at(quick_client(), config, memory(kind, &config), &["t"], hosts);
            let ids = w.send(p, Some(0), 3);
            w.settle(p, 3_000);
            assert!(w.all_acked(p, &ids), "{kind:?} {hosts:?}");
            assert!(w.now < 1_000_000, "{kind:?} {hosts:?}: it took {} us", w.now);
            w.close(p);
            w.assert_sound();
        }
    }
}

#[test]
fn a_broker_restart_is_survived() {
    for kind in BOTH {
        for nodes in [1, 3] {
            let (mut w, p) = one_producer(kind, nodes, 3);
            let mut ids = w.send(p, None, 20);
            for round in 0..4 {
                let node = round % nodes;
                w.cluster.kill_node(node);
                w.drain_cluster();
                ids.extend(w.send(p, None, 5));
                w.run_ms(700);
                w.cluster.start_node(node);
                w.drain_cluster();
                ids.extend(w.send(p, None, 10));
            }
            w.settle(p, 6_000);
            assert!(w.all_acked(p, &ids), "{kind:?} {nodes} nodes");
            let mut logged: Vec<u64> = (0..3).flat_map(|n| w.logged("t", n)).collect();
            logged.sort_unstable();
            assert_eq!(logged, ids, "{kind:?} {nodes} nodes");
            w.close(p);
            w.assert_sound();
        }
    }
}

#[test]
fn an_idle_connection_is_closed_and_opened_again() {
    for kind in BOTH {
        let client = ClientConfig { connections_max_idle: Duration::from_millis(2_000), ..quick_client() };
        let (mut w, p) = with_config(kind, 1, 1, client, quick_producer());
        w.send(p, None, 1);
        w.settle(p, 1_000);
        w.run_ms(5_000);
        assert_eq!(w.connections_of(p), 0, "{kind:?}");
        let ids = w.send(p, None, 1);
        w.settle(p, 1_000);
        assert!(w.all_acked(p, &ids));
        w.run_ms(600_000);
        w.assert_sound();
    }
}

#[test]
fn nothing_to_do_is_nothing_done() {
    for kind in BOTH {
        let (mut w, p) = one_producer(kind, 3, 3);
        w.send(p, None, 10);
        w.settle(p, 1_000);
        let before = w.trace.events();
        w.run_ms(3_600_000);
        let events = w.trace.events() - before;
        assert!(events < 500, "{kind:?}: {events} events in an idle hour");
        assert!(!w.outcome(p, 0).is_none_or(|o| !matches!(o, Outcome::Acked { .. })));
        w.assert_sound();
    }
}
