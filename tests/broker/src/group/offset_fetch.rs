//! OffsetFetch: one group per request, or (since version 8) several.

use std::collections::BTreeMap;

use kafka_proto::messages::{
    OffsetFetchRequest, OffsetFetchResponse, OffsetFetchResponseGroup, OffsetFetchResponsePartition,
    OffsetFetchResponsePartitions, OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use kafka_proto::{Array, ErrorCode, Uuid};

use super::offsets::Committed;
use crate::cluster::Cluster;
use crate::request::{Hangup, Rq};
use crate::topics::{NO_ID, TopicId};

/// Topic, its id where it is needed, and partitions.
type Asked = Vec<(String, TopicId, Vec<i32>)>;

/// What is known of one partition.
struct Row {
    index: i32,
    found: Option<Committed>,
    code: ErrorCode,
}

struct TopicRows {
    name: String,
    id: TopicId,
    rows: Vec<Row>,
}

struct GroupRows {
    name: String,
    code: ErrorCode,
    topics: Vec<TopicRows>,
}

impl Cluster {
    pub(crate) fn offset_fetch(&mut self, rq: &Rq<'_>) -> Result<(), Hangup> {
        let request: OffsetFetchRequest<'_> = rq.decode()?;
        let stable = request.require_stable;
        if rq.version >= 8 {
            let by_id = rq.version >= 10;
            let mut groups = Vec::new();
            for group in request.groups {
                let asked = group.topics.map(|topics| {
                    let row = |t: kafka_proto::messages::OffsetFetchRequestTopics<'_>| {
                        let name = self.topic_of(by_id, t.name, t.topic_id).map(|t| t.name.clone());
                        let name = name.unwrap_or_else(|| t.name.to_owned());
                        (name, t.topic_id.0, t.partition_indexes.iter().collect())
                    };
                    topics.iter().map(row).collect()
                });
                let member = (group.member_id, group.member_epoch);
                groups.push(self.offsets_of(rq, group.group_id, member, asked, stable));
            }
            self.answer_groups(rq, &groups);
        } else {
            let asked = request.topics.map(|topics| {
                topics
                    .iter()
                    .map(|t| (t.name.to_owned(), NO_ID, t.partition_indexes.iter().collect()))
                    .collect()
            });
            let group = self.offsets_of(rq, request.group_id, (None, -1), asked, stable);
            self.answer_group(rq, &group);
        }
        Ok(())
    }

    fn offsets_of(
        &self,
        rq: &Rq<'_>,
        name: &str,
        member: (Option<&str>, i32),
        asked: Option<Asked>,
        stable: bool,
    ) -> GroupRows {
        let group = self.groups.get(name);
        let checked = self.check_group(name, rq).and_then(|()| match (group, member) {
            (Some(group), (Some(id), epoch)) => group.check_reader(id, epoch),
            _ => Ok(()),
        });
        let code = checked.err().unwrap_or(ErrorCode::NONE);
        let asked = asked.unwrap_or_else(|| match code {
            ErrorCode::NONE => self.all_offsets(name),
            _ => Vec::new(),
        });
        let by_id = rq.version >= 10;
        let topics = asked.into_iter().map(|(topic, id, partitions)| {
            let row = |index: i32| {
                let key = (topic.clone(), index);
                let found = match (group, code) {
                    (Some(group), ErrorCode::NONE) => group.offsets.get(&key, stable),
                    _ => Ok(None),
                };
                let gone = by_id && self.topics.get(&id).is_none();
                let (found, code) = match found {
                    _ if gone => (None, ErrorCode::UNKNOWN_TOPIC_ID),
                    Ok(found) => (found.cloned(), ErrorCode::NONE),
                    Err(code) => (None, code),
                };
                Row { index, found, code }
            };
            let rows = partitions.into_iter().map(row).collect();
            TopicRows { name: topic, id, rows }
        });
        GroupRows { name: name.to_owned(), code, topics: topics.collect() }
    }

    fn all_offsets(&self, group: &str) -> Asked {
        let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
        let offsets = self.groups.get(group).map(|g| g.offsets.iter());
        for ((topic, partition), _) in offsets.into_iter().flatten() {
            topics.entry(topic).or_default().push(*partition);
        }
        let row = |(name, partitions): (&str, Vec<i32>)| {
            (name.to_owned(), self.topics.id(name).unwrap_or(NO_ID), partitions)
        };
        topics.into_iter().map(row).collect()
    }

    fn answer_groups(&mut self, rq: &Rq<'_>, groups: &[GroupRows]) {
        let rows: Vec<Vec<Vec<OffsetFetchResponsePartitions<'_>>>> = groups
            .iter()
            .map(|g| g.topics.iter().map(|t| t.rows.iter().map(Row::new_shape).collect()).collect())
            .collect();
        let topics: Vec<Vec<OffsetFetchResponseTopics<'_>>> = groups
            .iter()
            .zip(&rows)
            .map(|(group, rows)| {
                group
                    .topics
                    .iter()
                    .zip(rows)
                    .map(|(t, rows)| OffsetFetchResponseTopics {
                        name: &t.name,
                        topic_id: Uuid(t.id),
                        partitions: Array::slice(rows),
                    })
                    .collect()
            })
            .collect();
        let groups: Vec<OffsetFetchResponseGroup<'_>> = groups
            .iter()
            .zip(&topics)
            .map(|(g, topics)| OffsetFetchResponseGroup {
                group_id: &g.name,
                topics: Array::slice(topics),
                error_code: g.code,
            })
            .collect();
        let answer = OffsetFetchResponse {
            throttle_time_ms: self.throttle_ms(),
            groups: Array::slice(&groups),
            ..OffsetFetchResponse::default()
        };
        self.conns.reply(&rq.ticket, &answer);
    }

    fn answer_group(&mut self, rq: &Rq<'_>, group: &GroupRows) {
        // Version 1 has no place for an error of the whole group.
        let spread = if rq.version < 2 { group.code } else { ErrorCode::NONE };
        let rows: Vec<Vec<OffsetFetchResponsePartition<'_>>> =
            group.topics.iter().map(|t| t.rows.iter().map(|r| r.old_shape(spread)).collect()).collect();
        let topics: Vec<OffsetFetchResponseTopic<'_>> = group
            .topics
            .iter()
            .zip(&rows)
            .map(|(t, rows)| OffsetFetchResponseTopic { name: &t.name, partitions: Array::slice(rows) })
            .collect();
        let answer = OffsetFetchResponse {
            throttle_time_ms: self.throttle_ms(),
            topics: Array::slice(&topics),
            error_code: group.code,
            ..OffsetFetchResponse::default()
        };
        self.conns.reply(&rq.ticket, &answer);
    }
}

impl Row {
    fn values(&self) -> (i64, i32, &str) {
        self.found.as_ref().map_or((-1, -1, ""), |f| (f.offset, f.leader_epoch, &f.metadata))
    }

    fn new_shape(&self) -> OffsetFetchResponsePartitions<'_> {
        let (committed_offset, committed_leader_epoch, metadata) = self.values();
        OffsetFetchResponsePartitions {
            partition_index: self.index,
            committed_offset,
            committed_leader_epoch,
            metadata: Some(metadata),
            error_code: self.code,
        }
    }

    fn old_shape(&self, code: ErrorCode) -> OffsetFetchResponsePartition<'_> {
        let (committed_offset, committed_leader_epoch, metadata) = self.values();
        OffsetFetchResponsePartition {
            partition_index: self.index,
            committed_offset,
            committed_leader_epoch,
            metadata: Some(metadata),
            error_code: if code.is_err() { code } else { self.code },
        }
    }
}
