//! Classic groups: joining, syncing, leaving, falling silent, static members, committed offsets.

mod common;

use common::{Bench, Message};
use kafka_broker::{Config, ConnId};
use kafka_proto::messages::*;
use kafka_proto::{Array, ErrorCode};

const OK: ErrorCode = ErrorCode::NONE;
const V: i16 = 7;

/// A client of the group "g" with a connection of its own.
struct Member {
    conn: ConnId,
    id: String,
    generation: i32,
    instance: Option<&'static str>,
    protocols: &'static [&'static str],
}

/// What JoinGroup said.
#[derive(Debug, PartialEq)]
struct Joined {
    code: ErrorCode,
    id: String,
    generation: i32,
    leader: String,
    members: Vec<String>,
    protocol: String,
}

impl Member {
    fn new(b: &mut Bench) -> Self {
        Self { conn: b.connect(0), id: String::new(), generation: -1, instance: None, protocols: &["range"] }
    }

    fn send_join(&self, b: &mut Bench, version: i16) {
        let protocols: Vec<JoinGroupRequestProtocol<'_>> = self
            .protocols
            .iter()
            .map(|name| JoinGroupRequestProtocol { name, metadata: b"topics" })
            .collect();
        let request = JoinGroupRequest {
            group_id: "g",
            session_timeout_ms: 10_000,
            rebalance_timeout_ms: 60_000,
            member_id: &self.id,
            group_instance_id: self.instance,
            protocol_type: "consumer",
            protocols: Array::slice(&protocols),
            ..Default::default()
        };
        b.send(self.conn, version, &request);
    }

    fn joined(&mut self, b: &mut Bench, version: i16) -> Option<Joined> {
        let body = b.take(self.conn)?;
        let answer = JoinGroupResponse::decode(version, &body).unwrap();
        self.id = answer.member_id.to_owned();
        if answer.error_code.is_ok() {
            self.generation = answer.generation_id;
        }
        Some(Joined {
            code: answer.error_code,
            id: answer.member_id.to_owned(),
            generation: answer.generation_id,
            leader: answer.leader.to_owned(),
            members: answer.members.iter().map(|m| m.member_id.to_owned()).collect(),
            protocol: answer.protocol_name.unwrap_or_default().to_owned(),
        })
    }

    /// Joins as a new client does: gets an id, and comes again with it.
    fn begin(&mut self, b: &mut Bench) {
        self.send_join(b, V);
        let first = self.joined(b, V).unwrap();
        assert_eq!(first.code, ErrorCode::MEMBER_ID_REQUIRED);
        assert!(first.id.starts_with("bench-"));
        self.send_join(b, V);
    }

    fn send_sync(&self, b: &mut Bench, parts: &[(&str, &[u8])]) {
        let rows: Vec<SyncGroupRequestAssignment<'_>> = parts
            .iter()
            .map(|(member_id, assignment)| SyncGroupRequestAssignment { member_id, assignment })
            .collect();
        let request = SyncGroupRequest {
            group_id: "g",
            generation_id: self.generation,
            member_id: &self.id,
            group_instance_id: self.instance,
            assignments: Array::slice(&rows),
            ..Default::default()
        };
        b.send(self.conn, 4, &request);
    }

    fn synced(&self, b: &mut Bench) -> Option<(ErrorCode, Vec<u8>)> {
        let body = b.take(self.conn)?;
        let answer = SyncGroupResponse::decode(4, &body).unwrap();
        Some((answer.error_code, answer.assignment.to_vec()))
    }

    fn beat(&self, b: &mut Bench) -> ErrorCode {
        let request = HeartbeatRequest {
            group_id: "g",
            generation_id: self.generation,
            member_id: &self.id,
            group_instance_id: self.instance,
        };
        b.send(self.conn, 4, &request);
        let body = b.take(self.conn).unwrap();
        HeartbeatResponse::decode(4, &body).unwrap().error_code
    }

    fn leave(&self, b: &mut Bench) -> ErrorCode {
        let who = [MemberIdentity { member_id: &self.id, group_instance_id: self.instance, reason: None }];
        b.send(
            self.conn,
            4,
            &LeaveGroupRequest { group_id: "g", members: Array::slice(&who), ..Default::default() },
        );
        let body = b.take(self.conn).unwrap();
        LeaveGroupResponse::decode(4, &body).unwrap().members.first().unwrap().error_code
    }

    fn commit(&self, b: &mut Bench, offset: i64) -> ErrorCode {
        let parts = [OffsetCommitRequestPartition {
            committed_offset: offset,
            committed_metadata: Some("note"),
            ..Default::default()
        }];
        let topics =
            [OffsetCommitRequestTopic { name: "t", partitions: Array::slice(&parts), ..Default::default() }];
        let request = OffsetCommitRequest {
            group_id: "g",
            generation_id_or_member_epoch: self.generation,
            member_id: &self.id,
            group_instance_id: self.instance,
            topics: Array::slice(&topics),
            ..Default::default()
        };
        b.send(self.conn, 8, &request);
        let body = b.take(self.conn).unwrap();
        OffsetCommitResponse::decode(8, &body)
            .unwrap()
            .topics
            .first()
            .unwrap()
            .partitions
            .first()
            .unwrap()
            .error_code
    }
}

/// Two members in a stable generation, the first of them leading; they have "A" and "B".
fn pair(b: &mut Bench) -> (Member, Member) {
    let (mut a, mut z) = (Member::new(b), Member::new(b));
    a.begin(b);
    assert_eq!(a.joined(b, V).unwrap().generation, 1);
    a.send_sync(b, &[(&a.id, b"all")]);
    assert_eq!(a.synced(b).unwrap(), (OK, b"all".to_vec()));
    z.begin(b);
    assert_eq!(z.joined(b, V), None, "it waits for the other");
    assert_eq!(a.beat(b), ErrorCode::REBALANCE_IN_PROGRESS);
    a.send_join(b, V);
    let (of_a, of_z) = (a.joined(b, V).unwrap(), z.joined(b, V).unwrap());
    assert_eq!((of_a.generation, of_z.generation), (2, 2));
    assert_eq!((&of_a.leader, &of_z.leader), (&a.id, &a.id));
    assert_eq!(of_a.members, [a.id.clone(), z.id.clone()]);
    assert_eq!(of_z.members, [""; 0], "only the leader learns the members");
    z.send_sync(b, &[]);
    assert_eq!(z.synced(b), None);
    a.send_sync(b, &[(&a.id, b"A"), (&z.id, b"B")]);
    assert_eq!(a.synced(b).unwrap(), (OK, b"A".to_vec()));
    assert_eq!(z.synced(b).unwrap(), (OK, b"B".to_vec()));
    (a, z)
}

#[test]
fn two_members_share_and_one_that_leaves_makes_room() {
    let mut b = Bench::single();
    let (mut a, z) = pair(&mut b);
    assert_eq!((a.beat(&mut b), z.beat(&mut b)), (OK, OK));
    assert_eq!(z.leave(&mut b), OK);
    assert_eq!(z.beat(&mut b), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(a.beat(&mut b), ErrorCode::REBALANCE_IN_PROGRESS);
    a.send_join(&mut b, V);
    let joined = a.joined(&mut b, V).unwrap();
    assert_eq!((joined.generation, joined.members.len()), (3, 1));
    a.generation = 2;
    assert_eq!(a.beat(&mut b), ErrorCode::ILLEGAL_GENERATION);
}

#[test]
fn who_falls_silent_is_out_after_the_session_timeout() {
    let mut b = Bench::single();
    let (a, z) = pair(&mut b);
    b.pass(6_000_000);
    assert_eq!(a.beat(&mut b), OK);
    b.pass(3_999_999);
    assert_eq!(a.beat(&mut b), OK);
    b.pass(1);
    assert_eq!(a.beat(&mut b), ErrorCode::REBALANCE_IN_PROGRESS);
    assert_eq!(z.beat(&mut b), ErrorCode::UNKNOWN_MEMBER_ID);
}

#[test]
fn who_does_not_join_again_in_time_is_left_behind() {
    let mut b = Bench::single();
    let (mut a, z) = pair(&mut b);
    let mut third = Member::new(&mut b);
    third.begin(&mut b);
    a.send_join(&mut b, V);
    for _ in 0..11 {
        b.pass(5_000_000);
        assert_eq!(z.beat(&mut b), ErrorCode::REBALANCE_IN_PROGRESS, "it lives, but does not join");
    }
    assert_eq!(a.joined(&mut b, V), None);
    b.pass(5_000_000);
    assert_eq!(a.joined(&mut b, V).unwrap().members.len(), 2);
    assert!(third.joined(&mut b, V).is_some());
    assert_eq!(z.beat(&mut b), ErrorCode::UNKNOWN_MEMBER_ID);
}

#[test]
fn who_joins_and_never_syncs_is_removed() {
    let mut b = Bench::single();
    let (mut a, mut z) = pair(&mut b);
    let mut third = Member::new(&mut b);
    third.begin(&mut b);
    a.send_join(&mut b, V);
    z.send_join(&mut b, V);
    for member in [&mut a, &mut z, &mut third] {
        assert_eq!(member.joined(&mut b, V).unwrap().generation, 3);
    }
    z.send_sync(&mut b, &[]);
    for _ in 0..8 {
        b.pass(9_000_000);
        third.beat(&mut b);
    }
    assert_eq!(a.beat(&mut b), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(z.synced(&mut b).unwrap().0, ErrorCode::REBALANCE_IN_PROGRESS);
}

#[test]
fn the_assignor_is_one_that_all_know_and_most_prefer() {
    let mut b = Bench::single();
    let (mut x, mut y, mut z) = (Member::new(&mut b), Member::new(&mut b), Member::new(&mut b));
    x.protocols = &["sticky", "range"];
    y.protocols = &["range", "roundrobin", "sticky"];
    z.protocols = &["roundrobin", "range", "sticky"];
    x.begin(&mut b);
    assert_eq!(x.joined(&mut b, V).unwrap().protocol, "sticky");
    y.begin(&mut b);
    z.begin(&mut b);
    x.send_join(&mut b, V);
    assert_eq!(x.joined(&mut b, V).unwrap().protocol, "range");
    let mut stranger = Member::new(&mut b);
    stranger.protocols = &["other"];
    stranger.send_join(&mut b, V);
    assert_eq!(stranger.joined(&mut b, V).unwrap().code, ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
}

#[test]
fn a_static_member_comes_back_without_a_rebalance_and_fences_its_past() {
    let mut b = Bench::single();
    let mut a = Member::new(&mut b);
    a.instance = Some("one");
    a.send_join(&mut b, V);
    let first = a.joined(&mut b, V).unwrap();
    assert_eq!((first.code, first.generation), (OK, 1), "no detour over an id");
    a.send_sync(&mut b, &[(&a.id, b"A")]);
    assert_eq!(a.synced(&mut b).unwrap().1, b"A");
    let mut again = Member::new(&mut b);
    again.instance = Some("one");
    again.send_join(&mut b, V);
    let second = again.joined(&mut b, V).unwrap();
    assert_eq!((second.code, second.generation), (OK, 1));
    assert_ne!(second.id, first.id);
    assert_eq!(second.leader, first.id, "before version 9 it must not assign again");
    again.send_sync(&mut b, &[]);
    assert_eq!(again.synced(&mut b).unwrap(), (OK, b"A".to_vec()));
    assert_eq!(a.beat(&mut b), ErrorCode::FENCED_INSTANCE_ID);
    assert_eq!(a.commit(&mut b, 1), ErrorCode::FENCED_INSTANCE_ID);
    assert_eq!(again.commit(&mut b, 1), OK);
}

#[test]
fn offsets_are_kept_and_only_members_commit() {
    let mut b = Bench::single();
    let (a, mut z) = pair(&mut b);
    assert_eq!(a.commit(&mut b, 17), OK);
    z.generation = 1;
    assert_eq!(z.commit(&mut b, 18), ErrorCode::ILLEGAL_GENERATION);
    let mut nobody = Member::new(&mut b);
    assert_eq!(nobody.commit(&mut b, 19), ErrorCode::UNKNOWN_MEMBER_ID, "the group is not empty");
    nobody.generation = 2;
    nobody.id = "ghost".into();
    assert_eq!(nobody.commit(&mut b, 19), ErrorCode::UNKNOWN_MEMBER_ID);
    for version in 1..=9 {
        assert_eq!(offset(&mut b, version, Some(&[0, 5])), [(0, 17), (5, -1)], "version {version}");
    }
    assert_eq!(offset(&mut b, 5, None), [(0, 17)]);
    assert_eq!(offset(&mut b, 8, None), [(0, 17)]);
    b.cluster.recreate_topic("t");
    assert_eq!(offset(&mut b, 8, None), [], "they go with the topic");
}

/// Committed offsets of "g" on "t".
fn offset(b: &mut Bench, version: i16, partitions: Option<&[i32]>) -> Vec<(i32, i64)> {
    let parts = Array::slice(partitions.unwrap_or_default());
    let old = [OffsetFetchRequestTopic { name: "t", partition_indexes: parts }];
    let new = [OffsetFetchRequestTopics { name: "t", partition_indexes: parts, ..Default::default() }];
    let topics = partitions.map(|_| Array::slice(&new));
    let groups = [OffsetFetchRequestGroup { group_id: "g", topics, ..Default::default() }];
    let request = OffsetFetchRequest {
        group_id: "g",
        topics: partitions.map(|_| Array::slice(&old)),
        groups: Array::slice(&groups),
        ..Default::default()
    };
    let body = b.ask(0, version, &request);
    let answer = OffsetFetchResponse::decode(version, &body).unwrap();
    if version >= 8 {
        let group = answer.groups.first().unwrap();
        assert_eq!(group.error_code, OK);
        group
            .topics
            .iter()
            .flat_map(|t| t.partitions.iter().map(|p| (p.partition_index, p.committed_offset)))
            .collect()
    } else {
        assert_eq!(answer.error_code, OK);
        answer
            .topics
            .iter()
            .flat_map(|t| t.partitions.iter().map(|p| (p.partition_index, p.committed_offset)))
            .collect()
    }
}

#[test]
fn groups_are_listed_described_and_deleted() {
    let mut b = Bench::single();
    let (a, z) = pair(&mut b);
    a.commit(&mut b, 3);
    let body = b.ask(0, 5, &ListGroupsRequest::default());
    let listed = ListGroupsResponse::decode(5, &body).unwrap().groups.first().unwrap();
    assert_eq!((listed.group_id, listed.group_state, listed.group_type), ("g", "Stable", "classic"));
    let names = ["g", "none"];
    let body = b.ask(0, 5, &DescribeGroupsRequest { groups: Array::slice(&names), ..Default::default() });
    let groups: Vec<_> = DescribeGroupsResponse::decode(5, &body).unwrap().groups.iter().collect();
    assert_eq!(
        (groups[0].group_state, groups[0].protocol_data, groups[1].group_state),
        ("Stable", "range", "Dead")
    );
    let parts: Vec<_> = groups[0].members.iter().map(|m| m.member_assignment).collect();
    assert_eq!(parts, [b"A", b"B"]);
    let delete = |b: &mut Bench| {
        let names = ["g"];
        let body = b.ask(0, 2, &DeleteGroupsRequest { groups_names: Array::slice(&names) });
        DeleteGroupsResponse::decode(2, &body).unwrap().results.first().unwrap().error_code
    };
    assert_eq!(delete(&mut b), ErrorCode::NON_EMPTY_GROUP);
    a.leave(&mut b);
    z.leave(&mut b);
    assert_eq!(delete(&mut b), OK);
    assert_eq!(delete(&mut b), ErrorCode::GROUP_ID_NOT_FOUND);
}

#[test]
fn a_new_coordinator_knows_the_members() {
    let mut b = Bench::new(Config { nodes: 3, topics: vec![("t".into(), 1)], ..Config::default() });
    let keys = ["g"];
    let find = |b: &mut Bench, from| {
        let request = FindCoordinatorRequest { coordinator_keys: Array::slice(&keys), ..Default::default() };
        let body = b.ask(from, 4, &request);
        FindCoordinatorResponse::decode(4, &body).unwrap().coordinators.first().unwrap().node_id
    };
    let home = find(&mut b, 0);
    let other = (home + 1) % 3;
    let mut a = Member::new(&mut b);
    a.conn = b.connect(other);
    a.send_join(&mut b, V);
    assert_eq!(a.joined(&mut b, V).unwrap().code, ErrorCode::NOT_COORDINATOR);
    a.conn = b.connect(home);
    a.begin(&mut b);
    a.joined(&mut b, V).unwrap();
    a.send_sync(&mut b, &[(&a.id, b"A")]);
    a.synced(&mut b).unwrap();
    b.cluster.kill_node(home);
    b.drain();
    let next = find(&mut b, other);
    assert_ne!(next, home);
    a.conn = b.connect(next);
    assert_eq!(a.beat(&mut b), OK);
    let until = b.now + 1_000;
    b.cluster.coordinators_loading(until);
    assert_eq!(a.beat(&mut b), ErrorCode::COORDINATOR_LOAD_IN_PROGRESS);
    b.pass(1_000);
    assert_eq!(a.beat(&mut b), OK);
}

#[test]
fn timers_do_not_pile_up() {
    let mut b = Bench::single();
    let (mut a, mut z) = pair(&mut b);
    for _ in 0..50 {
        a.send_join(&mut b, V);
        z.send_join(&mut b, V);
        a.joined(&mut b, V).unwrap();
        z.joined(&mut b, V).unwrap();
        a.send_sync(&mut b, &[]);
        z.send_sync(&mut b, &[]);
        a.synced(&mut b).unwrap();
        z.synced(&mut b).unwrap();
    }
    for _ in 0..20 {
        b.pass(5_000_000);
        assert_eq!((a.beat(&mut b), z.beat(&mut b)), (OK, OK));
    }
    assert!(b.cluster.pending_timers() < 10, "{}", b.cluster.pending_timers());
}
