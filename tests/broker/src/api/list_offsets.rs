//! ListOffsets: the offsets at the ends of a log, at a time, and of the newest timestamp.

use kafka_proto::ErrorCode;
use kafka_proto::messages::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse,
    ListOffsetsTopicResponse,
};
use kafka_proto::record::batches;
use kafka_proto::wire::Array;

use crate::api::fetch_answer::check_leader_epoch;
use crate::cluster::Cluster;
use crate::partition::Partition;
use crate::request::{Hangup, Rq};

/// The special timestamps.
const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
const EARLIEST_LOCAL: i64 = -4;
const LATEST_TIERED: i64 = -5;
const EARLIEST_PENDING_UPLOAD: i64 = -6;

/// Timestamp, offset and leader epoch; the first two -1 when there is none.
type Found = (i64, i64, i32);

impl Cluster {
    pub(crate) fn list_offsets(&mut self, rq: &Rq<'_>) -> Result<(), Hangup> {
        let request: ListOffsetsRequest<'_> = rq.decode()?;
        let committed = request.isolation_level == 1;
        let rows: Vec<Vec<ListOffsetsPartitionResponse>> = request
            .topics
            .iter()
            .map(|t| t.partitions.iter().map(|p| self.list_one(rq, t.name, &p, committed)).collect())
            .collect();
        let topics: Vec<ListOffsetsTopicResponse<'_>> = request
            .topics
            .iter()
            .zip(&rows)
            .map(|(t, rows)| ListOffsetsTopicResponse { name: t.name, partitions: Array::slice(rows) })
            .collect();
        let answer =
            ListOffsetsResponse { throttle_time_ms: self.throttle_ms(), topics: Array::slice(&topics) };
        self.conns.reply(&rq.ticket, &answer);
        Ok(())
    }

    fn list_one(
        &self,
        rq: &Rq<'_>,
        topic: &str,
        asked: &ListOffsetsPartition,
        committed: bool,
    ) -> ListOffsetsPartitionResponse {
        let mut row = ListOffsetsPartitionResponse {
            partition_index: asked.partition_index,
            ..ListOffsetsPartitionResponse::default()
        };
        match self.find_offset(rq, topic, asked, committed) {
            Ok((timestamp, offset, leader_epoch)) => {
                (row.timestamp, row.offset, row.leader_epoch) = (timestamp, offset, leader_epoch);
            }
            Err(code) => row.error_code = code,
        }
        row
    }

    fn find_offset(
        &self,
        rq: &Rq<'_>,
        topic: &str,
        asked: &ListOffsetsPartition,
        committed: bool,
    ) -> Result<Found, ErrorCode> {
        let topic = self.topics.named(topic);
        let p = topic.and_then(|t| t.partition(asked.partition_index));
        let p = p.ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
        if let Some(code) = rq.forced {
            return Err(code);
        }
        if p.leader != rq.node {
            return Err(ErrorCode::NOT_LEADER_OR_FOLLOWER);
        }
        check_leader_epoch(asked.current_leader_epoch, p)?;
        let end = if committed { p.last_stable_offset() } else { p.high_watermark };
        let since = match asked.timestamp {
            MAX_TIMESTAMP => 7,
            EARLIEST_LOCAL => 8,
            LATEST_TIERED => 9,
            EARLIEST_PENDING_UPLOAD => 11,
            LATEST | EARLIEST | 0.. => 0,
            _ => i16::MAX,
        };
        if rq.version < since {
            return Err(ErrorCode::UNSUPPORTED_VERSION);
        }
        Ok(match asked.timestamp {
            LATEST => (-1, end, p.leader_epoch),
            EARLIEST | EARLIEST_LOCAL | EARLIEST_PENDING_UPLOAD => {
                let start = p.log.start_offset();
                (-1, start, p.epoch_at(start))
            }
            LATEST_TIERED => (-1, -1, -1),
            MAX_TIMESTAMP => newest(p, end),
            timestamp => first_at(p, timestamp, end),
        })
    }
}

/// The first record with this timestamp or a later one.
fn first_at(p: &Partition, timestamp: i64, end: i64) -> Found {
    let start = p.log.start_offset();
    let candidates = p.log.batches().filter(|(info, _)| info.max_timestamp >= timestamp);
    for (info, bytes) in candidates.filter(|(info, _)| info.last_offset >= start) {
        let found = match records(bytes) {
            Some(records) => records.into_iter().find(|(at, offset)| *at >= timestamp && *offset >= start),
            // What cannot be looked into is found by its batch.
            None => Some((info.max_timestamp, info.base_offset.max(start))),
        };
        if let Some((at, offset)) = found {
            return if offset < end { (at, offset, info.leader_epoch) } else { (-1, -1, -1) };
        }
    }
    (-1, -1, -1)
}

/// The first record that has the greatest timestamp.
fn newest(p: &Partition, end: i64) -> Found {
    let mut best: Found = (-1, -1, -1);
    for (info, bytes) in p.log.batches().filter(|(info, _)| info.last_offset < end && !info.control) {
        if info.max_timestamp > best.0 {
            let found =
                records(bytes).and_then(|all| all.into_iter().find(|(at, _)| *at == info.max_timestamp));
            best = (info.max_timestamp, found.map_or(info.last_offset, |f| f.1), info.leader_epoch);
        }
    }
    best
}

/// Timestamp and offset of each record; `None` where the batch is compressed with a codec that is not built in.
fn records(bytes: &[u8]) -> Option<Vec<(i64, i64)>> {
    let batch = batches(bytes).next()?.ok()?;
    Some(crate::inspect::plain_records(&batch)?.iter().map(|r| (r.timestamp, r.offset)).collect())
}
