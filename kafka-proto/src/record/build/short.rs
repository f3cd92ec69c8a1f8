//! The record that nearly all are: no headers, and no number in it takes more than two bytes. One comparison finds that
//! out; then numbers become bytes without further branches.

use super::super::varint::{copy, zigzag};
use super::NewRecord;

/// The first number that takes three bytes.
const LIMIT: u64 = 0x4000;

/// Writes the record at `at`; gives where it ends. None, and nothing is changed, where it is another kind of record, or
/// there is no room for it.
#[inline(always)]
pub(super) fn append(
    memory: &mut [u8],
    at: usize,
    record: &NewRecord<'_>,
    timestamp: i64,
    offset: u32,
) -> Option<usize> {
    let value = record.value?;
    let key = record.key.unwrap_or_default();
    let (timestamp, offset) = (zigzag(timestamp), u64::from(offset) << 1);
    // A slice has fewer than 2^63 bytes.
    let value_len = (value.len() as u64) << 1;
    let key_len = if record.key.is_some() { (key.len() as u64) << 1 } else { 1 };
    if (timestamp | offset | key_len | value_len) >= LIMIT || !record.headers.is_empty() {
        return None;
    }
    // Attributes, the four numbers, key, value, count of headers.
    let front = 1 + size(timestamp) + size(offset);
    let body = front + size(key_len) + key.len() + size(value_len) + value.len() + 1;
    let body_len = (body as u64) << 1;
    if body_len >= LIMIT {
        return None;
    }
    let end = at.checked_add(size(body_len) + body)?;
    // A batch's length is an i32 on the wire.
    i32::try_from(end).ok()?;
    let room = memory.get_mut(at..end)?;
    // Up to the key at most seven bytes. What the eighth overwrites is still to be written.
    let stamp_at = size(body_len) + 1;
    let offset_at = stamp_at + size(timestamp);
    let bytes = bytes(body_len) | bytes(timestamp) << (8 * stamp_at) | bytes(offset) << (8 * offset_at);
    *room.first_chunk_mut()? = bytes.to_le_bytes();
    let room = put(room.get_mut(offset_at + size(offset)..)?, key_len, key)?;
    let room = put(room, value_len, value)?;
    *room.first_mut()? = 0;
    Some(end)
}

/// Writes a length and that many bytes; gives what is behind them, of which there is always a byte at least.
#[inline(always)]
fn put<'a>(room: &'a mut [u8], len: u64, from: &[u8]) -> Option<&'a mut [u8]> {
    let [low, high, ..] = bytes(len).to_le_bytes();
    *room.first_chunk_mut()? = [low, high];
    let (to, rest) = room.get_mut(size(len)..)?.split_at_mut_checked(from.len())?;
    copy(to, from);
    Some(rest)
}

/// How many bytes a number below [`LIMIT`] takes.
#[inline(always)]
const fn size(v: u64) -> usize {
    1 + (v >= 0x80) as usize
}

/// Those bytes, the first lowest.
#[inline(always)]
const fn bytes(v: u64) -> u64 {
    if v < 0x80 { v } else { v & 0x7f | 0x80 | v >> 7 << 8 }
}

#[cfg(test)]
mod tests {
    use super::super::{Header, write};
    use super::*;
    use std::vec;

    #[test]
    fn the_short_way_writes_what_the_long_way_writes() {
        let bytes = [7; 8_300];
        let lens = [0, 1, 63, 64, 65, 4_000, 8_100, 8_180, 8_184, 8_185, 8_190, 8_191, 8_192, 8_300];
        let mut short = 0;
        // Miri is a hundred times slower.
        for value in lens.into_iter().step_by(if cfg!(miri) { 9 } else { 1 }) {
            for key in [None, Some(0), Some(1), Some(64), Some(8_192)] {
                for (timestamp, offset) in
                    [(0, 0), (-64, 63), (64, 64), (-8_192, 8_191), (8_192, 0), (0, 8_192)]
                {
                    let (key, value) = (key.map(|len| &bytes[..len]), Some(&bytes[..value]));
                    let record = NewRecord { key, value, ..NewRecord::default() };
                    let (mut ours, mut theirs) = (vec![0xa5; 20_000], vec![0xa5; 20_000]);
                    let end = write(&mut theirs, 100, &record, timestamp, offset).expect("room");
                    let Some(ours_end) = append(&mut ours, 100, &record, timestamp, offset) else {
                        assert_eq!(ours, vec![0xa5; 20_000], "nothing was changed");
                        continue;
                    };
                    assert_eq!((ours_end, ours), (end, theirs));
                    let mut full = vec![0xa5; end - 1];
                    assert_eq!(append(&mut full, 100, &record, timestamp, offset), None);
                    assert_eq!(full, vec![0xa5; end - 1]);
                    short += 1;
                }
            }
        }
        assert!(short > 10, "{short}");
    }

    #[test]
    fn what_it_is_not_for_it_leaves_alone() {
        let header = [Header { key: "a", value: None }];
        let tombstone = NewRecord::default();
        let with_header = NewRecord { value: Some(b"v"), headers: &header, ..NewRecord::default() };
        for record in [tombstone, with_header] {
            assert_eq!(append(&mut [0; 100], 0, &record, 0, 0), None);
        }
    }
}
