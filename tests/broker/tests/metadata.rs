//! Who is there, what there is, and what the release speaks.

mod common;

use common::{Bench, Message};
use kafka_broker::{Action, Config, Refused, Release};
use kafka_proto::messages::*;
use kafka_proto::{ApiKey, Array, ErrorCode, Uuid};

fn topics_of(b: &mut Bench, version: i16, names: Option<&[&str]>) -> Vec<(String, ErrorCode, usize)> {
    let rows: Vec<MetadataRequestTopic<'_>> = names
        .unwrap_or_default()
        .iter()
        .map(|n| MetadataRequestTopic { name: Some(n), ..Default::default() })
        .collect();
    let topics = names.map(|_| Array::slice(&rows));
    let body = b.ask(0, version, &MetadataRequest { topics, ..Default::default() });
    let response = MetadataResponse::decode(version, &body).unwrap();
    response.topics.iter().map(|t| (t.name.unwrap().to_owned(), t.error_code, t.partitions.len())).collect()
}

#[test]
fn all_topics_none_and_some_in_every_version() {
    let mut b = Bench::three();
    let there = ("t".to_owned(), ErrorCode::NONE, 3);
    for version in 0..=13 {
        assert_eq!(topics_of(&mut b, version, Some(&["t"])), std::slice::from_ref(&there));
        let empty = topics_of(&mut b, version, Some(&[]));
        if version == 0 {
            assert_eq!(empty, std::slice::from_ref(&there));
        } else {
            assert!(empty.is_empty());
            assert_eq!(topics_of(&mut b, version, None), std::slice::from_ref(&there));
        }
    }
}

#[test]
fn brokers_leaders_and_epochs() {
    let mut b = Bench::three();
    b.cluster.set_address(1, "elsewhere", 7777);
    b.cluster.kill_node(2);
    let body = b.ask(0, 12, &MetadataRequest { topics: None, ..Default::default() });
    let response = MetadataResponse::decode(12, &body).unwrap();
    let brokers: Vec<_> = response.brokers.iter().map(|n| (n.node_id, n.host, n.port)).collect();
    assert_eq!(brokers, [(0, "localhost", 9092), (1, "elsewhere", 7777)]);
    let partitions: Vec<_> = response.topics.first().unwrap().partitions.iter().collect();
    let leaders: Vec<_> = partitions.iter().map(|p| (p.leader_id, p.leader_epoch)).collect();
    assert_eq!(leaders, [(0, 0), (1, 0), (0, 1)]);
    let last = partitions.last().unwrap();
    assert_eq!(last.isr_nodes.iter().collect::<Vec<_>>(), [0, 1]);
    assert_eq!(last.offline_replicas.iter().collect::<Vec<_>>(), [2]);
    assert_eq!(b.cluster.handle_connect(b.now, 2), Err(Refused::NodeDown));
    b.cluster.start_node(2);
    assert!(b.cluster.handle_connect(b.now, 2).is_ok());
}

#[test]
fn unknown_topics_come_into_being_where_allowed() {
    let mut b = Bench::single();
    let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    assert_eq!(topics_of(&mut b, 8, Some(&["new"])), [("new".into(), unknown, 0)]);
    assert_eq!(topics_of(&mut b, 8, Some(&["new"])), [("new".into(), ErrorCode::NONE, 1)]);
    let invalid = ErrorCode::INVALID_TOPIC_EXCEPTION;
    assert_eq!(topics_of(&mut b, 8, Some(&["no good"])), [("no good".into(), invalid, 0)]);
    let mut b = Bench::new(Config { auto_create: false, ..Config::default() });
    topics_of(&mut b, 8, Some(&["new"]));
    assert_eq!(topics_of(&mut b, 8, Some(&["new"])), [("new".into(), unknown, 0)]);
    let mut b = Bench::new(Config { release: Release::V2_8, ..Config::default() });
    assert_eq!(topics_of(&mut b, 8, Some(&["new"]))[0].1, ErrorCode::LEADER_NOT_AVAILABLE);
}

#[test]
fn topics_by_id() {
    let mut b = Bench::single();
    for (id, code) in
        [(b.cluster.topic("t").unwrap().id, ErrorCode::NONE), ([1; 16], ErrorCode::UNKNOWN_TOPIC_ID)]
    {
        let rows = [MetadataRequestTopic { topic_id: Uuid(id), name: None }];
        let body = b.ask(0, 12, &MetadataRequest { topics: Some(Array::slice(&rows)), ..Default::default() });
        let topic = MetadataResponse::decode(12, &body).unwrap().topics.first().unwrap();
        assert_eq!((topic.error_code, topic.topic_id.0), (code, id));
    }
}

#[test]
fn each_release_says_what_it_speaks() {
    for (release, version, produce, fetch, heartbeat) in [
        (Release::V2_1, 2, (3, 7), (4, 10), false),
        (Release::V2_8, 3, (3, 9), (4, 12), false),
        (Release::V3_9, 4, (3, 11), (4, 17), true),
        (Release::V4_3, 4, (0, 13), (4, 18), true),
    ] {
        let mut b = Bench::new(Config { release, ..Config::default() });
        let request = ApiVersionsRequest {
            client_software_name: "bench",
            client_software_version: "1",
            ..Default::default()
        };
        let body = b.ask(0, version, &request);
        let response = ApiVersionsResponse::decode(version, &body).unwrap();
        let range = |key: ApiKey| {
            let row = response.api_keys.iter().find(|k| k.api_key == key.0);
            row.map(|k| (k.min_version, k.max_version))
        };
        assert_eq!(range(ApiKey::PRODUCE), Some(produce));
        assert_eq!(range(ApiKey::FETCH), Some(fetch));
        assert_eq!(range(ApiKey::CONSUMER_GROUP_HEARTBEAT).is_some(), heartbeat);
        let finalized: Vec<_> = response.finalized_features.iter().map(|f| f.name).collect();
        assert_eq!(finalized.contains(&"transaction.version"), release == Release::V4_3);
        // A version it does not know: the answer has the shape of version 0.
        let mut frame = vec![0, 18, 0, 99, 0, 0, 0, 99, 0, 1, b'x', 0];
        frame.extend([2, b'a', 2, b'1', 0]);
        let conn = b.connect(0);
        b.cluster.handle_request(b.now, conn, &frame);
        let Some(kafka_broker::Output::Response { bytes, .. }) = b.cluster.poll_output() else { panic!() };
        let answer = ApiVersionsResponse::decode(0, &bytes[8..]).unwrap();
        assert_eq!(answer.error_code, ErrorCode::UNSUPPORTED_VERSION);
        assert!(answer.api_keys.len() > 10);
    }
}

#[test]
fn what_is_not_spoken_or_malformed_closes_the_connection() {
    let frames: [&[u8]; 5] = [
        &[0, 0, 0, 2, 0, 0, 0, 1, 0xff, 0xff],
        &[0, 99, 0, 0, 0, 0, 0, 1, 0xff, 0xff],
        &[0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff],
        &[0, 3],
        &[],
    ];
    for frame in frames {
        let mut b = Bench::single();
        let conn = b.connect(0);
        b.send_raw(conn, frame);
        assert_eq!(b.closed.len(), 1, "{frame:?}");
        assert!(!b.closed[0].1.is_empty());
        b.ask(0, 1, &MetadataRequest { topics: None, ..Default::default() });
    }
}

#[test]
fn topics_are_created_and_deleted() {
    let mut b = Bench::three();
    let create = |b: &mut Bench, name, num_partitions, replication_factor| {
        let topics = [CreatableTopic { name, num_partitions, replication_factor, ..Default::default() }];
        let body = b.ask(0, 7, &CreateTopicsRequest { topics: Array::slice(&topics), ..Default::default() });
        let row = CreateTopicsResponse::decode(7, &body).unwrap().topics.first().unwrap();
        (row.error_code, row.num_partitions, row.replication_factor)
    };
    assert_eq!(create(&mut b, "a", 4, 2), (ErrorCode::NONE, 4, 2));
    assert_eq!(create(&mut b, "b", -1, -1), (ErrorCode::NONE, 1, 3));
    assert_eq!(create(&mut b, "a", 4, 2).0, ErrorCode::TOPIC_ALREADY_EXISTS);
    assert_eq!(create(&mut b, "c", 0, 1).0, ErrorCode::INVALID_PARTITIONS);
    assert_eq!(create(&mut b, "c", 1, 4).0, ErrorCode::INVALID_REPLICATION_FACTOR);
    assert_eq!(create(&mut b, "c", i32::MAX, 1).0, ErrorCode::POLICY_VIOLATION);
    let names = ["a", "c"];
    let body = b.ask(0, 5, &DeleteTopicsRequest { topic_names: Array::slice(&names), ..Default::default() });
    let rows: Vec<_> =
        DeleteTopicsResponse::decode(5, &body).unwrap().responses.iter().map(|r| r.error_code).collect();
    assert_eq!(rows, [ErrorCode::NONE, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION]);
    assert!(b.cluster.topic("a").is_none());
}

#[test]
fn coordinators_are_spread_and_move_when_their_node_dies() {
    let mut b = Bench::three();
    let find = |b: &mut Bench, key: &str| {
        let keys = [key];
        let body = b.ask(
            0,
            4,
            &FindCoordinatorRequest { coordinator_keys: Array::slice(&keys), ..Default::default() },
        );
        FindCoordinatorResponse::decode(4, &body).unwrap().coordinators.first().unwrap().node_id
    };
    let homes: Vec<i32> = (0..20).map(|n| find(&mut b, &format!("group-{n}"))).collect();
    assert!((0..3).all(|n| homes.contains(&n)));
    b.cluster.kill_node(2);
    let moved: Vec<i32> = (0..20).map(|n| find(&mut b, &format!("group-{n}"))).collect();
    assert!(homes.iter().zip(&moved).all(|(h, m)| if *h == 2 { *m != 2 } else { h == m }));
}

#[test]
fn limits_are_kept() {
    let mut b = Bench::new(Config { max_connections: 2, ..Config::default() });
    let first = b.connect(0);
    b.connect(0);
    assert_eq!(b.cluster.handle_connect(b.now, 0), Err(Refused::TooMany));
    b.cluster.handle_disconnect(b.now, first);
    b.connect(0);
    for nodes in [0, 101] {
        let error = kafka_broker::Cluster::new(Config { nodes, ..Config::default() }, 1).unwrap_err();
        assert!(error.to_string().contains("not 1 to 100"), "{error}");
    }
}

#[test]
fn the_first_answer_can_be_swallowed() {
    let mut b = Bench::single();
    let conn = b.conn(0);
    b.cluster.inject(ApiKey::METADATA, Action::Swallow);
    b.send(conn, 1, &MetadataRequest { topics: None, ..Default::default() });
    b.send(conn, 1, &MetadataRequest { topics: None, ..Default::default() });
    b.pass(1_000_000_000);
    assert_eq!((b.take(conn), b.closed.len()), (None, 0));
}

#[test]
fn partitions_are_added_and_records_deleted() {
    let mut b = Bench::three();
    let grow = |b: &mut Bench, count| {
        let topics = [CreatePartitionsTopic { name: "t", count, assignments: None }];
        let body =
            b.ask(0, 3, &CreatePartitionsRequest { topics: Array::slice(&topics), ..Default::default() });
        CreatePartitionsResponse::decode(3, &body).unwrap().results.first().unwrap().error_code
    };
    assert_eq!(grow(&mut b, 3), ErrorCode::INVALID_PARTITIONS);
    assert_eq!(grow(&mut b, 5), ErrorCode::NONE);
    assert_eq!(b.cluster.topic("t").unwrap().partitions.len(), 5);
    for _ in 0..4 {
        b.produce(0, 0, 1, &common::plain(&["a"]));
    }
    let delete = |b: &mut Bench, offset| {
        let parts = [DeleteRecordsPartition { partition_index: 0, offset }];
        let topics = [DeleteRecordsTopic { name: "t", partitions: Array::slice(&parts) }];
        let body = b.ask(0, 2, &DeleteRecordsRequest { topics: Array::slice(&topics), timeout_ms: 1 });
        let row = DeleteRecordsResponse::decode(2, &body)
            .unwrap()
            .topics
            .first()
            .unwrap()
            .partitions
            .first()
            .unwrap();
        (row.error_code, row.low_watermark)
    };
    assert_eq!(delete(&mut b, 3), (ErrorCode::NONE, 3));
    assert_eq!(delete(&mut b, 5), (ErrorCode::OFFSET_OUT_OF_RANGE, -1));
    assert_eq!(delete(&mut b, -1), (ErrorCode::NONE, 4));
}

#[test]
fn configurations_are_set_shown_and_checked() {
    let mut b = Bench::single();
    let set = |b: &mut Bench, name, value| {
        let configs =
            [IncrementalAlterConfigsAlterableConfig { name, config_operation: 0, value: Some(value) }];
        let configs = Array::slice(&configs);
        let resources = [IncrementalAlterConfigsResource { resource_type: 2, resource_name: "t", configs }];
        let resources = Array::slice(&resources);
        let body = b.ask(0, 1, &IncrementalAlterConfigsRequest { resources, validate_only: false });
        IncrementalAlterConfigsResponse::decode(1, &body).unwrap().responses.first().unwrap().error_code
    };
    assert_eq!(set(&mut b, "max.message.bytes", "77"), ErrorCode::NONE);
    assert_eq!(set(&mut b, "max.message.bytes", "many"), ErrorCode::INVALID_CONFIG);
    assert_eq!(
        b.produce(0, 0, 1, &common::plain(&["a record that is too long"])).0,
        ErrorCode::MESSAGE_TOO_LARGE
    );
    let keys = ["max.message.bytes"];
    let configuration_keys = Some(Array::slice(&keys));
    let resources = [DescribeConfigsResource { resource_type: 2, resource_name: "t", configuration_keys }];
    let body =
        b.ask(0, 4, &DescribeConfigsRequest { resources: Array::slice(&resources), ..Default::default() });
    let result = DescribeConfigsResponse::decode(4, &body).unwrap().results.first().unwrap();
    let shown: Vec<_> = result.configs.iter().map(|c| (c.name, c.value, c.config_source)).collect();
    assert_eq!(shown, [("max.message.bytes", Some("77"), 1)]);
}
