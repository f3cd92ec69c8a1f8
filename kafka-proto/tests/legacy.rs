//! Message sets of magic 0 and 1. What Apache writes is read in the conformance tests; here is what is wrong.

use kafka_proto::compress::Workspace;
use kafka_proto::record::legacy::{Messages, messages};
use kafka_proto::record::{Codec, RecordError, RecordFault, TimestampType, batches};

/// A message laid out by hand; its checksum is not computed.
fn message(offset: i64, magic: u8, attributes: u8, key: Option<&[u8]>, value: Option<&[u8]>) -> Vec<u8> {
    let mut body = vec![0, 0, 0, 0, magic, attributes];
    if magic == 1 {
        body.extend(1_000i64.to_be_bytes());
    }
    for field in [key, value] {
        body.extend(field.map_or(-1, |field| field.len() as i32).to_be_bytes());
        body.extend(field.unwrap_or_default());
    }
    let mut out = offset.to_be_bytes().to_vec();
    out.extend((body.len() as i32).to_be_bytes());
    out.extend(body);
    out
}

/// An lz4 frame of one stored block.
fn stored(plain: &[u8]) -> Vec<u8> {
    let mut out = vec![0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82];
    out.extend((plain.len() as u32 | 1 << 31).to_le_bytes());
    out.extend(plain);
    out.extend([0; 4]);
    out
}

fn offsets(set: Messages<'_>) -> Vec<(i64, i64)> {
    set.map(|m| m.unwrap()).map(|m| (m.offset, m.timestamp)).collect()
}

fn fault(bytes: &[u8]) -> (RecordFault, u32) {
    let RecordError { fault, at } = messages(bytes).find_map(Result::err).expect("an error");
    (fault, at)
}

#[test]
fn both_magics_and_the_ways_between_old_and_new() {
    let mut set = message(5, 0, 0, None, Some(b"v"));
    set.extend(message(6, 1, 0x08, Some(b""), None));
    let old = set.len();
    set.extend([0; 100]);
    set[old + 16] = 2;
    let mut all = messages(&set);
    let first = all.next().unwrap().unwrap();
    assert_eq!((first.offset, first.timestamp, first.key, first.value), (5, -1, None, Some(&b"v"[..])));
    let second = all.next().unwrap().unwrap();
    assert_eq!((second.offset, second.timestamp, second.key, second.value), (6, 1_000, Some(&b""[..]), None));
    assert_eq!(second.timestamp_type, TimestampType::LogAppendTime);
    assert!(all.next().is_none());
    assert_eq!(all.consumed(), old);
    let error = batches(&set).next().unwrap().unwrap_err();
    assert_eq!((error.fault, error.at), (RecordFault::OldMagic(0), 16));
}

#[test]
fn a_wrapper_places_what_is_in_it() {
    let mut inner = message(0, 1, 0, None, Some(b"a"));
    inner.extend(message(3, 1, 0, None, Some(b"b")));
    let mut work = Workspace::new();
    let mut plain = [0; 200];
    for (attributes, time) in [(3, 1_000), (3 | 8, 1_000)] {
        let packed = message(103, 1, attributes, None, Some(&stored(&inner)));
        let wrapper = messages(&packed).next().unwrap().unwrap();
        assert_eq!(wrapper.codec, Codec::Lz4);
        let len = wrapper.decompress(&mut plain, &mut work).unwrap();
        assert_eq!(offsets(wrapper.unpack(&plain[..len]).unwrap()), [(100, time), (103, time)]);
    }
    // Magic 0 has its offsets as they are.
    let inner = message(42, 0, 0, None, None);
    let packed = message(42, 0, 3, None, Some(&stored(&inner)));
    let wrapper = messages(&packed).next().unwrap().unwrap();
    let len = wrapper.decompress(&mut plain, &mut work).unwrap();
    assert_eq!(offsets(wrapper.unpack(&plain[..len]).unwrap()), [(42, -1)]);
    // A wrapper in a wrapper is no message set.
    let nested = message(1, 1, 3, None, Some(b""));
    assert_eq!(wrapper.unpack(&nested).unwrap_err().fault, RecordFault::Compressed(Codec::Lz4));
}

#[test]
fn each_field_is_checked() {
    let good = message(7, 1, 0, Some(b"key"), Some(b"value"));
    assert_eq!(offsets(messages(&good)), [(7, 1_000)]);
    for cut in 0..good.len() {
        assert!(messages(&good[..cut]).next().is_none(), "a cut message ends the set silently");
    }
    let with = |at: usize, bytes: &[u8]| {
        let mut bad = good.clone();
        bad[at..at + bytes.len()].copy_from_slice(bytes);
        fault(&bad)
    };
    assert_eq!(with(0, &(-1i64).to_be_bytes()), (RecordFault::BaseOffset, 0));
    assert_eq!(with(0, &i64::MAX.to_be_bytes()), (RecordFault::BaseOffset, 0));
    assert_eq!(with(8, &(-1i32).to_be_bytes()), (RecordFault::BatchLength, 8));
    assert_eq!(with(8, &13i32.to_be_bytes()), (RecordFault::BatchLength, 8));
    assert_eq!(with(8, &20i32.to_be_bytes()).0, RecordFault::Truncated);
    assert_eq!(with(16, &[0xff]), (RecordFault::Magic(-1), 16));
    assert_eq!(with(17, &[4]).0, RecordFault::UnknownCodec(4), "zstd came with magic 2");
    assert_eq!(with(26, &(-2i32).to_be_bytes()).0, RecordFault::BadLength);
    assert_eq!(with(26, &100i32.to_be_bytes()).0, RecordFault::Truncated);
    assert_eq!(with(33, &4i32.to_be_bytes()).0, RecordFault::RecordLength);
    let message = messages(&good).next().unwrap().unwrap();
    assert_eq!(message.verify_crc().unwrap_err().fault, RecordFault::Crc);
}
