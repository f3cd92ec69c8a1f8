//! Any bytes as record batches, as they are and with their checksum mended: what is handed out is within its batch, and
//! the stream, in pieces of any size, says what the reader of the whole says.
#![no_main]

use kafka_proto::record::{Stamp, batches, legacy, restamp};
use kafka_proto::stream::{RecordItem, RecordStream, Step};
use libfuzzer_sys::fuzz_target;

/// Records handed out, batches that were right, and whether all of it was.
type Seen = (usize, usize, bool);

fn whole(bytes: &[u8]) -> (Seen, usize) {
    let (mut count, mut good) = (0, 0);
    let mut all = batches(bytes);
    for batch in &mut all {
        let Ok(batch) = batch else { return ((count, good, false), all.need()) };
        let Ok(records) = batch.records() else { return ((count, good, false), all.need()) };
        let mut right = batch.verify_crc().is_ok();
        let mut last = batch.header().base_offset - 1;
        for record in records {
            let Ok(record) = record else {
                right = false;
                break;
            };
            assert!(record.offset > last && record.offset < batch.next_offset());
            last = record.offset;
            assert_eq!(record.headers.count(), record.headers.len());
            count += 1;
        }
        good += usize::from(right);
        if !right {
            return ((count, good, false), all.need());
        }
    }
    ((count, good, true), all.need())
}

fn stream(bytes: &[u8], piece: usize) -> Seen {
    let mut stream = RecordStream::new();
    let mut window = [0; 4096];
    let (mut start, mut end, mut count, mut good) = (0, 0, 0, 0);
    for _ in 0..4 * bytes.len() + 1_000 {
        let Ok(Step { consumed, item }) = stream.next(&bytes[start..end], &mut window) else {
            return (count, good, false);
        };
        start += consumed;
        assert!(start <= end);
        match item {
            RecordItem::More(need) if end - start < need => {
                if end == bytes.len() {
                    return (count, good, true);
                }
                end = (end + piece).min(bytes.len());
            }
            RecordItem::Record(_) => count += 1,
            RecordItem::Verified { .. } => good += 1,
            RecordItem::Corrupt { .. } => return (count, good, false),
            _ => {}
        }
    }
    panic!("no progress");
}

fuzz_target!(|data: &[u8]| {
    let [piece, data @ ..] = data else { return };
    let mut data = data.to_vec();
    for mended in [false, true] {
        if mended {
            restamp(&mut data, &Stamp::NONE);
        }
        let (seen, need) = whole(&data);
        let streamed = stream(&data, 1 + usize::from(*piece));
        let plain = batches(&data).all(|batch| batch.is_ok_and(|batch| batch.records().is_ok()));
        // A cut last batch is handed out as far as it goes, a compressed one not at all by the other.
        if plain && need == 0 {
            assert_eq!(seen, streamed);
        }
    }
    let mut plain = [0; 4096];
    for message in legacy::messages(&data) {
        let Ok(message) = message else { return };
        let _ = message.verify_crc();
        if let Ok(len) = message.decompress(&mut plain, &mut Default::default())
            && let Ok(inner) = message.unpack(&plain[..len])
        {
            assert!(inner.count() <= len / 14 + 1);
        }
    }
});
