//! What was fetched: a guard that owns the receive buffer, and the records borrowed from it.
//!
//! A fetch response is read where it was received. [`Fetched`] owns that buffer; batches and records borrow from it.
//! While the application holds it, the consumer goes on with other buffers. Given back, its buffer is used again.

use kafka_proto::compress::Workspace;
use kafka_proto::record::{Batch, Record, RecordError, RecordIter, batches};

use super::aborted::{is_aborted, pass_marker};
use crate::metadata::TopicId;
use crate::net::RxBuf;
use crate::recall::recalled;
use crate::storage::Mem;

/// A partition's part of a fetch response.
#[derive(Clone, Copy, Debug)]
pub struct Chunk {
    pub(crate) partition: u32,
    pub(crate) topic: u32,
    pub(crate) number: i32,
    /// The cursor's version when it was fetched.
    pub(crate) version: u32,
    /// Where its batches are in the buffer: `start..end`, what was handed out left of `start`.
    pub(crate) start: u32,
    pub(crate) end: u32,
    /// Where the batch that was handed out last begins.
    pub(crate) last: u32,
    /// The offset to go on with: records before it were handed out, or not asked for.
    pub(crate) next: i64,
    pub(crate) high_watermark: i64,
    /// The offset at which it cannot be read on.
    pub(crate) corrupt: Option<i64>,
}

/// Records that were fetched, in a buffer that this guard owns. Hand it back with `release`.
#[must_use = "its buffer is only used again after `release`"]
#[derive(Debug)]
pub struct Fetched<'m> {
    pub(crate) rx: RxBuf<'m>,
    /// The chunk that is being handed out.
    pub(crate) at: usize,
    pub(crate) check_crcs: bool,
}

/// A batch of one partition, its checksum verified where `check.crcs` is on.
#[derive(Debug)]
pub struct FetchedBatch<'a> {
    /// Its topic.
    pub topic: TopicId,
    /// Its partition.
    pub partition: i32,
    /// The offset after the last record that readers may see, when this was fetched.
    pub high_watermark: i64,
    /// The offset after the batch.
    pub next_offset: i64,
    /// Records before this offset were not asked for: the broker sends whole batches.
    pub first_offset: i64,
    records: RecordIter<'a>,
    chunk: &'a mut Chunk,
}

impl<'a> FetchedBatch<'a> {
    /// The records, in order.
    pub fn records(self) -> Records<'a> {
        Records {
            next: self.first_offset,
            batch_end: self.next_offset,
            records: self.records,
            chunk: self.chunk,
        }
    }
}

/// The records of a batch, from the first one that was asked for.
///
/// A record can be malformed although the checksum of its batch is right: whoever wrote it made it so. That error ends
/// the iteration, and the partition waits for a seek, as after a batch that is damaged as a whole.
#[derive(Debug)]
pub struct Records<'a> {
    /// The offset to go on with. Of the records before it those that were asked for were handed out.
    next: i64,
    batch_end: i64,
    records: RecordIter<'a>,
    chunk: &'a mut Chunk,
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, Unreadable>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.records.next()? {
                Ok(record) if record.offset < self.next && !recalled!(B31WholeBatch) => {}
                Ok(record) => {
                    self.next = record.offset.wrapping_add(1);
                    return Some(Ok(record));
                }
                Err(error) => return Some(Err(self.malformed(error))),
            }
        }
    }
}

impl Records<'_> {
    #[cold]
    fn malformed(&mut self, error: RecordError) -> Unreadable {
        unreadable(self.chunk, self.next, self.batch_end, Why::Damaged(error))
    }
}

/// A batch that cannot be read, or not to its end. Its partition waits for a seek once the guard is released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Its topic.
    pub topic: TopicId,
    /// Its partition.
    pub partition: i32,
    /// The first offset that was asked for and cannot be read: that of the batch, or that of a record in it.
    pub base: i64,
    /// The offset after the batch: where to seek to skip it.
    pub next: i64,
    /// What is wrong with it.
    pub why: Why,
}

/// What is wrong with a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Its bytes.
    Damaged(kafka_proto::record::RecordError),
    /// Its compression: damaged, in a codec that this build lacks, or too large for the buffer.
    Compression(kafka_proto::compress::DecompressError),
}

impl core::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "partition {}: what is at offset {} cannot be read: ", self.partition, self.base)?;
        match &self.why {
            Why::Damaged(error) => write!(f, "{error}"),
            Why::Compression(error) => write!(f, "{error}"),
        }?;
        write!(f, "; seek to {} to skip it", self.next)
    }
}

impl core::error::Error for Unreadable {}

/// Where compressed batches are decompressed to: one batch at a time.
pub struct Decompressor<'m> {
    mem: Mem<'m>,
    work: Workspace<'m>,
    /// The largest a batch may become, where the memory can grow.
    limit: usize,
}

impl<'m> Decompressor<'m> {
    /// Over lent memory: what does not fit is refused.
    pub fn lent(mem: &'m mut [u8]) -> Self {
        let limit = mem.len();
        Decompressor { mem: Mem::Lent(mem), work: Workspace::default(), limit }
    }

    /// On the heap, growing to what the largest batch needs, at most `limit` bytes.
    #[cfg(feature = "alloc")]
    pub fn owned(limit: usize) -> Self {
        Decompressor { mem: Mem::Owned(Default::default()), work: Workspace::default(), limit }
    }

    fn run(&mut self, batch: &Batch<'_>) -> Result<usize, kafka_proto::compress::DecompressError> {
        use kafka_proto::compress::DecompressError;
        // A guess to begin with; a batch that needs more says so.
        let guess = batch.payload().len().saturating_mul(4).min(self.limit);
        self.mem.grow(guess, 0);
        loop {
            match batch.decompress(&mut self.mem, &mut self.work) {
                Err(DecompressError::TooLarge { need }) if need > self.mem.len() && need <= self.limit => {
                    // Some codecs only know that it is more than there was room for: double.
                    let wish = need.max(self.mem.len().saturating_mul(2)).min(self.limit);
                    if !self.mem.grow(wish, 0) {
                        return Err(DecompressError::TooLarge { need });
                    }
                }
                result => return result,
            }
        }
    }
}

impl Fetched<'_> {
    /// Takes part of the last batch back: records from `offset` on were not dealt with, and come again from
    /// [`next_batch`](Self::next_batch), or after `release` from the broker.
    pub fn stop_at(&mut self, offset: i64) {
        if let Some(chunk) = self.rx.chunks.get_mut(self.at).filter(|c| c.corrupt.is_none()) {
            chunk.start = chunk.last;
            chunk.next = offset;
        }
    }

    /// The next batch, partition by partition; `None` at the end. `decompressor` is used for compressed batches.
    ///
    /// # Errors
    /// [`Unreadable`]; the next call goes on with the next partition.
    pub fn next_batch<'a>(
        &'a mut self,
        decompressor: &'a mut Decompressor<'_>,
    ) -> Option<Result<FetchedBatch<'a>, Unreadable>> {
        let found = match self.advance()? {
            Ok(found) => found,
            Err(unreadable) => return Some(Err(unreadable)),
        };
        let Found { start, first_offset } = found;
        let chunk = self.rx.chunks.get_mut(self.at)?;
        let bytes = self.rx.mem.get(start as usize..chunk.end as usize).unwrap_or_default();
        let Some(Ok(batch)) = batches(bytes).next() else { return None };
        let records = match batch.records() {
            Ok(records) => records,
            Err(_) => match decompressor.run(&batch) {
                Ok(len) => batch.records_from(decompressor.mem.get(..len).unwrap_or_default()),
                Err(error) => {
                    let (base, next) = (batch.header().base_offset.max(first_offset), batch.next_offset());
                    return Some(Err(unreadable(chunk, base, next, Why::Compression(error))));
                }
            },
        };
        Some(Ok(FetchedBatch {
            topic: TopicId::first_at(chunk.topic),
            partition: chunk.number,
            high_watermark: chunk.high_watermark,
            next_offset: batch.next_offset(),
            first_offset,
            records,
            chunk,
        }))
    }

    /// Goes to the next batch with records for the application, and verifies its checksum.
    fn advance(&mut self) -> Option<Result<Found, Unreadable>> {
        loop {
            let chunk = self.rx.chunks.get_mut(self.at)?;
            let bytes = self.rx.mem.get(chunk.start as usize..chunk.end as usize).unwrap_or_default();
            let mut iter = batches(bytes);
            let first_offset = chunk.next;
            let batch = match iter.next() {
                None => {
                    self.at += 1;
                    continue;
                }
                Some(Ok(batch)) => batch,
                Some(Err(error)) => {
                    let next = first_offset.saturating_add(1);
                    return Some(Err(unreadable(chunk, first_offset, next, Why::Damaged(error))));
                }
            };
            if self.check_crcs
                && let Err(error) = batch.verify_crc()
            {
                let (base, next) = (batch.header().base_offset.max(first_offset), batch.next_offset());
                return Some(Err(unreadable(chunk, base, next, Why::Damaged(error))));
            }
            let start = chunk.start;
            chunk.last = start;
            chunk.start = start.saturating_add(u32::try_from(iter.consumed()).unwrap_or(u32::MAX));
            chunk.next = chunk.next.max(batch.next_offset());
            if batch.header().attributes.is_control() {
                pass_marker(&mut self.rx.aborted, self.at, &batch);
                continue;
            }
            if batch.next_offset() > first_offset && !is_aborted(&self.rx.aborted, self.at, &batch) {
                return Some(Ok(Found { start, first_offset }));
            }
        }
    }
}

/// The chunk at hand ends here: its partition waits for a seek once the guard is released.
fn unreadable(chunk: &mut Chunk, base: i64, next: i64, why: Why) -> Unreadable {
    chunk.corrupt = Some(base);
    chunk.start = chunk.end;
    Unreadable { topic: TopicId::first_at(chunk.topic), partition: chunk.number, base, next, why }
}

/// A batch for the application.
struct Found {
    start: u32,
    first_offset: i64,
}
