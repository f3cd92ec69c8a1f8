//! What can be wrong with the bytes of a record batch.

use core::fmt;

use super::Codec;

/// What was wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordFault {
    /// A field goes past the end of what contains it.
    Truncated,
    /// The batch's length is negative or less than its header.
    BatchLength,
    /// A message set of before Kafka 0.11, with this magic (0 or 1).
    OldMagic(u8),
    /// A magic that does not exist.
    Magic(i8),
    /// A compression that does not exist.
    UnknownCodec(u8),
    /// The records are compressed: decompress them first.
    Compressed(Codec),
    /// The record count is negative, or more than the batch's bytes or offsets have room for.
    RecordCount,
    /// The last offset delta is negative.
    LastOffsetDelta,
    /// The base offset is negative, or the last offset does not fit in 63 bits.
    BaseOffset,
    /// A varint of more bits than its type has.
    VarintOverflow,
    /// A length that is neither −1 for null nor a length.
    BadLength,
    /// A record's fields do not fill its length exactly.
    RecordLength,
    /// An offset delta that does not increase, or is past the last of the batch.
    OffsetDelta,
    /// A header count that is negative or more than the record's bytes have room for.
    HeaderCount,
    /// Bytes remain after the last record.
    TrailingBytes,
    /// The checksum is another one.
    Crc,
}

/// A record batch that cannot be read, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordError {
    /// What was wrong.
    pub fault: RecordFault,
    /// At which byte of the input that was given (of the decompressed records, where they are read).
    pub at: u32,
}

impl RecordError {
    pub(crate) fn new(fault: RecordFault, at: usize) -> Self {
        Self { fault, at: u32::try_from(at).unwrap_or(u32::MAX) }
    }
}

impl fmt::Display for RecordFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Truncated => "a field goes past the end",
            Self::BatchLength => "batch length out of range",
            Self::OldMagic(0) => "a message set of magic 0",
            Self::OldMagic(_) => "a message set of magic 1",
            Self::Magic(_) => "unknown magic",
            Self::UnknownCodec(_) => "unknown compression codec",
            Self::Compressed(codec) => {
                f.write_str("the records are compressed with ")?;
                codec.name()
            }
            Self::RecordCount => "record count out of range",
            Self::LastOffsetDelta => "last offset delta out of range",
            Self::BaseOffset => "base offset out of range",
            Self::VarintOverflow => "varint too long",
            Self::BadLength => "negative length",
            Self::RecordLength => "a record's fields do not fill its length",
            Self::OffsetDelta => "offset delta out of order",
            Self::HeaderCount => "header count out of range",
            Self::TrailingBytes => "bytes after the last record",
            Self::Crc => "checksum mismatch",
        };
        f.write_str(text)
    }
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.fault, self.at)
    }
}

impl core::error::Error for RecordError {}
