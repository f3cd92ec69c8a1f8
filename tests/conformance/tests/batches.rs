//! Record batches: what Apache's MemoryRecords writes we read, magic 0 and 1 included, and what we write it reads, in
//! every codec.

use std::fmt::Write;

use kafka_conformance::{Judge, Release, setting};
use kafka_proto::compress::{Limit, Workspace, bound};
use kafka_proto::record::*;

/// Batches per release, magic and codec.
fn count() -> u64 {
    setting("KAFKA_CONFORMANCE_COUNT", 50)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn hex_or_null(bytes: Option<&[u8]>) -> String {
    bytes.map_or_else(|| "-".into(), hex)
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |d: u8| char::from(d).to_digit(16).unwrap() as u8;
    text.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

/// What is in the bytes, in the judge's words.
fn describe(bytes: &[u8], work: &mut Workspace<'_>) -> Result<String, Box<dyn std::error::Error>> {
    let mut all = Vec::new();
    let mut rest = batches(bytes);
    let mut plain = Vec::new();
    for batch in &mut rest {
        let batch = match batch {
            Err(error) if matches!(error.fault, RecordFault::OldMagic(_)) => {
                legacy(bytes, work, &mut all)?;
                return Ok(all.join("; "));
            }
            other => other?,
        };
        batch.verify_crc()?;
        let h = batch.header();
        all.push(format!(
            "b {} {} {} {} {} {} {} {} {} {} {} {}",
            h.base_offset,
            h.last_offset(),
            h.partition_leader_epoch,
            h.codec().name(),
            u8::from(h.attributes.timestamp_type() == TimestampType::LogAppendTime),
            h.attributes.is_transactional(),
            h.attributes.is_control(),
            h.producer_id,
            h.producer_epoch,
            h.base_sequence,
            h.max_timestamp,
            h.count,
        ));
        batch.decompress_to_vec(&mut plain, &Limit::default(), work)?;
        for record in batch.records_from(&plain) {
            let r = record?;
            let mut text =
                format!("r {} {} {} {}", r.offset, r.timestamp, hex_or_null(r.key), hex_or_null(r.value));
            for header in r.headers {
                write!(text, " {}={}", hex(header.key.as_bytes()), hex_or_null(header.value))?;
            }
            all.push(text);
        }
    }
    assert_eq!(rest.need(), 0);
    Ok(all.join("; "))
}

fn legacy(
    bytes: &[u8],
    work: &mut Workspace<'_>,
    all: &mut Vec<String>,
) -> Result<(), Box<dyn std::error::Error>> {
    let line = |m: &legacy::Message<'_>| {
        format!("r {} {} {} {}", m.offset, m.timestamp, hex_or_null(m.key), hex_or_null(m.value))
    };
    let mut plain = vec![0; 1 << 20];
    let mut messages = legacy::messages(bytes);
    for message in &mut messages {
        let message = message?;
        message.verify_crc()?;
        if message.codec == Codec::None {
            all.push(line(&message));
            continue;
        }
        let len = message.decompress(&mut plain, work)?;
        for inner in message.unpack(&plain[..len])? {
            let inner = inner?;
            inner.verify_crc()?;
            all.push(line(&inner));
        }
    }
    assert_eq!(messages.consumed(), bytes.len());
    Ok(())
}

#[test]
fn what_apache_writes_is_read() {
    for release in [Release::V4_3, Release::V4_4] {
        let judge = Judge::new(release).unwrap();
        let mut work = Workspace::new();
        let mut seen = 0;
        judge
            .batches_written(setting("KAFKA_CONFORMANCE_SEED", 1), count(), |line| {
                let (bytes, expected) = line.split_once('\t').unwrap();
                let ours = describe(&unhex(bytes), &mut work);
                assert_eq!(ours.unwrap_or_else(|e| format!("error: {e}")), expected, "{bytes}");
                seen += 1;
            })
            .unwrap();
        assert_eq!(seen, (7 + 5 + 5) * count(), "three magics and their codecs");
    }
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

    /// Null, or bytes that compress somewhat.
    fn bytes(&mut self, max: usize) -> Option<Vec<u8>> {
        if self.next(6) == 0 {
            return None;
        }
        let len = self.next(max);
        Some(
            (0..len)
                .map(|i| b"{\"room\":"[i % 8] ^ if self.next(4) == 0 { self.next(256) as u8 } else { 0 })
                .collect(),
        )
    }
}

fn ours(seed: &mut Seed, codec: Codec, work: &mut Workspace<'_>) -> Vec<u8> {
    let mut memory = vec![0; 1 << 20];
    let mut builder = BatchBuilder::new();
    let records = if seed.next(8) == 0 { 2_000 } else { seed.next(8) };
    for _ in 0..records {
        let (key, value) = (seed.bytes(10), {
            let max = if seed.next(50) == 0 { 40_000 } else { 200 };
            seed.bytes(max)
        });
        let header_value = seed.bytes(20);
        let headers = [Header { key: "hé", value: header_value.as_deref() }, Header { key: "", value: None }];
        let record = NewRecord {
            key: key.as_deref(),
            value: value.as_deref(),
            headers: &headers[..seed.next(3)],
            timestamp: if seed.next(4) == 0 {
                NO_TIMESTAMP
            } else {
                1_760_000_000_000 + seed.next(1 << 20) as i64
            },
        };
        if builder.append(&mut memory, &record).is_err() {
            break;
        }
    }
    let idempotent = seed.next(2) == 0;
    let stamp = if idempotent {
        Stamp {
            producer_id: seed.next(1 << 31) as i64,
            producer_epoch: seed.next(1 << 15) as i16,
            base_sequence: seed.next(1 << 31) as i32,
            transactional: seed.next(2) == 0,
            partition_leader_epoch: -1,
        }
    } else {
        Stamp::NONE
    };
    let len = builder.finish(&mut memory, &stamp);
    let mut out = vec![0; BATCH_HEADER_LEN + bound(codec, len)];
    let len = compress_batch(&memory[..len], codec, None, &mut out, work).unwrap();
    out.truncate(len);
    assert_eq!(restamp(&mut out, &stamp), len);
    if seed.next(4) == 0 {
        set_append_time(&mut out, 1_770_000_000_000);
    }
    set_base_offset(&mut out, seed.next(1 << 31) as i64);
    set_partition_leader_epoch(&mut out, seed.next(100) as i32);
    out
}

#[test]
fn what_we_write_apache_reads() {
    for release in [Release::V4_3, Release::V4_4] {
        let judge = Judge::new(release).unwrap();
        let mut work = Workspace::new();
        let mut seed = Seed(setting("KAFKA_CONFORMANCE_SEED", 1));
        let mut expected = Vec::new();
        let mut lines = Vec::new();
        for codec in Codec::ALL {
            for _ in 0..count() {
                let bytes = ours(&mut seed, codec, &mut work);
                lines.push(hex(&bytes));
                expected.push(describe(&bytes, &mut work).unwrap());
            }
        }
        let mut expected = expected.into_iter();
        let mut answers = 0;
        judge
            .batches_read(lines, |answer| {
                assert_eq!(Some(answer), expected.next().as_deref());
                answers += 1;
            })
            .unwrap();
        assert_eq!((answers, expected.len()), (5 * count(), 0));
    }
}
