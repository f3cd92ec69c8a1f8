//! CreatePartitions and DeleteRecords.

use kafka_proto::messages::{
    CreatePartitionsRequest, CreatePartitionsResponse, CreatePartitionsTopic, CreatePartitionsTopicResult,
    DeleteRecordsPartitionResult, DeleteRecordsRequest, DeleteRecordsResponse, DeleteRecordsTopicResult,
};
use kafka_proto::{Array, ErrorCode};

use crate::cluster::Cluster;
use crate::request::{Hangup, Rq};

/// `DeleteRecords` up to the high watermark.
const HIGH_WATERMARK: i64 = -1;

impl Cluster {
    pub(crate) fn create_partitions(&mut self, rq: &Rq<'_>) -> Result<(), Hangup> {
        let request: CreatePartitionsRequest<'_> = rq.decode()?;
        let mut results = Vec::new();
        for topic in request.topics {
            let made = match rq.forced {
                Some(code) => Err((code, None)),
                None => self.grow_one(&topic, request.validate_only),
            };
            let (error_code, error_message) = made.err().unwrap_or((ErrorCode::NONE, None));
            results.push(CreatePartitionsTopicResult { name: topic.name, error_code, error_message });
        }
        let answer = CreatePartitionsResponse {
            throttle_time_ms: self.throttle_ms(),
            results: Array::slice(&results),
        };
        self.conns.reply(&rq.ticket, &answer);
        Ok(())
    }

    fn grow_one(
        &mut self,
        asked: &CreatePartitionsTopic<'_>,
        validate_only: bool,
    ) -> Result<(), (ErrorCode, Option<&'static str>)> {
        let unknown = (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, None);
        let topic = self.topics.named(asked.name).ok_or(unknown)?;
        let (id, have) = (topic.id, topic.partitions.len() as i32);
        let width = topic.partitions.first().map_or(1, |p| p.replicas.len() as i16);
        if asked.count <= have {
            return Err((ErrorCode::INVALID_PARTITIONS, Some("the topic has as many partitions or more")));
        }
        let more = asked.count - have;
        let assignment: Vec<Vec<i32>> = match asked.assignments {
            None => self.spread(have, more, width),
            Some(rows) => rows.iter().map(|r| r.broker_ids.iter().collect()).collect(),
        };
        let nodes = 0..self.nodes.len() as i32;
        let legal = |ids: &Vec<i32>| !ids.is_empty() && ids.iter().all(|id| nodes.contains(id));
        if asked.assignments.is_some() && (assignment.len() as i32 != more || !assignment.iter().all(legal)) {
            return Err((
                ErrorCode::INVALID_REPLICA_ASSIGNMENT,
                Some("the replica assignment is not complete"),
            ));
        }
        if validate_only {
            return Ok(());
        }
        let alive = self.alive_nodes();
        self.topics.grow(&self.config, &alive, &id, assignment).map_err(|code| (code, None))
    }

    pub(crate) fn delete_records_api(&mut self, rq: &Rq<'_>) -> Result<(), Hangup> {
        let request: DeleteRecordsRequest<'_> = rq.decode()?;
        let mut rows: Vec<Vec<DeleteRecordsPartitionResult>> = Vec::new();
        for topic in request.topics {
            let delete = topic.partitions.iter().map(|p| {
                let done = self.delete_to(rq, topic.name, p.partition_index, p.offset);
                DeleteRecordsPartitionResult {
                    partition_index: p.partition_index,
                    low_watermark: done.unwrap_or(-1),
                    error_code: done.err().unwrap_or(ErrorCode::NONE),
                }
            });
            rows.push(delete.collect());
        }
        let topics: Vec<DeleteRecordsTopicResult<'_>> = request
            .topics
            .iter()
            .zip(&rows)
            .map(|(t, rows)| DeleteRecordsTopicResult { name: t.name, partitions: Array::slice(rows) })
            .collect();
        let answer =
            DeleteRecordsResponse { throttle_time_ms: self.throttle_ms(), topics: Array::slice(&topics) };
        self.conns.reply(&rq.ticket, &answer);
        Ok(())
    }

    fn delete_to(&mut self, rq: &Rq<'_>, topic: &str, partition: i32, offset: i64) -> Result<i64, ErrorCode> {
        let p = self.topics.named_mut(topic).and_then(|t| t.partition_mut(partition));
        let p = p.ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
        if let Some(code) = rq.forced {
            return Err(code);
        }
        if p.leader != rq.node {
            return Err(ErrorCode::NOT_LEADER_OR_FOLLOWER);
        }
        let to = if offset == HIGH_WATERMARK { p.high_watermark } else { offset };
        if to < 0 || to > p.high_watermark {
            return Err(ErrorCode::OFFSET_OUT_OF_RANGE);
        }
        p.delete_before(to);
        self.woken.append(&mut p.watchers);
        Ok(p.log.start_offset())
    }
}
