//! Record batches that are larger than the receiver's memory.

use super::Step;
use crate::crc::Crc32c;
use crate::record::{
    BATCH_HEADER_LEN, Base, BatchHeader, CRC_FROM, Codec, Get, Record, RecordError, RecordFault, check_start,
};

#[cfg(feature = "lz4")]
mod lz4;

/// Something that was read before the checksum over it was known. Whoever uses it now must be able to take it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unverified<T> {
    /// What may yet turn out to be corrupt.
    pub unverified: T,
}

/// What a stream of batches holds, in the order of the wire.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RecordItem<'a> {
    /// Nothing yet: the input has to hold at least this many bytes. Where no more will come, the broker has cut the
    /// last batch. Where the memory has not so much room, [`RecordStream::skip_batch`] gets past it.
    More(usize),
    /// A batch begins; its header was checked as far as it can be.
    Batch(BatchHeader),
    /// A record of the batch.
    Record(Unverified<Record<'a>>),
    /// The batch has ended and its checksum is right: everything handed out since [`RecordItem::Batch`] stands.
    Verified {
        /// The offset after the batch.
        next_offset: i64,
    },
    /// The batch has ended and it is corrupt: what was handed out must not be used.
    Corrupt {
        /// The first offset of the batch: where the position stays.
        base_offset: i64,
        /// The offset after the batch, by its header.
        next_offset: i64,
        /// Records that were handed out.
        handed_out: u32,
        /// The checksum, or, where that is right, what is wrong with the records.
        fault: RecordFault,
    },
}

/// Why a stream cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StreamError {
    /// A header that is none. `at` counts from the batch's first byte.
    Record(RecordError),
    /// The batch is compressed, and the memory lent for it is too small: this many bytes are needed. For lz4 that is
    /// the window, for the other codecs the input, which has to hold the batch as a whole.
    WindowTooLarge {
        /// Bytes needed.
        need: usize,
    },
}

impl core::fmt::Display for StreamError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Record(error) => error.fmt(f),
            Self::WindowTooLarge { need } => write!(f, "the compressed batch needs a window of {need} bytes"),
        }
    }
}

impl core::error::Error for StreamError {}

/// Where the reader is in its batch.
#[derive(Clone, Copy, Debug)]
enum Stage {
    /// Between batches.
    Between,
    Plain,
    #[cfg(feature = "lz4")]
    Lz4(lz4::Window),
    /// The records are of no more interest, only the checksum is.
    Skip,
}

/// The batch being read.
#[derive(Clone, Copy, Debug)]
struct Open {
    header: BatchHeader,
    crc: Crc32c,
    /// Bytes of it that were not taken yet.
    left: usize,
    /// Records to come.
    records: u32,
    /// Offset delta of the one before.
    after: i32,
    handed_out: u32,
    fault: Option<RecordFault>,
}

/// Reads the `records` field of a fetch response that arrives in pieces.
///
/// Records are handed out as [`Unverified`]: the checksum stands at the front of a batch and covers its end. A position
/// is advanced, or committed, past a batch only after [`RecordItem::Verified`].
#[derive(Clone, Copy, Debug)]
pub struct RecordStream {
    stage: Stage,
    open: Option<Open>,
}

impl Default for RecordStream {
    fn default() -> Self {
        Self::new()
    }
}

/// What can be said of the record at the front of some bytes.
enum Front<'a> {
    Record(Record<'a>, usize),
    /// The bytes are too few; this many are needed.
    Need(usize),
}

impl RecordStream {
    /// A reader before the first batch.
    #[must_use]
    pub const fn new() -> Self {
        Self { stage: Stage::Between, open: None }
    }

    /// Bytes of the batch being read that were not taken yet; 0 between batches.
    #[must_use]
    pub fn left(&self) -> usize {
        self.open.as_ref().map_or(0, |open| open.left)
    }

    /// Hands out no more records of the batch being read. Its bytes are still taken, and its verdict still comes.
    pub fn skip_batch(&mut self) {
        if self.open.is_some() {
            self.stage = Stage::Skip;
        }
    }

    /// Takes the next item from the front of `input`, which may hold more than a batch.
    ///
    /// `window` is memory for what lz4 decompresses: a block, and the part of a record before it. It has to be the same
    /// from call to call, and may be empty where nothing is compressed.
    ///
    /// # Errors
    /// [`StreamError`]. After `WindowTooLarge` the call may be repeated with more memory.
    pub fn next<'b>(
        &mut self,
        input: &'b [u8],
        window: &'b mut [u8],
    ) -> Result<Step<RecordItem<'b>>, StreamError> {
        let Some(open) = &mut self.open else { return self.begin(input) };
        let all = input.get(..open.left).unwrap_or(input);
        let step = match &mut self.stage {
            Stage::Between | Stage::Skip => Ok(None),
            Stage::Plain => open.plain(all),
            #[cfg(feature = "lz4")]
            Stage::Lz4(state) => state.next(open, all, window)?,
        };
        #[cfg(not(feature = "lz4"))]
        let _ = window;
        match step {
            Ok(Some(step)) => return Ok(step),
            Ok(None) => {}
            // Whether it is the sender's mistake or a flipped bit, the checksum says at the end.
            Err(fault) => open.fault = Some(fault),
        }
        Ok(self.finish(all))
    }

    fn begin<'b>(&mut self, input: &[u8]) -> Result<Step<RecordItem<'b>>, StreamError> {
        let Some(head) = input.first_chunk() else {
            check_start(input).map_err(|(fault, at)| StreamError::Record(RecordError::new(fault, at)))?;
            return Ok(Step { consumed: 0, item: RecordItem::More(BATCH_HEADER_LEN) });
        };
        let header = BatchHeader::parse(head).map_err(StreamError::Record)?;
        self.stage = match header.codec() {
            Codec::None => Stage::Plain,
            #[cfg(feature = "lz4")]
            Codec::Lz4 => Stage::Lz4(lz4::Window::new()),
            _ => return Err(StreamError::WindowTooLarge { need: header.batch_len() }),
        };
        let mut crc = Crc32c::new();
        crc.update(head.get(CRC_FROM..).unwrap_or_default());
        self.open = Some(Open {
            header,
            crc,
            left: header.batch_len().saturating_sub(BATCH_HEADER_LEN),
            records: u32::try_from(header.count).unwrap_or(0),
            after: -1,
            handed_out: 0,
            fault: None,
        });
        Ok(Step { consumed: BATCH_HEADER_LEN, item: RecordItem::Batch(header) })
    }

    /// Takes what is left of the batch; gives its verdict when that is all.
    fn finish<'b>(&mut self, input: &[u8]) -> Step<RecordItem<'b>> {
        self.stage = Stage::Skip;
        let Some(open) = &mut self.open else { return Step { consumed: 0, item: RecordItem::More(1) } };
        open.take(input);
        let consumed = input.len();
        if open.left != 0 {
            return Step { consumed, item: RecordItem::More(1) };
        }
        let header = &open.header;
        let fault = if open.crc.value() == header.crc { open.fault } else { Some(RecordFault::Crc) };
        let next_offset = header.next_offset();
        let item = match fault {
            None => RecordItem::Verified { next_offset },
            Some(fault) => RecordItem::Corrupt {
                base_offset: header.base_offset,
                next_offset,
                handed_out: open.handed_out,
                fault,
            },
        };
        *self = Self::new();
        Step { consumed, item }
    }
}

impl Open {
    /// The checksum goes over what is taken.
    fn take(&mut self, bytes: &[u8]) {
        self.crc.update(bytes);
        self.left = self.left.saturating_sub(bytes.len());
    }

    /// Of a batch that is not compressed. None is the end of its records.
    fn plain<'b>(&mut self, input: &'b [u8]) -> Result<Option<Step<RecordItem<'b>>>, RecordFault> {
        if self.records == 0 {
            return if self.left == 0 { Ok(None) } else { Err(RecordFault::TrailingBytes) };
        }
        Ok(Some(match self.front(input, self.left)? {
            Front::Need(need) => Step { consumed: 0, item: RecordItem::More(need) },
            Front::Record(record, consumed) => {
                self.take(input.get(..consumed).unwrap_or_default());
                Step { consumed, item: self.hand_out(record) }
            }
        }))
    }

    fn hand_out<'b>(&mut self, record: Record<'b>) -> RecordItem<'b> {
        self.records = self.records.saturating_sub(1);
        self.handed_out = self.handed_out.saturating_add(1);
        RecordItem::Record(Unverified { unverified: record })
    }

    /// The record at the front of `bytes`, which are to be followed by others up to `room`.
    fn front<'b>(&mut self, bytes: &'b [u8], room: usize) -> Result<Front<'b>, RecordFault> {
        let mut get = Get::new(bytes);
        let len = match get.varint() {
            Ok(len) => usize::try_from(len).map_err(|_| RecordFault::BadLength)?,
            Err(RecordFault::Truncated) if bytes.len() < room => {
                return Ok(Front::Need(bytes.len().saturating_add(1)));
            }
            Err(fault) => return Err(fault),
        };
        let end = get.at.saturating_add(len);
        if end > room {
            return Err(RecordFault::Truncated);
        }
        // Only the record itself: its fields must not reach into the next.
        let Some(whole) = bytes.get(..end) else { return Ok(Front::Need(end)) };
        let mut get = Get::new(whole);
        let record = Base::of(&self.header).read(&mut get, &mut self.after)?;
        Ok(Front::Record(record, end))
    }
}
