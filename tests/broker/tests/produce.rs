//! What a broker does with records: checks, offsets, idempotence, acknowledgements.

mod common;

use common::{Bench, Fetch, Message, batch, fetched, plain, produced, stamped};
use kafka_broker::{Action, Config, Release};
use kafka_proto::messages::*;
use kafka_proto::record::{BatchBuilder, NewRecord, Stamp};
use kafka_proto::{ApiKey, Array, ErrorCode, Records, Uuid};

#[test]
fn records_get_offsets_and_come_back() {
    let mut b = Bench::single();
    assert_eq!(b.produce(0, 0, 1, &plain(&["a", "b"])), (ErrorCode::NONE, 0));
    assert_eq!(b.produce(0, 0, -1, &plain(&["c"])), (ErrorCode::NONE, 2));
    let all = b.fetch(0, 0, 0);
    assert_eq!((all.values(), all.high_watermark), (vec!["a".into(), "b".into(), "c".into()], 3));
    assert_eq!(b.fetch(0, 0, 1).values(), ["a", "b", "c"], "the whole batch that holds the offset");
    assert_eq!(b.fetch(0, 0, 2).values(), ["c"]);
    assert_eq!(b.fetch(0, 0, 3).values(), [""; 0]);
    let log = b.cluster.log("t", 0).unwrap();
    assert_eq!(
        log.iter().map(|r| (r.offset, r.timestamp)).collect::<Vec<_>>(),
        [(0, 1000), (1, 1001), (2, 1000)]
    );
}

#[test]
fn every_version_of_produce_is_answered_in_its_shape() {
    let mut b = Bench::single();
    let id = b.cluster.topic("t").unwrap().id;
    for version in 3..=13 {
        let records = plain(&["x"]);
        let data = [PartitionProduceData { index: 0, records: Records::Bytes(&records) }];
        let topics =
            [TopicProduceData { name: "t", topic_id: Uuid(id), partition_data: Array::slice(&data) }];
        let request = ProduceRequest {
            acks: -1,
            timeout_ms: 1,
            topic_data: Array::slice(&topics),
            ..Default::default()
        };
        let body = b.ask(0, version, &request);
        let response = ProduceResponse::decode(version, &body).unwrap();
        let topic = response.responses.first().unwrap();
        let row = topic.partition_responses.first().unwrap();
        assert_eq!((row.error_code, row.base_offset), (ErrorCode::NONE, i64::from(version) - 3));
        assert_eq!(topic.topic_id.0 == id, version >= 13);
        assert_eq!(topic.name == "t", version < 13);
    }
}

#[test]
fn idempotence_knows_duplicates_gaps_and_old_epochs() {
    let mut b = Bench::single();
    for n in 0..6 {
        assert_eq!(b.produce(0, 0, -1, &stamped(&["x"], 5, 1, n)), (ErrorCode::NONE, i64::from(n)));
    }
    assert_eq!(b.produce(0, 0, -1, &stamped(&["x"], 5, 1, 1)), (ErrorCode::NONE, 1), "fifth from the end");
    let out_of_order = (ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, -1);
    assert_eq!(b.produce(0, 0, -1, &stamped(&["x"], 5, 1, 0)), out_of_order, "sixth from the end");
    assert_eq!(b.produce(0, 0, -1, &stamped(&["x"], 5, 1, 7)), out_of_order);
    assert_eq!(b.produce(0, 0, -1, &stamped(&["x"], 5, 0, 6)), (ErrorCode::INVALID_PRODUCER_EPOCH, -1));
    assert_eq!(b.produce(0, 0, -1, &stamped(&["x"], 5, 2, 0)), (ErrorCode::NONE, 6));
    assert_eq!(b.cluster.log("t", 0).unwrap().len(), 7);
    b.cluster.expire_producers(0);
    assert_eq!(b.produce(0, 0, -1, &stamped(&["x"], 5, 0, 77)), (ErrorCode::NONE, 7), "no state accepts any");
}

#[test]
fn kafka_2_1_does_not_accept_what_it_forgot() {
    let topics = vec![("t".into(), 1)];
    let mut b = Bench::new(Config { release: Release::V2_1, topics, ..Config::default() });
    let conn = b.conn(0);
    let records = stamped(&["x"], 5, 0, 3);
    let data = [PartitionProduceData { index: 0, records: Records::Bytes(&records) }];
    let topics = [TopicProduceData { name: "t", partition_data: Array::slice(&data), ..Default::default() }];
    let request =
        ProduceRequest { acks: -1, timeout_ms: 1, topic_data: Array::slice(&topics), ..Default::default() };
    b.send(conn, 7, &request);
    let body = b.take(conn).unwrap();
    let row =
        ProduceResponse::decode(7, &body).unwrap().responses.first().unwrap().partition_responses.first();
    assert_eq!(row.unwrap().error_code, ErrorCode::UNKNOWN_PRODUCER_ID);
}

#[test]
fn what_is_wrong_is_refused_and_nothing_is_appended() {
    let topics = vec![("t".into(), 1)];
    let mut b = Bench::new(Config { max_message_bytes: 2000, topics, ..Config::default() });
    let good = plain(&["a", "b"]);
    let mut cases: Vec<(ErrorCode, Vec<u8>)> = Vec::new();
    let mut flipped = good.clone();
    *flipped.last_mut().unwrap() ^= 1;
    cases.push((ErrorCode::CORRUPT_MESSAGE, flipped));
    cases.push((ErrorCode::INVALID_RECORD, Vec::new()));
    cases.push((ErrorCode::INVALID_RECORD, [good.clone(), good.clone()].concat()));
    cases.push((ErrorCode::INVALID_RECORD, good[..good.len() - 1].to_vec()));
    cases.push((ErrorCode::MESSAGE_TOO_LARGE, plain(&["x".repeat(3000).as_str()])));
    let transactional =
        Stamp { producer_id: 1, producer_epoch: 0, base_sequence: 0, transactional: true, ..Stamp::NONE };
    cases.push((ErrorCode::INVALID_RECORD, batch(&["x"], &transactional)));
    let mut wrong_count = good.clone();
    wrong_count[60] = 1;
    recrc(&mut wrong_count);
    cases.push((ErrorCode::INVALID_RECORD, wrong_count));
    for (code, bytes) in cases {
        assert_eq!(b.produce(0, 0, -1, &bytes), (code, -1));
    }
    assert_eq!(b.produce(0, 0, 2, &good).0, ErrorCode::INVALID_REQUIRED_ACKS);
    assert_eq!(b.produce(0, 9, 1, &good).0, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(b.cluster.partition("t", 0).unwrap().log.end_offset(), 0);
}

fn recrc(bytes: &mut [u8]) {
    let crc = kafka_proto::record::crc32c(&bytes[21..]);
    bytes[17..21].copy_from_slice(&crc.to_be_bytes());
}

#[test]
fn only_the_leader_takes_records_and_says_who_it_is() {
    let mut b = Bench::three();
    let conn = b.conn(1);
    b.send_produce(conn, 0, -1, &plain(&["a"]), None);
    let body = b.take(conn).unwrap();
    let response = ProduceResponse::decode(11, &body).unwrap();
    let row = response.responses.first().unwrap().partition_responses.first().unwrap();
    assert_eq!(row.error_code, ErrorCode::NOT_LEADER_OR_FOLLOWER);
    assert_eq!((row.current_leader.leader_id, row.current_leader.leader_epoch), (0, 0));
    assert_eq!(response.node_endpoints.first().unwrap().node_id, 0);
    assert!(b.cluster.set_leader("t", 0, 1));
    assert_eq!(b.produce(1, 0, -1, &plain(&["a"])).0, ErrorCode::NONE);
    assert_eq!(b.produce(0, 0, -1, &plain(&["a"])).0, ErrorCode::NOT_LEADER_OR_FOLLOWER);
}

#[test]
fn acks_zero_has_no_answer_and_an_error_closes() {
    let mut b = Bench::single();
    let conn = b.conn(0);
    b.send_produce(conn, 0, 0, &plain(&["a"]), None);
    assert_eq!((b.take(conn), b.cluster.log("t", 0).unwrap().len()), (None, 1));
    b.send_produce(conn, 5, 0, &plain(&["a"]), None);
    assert_eq!(b.closed.len(), 1);
}

#[test]
fn acks_all_waits_for_the_followers_and_the_tail_can_be_lost() {
    let mut b = Bench::new(Config {
        nodes: 3,
        topics: vec![("t".into(), 3)],
        replication_lag_us: 5_000,
        ..Config::default()
    });
    let conn = b.conn(0);
    b.send_produce(conn, 0, -1, &plain(&["a"]), None);
    assert_eq!(b.take(conn), None);
    assert_eq!(b.fetch(1, 0, 0).values(), [""; 0], "not below the high watermark yet");
    b.pass(4_999);
    assert_eq!(b.take(conn), None);
    b.pass(1);
    assert_eq!(produced(&b.take(conn).unwrap()), (ErrorCode::NONE, 0));
    for n in 0..20 {
        assert_eq!(b.produce(0, 0, 1, &plain(&[&format!("u{n}")])).0, ErrorCode::NONE);
    }
    b.cluster.kill_node(0);
    b.drain();
    let p = b.cluster.partition("t", 0).unwrap();
    assert_eq!((p.leader, p.leader_epoch), (1, 1));
    assert!(p.log.end_offset() >= 1 && p.log.end_offset() < 21, "{}", p.log.end_offset());
    assert_eq!(b.cluster.log("t", 0).unwrap()[0].value.as_deref(), Some(&b"a"[..]));
    b.pass(5_000);
    let p = b.cluster.partition("t", 0).unwrap();
    assert_eq!(p.high_watermark, p.log.end_offset(), "what was kept is replicated under the new leader");
}

#[test]
fn too_few_replicas_and_timeouts() {
    let mut b = Bench::new(Config {
        nodes: 3,
        topics: vec![("t".into(), 1)],
        replication_lag_us: 5_000_000,
        min_insync_replicas: 2,
        ..Config::default()
    });
    let conn = b.conn(0);
    b.send_produce(conn, 0, -1, &plain(&["a"]), None);
    b.pass(1_000_000);
    assert_eq!(produced(&b.take(conn).unwrap()).0, ErrorCode::REQUEST_TIMED_OUT);
    b.cluster.shrink_isr("t", 0);
    assert_eq!(b.produce(0, 0, -1, &plain(&["a"])).0, ErrorCode::NOT_ENOUGH_REPLICAS);
    assert_eq!(b.produce(0, 0, 1, &plain(&["a"])).0, ErrorCode::NONE);
}

#[test]
fn faults_meet_the_request_they_were_set_for() {
    let mut b = Bench::single();
    let conn = b.conn(0);
    b.cluster.inject_many(ApiKey::PRODUCE, None, 1, 1, Action::Error(ErrorCode::KAFKA_STORAGE_ERROR));
    assert_eq!(b.produce(0, 0, -1, &plain(&["a"])).0, ErrorCode::NONE);
    assert_eq!(b.produce(0, 0, -1, &plain(&["b"])).0, ErrorCode::KAFKA_STORAGE_ERROR);
    b.cluster.inject(ApiKey::PRODUCE, Action::ErrorAfter(ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND));
    assert_eq!(b.produce(0, 0, -1, &plain(&["c"])).0, ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND);
    b.cluster.inject(ApiKey::PRODUCE, Action::Delay(700));
    b.send_produce(conn, 0, -1, &plain(&["d"]), None);
    assert_eq!(b.take(conn), None);
    b.pass(700);
    assert_eq!(produced(&b.take(conn).unwrap()).1, 2);
    b.cluster.inject(ApiKey::PRODUCE, Action::CloseAfter);
    b.send_produce(conn, 0, -1, &plain(&["e"]), None);
    assert_eq!((b.take(conn), b.closed.len()), (None, 1));
    assert_eq!(b.cluster.log("t", 0).unwrap().len(), 4);
}

#[test]
fn a_throttled_connection_waits_and_is_told() {
    let mut b = Bench::single();
    b.cluster.throttle(50);
    let conn = b.conn(0);
    b.send_produce(conn, 0, -1, &plain(&["a"]), None);
    b.send_produce(conn, 0, -1, &plain(&["b"]), None);
    let body = b.take(conn).unwrap();
    assert_eq!(ProduceResponse::decode(11, &body).unwrap().throttle_time_ms, 50);
    assert_eq!(b.take(conn), None);
    b.pass(50_000);
    assert!(b.take(conn).is_some());
}

#[test]
fn append_time_is_stamped_where_the_topic_says_so() {
    let mut b = Bench::single();
    let configs = [CreatableTopicConfig { name: "message.timestamp.type", value: Some("LogAppendTime") }];
    let topics = [CreatableTopic {
        name: "stamped",
        num_partitions: 1,
        replication_factor: 1,
        configs: Array::slice(&configs),
        ..Default::default()
    }];
    b.ask(0, 5, &CreateTopicsRequest { topics: Array::slice(&topics), ..Default::default() });
    let records = plain(&["a", "b"]);
    let data = [PartitionProduceData { index: 0, records: Records::Bytes(&records) }];
    let topics =
        [TopicProduceData { name: "stamped", partition_data: Array::slice(&data), ..Default::default() }];
    let request = ProduceRequest { acks: 1, topic_data: Array::slice(&topics), ..Default::default() };
    let body = b.ask(0, 9, &request);
    let row = ProduceResponse::decode(9, &body).unwrap().responses.first().unwrap();
    let time = row.partition_responses.first().unwrap().log_append_time_ms;
    assert_eq!(time, 1_700_000_001_000);
    assert!(b.cluster.log("stamped", 0).unwrap().iter().all(|r| r.timestamp == time));
}

#[test]
fn requests_of_a_connection_are_answered_in_order() {
    let mut b = Bench::single();
    let conn = b.conn(0);
    b.send_fetch(conn, 12, &Fetch { wait_ms: 100, ..Fetch::default() });
    b.send_produce(conn, 0, -1, &plain(&["a"]), None);
    assert_eq!(b.take(conn), None, "the long poll holds up what is behind it");
    b.pass(100_000);
    assert_eq!(fetched(12, &b.take(conn).unwrap()).values(), [""; 0]);
    assert_eq!(produced(&b.take(conn).unwrap()), (ErrorCode::NONE, 0));
}

/// "a" and "b", compressed with lz4.
fn packed() -> Vec<u8> {
    use kafka_proto::compress::Workspace;
    use kafka_proto::record::{Codec, compress_batch, restamp};
    let mut out = vec![0; 1000];
    let len = compress_batch(&plain(&["a", "b"]), Codec::Lz4, None, &mut out, &mut Workspace::new()).unwrap();
    out.truncate(len);
    restamp(&mut out, &Stamp::NONE);
    out
}

#[test]
fn compressed_batches_are_looked_into_and_stored_as_they_are() {
    let mut b = Bench::single();
    let batch = packed();
    assert_eq!(b.produce(0, 0, -1, &batch), (ErrorCode::NONE, 0));
    let stored = b.fetch(0, 0, 0).bytes;
    assert_eq!(stored[16..], batch[16..]);
    let log = b.cluster.log("t", 0).unwrap();
    let values: Vec<_> = log.iter().map(|r| (r.offset, r.value.clone().unwrap())).collect();
    assert_eq!(values, [(0, b"a".to_vec()), (1, b"b".to_vec())]);
    let mut wrong_count = batch.clone();
    (wrong_count[26], wrong_count[60]) = (2, 3);
    recrc(&mut wrong_count);
    assert_eq!(b.produce(0, 0, -1, &wrong_count).0, ErrorCode::INVALID_RECORD);
    let mut not_lz4 = batch;
    not_lz4[61] ^= 1;
    recrc(&mut not_lz4);
    assert_eq!(b.produce(0, 0, -1, &not_lz4).0, ErrorCode::CORRUPT_MESSAGE);
}

#[test]
fn the_whole_broker_keeps_within_its_limit() {
    let topics = vec![("t".into(), 4)];
    let (max_log_bytes, segment_bytes) = (100_000, 10_000);
    let mut b = Bench::new(Config { topics, max_log_bytes, segment_bytes, ..Config::default() });
    let value = "x".repeat(1_000);
    for n in 0..1_000 {
        assert_eq!(b.produce(0, n % 4, 1, &plain(&[&value])).0, ErrorCode::NONE);
    }
    let partitions = &b.cluster.topic("t").unwrap().partitions;
    assert!(partitions.iter().map(|p| p.log.size()).sum::<u64>() < 210_000);
    assert!(partitions.iter().all(|p| p.log.start_offset() > 0 && p.log.end_offset() == 250));
    let start = partitions[0].log.start_offset();
    assert!(!b.fetch(0, 0, start).values().is_empty());
}

/// A batch of records that have a key, or not, with these timestamps.
fn keyed(records: &[(Option<&[u8]>, i64)]) -> Vec<u8> {
    let mut memory = vec![0; 61 + 40 * records.len()];
    let mut builder = BatchBuilder::new();
    for (key, timestamp) in records {
        let record =
            NewRecord { key: *key, value: Some(b"v"), timestamp: *timestamp, ..NewRecord::default() };
        builder.append(&mut memory, &record).unwrap();
    }
    let len = builder.finish(&mut memory, &Stamp::NONE);
    memory.truncate(len);
    memory
}

#[test]
fn records_that_a_topic_does_not_take_are_named_and_refuse_their_batch() {
    let mut b = Bench::single();
    assert!(b.cluster.configure_topic("t", "cleanup.policy", "compact,delete"));
    assert!(
        !b.cluster.configure_topic("t", "cleanup.policy", "shrink"),
        "an impossible value changes nothing"
    );
    let now = b.cluster.config().wall_clock_ms + b.now as i64 / 1000;
    let refused = |cluster: &mut Bench, bytes: &[u8]| {
        let conn = cluster.conn(0);
        cluster.send_produce(conn, 0, -1, bytes, None);
        let body = cluster.take(conn).unwrap();
        let response = ProduceResponse::decode(11, &body).unwrap();
        let row = response.responses.first().unwrap().partition_responses.first().unwrap();
        let named: Vec<i32> = row.record_errors.iter().map(|e| e.batch_index).collect();
        let first = row.record_errors.first().and_then(|e| e.batch_index_error_message).map(str::to_owned);
        (row.error_code, named, first.unwrap_or_default(), row.error_message.is_some())
    };
    let some: Option<&[u8]> = Some(b"k");
    let keyless = keyed(&[(some, now), (None, now), (some, now), (None, now)]);
    let why = "Compacted topic cannot accept message without key in topic partition t-0".to_owned();
    assert_eq!(refused(&mut b, &keyless), (ErrorCode::INVALID_RECORD, vec![1, 3], why, true));
    assert_eq!(refused(&mut b, &keyed(&[(some, now), (Some(b""), 0)])).0, ErrorCode::NONE);

    for (key, value) in [("message.timestamp.before.max.ms", "1000"), ("message.timestamp.after.max.ms", "0")]
    {
        assert!(b.cluster.configure_topic("t", key, value));
        assert!(!b.cluster.configure_topic("t", key, "-1"));
    }
    let timed = keyed(&[(some, now - 1001), (some, -1), (some, now - 900), (some, now + 5000)]);
    let (code, named, why, _) = refused(&mut b, &timed);
    assert_eq!((code, named), (ErrorCode::INVALID_TIMESTAMP, vec![0, 3]));
    assert!(why.starts_with(&format!("Timestamp {} of message with offset 0 is out of range", now - 1001)));
    // The broker's own time is never out of range.
    assert!(b.cluster.configure_topic("t", "message.timestamp.type", "LogAppendTime"));
    assert_eq!(refused(&mut b, &timed).0, ErrorCode::NONE);
}
