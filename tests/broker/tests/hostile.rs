//! Clients that mean harm: whatever they send, the broker answers or closes, keeps its invariants and its size.

mod common;

use arbitrary::Unstructured;
use common::{batch, plain};
use kafka_broker::{Cluster, Config, Output, Release, advertised};
use kafka_proto::api::Direction;
use kafka_proto::frame::encode_request;
use kafka_proto::messages::*;
use kafka_proto::record::Stamp;
use kafka_proto::{ApiKey, Array, Records, Request, Uuid};

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }
}

fn frame<'a, R: Request<'a>>(version: i16, request: &R) -> Vec<u8> {
    let mut out = vec![0; request.encoded_len(version) + 100];
    let len = encode_request(&mut out, (version, 1, Some("c")), request, &mut []).unwrap().head_len;
    out[4..len].to_vec()
}

/// Every version of a request that can be sent.
fn versions<'a, R: Request<'a>>(frames: &mut Vec<Vec<u8>>, request: &R) {
    frames.extend((R::VERSIONS.min..=R::VERSIONS.max).map(|v| frame(v, request)));
}

fn data_frames(id: Uuid, frames: &mut Vec<Vec<u8>>) {
    let transactional = Stamp { transactional: true, ..stamp(0) };
    for records in [
        plain(&["a", "b"]),
        batch(&["c"], &stamp(0)),
        batch(&["d"], &stamp(1)),
        batch(&["e"], &transactional),
    ] {
        let data = [PartitionProduceData { index: 0, records: Records::Bytes(&records) }];
        let topics = [TopicProduceData { name: "t", topic_id: id, partition_data: Array::slice(&data) }];
        for acks in [-1, 0, 1] {
            let topic_data = Array::slice(&topics);
            let request = ProduceRequest { acks, transactional_id: Some("tx"), timeout_ms: 1000, topic_data };
            versions(frames, &request);
        }
    }
    let parts = [FetchPartition { partition_max_bytes: 1000, ..Default::default() }];
    let topics = [FetchTopic { topic: "t", topic_id: id, partitions: Array::slice(&parts) }];
    for (session_epoch, isolation_level, max_wait_ms) in [(-1, 0, 0), (0, 1, 100), (1, 0, 100)] {
        let topics = Array::slice(&topics);
        let request = FetchRequest {
            max_wait_ms,
            min_bytes: 1,
            isolation_level,
            session_epoch,
            session_id: session_epoch.max(0),
            topics,
            rack_id: "a",
            ..Default::default()
        };
        versions(frames, &request);
    }
    for timestamp in [-1, -2, -3, 1000] {
        let parts = [ListOffsetsPartition { timestamp, ..Default::default() }];
        let topics = [ListOffsetsTopic { name: "t", partitions: Array::slice(&parts) }];
        versions(frames, &ListOffsetsRequest { topics: Array::slice(&topics), ..Default::default() });
    }
    let parts = [OffsetForLeaderPartition::default()];
    let topics = [OffsetForLeaderTopic { topic: "t", partitions: Array::slice(&parts) }];
    versions(frames, &OffsetForLeaderEpochRequest { topics: Array::slice(&topics), ..Default::default() });
}

fn stamp(base_sequence: i32) -> Stamp {
    Stamp { producer_id: 1001, producer_epoch: 0, base_sequence, ..Stamp::NONE }
}

fn group_frames(id: Uuid, frames: &mut Vec<Vec<u8>>) {
    let protocols = [JoinGroupRequestProtocol { name: "range", metadata: b"m" }];
    for (member_id, group_instance_id) in [("", None), ("", Some("i")), ("m", None)] {
        let protocols = Array::slice(&protocols);
        let request = JoinGroupRequest {
            group_id: "g",
            session_timeout_ms: 10_000,
            rebalance_timeout_ms: 10_000,
            member_id,
            group_instance_id: None,
            protocol_type: "consumer",
            protocols,
            ..Default::default()
        };
        versions(frames, &request);
        let _ = group_instance_id.map(|i| {
            let with_instance = JoinGroupRequest { group_instance_id: Some(i), ..request };
            frames.extend((5..=9).map(|v| frame(v, &with_instance)));
        });
    }
    versions(
        frames,
        &SyncGroupRequest { group_id: "g", generation_id: 1, member_id: "m", ..Default::default() },
    );
    versions(
        frames,
        &HeartbeatRequest { group_id: "g", generation_id: 1, member_id: "m", ..Default::default() },
    );
    let who = [MemberIdentity { member_id: "", group_instance_id: Some("i"), reason: None }];
    versions(frames, &LeaveGroupRequest { group_id: "g", member_id: "m", members: Array::slice(&who) });
    let parts = [OffsetCommitRequestPartition { committed_offset: 4, ..Default::default() }];
    let topics = [OffsetCommitRequestTopic { name: "t", topic_id: id, partitions: Array::slice(&parts) }];
    versions(
        frames,
        &OffsetCommitRequest { group_id: "g", topics: Array::slice(&topics), ..Default::default() },
    );
    let groups = [OffsetFetchRequestGroup { group_id: "g", topics: None, ..Default::default() }];
    for version in 2..=10 {
        let request = OffsetFetchRequest {
            group_id: "g",
            topics: None,
            groups: Array::slice(&groups),
            ..Default::default()
        };
        frames.push(frame(version, &request));
    }
    for (member_id, member_epoch) in [("m", 0), ("n", 0), ("m", 1), ("n", 2), ("m", -1), ("n", -2)] {
        let request = ConsumerGroupHeartbeatRequest {
            group_id: "c",
            member_id,
            member_epoch,
            rebalance_timeout_ms: 1000,
            subscribed_topic_names: Some(Array::slice(&["t"])),
            topic_partitions: Some(Array::EMPTY),
            ..Default::default()
        };
        frames.push(frame(0, &request));
    }
    let names = ["g", "c"];
    versions(frames, &DescribeGroupsRequest { groups: Array::slice(&names), ..Default::default() });
    versions(frames, &ConsumerGroupDescribeRequest { group_ids: Array::slice(&names), ..Default::default() });
    versions(frames, &ListGroupsRequest::default());
    versions(frames, &DeleteGroupsRequest { groups_names: Array::slice(&names) });
}

fn other_frames(frames: &mut Vec<Vec<u8>>) {
    for transactional_id in [None, Some("tx")] {
        let request =
            InitProducerIdRequest { transactional_id, transaction_timeout_ms: 5000, ..Default::default() };
        versions(frames, &request);
    }
    let topics = [AddPartitionsToTxnTopic { name: "t", partitions: Array::slice(&[0, 1]) }];
    let request = AddPartitionsToTxnRequest {
        v3_and_below_transactional_id: "tx",
        v3_and_below_producer_id: 1001,
        v3_and_below_topics: Array::slice(&topics),
        ..Default::default()
    };
    versions(frames, &request);
    for committed in [true, false] {
        let (transactional_id, producer_id, producer_epoch) = ("tx", 1001, 0);
        versions(frames, &EndTxnRequest { transactional_id, producer_id, producer_epoch, committed });
    }
    let rows = [MetadataRequestTopic { name: Some("t"), ..Default::default() }];
    versions(frames, &MetadataRequest { topics: Some(Array::slice(&rows)), ..Default::default() });
    for (name, num_partitions) in [("u", 3), ("t", 1)] {
        let topics = [CreatableTopic { name, num_partitions, replication_factor: 1, ..Default::default() }];
        versions(frames, &CreateTopicsRequest { topics: Array::slice(&topics), ..Default::default() });
        let topics = [CreatePartitionsTopic { name, count: 4, assignments: None }];
        versions(frames, &CreatePartitionsRequest { topics: Array::slice(&topics), ..Default::default() });
    }
    let names = ["u"];
    let topics = [DeleteTopicState { name: Some("u"), ..Default::default() }];
    let request = DeleteTopicsRequest {
        topic_names: Array::slice(&names),
        topics: Array::slice(&topics),
        ..Default::default()
    };
    versions(frames, &request);
    let parts = [DeleteRecordsPartition { partition_index: 0, offset: 1 }];
    let topics = [DeleteRecordsTopic { name: "t", partitions: Array::slice(&parts) }];
    versions(frames, &DeleteRecordsRequest { topics: Array::slice(&topics), timeout_ms: 1 });
}

/// A little of everything that tests and simulations do to a cluster.
fn disturb(cluster: &mut Cluster, random: &mut Random) {
    let node = random.below(3) as i32;
    match random.below(12) {
        0 => cluster.kill_node(node),
        1..=4 => cluster.start_node(node),
        5 => drop(cluster.set_leader("t", 0, node)),
        6 => drop(cluster.unclean_election("t", 0, node, random.below(20) as i64)),
        7 => cluster.expire_producers(0),
        8 => cluster.forget_fetch_sessions(),
        9 => cluster.compact("t", 0, |info, _| info.base_offset % 3 != 0),
        10 => cluster.shrink_isr("t", 0),
        _ => drop(cluster.recreate_topic("t")),
    }
}

/// One session of strangers; fails by panicking.
fn harass(seed: u64, steps: usize) -> usize {
    let mut random = Random(seed);
    let releases = [Release::V2_1, Release::V2_8, Release::V3_9, Release::V4_3];
    let config = Config {
        nodes: 3,
        topics: vec![("t".into(), 2)],
        release: releases[random.below(4)],
        replication_lag_us: [0, 5_000][random.below(2)],
        txn_marker_delay_us: [0, 5_000][random.below(2)],
        max_connections: 10,
        max_topics: 20,
        max_partitions: 200,
        max_groups: 20,
        max_transactional_ids: 20,
        retention_bytes: 100_000,
        segment_bytes: 10_000,
        racks: vec!["a".into(), "b".into()],
        ..Config::default()
    };
    let mut cluster = Cluster::new(config, seed).unwrap();
    let id = Uuid(cluster.topic("t").unwrap().id);
    let mut frames = Vec::new();
    data_frames(id, &mut frames);
    group_frames(id, &mut frames);
    other_frames(&mut frames);
    let mut conns = Vec::new();
    let (mut now, mut answers) = (0, 0);
    for _ in 0..steps {
        let node = random.below(3) as i32;
        if conns.len() < 10
            && let Ok(conn) = cluster.handle_connect(now, node)
        {
            conns.push(conn);
        }
        let mut bytes = match random.below(4) {
            0 => arbitrary_frame(&mut random),
            _ => frames[random.below(frames.len())].clone(),
        };
        for _ in 0..[0, 0, 1, 3][random.below(4)] {
            let at = random.below(bytes.len());
            bytes[at] = [0, 1, 0x7f, 0x80, 0xff, random.next() as u8][random.below(6)];
        }
        if random.below(20) == 0 {
            bytes.truncate(random.below(bytes.len()));
        }
        if !conns.is_empty() {
            let conn = conns[random.below(conns.len())];
            cluster.handle_request(now, conn, &bytes);
        }
        if random.below(50) == 0 {
            disturb(&mut cluster, &mut random);
        }
        now += [0, 10, 10_000, 20_000_000][random.below(4)];
        cluster.poll(now);
        while let Some(output) = cluster.poll_output() {
            match output {
                Output::Response { .. } => answers += 1,
                Output::Close { conn, .. } => conns.retain(|c| *c != conn),
                Output::NodeDown(_) | Output::NodeUp(_) => {}
            }
        }
    }
    check(&cluster);
    answers
}

fn arbitrary_frame(random: &mut Random) -> Vec<u8> {
    let apis: Vec<_> = advertised(Release::V4_3).collect();
    let (key, range) = apis[random.below(apis.len())];
    let version = range.min.max(key.versions().unwrap().min)
        + random.below((range.max - range.min + 1) as usize) as i16;
    let version = version.min(range.max);
    let noise: Vec<u8> = (0..random.below(300)).map(|_| random.next() as u8).collect();
    let body =
        kafka_proto::arbitrary::message(key, version, Direction::Request, &mut Unstructured::new(&noise));
    let mut frame = Vec::new();
    frame.extend(key.0.to_be_bytes());
    frame.extend(version.to_be_bytes());
    frame.extend([0, 0, 0, 1, 0xff, 0xff]);
    if key.flexible_from().is_some_and(|from| version >= from) {
        frame.push(0);
    }
    frame.extend(body.unwrap_or_default());
    frame
}

fn check(cluster: &Cluster) {
    for topic in cluster.topics() {
        for p in &topic.partitions {
            assert!(p.log.start_offset() <= p.high_watermark);
            assert!(p.high_watermark <= p.log.end_offset());
            assert!(p.last_stable_offset() <= p.high_watermark);
            assert!(p.log.size() <= 130_000, "{}", p.log.size());
            let mut next = 0;
            for (info, bytes) in p.log.batches() {
                assert!(info.base_offset >= next && info.last_offset >= info.base_offset);
                assert_eq!(bytes[..8], info.base_offset.to_be_bytes());
                next = info.last_offset + 1;
            }
            assert!(next <= p.log.end_offset());
        }
    }
    assert!(cluster.topics().count() <= 20);
    assert!(cluster.connections() <= 10);
    assert!(cluster.pending_timers() < 5_000, "{}", cluster.pending_timers());
}

/// 40, or as many as `HOSTILE_SEEDS` says.
fn seeds() -> std::ops::Range<u64> {
    0..std::env::var("HOSTILE_SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(40)
}

#[test]
fn whatever_is_sent_the_broker_stands() {
    let mut answers = 0;
    for seed in seeds() {
        answers += harass(seed, 1_500);
    }
    // Most of it has to be well-formed enough to be answered, or nothing was tried.
    assert!(answers > 10_000, "{answers}");
}

#[test]
fn the_same_seed_is_the_same_cluster() {
    assert_eq!(harass(7, 1_000), harass(7, 1_000));
}

#[test]
fn versions_that_are_listed_are_answered_or_closed_never_ignored() {
    for release in [Release::V2_1, Release::V2_8, Release::V3_9, Release::V4_3] {
        for (key, range) in advertised(release).filter(|(key, _)| *key != ApiKey::PRODUCE) {
            for version in range.min..=range.max {
                let body = kafka_proto::arbitrary::message(
                    key,
                    version,
                    Direction::Request,
                    &mut Unstructured::new(&[]),
                );
                let mut frame = Vec::new();
                frame.extend(key.0.to_be_bytes());
                frame.extend(version.to_be_bytes());
                frame.extend([0, 0, 0, 1, 0xff, 0xff]);
                if key.flexible_from().is_some_and(|from| version >= from) {
                    frame.push(0);
                }
                frame.extend(body.unwrap());
                let mut cluster = Cluster::new(Config { release, ..Config::default() }, 1).unwrap();
                let conn = cluster.handle_connect(0, 0).unwrap();
                cluster.handle_request(0, conn, &frame);
                match cluster.poll_output() {
                    Some(Output::Response { .. }) => {}
                    other => panic!("{key} {version}: {other:?}"),
                }
            }
        }
    }
}
