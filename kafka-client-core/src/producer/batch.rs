//! A batch: a slot of the pool, what is in it, and how far it is on its way.

use kafka_proto::ErrorCode;
use kafka_proto::record::{BatchBuilder, Stamp};

use crate::metadata::TopicId;
use crate::net::chain::Chained;
use crate::storage::{Mem, NIL};
use crate::time::Instant;

/// Where a record was put: its batch, and its place there. The batch's [`Delivery`] resolves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket {
    /// The batch.
    pub batch: BatchId,
    /// 0 for the first record of the batch. Its offset is the batch's base offset plus this.
    pub index: u32,
}

/// Names a batch: a slot, and how often it was used before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct BatchId {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

impl BatchId {
    /// The number of the slot: an index for what an adapter keeps per batch. It is used again after `release`.
    pub fn slot(self) -> usize {
        self.slot as usize
    }
}

/// What became of a batch, over all attempts to send it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The broker confirmed it: exactly once in the log with idempotence, at least once without.
    Acked {
        /// Offset of the first record; `None` with acks=0, and for a duplicate of which the broker no longer knows
        /// where it is.
        base_offset: Option<i64>,
        /// The broker's time where the topic uses LogAppendTime, ms since 1970.
        log_append_time: Option<i64>,
    },
    /// It is not in the log, and never will be.
    NotWritten(SendError),
    /// It may be in the log, at most once with idempotence: an attempt had no answer, and none can be had any more.
    Indeterminate(SendError),
}

/// Why a batch was not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// `delivery.timeout.ms` passed.
    TimedOut,
    /// The broker refused it.
    Broker(ErrorCode),
    /// Of a record: the broker refused its batch for the sake of other records in it, and found nothing wrong with this
    /// one (KIP-467). See [`record_errors`](super::Producer::record_errors).
    BatchRefused,
    /// The connection was lost and `retries` are used up.
    Disconnected,
    /// The producer was closed or aborted before it was sent.
    Closed,
    /// The lent frame has no room for a request with this topic's name.
    FrameTooSmall,
    /// The batch could not be compressed.
    Compression,
    /// An adapter's word: what became of it is not known yet, and cannot be waited for where somebody asked, in a
    /// callback of the client that sends it.
    InCallback,
}

impl core::fmt::Display for SendError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            SendError::TimedOut => f.write_str("not acknowledged within delivery.timeout.ms"),
            SendError::Broker(code) => write!(f, "the broker answered {code}"),
            SendError::BatchRefused => {
                f.write_str("the broker refused its batch because of other records in it")
            }
            SendError::Disconnected => f.write_str("the connection was lost and no retries are left"),
            SendError::Closed => f.write_str("the producer was closed first"),
            SendError::FrameTooSmall => {
                f.write_str("the request does not fit the frame memory that was lent")
            }
            SendError::Compression => f.write_str("the batch could not be compressed"),
            SendError::InCallback => {
                f.write_str("its result cannot be waited for in a callback of its producer")
            }
        }
    }
}

impl core::error::Error for SendError {}

/// The end of a batch: what became of its records. Give it back with `release`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The batch that the records' tickets name.
    pub batch: BatchId,
    /// Their topic.
    pub topic: TopicId,
    /// Their partition.
    pub partition: i32,
    /// The index of the first record of which this tells: 0, unless the broker found the batch too large and it was
    /// sent in parts.
    pub first: u32,
    /// How many records.
    pub count: u32,
    /// Parts of the batch of which is still to be told; with 0 this is the end of the whole batch.
    pub parts_left: u32,
    /// What became of them.
    pub outcome: Outcome,
    /// The slot of the part.
    pub(crate) slot: u32,
}

/// How far a batch is on its way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Place {
    #[default]
    Free,
    /// Takes records.
    Open,
    /// Takes no more; has no stamp.
    Closed,
    /// Out with the adapter: checksum and compression.
    Sealing,
    /// Ready to be sent, with its stamp.
    Sealed,
    /// Out with the adapter: being written.
    Sending,
    /// Written; the answer is due.
    InFlight,
}

#[derive(Debug)]
pub(crate) struct Batch<'m> {
    /// `None` while it is out with the adapter.
    pub(crate) mem: Option<Mem<'m>>,
    pub(crate) builder: BatchBuilder,
    /// What its memory cost of `buffer.memory`.
    pub(crate) charged: u64,
    /// Bytes of `mem` that records may take.
    pub(crate) limit: u32,
    /// Bytes to send, once sealed.
    pub(crate) len: u32,
    pub(crate) place: Place,
    pub(crate) generation: u32,
    pub(crate) partition: u32,
    pub(crate) stamp: Stamp,
    pub(crate) created: Instant,
    pub(crate) attempts: u32,
    /// Its linger time is over, or somebody flushed.
    pub(crate) due: bool,
    /// Its body has the form it is sent in; only the stamp may still change.
    pub(crate) sealed: bool,
    /// An attempt to send it ended without a definite answer.
    pub(crate) maybe_written: bool,
    /// At least one byte of the current attempt was written.
    pub(crate) written: bool,
    /// When it was last sent, an older batch of its partition was still under way.
    pub(crate) behind: bool,
    /// Set once: what became of it. A batch that is resolved while in flight keeps its slot until the answer.
    pub(crate) outcome: Option<Outcome>,
    /// The adapter has taken the delivery and given it back.
    pub(crate) released: bool,
    /// The slot of the batch that this is a part of; its own for a batch that was not split.
    pub(crate) whole: u32,
    /// The index of its first record in the whole.
    pub(crate) first: u32,
    /// Of a whole: parts whose delivery was not taken, and parts that were not released.
    pub(crate) untold: u32,
    pub(crate) unreleased: u32,
    /// The broker whose count of sealed batches it is in.
    pub(crate) counted_on: u32,
    /// Next in the partition's queue, in the list of resolved batches, or in the free list.
    pub(crate) next: u32,
    /// Next in the same request.
    pub(crate) chain: u32,
    /// The life of its topic when the request was made.
    pub(crate) asked_life: u8,
    /// Neighbours by age among all batches that are in use and not resolved.
    pub(crate) older: u32,
    pub(crate) newer: u32,
    /// Ascending with age; what a flush waits for.
    pub(crate) serial: u64,
}

impl Default for Batch<'_> {
    fn default() -> Self {
        Batch {
            mem: None,
            builder: BatchBuilder::new(),
            charged: 0,
            limit: 0,
            len: 0,
            place: Place::Free,
            generation: 0,
            partition: NIL,
            stamp: Stamp::NONE,
            created: Instant(0),
            attempts: 0,
            due: false,
            sealed: false,
            maybe_written: false,
            written: false,
            behind: false,
            outcome: None,
            released: false,
            whole: NIL,
            first: 0,
            untold: 1,
            unreleased: 1,
            counted_on: NIL,
            next: NIL,
            chain: NIL,
            asked_life: 0,
            older: NIL,
            newer: NIL,
            serial: 0,
        }
    }
}

impl Chained for Batch<'_> {
    fn chain(&mut self) -> &mut u32 {
        &mut self.chain
    }

    fn asked(&self, _index: u32) -> (u32, u8) {
        (self.partition, self.asked_life)
    }
}

impl Batch<'_> {
    /// Whether it has a place in its partition's sequence.
    pub(crate) fn is_stamped(&self) -> bool {
        matches!(self.place, Place::Sealing | Place::Sealed | Place::Sending | Place::InFlight)
    }

    /// Whether a request that carries it is under way, or its memory is out with the adapter.
    pub(crate) fn is_pinned(&self) -> bool {
        matches!(self.place, Place::Sealing | Place::Sending | Place::InFlight)
    }
}
