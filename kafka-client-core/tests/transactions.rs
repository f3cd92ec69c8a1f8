//! Transactions against the in-process broker, with and without KIP-890.

mod support;

use kafka_broker::{Action, Config, Release};
use kafka_client_core::config::{ClientConfig, ConsumerConfig, Isolation, ProducerConfig};
use kafka_client_core::consumer::{Consumer, Decompressor, Start};
use kafka_client_core::producer::{
    AppendError, Delivery, GroupMetadata, Outcome, Producer, SendError, TransactionError, TransactionState,
};
use kafka_client_core::resources::{ConsumerMemory, ProducerMemory, Resources};
use kafka_client_core::time::{Duration, Instant};
use kafka_proto::record::NewRecord;
use kafka_proto::{ApiKey, ErrorCode};
use support::{Wire, collect};

const MINUTE: Duration = Duration::from_millis(60_000);

fn cluster(release: Release) -> Config {
    Config { nodes: 3, release, topics: vec![("t".into(), 3), ("in".into(), 1)], ..Config::default() }
}

fn producer(id: &str) -> Producer<'static> {
    let config = ProducerConfig::DEFAULT;
    let memory = ProducerMemory::owned(config.batch_size, false);
    let plain = Producer::new(ClientConfig::DEFAULT, config, [("localhost".into(), 9092)], memory)
        .expect("a producer");
    plain.transactional(id.to_owned().into(), MINUTE).expect("a transactional one")
}

/// Runs until the transaction's state is what `wanted` says.
fn until(
    wire: &mut Wire<'static>,
    p: &mut Producer<'static>,
    wanted: fn(TransactionState) -> bool,
) -> Vec<Delivery> {
    let mut out = Vec::new();
    let reached = wire.run_until(p, MINUTE, collect(&mut out), |p| wanted(p.transaction()));
    assert!(reached, "stuck in {:?}; {:?}", p.transaction(), p.troubles().collect::<Vec<_>>());
    out
}

fn is_ready(state: TransactionState) -> bool {
    state == TransactionState::Ready
}

fn append(wire: &mut Wire<'static>, p: &mut Producer<'static>, partition: u32, value: &str) {
    let topic = p.topic("t".into()).expect("a topic");
    let record = NewRecord { value: Some(value.as_bytes()), ..NewRecord::default() };
    let mut out = Vec::new();
    wire.run_until(p, MINUTE, collect(&mut out), |p| p.partitions(topic) > 0);
    p.append(wire.now, topic, Some(partition), &record).expect("taken");
}

/// What a `read_committed` consumer sees.
fn committed(wire: &Wire<'_>) -> Vec<String> {
    let mut seen = Vec::new();
    for partition in 0..3 {
        let state = wire.cluster.partition("t", partition).expect("a partition");
        let stable = state.last_stable_offset();
        let aborted: Vec<_> = state.aborted_in(0, i64::MAX).copied().collect();
        let hidden = |id: i64, offset: i64| {
            aborted.iter().any(|a| a.producer_id == id && (a.first_offset..=a.last_offset).contains(&offset))
        };
        let log = wire.cluster.log("t", partition).expect("a log");
        let visible = log.into_iter().filter(|r| r.offset < stable && !hidden(r.producer_id, r.offset));
        seen.extend(visible.map(|r| String::from_utf8(r.value.expect("a value")).expect("text")));
    }
    seen.sort();
    seen
}

#[test]
fn what_is_committed_is_seen_and_what_is_aborted_is_not() {
    for release in [Release::V2_1, Release::V2_8, Release::V3_9, Release::V4_3] {
        let mut wire = Wire::new(cluster(release));
        let mut p = producer("a");
        p.init_transactions().expect("first call");
        until(&mut wire, &mut p, is_ready);
        for round in 0..6 {
            p.begin_transaction().expect("ready");
            for partition in 0..3 {
                append(&mut wire, &mut p, partition, &format!("{round}/{partition}"));
            }
            if round % 2 == 0 {
                p.commit_transaction(wire.now).expect("open");
            } else {
                let mut out = Vec::new();
                wire.run_until(&mut p, Duration::from_millis(20), collect(&mut out), |_| false);
                p.abort_transaction(wire.now).expect("open");
            }
            until(&mut wire, &mut p, is_ready);
        }
        let expected: Vec<String> =
            [0, 2, 4].iter().flat_map(|r| (0..3).map(move |p| format!("{r}/{p}"))).collect();
        assert_eq!(committed(&wire), expected, "{release:?}");
        let mut reader = Wire::new(cluster(release));
        std::mem::swap(&mut reader.cluster, &mut wire.cluster);
        reader.now = wire.now;
        assert_eq!(read(&mut reader, Isolation::ReadCommitted, 9), expected, "{release:?}");
        assert_eq!(read(&mut reader, Isolation::ReadUncommitted, 18).len(), 18, "{release:?}");
    }
}

/// What a consumer sees until it has caught up with the end of each partition.
fn read(wire: &mut Wire<'static>, isolation: Isolation, count: usize) -> Vec<String> {
    let config = ConsumerConfig { isolation, ..ConsumerConfig::DEFAULT };
    let bootstrap = [("localhost".into(), 9092)];
    let mut c =
        Consumer::new(ClientConfig::DEFAULT, config, bootstrap, ConsumerMemory::owned()).expect("a consumer");
    let topic = c.topic("t".into()).expect("a topic");
    for partition in 0..3 {
        c.assign(wire.now, topic, partition, Start::Earliest).expect("room");
    }
    let (mut seen, mut decompressor) = (Vec::new(), Decompressor::owned(1 << 20));
    let each = |c: &mut Consumer<'static>, now: Instant| {
        while let Some(mut fetched) = c.poll_fetched(now) {
            while let Some(batch) = fetched.next_batch(&mut decompressor) {
                for record in batch.expect("a readable batch").records() {
                    let value = record.expect("a readable record").value.expect("a value");
                    seen.push(String::from_utf8(value.to_vec()).expect("text"));
                }
            }
            c.release(now, fetched);
        }
    };
    let at_end = |c: &mut Consumer<'static>| {
        (0..3).all(|p| {
            c.high_watermark(topic, p).is_some() && c.position(topic, p) == c.high_watermark(topic, p)
        })
    };
    assert!(wire.run_until(&mut c, MINUTE, each, at_end), "not at the end: {count} expected");
    seen.sort();
    seen
}

#[test]
fn an_empty_transaction_asks_nobody_and_misuse_is_an_error_at_the_call() {
    let mut wire = Wire::new(cluster(Release::V4_3));
    let mut p = producer("a");
    assert_eq!(p.begin_transaction(), Err(TransactionError::WrongState(TransactionState::Uninitialized)));
    p.init_transactions().expect("first call");
    until(&mut wire, &mut p, is_ready);
    let topic = p.topic("t".into()).expect("a topic");
    let outside = p.append(wire.now, topic, Some(0), &NewRecord::default());
    assert_eq!(outside.unwrap_err(), AppendError::Transaction(TransactionState::Ready));
    assert_eq!(p.commit_transaction(wire.now), Err(TransactionError::WrongState(TransactionState::Ready)));
    p.begin_transaction().expect("ready");
    assert_eq!(p.begin_transaction(), Err(TransactionError::WrongState(TransactionState::Open)));
    p.commit_transaction(wire.now).expect("open");
    until(&mut wire, &mut p, is_ready);
}

#[test]
fn a_second_producer_fences_the_first() {
    for release in [Release::V2_8, Release::V4_3] {
        let mut wire = Wire::new(cluster(release));
        let mut first = producer("a");
        first.init_transactions().expect("first call");
        until(&mut wire, &mut first, is_ready);
        first.begin_transaction().expect("ready");
        append(&mut wire, &mut first, 0, "lost");
        let mut out = Vec::new();
        wire.run_until(&mut first, Duration::from_millis(50), collect(&mut out), |p| !p.unresolved());
        // The second one speaks over a wire of its own.
        let mut other = Wire::new(cluster(release));
        std::mem::swap(&mut other.cluster, &mut wire.cluster);
        other.now = wire.now;
        let mut second = producer("a");
        second.init_transactions().expect("first call");
        until(&mut other, &mut second, is_ready);
        second.begin_transaction().expect("ready");
        append(&mut other, &mut second, 0, "kept");
        second.commit_transaction(other.now).expect("open");
        until(&mut other, &mut second, is_ready);
        std::mem::swap(&mut other.cluster, &mut wire.cluster);
        wire.now = other.now;
        first.commit_transaction(wire.now).expect("open");
        until(&mut wire, &mut first, |s| matches!(s, TransactionState::Failed(_)));
        assert_eq!(first.transaction(), TransactionState::Failed(ErrorCode::PRODUCER_FENCED), "{release:?}");
        assert_eq!(committed(&wire), ["kept"]);
    }
}

#[test]
fn what_a_fenced_producer_has_not_sent_fails_at_once() {
    // Before KIP-890 it learns that it is fenced when a partition is to join the transaction, before a record is sent.
    let release = Release::V2_8;
    let mut wire = Wire::new(cluster(release));
    let mut first = producer("a");
    first.init_transactions().expect("first call");
    until(&mut wire, &mut first, is_ready);
    let mut other = Wire::new(cluster(release));
    std::mem::swap(&mut other.cluster, &mut wire.cluster);
    other.now = wire.now;
    let mut second = producer("a");
    second.init_transactions().expect("first call");
    until(&mut other, &mut second, is_ready);
    std::mem::swap(&mut other.cluster, &mut wire.cluster);
    wire.now = other.now;
    first.begin_transaction().expect("it does not know yet");
    append(&mut wire, &mut first, 0, "lost");
    let mut out = Vec::new();
    first.flush(wire.now);
    let soon = Duration::from_millis(1_000);
    let told = wire.run_until(&mut first, soon, collect(&mut out), |p| !p.unresolved());
    assert!(told, "{:?}, and its record waits for the delivery timeout", first.transaction());
    let why = Outcome::NotWritten(SendError::Broker(ErrorCode::PRODUCER_FENCED));
    assert_eq!(out.iter().map(|d| d.outcome).collect::<Vec<_>>(), [why]);
    assert_eq!(first.transaction(), TransactionState::Failed(ErrorCode::PRODUCER_FENCED));
}

#[test]
fn offsets_are_committed_with_the_records() {
    for release in [Release::V2_1, Release::V4_3] {
        let mut wire = Wire::new(cluster(release));
        let mut p = producer("a");
        p.init_transactions().expect("first call");
        until(&mut wire, &mut p, is_ready);
        let group = GroupMetadata { group_id: "g".into(), generation: -1, ..GroupMetadata::default() };
        for (offset, commit) in [(5, true), (9, false), (7, true)] {
            p.begin_transaction().expect("ready");
            append(&mut wire, &mut p, 1, "copy");
            let input = p.topic("in".into()).expect("a topic");
            p.send_offset(&group, input, 0, offset).expect("open");
            match commit {
                true => p.commit_transaction(wire.now).expect("open"),
                false => p.abort_transaction(wire.now).expect("open"),
            }
            until(&mut wire, &mut p, is_ready);
        }
        assert_eq!(wire.cluster.committed_offset("g", "in", 0), Some(7), "{release:?}");
    }
}

#[test]
fn connections_cut_in_the_middle_end_in_a_whole_commit() {
    for release in [Release::V2_8, Release::V4_3] {
        let mut wire = Wire::new(cluster(release));
        let mut p = producer("a");
        p.init_transactions().expect("first call");
        until(&mut wire, &mut p, is_ready);
        let mut expected = Vec::new();
        for round in 0..60 {
            p.begin_transaction().expect("ready");
            for partition in 0..3 {
                append(&mut wire, &mut p, partition, &format!("{round:02}/{partition}"));
            }
            p.commit_transaction(wire.now).expect("open");
            let mut steps = round % 9;
            let mut out = Vec::new();
            wire.run_until(&mut p, MINUTE, collect(&mut out), |p| {
                steps -= 1;
                steps <= 0 || is_ready(p.transaction())
            });
            wire.cut(&mut p);
            let mut rest =
                until(&mut wire, &mut p, |s| is_ready(s) || matches!(s, TransactionState::AbortOnly(_)));
            out.append(&mut rest);
            assert!(is_ready(p.transaction()), "{:?} {out:?}", p.transaction());
            assert!(out.iter().all(|d| matches!(d.outcome, Outcome::Acked { .. })));
            expected.extend((0..3).map(|partition| format!("{round:02}/{partition}")));
        }
        assert_eq!(committed(&wire), expected, "{release:?}");
    }
}

/// Several batches under way are too large for the topic: each is sent in parts, and the transaction is committed.
#[test]
fn batches_that_are_too_large_are_sent_in_parts_within_a_transaction() {
    for release in [Release::V2_1, Release::V2_8, Release::V3_9, Release::V4_3] {
        let mut wire = Wire::new(Config { max_message_bytes: 1024, ..cluster(release) });
        let mut p = producer("a");
        p.init_transactions().expect("first call");
        until(&mut wire, &mut p, is_ready);
        p.begin_transaction().expect("ready");
        append(&mut wire, &mut p, 0, "000");
        p.flush(wire.now);
        let mut out = Vec::new();
        assert!(wire.run_until(&mut p, MINUTE, collect(&mut out), |p| !p.unresolved()));
        // While the answer to a small one is held back, large ones follow it.
        wire.cluster.inject(ApiKey::PRODUCE, Action::Delay(100_000));
        for batch in 0..4 {
            for n in 0..if batch == 0 { 1 } else { 12 } {
                append(&mut wire, &mut p, 0, &format!("{batch}{n:02}{}", "x".repeat(300)));
            }
            p.flush(wire.now);
            wire.settle(&mut p, collect(&mut out));
        }
        p.commit_transaction(wire.now).expect("open");
        out.append(&mut until(&mut wire, &mut p, |s| !matches!(s, TransactionState::Committing)));
        assert!(is_ready(p.transaction()), "{release:?}: {:?}", p.transaction());
        assert!(out.iter().all(|d| matches!(d.outcome, Outcome::Acked { .. })), "{release:?}");
        assert!(out.iter().any(|d| d.first > 0), "{release:?}: some were split");
        let log = wire.cluster.log("t", 0).expect("a log").into_iter().filter_map(|r| r.value);
        let written: Vec<_> = log.filter(|v| v.len() > 3).map(|v| v[..3].to_vec()).collect();
        assert_eq!(written.len(), 37, "{release:?}");
        assert!(written.is_sorted(), "{release:?}: {written:?}");
    }
}

/// With KIP-890 offsets alone begin a transaction, also those that were taken when others in the same request were not.
#[test]
fn offsets_that_were_taken_are_aborted_when_others_were_not() {
    let mut wire = Wire::new(cluster(Release::V4_3));
    let mut p = producer("a");
    p.init_transactions().expect("first call");
    until(&mut wire, &mut p, is_ready);
    let group = GroupMetadata { group_id: "g".into(), generation: -1, ..GroupMetadata::default() };
    let input = p.topic("in".into()).expect("a topic");
    p.begin_transaction().expect("ready");
    p.send_offset(&group, input, 0, 9).expect("open");
    // There is no such partition: asked again, and then refused for good.
    p.send_offset(&group, input, 5, 9).expect("open");
    wire.cluster.inject_many(
        ApiKey::TXN_OFFSET_COMMIT,
        None,
        1,
        1,
        Action::Error(ErrorCode::ILLEGAL_GENERATION),
    );
    p.commit_transaction(wire.now).expect("open");
    until(&mut wire, &mut p, |s| matches!(s, TransactionState::AbortOnly(_)));
    p.abort_transaction(wire.now).expect("to be aborted");
    until(&mut wire, &mut p, is_ready);
    p.begin_transaction().expect("ready");
    append(&mut wire, &mut p, 1, "next");
    p.commit_transaction(wire.now).expect("open");
    until(&mut wire, &mut p, is_ready);
    assert_eq!(wire.cluster.committed_offset("g", "in", 0), None);
}

/// A transactional id for which the lent frames have room, and one for which they have none.
#[test]
fn what_does_not_fit_a_lent_frame_is_no_reason_to_spin() {
    for id in ["t", "an-id-that-is-much-too-long-for-the-frames-that-were-lent-to-this-producer-of-ours"] {
        let mut resources: Resources<'_, 3, 6, 1, 3, 4, 512, 1024, 96> = Resources::new();
        let config = ProducerConfig { batch_size: 512, ..ProducerConfig::DEFAULT };
        let bootstrap = [("localhost".into(), 9092)];
        let plain = Producer::new(ClientConfig::DEFAULT, config, bootstrap, resources.lend()).expect("sound");
        let mut p = plain.transactional(id.into(), MINUTE).expect("a transactional one");
        let mut wire = Wire::new(cluster(Release::V3_9));
        p.init_transactions().expect("the first call");
        let reached = wire.run_until(&mut p, MINUTE, |_, _| {}, |p| is_ready(p.transaction()));
        assert_eq!(reached, id == "t", "{:?}", p.transaction());
    }
}
