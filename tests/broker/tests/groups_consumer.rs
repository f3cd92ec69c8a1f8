//! KIP-848 groups: epochs, targets, and partitions that change hands only when they were given up.

mod common;

use std::collections::BTreeMap;

use common::{Bench, Message};
use kafka_broker::Config;
use kafka_proto::messages::*;
use kafka_proto::{Array, ErrorCode, Uuid};

const OK: ErrorCode = ErrorCode::NONE;

struct Member {
    id: &'static str,
    epoch: i32,
    /// What it was assigned last.
    has: Vec<i32>,
    assignor: Option<&'static str>,
    instance: Option<&'static str>,
}

/// What is sent beside id and epoch.
#[derive(Default, Clone, Copy)]
struct Say<'a> {
    topics: Option<&'a [&'a str]>,
    regex: Option<&'a str>,
    owned: Option<&'a [i32]>,
}

impl Member {
    fn new(id: &'static str) -> Self {
        Self { id, epoch: 0, has: Vec::new(), assignor: None, instance: None }
    }

    fn beat(&mut self, b: &mut Bench, say: Say<'_>) -> ErrorCode {
        let topic_id = Uuid(b.cluster.topic("t").unwrap().id);
        let owned = [ConsumerGroupHeartbeatTopicPartitions {
            topic_id,
            partitions: Array::slice(say.owned.unwrap_or_default()),
        }];
        let owned = if say.owned == Some(&[]) { Array::EMPTY } else { Array::slice(&owned) };
        let request = ConsumerGroupHeartbeatRequest {
            group_id: "g",
            member_id: self.id,
            member_epoch: self.epoch,
            instance_id: self.instance,
            rebalance_timeout_ms: if self.epoch == 0 { 30_000 } else { -1 },
            subscribed_topic_names: say.topics.map(Array::slice),
            subscribed_topic_regex: say.regex,
            server_assignor: self.assignor,
            topic_partitions: say.owned.map(|_| owned),
            ..Default::default()
        };
        let body = b.ask(0, 1, &request);
        let answer = ConsumerGroupHeartbeatResponse::decode(1, &body).unwrap();
        if answer.error_code.is_ok() {
            self.epoch = answer.member_epoch;
            if let Some(assignment) = answer.assignment {
                self.has = assignment.topic_partitions.iter().flat_map(|t| t.partitions.iter()).collect();
            }
        }
        answer.error_code
    }

    fn join(&mut self, b: &mut Bench) {
        let say = Say { topics: Some(&["t"]), owned: Some(&[]), ..Say::default() };
        assert_eq!(self.beat(b, say), OK);
    }

    /// A heartbeat that says what it owns: what it was assigned last.
    fn settle(&mut self, b: &mut Bench) {
        let has = self.has.clone();
        assert_eq!(self.beat(b, Say { owned: Some(&has), ..Say::default() }), OK);
    }
}

fn six() -> Bench {
    Bench::new(Config { topics: vec![("t".into(), 6), ("u".into(), 1)], ..Config::default() })
}

#[test]
fn partitions_pass_from_hand_to_hand() {
    let mut b = six();
    let (mut x, mut y) = (Member::new("x"), Member::new("y"));
    x.join(&mut b);
    assert_eq!((x.epoch, x.has.len()), (1, 6));
    y.join(&mut b);
    assert_eq!((y.epoch, y.has.len()), (2, 0), "all are still in the other's hands");
    x.settle(&mut b);
    assert_eq!((x.epoch, x.has.len()), (1, 3), "told to give up three, still in its epoch");
    assert_eq!(y.beat(&mut b, Say::default()), OK);
    assert_eq!(y.has.len(), 0, "they are not given up yet");
    x.settle(&mut b);
    assert_eq!(x.epoch, 2);
    assert_eq!(y.beat(&mut b, Say::default()), OK);
    assert_eq!(y.has.len(), 3);
    assert!(x.has.iter().all(|p| !y.has.contains(p)));
    y.epoch = -1;
    assert_eq!(y.beat(&mut b, Say::default()), OK);
    x.settle(&mut b);
    assert_eq!((x.epoch, x.has.len()), (3, 6));
}

#[test]
fn epochs_are_checked_and_a_lost_answer_is_forgiven() {
    let mut b = six();
    let (mut x, mut y) = (Member::new("x"), Member::new("y"));
    assert_eq!(
        Member { epoch: 3, ..Member::new("x") }.beat(&mut b, Say::default()),
        ErrorCode::GROUP_ID_NOT_FOUND
    );
    x.join(&mut b);
    y.join(&mut b);
    assert_eq!(
        Member { epoch: 3, ..Member::new("z") }.beat(&mut b, Say::default()),
        ErrorCode::UNKNOWN_MEMBER_ID
    );
    x.settle(&mut b);
    x.settle(&mut b);
    let owned = x.has.clone();
    x.epoch = 1;
    assert_eq!(x.beat(&mut b, Say { owned: Some(&owned), ..Say::default() }), OK);
    assert_eq!(x.epoch, 2);
    x.epoch = 1;
    assert_eq!(
        x.beat(&mut b, Say { owned: Some(&[0, 1, 2, 3, 4, 5]), ..Say::default() }),
        ErrorCode::FENCED_MEMBER_EPOCH
    );
    x.epoch = 9;
    assert_eq!(x.beat(&mut b, Say::default()), ErrorCode::FENCED_MEMBER_EPOCH);
}

#[test]
fn requests_that_make_no_sense_are_refused() {
    let mut b = six();
    let full = Say { topics: Some(&["t"]), owned: Some(&[]), ..Say::default() };
    let invalid = ErrorCode::INVALID_REQUEST;
    assert_eq!(Member::new("").beat(&mut b, full), invalid);
    assert_eq!(Member::new("x").beat(&mut b, Say { owned: None, ..full }), invalid);
    assert_eq!(Member::new("x").beat(&mut b, Say { topics: None, ..full }), invalid);
    assert_eq!(Member::new("x").beat(&mut b, Say { owned: Some(&[1]), ..full }), invalid);
    assert_eq!(Member { epoch: -3, ..Member::new("x") }.beat(&mut b, full), invalid);
    assert_eq!(Member { epoch: -2, ..Member::new("x") }.beat(&mut b, full), invalid);
    let odd = Member { assignor: Some("odd"), ..Member::new("x") };
    assert_eq!({ odd }.beat(&mut b, full), ErrorCode::UNSUPPORTED_ASSIGNOR);
    let pattern = Say { topics: None, regex: Some("(("), ..full };
    assert_eq!(Member::new("x").beat(&mut b, pattern), ErrorCode::INVALID_REGULAR_EXPRESSION);
}

#[test]
fn silence_and_slowness_cost_the_membership() {
    let mut b = six();
    let (mut x, mut y) = (Member::new("x"), Member::new("y"));
    x.join(&mut b);
    y.join(&mut b);
    let owned = x.has.clone();
    for _ in 0..2 {
        // Told to give up three, it lives on and keeps them.
        assert_eq!(x.beat(&mut b, Say { owned: Some(&owned), ..Say::default() }), OK);
        b.pass(15_000_000);
        y.beat(&mut b, Say::default());
    }
    assert_eq!(x.beat(&mut b, Say::default()), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(y.beat(&mut b, Say::default()), OK);
    assert_eq!(y.has.len(), 6);
    b.pass(45_000_000);
    assert_eq!(y.beat(&mut b, Say::default()), ErrorCode::UNKNOWN_MEMBER_ID);
}

#[test]
fn new_topics_and_partitions_are_noticed() {
    let mut b = six();
    let mut x = Member::new("x");
    let pattern = Say { regex: Some("t.*"), owned: Some(&[]), ..Say::default() };
    assert_eq!(x.beat(&mut b, pattern), OK);
    assert_eq!(x.has.len(), 6);
    b.cluster.create_topic("tt", 2).unwrap();
    b.cluster.create_topic("xt", 2).unwrap();
    assert_eq!(x.beat(&mut b, Say::default()), OK);
    assert_eq!((x.epoch, x.has.len()), (2, 8));
}

#[test]
fn the_range_assignor_on_request() {
    let mut b = six();
    let (mut x, mut y) = (Member::new("x"), Member::new("y"));
    (x.assignor, y.assignor) = (Some("range"), Some("range"));
    x.join(&mut b);
    y.join(&mut b);
    for _ in 0..2 {
        x.settle(&mut b);
        y.settle(&mut b);
    }
    assert_eq!((x.has, y.has), (vec![0, 1, 2], vec![3, 4, 5]));
}

#[test]
fn a_static_member_keeps_its_place_while_it_is_away() {
    let mut b = six();
    let mut x = Member { instance: Some("one"), ..Member::new("x") };
    x.join(&mut b);
    let mut thief = Member { instance: Some("one"), ..Member::new("thief") };
    let full = Say { topics: Some(&["t"]), owned: Some(&[]), ..Say::default() };
    assert_eq!(thief.beat(&mut b, full), ErrorCode::UNRELEASED_INSTANCE_ID);
    x.epoch = -2;
    assert_eq!(x.beat(&mut b, Say::default()), OK);
    let mut again = Member { instance: Some("one"), ..Member::new("x2") };
    again.join(&mut b);
    assert_eq!((again.epoch, again.has.len()), (1, 6), "no new epoch");
}

fn commit(b: &mut Bench, member_id: &str, epoch: i32) -> ErrorCode {
    let parts = [OffsetCommitRequestPartition { committed_offset: 4, ..Default::default() }];
    let topic_id = Uuid(b.cluster.topic("t").unwrap().id);
    let topics =
        [OffsetCommitRequestTopic { topic_id, partitions: Array::slice(&parts), ..Default::default() }];
    let request = OffsetCommitRequest {
        group_id: "g",
        generation_id_or_member_epoch: epoch,
        member_id,
        topics: Array::slice(&topics),
        ..Default::default()
    };
    let body = b.ask(0, 10, &request);
    OffsetCommitResponse::decode(10, &body)
        .unwrap()
        .topics
        .first()
        .unwrap()
        .partitions
        .first()
        .unwrap()
        .error_code
}

#[test]
fn commits_need_the_current_epoch() {
    let mut b = six();
    let mut x = Member::new("x");
    x.join(&mut b);
    assert_eq!(commit(&mut b, "x", 1), OK);
    assert_eq!(commit(&mut b, "x", 2), ErrorCode::STALE_MEMBER_EPOCH);
    assert_eq!(commit(&mut b, "y", 1), ErrorCode::UNKNOWN_MEMBER_ID);
}

#[test]
fn the_group_is_described() {
    let mut b = six();
    let (mut x, mut y) = (Member::new("x"), Member::new("y"));
    x.join(&mut b);
    y.join(&mut b);
    let names = ["g", "none"];
    let body =
        b.ask(0, 1, &ConsumerGroupDescribeRequest { group_ids: Array::slice(&names), ..Default::default() });
    let groups: Vec<_> = ConsumerGroupDescribeResponse::decode(1, &body).unwrap().groups.iter().collect();
    assert_eq!(
        (groups[0].group_state, groups[0].group_epoch, groups[0].assignor_name),
        ("Reconciling", 2, "uniform")
    );
    assert_eq!(groups[1].error_code, ErrorCode::GROUP_ID_NOT_FOUND);
    let count =
        |a: &ConsumerGroupDescribeAssignment<'_>| a.topic_partitions.iter().map(|t| t.partitions.len()).sum();
    let shown: BTreeMap<&str, (usize, usize)> = groups[0]
        .members
        .iter()
        .map(|m| (m.member_id, (count(&m.assignment), count(&m.target_assignment))))
        .collect();
    assert_eq!(shown, BTreeMap::from([("x", (6, 3)), ("y", (0, 3))]));
}
