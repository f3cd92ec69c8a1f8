//! CreateTopics and DeleteTopics.

use std::collections::BTreeMap;

use kafka_proto::ErrorCode;
use kafka_proto::messages::{
    CreatableTopic, CreatableTopicResult, CreateTopicsRequest, CreateTopicsResponse, DeletableTopicResult,
    DeleteTopicsRequest, DeleteTopicsResponse,
};
use kafka_proto::wire::{Array, Uuid};

use crate::cluster::Cluster;
use crate::request::{Hangup, Rq};
use crate::topics::{NO_ID, TopicId, valid_name, visible_id};

/// A refusal with words for the administrator.
type Refusal = (ErrorCode, &'static str);

impl Cluster {
    pub(crate) fn create_topics(&mut self, rq: &Rq<'_>) -> Result<(), Hangup> {
        let request: CreateTopicsRequest<'_> = rq.decode()?;
        let rows: Vec<CreatableTopicResult<'_>> = request
            .topics
            .iter()
            .map(|topic| {
                let twice = request.topics.iter().filter(|other| other.name == topic.name).count() > 1;
                let made = match rq.forced {
                    Some(code) => Err((code, "")),
                    None if twice => Err((ErrorCode::INVALID_REQUEST, "the topic is named twice")),
                    None => self.create_one(&topic, request.validate_only),
                };
                self.creation_row(topic.name, made)
            })
            .collect();
        let answer =
            CreateTopicsResponse { throttle_time_ms: self.throttle_ms(), topics: Array::slice(&rows) };
        self.conns.reply(&rq.ticket, &answer);
        Ok(())
    }

    fn creation_row<'a>(&self, name: &'a str, made: Result<Made, Refusal>) -> CreatableTopicResult<'a> {
        let mut row = CreatableTopicResult { name, error_message: None, ..CreatableTopicResult::default() };
        match made {
            Ok(made) => {
                row.topic_id = Uuid(visible_id(self.config.release, made.id));
                (row.num_partitions, row.replication_factor) = (made.partitions, made.replication);
            }
            Err((code, message)) => {
                row.error_code = code;
                row.error_message = (!message.is_empty()).then_some(message);
                row.configs = None;
            }
        }
        row
    }

    fn create_one(&mut self, topic: &CreatableTopic<'_>, validate_only: bool) -> Result<Made, Refusal> {
        if !valid_name(topic.name) {
            return Err((
                ErrorCode::INVALID_TOPIC_EXCEPTION,
                "the name is not 1 to 249 of a-z, A-Z, 0-9, ., _ and -",
            ));
        }
        let assignment = self.assignment(topic)?;
        let settings: BTreeMap<String, String> =
            topic.configs.iter().filter_map(|c| Some((c.name.to_owned(), c.value?.to_owned()))).collect();
        let partitions = assignment.len() as i32;
        let replication = assignment.first().map_or(0, |r| r.len() as i16);
        if validate_only {
            return match self.topics.id(topic.name) {
                Some(_) => Err((ErrorCode::TOPIC_ALREADY_EXISTS, "the topic exists")),
                None => Ok(Made { id: NO_ID, partitions, replication }),
            };
        }
        let alive = self.alive_nodes();
        let made = self.topics.create(&self.config, &mut self.rng, &alive, topic.name, assignment, settings);
        let id = made.map_err(|code| match code {
            ErrorCode::TOPIC_ALREADY_EXISTS => (code, "the topic exists"),
            ErrorCode::POLICY_VIOLATION => (code, "this broker holds no more topics or partitions"),
            _ => (code, "a configuration value is impossible"),
        })?;
        Ok(Made { id, partitions, replication })
    }

    fn assignment(&self, topic: &CreatableTopic<'_>) -> Result<Vec<Vec<i32>>, Refusal> {
        let nodes = self.nodes.len();
        if !topic.assignments.is_empty() {
            let mut rows: Vec<(i32, Vec<i32>)> = topic
                .assignments
                .iter()
                .map(|a| (a.partition_index, a.broker_ids.iter().collect()))
                .collect();
            rows.sort();
            let complete = rows.iter().enumerate().all(|(i, (index, ids))| {
                *index == i as i32 && !ids.is_empty() && ids.iter().all(|id| (0..nodes as i32).contains(id))
            });
            let given = topic.num_partitions == -1 && topic.replication_factor == -1;
            return match complete && given {
                true => Ok(rows.into_iter().map(|(_, ids)| ids).collect()),
                false => {
                    Err((ErrorCode::INVALID_REPLICA_ASSIGNMENT, "the replica assignment is not complete"))
                }
            };
        }
        let partitions = match topic.num_partitions {
            -1 => self.config.default_partitions,
            n => n,
        };
        if partitions < 1 {
            return Err((ErrorCode::INVALID_PARTITIONS, "the number of partitions is not larger than 0"));
        }
        let replication = match topic.replication_factor {
            -1 => self.config.replication_factor.min(nodes as i16),
            n => n,
        };
        if replication < 1 || replication as usize > nodes {
            return Err((
                ErrorCode::INVALID_REPLICATION_FACTOR,
                "the replication factor is not 1 to the number of nodes",
            ));
        }
        Ok(self.spread(0, partitions, replication))
    }

    pub(crate) fn delete_topics(&mut self, rq: &Rq<'_>) -> Result<(), Hangup> {
        let request: DeleteTopicsRequest<'_> = rq.decode()?;
        let named: Vec<(Option<String>, TopicId)> = if rq.version >= 6 {
            request.topics.iter().map(|t| (t.name.map(str::to_owned), t.topic_id.0)).collect()
        } else {
            request.topic_names.iter().map(|n| (Some(n.to_owned()), NO_ID)).collect()
        };
        let done: Vec<(Option<String>, TopicId, ErrorCode)> =
            named.into_iter().map(|(name, id)| self.delete_one(name, id, rq.forced)).collect();
        let rows: Vec<DeletableTopicResult<'_>> = done
            .iter()
            .map(|(name, id, code)| DeletableTopicResult {
                name: name.as_deref(),
                topic_id: Uuid(*id),
                error_code: *code,
                ..DeletableTopicResult::default()
            })
            .collect();
        let answer =
            DeleteTopicsResponse { throttle_time_ms: self.throttle_ms(), responses: Array::slice(&rows) };
        self.conns.reply(&rq.ticket, &answer);
        Ok(())
    }

    fn delete_one(
        &mut self,
        name: Option<String>,
        id: TopicId,
        forced: Option<ErrorCode>,
    ) -> (Option<String>, TopicId, ErrorCode) {
        let found = match &name {
            Some(name) => self.topics.named(name),
            None => self.topics.get(&id),
        };
        let code = match (&found, &name, forced) {
            (_, _, Some(code)) => code,
            (Some(_), ..) => ErrorCode::NONE,
            (None, Some(_), _) => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
            (None, None, _) => ErrorCode::UNKNOWN_TOPIC_ID,
        };
        let Some((real, id)) = found.map(|t| (t.name.clone(), t.id)) else { return (name, id, code) };
        if code == ErrorCode::NONE {
            self.forget_topic(&real);
        }
        (Some(real), visible_id(self.config.release, id), code)
    }
}

struct Made {
    id: TopicId,
    partitions: i32,
    replication: i16,
}
