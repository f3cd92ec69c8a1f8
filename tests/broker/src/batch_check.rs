//! What a broker checks of a batch before it lets it into a log.

use kafka_proto::ErrorCode;
use kafka_proto::compress::{Limit, Workspace, decompress_to_vec, is_built};
use kafka_proto::record::{Batch, BatchHeader, Codec, RecordFault, RecordIter, batches};

/// What a batch may unpack to: nobody needs more in a test, and a bomb is refused.
const UNPACKED: Limit = Limit { bytes_max: 128 << 20, ratio_max: 10_000 };

/// The one batch in the records of a produce request, checked: structure, size, checksum and, where the
/// codec is built in, every record.
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
        Codec::None => {
            let records = batch.records().map_err(|_| (ErrorCode::CORRUPT_MESSAGE, None))?;
            check_records(header, records).ok_or(invalid("the records do not fit the batch"))?;
        }
        codec if is_built(codec) => {
            let plain = unpack(&batch).ok_or((ErrorCode::CORRUPT_MESSAGE, None))?;
            let records = batch.records_from(&plain);
            check_records(header, records).ok_or(invalid("the records do not fit the batch"))?;
        }
        _ => {}
    }
    Ok(batch)
}

/// The records of a compressed batch, unpacked; `None` where they cannot be, or the codec is not built in.
pub(crate) fn unpack(batch: &Batch<'_>) -> Option<Vec<u8>> {
    let mut plain = Vec::new();
    decompress_to_vec(batch.codec(), batch.payload(), &mut plain, &UNPACKED, &mut Workspace::new()).ok()?;
    Some(plain)
}

/// Every record is well-formed, in order, and the batch holds nothing else.
fn check_records(header: &BatchHeader, records: RecordIter<'_>) -> Option<()> {
    let mut next = header.base_offset;
    for record in records {
        if record.ok()?.offset != next {
            return None;
        }
        next += 1;
    }
    (next == header.next_offset()).then_some(())
}
