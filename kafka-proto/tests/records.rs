//! Record batches: what is written is read, and what is not a batch is refused by name.

use kafka_proto::crc::crc32c;
use kafka_proto::record::*;

const HEADERS: &[Header<'_>] = &[
    Header { key: "trace", value: Some(b"1") },
    Header { key: "", value: None },
    Header { key: "trace", value: Some(b"") },
];

fn record<'a>(key: Option<&'a [u8]>, value: Option<&'a [u8]>, timestamp: i64) -> NewRecord<'a> {
    NewRecord { key, value, headers: &[], timestamp }
}

fn build(records: &[NewRecord<'_>], stamp: &Stamp) -> Vec<u8> {
    let mut memory = vec![0xaa; 1 << 16];
    let mut builder = BatchBuilder::new();
    for (i, record) in records.iter().enumerate() {
        let size = builder.record_size(record);
        let before = builder.len();
        assert_eq!(builder.append(&mut memory, record), Ok(i as u32));
        assert_eq!(builder.len(), before + size);
    }
    let len = builder.finish(&mut memory, stamp);
    assert_eq!(len, builder.len());
    memory.truncate(len);
    memory
}

fn only(bytes: &[u8]) -> Batch<'_> {
    let mut all = batches(bytes);
    let batch = all.next().unwrap().unwrap();
    assert!(all.next().is_none());
    assert_eq!(all.consumed(), bytes.len());
    assert_eq!(all.need(), 0);
    batch
}

fn fault(bytes: &[u8]) -> RecordError {
    let mut all = batches(bytes);
    let error = all.next().unwrap().unwrap_err();
    assert!(all.next().is_none());
    assert_eq!(all.consumed(), 0);
    error
}

fn record_fault(bytes: &[u8]) -> RecordFault {
    let mut records = only(bytes).records().unwrap();
    let error = records.find_map(Result::err).unwrap();
    assert!(records.next().is_none());
    error.fault
}

/// Bytes from the protocol guide, laid out by hand: one record, key "k", value "v", header "h" = "x".
fn by_hand() -> Vec<u8> {
    let mut b = Vec::new();
    b.extend(7i64.to_be_bytes()); // base offset
    b.extend((49 + 13i32).to_be_bytes());
    b.extend(3i32.to_be_bytes()); // leader epoch
    b.push(2);
    b.extend([0; 4]); // crc
    b.extend(0x10i16.to_be_bytes()); // transactional
    b.extend(0i32.to_be_bytes());
    b.extend(1_000i64.to_be_bytes());
    b.extend(1_000i64.to_be_bytes());
    b.extend(42i64.to_be_bytes());
    b.extend(5i16.to_be_bytes());
    b.extend(9i32.to_be_bytes());
    b.extend(1i32.to_be_bytes());
    b.extend([24, 0, 0, 0, 2, b'k', 2, b'v', 2, 2, b'h', 2, b'x']);
    let crc = crc32c(&b[21..]);
    b[17..21].copy_from_slice(&crc.to_be_bytes());
    b
}

#[test]
fn the_writer_lays_out_what_the_specification_says() {
    let headers = [Header { key: "h", value: Some(b"x") }];
    let new = NewRecord { key: Some(b"k"), value: Some(b"v"), headers: &headers, timestamp: 1_000 };
    let stamp = Stamp {
        producer_id: 42,
        producer_epoch: 5,
        base_sequence: 9,
        transactional: true,
        partition_leader_epoch: 3,
    };
    let mut bytes = build(&[new], &stamp);
    set_base_offset(&mut bytes, 7);
    assert_eq!(bytes, by_hand());
}

#[test]
fn records_come_back_as_they_went() {
    let big = vec![b'x'; 20_000];
    let records = [
        NewRecord { key: None, value: None, headers: &[], timestamp: 5 },
        NewRecord { key: Some(b""), value: Some(b""), headers: HEADERS, timestamp: 3 },
        NewRecord { key: Some(b"key"), value: Some(&big), headers: &[], timestamp: 900_000_000_000 },
        NewRecord { key: None, value: Some(b"v"), headers: HEADERS, timestamp: NO_TIMESTAMP },
    ];
    let bytes = build(&records, &Stamp::NONE);
    let batch = only(&bytes);
    batch.verify_crc().unwrap();
    assert_eq!(batch.header().max_timestamp, 900_000_000_000);
    assert_eq!(batch.header().count, 4);
    assert_eq!(batch.next_offset(), 4);
    let read: Vec<_> = batch.records().unwrap().map(Result::unwrap).collect();
    for (i, (read, sent)) in read.iter().zip(&records).enumerate() {
        assert_eq!(read.offset, i as i64);
        assert_eq!((read.timestamp, read.key, read.value), (sent.timestamp, sent.key, sent.value));
        assert_eq!(read.headers.len(), sent.headers.len());
        assert_eq!(read.headers.collect::<Vec<_>>(), sent.headers);
    }
    assert_eq!(read.len(), 4);
}

#[test]
fn unknown_timestamps_are_stored_as_minus_one() {
    let bytes = build(&[record(None, Some(b"a"), -1), record(None, Some(b"b"), -1)], &Stamp::NONE);
    let batch = only(&bytes);
    assert_eq!((batch.header().base_timestamp, batch.header().max_timestamp), (-1, -1));
    assert!(batch.records().unwrap().all(|r| r.unwrap().timestamp == -1));
}

#[test]
fn timestamps_of_both_signs_and_any_distance() {
    let times = [i64::MIN, i64::MAX, 0, -1, 1 << 40, i64::MIN];
    let records = times.map(|t| record(None, None, t));
    let bytes = build(&records, &Stamp::NONE);
    let read: Vec<_> = only(&bytes).records().unwrap().map(|r| r.unwrap().timestamp).collect();
    assert_eq!(read, times);
    assert_eq!(only(&bytes).header().max_timestamp, i64::MAX);
}

#[test]
fn no_room_says_how_much_and_changes_nothing() {
    let mut memory = [0; 100];
    let mut builder = BatchBuilder::new();
    let fits = record(None, Some(&[7; 32]), 1);
    assert_eq!(builder.append(&mut memory, &fits), Ok(0));
    assert_eq!(builder.len(), 100);
    let before = builder;
    assert_eq!(builder.append(&mut memory, &fits), Err(NoRoom { need: 139 }));
    assert_eq!(builder, before);
    assert_eq!(builder.finish(&mut memory[..99], &Stamp::NONE), 0);
    assert_eq!(builder.finish(&mut memory, &Stamp::NONE), 100);
    assert_eq!(only(&memory).records().unwrap().count(), 1);
}

#[test]
fn a_batch_without_records_is_a_batch() {
    let bytes = build(&[], &Stamp::NONE);
    assert_eq!(bytes.len(), BATCH_HEADER_LEN);
    let batch = only(&bytes);
    batch.verify_crc().unwrap();
    assert_eq!(batch.records().unwrap().count(), 0);
}

#[test]
fn restamping_equals_stamping() {
    let records = [record(Some(b"a"), Some(b"b"), 10), record(None, None, 12)];
    let stamp = Stamp { producer_id: 1 << 40, producer_epoch: 3, base_sequence: 77, ..Stamp::NONE };
    let mut bytes = build(&records, &Stamp { transactional: true, ..Stamp::NONE });
    assert_eq!(restamp(&mut bytes, &stamp), bytes.len());
    assert_eq!(bytes, build(&records, &stamp));
    let last = bytes.len() - 1;
    assert_eq!(restamp(&mut bytes[..last], &stamp), 0);
    assert_eq!(restamp(&mut [0; 80], &stamp), 0);
}

#[test]
fn append_time_stands_for_all_records() {
    let mut bytes = build(&[record(None, None, 10), record(None, None, 12)], &Stamp::NONE);
    set_append_time(&mut bytes, 999);
    let batch = only(&bytes);
    batch.verify_crc().unwrap();
    assert_eq!(batch.header().attributes.timestamp_type(), TimestampType::LogAppendTime);
    assert!(batch.records().unwrap().all(|r| r.unwrap().timestamp == 999));
}

#[test]
fn a_cut_last_batch_ends_the_iteration_and_says_its_size() {
    let one = by_hand();
    let mut two = one.clone();
    two.extend(&one);
    for cut in 0..one.len() {
        let mut all = batches(&two[..one.len() + cut]);
        assert!(all.next().unwrap().is_ok());
        assert!(all.next().is_none(), "{cut}");
        assert_eq!(all.consumed(), one.len());
        let need = match cut {
            0 => 0,
            1..12 => BATCH_HEADER_LEN,
            _ => one.len(),
        };
        assert_eq!(all.need(), need, "{cut}");
    }
}

#[test]
fn each_header_field_is_checked() {
    let good = by_hand();
    let with = |at: usize, bytes: &[u8]| {
        let mut bad = good.clone();
        bad[at..at + bytes.len()].copy_from_slice(bytes);
        let error = fault(&bad);
        (error.fault, error.at)
    };
    assert_eq!(with(8, &(-1i32).to_be_bytes()), (RecordFault::BatchLength, 8));
    assert_eq!(with(8, &i32::MIN.to_be_bytes()), (RecordFault::BatchLength, 8));
    assert_eq!(with(8, &48i32.to_be_bytes()), (RecordFault::BatchLength, 8));
    assert_eq!(with(16, &[0]), (RecordFault::OldMagic(0), 16));
    assert_eq!(with(16, &[1]), (RecordFault::OldMagic(1), 16));
    assert_eq!(with(16, &[3]), (RecordFault::Magic(3), 16));
    assert_eq!(with(16, &[0xff]), (RecordFault::Magic(-1), 16));
    for codec in 5..8 {
        assert_eq!(with(22, &[codec]), (RecordFault::UnknownCodec(codec), 21));
    }
    assert_eq!(with(23, &(-1i32).to_be_bytes()), (RecordFault::LastOffsetDelta, 23));
    assert_eq!(with(0, &(-1i64).to_be_bytes()), (RecordFault::BaseOffset, 0));
    assert_eq!(with(0, &i64::MAX.to_be_bytes()), (RecordFault::BaseOffset, 0));
    assert_eq!(with(57, &(-1i32).to_be_bytes()), (RecordFault::RecordCount, 57));
    assert_eq!(with(57, &2i32.to_be_bytes()), (RecordFault::RecordCount, 57));
    let mut counts = good.clone();
    counts[23..27].copy_from_slice(&1000i32.to_be_bytes());
    counts[57..61].copy_from_slice(&2i32.to_be_bytes());
    assert_eq!(fault(&counts).fault, RecordFault::RecordCount, "13 bytes have no room for two records");
}

#[test]
fn every_covered_bit_counts_in_the_checksum() {
    let good = by_hand();
    assert!(only(&good).verify_crc().is_ok());
    for bit in (17 * 8..good.len() * 8).step_by(if cfg!(miri) { 13 } else { 1 }) {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        if let Some(Ok(batch)) = batches(&bad).next() {
            assert_eq!(batch.verify_crc().unwrap_err().fault, RecordFault::Crc);
        }
    }
}

#[test]
fn each_record_field_is_checked() {
    let good = by_hand();
    let with = |at: usize, byte: u8| {
        let mut bad = good.clone();
        bad[61 + at] = byte;
        record_fault(&bad)
    };
    assert_eq!(with(0, 26), RecordFault::Truncated, "record longer than the batch");
    assert_eq!(with(0, 1), RecordFault::BadLength, "record of length -1");
    assert_eq!(with(0, 0), RecordFault::Truncated);
    assert_eq!(with(0, 22), RecordFault::Truncated, "fields longer than the record");
    assert_eq!(with(3, 2), RecordFault::OffsetDelta, "past the last of the batch");
    assert_eq!(with(3, 1), RecordFault::OffsetDelta, "negative");
    assert_eq!(with(4, 3), RecordFault::BadLength, "key of length -2");
    assert_eq!(with(4, 100), RecordFault::Truncated);
    assert_eq!(with(6, 3), RecordFault::BadLength);
    assert_eq!(with(8, 1), RecordFault::HeaderCount);
    assert_eq!(with(8, 6), RecordFault::HeaderCount, "three headers in four bytes");
    assert_eq!(with(8, 4), RecordFault::Truncated, "two headers where one is");
    assert_eq!(with(8, 0), RecordFault::RecordLength, "no header where one is");
    assert_eq!(with(9, 1), RecordFault::BadLength, "header without a name");
}

#[test]
fn offsets_increase_within_the_batch() {
    let bytes = build(&[record(None, None, 0), record(None, None, 0)], &Stamp::NONE);
    let mut same = bytes.clone();
    same[61 + 7 + 3] = 0;
    assert_eq!(record_fault(&same), RecordFault::OffsetDelta);
    let mut trailing = bytes;
    trailing[57..61].copy_from_slice(&1i32.to_be_bytes());
    assert_eq!(record_fault(&trailing), RecordFault::TrailingBytes);
}

#[test]
fn compaction_leaves_gaps_and_even_nothing() {
    let mut bytes = build(&[record(None, None, 0), record(None, None, 0)], &Stamp::NONE);
    bytes[23..27].copy_from_slice(&9i32.to_be_bytes());
    bytes[61 + 7 + 3] = 12;
    set_base_offset(&mut bytes, 100);
    let batch = only(&bytes);
    let offsets: Vec<_> = batch.records().unwrap().map(|r| r.unwrap().offset).collect();
    assert_eq!(offsets, [100, 106]);
    assert_eq!(batch.next_offset(), 110);
    let mut empty = bytes[..61].to_vec();
    empty[8..12].copy_from_slice(&49i32.to_be_bytes());
    empty[57..61].copy_from_slice(&0i32.to_be_bytes());
    assert_eq!(only(&empty).next_offset(), 110);
    assert_eq!(only(&empty).records().unwrap().count(), 0);
}

#[test]
fn a_header_name_that_is_not_utf_8_does_not_park_the_partition() {
    let mut bytes = by_hand();
    bytes[61 + 10] = 0xff;
    let record = only(&bytes).records().unwrap().next().unwrap().unwrap();
    let mut headers = record.headers;
    assert_eq!(headers.next_raw(), Some(RawHeader { key: b"\xff", value: Some(b"x") }));
    assert_eq!(headers.next_raw(), None);
    assert_eq!(record.headers.map(|h| h.key).collect::<Vec<_>>(), ["\u{fffd}"]);
}

#[test]
fn a_compressed_batch_names_its_codec() {
    for codec in Codec::ALL {
        assert_eq!(Codec::parse(codec.name()), Some(codec));
        let mut bytes = by_hand();
        bytes[22] = codec.id();
        let records = only(&bytes).records();
        if codec == Codec::None {
            assert!(records.is_ok());
        } else {
            assert_eq!(records.unwrap_err().fault, RecordFault::Compressed(codec));
        }
    }
    assert_eq!(Codec::parse("lzo"), None);
}
