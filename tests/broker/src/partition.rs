//! A partition: its log, its leader and epochs, its producers and transactions.
//!
//! The replicas share one log. What is above the high watermark has not reached the followers yet: it is what a crash
//! of the leader may lose.

use std::collections::VecDeque;

use kafka_proto::record::BatchHeader;

use crate::config::Config;
use crate::control::Marker;
use crate::log::{BatchInfo, Log};
use crate::producer_state::{Appended, ProducerStates, advance};

/// An aborted transaction, as a fetch with `read_committed` reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aborted {
    /// Whose.
    pub producer_id: i64,
    /// Its first record here.
    pub first_offset: i64,
    /// The offset of its abort marker.
    pub last_offset: i64,
}

/// One partition of a topic.
#[derive(Debug)]
pub struct Partition {
    /// Nodes that hold it; the first is the preferred leader.
    pub replicas: Vec<i32>,
    /// Those in sync.
    pub isr: Vec<i32>,
    /// -1: none.
    pub leader: i32,
    /// Raised with each election.
    pub leader_epoch: i32,
    /// The batches.
    pub log: Log,
    /// Idempotent producers that wrote here.
    pub producers: ProducerStates,
    /// First offset that is not on every in-sync replica.
    pub high_watermark: i64,
    /// Leader epochs and the offsets they began at.
    epochs: Vec<(i32, i64)>,
    /// Aborted transactions, by the offset of their marker.
    aborted: Vec<Aborted>,
    /// Transactions whose marker is above the high watermark: first offset and offset of the marker.
    unstable: Vec<(i64, i64)>,
    /// When (monotonic microseconds) the high watermark may reach an offset.
    replicating: VecDeque<(u64, i64)>,
    /// Connections with a fetch or a produce that waits here.
    pub(crate) watchers: Vec<u64>,
    max_producers: usize,
}

/// The index entry for a batch that has this header.
pub fn info_of(header: &BatchHeader) -> BatchInfo {
    BatchInfo {
        base_offset: 0,
        last_offset: i64::from(header.last_offset_delta),
        max_timestamp: header.max_timestamp,
        leader_epoch: -1,
        producer_id: header.producer_id,
        producer_epoch: header.producer_epoch,
        base_sequence: header.base_sequence,
        control: header.attributes.is_control(),
        transactional: header.attributes.is_transactional(),
        position: 0,
        len: 0,
    }
}

impl Partition {
    /// An empty partition led by the first of `replicas` that is alive.
    pub fn new(config: &Config, replicas: Vec<i32>, alive: &[i32]) -> Self {
        let mut isr: Vec<i32> = replicas.iter().copied().filter(|id| alive.contains(id)).collect();
        let leader = isr.first().copied().unwrap_or(-1);
        if isr.is_empty() {
            // Whoever of them starts first leads.
            isr.clone_from(&replicas);
        }
        Self {
            leader,
            isr,
            replicas,
            leader_epoch: 0,
            log: Log::new(config.segment_bytes, config.retention_bytes),
            producers: ProducerStates::default(),
            high_watermark: 0,
            epochs: Vec::new(),
            aborted: Vec::new(),
            unstable: Vec::new(),
            replicating: VecDeque::new(),
            watchers: Vec::new(),
            max_producers: config.max_producers,
        }
    }

    /// First offset that belongs to an open transaction, or the high watermark.
    pub fn last_stable_offset(&self) -> i64 {
        let open = self.producers.first_open_txn().unwrap_or(i64::MAX);
        let unstable = self.unstable.iter().map(|u| u.0).min().unwrap_or(i64::MAX);
        self.high_watermark.min(open).min(unstable)
    }

    /// Appends a checked batch of records. With `lag_us` the high watermark follows when [`Self::replicate`] is called
    /// at or after the time returned.
    pub fn append(
        &mut self,
        batch: &[u8],
        header: &BatchHeader,
        now: u64,
        lag_us: u64,
    ) -> (i64, Option<u64>) {
        let info = info_of(header);
        let base = self.append_raw(batch, info);
        if header.producer_id >= 0 {
            let appended = appended(&info, base);
            let (id, epoch) = (header.producer_id, header.producer_epoch);
            self.producers.appended(id, epoch, appended, info.transactional, now, self.max_producers);
        }
        (base, self.followed(now, lag_us))
    }

    /// Appends a transaction marker.
    pub fn append_marker(&mut self, marker: &Marker, wall_ms: i64, now: u64, lag_us: u64) -> Option<u64> {
        let (bytes, info) = marker.batch(wall_ms);
        let offset = self.append_raw(&bytes, info);
        self.end_txn(marker, offset, now);
        self.followed(now, lag_us)
    }

    fn end_txn(&mut self, marker: &Marker, offset: i64, now: u64) {
        let (id, epoch) = (marker.producer_id, marker.producer_epoch);
        let Some(first_offset) = self.producers.marker(id, epoch, marker.coordinator_epoch, now) else {
            return;
        };
        self.unstable.push((first_offset, offset));
        if !marker.commit {
            self.aborted.push(Aborted { producer_id: id, first_offset, last_offset: offset });
        }
    }

    fn append_raw(&mut self, batch: &[u8], info: BatchInfo) -> i64 {
        if self.epochs.last().is_none_or(|last| last.0 < self.leader_epoch) {
            self.epochs.push((self.leader_epoch, self.log.end_offset()));
        }
        let start = self.log.start_offset();
        let base = self.log.append(batch, info, self.leader_epoch);
        if self.log.start_offset() != start {
            self.start_moved();
        }
        base
    }

    fn followed(&mut self, now: u64, lag_us: u64) -> Option<u64> {
        if lag_us == 0 || self.isr.len() <= 1 {
            self.replicating.clear();
            self.advance_high_watermark(self.log.end_offset());
            return None;
        }
        let at = now.saturating_add(lag_us);
        self.replicating.push_back((at, self.log.end_offset()));
        Some(at)
    }

    /// The in-sync replicas changed: with one left nothing waits for a follower.
    pub fn in_sync(&mut self, now: u64) {
        if self.isr.len() <= 1 {
            self.replicating.iter_mut().for_each(|r| r.0 = now);
            self.replicate(now);
        }
    }

    /// Lets the followers catch up to `now`; true when the high watermark moved.
    pub fn replicate(&mut self, now: u64) -> bool {
        let mut reached = self.high_watermark;
        while let Some((_, end)) = self.replicating.front().filter(|(at, _)| *at <= now).copied() {
            self.replicating.pop_front();
            reached = end;
        }
        let moved = reached > self.high_watermark;
        self.advance_high_watermark(reached);
        moved
    }

    fn advance_high_watermark(&mut self, to: i64) {
        self.high_watermark = to.min(self.log.end_offset());
        self.unstable.retain(|u| u.1 >= self.high_watermark);
    }

    /// Elects `leader` (-1: none), with a new epoch.
    pub fn elect(&mut self, leader: i32) {
        self.leader = leader;
        self.leader_epoch += 1;
    }

    /// Loses everything from `offset` on, as an election does to what was not replicated. What is kept of it the
    /// followers of the new leader still have to fetch: as for [`Self::append`], the time is returned. Markers that were
    /// lost are written again: their coordinators did not see them replicated.
    pub fn truncate(&mut self, offset: i64, now: u64, lag_us: u64, wall_ms: i64) -> Option<u64> {
        if offset >= self.log.end_offset() {
            return None;
        }
        let lost = self.log.batches().filter(|(info, _)| info.control && info.last_offset >= offset);
        let lost: Vec<Marker> = lost.filter_map(|(info, bytes)| Marker::parse(info, bytes)).collect();
        let end = self.log.truncate(offset);
        self.high_watermark = self.high_watermark.min(end);
        self.replicating.clear();
        self.epochs.retain(|(_, start)| *start < end);
        self.aborted.retain(|a| a.last_offset < end);
        self.unstable.retain(|u| u.1 < end);
        let also: Vec<i64> = lost.iter().map(|marker| marker.producer_id).collect();
        let touched = self.producers.take_from(end, &also);
        self.replay(&touched, now);
        for marker in lost {
            let (bytes, info) = marker.batch(wall_ms);
            let offset = self.append_raw(&bytes, info);
            self.end_txn(&marker, offset, now);
        }
        self.followed(now, lag_us)
    }

    /// Rebuilds the state of some producers from the log.
    fn replay(&mut self, ids: &[i64], now: u64) {
        let mut markers = Vec::new();
        for (info, bytes) in self.log.batches().filter(|(info, _)| ids.contains(&info.producer_id)) {
            if info.control {
                markers.extend(Marker::parse(info, bytes));
                if let Some(marker) = markers.last() {
                    self.producers.marker(
                        info.producer_id,
                        info.producer_epoch,
                        marker.coordinator_epoch,
                        now,
                    );
                }
                continue;
            }
            let (id, epoch) = (info.producer_id, info.producer_epoch);
            let batch = appended(info, info.base_offset);
            self.producers.appended(id, epoch, batch, info.transactional, now, self.max_producers);
        }
    }

    /// The largest epoch not above `epoch` and where it ended (exclusive); (-1, -1) when unknown.
    pub fn end_of_epoch(&self, epoch: i32) -> (i32, i64) {
        if epoch == self.leader_epoch {
            return (epoch, self.log.end_offset());
        }
        let after = self.epochs.partition_point(|e| e.0 <= epoch);
        match (after.checked_sub(1).and_then(|at| self.epochs.get(at)), self.epochs.get(after)) {
            (_, None) if epoch > self.leader_epoch => (-1, -1),
            (Some(found), Some(next)) => (found.0, next.1),
            (Some(found), None) => (found.0, self.log.end_offset()),
            (None, Some(next)) => (epoch, next.1),
            (None, None) => (-1, -1),
        }
    }

    /// Epoch under which the record at `offset` was appended; -1 when unknown.
    pub fn epoch_at(&self, offset: i64) -> i32 {
        let after = self.epochs.partition_point(|e| e.1 <= offset);
        after.checked_sub(1).and_then(|at| self.epochs.get(at)).map_or(-1, |e| e.0)
    }

    /// Aborted transactions that touch the offsets from `from` to `to` (exclusive).
    pub fn aborted_in(&self, from: i64, to: i64) -> impl Iterator<Item = &Aborted> {
        let first = self.aborted.partition_point(|a| a.last_offset < from);
        self.aborted.get(first..).unwrap_or_default().iter().filter(move |a| a.first_offset < to)
    }

    /// DeleteRecords: the start moves to `offset`.
    pub fn delete_before(&mut self, offset: i64) {
        self.log.delete_before(offset);
        self.start_moved();
    }

    /// Frees the oldest segment: the broker as a whole is full.
    pub fn drop_oldest(&mut self) {
        self.log.drop_oldest();
        self.start_moved();
    }

    fn start_moved(&mut self) {
        let start = self.log.start_offset();
        self.aborted.retain(|a| a.last_offset >= start);
        let old = self.epochs.partition_point(|e| e.1 <= start).saturating_sub(1);
        self.epochs.drain(..old);
        self.high_watermark = self.high_watermark.max(start);
    }
}

fn appended(info: &BatchInfo, base: i64) -> Appended {
    let delta = info.last_offset - info.base_offset;
    Appended {
        base_sequence: info.base_sequence,
        last_sequence: advance(info.base_sequence, delta as i32),
        base_offset: base,
        last_offset: base + delta,
        timestamp: info.max_timestamp,
    }
}
