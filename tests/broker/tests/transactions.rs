//! Transactions, V1 and V2: what readers see, who is fenced, what a retry is told.

mod common;

use common::{Bench, Fetch, Message, batch, fetched};
use kafka_broker::{Config, TxnState};
use kafka_proto::messages::*;
use kafka_proto::record::Stamp;
use kafka_proto::{Array, ErrorCode, Records, Uuid};

const OK: ErrorCode = ErrorCode::NONE;

fn txn_batch(values: &[&str], (producer_id, producer_epoch): (i64, i16), base_sequence: i32) -> Vec<u8> {
    batch(values, &Stamp { producer_id, producer_epoch, base_sequence, transactional: true, ..Stamp::NONE })
}

fn init(b: &mut Bench, version: i16, claimed: (i64, i16)) -> Result<(i64, i16), ErrorCode> {
    let request = InitProducerIdRequest {
        transactional_id: Some("tx"),
        transaction_timeout_ms: 10_000,
        producer_id: claimed.0,
        producer_epoch: claimed.1,
        ..Default::default()
    };
    let body = b.ask(0, version, &request);
    let answer = InitProducerIdResponse::decode(version, &body).unwrap();
    answer.error_code.ok().map(|()| (answer.producer_id, answer.producer_epoch))
}

fn add(b: &mut Bench, (producer_id, producer_epoch): (i64, i16), partitions: &[i32]) -> ErrorCode {
    let topics = [AddPartitionsToTxnTopic { name: "t", partitions: Array::slice(partitions) }];
    let request = AddPartitionsToTxnRequest {
        v3_and_below_transactional_id: "tx",
        v3_and_below_producer_id: producer_id,
        v3_and_below_producer_epoch: producer_epoch,
        v3_and_below_topics: Array::slice(&topics),
        ..Default::default()
    };
    let body = b.ask(0, 3, &request);
    let answer = AddPartitionsToTxnResponse::decode(3, &body).unwrap();
    let row = answer.results_by_topic_v3_and_below.first().unwrap().results_by_partition.first();
    row.unwrap().partition_error_code
}

fn end(
    b: &mut Bench,
    version: i16,
    (producer_id, producer_epoch): (i64, i16),
    committed: bool,
) -> Result<(i64, i16), ErrorCode> {
    let request = EndTxnRequest { transactional_id: "tx", producer_id, producer_epoch, committed };
    let body = b.ask(0, version, &request);
    let answer = EndTxnResponse::decode(version, &body).unwrap();
    answer.error_code.ok().map(|()| (answer.producer_id, answer.producer_epoch))
}

/// Values that a reader of committed records gets, as a client filters them.
fn committed(b: &mut Bench, partition: i32) -> Vec<String> {
    let conn = b.conn(0);
    b.send_fetch(conn, 11, &Fetch { partition, committed: true, ..Fetch::default() });
    let answer = fetched(11, &b.take(conn).unwrap());
    let aborted = answer.aborted.clone().unwrap();
    let mut open: Vec<i64> = Vec::new();
    let mut values = Vec::new();
    for found in kafka_proto::record::batches(&answer.bytes).map(Result::unwrap) {
        let header = *found.header();
        open.extend(
            aborted.iter().filter(|a| a.1 >= header.base_offset && a.1 <= header.last_offset()).map(|a| a.0),
        );
        if header.attributes.is_control() {
            let key = found.records().unwrap().next().unwrap().unwrap().key.unwrap().to_vec();
            open.retain(|id| !(key[3] == 0 && *id == header.producer_id));
        } else if !open.contains(&header.producer_id) {
            let text = |v: Option<&[u8]>| String::from_utf8(v.unwrap().to_vec()).unwrap();
            values.extend(found.records().unwrap().map(|r| text(r.unwrap().value)));
        }
    }
    values
}

#[test]
fn v1_commit_and_abort_as_readers_see_them() {
    let mut b = Bench::single();
    let me = init(&mut b, 3, (-1, -1)).unwrap();
    assert_eq!(
        b.produce_as(0, 0, -1, &txn_batch(&["early"], me, 0), Some("tx")).0,
        ErrorCode::TRANSACTION_ABORTABLE
    );
    assert_eq!(add(&mut b, me, &[0]), OK);
    assert_eq!(b.produce_as(0, 0, -1, &txn_batch(&["a", "b"], me, 0), Some("tx")), (OK, 0));
    b.produce(0, 0, -1, &common::plain(&["other"]));
    assert_eq!(committed(&mut b, 0), [""; 0]);
    let open = b.fetch(0, 0, 0);
    assert_eq!((open.values().len(), open.last_stable, open.high_watermark), (3, 0, 3));
    assert_eq!(end(&mut b, 3, me, true), Ok((-1, -1)));
    assert_eq!(committed(&mut b, 0), ["a", "b", "other"]);
    assert_eq!(add(&mut b, me, &[0]), OK);
    assert_eq!(b.produce_as(0, 0, -1, &txn_batch(&["c"], me, 2), Some("tx")), (OK, 4), "after the marker");
    assert_eq!(end(&mut b, 3, me, false), Ok((-1, -1)));
    assert_eq!(committed(&mut b, 0), ["a", "b", "other"]);
    assert_eq!(end(&mut b, 3, me, false), Ok((-1, -1)), "a retry");
    assert_eq!(end(&mut b, 3, me, true), Err(ErrorCode::INVALID_TXN_STATE));
    assert_eq!(b.fetch(0, 0, 0).last_stable, 6);
}

#[test]
fn a_waiting_reader_of_committed_records_is_woken_by_the_marker() {
    let mut b = Bench::single();
    let me = init(&mut b, 3, (-1, -1)).unwrap();
    add(&mut b, me, &[0]);
    b.produce_as(0, 0, -1, &txn_batch(&["a"], me, 0), Some("tx"));
    let reader = b.connect(0);
    b.send_fetch(reader, 11, &Fetch { committed: true, wait_ms: 500, ..Fetch::default() });
    assert_eq!(b.take(reader), None);
    end(&mut b, 3, me, true).unwrap();
    assert_eq!(fetched(11, &b.take(reader).unwrap()).values(), ["a"]);
}

#[test]
fn a_new_instance_fences_the_old_one_and_aborts_what_it_left() {
    let mut b = Bench::single();
    let old = init(&mut b, 4, (-1, -1)).unwrap();
    add(&mut b, old, &[0]);
    b.produce_as(0, 0, -1, &txn_batch(&["a"], old, 0), Some("tx"));
    assert_eq!(init(&mut b, 4, (-1, -1)), Err(ErrorCode::CONCURRENT_TRANSACTIONS));
    let new = init(&mut b, 4, (-1, -1)).unwrap();
    assert_eq!((new.0, new.1 > old.1), (old.0, true));
    assert_eq!(add(&mut b, old, &[0]), ErrorCode::PRODUCER_FENCED);
    assert_eq!(end(&mut b, 3, old, true), Err(ErrorCode::PRODUCER_FENCED));
    assert_eq!(end(&mut b, 1, old, true), Err(ErrorCode::INVALID_PRODUCER_EPOCH));
    let late = b.produce_as(0, 0, -1, &txn_batch(&["b"], old, 1), Some("tx"));
    assert_eq!(late.0, ErrorCode::INVALID_PRODUCER_EPOCH);
    assert_eq!(committed(&mut b, 0), [""; 0]);
    assert_eq!(b.fetch(0, 0, 0).last_stable, 2);
    assert_eq!(init(&mut b, 4, old), Err(ErrorCode::PRODUCER_FENCED), "recovery of the old one");
}

#[test]
fn nobody_recovers_with_an_epoch_from_before_a_successor() {
    let mut b = Bench::single();
    let old = init(&mut b, 4, (-1, -1)).unwrap();
    let new = init(&mut b, 4, (-1, -1)).unwrap();
    assert_eq!(new, (old.0, old.1 + 1));
    assert_eq!(init(&mut b, 4, old), Err(ErrorCode::PRODUCER_FENCED), "it would get the successor's epoch");
    assert_eq!(add(&mut b, new, &[0]), OK);
}

#[test]
fn the_next_transaction_waits_for_the_marker_of_the_last_one() {
    let topics = vec![("t".into(), 1)];
    let mut b = Bench::new(Config { txn_marker_delay_us: 50_000, topics, ..Config::default() });
    let me = init(&mut b, 5, (-1, -1)).unwrap();
    assert_eq!(produce_v12(&mut b, 12, &txn_batch(&["a"], me, 0)), (OK, 0));
    let next = end(&mut b, 5, me, false).unwrap();
    assert_eq!(next, (me.0, me.1 + 1));
    let early = produce_v12(&mut b, 12, &txn_batch(&["b"], next, 0));
    assert_eq!(early.0, ErrorCode::CONCURRENT_TRANSACTIONS, "it would be aborted with the last one");
    b.now += 50_000;
    b.cluster.poll(b.now);
    assert_eq!(produce_v12(&mut b, 12, &txn_batch(&["b"], next, 0)), (OK, 2));
    end(&mut b, 5, next, true).unwrap();
    b.now += 50_000;
    b.cluster.poll(b.now);
    assert_eq!(committed(&mut b, 0), ["b"]);
}

#[test]
fn a_marker_that_an_election_lost_is_written_again() {
    for expired in [false, true] {
        let mut b = Bench::single();
        let me = init(&mut b, 4, (-1, -1)).unwrap();
        add(&mut b, me, &[0]);
        b.produce_as(0, 0, -1, &txn_batch(&["a"], me, 0), Some("tx"));
        end(&mut b, 3, me, false).unwrap();
        if expired {
            b.cluster.expire_producers(0);
        }
        assert!(b.cluster.unclean_election("t", 0, 0, 1));
        assert_eq!(b.fetch(0, 0, 0).last_stable, 2);
        assert_eq!(committed(&mut b, 0), [""; 0], "expired: {expired}");
    }
}

#[test]
fn a_topic_made_anew_within_a_transaction_gets_the_marker_too() {
    let topics = vec![("t".into(), 1)];
    let mut b = Bench::new(Config { release: kafka_broker::Release::V3_9, topics, ..Config::default() });
    let me = init(&mut b, 4, (-1, -1)).unwrap();
    assert_eq!(add(&mut b, me, &[0]), OK);
    assert!(b.cluster.recreate_topic("t"));
    assert_eq!(b.produce_as(0, 0, -1, &txn_batch(&["a"], me, 0), Some("tx")), (OK, 0));
    assert_eq!(end(&mut b, 3, me, true), Ok((-1, -1)));
    assert_eq!(b.fetch(0, 0, 0).last_stable, 2);
    assert_eq!(committed(&mut b, 0), ["a"]);
}

#[test]
fn recovery_with_the_own_epoch_bumps_once() {
    let mut b = Bench::single();
    let me = init(&mut b, 4, (-1, -1)).unwrap();
    let next = init(&mut b, 4, me).unwrap();
    assert_eq!(next, (me.0, me.1 + 1));
    assert_eq!(init(&mut b, 4, me), Ok(next), "the answer was lost, the request comes again");
    assert_eq!(add(&mut b, (me.0 + 5, 0), &[0]), ErrorCode::INVALID_PRODUCER_ID_MAPPING);
}

#[test]
fn a_transaction_that_lasts_too_long_is_aborted() {
    let mut b = Bench::single();
    let me = init(&mut b, 4, (-1, -1)).unwrap();
    add(&mut b, me, &[0]);
    b.produce_as(0, 0, -1, &txn_batch(&["a"], me, 0), Some("tx"));
    b.pass(9_999_999);
    assert_eq!(b.cluster.transaction("tx").unwrap().state, TxnState::Ongoing);
    b.pass(1);
    assert_eq!(b.cluster.transaction("tx").unwrap().state, TxnState::Complete { commit: false });
    assert_eq!(end(&mut b, 3, me, true), Err(ErrorCode::PRODUCER_FENCED));
    assert_eq!(b.fetch(0, 0, 0).last_stable, 2);
}

#[test]
fn until_the_markers_are_written_the_next_one_waits() {
    let topics = vec![("t".into(), 1)];
    let mut b = Bench::new(Config { txn_marker_delay_us: 50_000, topics, ..Config::default() });
    let me = init(&mut b, 4, (-1, -1)).unwrap();
    add(&mut b, me, &[0]);
    b.produce_as(0, 0, -1, &txn_batch(&["a"], me, 0), Some("tx"));
    end(&mut b, 3, me, true).unwrap();
    assert_eq!(add(&mut b, me, &[0]), ErrorCode::CONCURRENT_TRANSACTIONS);
    assert_eq!(init(&mut b, 4, (-1, -1)), Err(ErrorCode::CONCURRENT_TRANSACTIONS));
    b.pass(50_000);
    assert_eq!(committed(&mut b, 0), ["a"]);
    assert_eq!(add(&mut b, me, &[0]), OK);
}

fn produce_v12(b: &mut Bench, version: i16, records: &[u8]) -> (ErrorCode, i64) {
    let topic_id = Uuid(b.cluster.topic("t").unwrap().id);
    let data = [PartitionProduceData { index: 0, records: Records::Bytes(records) }];
    let topics = [TopicProduceData { name: "t", topic_id, partition_data: Array::slice(&data) }];
    let topic_data = Array::slice(&topics);
    let request = ProduceRequest { transactional_id: Some("tx"), acks: -1, timeout_ms: 1000, topic_data };
    let body = b.ask(0, version, &request);
    let response = ProduceResponse::decode(version, &body).unwrap();
    let row = response.responses.first().unwrap().partition_responses.first().unwrap();
    (row.error_code, row.base_offset)
}

#[test]
fn v2_adds_partitions_by_itself_and_bumps_the_epoch_with_each_end() {
    let mut b = Bench::single();
    let me = init(&mut b, 5, (-1, -1)).unwrap();
    assert_eq!(
        produce_v12(&mut b, 12, &txn_batch(&["gap"], me, 3)).0,
        ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER
    );
    assert_eq!(produce_v12(&mut b, 12, &txn_batch(&["a"], me, 0)), (OK, 0));
    let next = end(&mut b, 5, me, true).unwrap();
    assert_eq!(next, (me.0, me.1 + 1));
    assert_eq!(committed(&mut b, 0), ["a"]);
    assert_eq!(end(&mut b, 5, me, true), Ok(next), "the answer was lost");
    assert_eq!(end(&mut b, 5, me, false), Err(ErrorCode::INVALID_TXN_STATE));
    // KIP-890: what was delayed from the last transaction cannot get into this one.
    assert_eq!(produce_v12(&mut b, 13, &txn_batch(&["late"], me, 1)).0, ErrorCode::INVALID_PRODUCER_EPOCH);
    assert_eq!(produce_v12(&mut b, 13, &txn_batch(&["b"], next, 0)), (OK, 2));
    assert_eq!(end(&mut b, 5, me, true), Err(ErrorCode::PRODUCER_FENCED));
    let third = end(&mut b, 5, next, false).unwrap();
    assert_eq!(committed(&mut b, 0), ["a"]);
    assert_eq!(end(&mut b, 5, third, false), Ok((third.0, third.1 + 1)), "an abort of nothing is allowed");
    assert_eq!(end(&mut b, 5, (third.0, third.1 + 1), true), Err(ErrorCode::INVALID_TXN_STATE));
}

fn txn_commit(
    b: &mut Bench,
    version: i16,
    (producer_id, producer_epoch): (i64, i16),
    offset: i64,
) -> ErrorCode {
    let parts = [TxnOffsetCommitRequestPartition { committed_offset: offset, ..Default::default() }];
    let topics =
        [TxnOffsetCommitRequestTopic { name: "t", partitions: Array::slice(&parts), ..Default::default() }];
    let request = TxnOffsetCommitRequest {
        transactional_id: "tx",
        group_id: "g",
        producer_id,
        producer_epoch,
        topics: Array::slice(&topics),
        ..Default::default()
    };
    let body = b.ask(0, version, &request);
    let answer = TxnOffsetCommitResponse::decode(version, &body).unwrap();
    answer.topics.first().unwrap().partitions.first().unwrap().error_code
}

fn offset_of(b: &mut Bench, require_stable: bool) -> (ErrorCode, i64) {
    let topics = [OffsetFetchRequestTopic { name: "t", partition_indexes: Array::slice(&[0]) }];
    let topics = Some(Array::slice(&topics));
    let body =
        b.ask(0, 7, &OffsetFetchRequest { group_id: "g", topics, require_stable, ..Default::default() });
    let row =
        OffsetFetchResponse::decode(7, &body).unwrap().topics.first().unwrap().partitions.first().unwrap();
    (row.error_code, row.committed_offset)
}

#[test]
fn offsets_in_a_transaction_are_seen_when_it_commits() {
    let mut b = Bench::single();
    let mut me = init(&mut b, 4, (-1, -1)).unwrap();
    assert_eq!(txn_commit(&mut b, 3, me, 5), ErrorCode::INVALID_TXN_STATE);
    let request = AddOffsetsToTxnRequest {
        transactional_id: "tx",
        producer_id: me.0,
        producer_epoch: me.1,
        group_id: "g",
    };
    let body = b.ask(0, 3, &request);
    assert_eq!(AddOffsetsToTxnResponse::decode(3, &body).unwrap().error_code, OK);
    assert_eq!(txn_commit(&mut b, 3, me, 5), OK);
    assert_eq!(offset_of(&mut b, true), (ErrorCode::UNSTABLE_OFFSET_COMMIT, -1));
    assert_eq!(offset_of(&mut b, false), (OK, -1));
    end(&mut b, 3, me, true).unwrap();
    assert_eq!(offset_of(&mut b, true), (OK, 5));
    // V2: the group is added by the commit itself.
    assert_eq!(txn_commit(&mut b, 5, me, 9), OK);
    me = end(&mut b, 5, me, false).unwrap();
    assert_eq!(offset_of(&mut b, true), (OK, 5));
    assert_eq!(txn_commit(&mut b, 5, me, 10), OK);
    end(&mut b, 5, me, true).unwrap();
    assert_eq!(offset_of(&mut b, true), (OK, 10));
}

#[test]
fn what_cannot_be_is_refused() {
    let mut b = Bench::single();
    for (name, timeout, code) in [
        ("", 1000, ErrorCode::INVALID_REQUEST),
        ("tx", 0, ErrorCode::INVALID_TRANSACTION_TIMEOUT),
        ("tx", i32::MAX, ErrorCode::INVALID_TRANSACTION_TIMEOUT),
    ] {
        let request = InitProducerIdRequest {
            transactional_id: Some(name),
            transaction_timeout_ms: timeout,
            ..Default::default()
        };
        let body = b.ask(0, 4, &request);
        assert_eq!(InitProducerIdResponse::decode(4, &body).unwrap().error_code, code);
    }
    let me = init(&mut b, 4, (-1, -1)).unwrap();
    assert_eq!(add(&mut b, me, &[7]), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(add(&mut b, me, &[0, 7]), ErrorCode::OPERATION_NOT_ATTEMPTED);
    assert_eq!(end(&mut b, 3, me, true), Err(ErrorCode::INVALID_TXN_STATE));
    add(&mut b, me, &[0]);
    b.produce_as(0, 0, -1, &txn_batch(&["a"], me, 0), Some("tx"));
    let outside = common::stamped(&["b"], me.0, me.1, 1);
    assert_eq!(b.produce(0, 0, -1, &outside).0, ErrorCode::INVALID_TXN_STATE);
}
