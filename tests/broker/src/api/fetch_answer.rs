//! Fetch: what each partition has to say, and the answer made of it.

use kafka_proto::ErrorCode;
use kafka_proto::messages::{
    AbortedTransaction, FetchEpochEndOffset, FetchPartitionData, FetchResponse, FetchableTopicResponse,
    LeaderIdAndEpoch,
};
use kafka_proto::wire::{Array, Records, Uuid};

use crate::api::fetch::FetchWait;
use crate::api::produce::endpoints;
use crate::cluster::{Cluster, Node};
use crate::fetch_session::Wanted;
use crate::partition::Partition;
use crate::topics::Topics;

/// What one partition has to say.
struct Found<'a> {
    wanted: &'a Wanted,
    code: ErrorCode,
    high_watermark: i64,
    last_stable: i64,
    log_start: i64,
    records: &'a [u8],
    aborted: Vec<AbortedTransaction>,
    diverging: Option<(i32, i64)>,
    preferred: i32,
    leader: LeaderIdAndEpoch,
}

impl Found<'_> {
    fn is_urgent(&self) -> bool {
        self.code.is_err() || self.diverging.is_some() || self.preferred >= 0
    }
}

impl Cluster {
    /// Answers if there is enough to say, or if `now_or_never`.
    pub(crate) fn try_answer_fetch(&mut self, wait: &FetchWait, now_or_never: bool) -> bool {
        let mut found = Vec::with_capacity(wait.parts.len());
        let (mut room, mut bytes, mut whole) = (wait.max_bytes, 0, true);
        let Self { topics, sessions, conns, nodes, faults, config, .. } = self;
        let view = View { topics, nodes, cut_off_batches: config.cut_off_batches };
        for wanted in &wait.parts {
            let part = view.read_partition(wait, wanted, room, whole);
            if !part.records.is_empty() {
                whole = false;
                bytes += part.records.len();
                room = room.saturating_sub(part.records.len());
            }
            found.push(part);
        }
        let enough = wait.parts.is_empty() || bytes >= wait.min_bytes;
        if !(now_or_never || enough || found.iter().any(Found::is_urgent)) {
            return false;
        }
        if wait.session != 0 {
            found.retain(|f| {
                let news = !f.records.is_empty() || f.is_urgent();
                let told = sessions.tell(wait.session, f.wanted, f.high_watermark, f.log_start, news);
                told || !wait.incremental
            });
            let served: Vec<&Wanted> =
                found.iter().filter(|f| !f.records.is_empty()).map(|f| f.wanted).collect();
            if !served.is_empty() {
                sessions.rotate(wait.session, &served);
            }
        }
        let partitions: Vec<FetchPartitionData<'_>> =
            found.iter().map(|f| f.answer(wait.read_committed)).collect();
        let mut rows: Vec<FetchableTopicResponse<'_>> = Vec::new();
        let mut from = 0;
        for group in found.chunk_by(|a, b| a.wanted.id == b.wanted.id && a.wanted.name == b.wanted.name) {
            let parts = partitions.get(from..from + group.len()).unwrap_or_default();
            from += group.len();
            rows.extend(group.first().map(|f| FetchableTopicResponse {
                topic: &f.wanted.name,
                topic_id: Uuid(f.wanted.id),
                partitions: Array::slice(parts),
            }));
        }
        let endpoints = endpoints(nodes, found.iter().map(|f| f.leader.leader_id));
        let answer = FetchResponse {
            throttle_time_ms: i32::try_from(faults.throttle_ms).unwrap_or(i32::MAX),
            session_id: wait.session,
            responses: Array::slice(&rows),
            node_endpoints: Array::slice(&endpoints),
            ..FetchResponse::default()
        };
        conns.reply(&wait.ticket, &answer);
        true
    }
}

/// What reading needs of the cluster.
struct View<'c> {
    topics: &'c Topics,
    nodes: &'c [Node],
    cut_off_batches: bool,
}

impl<'c> View<'c> {
    fn read_partition<'a>(
        &self,
        wait: &'a FetchWait,
        wanted: &'a Wanted,
        room: usize,
        whole: bool,
    ) -> Found<'a>
    where
        'c: 'a,
    {
        let mut found = Found {
            wanted,
            code: ErrorCode::NONE,
            high_watermark: -1,
            last_stable: -1,
            log_start: -1,
            records: &[],
            aborted: Vec::new(),
            diverging: None,
            preferred: -1,
            leader: LeaderIdAndEpoch::default(),
        };
        let topic = self.topics.get(&wanted.id);
        let Some(p) = topic.and_then(|t| t.partition(wanted.partition)) else {
            let by_id = wait.ticket.version >= 13 && topic.is_none();
            found.code =
                if by_id { ErrorCode::UNKNOWN_TOPIC_ID } else { ErrorCode::UNKNOWN_TOPIC_OR_PARTITION };
            return found;
        };
        if let Err(code) = self.may_read(wait, wanted, p) {
            found.code = code;
            if matches!(code, ErrorCode::NOT_LEADER_OR_FOLLOWER | ErrorCode::FENCED_LEADER_EPOCH) {
                found.leader.leader_id = p.leader;
                found.leader.leader_epoch = p.leader_epoch;
            }
            return found;
        }
        found.high_watermark = p.high_watermark;
        found.last_stable = p.last_stable_offset();
        found.log_start = p.log.start_offset();
        if let Some(diverging) = diverging(p, wanted) {
            found.diverging = Some(diverging);
            return found;
        }
        if wanted.offset < p.log.start_offset() || wanted.offset > p.log.end_offset() {
            found.code = ErrorCode::OFFSET_OUT_OF_RANGE;
            found.high_watermark = -1;
            found.last_stable = -1;
            found.log_start = -1;
            return found;
        }
        if let Some(node) = self.preferred_replica(wait, p) {
            found.preferred = node;
            return found;
        }
        let limit = if wait.read_committed { found.last_stable } else { found.high_watermark };
        let max = usize::try_from(wanted.max_bytes).unwrap_or(0).min(room);
        found.records = p.log.read(wanted.offset, limit, max, whole);
        if !self.cut_off_batches {
            found.records = whole_batches(found.records);
        }
        if wait.read_committed && !found.records.is_empty() {
            found.aborted = aborted(p, wanted.offset, limit);
        }
        found
    }

    fn may_read(&self, wait: &FetchWait, wanted: &Wanted, p: &Partition) -> Result<(), ErrorCode> {
        if let Some(code) = wait.forced {
            return Err(code);
        }
        check_leader_epoch(wanted.leader_epoch, p)?;
        // KIP-392: since version 11 a consumer may read from any in-sync replica.
        let follower = wait.ticket.version >= 11 && p.isr.contains(&wait.node);
        if p.leader == wait.node || (follower && p.leader >= 0) {
            return Ok(());
        }
        Err(ErrorCode::NOT_LEADER_OR_FOLLOWER)
    }

    /// KIP-392: the leader sends a consumer to an in-sync replica of its own rack.
    fn preferred_replica(&self, wait: &FetchWait, p: &Partition) -> Option<i32> {
        if wait.rack.is_empty() || wait.node != p.leader || wait.ticket.version < 11 {
            return None;
        }
        let rack_of =
            |id: i32| self.nodes.iter().find(|n| n.id == id && n.alive).and_then(|n| n.rack.as_deref());
        if rack_of(p.leader) == Some(wait.rack.as_str()) {
            return None;
        }
        p.isr.iter().copied().find(|id| rack_of(*id) == Some(wait.rack.as_str()))
    }
}

impl Found<'_> {
    fn answer(&self, read_committed: bool) -> FetchPartitionData<'_> {
        let (epoch, end_offset) = self.diverging.unwrap_or((-1, -1));
        FetchPartitionData {
            partition_index: self.wanted.partition,
            error_code: self.code,
            high_watermark: self.high_watermark,
            last_stable_offset: self.last_stable,
            log_start_offset: self.log_start,
            aborted_transactions: read_committed.then(|| Array::slice(&self.aborted)),
            preferred_read_replica: self.preferred,
            records: Records::Bytes(self.records),
            diverging_epoch: FetchEpochEndOffset { epoch, end_offset },
            current_leader: self.leader,
            ..FetchPartitionData::default()
        }
    }
}

/// KIP-320: a client that knows an older or a newer leader than there is.
pub(crate) fn check_leader_epoch(client: i32, p: &Partition) -> Result<(), ErrorCode> {
    if client < 0 || client == p.leader_epoch {
        Ok(())
    } else if client < p.leader_epoch {
        Err(ErrorCode::FENCED_LEADER_EPOCH)
    } else {
        Err(ErrorCode::UNKNOWN_LEADER_EPOCH)
    }
}

/// KIP-595: the epoch of the last record fetched ended before the position, so the log was truncated.
fn diverging(p: &Partition, wanted: &Wanted) -> Option<(i32, i64)> {
    if wanted.last_fetched_epoch < 0 {
        return None;
    }
    let (epoch, end) = p.end_of_epoch(wanted.last_fetched_epoch);
    (epoch < wanted.last_fetched_epoch || end < wanted.offset).then_some((epoch, end))
}

fn aborted(p: &Partition, from: i64, to: i64) -> Vec<AbortedTransaction> {
    let found = p.aborted_in(from, to);
    let row = |a: &crate::partition::Aborted| AbortedTransaction {
        producer_id: a.producer_id,
        first_offset: a.first_offset,
    };
    found.map(row).collect()
}

/// Without the cut-off batch at the end, if there is one.
fn whole_batches(bytes: &[u8]) -> &[u8] {
    let mut end = 0;
    while let Some(len) = bytes.get(end + 8..end + 12).and_then(|b| b.try_into().ok()).map(u32::from_be_bytes)
    {
        match end + 12 + len as usize {
            next if next <= bytes.len() => end = next,
            _ => break,
        }
    }
    bytes.get(..end).unwrap_or_default()
}
