//! Record batches, written and read.

use kafka_proto::compress::{Workspace, bound, compress_batch};
use kafka_proto::record::{
    BatchBuilder, Codec, Crc32c, NewRecord, Stamp, batches, restamp, set_append_time, set_base_offset,
    set_partition_leader_epoch,
};

#[unsafe(no_mangle)]
pub fn proof_records_append(builder: &mut BatchBuilder, memory: &mut [u8], record: &NewRecord<'_>) -> usize {
    let size = builder.record_size(record);
    builder.append(memory, record).map_or_else(|no_room| no_room.need, |index| index as usize ^ size)
}

#[unsafe(no_mangle)]
pub fn proof_records_finish(builder: &BatchBuilder, memory: &mut [u8], stamp: &Stamp) -> usize {
    builder.finish(memory, stamp)
}

#[unsafe(no_mangle)]
pub fn proof_records_change(batch: &mut [u8], stamp: &Stamp, number: i64) -> usize {
    set_append_time(batch, number);
    set_base_offset(batch, number);
    set_partition_leader_epoch(batch, number as i32);
    restamp(batch, stamp)
}

/// Sums up all that a reader can see of what was received.
#[unsafe(no_mangle)]
pub fn proof_records_read(bytes: &[u8]) -> i64 {
    let mut sum = 0_i64;
    let mut all = batches(bytes);
    for batch in all.by_ref() {
        let Ok(batch) = batch else { return -1 };
        if batch.verify_crc().is_err() {
            return -2;
        }
        let Ok(records) = batch.records() else { return -3 };
        for record in records {
            let Ok(record) = record else { return -4 };
            sum = sum.wrapping_add(record.offset ^ record.timestamp);
            sum = sum.wrapping_add(
                (record.key.map_or(0, <[u8]>::len) ^ record.value.map_or(1, <[u8]>::len)) as i64,
            );
            for header in record.headers {
                sum = sum.wrapping_add((header.key.len() ^ header.value.map_or(1, <[u8]>::len)) as i64);
            }
        }
        sum = sum.wrapping_add(batch.next_offset());
    }
    sum.wrapping_add((all.consumed() ^ all.need()) as i64)
}

#[unsafe(no_mangle)]
pub fn proof_records_crc(pieces: &[&[u8]]) -> u32 {
    let mut crc = Crc32c::new();
    pieces.iter().for_each(|piece| crc.update(piece));
    crc.value()
}

/// Compression with a table that is lent, as on a device.
#[unsafe(no_mangle)]
pub fn proof_compress(batch: &[u8], codec: u8, out: &mut [u8], table: &mut [u16]) -> usize {
    let Some(codec) = Codec::from_id(codec) else { return 0 };
    compress_batch(batch, codec, None, out, &mut Workspace::lent(table)).unwrap_or(bound(codec, batch.len()))
}

#[unsafe(no_mangle)]
pub fn proof_decompress(bytes: &[u8], out: &mut [u8], table: &mut [u16]) -> usize {
    let mut work = Workspace::lent(table);
    let mut sum = 0;
    for batch in batches(bytes).flatten() {
        let Ok(len) = batch.decompress(out, &mut work) else { continue };
        let plain = out.get(..len).unwrap_or_default();
        sum ^= batch.records_from(plain).flatten().fold(len, |sum, record| sum ^ record.offset as usize);
    }
    sum
}
