//! What can be wrong with bytes, and what can be wrong with a message to be sent.

use core::fmt;

/// What was wrong with the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
#[repr(u8)]
pub enum Fault {
    /// The bytes end before the value does.
    Short,
    /// A length or count is negative where it must not be, or larger than what follows can hold.
    Length,
    /// A variable-length integer has more bits than its type.
    Varint,
    /// A string is not UTF-8.
    Utf8,
    /// Null where this version of the message allows none, or a null marker that is neither −1 nor 1.
    Null,
    /// Tagged fields are not in ascending order, or one does not fill the size it announces.
    Tag,
    /// Bytes are left after the message.
    Trailing,
    /// The message does not exist in this version.
    Version,
    /// This API key is not known.
    ApiKey,
    /// The length in front of a frame is negative.
    FrameLength,
    /// The frame is longer than the receiver allows.
    FrameTooLarge,
}

impl Fault {
    /// A short description in English.
    pub const fn as_str(self) -> &'static str {
        match self {
            Fault::Short => "the bytes end before the value does",
            Fault::Length => "a length does not fit what follows it",
            Fault::Varint => "a variable-length integer is too large",
            Fault::Utf8 => "a string is not UTF-8",
            Fault::Null => "null where none is allowed",
            Fault::Tag => "tagged fields are out of order or of the wrong size",
            Fault::Trailing => "bytes are left after the message",
            Fault::Version => "the message does not exist in this version",
            Fault::ApiKey => "the API key is unknown",
            Fault::FrameLength => "the frame length is negative",
            Fault::FrameTooLarge => "the frame is longer than allowed",
        }
    }
}

/// Bytes that are not a valid message: what was wrong, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct DecodeError {
    /// What was wrong.
    pub fault: Fault,
    /// At which byte of the decoded slice it was noticed.
    pub at: u32,
}

impl DecodeError {
    pub(crate) const fn new(fault: Fault, at: u32) -> DecodeError {
        DecodeError { fault, at }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.fault.as_str(), self.at)
    }
}

impl core::error::Error for DecodeError {}

/// Why a message could not be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum EncodeError {
    /// The buffer is too small; `need` bytes would do.
    TooSmall {
        /// Bytes the whole message takes in the buffer.
        need: usize,
    },
    /// The message does not exist in this version.
    UnsupportedVersion,
    /// A string, array or byte string is longer than its length field can say.
    TooLong,
    /// A field is null which this version of the message does not allow to be null.
    Null,
    /// An array that was received in one version is to be sent in another, which takes the feature `alloc`.
    OtherVersion,
    /// More [`Records::Elsewhere`](crate::wire::Records::Elsewhere) than the caller gave places to note.
    TooManyGaps,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EncodeError::TooSmall { need } => write!(f, "the buffer is too small, {need} bytes are needed"),
            EncodeError::UnsupportedVersion => f.write_str("the message does not exist in this version"),
            EncodeError::TooLong => f.write_str("a value is longer than its length field can say"),
            EncodeError::Null => f.write_str("null in a field that must not be null in this version"),
            EncodeError::OtherVersion => f.write_str("an array of another version cannot be sent on"),
            EncodeError::TooManyGaps => f.write_str("more records elsewhere than places to note them"),
        }
    }
}

impl core::error::Error for EncodeError {}
