//! Reading: long polls, limits, sessions, epochs, followers, the offsets that lead there.

mod common;

use common::{Bench, Fetch, Message, fetched, plain};
use kafka_broker::Config;
use kafka_proto::messages::*;
use kafka_proto::{Array, ErrorCode, Uuid};

#[test]
fn a_long_poll_ends_with_records_or_with_time() {
    let mut b = Bench::single();
    let (reader, bench) = (b.connect(0), b.conn(0));
    let poll = Fetch { wait_ms: 500, min_bytes: 150, ..Fetch::default() };
    b.send_fetch(reader, 12, &poll);
    b.send_produce(bench, 0, -1, &plain(&["a"]), None);
    assert_eq!(b.take(reader), None, "fewer than min bytes");
    b.send_produce(bench, 0, -1, &plain(&["b"]), None);
    b.send_produce(bench, 0, -1, &plain(&["c"]), None);
    assert_eq!(fetched(12, &b.take(reader).unwrap()).values(), ["a", "b", "c"]);
    b.send_fetch(reader, 12, &Fetch { offset: 3, ..poll });
    b.pass(499_999);
    assert_eq!(b.take(reader), None);
    b.pass(1);
    assert_eq!(fetched(12, &b.take(reader).unwrap()).values(), [""; 0]);
}

#[test]
fn a_poll_in_wait_learns_of_a_new_leader_and_of_deletion() {
    let mut b = Bench::three();
    let reader = b.connect(0);
    let poll = Fetch { wait_ms: 500, leader_epoch: 0, ..Fetch::default() };
    b.send_fetch(reader, 12, &poll);
    b.cluster.set_leader("t", 0, 2);
    b.drain();
    let answer = fetched(12, &b.take(reader).unwrap());
    assert_eq!((answer.code, answer.leader), (ErrorCode::FENCED_LEADER_EPOCH, (2, 1)));
    b.send_fetch(reader, 12, &Fetch { leader_epoch: -1, ..poll });
    assert!(b.cluster.recreate_topic("t"));
    b.drain();
    let body = b.take(reader).unwrap();
    assert_eq!(fetched(12, &body).code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
}

#[test]
fn limits_hold_and_one_batch_always_comes() {
    let mut b = Bench::new(Config { topics: vec![("t".into(), 2)], ..Config::default() });
    let size = plain(&["0123456789"]).len();
    for _ in 0..4 {
        b.produce(0, 0, 1, &plain(&["0123456789"]));
        b.produce(0, 1, 1, &plain(&["0123456789"]));
    }
    let conn = b.conn(0);
    let mut read = |max_bytes, partition_max| {
        let parts = [0, 1].map(|partition| FetchPartition {
            partition,
            partition_max_bytes: partition_max,
            ..Default::default()
        });
        let topics = [FetchTopic { topic: "t", partitions: Array::slice(&parts), ..Default::default() }];
        let topics = Array::slice(&topics);
        b.send(conn, 11, &FetchRequest { max_bytes, min_bytes: 1, topics, ..Default::default() });
        let body = b.take(conn).unwrap();
        let topic = FetchResponse::decode(11, &body).unwrap().responses.first().unwrap();
        topic.partitions.iter().map(|p| p.records.len()).collect::<Vec<_>>()
    };
    assert_eq!(read(1, 1), [size, 0]);
    assert_eq!(read(i32::MAX, 2 * size as i32), [2 * size, 2 * size]);
    assert_eq!(read(i32::MAX, 2 * size as i32 + 7), [2 * size + 7, 2 * size + 7], "the last one is cut off");
    assert_eq!(read(5 * size as i32, i32::MAX), [4 * size, size]);
    assert_eq!(read(4 * size as i32 + 5, i32::MAX), [4 * size, 0], "less than a batch of the second");
}

#[test]
fn positions_outside_the_log_are_out_of_range() {
    let mut b = Bench::single();
    for _ in 0..5 {
        b.produce(0, 0, 1, &plain(&["a", "b"]));
    }
    assert_eq!(b.fetch(0, 0, 11).code, ErrorCode::OFFSET_OUT_OF_RANGE);
    assert_eq!(b.fetch(0, 0, 10).code, ErrorCode::NONE);
    b.cluster.delete_records("t", 0, 5);
    assert_eq!(b.fetch(0, 0, 4).code, ErrorCode::OFFSET_OUT_OF_RANGE);
    assert_eq!(b.fetch(0, 0, 5).values().len(), 6, "the batch that begins before the start is whole");
}

#[test]
fn leader_epochs_fence_and_truncation_is_seen() {
    let mut b = Bench::three();
    b.produce(0, 0, 1, &plain(&["a", "b"]));
    b.cluster.set_leader("t", 0, 1);
    b.produce(1, 0, 1, &plain(&["c"]));
    b.produce(1, 0, 1, &plain(&["d"]));
    let conn = b.conn(2);
    let ask = |b: &mut Bench, fetch: Fetch| {
        b.send_fetch(conn, 12, &fetch);
        fetched(12, &b.take(conn).unwrap())
    };
    b.cluster.unclean_election("t", 0, 2, 2);
    let stale = ask(&mut b, Fetch { leader_epoch: 1, offset: 3, ..Fetch::default() });
    assert_eq!((stale.code, stale.leader), (ErrorCode::FENCED_LEADER_EPOCH, (2, 2)));
    assert_eq!(
        ask(&mut b, Fetch { leader_epoch: 9, ..Fetch::default() }).code,
        ErrorCode::UNKNOWN_LEADER_EPOCH
    );
    let ahead = ask(&mut b, Fetch { leader_epoch: 2, last_fetched_epoch: 1, offset: 4, ..Fetch::default() });
    assert_eq!((ahead.code, ahead.diverging), (ErrorCode::NONE, (0, 2)));
    let parts = [OffsetForLeaderPartition { partition: 0, current_leader_epoch: 2, leader_epoch: 0 }];
    let topics = [OffsetForLeaderTopic { topic: "t", partitions: Array::slice(&parts) }];
    let body =
        b.ask(2, 4, &OffsetForLeaderEpochRequest { topics: Array::slice(&topics), ..Default::default() });
    let row =
        OffsetForLeaderEpochResponse::decode(4, &body).unwrap().topics.first().unwrap().partitions.first();
    assert_eq!((row.unwrap().leader_epoch, row.unwrap().end_offset), (0, 2));
}

#[test]
fn followers_serve_new_consumers_and_racks_are_preferred() {
    let racks = ["a", "b", "c"].map(str::to_owned).to_vec();
    let mut b = Bench::new(Config { nodes: 3, racks, topics: vec![("t".into(), 3)], ..Config::default() });
    b.produce(0, 0, 1, &plain(&["a"]));
    assert_eq!(b.fetch(1, 0, 0).values(), ["a"]);
    let conn = b.conn(1);
    b.send_fetch(conn, 10, &Fetch::default());
    assert_eq!(fetched(10, &b.take(conn).unwrap()).code, ErrorCode::NOT_LEADER_OR_FOLLOWER);
    let parts = [FetchPartition { partition_max_bytes: 1000, ..Default::default() }];
    let topics = [FetchTopic { topic: "t", partitions: Array::slice(&parts), ..Default::default() }];
    for (rack_id, preferred) in [("c", 2), ("a", -1), ("nowhere", -1)] {
        let request = FetchRequest { rack_id, topics: Array::slice(&topics), ..Default::default() };
        let answer = fetched(12, &b.ask(0, 12, &request));
        assert_eq!((answer.preferred, answer.values().len()), (preferred, usize::from(preferred < 0)));
    }
}

/// A fetch session by hand: what is sent, and which partitions the answer lists.
fn session(
    b: &mut Bench,
    id: i32,
    epoch: i32,
    parts: &[(i32, i64)],
    forget: &[i32],
) -> (ErrorCode, i32, Vec<i32>) {
    let parts: Vec<FetchPartition> = parts
        .iter()
        .map(|&(partition, fetch_offset)| FetchPartition {
            partition,
            fetch_offset,
            partition_max_bytes: 1000,
            ..Default::default()
        })
        .collect();
    let topic_id = Uuid(b.cluster.topic("t").unwrap().id);
    let topics = [FetchTopic { topic_id, partitions: Array::slice(&parts), ..Default::default() }];
    let forgotten =
        [FetchForgottenTopic { topic_id, partitions: Array::slice(forget), ..Default::default() }];
    let request = FetchRequest {
        session_id: id,
        session_epoch: epoch,
        topics: if parts.is_empty() { Array::EMPTY } else { Array::slice(&topics) },
        forgotten_topics_data: if forget.is_empty() { Array::EMPTY } else { Array::slice(&forgotten) },
        ..Default::default()
    };
    let body = b.ask(0, 13, &request);
    let response = FetchResponse::decode(13, &body).unwrap();
    let listed =
        response.responses.iter().flat_map(|t| t.partitions.iter().map(|p| p.partition_index)).collect();
    (response.error_code, response.session_id, listed)
}

#[test]
fn sessions_list_only_what_is_new() {
    let mut b = Bench::new(Config { topics: vec![("t".into(), 3)], ..Config::default() });
    let (code, id, listed) = session(&mut b, 0, 0, &[(0, 0), (1, 0), (2, 0)], &[]);
    assert_eq!((code, listed), (ErrorCode::NONE, vec![0, 1, 2]));
    assert_ne!(id, 0);
    assert_eq!(session(&mut b, id, 1, &[], &[]), (ErrorCode::NONE, id, vec![]));
    b.produce(0, 1, 1, &plain(&["a"]));
    assert_eq!(session(&mut b, id, 2, &[], &[]).2, [1]);
    assert_eq!(session(&mut b, id, 3, &[(1, 1)], &[]).2, [0; 0]);
    b.produce(0, 0, 1, &plain(&["b"]));
    assert_eq!(session(&mut b, id, 4, &[], &[0]).2, [0; 0], "forgotten");
    assert_eq!(session(&mut b, id, 4, &[], &[]).0, ErrorCode::INVALID_FETCH_SESSION_EPOCH);
    assert_eq!(session(&mut b, id ^ 1, 5, &[], &[]).0, ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
    assert_eq!(session(&mut b, id, 5, &[], &[]).0, ErrorCode::NONE);
    assert_eq!(session(&mut b, id, -1, &[(2, 0)], &[]), (ErrorCode::NONE, 0, vec![2]), "closes it");
    assert_eq!(session(&mut b, id, 6, &[], &[]).0, ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
}

#[test]
fn a_full_cache_of_sessions_gives_none() {
    let mut b =
        Bench::new(Config { max_fetch_sessions: 1, topics: vec![("t".into(), 1)], ..Config::default() });
    assert_ne!(session(&mut b, 0, 0, &[(0, 0)], &[]).1, 0);
    assert_eq!(session(&mut b, 0, 0, &[(0, 0)], &[]).1, 0);
    b.pass(120_000_000);
    assert_ne!(session(&mut b, 0, 0, &[(0, 0)], &[]).1, 0, "unused for two minutes makes room");
}

#[test]
fn an_unknown_topic_id_is_told() {
    let mut b = Bench::single();
    let parts = [FetchPartition::default()];
    let topics =
        [FetchTopic { topic_id: Uuid([9; 16]), partitions: Array::slice(&parts), ..Default::default() }];
    let body = b.ask(0, 16, &FetchRequest { topics: Array::slice(&topics), ..Default::default() });
    assert_eq!(fetched(16, &body).code, ErrorCode::UNKNOWN_TOPIC_ID);
}

fn offset_at(b: &mut Bench, version: i16, timestamp: i64) -> (ErrorCode, i64, i64) {
    let parts = [ListOffsetsPartition { partition_index: 0, timestamp, ..Default::default() }];
    let topics = [ListOffsetsTopic { name: "t", partitions: Array::slice(&parts) }];
    let body = b.ask(0, version, &ListOffsetsRequest { topics: Array::slice(&topics), ..Default::default() });
    let response = ListOffsetsResponse::decode(version, &body).unwrap();
    let row = response.topics.first().unwrap().partitions.first().unwrap();
    (row.error_code, row.offset, row.timestamp)
}

#[test]
fn offsets_by_end_and_by_time() {
    let mut b = Bench::single();
    b.produce(0, 0, 1, &plain(&["a", "b", "c"]));
    b.produce(0, 0, 1, &plain(&["d"]));
    for version in 1..=11 {
        assert_eq!(offset_at(&mut b, version, -1).1, 4);
        assert_eq!(offset_at(&mut b, version, -2).1, 0);
        assert_eq!(offset_at(&mut b, version, 1001), (ErrorCode::NONE, 1, 1001));
        assert_eq!(offset_at(&mut b, version, 1003), (ErrorCode::NONE, -1, -1));
    }
    assert_eq!(offset_at(&mut b, 7, -3), (ErrorCode::NONE, 2, 1002));
    assert_eq!(offset_at(&mut b, 6, -3).0, ErrorCode::UNSUPPORTED_VERSION);
    assert_eq!(offset_at(&mut b, 11, -7).0, ErrorCode::UNSUPPORTED_VERSION);
}

#[test]
fn compaction_leaves_gaps_that_a_reader_steps_over() {
    let mut b = Bench::single();
    for value in ["a", "b", "c"] {
        b.produce(0, 0, 1, &plain(&[value]));
    }
    b.cluster.compact("t", 0, |info, _| info.base_offset != 1);
    assert_eq!(b.fetch(0, 0, 1).values(), ["c"]);
    assert_eq!(b.fetch(0, 0, 3).code, ErrorCode::NONE);
}
