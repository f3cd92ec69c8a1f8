//! One partition's log in memory: segments of batch bytes exactly as they were received, and an index entry per batch.
//!
//! Only the base offset and the leader epoch of a batch are patched: both lie outside its checksum. Retention drops
//! whole segments from the front, and a read never crosses a segment, as in Kafka.

use std::collections::VecDeque;

/// What the log knows about one batch without looking at its bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BatchInfo {
    /// Offset of the first record (in a compacted batch: of the first record there once was).
    pub base_offset: i64,
    /// Offset of the last record.
    pub last_offset: i64,
    /// Milliseconds since 1970, -1 when unknown.
    pub max_timestamp: i64,
    /// Epoch of the leader that appended it.
    pub leader_epoch: i32,
    /// -1 without idempotence.
    pub producer_id: i64,
    /// Epoch of the producer.
    pub producer_epoch: i16,
    /// Sequence of the first record, -1 without idempotence.
    pub base_sequence: i32,
    /// A transaction marker.
    pub control: bool,
    /// Written inside a transaction.
    pub transactional: bool,
    /// Where the batch begins in its segment.
    pub(crate) position: u32,
    /// Bytes of the batch, header included.
    pub len: u32,
}

#[derive(Debug, Default)]
struct Segment {
    base_offset: i64,
    bytes: Vec<u8>,
    batches: Vec<BatchInfo>,
}

/// What an index entry costs beside the bytes it describes; counted against retention so that tiny batches are bounded too.
const INDEX_ENTRY_BYTES: u64 = size_of::<BatchInfo>() as u64;

/// The batches of one partition.
#[derive(Debug)]
pub struct Log {
    segments: VecDeque<Segment>,
    start_offset: i64,
    end_offset: i64,
    size: u64,
    segment_bytes: usize,
    /// Bytes (batches and their index) that are kept; the active segment is always kept.
    pub retention_bytes: u64,
}

impl Log {
    /// An empty log that rolls after `segment_bytes` and keeps about `retention_bytes`.
    pub fn new(segment_bytes: usize, retention_bytes: u64) -> Self {
        Self {
            segments: VecDeque::new(),
            start_offset: 0,
            end_offset: 0,
            size: 0,
            segment_bytes: segment_bytes.min(u32::MAX as usize / 2),
            retention_bytes,
        }
    }

    /// First offset that may be read.
    pub fn start_offset(&self) -> i64 {
        self.start_offset
    }

    /// Offset the next record will get.
    pub fn end_offset(&self) -> i64 {
        self.end_offset
    }

    /// Bytes kept, the index included.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends a batch whose header says `info` (offsets in `info` are relative to a base offset of 0) and returns its
    /// base offset.
    pub fn append(&mut self, batch: &[u8], mut info: BatchInfo, leader_epoch: i32) -> i64 {
        let base = self.end_offset;
        let full = self.segments.back().is_none_or(|s| {
            !s.bytes.is_empty() && s.bytes.len().saturating_add(batch.len()) > self.segment_bytes
        });
        if full {
            self.segments.push_back(Segment { base_offset: base, ..Segment::default() });
        }
        let Some(segment) = self.segments.back_mut() else { return base };
        let position = segment.bytes.len();
        segment.bytes.extend_from_slice(batch);
        segment.bytes[position..position + 8].copy_from_slice(&base.to_be_bytes());
        segment.bytes[position + 12..position + 16].copy_from_slice(&leader_epoch.to_be_bytes());
        info.last_offset = base + (info.last_offset - info.base_offset);
        info.base_offset = base;
        info.leader_epoch = leader_epoch;
        info.position = position as u32;
        info.len = batch.len() as u32;
        segment.batches.push(info);
        self.end_offset = info.last_offset + 1;
        self.size += batch.len() as u64 + INDEX_ENTRY_BYTES;
        self.enforce_retention();
        base
    }

    /// The bytes from the batch that holds `offset` on, up to but not including the first batch that reaches `limit`,
    /// at most `max_bytes` of one segment. The last batch may be cut off, as Kafka does. With `at_least_one` the first
    /// batch is whole whatever its size; without it nothing is returned when the first batch does not fit.
    pub fn read(&self, offset: i64, limit: i64, max_bytes: usize, at_least_one: bool) -> &[u8] {
        let Some((segment, first)) = self.locate(offset) else { return &[] };
        let Some(head) = segment.batches.get(first) else { return &[] };
        if head.last_offset >= limit {
            return &[];
        }
        let start = head.position as usize;
        let stop = segment.batches.partition_point(|b| b.last_offset < limit);
        let end = segment.batches.get(stop).map_or(segment.bytes.len(), |b| b.position as usize);
        let room = if at_least_one { max_bytes.max(head.len as usize) } else { max_bytes };
        if room < head.len as usize {
            return &[];
        }
        &segment.bytes[start..end.min(start.saturating_add(room))]
    }

    /// The first batch whose last offset is `offset` or later, and its bytes.
    pub fn batch_at(&self, offset: i64) -> Option<(&BatchInfo, &[u8])> {
        let (segment, index) = self.locate(offset)?;
        let info = segment.batches.get(index)?;
        let at = info.position as usize;
        Some((info, &segment.bytes[at..at + info.len as usize]))
    }

    /// Every batch in order, with its bytes.
    pub fn batches(&self) -> impl Iterator<Item = (&BatchInfo, &[u8])> {
        self.segments.iter().flat_map(|s| {
            s.batches.iter().map(|b| (b, &s.bytes[b.position as usize..(b.position + b.len) as usize]))
        })
    }

    /// Mutable bytes of the batch that holds `offset`: for tests that damage a log on purpose.
    pub fn batch_bytes_mut(&mut self, offset: i64) -> Option<&mut [u8]> {
        let segment = self.segments.iter_mut().rev().find(|s| s.base_offset <= offset)?;
        let index = segment.batches.partition_point(|b| b.last_offset < offset);
        let info = segment.batches.get(index)?;
        segment.bytes.get_mut(info.position as usize..(info.position + info.len) as usize)
    }

    /// Forgets what is at `offset` and after it, batches that straddle it included. Returns the new end.
    pub fn truncate(&mut self, offset: i64) -> i64 {
        while let Some(segment) = self.segments.back_mut() {
            let keep = segment.batches.partition_point(|b| b.last_offset < offset);
            if let Some(first) = segment.batches.get(keep) {
                let gone = segment.bytes.len() as u64 - u64::from(first.position);
                self.end_offset = first.base_offset;
                self.size -= gone + (segment.batches.len() - keep) as u64 * INDEX_ENTRY_BYTES;
                segment.bytes.truncate(first.position as usize);
                segment.batches.truncate(keep);
            }
            if keep > 0 {
                break;
            }
            self.segments.pop_back();
        }
        self.end_offset = self.end_offset.max(self.start_offset);
        self.end_offset
    }

    /// Frees the oldest segment, whatever retention says, and moves the start behind it.
    pub fn drop_oldest(&mut self) {
        self.drop_front();
        let start = self.segments.front().map_or(self.end_offset, |s| s.base_offset);
        self.start_offset = self.start_offset.max(start);
    }

    /// Moves the start to `offset` (DeleteRecords): whole segments before it are freed.
    pub fn delete_before(&mut self, offset: i64) {
        self.start_offset = self.start_offset.max(offset.min(self.end_offset));
        while self
            .segments
            .front()
            .and_then(|s| s.batches.last())
            .is_some_and(|b| b.last_offset < self.start_offset)
        {
            self.drop_front();
        }
    }

    /// Removes the batches for which `keep` says no, as compaction does: the offsets around them stay.
    pub fn compact(&mut self, mut keep: impl FnMut(&BatchInfo, &[u8]) -> bool) {
        for segment in &mut self.segments {
            let old = std::mem::take(&mut segment.bytes);
            let mut bytes = Vec::with_capacity(old.len());
            segment.batches.retain_mut(|info| {
                let from = info.position as usize;
                let batch = &old[from..from + info.len as usize];
                let kept = keep(info, batch);
                if kept {
                    info.position = bytes.len() as u32;
                    bytes.extend_from_slice(batch);
                }
                kept
            });
            segment.bytes = bytes;
        }
        self.segments.retain(|s| !s.batches.is_empty());
        self.size = self
            .segments
            .iter()
            .map(|s| s.bytes.len() as u64 + s.batches.len() as u64 * INDEX_ENTRY_BYTES)
            .sum();
    }

    fn locate(&self, offset: i64) -> Option<(&Segment, usize)> {
        let mut at = self.segments.partition_point(|s| s.base_offset <= offset).saturating_sub(1);
        loop {
            let segment = self.segments.get(at)?;
            let index = segment.batches.partition_point(|b| b.last_offset < offset);
            if index < segment.batches.len() {
                return Some((segment, index));
            }
            at += 1;
        }
    }

    fn enforce_retention(&mut self) {
        while self.size > self.retention_bytes && self.segments.len() > 1 {
            self.drop_front();
            if let Some(front) = self.segments.front() {
                self.start_offset = self.start_offset.max(front.base_offset);
            }
        }
    }

    fn drop_front(&mut self) {
        if let Some(gone) = self.segments.pop_front() {
            self.size -= gone.bytes.len() as u64 + gone.batches.len() as u64 * INDEX_ENTRY_BYTES;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(count: i64) -> BatchInfo {
        BatchInfo {
            base_offset: 0,
            last_offset: count - 1,
            max_timestamp: -1,
            leader_epoch: -1,
            producer_id: -1,
            producer_epoch: -1,
            base_sequence: -1,
            control: false,
            transactional: false,
            position: 0,
            len: 0,
        }
    }

    /// Ten batches of three records and 70 bytes each, three batches to a segment.
    fn ten() -> Log {
        let mut log = Log::new(210, u64::MAX);
        for n in 0..10 {
            assert_eq!(log.append(&[n; 70], info(3), 5), i64::from(n) * 3);
        }
        log
    }

    #[test]
    fn offset_and_epoch_are_patched() {
        let log = ten();
        let (info, bytes) = log.batch_at(7).unwrap();
        assert_eq!((info.base_offset, info.last_offset, info.leader_epoch), (6, 8, 5));
        assert_eq!(bytes[..8], 6i64.to_be_bytes());
        assert_eq!(bytes[12..16], 5i32.to_be_bytes());
        assert_eq!(bytes[16..], [2; 54]);
    }

    #[test]
    fn read_is_bounded_by_limit_segment_and_bytes() {
        let log = ten();
        assert_eq!(log.read(0, 30, 10_000, true).len(), 210);
        assert_eq!(log.read(4, 30, 10_000, true).len(), 140);
        assert_eq!(log.read(0, 6, 10_000, true).len(), 140);
        assert_eq!(log.read(0, 5, 10_000, true).len(), 70);
        assert_eq!(log.read(0, 30, 100, true).len(), 100);
        assert_eq!(log.read(0, 30, 10, true).len(), 70);
        assert_eq!(log.read(0, 30, 10, false).len(), 0);
        assert_eq!(log.read(30, 30, 100, true).len(), 0);
        assert_eq!(log.read(9, 10, 100, true).len(), 0);
    }

    #[test]
    fn truncation_drops_the_straddling_batch_and_goes_on_from_there() {
        let mut log = ten();
        assert_eq!(log.truncate(10), 9);
        assert_eq!(log.end_offset(), 9);
        assert_eq!(log.batches().count(), 3);
        assert_eq!(log.append(&[0; 70], info(1), 6), 9);
        assert_eq!(log.truncate(0), 0);
        assert_eq!(log.size(), 0);
    }

    #[test]
    fn retention_frees_whole_segments_from_the_front() {
        let mut log = Log::new(210, 600);
        for _ in 0..20 {
            log.append(&[0; 70], info(3), 0);
        }
        assert!(log.size() <= 600 + 3 * (70 + INDEX_ENTRY_BYTES));
        assert!(log.start_offset() > 0);
        assert_eq!(log.end_offset(), 60);
        assert_eq!(log.batch_at(0).unwrap().0.base_offset, log.start_offset());
    }

    #[test]
    fn deleting_and_compacting_leave_gaps() {
        let mut log = ten();
        log.delete_before(10);
        assert_eq!(log.start_offset(), 10);
        assert_eq!(log.batches().next().unwrap().0.base_offset, 9);
        log.compact(|b, _| b.base_offset % 2 == 1);
        assert_eq!(log.read(12, 30, 1000, true)[..8], 15i64.to_be_bytes());
        assert_eq!(log.end_offset(), 30);
    }
}
