//! OffsetCommit, OffsetFetch and OffsetDelete.

use kafka_proto::messages::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitResponse, OffsetCommitResponsePartition,
    OffsetCommitResponseTopic, OffsetDeleteRequest, OffsetDeleteResponse, OffsetDeleteResponsePartition,
    OffsetDeleteResponseTopic,
};
use kafka_proto::{Array, ErrorCode, Uuid};

use super::classic::{Classic, State};
use super::offsets::{Committed, METADATA_MAX};
use super::{Group, Kind};
use crate::cluster::Cluster;
use crate::request::{Hangup, Rq};
use crate::topics::Topic;

/// Who commits, as far as it says.
pub(crate) struct Committer<'a> {
    pub member_id: &'a str,
    pub instance_id: Option<&'a str>,
    /// Generation (classic) or member epoch (KIP-848); -1: outside of group management.
    pub epoch: i32,
}

impl Cluster {
    pub(crate) fn offset_commit(&mut self, rq: &Rq<'_>) -> Result<(), Hangup> {
        let request: OffsetCommitRequest<'_> = rq.decode()?;
        let who = Committer {
            member_id: request.member_id,
            instance_id: request.group_instance_id,
            epoch: request.generation_id_or_member_epoch,
        };
        let checked = self
            .check_group(request.group_id, rq)
            .and_then(|()| self.check_commit(request.group_id, &who, rq.version, 9));
        let mut rows: Vec<Vec<OffsetCommitResponsePartition>> = Vec::new();
        for topic in request.topics {
            let unknown = if rq.version >= 10 {
                ErrorCode::UNKNOWN_TOPIC_ID
            } else {
                ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
            };
            let found = self.topic_of(rq.version >= 10, topic.name, topic.topic_id);
            let (name, count) =
                found.map_or((String::new(), -1), |t| (t.name.clone(), t.partitions.len() as i32));
            let commit = topic.partitions.iter().map(|p| OffsetCommitResponsePartition {
                partition_index: p.partition_index,
                error_code: match (checked, count) {
                    (Err(code), _) => code,
                    (_, -1) => unknown,
                    _ if !(0..count).contains(&p.partition_index) => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
                    _ => self.commit_one(request.group_id, &name, &p),
                },
            });
            rows.push(commit.collect());
        }
        let topics: Vec<OffsetCommitResponseTopic<'_>> = request
            .topics
            .iter()
            .zip(&rows)
            .map(|(t, rows)| OffsetCommitResponseTopic {
                name: t.name,
                topic_id: t.topic_id,
                partitions: Array::slice(rows),
            })
            .collect();
        let answer =
            OffsetCommitResponse { throttle_time_ms: self.throttle_ms(), topics: Array::slice(&topics) };
        self.conns.reply(&rq.ticket, &answer);
        Ok(())
    }

    /// Whether this member may commit now; makes the group where there is none and none is needed.
    pub(crate) fn check_commit(
        &mut self,
        group: &str,
        who: &Committer<'_>,
        version: i16,
        epochs_since: i16,
    ) -> Result<(), ErrorCode> {
        let now = self.now;
        if !self.groups.contains_key(group) && who.epoch >= 0 {
            return Err(ErrorCode::ILLEGAL_GENERATION);
        }
        let found = self.group_or_new(group)?;
        found.offsets.used = now;
        found.check_committer(who, version >= epochs_since, now)
    }

    fn commit_one(&mut self, group: &str, topic: &str, p: &OffsetCommitRequestPartition<'_>) -> ErrorCode {
        let metadata = p.committed_metadata.unwrap_or_default();
        if metadata.len() > METADATA_MAX {
            return ErrorCode::OFFSET_METADATA_TOO_LARGE;
        }
        let committed = Committed {
            offset: p.committed_offset,
            leader_epoch: p.committed_leader_epoch,
            metadata: metadata.to_owned(),
            at: self.now,
        };
        if let Some(group) = self.groups.get_mut(group) {
            group.offsets.commit((topic.to_owned(), p.partition_index), committed);
        }
        ErrorCode::NONE
    }

    pub(crate) fn topic_of(&self, by_id: bool, name: &str, id: Uuid) -> Option<&Topic> {
        if by_id { self.topics.get(&id.0) } else { self.topics.named(name) }
    }

    pub(crate) fn offset_delete(&mut self, rq: &Rq<'_>) -> Result<(), Hangup> {
        let request: OffsetDeleteRequest<'_> = rq.decode()?;
        let mut error_code = self.check_group(request.group_id, rq).err().unwrap_or(ErrorCode::NONE);
        if error_code.is_ok() && !self.groups.contains_key(request.group_id) {
            error_code = ErrorCode::GROUP_ID_NOT_FOUND;
        }
        let mut rows: Vec<Vec<OffsetDeleteResponsePartition>> = Vec::new();
        for topic in request.topics.iter().filter(|_| error_code.is_ok()) {
            let delete = topic.partitions.iter().map(|p| OffsetDeleteResponsePartition {
                partition_index: p.partition_index,
                error_code: self.delete_offset(request.group_id, topic.name, p.partition_index),
            });
            rows.push(delete.collect());
        }
        let topics: Vec<OffsetDeleteResponseTopic<'_>> = request
            .topics
            .iter()
            .zip(&rows)
            .map(|(t, rows)| OffsetDeleteResponseTopic { name: t.name, partitions: Array::slice(rows) })
            .collect();
        let throttle_time_ms = self.throttle_ms();
        let answer = OffsetDeleteResponse { error_code, throttle_time_ms, topics: Array::slice(&topics) };
        self.conns.reply(&rq.ticket, &answer);
        Ok(())
    }

    fn delete_offset(&mut self, group: &str, topic: &str, partition: i32) -> ErrorCode {
        if self.topics.named(topic).is_none_or(|t| t.partition(partition).is_none()) {
            return ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
        }
        let Some(group) = self.groups.get_mut(group) else { return ErrorCode::GROUP_ID_NOT_FOUND };
        if group.subscribes(topic) {
            return ErrorCode::GROUP_SUBSCRIBED_TO_TOPIC;
        }
        group.offsets.delete(&(topic.to_owned(), partition));
        ErrorCode::NONE
    }
}

impl Group {
    fn check_committer(
        &mut self,
        who: &Committer<'_>,
        knows_epochs: bool,
        now: u64,
    ) -> Result<(), ErrorCode> {
        match &mut self.kind {
            Kind::Classic(classic) => classic.check_committer(who, now),
            Kind::Consumer(group) if who.epoch < 0 && group.members.is_empty() => Ok(()),
            Kind::Consumer(group) => {
                let member = group.members.get(who.member_id).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?;
                match member.epoch == who.epoch {
                    _ if !knows_epochs => Err(ErrorCode::UNSUPPORTED_VERSION),
                    true => Ok(()),
                    false => Err(ErrorCode::STALE_MEMBER_EPOCH),
                }
            }
        }
    }

    /// Whether a member wants records of the topic.
    fn subscribes(&self, topic: &str) -> bool {
        match &self.kind {
            Kind::Classic(classic) => classic.members.iter().any(|m| m.subscribes(topic)),
            Kind::Consumer(group) => group.members.values().any(|m| m.topics.contains(topic)),
        }
    }
}

impl Classic {
    fn check_committer(&mut self, who: &Committer<'_>, now: u64) -> Result<(), ErrorCode> {
        let anonymous = who.epoch < 0 && who.member_id.is_empty() && who.instance_id.is_none();
        if who.epoch < 0 && self.state == State::Empty {
            return Ok(());
        }
        if anonymous {
            return Err(ErrorCode::UNKNOWN_MEMBER_ID);
        }
        self.check_member(who.member_id, who.instance_id, who.epoch)?;
        if self.state == State::CompletingRebalance {
            return Err(ErrorCode::REBALANCE_IN_PROGRESS);
        }
        if let Some(member) = self.member(who.member_id) {
            member.alive_until(now);
        }
        Ok(())
    }
}

impl super::classic::Member {
    /// Whether the consumer protocol's subscription names the topic.
    fn subscribes(&self, topic: &str) -> bool {
        use kafka_proto::Message;
        use kafka_proto::messages::ConsumerProtocolSubscription;
        self.protocols.iter().any(|(_, metadata)| {
            let Some((version, body)) = metadata.split_first_chunk::<2>() else { return false };
            let version = i16::from_be_bytes(*version).clamp(0, 3);
            let found = ConsumerProtocolSubscription::decode(version, body);
            found.is_ok_and(|s| s.topics.iter().any(|t| t == topic))
        })
    }
}
