//! Changing the header of a batch that is finished.

use super::BATCH_HEADER_LEN;
use super::header::{Attributes, CRC_FROM, LENGTH_OVERHEAD, TimestampType};
use crate::crc::crc32c;

/// What a batch gets when it is sealed: who wrote it, and its place in the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// −1 without idempotence.
    pub producer_id: i64,
    /// −1 without idempotence.
    pub producer_epoch: i16,
    /// Sequence of the first record; −1 without idempotence.
    pub base_sequence: i32,
    /// Whether the batch belongs to a transaction.
    pub transactional: bool,
    /// −1 from a client; the broker's to set.
    pub partition_leader_epoch: i32,
}

impl Stamp {
    /// No idempotence, no transaction.
    pub const NONE: Self = Self {
        producer_id: -1,
        producer_epoch: -1,
        base_sequence: -1,
        transactional: false,
        partition_leader_epoch: -1,
    };
}

impl Default for Stamp {
    fn default() -> Self {
        Self::NONE
    }
}

/// Stamps a batch that has its header, compressed or not, and computes its checksum; gives its length.
///
/// The length is the one in the header; where `batch` has fewer bytes nothing is changed and the result is 0.
pub fn restamp(batch: &mut [u8], stamp: &Stamp) -> usize {
    let Some(batch) = whole(batch) else { return 0 };
    let attributes = attributes(batch).with_bit(Attributes::TRANSACTIONAL, stamp.transactional);
    put(batch, 12, stamp.partition_leader_epoch.to_be_bytes());
    put(batch, 21, attributes.0.to_be_bytes());
    put(batch, 43, stamp.producer_id.to_be_bytes());
    put(batch, 51, stamp.producer_epoch.to_be_bytes());
    put(batch, 53, stamp.base_sequence.to_be_bytes());
    seal(batch);
    batch.len()
}

/// What a broker does where `message.timestamp.type` is LogAppendTime: one timestamp (ms since 1970) for all records.
pub fn set_append_time(batch: &mut [u8], timestamp: i64) {
    let Some(batch) = whole(batch) else { return };
    let attributes = attributes(batch).with_timestamp_type(TimestampType::LogAppendTime);
    put(batch, 21, attributes.0.to_be_bytes());
    put(batch, 35, timestamp.to_be_bytes());
    seal(batch);
}

/// Gives a batch its place in the log. The checksum does not cover it.
pub fn set_base_offset(batch: &mut [u8], base_offset: i64) {
    put(batch, 0, base_offset.to_be_bytes());
}

/// Sets the leader's epoch. The checksum does not cover it.
pub fn set_partition_leader_epoch(batch: &mut [u8], epoch: i32) {
    put(batch, 12, epoch.to_be_bytes());
}

/// The batch's own bytes, where all of them are there.
fn whole(batch: &mut [u8]) -> Option<&mut [u8]> {
    let length = i32::from_be_bytes(*batch.get(8..)?.first_chunk()?);
    let len = usize::try_from(length).ok()?.checked_add(LENGTH_OVERHEAD)?;
    if len < BATCH_HEADER_LEN {
        return None;
    }
    batch.get_mut(..len)
}

fn attributes(batch: &[u8]) -> Attributes {
    let bytes = batch.get(21..).and_then(|rest| rest.first_chunk());
    Attributes(bytes.map_or(0, |bytes| i16::from_be_bytes(*bytes)))
}

fn put<const N: usize>(batch: &mut [u8], at: usize, bytes: [u8; N]) {
    if let Some(slot) = batch.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
        *slot = bytes;
    }
}

/// Computes the checksum of the whole batch.
pub(super) fn seal(batch: &mut [u8]) {
    let crc = batch.get(CRC_FROM..).map_or(0, crc32c);
    put(batch, 17, crc.to_be_bytes());
}
