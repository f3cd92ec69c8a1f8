//! Making two batches of one, when a broker finds it too large.

use super::varint::Get;
use super::{BatchBuilder, BatchHeader, RecordFault};

/// Makes two batches of the records of one: half of them each, in order, with the timestamps they had.
///
/// `records` are those of the batch with this header, uncompressed. The second half is written to `second`. The first
/// half is written to `first`; `None` means that its memory holds the batch uncompressed already, of which the first
/// half is a prefix. [`BatchBuilder::finish`] makes a batch of each.
///
/// # Errors
/// Records that are damaged; [`RecordFault::Truncated`] also where memory is too small. A batch of fewer than two
/// records cannot be split: [`RecordFault::RecordCount`].
pub fn split(
    header: &BatchHeader,
    records: &[u8],
    mut first: Option<&mut [u8]>,
    second: &mut [u8],
) -> Result<(BatchBuilder, BatchBuilder), RecordFault> {
    let count = u32::try_from(header.count).unwrap_or(0);
    if count < 2 {
        return Err(RecordFault::RecordCount);
    }
    let (mut one, mut other) = (BatchBuilder::new(), BatchBuilder::new());
    let mut get = Get::new(records);
    for index in 0..count {
        let len = usize::try_from(get.varint()?).map_err(|_| RecordFault::BadLength)?;
        let end = get.at.saturating_add(len);
        let _attributes = get.byte()?;
        let timestamp = header.base_timestamp.wrapping_add(get.varlong()?);
        let _offset_delta = get.varint()?;
        // Key, value and headers stay as they are.
        let tail = records.get(get.at..end).ok_or(RecordFault::Truncated)?;
        let written = if index < count / 2 {
            one.append_tail(first.as_deref_mut(), timestamp, tail)
        } else {
            other.append_tail(Some(second), timestamp, tail)
        };
        written.map_err(|_| RecordFault::Truncated)?;
        get.at = end;
    }
    Ok((one, other))
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::super::{BATCH_HEADER_LEN, Header, NewRecord, Record, Stamp, batches};
    use super::*;
    use std::vec::Vec;

    fn build(count: usize, memory: &mut [u8]) -> BatchBuilder {
        let mut builder = BatchBuilder::new();
        let headers = [Header { key: "h", value: Some(b"1") }, Header { key: "h", value: None }];
        for i in 0..count {
            let value = [i as u8; 40];
            let headers = if i % 3 == 0 { &headers[..] } else { &[] };
            let key = (i % 2 == 0).then_some(&b"key"[..]);
            let value = (i % 5 != 0).then_some(&value[..]);
            let record = NewRecord { key, value, headers, timestamp: 1_000 + (i as i64 * 7) % 50 };
            builder.append(memory, &record).unwrap();
        }
        builder
    }

    fn read(memory: &[u8]) -> Vec<Record<'_>> {
        let batch = batches(memory).next().unwrap().unwrap();
        batch.verify_crc().unwrap();
        batch.records().unwrap().map(Result::unwrap).collect()
    }

    #[test]
    fn both_halves_hold_what_the_whole_held() {
        for count in if cfg!(miri) { &[2, 3, 10][..] } else { &[2, 3, 10, 101] } {
            let count = *count;
            for in_place in [false, true] {
                let mut whole = std::vec![0; 16_384];
                let len = build(count, &mut whole).finish(&mut whole, &Stamp::NONE);
                let (mut first, mut second) = (whole.clone(), std::vec![0; 16_384]);
                if !in_place {
                    first.fill(0);
                }
                let header = *batches(&whole[..len]).next().unwrap().unwrap().header();
                let to = if in_place { None } else { Some(&mut first[..]) };
                let (one, other) = split(&header, &whole[BATCH_HEADER_LEN..len], to, &mut second).unwrap();
                let first_len = one.finish(&mut first, &Stamp::NONE);
                let second_len = other.finish(&mut second, &Stamp::NONE);
                let (all, a, b) =
                    (read(&whole[..len]), read(&first[..first_len]), read(&second[..second_len]));
                assert_eq!((a.len(), b.len()), (count / 2, count - count / 2));
                for (i, (old, new)) in all.iter().zip(a.iter().chain(&b)).enumerate() {
                    let same = (old.timestamp, old.key, old.value) == (new.timestamp, new.key, new.value);
                    assert!(same && old.headers.eq(new.headers), "record {i}");
                }
                assert_eq!(b[0].offset, 0, "offsets begin anew");
            }
        }
        let mut memory = [0; 256];
        let len = build(1, &mut memory).finish(&mut memory, &Stamp::NONE);
        let header = *batches(&memory[..len]).next().unwrap().unwrap().header();
        assert_eq!(
            split(&header, &memory[BATCH_HEADER_LEN..len], None, &mut []),
            Err(RecordFault::RecordCount)
        );
    }
}
