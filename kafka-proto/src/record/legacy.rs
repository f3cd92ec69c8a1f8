//! Message sets of magic 0 and 1, as brokers before 4.0 still have them in old segments. Read only.
//!
//! A message set is a row of messages; a compressed one is a message whose value is a message set. [`batches`] stops at
//! one with [`RecordFault::OldMagic`]; [`messages`] goes on from there, and ends where a batch of magic 2 begins.
//!
//! [`batches`]: super::batches

use core::iter::FusedIterator;

use super::header::{LENGTH_OVERHEAD, TimestampType};
use super::varint::Get;
use super::{Codec, NO_TIMESTAMP, RecordError, RecordFault};
use crate::compress::{DecompressError, Workspace, decompress_old};

/// Checksum, magic, attributes and two lengths.
const MESSAGE_LEN_MIN: usize = 4 + 1 + 1 + 4 + 4;
const LOG_APPEND_TIME: u8 = 0x08;

/// The messages of a set; see [`messages`].
#[derive(Clone, Copy, Debug)]
pub struct Messages<'a> {
    bytes: &'a [u8],
    at: usize,
    failed: bool,
    /// Within a wrapper: what is added to the offsets, and the broker's timestamp if it set one.
    offset: i64,
    append_time: Option<i64>,
}

/// A message of magic 0 or 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// Its offset; of a wrapper that of the last message in it.
    pub offset: i64,
    /// 0 or 1.
    pub magic: u8,
    /// Milliseconds since 1970; −1 where nobody knew, and always in magic 0.
    pub timestamp: i64,
    /// Who set the timestamp.
    pub timestamp_type: TimestampType,
    /// Where it is not none, the message is a wrapper: [`Message::decompress`] and [`Message::unpack`] it.
    pub codec: Codec,
    /// The key, or null.
    pub key: Option<&'a [u8]>,
    /// The value, or null.
    pub value: Option<&'a [u8]>,
    crc: u32,
    /// What the checksum covers.
    covered: &'a [u8],
}

/// The messages in `bytes`, which is the `records` field of a fetch response from its first byte or from where
/// [`Batches::consumed`](super::Batches::consumed) says.
#[must_use]
pub const fn messages(bytes: &[u8]) -> Messages<'_> {
    Messages { bytes, at: 0, failed: false, offset: 0, append_time: None }
}

impl<'a> Messages<'a> {
    /// Bytes of the messages handed out so far.
    #[must_use]
    pub const fn consumed(&self) -> usize {
        self.at
    }

    fn read(&self) -> Result<Option<(Message<'a>, usize)>, (RecordFault, usize)> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        // Cut here, or the first batch of magic 2.
        let Some(magic) = rest.get(16).map(|magic| magic.cast_signed()) else { return Ok(None) };
        let magic = match magic {
            0 | 1 => magic.cast_unsigned(),
            2 => return Ok(None),
            other => return Err((RecordFault::Magic(other), 16)),
        };
        let at = |at| move |fault| (fault, at);
        let mut get = Get::new(rest);
        let offset = i64::from_be_bytes(get.array().map_err(at(0))?);
        let len = i32::from_be_bytes(get.array().map_err(at(8))?);
        let len = usize::try_from(len).unwrap_or(0);
        if len < MESSAGE_LEN_MIN {
            return Err((RecordFault::BatchLength, 8));
        }
        let Ok(body) = get.take(len) else { return Ok(None) };
        let message = Message::read(offset, magic, body).map_err(at(LENGTH_OVERHEAD))?;
        Ok(Some((self.placed(message)?, len.saturating_add(LENGTH_OVERHEAD))))
    }

    /// What the wrapper says of the message.
    fn placed(&self, mut message: Message<'a>) -> Result<Message<'a>, (RecordFault, usize)> {
        let offset = message.offset.checked_add(self.offset).filter(|offset| (0..i64::MAX).contains(offset));
        message.offset = offset.ok_or((RecordFault::BaseOffset, 0))?;
        if let Some(timestamp) = self.append_time {
            message.timestamp = timestamp;
            message.timestamp_type = TimestampType::LogAppendTime;
        }
        Ok(message)
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Result<Message<'a>, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        match self.read() {
            Ok(message) => {
                let (message, len) = message?;
                self.at = self.at.saturating_add(len);
                Some(Ok(message))
            }
            Err((fault, at)) => {
                self.failed = true;
                Some(Err(RecordError::new(fault, self.at.saturating_add(at))))
            }
        }
    }
}

impl FusedIterator for Messages<'_> {}

impl<'a> Message<'a> {
    fn read(offset: i64, magic: u8, body: &'a [u8]) -> Result<Self, RecordFault> {
        let mut get = Get::new(body);
        let crc = u32::from_be_bytes(get.array()?);
        let covered = get.rest();
        let [_magic, attributes] = get.array()?;
        let codec = Codec::from_id(attributes & 7).filter(|codec| *codec != Codec::Zstd);
        let codec = codec.ok_or(RecordFault::UnknownCodec(attributes & 7))?;
        let timestamp = if magic == 1 { i64::from_be_bytes(get.array()?) } else { NO_TIMESTAMP };
        let timestamp_type = if magic == 1 && attributes & LOG_APPEND_TIME != 0 {
            TimestampType::LogAppendTime
        } else {
            TimestampType::CreateTime
        };
        let key = nullable(&mut get)?;
        let value = nullable(&mut get)?;
        if !get.rest().is_empty() {
            return Err(RecordFault::RecordLength);
        }
        Ok(Self { offset, magic, timestamp, timestamp_type, codec, key, value, crc, covered })
    }

    /// Compares the checksum, which is a CRC-32 as in gzip, with the bytes.
    ///
    /// # Errors
    /// [`RecordFault::Crc`]; `at` is 0.
    pub fn verify_crc(&self) -> Result<(), RecordError> {
        if crc32(self.covered) == self.crc { Ok(()) } else { Err(RecordError::new(RecordFault::Crc, 0)) }
    }

    /// Decompresses the message set inside a wrapper; gives how many bytes it is.
    ///
    /// # Errors
    /// As [`decompress`](crate::compress::decompress).
    pub fn decompress(&self, out: &mut [u8], work: &mut Workspace<'_>) -> Result<usize, DecompressError> {
        decompress_old(self.codec, self.magic, self.value.unwrap_or_default(), out, work)
    }

    /// The messages inside a wrapper, out of its value decompressed, with their offsets in the partition.
    ///
    /// # Errors
    /// What is wrong with the first message that is; `at` counts from the beginning of `plain`.
    pub fn unpack<'b>(&self, plain: &'b [u8]) -> Result<Messages<'b>, RecordError> {
        let mut inner = messages(plain);
        inner.append_time = match self.timestamp_type {
            TimestampType::LogAppendTime => Some(self.timestamp),
            TimestampType::CreateTime => None,
        };
        let mut last = 0;
        for message in messages(plain) {
            let message = message?;
            // A wrapper does not hold a wrapper.
            if message.codec != Codec::None {
                return Err(RecordError::new(RecordFault::Compressed(message.codec), 0));
            }
            last = message.offset;
        }
        if self.magic == 1 {
            // Offsets inside count from 0, and the wrapper has the last one's.
            inner.offset = self.offset.saturating_sub(last);
        }
        Ok(inner)
    }
}

/// A length of 32 bits and that many bytes; −1 is null.
fn nullable<'a>(get: &mut Get<'a>) -> Result<Option<&'a [u8]>, RecordFault> {
    let len = i32::from_be_bytes(get.array()?);
    match usize::try_from(len) {
        Ok(len) => get.take(len).map(Some),
        Err(_) if len == -1 => Ok(None),
        Err(_) => Err(RecordFault::BadLength),
    }
}

/// CRC-32 as in gzip, four bits at a time: a rare path is not worth a table of 1 KiB.
#[allow(clippy::indexing_slicing, reason = "an index of four bits is never outside")]
fn crc32(bytes: &[u8]) -> u32 {
    const NIBBLES: [u32; 16] = {
        let mut table = [0; 16];
        let mut nibble = 0u32;
        while nibble < 16 {
            let mut sum = nibble;
            let mut bit = 0;
            while bit < 4 {
                sum = if sum & 1 == 0 { sum >> 1 } else { sum >> 1 ^ 0xedb8_8320 };
                bit += 1;
            }
            table[nibble as usize] = sum;
            nibble += 1;
        }
        table
    };
    let step = |sum: u32, bits: u32| NIBBLES[((sum ^ bits) & 15) as usize] ^ sum >> 4;
    !bytes.iter().fold(!0, |sum, byte| step(step(sum, u32::from(*byte)), u32::from(*byte >> 4)))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_check_value_of_the_catalogue() {
        assert_eq!(super::crc32(b"123456789"), 0xcbf4_3926);
    }
}
