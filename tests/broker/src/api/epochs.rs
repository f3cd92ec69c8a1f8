//! OffsetForLeaderEpoch (KIP-320): where an epoch ended, so that a client can tell whether the log was truncated.

use kafka_proto::ErrorCode;
use kafka_proto::messages::{
    OffsetForLeaderEpochEndOffset, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse,
    OffsetForLeaderPartition, OffsetForLeaderTopicResult,
};
use kafka_proto::wire::Array;

use crate::api::fetch_answer::check_leader_epoch;
use crate::cluster::Cluster;
use crate::request::{Hangup, Rq};

impl Cluster {
    pub(crate) fn offset_for_leader_epoch(&mut self, rq: &Rq<'_>) -> Result<(), Hangup> {
        let request: OffsetForLeaderEpochRequest<'_> = rq.decode()?;
        let rows: Vec<Vec<OffsetForLeaderEpochEndOffset>> = request
            .topics
            .iter()
            .map(|t| t.partitions.iter().map(|p| self.epoch_row(rq, t.topic, &p)).collect())
            .collect();
        let topics: Vec<OffsetForLeaderTopicResult<'_>> = request
            .topics
            .iter()
            .zip(&rows)
            .map(|(t, rows)| OffsetForLeaderTopicResult { topic: t.topic, partitions: Array::slice(rows) })
            .collect();
        let answer = OffsetForLeaderEpochResponse {
            throttle_time_ms: self.throttle_ms(),
            topics: Array::slice(&topics),
        };
        self.conns.reply(&rq.ticket, &answer);
        Ok(())
    }

    fn epoch_row(
        &self,
        rq: &Rq<'_>,
        topic: &str,
        asked: &OffsetForLeaderPartition,
    ) -> OffsetForLeaderEpochEndOffset {
        let mut row = OffsetForLeaderEpochEndOffset {
            partition: asked.partition,
            ..OffsetForLeaderEpochEndOffset::default()
        };
        match self.epoch_end(rq, topic, asked) {
            Ok((epoch, end)) => (row.leader_epoch, row.end_offset) = (epoch, end),
            Err(code) => row.error_code = code,
        }
        row
    }

    fn epoch_end(
        &self,
        rq: &Rq<'_>,
        topic: &str,
        asked: &OffsetForLeaderPartition,
    ) -> Result<(i32, i64), ErrorCode> {
        let p = self.topics.named(topic).and_then(|t| t.partition(asked.partition));
        let p = p.ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
        if let Some(code) = rq.forced {
            return Err(code);
        }
        if p.leader != rq.node {
            return Err(ErrorCode::NOT_LEADER_OR_FOLLOWER);
        }
        check_leader_epoch(asked.current_leader_epoch, p)?;
        Ok(p.end_of_epoch(asked.leader_epoch))
    }
}
