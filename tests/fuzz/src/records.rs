//! Batches out of the fuzzer's bytes, and what the two readers see in them.

use kafka_proto::compress::{Workspace, bound, compress_batch};
use kafka_proto::record::{
    Batch, BatchBuilder, Codec, Header, NewRecord, Record, Stamp, batches, restamp, set_base_offset,
};
use kafka_proto::stream::{RecordItem, RecordStream, Step, StreamError};
use libfuzzer_sys::arbitrary::{Result, Unstructured};

use crate::feed::Feed;
use crate::spoil;

/// One to three batches, of which some may be wrong inside under a checksum that is right.
pub fn log(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let mut log = Vec::new();
    for base in 0..u.int_in_range(1..=3)? {
        let mut batch = batch(u)?;
        if u.ratio(1, 3)? {
            spoil(u, &mut batch)?;
            restamp(&mut batch, &Stamp::NONE);
        }
        set_base_offset(&mut batch, base * 1_000);
        log.extend(batch);
    }
    Ok(log)
}

fn batch(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let mut memory = vec![0; 1 << 14];
    let mut builder = BatchBuilder::new();
    for _ in 0..u.int_in_range(1..=20)? {
        let headers = [Header { key: "n", value: u.arbitrary()? }, Header { key: "", value: None }];
        let record = NewRecord {
            key: u.arbitrary()?,
            value: u.arbitrary()?,
            headers: &headers[..u.int_in_range(0..=2)?],
            timestamp: u.arbitrary()?,
        };
        if builder.append(&mut memory, &record).is_err() {
            break;
        }
    }
    let len = builder.finish(&mut memory, &Stamp::NONE);
    memory.truncate(len);
    if len == 0 || !u.arbitrary()? {
        return Ok(memory);
    }
    let mut packed = vec![0; len + bound(Codec::Lz4, len)];
    let compressed = compress_batch(&memory, Codec::Lz4, None, &mut packed, &mut Workspace::new());
    packed.truncate(compressed.expect("a batch, and room"));
    restamp(&mut packed, &Stamp::NONE);
    Ok(packed)
}

/// How reading ended.
#[derive(Debug, PartialEq)]
pub enum End {
    /// With the bytes, or within a batch that was cut.
    Input,
    /// At a batch that is none, or corrupt.
    Corrupt,
    /// For want of memory.
    Memory,
}

/// What was read.
#[derive(Debug, PartialEq)]
pub struct Seen {
    /// In words: records, and the ends of batches.
    pub items: Vec<String>,
    pub end: End,
}

fn words(record: Record<'_>) -> String {
    assert_eq!(record.headers.count(), record.headers.len());
    let headers: Vec<_> = record.headers.collect();
    format!("{} {} {:?} {:?} {headers:?}", record.offset, record.timestamp, record.key, record.value)
}

/// The reader of whole batches.
pub fn whole(bytes: &[u8]) -> Seen {
    let mut items = Vec::new();
    for batch in batches(bytes) {
        let read = batch.is_ok_and(|batch| one(&batch, &mut items));
        if !read {
            return Seen { items, end: End::Corrupt };
        }
    }
    Seen { items, end: End::Input }
}

fn one(batch: &Batch<'_>, items: &mut Vec<String>) -> bool {
    let mut plain = vec![0; 1 << 16];
    let Ok(len) = batch.decompress(&mut plain, &mut Workspace::new()) else { return false };
    if batch.verify_crc().is_err() {
        return false;
    }
    for record in batch.records_from(&plain[..len]) {
        match record {
            Ok(record) => items.push(words(record)),
            Err(_) => return false,
        }
    }
    items.push(format!("verified, then {}", batch.next_offset()));
    true
}

/// The reader that is fed: with a buffer of `memory` bytes, and `window` for what lz4 gives. A record that the buffer
/// cannot hold costs the rest of its batch. `go_on` reads on behind corrupt batches.
pub fn stream(bytes: &[u8], sizes: &[u8], memory: usize, window: usize, go_on: bool) -> Seen {
    let mut feed = Feed::new(bytes, sizes);
    let mut window = vec![0xa5; window];
    let mut stream = RecordStream::new();
    let mut items = Vec::new();
    for _ in 0..feed.rounds() {
        let ready = feed.ready();
        let Step { consumed, item } = match stream.next(&ready[..ready.len().min(memory)], &mut window) {
            Ok(step) => step,
            Err(StreamError::WindowTooLarge { need }) => {
                // Before a batch it is of a codec that does not stream.
                assert!(stream.left() == 0 || need > window.len(), "{need} of {}", window.len());
                return Seen { items, end: End::Memory };
            }
            Err(_) => return Seen { items, end: End::Corrupt },
        };
        let mut more = 0;
        match item {
            RecordItem::More(need) => more = need,
            RecordItem::Batch(_) => {}
            RecordItem::Record(record) => items.push(words(record.unverified)),
            RecordItem::Verified { next_offset } => items.push(format!("verified, then {next_offset}")),
            RecordItem::Corrupt { .. } if !go_on => return Seen { items, end: End::Corrupt },
            item => items.push(format!("{item:?}")),
        }
        feed.take(consumed);
        if more > memory {
            if stream.left() == 0 {
                return Seen { items, end: End::Memory };
            }
            stream.skip_batch();
        } else if !feed.wait(more) {
            return Seen { items, end: End::Input };
        }
    }
    panic!("no progress");
}
