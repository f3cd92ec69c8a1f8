//! ConsumerGroupDescribe.

use kafka_proto::messages::{
    ConsumerGroupDescribeAssignment, ConsumerGroupDescribeDescribedGroup, ConsumerGroupDescribeMember,
    ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, ConsumerGroupDescribeTopicPartitions,
};
use kafka_proto::{Array, ErrorCode, Uuid};

use super::Kind;
use super::assignors::Assignment;
use super::consumer::{ConsumerGroup, ConsumerMember};
use crate::cluster::Cluster;
use crate::conn::encode;
use crate::request::{Hangup, Rq};
use crate::topics::{TopicId, Topics};

/// `MemberType`: one that speaks the consumer protocol.
const CONSUMER: i8 = 1;

type Parts<'a> = Vec<(TopicId, &'a str, Vec<i32>)>;

/// A member with what it has and what it is to have.
struct Shown<'a> {
    member: &'a ConsumerMember,
    topics: Vec<&'a str>,
    assigned: Parts<'a>,
    target: Parts<'a>,
}

impl Cluster {
    pub(crate) fn consumer_group_describe(&mut self, rq: &Rq<'_>) -> Result<(), Hangup> {
        let request: ConsumerGroupDescribeRequest<'_> = rq.decode()?;
        let found: Vec<Result<&ConsumerGroup, ErrorCode>> =
            request.group_ids.iter().map(|name| self.consumer_group(rq, name)).collect();
        let shown: Vec<Vec<Shown<'_>>> = found
            .iter()
            .map(|f| f.iter().flat_map(|g| g.members.values().map(|m| shown(g, m, &self.topics))).collect())
            .collect();
        let rows: Vec<Vec<[Vec<ConsumerGroupDescribeTopicPartitions<'_>>; 2]>> = shown
            .iter()
            .map(|members| members.iter().map(|s| [part_rows(&s.assigned), part_rows(&s.target)]).collect())
            .collect();
        let members: Vec<Vec<ConsumerGroupDescribeMember<'_>>> = shown
            .iter()
            .zip(&rows)
            .map(|(members, rows)| members.iter().zip(rows).map(|(s, rows)| member_row(s, rows)).collect())
            .collect();
        let groups: Vec<ConsumerGroupDescribeDescribedGroup<'_>> = request
            .group_ids
            .iter()
            .zip(found.iter().zip(&members))
            .map(|(name, (found, members))| group_row(name, found, members))
            .collect();
        let answer = ConsumerGroupDescribeResponse {
            throttle_time_ms: self.throttle_ms(),
            groups: Array::slice(&groups),
        };
        let frame = encode(&rq.ticket, &answer, Vec::new());
        self.conns.send(&rq.ticket, frame);
        Ok(())
    }

    fn consumer_group(&self, rq: &Rq<'_>, name: &str) -> Result<&ConsumerGroup, ErrorCode> {
        self.check_group(name, rq)?;
        match self.groups.get(name).map(|g| &g.kind) {
            Some(Kind::Consumer(group)) => Ok(group),
            _ => Err(ErrorCode::GROUP_ID_NOT_FOUND),
        }
    }
}

fn shown<'a>(group: &'a ConsumerGroup, member: &'a ConsumerMember, topics: &'a Topics) -> Shown<'a> {
    let named = |assignment: &Assignment| {
        let row = |(id, parts): (&TopicId, &std::collections::BTreeSet<i32>)| {
            (*id, topics.get(id).map_or("", |t| &t.name), parts.iter().copied().collect())
        };
        assignment.iter().map(row).collect()
    };
    Shown {
        member,
        topics: member.topics.iter().map(String::as_str).collect(),
        assigned: named(&member.assigned),
        target: group.target.get(&member.id).map_or(Vec::new(), named),
    }
}

fn part_rows<'a>(parts: &'a Parts<'_>) -> Vec<ConsumerGroupDescribeTopicPartitions<'a>> {
    let row = |(id, name, parts): &'a (TopicId, &str, Vec<i32>)| ConsumerGroupDescribeTopicPartitions {
        topic_id: Uuid(*id),
        topic_name: name,
        partitions: Array::slice(parts),
    };
    parts.iter().map(row).collect()
}

fn member_row<'a>(
    s: &'a Shown<'_>,
    [assigned, target]: &'a [Vec<ConsumerGroupDescribeTopicPartitions<'a>>; 2],
) -> ConsumerGroupDescribeMember<'a> {
    ConsumerGroupDescribeMember {
        member_id: &s.member.id,
        instance_id: s.member.instance_id.as_deref(),
        rack_id: s.member.rack_id.as_deref(),
        member_epoch: s.member.epoch,
        client_id: &s.member.client_id,
        client_host: "/127.0.0.1",
        subscribed_topic_names: Array::slice(&s.topics),
        subscribed_topic_regex: s.member.regex.as_deref(),
        assignment: ConsumerGroupDescribeAssignment { topic_partitions: Array::slice(assigned) },
        target_assignment: ConsumerGroupDescribeAssignment { topic_partitions: Array::slice(target) },
        member_type: CONSUMER,
    }
}

fn group_row<'a>(
    name: &'a str,
    found: &Result<&'a ConsumerGroup, ErrorCode>,
    members: &'a [ConsumerGroupDescribeMember<'a>],
) -> ConsumerGroupDescribeDescribedGroup<'a> {
    let mut row = ConsumerGroupDescribeDescribedGroup { group_id: name, ..Default::default() };
    match found {
        Err(code) => {
            row.error_code = *code;
            row.error_message = Some("there is no such consumer group here");
        }
        Ok(group) => {
            row.group_state = group.state_name();
            row.group_epoch = group.epoch;
            row.assignment_epoch = group.target_epoch;
            row.assignor_name = group.assignor();
            row.members = Array::slice(members);
        }
    }
    row
}
