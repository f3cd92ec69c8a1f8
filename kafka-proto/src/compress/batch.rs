//! Compressing the records of a batch that was built.

use super::{CompressError, Workspace, bound, compress};
use crate::record::{BATCH_HEADER_LEN, BatchHeader, Codec};

/// Compresses the records of `batch`, which has been finished uncompressed, into `out`: the same header with the codec
/// and the new length, then one compressed block. Gives the length of the new batch.
///
/// The checksum is not computed: [`restamp`](crate::record::restamp) does that when the batch gets its sequence.
///
/// # Errors
/// [`CompressError::NotABatch`] where `batch` is not one whole batch without compression; what
/// [`compress`](super::compress) says.
pub fn compress_batch(
    batch: &[u8],
    codec: Codec,
    level: Option<i32>,
    out: &mut [u8],
    work: &mut Workspace<'_>,
) -> Result<usize, CompressError> {
    let (head, records) = batch.split_first_chunk().ok_or(CompressError::NotABatch)?;
    let mut header = BatchHeader::parse(head).map_err(|_| CompressError::NotABatch)?;
    if header.codec() != Codec::None || header.batch_len() != batch.len() {
        return Err(CompressError::NotABatch);
    }
    let no_room =
        CompressError::NoRoom { need: bound(codec, records.len()).saturating_add(BATCH_HEADER_LEN) };
    let (head, room) = out.split_first_chunk_mut().ok_or(no_room)?;
    let len = compress(codec, level, records, room, work).map_err(|error| match error {
        CompressError::NoRoom { .. } => no_room,
        other => other,
    })?;
    let len = len.saturating_add(BATCH_HEADER_LEN);
    header.attributes = header.attributes.with_codec(codec);
    header.set_batch_len(len).ok_or(no_room)?;
    header.write(head);
    Ok(len)
}
