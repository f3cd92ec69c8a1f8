//! Writing a batch, record by record, straight into its memory.

#[cfg(feature = "std")]
mod short;

use super::header::{Attributes, LENGTH_OVERHEAD};
use super::varint::{Put, as_i64, varint_len};
use super::{BATCH_HEADER_LEN, BatchHeader, Header, NO_TIMESTAMP, Stamp};

/// A record to be sent; everything is borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewRecord<'a> {
    /// The key; null has no influence on the partition.
    pub key: Option<&'a [u8]>,
    /// The value; null is a tombstone where the topic is compacted.
    pub value: Option<&'a [u8]>,
    /// Headers, in order; keys may repeat.
    pub headers: &'a [Header<'a>],
    /// Milliseconds since 1970; −1 where the sender has no clock.
    pub timestamp: i64,
}

impl Default for NewRecord<'_> {
    fn default() -> Self {
        Self { key: None, value: None, headers: &[], timestamp: NO_TIMESTAMP }
    }
}

/// The record does not fit in the memory that was given. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRoom {
    /// Bytes the whole batch would have with the record in it.
    pub need: usize,
}

impl core::fmt::Display for NoRoom {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "no room: the batch would have {} bytes", self.need)
    }
}

impl core::error::Error for NoRoom {}

/// A batch in the making. It does not own its memory: each call is given the same slice, which may have moved in
/// between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchBuilder {
    /// Bytes written, the header's room included: 61 <= len <= i32::MAX.
    len: usize,
    count: u32,
    /// Of the first record.
    base_timestamp: i64,
    max_timestamp: i64,
}

impl Default for BatchBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl BatchBuilder {
    /// A batch without records, which takes 61 bytes.
    #[must_use]
    pub const fn new() -> Self {
        Self { len: BATCH_HEADER_LEN, count: 0, base_timestamp: NO_TIMESTAMP, max_timestamp: NO_TIMESTAMP }
    }

    /// Bytes of the batch so far, its header included.
    #[must_use]
    #[allow(clippy::len_without_is_empty)] // it is below; a batch without records still has its header
    pub const fn len(&self) -> usize {
        self.len
    }

    /// How many records there are.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// Whether there is no record.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The greatest timestamp, ms since 1970; −1 while none is known.
    #[must_use]
    pub const fn max_timestamp(&self) -> i64 {
        self.max_timestamp
    }

    /// The exact number of bytes that `record` would add now.
    #[must_use]
    pub fn record_size(&self, record: &NewRecord<'_>) -> usize {
        let body = body_len(record, self.timestamp_delta(record.timestamp), self.count);
        body.saturating_add(varint_len(as_i64(body)))
    }

    /// Encodes `record` behind the others; gives its index within the batch.
    ///
    /// # Errors
    /// [`NoRoom`] where `memory` is too small; nothing was changed then.
    #[cfg_attr(feature = "std", inline(always))] // not inlined it costs a record of 100 B half as much again
    pub fn append(&mut self, memory: &mut [u8], record: &NewRecord<'_>) -> Result<u32, NoRoom> {
        let delta = self.timestamp_delta(record.timestamp);
        let index = self.count;
        #[cfg(feature = "std")]
        let written = short::append(memory, self.len, record, delta, index);
        #[cfg(not(feature = "std"))]
        let written = None;
        let end = match written {
            Some(end) => end,
            None => write(memory, self.len, record, delta, index)?,
        };
        Ok(self.appended(record.timestamp, end))
    }

    /// Notes a record that was written up to `end`; gives its index.
    #[cfg_attr(feature = "std", inline(always))]
    fn appended(&mut self, timestamp: i64, end: usize) -> u32 {
        let index = self.count;
        if index == 0 {
            self.base_timestamp = timestamp;
        }
        self.max_timestamp = self.max_timestamp.max(timestamp);
        self.len = end;
        // At most i32::MAX / 7 records fit.
        self.count = index.wrapping_add(1);
        index
    }

    /// Appends a record whose bytes from the key on are `tail`. Without memory it is only counted: its bytes are there.
    pub(super) fn append_tail(
        &mut self,
        memory: Option<&mut [u8]>,
        timestamp: i64,
        tail: &[u8],
    ) -> Result<(), NoRoom> {
        let delta = self.timestamp_delta(timestamp);
        let index = i64::from(self.count);
        let body = (1 + varint_len(delta) + varint_len(index)).saturating_add(tail.len());
        let end = body.saturating_add(varint_len(as_i64(body))).saturating_add(self.len);
        if let Some(memory) = memory {
            let mut put = Put::new(memory.get_mut(self.len..end).ok_or(NoRoom { need: end })?);
            put.varint(as_i64(body));
            put.byte(0);
            put.varint(delta);
            put.varint(index);
            put.bytes(tail);
        }
        self.appended(timestamp, end);
        Ok(())
    }

    /// Writes header and checksum in place; gives the length of the batch.
    ///
    /// It may be called again with another stamp. `memory` must be what the records were appended to; where it is
    /// shorter than the batch nothing is written and the length is 0.
    pub fn finish(&self, memory: &mut [u8], stamp: &Stamp) -> usize {
        let len = self.finish_without_checksum(memory, stamp);
        // The checksum covers the header from the attributes on, so these had to be in place.
        super::stamp::seal(memory.get_mut(..len).unwrap_or_default());
        len
    }

    /// As [`finish`](Self::finish) without the checksum: for a batch that is to be compressed, and gets its checksum by
    /// [`restamp`](super::restamp).
    pub fn finish_without_checksum(&self, memory: &mut [u8], stamp: &Stamp) -> usize {
        let Some(batch) = memory.get_mut(..self.len) else { return 0 };
        let header = self.header(stamp);
        if let Some(head) = batch.first_chunk_mut() {
            header.write(head);
        }
        self.len
    }

    fn header(&self, stamp: &Stamp) -> BatchHeader {
        BatchHeader {
            base_offset: 0,
            length: i32::try_from(self.len.saturating_sub(LENGTH_OVERHEAD)).unwrap_or(i32::MAX),
            partition_leader_epoch: stamp.partition_leader_epoch,
            magic: 2,
            crc: 0,
            attributes: Attributes(0).with_bit(Attributes::TRANSACTIONAL, stamp.transactional),
            last_offset_delta: self.count.saturating_sub(1).cast_signed(),
            base_timestamp: self.base_timestamp,
            max_timestamp: self.max_timestamp,
            producer_id: stamp.producer_id,
            producer_epoch: stamp.producer_epoch,
            base_sequence: stamp.base_sequence,
            count: self.count.cast_signed(),
        }
    }

    /// Wraps where two timestamps are more than 63 bits apart; the reader's sum wraps back.
    const fn timestamp_delta(&self, timestamp: i64) -> i64 {
        if self.count == 0 { 0 } else { timestamp.wrapping_sub(self.base_timestamp) }
    }
}

/// Writes any record at `at`; gives where it ends. Takes no builder, which so stays in registers.
#[cfg_attr(feature = "std", inline(never))]
fn write(
    memory: &mut [u8],
    at: usize,
    record: &NewRecord<'_>,
    timestamp: i64,
    index: u32,
) -> Result<usize, NoRoom> {
    let body = body_len(record, timestamp, index);
    let end = body.saturating_add(varint_len(as_i64(body))).saturating_add(at);
    // A batch's length is an i32 on the wire.
    let room = if i32::try_from(end).is_ok() { memory.get_mut(at..end) } else { None };
    let Some(room) = room else { return Err(NoRoom { need: end }) };
    let mut put = Put::new(room);
    put.varint(as_i64(body));
    put.byte(0); // attributes of a record: none are defined
    put.varint(timestamp);
    put.varint(i64::from(index));
    put.nullable(record.key);
    put.nullable(record.value);
    put.varint(as_i64(record.headers.len()));
    for header in record.headers {
        put.nullable(Some(header.key.as_bytes()));
        put.nullable(header.value);
    }
    Ok(end)
}

/// Bytes of the record after its length field. Saturates, and then no memory is large enough.
#[cfg_attr(feature = "std", inline(always))]
fn body_len(record: &NewRecord<'_>, timestamp_delta: i64, index: u32) -> usize {
    let mut len = 1 + varint_len(timestamp_delta) + varint_len(i64::from(index));
    len = len.saturating_add(nullable_len(record.key));
    len = len.saturating_add(nullable_len(record.value));
    len = len.saturating_add(varint_len(as_i64(record.headers.len())));
    for header in record.headers {
        len = len.saturating_add(nullable_len(Some(header.key.as_bytes())));
        len = len.saturating_add(nullable_len(header.value));
    }
    len
}

#[cfg_attr(feature = "std", inline(always))]
fn nullable_len(bytes: Option<&[u8]>) -> usize {
    match bytes {
        None => 1,
        Some(bytes) => varint_len(as_i64(bytes.len())).saturating_add(bytes.len()),
    }
}
