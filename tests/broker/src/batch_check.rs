//! What a broker checks of a batch before it lets it into a log.

use kafka_proto::ErrorCode;
use kafka_proto::record::{Batch, Codec, RecordFault, batches};

/// The one batch in the records of a produce request, checked: structure, size, checksum and, where it is not
/// compressed, every record.
pub(crate) fn check_batch(
    bytes: &[u8],
    max_bytes: usize,
    produce_version: i16,
) -> Result<Batch<'_>, (ErrorCode, Option<&'static str>)> {
    let invalid = |why| (ErrorCode::INVALID_RECORD, Some(why));
    let mut found = batches(bytes);
    let batch = match found.next() {
        None if bytes.len() > max_bytes => return Err((ErrorCode::MESSAGE_TOO_LARGE, None)),
        None => return Err(invalid("a produce request holds exactly one whole batch per partition")),
        Some(Ok(batch)) => batch,
        Some(Err(error)) => {
            return Err(match error.fault {
                RecordFault::OldMagic(_) => invalid("the message format is older than version 2"),
                RecordFault::RecordCount => invalid("the record count does not agree with the batch"),
                _ => (ErrorCode::CORRUPT_MESSAGE, None),
            });
        }
    };
    if batch.bytes().len() != bytes.len() {
        return Err(invalid("a produce request holds exactly one whole batch per partition"));
    }
    if bytes.len() > max_bytes {
        return Err((ErrorCode::MESSAGE_TOO_LARGE, None));
    }
    batch.verify_crc().map_err(|_| (ErrorCode::CORRUPT_MESSAGE, None))?;
    let header = batch.header();
    if header.base_offset != 0 {
        return Err(invalid("the base offset of a new batch is 0"));
    }
    if header.count < 1 || i64::from(header.count) != i64::from(header.last_offset_delta) + 1 {
        return Err(invalid("the record count does not agree with the last offset delta"));
    }
    if header.attributes.is_control() {
        return Err(invalid("a client may not write control batches"));
    }
    if header.producer_id >= 0 && (header.base_sequence < 0 || header.producer_epoch < 0) {
        return Err(invalid("a producer id without sequence or epoch"));
    }
    if header.attributes.is_transactional() && header.producer_id < 0 {
        return Err(invalid("a transactional batch without a producer id"));
    }
    match header.codec() {
        Codec::Zstd if produce_version < 7 => return Err((ErrorCode::UNSUPPORTED_COMPRESSION_TYPE, None)),
        Codec::None => check_records(&batch).ok_or(invalid("the records do not fit the batch"))?,
        _ => {}
    }
    Ok(batch)
}

/// Every record is well-formed, in order, and the batch holds nothing else.
fn check_records(batch: &Batch<'_>) -> Option<()> {
    let header = batch.header();
    let mut next = header.base_offset;
    for record in batch.records().ok()? {
        if record.ok()?.offset != next {
            return None;
        }
        next += 1;
    }
    (next == header.next_offset()).then_some(())
}
