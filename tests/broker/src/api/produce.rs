//! Produce: each partition's batch is checked, judged against the producer's state, appended, and acknowledged when
//! the in-sync replicas have it.

use std::borrow::Cow;

use kafka_proto::ErrorCode;
use kafka_proto::messages::{
    BatchIndexAndErrorMessage, LeaderIdAndEpoch, NodeEndpoint, PartitionProduceData,
    PartitionProduceResponse, ProduceRequest, ProduceResponse, TopicProduceResponse,
};
use kafka_proto::record::{Batch, BatchHeader, set_append_time};
use kafka_proto::wire::{Array, Records, Uuid};

use crate::batch_check::check_batch;
use crate::cluster::Cluster;
use crate::config::Release;
use crate::conn::{Ticket, Waiting};
use crate::producer_state::{ProducerEntry, Unknown, Verdict};
use crate::record_check::{Rejected, rejected};
use crate::request::{Hangup, Rq};
use crate::timers::Timer;
use crate::topics::{NO_ID, TopicId};

/// What is known about one partition of the request so far.
#[derive(Debug)]
struct Row {
    index: i32,
    code: ErrorCode,
    message: Option<Cow<'static, str>>,
    /// The records that made the broker refuse the batch.
    wrong: Vec<(i32, String)>,
    base_offset: i64,
    append_time: i64,
    log_start: i64,
    /// Leader epoch it was appended under.
    epoch: i32,
    /// The high watermark has to reach this before the answer goes (acks=all).
    required: i64,
    hint: LeaderIdAndEpoch,
}

#[derive(Debug)]
struct TopicRows {
    name: String,
    id: TopicId,
    rows: Vec<Row>,
}

/// A produce request that waits for replication.
#[derive(Debug)]
pub(crate) struct ProduceWait {
    ticket: Ticket,
    deadline: u64,
    topics: Vec<TopicRows>,
}

/// What holds for all partitions of a request.
struct Terms<'a> {
    acks: i16,
    node: i32,
    version: i16,
    transactional_id: Option<&'a str>,
    forced: Option<ErrorCode>,
    forced_index: Option<i32>,
    forced_after: Option<ErrorCode>,
}

/// Bytes between two looks at the size of all logs.
const MEASURE_EVERY: u64 = 1 << 20;

/// Why a partition's records were refused.
type Refusal = (ErrorCode, Option<&'static str>);

impl Cluster {
    pub(crate) fn produce(&mut self, rq: &Rq<'_>) -> Result<(), Hangup> {
        let request: ProduceRequest<'_> = rq.decode()?;
        let acks = request.acks;
        let bad_acks = (!(-1..=1).contains(&acks)).then_some(ErrorCode::INVALID_REQUIRED_ACKS);
        let terms = Terms {
            acks,
            node: rq.node,
            version: rq.version,
            transactional_id: request.transactional_id,
            forced: rq.forced.or(bad_acks),
            forced_index: rq.forced_index,
            forced_after: rq.forced_after,
        };
        let mut topics = Vec::with_capacity(request.topic_data.len());
        for data in request.topic_data {
            let by_id = rq.version >= 13;
            let id = if by_id { Some(data.topic_id.0) } else { self.topics.id(data.name) };
            let id = id.filter(|id| self.topics.get(id).is_some());
            let rows = data.partition_data.iter().map(|partition| match id {
                Some(id) => self.produce_one(&id, &partition, &terms),
                None if by_id => Row::refused(partition.index, (ErrorCode::UNKNOWN_TOPIC_ID, None)),
                None => Row::refused(partition.index, (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, None)),
            });
            let rows = rows.collect();
            let id = if by_id { data.topic_id.0 } else { id.unwrap_or(NO_ID) };
            topics.push(TopicRows { name: data.name.to_owned(), id, rows });
        }
        if acks == 0 {
            return self.unacknowledged(rq, &topics);
        }
        let timeout_us = u64::try_from(request.timeout_ms).unwrap_or(0) * 1000;
        let wait = ProduceWait { ticket: rq.ticket, deadline: self.now.saturating_add(timeout_us), topics };
        if acks == 1 || self.replicated(&wait) {
            self.answer_produce(&wait, false);
        } else {
            self.wait_for_replicas(wait, true);
        }
        Ok(())
    }

    /// With acks=0 there is no answer; an error shows as a closed connection, as with Kafka.
    fn unacknowledged(&mut self, rq: &Rq<'_>, topics: &[TopicRows]) -> Result<(), Hangup> {
        if let Some(row) = topics.iter().flat_map(|t| &t.rows).find(|r| r.code.is_err()) {
            return Err(Hangup(format!(
                "produce with acks=0 failed on partition {}: {:?}",
                row.index, row.code
            )));
        }
        self.conns.no_reply(&rq.ticket);
        Ok(())
    }

    fn produce_one(&mut self, id: &TopicId, data: &PartitionProduceData<'_>, terms: &Terms<'_>) -> Row {
        match self.try_append(id, data, terms) {
            Ok(mut row) => {
                if let Some(code) = terms.forced_after.filter(|_| row.code.is_ok()) {
                    row = Row { code, ..Row::refused(data.index, (code, None)) };
                }
                row
            }
            Err(refusal) => {
                let mut row = Row::refused(data.index, refusal);
                row.wrong.extend(terms.forced_index.map(|index| (index, String::from("a fault"))));
                if refusal.0 == ErrorCode::NOT_LEADER_OR_FOLLOWER
                    && let Some(p) = self.topics.get(id).and_then(|t| t.partition(data.index))
                {
                    row.hint = LeaderIdAndEpoch { leader_id: p.leader, leader_epoch: p.leader_epoch };
                }
                row
            }
        }
    }

    fn try_append(
        &mut self,
        id: &TopicId,
        data: &PartitionProduceData<'_>,
        terms: &Terms<'_>,
    ) -> Result<Row, Refusal> {
        let batch = self.admit(id, data, terms)?;
        let header = *batch.header();
        if header.attributes.is_transactional() {
            self.check_transactional(id, data.index, &header, terms)?;
        }
        let topic = self.topics.get(id).ok_or((ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, None))?;
        if let Some(found) = rejected(topic, data.index, &batch, self.wall_ms()) {
            return Ok(Row::rejected(data.index, found));
        }
        let strictness = match self.config.release {
            Release::V2_1 => Unknown::Reject,
            _ if terms.version >= 12 && header.attributes.is_transactional() => Unknown::MustBeZero,
            _ => Unknown::Accept,
        };
        let (now, lag, wall_ms) = (self.now, self.config.replication_lag_us, self.wall_ms());
        let unknown = (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, None);
        let topic = self.topics.get_mut(id).ok_or(unknown)?;
        let log_append_time = topic.log_append_time;
        let p = topic.partition_mut(data.index).ok_or(unknown)?;
        let mut row = Row::refused(data.index, (ErrorCode::NONE, None));
        (row.log_start, row.epoch) = (p.log.start_offset(), p.leader_epoch);
        if header.producer_id >= 0 {
            let (pid, epoch) = (header.producer_id, header.producer_epoch);
            let open = p.producers.get(pid).is_some_and(|e| e.txn_first_offset.is_some());
            if open && !header.attributes.is_transactional() {
                return Err((ErrorCode::INVALID_TXN_STATE, Some("the producer has a transaction open here")));
            }
            match p.producers.judge(pid, epoch, header.base_sequence, header.count, strictness) {
                Verdict::Append => {}
                Verdict::Refuse(code) => return Err((code, None)),
                Verdict::Duplicate(found) => {
                    row.base_offset = found.base_offset;
                    row.required = found.last_offset + 1;
                    return Ok(row);
                }
            }
        }
        let (base, replicates) = if log_append_time {
            let mut stamped = batch.bytes().to_vec();
            set_append_time(&mut stamped, wall_ms);
            row.append_time = wall_ms;
            p.append(&stamped, &BatchHeader { max_timestamp: wall_ms, ..header }, now, lag)
        } else {
            p.append(batch.bytes(), &header, now, lag)
        };
        row.base_offset = base;
        row.required = p.log.end_offset();
        self.woken.append(&mut p.watchers);
        self.appended(batch.bytes().len());
        if let Some(at) = replicates {
            self.timers.set(at, Timer::Replicate(*id, data.index));
        }
        Ok(row)
    }

    /// Keeps the whole broker within its limit: every so often the size of all logs is added up.
    fn appended(&mut self, bytes: usize) {
        self.unmeasured += bytes as u64;
        if self.unmeasured < MEASURE_EVERY.min(self.config.max_log_bytes) {
            return;
        }
        self.unmeasured = 0;
        let mut total: u64 = self.topics.partitions_mut().map(|(_, _, p)| p.log.size()).sum();
        while total > self.config.max_log_bytes {
            let largest = self.topics.partitions_mut().max_by_key(|(_, _, p)| p.log.size());
            let Some((_, _, p)) = largest.filter(|(_, _, p)| p.log.size() > 0) else { return };
            total -= p.log.size();
            p.drop_oldest();
            total += p.log.size();
        }
    }

    /// What is refused before the producer's state is looked at.
    fn admit<'a>(
        &self,
        id: &TopicId,
        data: &PartitionProduceData<'a>,
        terms: &Terms<'_>,
    ) -> Result<Batch<'a>, Refusal> {
        let unknown = (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, None);
        let topic = self.topics.get(id).ok_or(unknown)?;
        let p = topic.partition(data.index).ok_or(unknown)?;
        if let Some(code) = terms.forced {
            return Err((code, None));
        }
        if p.leader != terms.node {
            return Err((ErrorCode::NOT_LEADER_OR_FOLLOWER, None));
        }
        if terms.acks == -1 && p.isr.len() < topic.min_insync_replicas {
            return Err((ErrorCode::NOT_ENOUGH_REPLICAS, None));
        }
        let Records::Bytes(bytes) = data.records else {
            return Err((ErrorCode::INVALID_RECORD, Some("the records are null")));
        };
        check_batch(bytes, topic.max_message_bytes, terms.version)
    }

    fn check_transactional(
        &mut self,
        id: &TopicId,
        index: i32,
        header: &BatchHeader,
        terms: &Terms<'_>,
    ) -> Result<(), Refusal> {
        let missing = (ErrorCode::INVALID_RECORD, Some("a transactional batch without a transactional id"));
        let name = terms.transactional_id.ok_or(missing)?;
        // Once the partition has part of the transaction there is nothing to ask the coordinator.
        let partition = self.topics.get(id).and_then(|t| t.partition(index));
        let entry = partition.and_then(|p| p.producers.get(header.producer_id));
        // What is open under an older epoch waits for its marker, and is another one.
        let same = |e: &ProducerEntry| e.txn_first_offset.is_some() && e.epoch == header.producer_epoch;
        if entry.is_some_and(same) {
            return Ok(());
        }
        let producer = (header.producer_id, header.producer_epoch);
        self.check_txn_produce(name, producer, (*id, index), terms.version).map_err(|code| (code, None))
    }

    fn replicated(&self, wait: &ProduceWait) -> bool {
        wait.topics.iter().all(|t| t.rows.iter().all(|row| self.row_state(t, row) != RowState::Waits))
    }

    fn row_state(&self, topic: &TopicRows, row: &Row) -> RowState {
        if row.code.is_err() {
            return RowState::Done;
        }
        match self.topics.get(&topic.id).and_then(|t| t.partition(row.index)) {
            None => RowState::Lost(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
            // Another leader may have lost it, and reached the same offset with other records.
            Some(p) if p.leader_epoch != row.epoch => RowState::Lost(ErrorCode::NOT_LEADER_OR_FOLLOWER),
            Some(p) if p.high_watermark >= row.required => RowState::Done,
            Some(_) => RowState::Waits,
        }
    }

    pub(crate) fn retry_produce(&mut self, mut wait: Box<ProduceWait>, expired: bool) {
        for topic in &mut wait.topics {
            let mut rows = std::mem::take(&mut topic.rows);
            for row in &mut rows {
                match self.row_state(topic, row) {
                    RowState::Lost(code) => *row = Row::refused(row.index, (code, None)),
                    RowState::Waits if expired => {
                        *row = Row::refused(row.index, (ErrorCode::REQUEST_TIMED_OUT, None));
                    }
                    _ => {}
                }
            }
            topic.rows = rows;
        }
        if expired || self.replicated(&wait) {
            self.answer_produce(&wait, true);
        } else {
            self.wait_for_replicas(*wait, false);
        }
    }

    fn wait_for_replicas(&mut self, wait: ProduceWait, first: bool) {
        let (ticket, deadline) = (wait.ticket, wait.deadline);
        for topic in &wait.topics {
            for row in topic.rows.iter().filter(|r| r.code.is_ok()) {
                let found = self.topics.get_mut(&topic.id).and_then(|t| t.partition_mut(row.index));
                if let Some(p) = found
                    && !p.watchers.contains(&ticket.conn)
                {
                    p.watchers.push(ticket.conn);
                }
            }
        }
        self.wait(&ticket, deadline, Waiting::Produce(Box::new(wait)), first);
    }

    fn answer_produce(&mut self, wait: &ProduceWait, _waited: bool) {
        let wrong: Vec<Vec<_>> =
            wait.topics.iter().map(|t| t.rows.iter().map(Row::wrong).collect()).collect();
        let partitions: Vec<Vec<PartitionProduceResponse<'_>>> = wait
            .topics
            .iter()
            .zip(&wrong)
            .map(|(t, wrong)| t.rows.iter().zip(wrong).map(|(row, wrong)| row.answer(wrong)).collect())
            .collect();
        let topics: Vec<TopicProduceResponse<'_>> = wait
            .topics
            .iter()
            .zip(&partitions)
            .map(|(topic, rows)| TopicProduceResponse {
                name: &topic.name,
                topic_id: Uuid(topic.id),
                partition_responses: Array::slice(rows),
            })
            .collect();
        let hinted = wait.topics.iter().flat_map(|t| &t.rows).map(|r| r.hint.leader_id).filter(|id| *id >= 0);
        let endpoints = endpoints(&self.nodes, hinted);
        let answer = ProduceResponse {
            responses: Array::slice(&topics),
            throttle_time_ms: i32::try_from(self.faults.throttle_ms).unwrap_or(i32::MAX),
            node_endpoints: Array::slice(&endpoints),
        };
        self.conns.reply(&wait.ticket, &answer);
    }
}

#[derive(PartialEq)]
enum RowState {
    Done,
    Waits,
    Lost(ErrorCode),
}

impl Row {
    fn refused(index: i32, (code, message): Refusal) -> Self {
        Self {
            index,
            code,
            message: message.map(Cow::Borrowed),
            wrong: Vec::new(),
            base_offset: -1,
            append_time: -1,
            log_start: -1,
            epoch: -1,
            required: 0,
            hint: LeaderIdAndEpoch::default(),
        }
    }

    fn rejected(index: i32, found: Rejected) -> Self {
        let Rejected { code, message, records } = found;
        Self { message: Some(message.into()), wrong: records, ..Self::refused(index, (code, None)) }
    }

    fn wrong(&self) -> Vec<BatchIndexAndErrorMessage<'_>> {
        let named = self.wrong.iter().map(|(index, message)| BatchIndexAndErrorMessage {
            batch_index: *index,
            batch_index_error_message: Some(message),
        });
        named.collect()
    }

    fn answer<'a>(&'a self, wrong: &'a [BatchIndexAndErrorMessage<'a>]) -> PartitionProduceResponse<'a> {
        PartitionProduceResponse {
            index: self.index,
            error_code: self.code,
            base_offset: self.base_offset,
            log_append_time_ms: self.append_time,
            log_start_offset: self.log_start,
            record_errors: Array::slice(wrong),
            error_message: self.message.as_deref(),
            current_leader: self.hint,
        }
    }
}

/// Addresses of the leaders that an answer names (KIP-951).
pub(crate) fn endpoints(
    nodes: &[crate::cluster::Node],
    ids: impl Iterator<Item = i32>,
) -> Vec<NodeEndpoint<'_>> {
    let mut ids: Vec<i32> = ids.collect();
    ids.sort_unstable();
    ids.dedup();
    let found = nodes.iter().filter(|n| ids.contains(&n.id));
    found
        .map(|n| NodeEndpoint { node_id: n.id, host: &n.host, port: n.port, rack: n.rack.as_deref() })
        .collect()
}
