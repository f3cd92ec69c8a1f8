//! Walking over the batches of a fetch response.

use core::iter::FusedIterator;

use super::header::{CRC_FROM, LENGTH_OVERHEAD};
use super::{BATCH_HEADER_LEN, BatchHeader, Codec, RecordError, RecordFault, RecordIter};
use crate::compress::{DecompressError, Workspace, decompress};
use crate::crc::crc32c;

/// The batches in `bytes`, which is the `records` field of a fetch response or a produce request.
///
/// A broker may cut the last batch where its limit of bytes was: the iteration ends before it, silently, and
/// [`Batches::need`] says how many bytes it has. After an error the iteration has ended too, and
/// [`Batches::consumed`] is where the bad batch begins.
#[must_use]
pub const fn batches(bytes: &[u8]) -> Batches<'_> {
    Batches { bytes, at: 0, failed: false }
}

/// An iterator over batches; see [`batches`].
#[derive(Clone, Copy, Debug)]
pub struct Batches<'a> {
    bytes: &'a [u8],
    /// Where the next batch begins: 0 <= at <= bytes.len().
    at: usize,
    failed: bool,
}

impl<'a> Batches<'a> {
    /// Bytes of the batches handed out so far.
    #[must_use]
    pub const fn consumed(&self) -> usize {
        self.at
    }

    /// Where the bytes end within a batch: how many that batch has in all, as far as it can be known. 0 where they
    /// end with a batch.
    ///
    /// A consumer whose buffer is smaller than this cannot get on without a larger buffer or the streaming reader.
    #[must_use]
    pub fn need(&self) -> usize {
        match self.rest() {
            [] => 0,
            rest => batch_len(rest).unwrap_or(BATCH_HEADER_LEN),
        }
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    fn read(&self) -> Result<Option<Batch<'a>>, RecordError> {
        let rest = self.rest();
        let at = |(fault, at)| RecordError::new(fault, self.at.saturating_add(at));
        check_start(rest).map_err(at)?;
        let Some(len) = batch_len(rest) else { return Ok(None) };
        let (Some(bytes), Some(head)) = (rest.get(..len), rest.first_chunk()) else { return Ok(None) };
        let header = BatchHeader::parse(head)
            .map_err(|e| RecordError::new(e.fault, self.at.saturating_add(e.at as usize)))?;
        Ok(Some(Batch { header, bytes, at: self.at }))
    }
}

/// What can be said of a batch of which perhaps only the first bytes are there.
pub(crate) fn check_start(bytes: &[u8]) -> Result<(), (RecordFault, usize)> {
    match bytes.get(16).map(|magic| magic.cast_signed()) {
        None | Some(2) => {}
        Some(old @ (0 | 1)) => return Err((RecordFault::OldMagic(old.cast_unsigned()), 16)),
        Some(magic) => return Err((RecordFault::Magic(magic), 16)),
    }
    match batch_len(bytes) {
        Some(len) if len < BATCH_HEADER_LEN => Err((RecordFault::BatchLength, 8)),
        _ => Ok(()),
    }
}

/// The length of the batch that begins here, header included; none where its length field is not all there, 0 where it
/// is negative.
fn batch_len(bytes: &[u8]) -> Option<usize> {
    let length = i32::from_be_bytes(*bytes.get(8..)?.first_chunk()?);
    let len = usize::try_from(length).ok();
    Some(len.map_or(0, |len| len.saturating_add(LENGTH_OVERHEAD)))
}

impl<'a> Iterator for Batches<'a> {
    type Item = Result<Batch<'a>, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        match self.read() {
            Ok(batch) => {
                let batch = batch?;
                self.at = self.at.saturating_add(batch.bytes.len());
                Some(Ok(batch))
            }
            Err(error) => {
                self.failed = true;
                Some(Err(error))
            }
        }
    }
}

impl FusedIterator for Batches<'_> {}

/// One batch: its header was checked, its checksum and records were not yet.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    header: BatchHeader,
    /// The whole batch: bytes.len() >= 61.
    bytes: &'a [u8],
    /// Where it begins in what [`batches`] was given; for errors.
    at: usize,
}

impl<'a> Batch<'a> {
    /// The header.
    #[must_use]
    pub const fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// The compression of the records.
    #[must_use]
    pub const fn codec(&self) -> Codec {
        self.header.codec()
    }

    /// The offset after the batch: where the next fetch goes on, also when the batch is empty.
    #[must_use]
    pub const fn next_offset(&self) -> i64 {
        self.header.next_offset()
    }

    /// The whole batch as it is on the wire.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// What follows the header: the records, compressed or not.
    #[must_use]
    pub fn payload(&self) -> &'a [u8] {
        self.bytes.get(BATCH_HEADER_LEN..).unwrap_or_default()
    }

    /// Compares the checksum with the bytes.
    ///
    /// # Errors
    /// [`RecordFault::Crc`].
    pub fn verify_crc(&self) -> Result<(), RecordError> {
        if self.bytes.get(CRC_FROM..).map(crc32c) == Some(self.header.crc) {
            return Ok(());
        }
        Err(RecordError::new(RecordFault::Crc, self.at.saturating_add(17)))
    }

    /// The records of a batch that is not compressed.
    ///
    /// # Errors
    /// [`RecordFault::Compressed`] where it is.
    pub fn records(&self) -> Result<RecordIter<'a>, RecordError> {
        match self.codec() {
            Codec::None => {
                let at = self.at.saturating_add(BATCH_HEADER_LEN);
                Ok(RecordIter::new(&self.header, self.payload(), at))
            }
            codec => Err(RecordError::new(RecordFault::Compressed(codec), self.at.saturating_add(21))),
        }
    }

    /// The records out of `plain`, which is this batch's payload decompressed. Errors count their bytes from there.
    #[must_use]
    pub fn records_from<'b>(&self, plain: &'b [u8]) -> RecordIter<'b> {
        RecordIter::new(&self.header, plain, 0)
    }

    /// Decompresses the records into `out`; gives how many bytes they are. [`Batch::records_from`] reads them.
    ///
    /// The checksum is not looked at: verify it first.
    ///
    /// # Errors
    /// [`DecompressError::TooLarge`] says how large `out` has to be; the others name the codec.
    pub fn decompress(&self, out: &mut [u8], work: &mut Workspace<'_>) -> Result<usize, DecompressError> {
        decompress(self.codec(), self.payload(), out, work)
    }

    /// The same into a vector, which grows as far as `limit` allows.
    ///
    /// # Errors
    /// As [`Batch::decompress`].
    #[cfg(feature = "alloc")]
    pub fn decompress_to_vec(
        &self,
        out: &mut alloc::vec::Vec<u8>,
        limit: &crate::compress::Limit,
        work: &mut Workspace<'_>,
    ) -> Result<usize, DecompressError> {
        crate::compress::decompress_to_vec(self.codec(), self.payload(), out, limit, work)
    }
}
