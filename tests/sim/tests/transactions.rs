//! Transactions: what the simulation found in this client, and the known bugs of others that concern them.

use kafka_broker::{Action, Config, Release};
use kafka_client_core::config::{ConsumerConfig, Isolation};
use kafka_client_core::resources::ConsumerMemory;
use kafka_client_core::time::Duration;
use kafka_proto::{ApiKey, ErrorCode};
use kafka_sim::history::What;
use kafka_sim::pipe::Cut;
use kafka_sim::scenario::{Memory, cluster, memory, quick_client, quick_producer};
use kafka_sim::takeover::{Transactional, one_transactional};
use kafka_sim::txn_app::Step;
use kafka_sim::world::World;

/// Each protocol: a broker that adds partitions by itself and raises the epoch with each end, and those before.
const RELEASES: [Release; 4] = [Release::V2_1, Release::V2_8, Release::V3_9, Release::V4_3];

fn world(release: Release, nodes: i32) -> (World<'static>, usize) {
    one_transactional(Config { release, ..cluster(nodes, 3) })
}

fn committed(w: &mut World<'_>) -> usize {
    w.producer(0).txn.as_ref().map_or(0, |t| t.ends[0] as usize)
}

/// The coordinator is named by a node that is not there any more.
#[test]
fn a_coordinator_that_is_gone_is_found_elsewhere() {
    for release in RELEASES {
        let (mut w, p) = world(release, 3);
        w.transact(p, &[0, 1, 2]);
        for node in 0..3 {
            w.cluster.kill_node(node);
            w.drain_cluster();
            w.transact(p, &[0, 1, 2]);
            w.cluster.start_node(node);
            w.drain_cluster();
        }
        assert_eq!(committed(&mut w), 4, "{release:?}");
        assert_eq!(w.verdict(), [], "{release:?}");
        w.assert_sound();
    }
}

/// A client that waits for its coordinator's connection asked to be woken at a time that was over.
#[test]
fn who_waits_for_a_coordinator_sleeps() {
    for release in RELEASES {
        let (mut w, p) = world(release, 3);
        for n in 0..6 {
            let code = ErrorCode::COORDINATOR_LOAD_IN_PROGRESS;
            w.cluster.inject_many(ApiKey::END_TXN, None, 0, 2, Action::Error(code));
            w.begin(p);
            w.send_one(p, Some(n % 3), 0);
            w.commit(p);
            w.run_ms(20);
            (0..3).for_each(|node| w.cluster.drop_connections(node));
            w.drain_cluster();
            w.reach_step(p, Step::Idle, 10_000);
        }
        assert_eq!(w.verdict(), [], "{release:?}");
        w.assert_sound();
    }
}

/// Before KIP-890 a request that adds a partition may come late, after the end of its transaction, and begin another. A
/// producer that then asks for its next epoch fences itself, as the coordinator sees it. It cannot know by whom it was
/// fenced, and gives up: what it wrote is there as a whole, or not at all.
#[test]
fn a_late_join_may_fence_its_own_producer() {
    let mut fenced = 0;
    for late_ms in (1_000..1_300).step_by(10) {
        let config = Config { transaction_version: 0, txn_marker_delay_us: 50_000, ..cluster(1, 3) };
        let (mut w, p) = one_transactional(config);
        w.transact(p, &[0]);
        w.begin(p);
        assert!(w.cut_link(0, 0, Cut::Pause(late_ms * 1_000)));
        w.send_one(p, Some(0), 0);
        w.commit(p);
        w.run_ms(5_000);
        let step = w.producer(p).step();
        assert!(matches!(step, Some(Step::Idle | Step::Dead)), "{late_ms} ms: {step:?}");
        fenced += u32::from(step == Some(Step::Dead));
        assert_eq!(w.verdict(), [], "{late_ms} ms");
        w.assert_sound();
    }
    assert!(fenced > 0, "no request came between the end and the next epoch");
}

/// B16, B18: the end of a transaction that arrives late, after it was asked for again, does not end the next one.
#[test]
fn b16_a_late_end_does_not_end_the_next_transaction() {
    for transaction_version in [0, 2] {
        let config = Config { transaction_version, ..cluster(1, 3) };
        let (mut w, p) = one_transactional(config);
        w.transact(p, &[0]);
        w.begin(p);
        w.send_one(p, Some(0), 0);
        w.settle(p, 1_000);
        assert!(w.cut_link(0, 0, Cut::Pause(1_500_000)));
        w.commit(p);
        w.reach_step(p, Step::Idle, 3_000);
        assert!(w.now < 1_500_000 && w.connections_begun() > 1, "the first request is still under way");
        w.begin(p);
        w.send_one(p, Some(1), 0);
        w.run_ms(1_000);
        w.abort(p);
        w.reach_step(p, Step::Idle, 3_000);
        w.transact(p, &[1, 2]);
        assert_eq!(w.verdict(), [], "version {transaction_version}");
        w.assert_sound();
    }
}

/// A batch runs out of time while it is under way, and its transaction is aborted. Would the abort not wait for it, it
/// could be appended behind the abort, and be committed with the next transaction.
#[test]
fn what_was_given_up_on_the_way_is_not_committed_with_the_next_transaction() {
    for transaction_version in [0, 2] {
        // One of the partitions is led by a node that does not coordinate.
        for (partition, late_ms) in [(0, 300), (0, 600), (1, 300), (1, 600), (1, 900)] {
            let (mut w, p) = one_transactional(Config { transaction_version, ..cluster(2, 2) });
            w.transact(p, &[0, 1]);
            let refusal = Action::Error(ErrorCode::NOT_ENOUGH_REPLICAS);
            w.cluster.inject_many(ApiKey::PRODUCE, None, 0, 1_000, refusal);
            w.begin(p);
            w.send_one(p, Some(partition), 0);
            w.run_ms(4_900);
            w.cluster.clear_injections();
            // The last attempt comes when the six seconds of the record are over. The application aborts when it hears
            // of that.
            w.hold_up(p, partition as i32, late_ms * 1_000);
            w.run_ms(1_150);
            w.reach_step(p, Step::Idle, 10_000);
            w.transact(p, &[0, 1]);
            let place = format!("version {transaction_version}, partition {partition}, {late_ms} ms late");
            assert_eq!(w.verdict(), [], "{place}");
            w.assert_sound();
        }
    }
}

/// The coordinator never heard of the transaction: there is nothing to abort, and nothing is wrong.
#[test]
fn what_the_coordinator_never_heard_of_is_aborted_all_the_same() {
    for release in RELEASES {
        for refused in
            [None, Some(Action::Error(ErrorCode::TRANSACTION_ABORTABLE)), Some(Action::CloseBefore)]
        {
            let (mut w, p) = world(release, 1);
            w.transact(p, &[0]);
            w.begin(p);
            w.with_producer(p, |app, now, history| {
                let now_us = kafka_client_core::time::Instant(now);
                app.send(now_us, history, 0, Some(1), 0).expect("room");
                if refused.is_none() {
                    app.abort(now, history);
                }
            });
            if let Some(action) = refused {
                w.cluster.inject(ApiKey::ADD_PARTITIONS_TO_TXN, action);
                w.run_ms(8);
                if matches!(w.producer(p).step(), Some(Step::Open(_))) {
                    w.abort(p);
                }
            }
            w.reach_step(p, Step::Idle, 10_000);
            w.transact(p, &[1]);
            assert_eq!(w.verdict(), [], "{release:?} {refused:?}");
            w.assert_sound();
        }
    }
}

/// The answer that a group became part of a transaction came when it was being aborted, and the next transaction, which
/// had no offsets, committed them.
#[test]
fn offsets_of_an_aborted_transaction_stay_out_of_the_next_one() {
    for release in RELEASES {
        let (mut w, p) = world(release, 1);
        let group = w.history.participant("g");
        w.transact(p, &[0]);
        w.begin(p);
        w.with_producer(p, |app, now, history| {
            app.txn.as_mut().expect("transactional").copier = Some(("g".into(), group, Some(0)));
            app.copy(now, history, 5);
        });
        w.send_one(p, Some(0), 0);
        w.settle(p, 1_000);
        // While the group is being added, the transaction fails.
        w.cluster.inject(ApiKey::ADD_OFFSETS_TO_TXN, Action::Delay(100_000));
        w.cluster.inject(ApiKey::PRODUCE, Action::Error(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER));
        w.send_one(p, Some(1), 0);
        w.commit(p);
        w.run_ms(3_000);
        let alive = w.producer(p).step() == Some(Step::Idle);
        // Before 2.5 a lost sequence is the end of a transactional producer.
        assert_eq!(alive, release != Release::V2_1, "{release:?}");
        if alive {
            w.begin(p);
            w.commit(p);
            w.reach_step(p, Step::Idle, 3_000);
            w.transact(p, &[0, 1]);
            assert_eq!(w.cluster.committed_offset("g", "t", 0), None, "{release:?}");
        }
        assert_eq!(w.verdict(), [], "{release:?}");
        w.assert_sound();
    }
}

/// Before InitProducerId says for whom it asks, a producer that asks again takes its successor's place.
#[test]
fn a_zombie_does_not_fence_its_successor() {
    for release in RELEASES {
        let (mut w, old) = world(release, 1);
        w.transact(old, &[0]);
        let new = w.add_transactional("tx", "p1");
        // The older one loses a sequence, so that it wants another epoch.
        w.begin(old);
        w.send_one(old, Some(0), 0);
        w.settle(old, 1_000);
        w.cluster.inject(ApiKey::PRODUCE, Action::Error(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER));
        w.cluster.inject(ApiKey::END_TXN, Action::Delay(300_000));
        w.send_one(old, Some(1), 0);
        w.commit(old);
        w.run_ms(100);
        w.with_producer(new, |app, now, history| app.init_transactions(now, history));
        w.reach_step(new, Step::Idle, 5_000);
        w.run_ms(2_000);
        w.transact(new, &[0, 1]);
        if w.producer(old).step() == Some(Step::Idle) {
            w.begin(old);
            w.send_one(old, Some(0), 0);
            w.commit(old);
        }
        w.reach_step(old, Step::Dead, 3_000);
        assert_eq!(w.verdict(), [], "{release:?}");
        w.assert_sound();
    }
}

/// A world with a producer and two consumers of `t`: one of committed records, one of all.
fn with_consumers(config: Config) -> (World<'static>, usize, usize) {
    let (mut w, p) = one_transactional(config);
    let strict = ConsumerConfig { isolation: Isolation::ReadCommitted, ..ConsumerConfig::DEFAULT };
    let reads = [("t", 3)];
    let c = w.add_consumer(quick_client(), strict, ConsumerMemory::owned(), &reads);
    let lax = w.add_consumer(quick_client(), ConsumerConfig::DEFAULT, ConsumerMemory::owned(), &reads);
    let who = w.consumer(lax).who;
    w.history.push(0, who, What::ReadsUncommitted);
    (w, p, c)
}

#[track_caller]
fn read_by(w: &mut World<'_>, consumer: usize, count: usize) {
    w.run_ms(3_000);
    assert_eq!(w.consumer(consumer).records, count as u64);
    let who = w.consumer(consumer).who;
    w.history.push(w.now, who, What::ReadsAll);
    assert_eq!(w.verdict(), []);
    w.assert_sound();
}

#[test]
fn b2_out_of_order_within_a_transaction_is_its_end() {
    for release in RELEASES {
        let (mut w, p) = world(release, 1);
        w.transact(p, &[0]);
        let inits = w.wire.requests.get(&ApiKey::INIT_PRODUCER_ID.0).copied();
        w.begin(p);
        w.send_one(p, Some(0), 0);
        w.settle(p, 1_000);
        w.cluster.inject(ApiKey::PRODUCE, Action::Error(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER));
        w.cluster.inject(ApiKey::END_TXN, Action::Delay(50_000));
        w.send_one(p, Some(1), 0);
        w.settle(p, 20);
        let now = w.wire.requests.get(&ApiKey::INIT_PRODUCER_ID.0).copied();
        assert_eq!(inits, now, "{release:?}: it is aborted first");
        w.run_ms(1_000);
        assert_eq!(w.producer(p).txn.as_ref().map(|t| t.ends[0]), Some(1), "{release:?}: only the first one");
        assert_eq!(w.verdict(), [], "{release:?}");
        w.assert_sound();
    }
}

#[test]
fn b17_an_offset_that_may_still_change_is_waited_for() {
    for release in RELEASES {
        let config = Config { release, txn_marker_delay_us: 500_000, ..cluster(1, 3) };
        let (mut w, p) = one_transactional(config);
        let group = w.history.participant("g");
        for from in [0, 5] {
            w.begin(p);
            w.with_producer(p, |app, now, history| {
                app.txn.as_mut().expect("transactional").copier = Some(("g".into(), group, Some(from)));
                app.copy(now, history, 5);
            });
            w.send_one(p, Some(0), 0);
            w.commit(p);
            w.reach_step(p, Step::Idle, 3_000);
            // It is decided, but not written yet; brokers before 2.5 cannot tell.
            let expected = (release == Release::V2_1).then_some(from);
            assert_eq!(w.committed("g", "t", 0), expected, "{release:?}");
            w.run_ms(1_000);
            assert_eq!(w.committed("g", "t", 0), Some(from + 5), "{release:?}");
        }
        w.assert_sound();
    }
}

#[test]
fn b18_each_transaction_has_the_epoch_that_the_last_one_ended_with() {
    let (mut w, p) = world(Release::V4_3, 1);
    for _ in 0..5 {
        w.transact(p, &[0]);
    }
    let log = w.cluster.log("t", 0).unwrap_or_default();
    let epochs: Vec<i16> = log.iter().map(|r| r.producer_epoch).collect();
    assert_eq!(epochs, [0, 1, 2, 3, 4]);
    assert_eq!(w.verdict(), []);
    w.assert_sound();
}

#[test]
fn b19_an_aborted_transaction_that_wrote_nothing_here_hides_nothing() {
    let (mut w, p, c) = with_consumers(Config { release: Release::V2_8, ..cluster(1, 3) });
    w.transact(p, &[0]);
    // Partition 1 becomes part of it, and nothing is written there: the marker comes all the same.
    w.cluster.inject_many(ApiKey::PRODUCE, None, 0, 1, Action::Error(ErrorCode::TOPIC_AUTHORIZATION_FAILED));
    w.begin(p);
    w.send_one(p, Some(1), 0);
    w.settle(p, 1_000);
    w.reach_step(p, Step::Idle, 3_000);
    assert_eq!(w.cluster.batches("t", 1).iter().filter(|b| b.control).count(), 1, "no marker");
    w.transact(p, &[1]);
    w.transact(p, &[1]);
    read_by(&mut w, c, 3);
}

#[test]
fn b20_b21_aborted_transactions_in_any_order_and_one_after_the_other() {
    for release in RELEASES {
        let (mut w, p, c) = with_consumers(Config { release, ..cluster(1, 3) });
        let other = w.add_transactional("other", "p9");
        w.with_producer(other, |app, now, history| app.init_transactions(now, history));
        w.reach_step(other, Step::Idle, 3_000);
        w.transact(p, &[0]);
        // The one that begins first is aborted last: its marker, and with it its entry, comes second.
        for _ in 0..3 {
            w.begin(p);
            w.send_one(p, Some(0), 0);
            w.settle(p, 1_000);
            w.begin(other);
            w.send_one(other, Some(0), 0);
            w.settle(other, 1_000);
            w.abort(other);
            w.reach_step(other, Step::Idle, 3_000);
            w.send_one(p, Some(0), 0);
            w.settle(p, 1_000);
            w.abort(p);
            w.reach_step(p, Step::Idle, 3_000);
        }
        w.transact(p, &[0]);
        // Everything at once, for a reader that begins now.
        let strict = ConsumerConfig { isolation: Isolation::ReadCommitted, ..ConsumerConfig::DEFAULT };
        let late = w.add_consumer(quick_client(), strict, ConsumerMemory::owned(), &[("t", 3)]);
        w.run_ms(3_000);
        assert_eq!(w.consumer(late).records, 2, "{release:?}");
        read_by(&mut w, c, 2);
    }
}

/// Where there is no room to note who coordinates, it is asked for less and less often.
#[test]
fn a_coordinator_without_room_is_no_reason_to_spin() {
    for id in ["a", "b", "c", "d", "e", "f", "g", "h"] {
        let mut w = World::new(cluster(8, 1), 1, true);
        let config = quick_producer();
        let with = Transactional { id, timeout: Duration::from_millis(30_000), name: "p0", first_id: 0 };
        let app = w.transactional(quick_client(), config, memory(Memory::Lent, &config), &["t"], &with);
        let p = w.add_app(app);
        w.with_producer(p, |app, now, history| app.init_transactions(now, history));
        w.run_ms(10_000);
        let asked = w.wire.requests.get(&ApiKey::FIND_COORDINATOR.0).copied().unwrap_or(0);
        assert!(asked < 50, "{id}: asked {asked} times");
        w.assert_sound();
    }
}

/// The cluster is upgraded while a transaction is open: it ends by the rules it began with (KIP-890).
#[test]
fn the_protocol_of_a_transaction_is_that_of_its_beginning() {
    let (mut w, p) = one_transactional(Config { transaction_version: 0, ..cluster(1, 3) });
    let added = |w: &World<'_>| w.wire.requests.get(&ApiKey::ADD_PARTITIONS_TO_TXN.0).copied().unwrap_or(0);
    w.transact(p, &[0]);
    w.begin(p);
    w.send_one(p, Some(0), 0);
    w.settle(p, 1_000);
    let before = added(&w);
    // The client is told when it connects again.
    w.cluster.upgrade_transactions(2);
    w.cluster.drop_connections(0);
    w.drain_cluster();
    w.run_ms(1_000);
    w.send_one(p, Some(1), 0);
    w.settle(p, 3_000);
    assert_eq!(added(&w), before + 1, "each partition of the open one is added");
    w.commit(p);
    w.reach_step(p, Step::Idle, 3_000);
    w.transact(p, &[2]);
    assert_eq!(added(&w), before + 1, "of the next one the cluster adds them itself");
    assert_eq!(committed(&mut w), 3);
    assert_eq!(w.verdict(), []);
    w.assert_sound();
}
