//! Hostile bytes, for record batches, codecs and streams: whatever arrives, there is a typed error or something that was
//! checked, in bounded time; never a panic. The sweep is the same in every run.
//!
//! `KAFKA_PROTO_DECODES=2000000` (or 100000000) makes the sweep longer; with `--profile checked` that takes seconds.

use kafka_proto::compress::{
    DecompressError, Limit, Workspace, bound, compress, decompress, decompress_to_vec, is_built,
};
use kafka_proto::record::*;
use kafka_proto::stream::{RecordItem, RecordStream, Step};

/// How often each decoder is tried; Miri is a hundred times slower.
const ROUNDS: usize = if cfg!(miri) { 2 } else { 20_000 };

fn decodes_wanted() -> u64 {
    std::env::var("KAFKA_PROTO_DECODES").ok().and_then(|n| n.parse().ok()).unwrap_or(200_000)
}

/// xorshift64*.
struct Seed(u64);

impl Seed {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % below
    }
}

fn plain(records: usize) -> Vec<u8> {
    let mut memory = vec![0; 1 << 16];
    let mut builder = BatchBuilder::new();
    for i in 0..records {
        let headers = [Header { key: "a", value: None }, Header { key: "bc", value: Some(b"d") }];
        let value = [b'v'; 70];
        let record = NewRecord {
            key: (i % 3 != 0).then_some(&b"key"[..]),
            value: (i % 4 != 1).then_some(&value[..i * 37 % 70]),
            headers: &headers[..i % 3],
            timestamp: 1_760_000_000_000 + i as i64 * 1_000,
        };
        builder.append(&mut memory, &record).unwrap();
    }
    let len = builder.finish(&mut memory, &Stamp { producer_id: 1, producer_epoch: 2, ..Stamp::NONE });
    memory.truncate(len);
    memory
}

/// A batch in every codec of the build, and small ones.
fn golden() -> Vec<Vec<u8>> {
    let mut all = vec![plain(0), plain(1), plain(3), plain(12)];
    for codec in Codec::ALL.into_iter().filter(|codec| is_built(*codec) && *codec != Codec::None) {
        let batch = plain(12);
        let mut out = vec![0; 61 + bound(codec, batch.len())];
        let len = compress_batch(&batch, codec, None, &mut out, &mut Workspace::new()).unwrap();
        out.truncate(len);
        restamp(&mut out, &Stamp::NONE);
        all.push(out);
    }
    let mut two = plain(2);
    two.extend(plain(1));
    all.push(two);
    all
}

/// Everything a reader does with bytes, twice: as a whole and as a stream.
struct Reader {
    plain: Vec<u8>,
    window: Vec<u8>,
    work: Workspace<'static>,
    decodes: u64,
    errors: u64,
}

impl Reader {
    fn new() -> Self {
        Self {
            plain: vec![0; 1 << 14],
            window: vec![0; 1 << 14],
            work: Workspace::new(),
            decodes: 0,
            errors: 0,
        }
    }

    /// How many records are handed out, and whether there was an error.
    fn whole(&mut self, bytes: &[u8]) -> (usize, bool) {
        self.decodes += 1;
        let mut count = 0;
        let mut all = batches(bytes);
        for batch in &mut all {
            let batch = match batch {
                Ok(batch) => batch,
                Err(error) => {
                    assert!(error.at as usize <= bytes.len());
                    self.errors += 1;
                    return (count, true);
                }
            };
            let header = batch.header();
            assert!(header.base_offset >= 0 && batch.next_offset() > header.base_offset);
            let _ = batch.verify_crc();
            let records = match batch.records() {
                Ok(records) => records,
                Err(_) => match batch.decompress(&mut self.plain, &mut self.work) {
                    Ok(len) => batch.records_from(&self.plain[..len]),
                    Err(_) => {
                        self.errors += 1;
                        return (count, true);
                    }
                },
            };
            let mut last = header.base_offset - 1;
            for record in records {
                let Ok(record) = record else {
                    self.errors += 1;
                    return (count, true);
                };
                assert!(record.offset > last && record.offset < batch.next_offset());
                last = record.offset;
                assert_eq!(record.headers.count(), record.headers.len());
                count += 1;
            }
        }
        assert!(all.consumed() <= bytes.len());
        assert_eq!(all.need() == 0, all.consumed() == bytes.len());
        (count, false)
    }

    /// The same as a stream, in pieces. Each call takes something, hands something out or asks for more.
    fn stream(&mut self, bytes: &[u8], piece: usize) -> (usize, bool) {
        self.decodes += 1;
        let mut stream = RecordStream::new();
        let (mut start, mut end, mut count) = (0, 0, 0);
        let mut steps = 0;
        loop {
            steps += 1;
            assert!(steps < 4 * bytes.len() + 1_000, "no progress");
            let Ok(Step { consumed, item }) = stream.next(&bytes[start..end], &mut self.window) else {
                return (count, true);
            };
            assert!(consumed <= end - start);
            start += consumed;
            match item {
                RecordItem::More(need) if end - start < need => {
                    if end == bytes.len() {
                        return (count, false);
                    }
                    end = (end + piece).min(bytes.len());
                }
                RecordItem::Record(_) => count += 1,
                RecordItem::Corrupt { .. } => return (count, true),
                _ => {}
            }
        }
    }
}

/// Where a batch has numbers that say how much there is, and their width.
const LENGTHS: &[(usize, usize)] =
    &[(0, 8), (8, 4), (12, 4), (16, 1), (21, 2), (23, 4), (43, 8), (53, 4), (57, 4)];

#[test]
#[cfg_attr(miri, ignore = "the next one meets each decoder, and takes minutes less")]
fn the_sweep() {
    let mut reader = Reader::new();
    let golden = golden();
    for good in &golden {
        assert!(!reader.whole(good).1, "{good:x?}");
        let streams = matches!(batches(good).next().unwrap().unwrap().codec(), Codec::None | Codec::Lz4);
        assert_eq!(reader.stream(good, 10).1, !streams);
        for cut in 0..good.len() {
            let (_, failed) = reader.whole(&good[..cut]);
            assert!(!failed, "a cut batch ends the iteration silently");
            reader.stream(&good[..cut], 61);
        }
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            reader.whole(&bad);
            reader.stream(&bad, 100);
            restamp(&mut bad, &Stamp::NONE);
            reader.whole(&bad);
            reader.stream(&bad, 100);
        }
        for &(at, width) in LENGTHS {
            let value = good[at..at + width].iter().fold(0i64, |v, b| v << 8 | i64::from(*b));
            let edges =
                [-2, -1, 0, 1, value - 1, value + 1, i64::MAX, i64::MAX >> 32, i64::MIN, 6, 7, 49, 48];
            for new in edges {
                let mut bad = good.clone();
                bad[at..at + width].copy_from_slice(&new.to_be_bytes()[8 - width..]);
                reader.whole(&bad);
                reader.stream(&bad, 7);
                restamp(&mut bad, &Stamp::NONE);
                reader.whole(&bad);
            }
        }
    }
    // The rest of the budget: several bytes at once, the checksum mended so that it hides nothing.
    let mut seed = Seed(7);
    let mut bad = Vec::new();
    while reader.decodes < decodes_wanted() {
        let good = &golden[seed.next(golden.len())];
        bad.clear();
        bad.extend_from_slice(good);
        for _ in 0..1 + seed.next(4) {
            let at = if seed.next(2) == 0 {
                seed.next(bad.len())
            } else {
                61.min(bad.len() - 1) + seed.next(bad.len() - 60)
            };
            if let Some(byte) = bad.get_mut(at) {
                *byte = [0, 1, 2, 0x7f, 0x80, 0xff, seed.next(256) as u8][seed.next(7)];
            }
        }
        restamp(&mut bad, &Stamp::NONE);
        let whole = reader.whole(&bad);
        if seed.next(4) == 0 {
            let piece = 1 + seed.next(200);
            let streamed = reader.stream(&bad, piece);
            // Where nothing is compressed and nothing is cut, the two say the same.
            let mut all = batches(&bad);
            if all.by_ref().count() == 1 && all.need() == 0 && bad.get(22).is_some_and(|codec| codec & 7 == 0)
            {
                assert_eq!(streamed, whole, "{bad:x?}");
            }
        }
    }
    assert!(reader.errors > reader.decodes / 10, "{} of {}", reader.errors, reader.decodes);
    println!("{} decodes, {} errors", reader.decodes, reader.errors);
}

#[test]
fn what_comes_out_of_a_codec_never_depends_on_what_was_in_the_buffer() {
    let mut work = Workspace::new();
    let mut seed = Seed(11);
    for codec in Codec::ALL.into_iter().filter(|codec| is_built(*codec)) {
        let good = plain(12);
        let mut packed = vec![0; bound(codec, good.len())];
        let len = compress(codec, None, &good, &mut packed, &mut work).unwrap();
        packed.truncate(len);
        let mut accepted = 0;
        for round in 0..ROUNDS {
            let mut bad = packed.clone();
            for _ in 0..1 + seed.next(3) {
                let at = seed.next(bad.len());
                bad[at] = seed.next(256) as u8;
            }
            if round % 5 == 0 {
                bad.truncate(seed.next(bad.len()));
            }
            let (mut a, mut b) = (vec![0x00; 4_096], vec![0xff; 4_096]);
            let first = decompress(codec, &bad, &mut a, &mut work);
            let second = decompress(codec, &bad, &mut b, &mut work);
            assert_eq!(first, second, "{codec:?}");
            if let Ok(len) = first {
                assert_eq!(a[..len], b[..len], "{codec:?} gives what was there before");
                accepted += 1;
            }
        }
        // gzip's checksum rejects nearly all; the others have none here.
        assert!(codec == Codec::Gzip || codec == Codec::Zstd || accepted > 0 || cfg!(miri), "{codec:?}");
    }
}

#[test]
fn a_claimed_size_is_not_believed() {
    let mut work = Workspace::new();
    let mut out = Vec::new();
    let limit = Limit { bytes_max: 1 << 20, ratio_max: 1_000 };
    let mut refused = |codec, bytes: &[u8]| {
        if is_built(codec) {
            let error = decompress_to_vec(codec, bytes, &mut out, &limit, &mut work).unwrap_err();
            assert!(out.capacity() <= 1 << 20, "{codec:?} reserved {}", out.capacity());
            assert!(
                !matches!(error, DecompressError::NotBuilt(_) | DecompressError::Checksum(_)),
                "{codec:?}: {error:?}"
            );
        }
    };
    // A snappy block that says it has 4 GiB - 1, raw and framed.
    refused(Codec::Snappy, &[0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0]);
    refused(Codec::Snappy, b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01\0\0\0\x05\xff\xff\xff\xff\x0f");
    refused(Codec::Snappy, b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01\xff\xff\xff\xff");
    // An lz4 frame whose only block is longer than its input.
    refused(Codec::Lz4, b"\x04\x22\x4d\x18\x60\x40\x82\xff\xff\x00\x00");
    // A zstd frame of one segment that says it has 2^63 bytes.
    refused(Codec::Zstd, b"\x28\xb5\x2f\xfd\xe0\0\0\0\0\0\0\0\x80\x01\0\0");
    // gzip: nothing, and a trailer that lies.
    refused(Codec::Gzip, b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x03\0\0\0\0\0\xff\xff\xff\xff");
    for codec in Codec::ALL.into_iter().filter(|codec| *codec != Codec::None) {
        refused(codec, b"");
        refused(codec, b"\x01");
        refused(codec, &[0xff; 100]);
    }
}

#[test]
fn what_other_clients_write_is_read() {
    let mut work = Workspace::new();
    let mut out = [0; 64];
    if is_built(Codec::Snappy) {
        // One raw block, as some clients write it.
        assert_eq!(decompress(Codec::Snappy, b"\x05\x10hello", &mut out, &mut work), Ok(5));
        assert_eq!(&out[..5], b"hello");
    }
    if is_built(Codec::Gzip) {
        // Two members in a row.
        let mut packed = vec![0; 200];
        let len = compress(Codec::Gzip, None, b"hello", &mut packed, &mut work).unwrap();
        packed.truncate(len);
        let again = packed.clone();
        packed.extend(again);
        assert_eq!(decompress(Codec::Gzip, &packed, &mut out, &mut work), Ok(10));
        assert_eq!(&out[..10], b"hellohello");
    }
}
