//! What can go wrong with a codec.

use core::fmt;

use crate::record::Codec;

/// What a decoder found, before it is said which one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(dead_code)] // a build without codecs
pub(crate) enum Fault {
    Malformed,
    Checksum,
    Unsupported,
    NoRoom,
}

/// Why nothing was compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CompressError {
    /// This build does not have the codec.
    NotBuilt(Codec),
    /// This build's codec does not have the level.
    Level {
        /// The codec.
        codec: Codec,
        /// What was asked for.
        level: i32,
    },
    /// The output is too small.
    NoRoom {
        /// A size that is always enough.
        need: usize,
    },
    /// What should have been a whole, uncompressed batch is none.
    NotABatch,
}

/// Why nothing was decompressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecompressError {
    /// This build does not have the codec.
    NotBuilt(Codec),
    /// More comes out than there is room for, or than a limit allows.
    TooLarge {
        /// Bytes needed: exact for lz4 and snappy, for gzip and zstd what the data claims, and where it claims nothing
        /// one byte more than there was.
        need: usize,
    },
    /// The bytes are not what this codec writes.
    Malformed(Codec),
    /// A checksum within the compressed bytes is another one.
    Checksum(Codec),
    /// A part of the format that nobody uses with Kafka: a dictionary.
    Unsupported(Codec),
}

impl fmt::Display for CompressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotBuilt(codec) => write!(f, "this build does not have {}", codec.name()),
            Self::Level { codec, level } => {
                write!(f, "this build's {} does not have level {level}", codec.name())
            }
            Self::NoRoom { need } => write!(f, "no room: {need} bytes are enough"),
            Self::NotABatch => f.write_str("not a whole, uncompressed batch"),
        }
    }
}

impl fmt::Display for DecompressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotBuilt(codec) => write!(f, "this build does not have {}", codec.name()),
            Self::TooLarge { need } => write!(f, "too large: {need} bytes decompressed"),
            Self::Malformed(codec) => write!(f, "malformed {}", codec.name()),
            Self::Checksum(codec) => write!(f, "checksum mismatch within {}", codec.name()),
            Self::Unsupported(codec) => write!(f, "unsupported {} feature", codec.name()),
        }
    }
}

impl core::error::Error for CompressError {}
impl core::error::Error for DecompressError {}
