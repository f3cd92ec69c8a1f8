//! The accumulator: from a record to a place in its partition's open batch.
//!
//! One of the producer's two halves. It encodes records into slots and queues the batches; the other half, the
//! sender, takes them from the queues. Appending touches one partition and one batch, and never the network.

use kafka_proto::ErrorCode;
use kafka_proto::record::{BATCH_HEADER_LEN, BatchBuilder, Codec, NewRecord};

use super::batch::{Batch, Place, Ticket};
use super::partition::{Partition, Wait};
use super::pool::Pool;
use super::transaction::{TransactionError, TransactionState};
use crate::config::ProducerConfig;
use crate::list::{List, enlist};
use crate::storage::{NIL, Storage, Table};
use crate::time::Instant;

/// A record was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Where it is.
    pub ticket: Ticket,
    /// Its topic's partition.
    pub partition: u32,
    /// What this changes for whoever drives the producer.
    pub progress: Progress,
}

/// What an appended record changes for whoever drives the producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Nothing: its batch was open and still is.
    Joined,
    /// It opened a batch, so `poll_timeout` may be earlier now.
    Opened,
    /// It filled a batch, which can be sealed and sent.
    Filled,
}

/// Why a record was not taken. It was not queued, and the caller still has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AppendError {
    /// No slot is free: drive the producer and try again when a delivery was released.
    Full,
    /// The topic's partitions are not known yet: drive the producer and try again.
    NoMetadata {
        /// What the cluster answered about the topic last, e.g. UNKNOWN_TOPIC_OR_PARTITION.
        last: ErrorCode,
    },
    /// The topic cannot be used, e.g. TOPIC_AUTHORIZATION_FAILED.
    Topic(ErrorCode),
    /// The topic was not used for `metadata.max.idle.ms`, and its place in lent memory was given to another one: ask for
    /// its handle again.
    Forgotten,
    /// The topic has no such partition.
    NoSuchPartition {
        /// How many it has.
        partitions: u32,
    },
    /// The record is larger than a batch may be.
    TooLarge {
        /// Bytes of a batch that holds it alone.
        size: usize,
        /// `max.request.size`, or the size of a slot where memory cannot be allocated.
        max: usize,
    },
    /// Its timestamp is negative, and not −1 for unknown.
    BadTimestamp(i64),
    /// The producer is transactional, and no transaction is open.
    Transaction(TransactionState),
    /// The producer is closed, or was refused by the cluster for good.
    Closed,
}

impl core::fmt::Display for AppendError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            AppendError::Full => f.write_str("the batch pool is full"),
            AppendError::NoMetadata { last: ErrorCode::NONE } => {
                f.write_str("the topic's partitions are not known yet")
            }
            AppendError::NoMetadata { last } => write!(f, "the topic's partitions are not known: {last}"),
            AppendError::Topic(code) => write!(f, "the topic cannot be used: {code}"),
            AppendError::Forgotten => f.write_str("the topic was not used for long and was given up"),
            AppendError::NoSuchPartition { partitions } => {
                write!(f, "no such partition: the topic has {partitions}")
            }
            AppendError::TooLarge { size, max } => {
                write!(f, "the record needs a batch of {size} bytes, and the largest allowed is {max}")
            }
            AppendError::BadTimestamp(ms) => {
                write!(f, "timestamp {ms}: must be milliseconds since 1970, or -1 for unknown")
            }
            AppendError::Transaction(state) => TransactionError::WrongState(*state).fmt(f),
            AppendError::Closed => f.write_str("the producer is closed"),
        }
    }
}

impl core::error::Error for AppendError {}

/// How far an open batch is filled: to `batch.size`, or beyond it as far as compression is expected to bring it back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fill {
    /// `batch.size`, as far as a slot has room.
    plain: usize,
    /// The most that fits a slot and a request.
    most: usize,
    /// Compressed size over plain size of the last batches, in 256ths; at least 64.
    ratio: usize,
    /// What follows from these: asked for with every record.
    limit: usize,
}

impl Fill {
    pub(crate) fn new(config: &ProducerConfig, slot_size: usize) -> Self {
        // A record that is larger than a request may be finds no room in an open batch either.
        let request = config.max_request_size as usize;
        let plain = slot_size.min(config.batch_size as usize).min(request);
        let most = if config.codec == Codec::None { plain } else { slot_size.min(request) };
        Fill { plain, most: most.max(plain), ratio: 256, limit: plain }
    }

    /// Bytes of records, uncompressed.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// A batch of `plain` bytes became `sealed` bytes.
    pub(crate) fn learn(&mut self, plain: usize, sealed: usize) {
        // A batch of a few records hardly compresses, and says nothing about full ones.
        if plain < self.plain / 2 {
            return;
        }
        let sample = sealed.saturating_mul(256).checked_div(plain).unwrap_or(256).clamp(64, 256);
        // Quick to see that data compresses worse, slow to believe that it compresses better.
        self.ratio = if sample > self.ratio { sample } else { (self.ratio * 7 + sample) / 8 };
        self.limit = (self.plain.saturating_mul(256) / self.ratio.max(1)).min(self.most);
    }
}

pub(crate) struct Accumulator<'m> {
    pub(crate) pool: Pool<'m>,
    pub(crate) partitions: Table<'m, Partition>,
    /// Partitions with a full batch to be sealed.
    pub(crate) full: List,
    /// Partitions that wait for their backoff to pass.
    pub(crate) delayed: List,
    pub(crate) fill: Fill,
    /// Resolved batches whose delivery was not taken yet, oldest first.
    resolved: List,
}

impl<'m> Accumulator<'m> {
    pub(crate) fn new(pool: Pool<'m>, partitions: Storage<'m, Partition>, fill: Fill) -> Self {
        Accumulator {
            fill,
            pool,
            partitions: Table::new(partitions),
            full: List::default(),
            delayed: List::default(),
            resolved: List::default(),
        }
    }

    /// Makes the table of queues as long as that of the partitions' metadata; how many lack room.
    pub(crate) fn cover(&mut self, partitions: u32) -> u32 {
        while self.partitions.len() < partitions {
            if self.partitions.push(Partition::default()).is_err() {
                break;
            }
        }
        partitions.saturating_sub(self.partitions.len())
    }

    /// Encodes a record into the open batch of a partition; `None` when there is none, or no room in it.
    #[inline]
    pub(crate) fn join(&mut self, partition: u32, record: &NewRecord<'_>) -> Option<Ticket> {
        let slot = self.partitions[partition].open;
        let index = self.append_to(slot, record)?;
        Some(Ticket { batch: self.pool.id(slot), index })
    }

    /// Encodes a record into a new batch, after [`join`](Self::join) found no place in the open one.
    pub(crate) fn begin(
        &mut self,
        now: Instant,
        partition: u32,
        record: &NewRecord<'_>,
        max: usize,
    ) -> Result<(Ticket, Progress), AppendError> {
        let mut progress = Progress::Opened;
        if self.partitions[partition].open != NIL {
            self.close(partition);
            progress = Progress::Filled;
        }
        let slot = self.open(now, partition, record, max)?;
        let index = self.append_to(slot, record).ok_or(AppendError::Full)?;
        Ok((Ticket { batch: self.pool.id(slot), index }, progress))
    }

    #[inline]
    fn append_to(&mut self, slot: u32, record: &NewRecord<'_>) -> Option<u32> {
        let batch = &mut self.pool.batches[slot];
        let mem = batch.mem.as_mut()?.get_mut(..batch.limit as usize)?;
        batch.builder.append(mem, record).ok()
    }

    fn open(
        &mut self,
        now: Instant,
        partition: u32,
        record: &NewRecord<'_>,
        max: usize,
    ) -> Result<u32, AppendError> {
        let size = BATCH_HEADER_LEN + BatchBuilder::new().record_size(record);
        let max = if self.pool.can_allocate() { max } else { self.pool.slot_size().min(max) };
        if size > max {
            return Err(AppendError::TooLarge { size, max });
        }
        let slot = self.pool.acquire(now, size);
        if slot == NIL {
            return Err(AppendError::Full);
        }
        let batch = &mut self.pool.batches[slot];
        let room = batch.mem.as_ref().map_or(0, |mem| mem.len());
        batch.limit = u32::try_from(self.fill.limit().max(size).min(room)).unwrap_or(u32::MAX);
        batch.partition = partition;
        let queue = &mut self.partitions[partition];
        queue.push(&mut self.pool.batches, slot);
        queue.open = slot;
        Ok(slot)
    }

    /// The open batch of a partition takes no more records.
    pub(crate) fn close(&mut self, partition: u32) {
        let open = core::mem::replace(&mut self.partitions[partition].open, NIL);
        if open != NIL {
            self.pool.batches[open].place = Place::Closed;
            enlist(&mut self.partitions, &mut self.full, Wait::Full, partition);
        }
    }

    /// Enters a batch, which has its outcome, into the list of deliveries to be taken.
    pub(crate) fn push_resolved(&mut self, slot: u32) {
        self.pool.batches[slot].next = NIL;
        match self.resolved.tail {
            NIL => self.resolved.head = slot,
            tail => self.pool.batches[tail].next = slot,
        }
        self.resolved.tail = slot;
    }

    /// Whether a resolved batch waits to be taken.
    pub(crate) fn has_resolved(&self) -> bool {
        !self.resolved.is_empty()
    }

    /// Takes the oldest of the resolved batches, or [`NIL`].
    pub(crate) fn pop_resolved(&mut self) -> u32 {
        let slot = self.resolved.head;
        if slot != NIL {
            self.resolved.head = self.pool.batches[slot].next;
            if self.resolved.head == NIL {
                self.resolved.tail = NIL;
            }
        }
        slot
    }

    /// Frees a slot when nothing needs it any more.
    pub(crate) fn free_if_done(&mut self, slot: u32) {
        let batch: &Batch<'_> = &self.pool.batches[slot];
        // The slot of a whole names its parts, so it is the last to go.
        if slot != NIL && batch.released && !batch.is_pinned() && batch.unreleased == 0 {
            self.pool.free(slot);
        }
    }
}
