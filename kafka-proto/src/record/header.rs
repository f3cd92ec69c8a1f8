//! The 61 bytes before a batch's records.

use super::varint::{Get, Put};
use super::{RECORD_LEN_MIN, RecordError, RecordFault};

/// Bytes of a batch before its records.
pub const BATCH_HEADER_LEN: usize = 61;

/// Base offset and length: what stands before the bytes that the length counts.
pub(crate) const LENGTH_OVERHEAD: usize = 12;
/// Where the checksum begins: everything before can be changed without a new one.
pub(crate) const CRC_FROM: usize = 21;

const HEADER_AFTER_LENGTH: usize = BATCH_HEADER_LEN - LENGTH_OVERHEAD;

/// The compression of a batch's records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Codec {
    /// Not compressed.
    #[default]
    None,
    /// gzip.
    Gzip,
    /// Snappy, in the framing of Java's xerial library.
    Snappy,
    /// The LZ4 frame format.
    Lz4,
    /// Zstandard; from Fetch 10 and Produce 7 on.
    Zstd,
}

impl Codec {
    /// All codecs, in the order of their numbers.
    pub const ALL: [Self; 5] = [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd];

    /// The codec with this number (the low three bits of the attributes).
    #[must_use]
    pub const fn from_id(id: u8) -> Option<Self> {
        Some(match id {
            0 => Self::None,
            1 => Self::Gzip,
            2 => Self::Snappy,
            3 => Self::Lz4,
            4 => Self::Zstd,
            _ => return None,
        })
    }

    /// Its number on the wire.
    #[must_use]
    pub const fn id(self) -> u8 {
        self as u8
    }

    /// Its name in `compression.type`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }

    /// The codec of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|codec| codec.name() == name)
    }
}

/// Who set the timestamps of a batch's records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimestampType {
    /// The sender, per record.
    #[default]
    CreateTime,
    /// The broker, when it appended: one for the whole batch.
    LogAppendTime,
}

/// The attribute bits of a batch. Bits without a meaning survive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attributes(pub i16);

impl Attributes {
    pub(crate) const CODEC_MASK: i16 = 0x07;
    const LOG_APPEND_TIME: i16 = 0x08;
    pub(crate) const TRANSACTIONAL: i16 = 0x10;
    pub(crate) const CONTROL: i16 = 0x20;
    const DELETE_HORIZON: i16 = 0x40;

    /// The number of the compression, whether it exists or not.
    #[must_use]
    pub const fn codec_id(self) -> u8 {
        (self.0 & Self::CODEC_MASK) as u8
    }

    /// The compression; none where the number does not exist, which a batch that was read never has.
    #[must_use]
    pub const fn codec(self) -> Codec {
        match Codec::from_id(self.codec_id()) {
            Some(codec) => codec,
            None => Codec::None,
        }
    }

    /// Whose timestamps the records have.
    #[must_use]
    pub const fn timestamp_type(self) -> TimestampType {
        if self.0 & Self::LOG_APPEND_TIME == 0 {
            TimestampType::CreateTime
        } else {
            TimestampType::LogAppendTime
        }
    }

    /// Whether the batch belongs to a transaction.
    #[must_use]
    pub const fn is_transactional(self) -> bool {
        self.0 & Self::TRANSACTIONAL != 0
    }

    /// Whether its records are markers of the broker, not to be shown to applications.
    #[must_use]
    pub const fn is_control(self) -> bool {
        self.0 & Self::CONTROL != 0
    }

    /// Whether the base timestamp is the delete horizon (KIP-534).
    #[must_use]
    pub const fn has_delete_horizon(self) -> bool {
        self.0 & Self::DELETE_HORIZON != 0
    }

    /// The same with another compression.
    #[must_use]
    pub const fn with_codec(self, codec: Codec) -> Self {
        Self(self.0 & !Self::CODEC_MASK | codec.id() as i16)
    }

    /// The same with another timestamp type.
    #[must_use]
    pub const fn with_timestamp_type(self, kind: TimestampType) -> Self {
        self.with_bit(Self::LOG_APPEND_TIME, matches!(kind, TimestampType::LogAppendTime))
    }

    pub(crate) const fn with_bit(self, bit: i16, on: bool) -> Self {
        Self(if on { self.0 | bit } else { self.0 & !bit })
    }
}

/// The header of a record batch, as it is on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHeader {
    /// The offset of the first record, also when compaction removed it. 0 in a produce request.
    pub base_offset: i64,
    /// Bytes that follow this field.
    pub length: i32,
    /// The leader's epoch when the batch was appended; −1 unknown.
    pub partition_leader_epoch: i32,
    /// 2.
    pub magic: i8,
    /// CRC-32C of everything that follows this field.
    pub crc: u32,
    /// Compression, timestamp type, transactional, control, delete horizon.
    pub attributes: Attributes,
    /// Offset of the last record less the base offset, also when compaction removed records.
    pub last_offset_delta: i32,
    /// What the records' timestamp deltas are added to, ms since 1970; or the delete horizon.
    pub base_timestamp: i64,
    /// The greatest timestamp, ms since 1970; the append time where the broker sets timestamps.
    pub max_timestamp: i64,
    /// −1 without idempotence.
    pub producer_id: i64,
    /// −1 without idempotence.
    pub producer_epoch: i16,
    /// Sequence of the first record, −1 without idempotence.
    pub base_sequence: i32,
    /// How many records there are; after compaction fewer than the offsets, even 0.
    pub count: i32,
}

impl BatchHeader {
    /// Reads and checks a header: everything that can be said without the records.
    ///
    /// # Errors
    /// The first field that is wrong, and where in the header.
    pub fn parse(bytes: &[u8; BATCH_HEADER_LEN]) -> Result<Self, RecordError> {
        let header = Self::read(bytes).map_err(|fault| RecordError::new(fault, 0))?;
        match header.check() {
            Ok(()) => Ok(header),
            Err((fault, at)) => Err(RecordError::new(fault, at)),
        }
    }

    fn read(bytes: &[u8; BATCH_HEADER_LEN]) -> Result<Self, RecordFault> {
        let mut get = Get::new(bytes);
        Ok(Self {
            base_offset: i64::from_be_bytes(get.array()?),
            length: i32::from_be_bytes(get.array()?),
            partition_leader_epoch: i32::from_be_bytes(get.array()?),
            magic: i8::from_be_bytes(get.array()?),
            crc: u32::from_be_bytes(get.array()?),
            attributes: Attributes(i16::from_be_bytes(get.array()?)),
            last_offset_delta: i32::from_be_bytes(get.array()?),
            base_timestamp: i64::from_be_bytes(get.array()?),
            max_timestamp: i64::from_be_bytes(get.array()?),
            producer_id: i64::from_be_bytes(get.array()?),
            producer_epoch: i16::from_be_bytes(get.array()?),
            base_sequence: i32::from_be_bytes(get.array()?),
            count: i32::from_be_bytes(get.array()?),
        })
    }

    fn check(&self) -> Result<(), (RecordFault, usize)> {
        if self.magic != 2 {
            let old = u8::try_from(self.magic).ok().filter(|magic| *magic < 2);
            return Err((old.map_or(RecordFault::Magic(self.magic), RecordFault::OldMagic), 16));
        }
        let room = usize::try_from(self.length).ok().and_then(|len| len.checked_sub(HEADER_AFTER_LENGTH));
        let room = room.ok_or((RecordFault::BatchLength, 8))?;
        if Codec::from_id(self.attributes.codec_id()).is_none() {
            return Err((RecordFault::UnknownCodec(self.attributes.codec_id()), 21));
        }
        if self.last_offset_delta < 0 {
            return Err((RecordFault::LastOffsetDelta, 23));
        }
        // The next offset has to be a number too.
        let next = self.base_offset.checked_add(i64::from(self.last_offset_delta) + 1);
        if self.base_offset < 0 || next.is_none() {
            return Err((RecordFault::BaseOffset, 0));
        }
        // Each record has an offset of its own, and plain ones their bytes.
        let plain = self.attributes.codec() == Codec::None;
        let count = usize::try_from(self.count).map_err(|_| (RecordFault::RecordCount, 57))?;
        if i64::from(self.count) > i64::from(self.last_offset_delta) + 1
            || (plain && count > room / RECORD_LEN_MIN)
        {
            return Err((RecordFault::RecordCount, 57));
        }
        Ok(())
    }

    /// Writes the header as it is, checksum included.
    pub fn write(&self, out: &mut [u8; BATCH_HEADER_LEN]) {
        let mut put = Put::new(out);
        put.array(self.base_offset.to_be_bytes());
        put.array(self.length.to_be_bytes());
        put.array(self.partition_leader_epoch.to_be_bytes());
        put.array(self.magic.to_be_bytes());
        put.array(self.crc.to_be_bytes());
        put.array(self.attributes.0.to_be_bytes());
        put.array(self.last_offset_delta.to_be_bytes());
        put.array(self.base_timestamp.to_be_bytes());
        put.array(self.max_timestamp.to_be_bytes());
        put.array(self.producer_id.to_be_bytes());
        put.array(self.producer_epoch.to_be_bytes());
        put.array(self.base_sequence.to_be_bytes());
        put.array(self.count.to_be_bytes());
    }

    /// The bytes of the whole batch, header included.
    #[must_use]
    pub fn batch_len(&self) -> usize {
        usize::try_from(self.length).unwrap_or(0).saturating_add(LENGTH_OVERHEAD)
    }

    /// None where the format cannot say it.
    pub(crate) fn set_batch_len(&mut self, len: usize) -> Option<()> {
        self.length = i32::try_from(len.checked_sub(LENGTH_OVERHEAD)?).ok()?;
        Some(())
    }

    /// The compression of the records.
    #[must_use]
    pub const fn codec(&self) -> Codec {
        self.attributes.codec()
    }

    /// The offset of the last record, also when compaction removed it.
    #[must_use]
    pub const fn last_offset(&self) -> i64 {
        self.base_offset.saturating_add(self.last_offset_delta as i64)
    }

    /// The offset after the last record: where the next fetch goes on.
    #[must_use]
    pub const fn next_offset(&self) -> i64 {
        self.last_offset().saturating_add(1)
    }
}
