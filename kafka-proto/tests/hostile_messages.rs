//! Hostile bytes, for messages and headers: whatever arrives, there is a typed error or a message every part of which was
//! checked; never a panic. The sweep is the same in every run.
//!
//! `KAFKA_PROTO_DECODES=2000000` (or 100000000) makes the sweep longer; with `--profile checked` that takes seconds.

use arbitrary::Unstructured;
use kafka_proto::api::{Direction, TranscodeError, show, transcode};
use kafka_proto::frame::{decode_request_header, decode_response_header};
use kafka_proto::messages::*;
use kafka_proto::schema::MESSAGES;
use kafka_proto::{ApiKey, Fault, Message, arbitrary as make};

/// Miri is a hundred times slower: of what is done for each message it does every so-manyth.
const STEP: usize = if cfg!(miri) { 53 } else { 1 };

fn decodes_wanted() -> u64 {
    std::env::var("KAFKA_PROTO_DECODES").ok().and_then(|n| n.parse().ok()).unwrap_or(200_000)
}

/// xorshift64*.
struct Seed(u64);

impl Seed {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| (self.next() >> 40) as u8).collect()
    }
}

struct Sweep {
    key: ApiKey,
    version: i16,
    direction: Direction,
    out: Vec<u8>,
    again: Vec<u8>,
    decodes: u64,
    errors: u64,
}

impl Sweep {
    /// Whether the bytes are a message. If so it can be written, and what was written is the same message.
    fn decodes(&mut self, body: &[u8]) -> bool {
        self.decodes += 1;
        match transcode(self.key, self.version, self.direction, body, &mut self.out) {
            Ok(len) => {
                let written = &self.out[..len];
                let len = transcode(self.key, self.version, self.direction, written, &mut self.again);
                assert_eq!(len.map(|len| &self.again[..len]), Ok(written), "{body:?}");
                true
            }
            Err(TranscodeError::Decode(error)) => {
                assert!(error.at as usize <= body.len(), "{error} of {}", body.len());
                assert!(error.fault != Fault::Version && error.fault != Fault::ApiKey);
                self.errors += 1;
                false
            }
            Err(TranscodeError::Encode(error)) => panic!("{error}: {body:?}"),
        }
    }

    fn mutate(&mut self, body: &[u8]) {
        assert!(self.decodes(body), "{} {}", self.key, self.version);
        for len in 0..body.len() {
            assert!(!self.decodes(&body[..len]), "{} {}: {len} of {}", self.key, self.version, body.len());
        }
        assert!(!self.decodes(&[body, &[0]].concat()));
        let mut bytes = body.to_vec();
        for at in 0..body.len() {
            for bit in 0..8 {
                bytes[at] ^= 1 << bit;
                self.decodes(&bytes);
                bytes[at] ^= 1 << bit;
            }
            self.lengths(&mut bytes, at);
        }
    }

    /// Whatever stands here may be a length: of one, two or four bytes, or a varint.
    fn lengths(&mut self, bytes: &mut [u8], at: usize) {
        let short = bytes[at..].first_chunk().map(|chunk| i16::from_be_bytes(*chunk));
        for value in [-2, -1, 0, 1, i16::MIN, i16::MAX].into_iter().chain(short.map(|s| s.wrapping_sub(1))) {
            self.with(bytes, at, value.to_be_bytes());
        }
        let long = bytes[at..].first_chunk().map(|chunk| i32::from_be_bytes(*chunk));
        for value in [-2, -1, 0, 1, i32::MIN, i32::MAX].into_iter().chain(long.map(|l| l.wrapping_add(1))) {
            self.with(bytes, at, value.to_be_bytes());
        }
        self.with(bytes, at, [0]);
        self.with(bytes, at, [0x7f]);
        self.with(bytes, at, [0xff, 0xff, 0xff, 0xff, 0x0f]);
        self.with(bytes, at, [0xff, 0xff, 0xff, 0xff, 0x10]);
        self.with(bytes, at, [0x80, 0x80, 0x80, 0x80, 0x80]);
    }

    fn with<const N: usize>(&mut self, bytes: &mut [u8], at: usize, new: [u8; N]) {
        let Some(place) = bytes[at..].first_chunk_mut::<N>() else { return };
        let old = std::mem::replace(place, new);
        self.decodes(bytes);
        bytes[at..at + N].copy_from_slice(&old);
    }
}

#[test]
#[cfg_attr(miri, ignore = "safe code all the way down; the fuzz targets go there")]
fn prefixes_bit_flips_and_wrong_lengths_are_errors_or_messages() {
    let mut seed = Seed(7);
    let (mut decodes, mut errors) = (0, 0);
    for round in 0.. {
        for schema in MESSAGES {
            let (key, direction) = schema.api.unwrap();
            let versions = (schema.versions.max - schema.versions.min + 1) as u64;
            // The first round meets the latest version of each, the others any of them.
            let version = schema.versions.max - if round == 0 { 0 } else { (seed.next() % versions) as i16 };
            let raw = seed.bytes(40 + 40 * (round % 8));
            let body = make::message(key, version, direction, &mut Unstructured::new(&raw)).unwrap();
            let memory = vec![0; body.len() + 64];
            let mut sweep =
                Sweep { key, version, direction, out: memory.clone(), again: memory, decodes: 0, errors: 0 };
            sweep.mutate(&body);
            decodes += sweep.decodes;
            errors += sweep.errors;
        }
        if decodes >= decodes_wanted() {
            break;
        }
    }
    println!("{decodes} decodes, {errors} of them refused");
    assert!(errors > decodes / 4 && errors < decodes);
}

#[test]
fn noise_is_refused_at_once_or_read_to_its_end() {
    let mut seed = Seed(11);
    let mut memory = vec![0; 1 << 12];
    for _ in 0..if cfg!(miri) { 1 } else { 200 } {
        let noise = seed.bytes(seed.0 as usize % 300);
        for schema in MESSAGES.iter().step_by(STEP) {
            let (key, direction) = schema.api.unwrap();
            let _ = transcode(key, schema.versions.max, direction, &noise, &mut memory);
        }
        let _ = decode_request_header(&noise);
        for key in ApiKey::ALL {
            let _ = decode_response_header(*key, i16::MAX, &noise);
        }
    }
}

#[test]
fn what_is_shown_is_bounded_by_what_arrived() {
    // A count of 2^31 - 1 in a few bytes: no element is made up.
    let body = [0, 0, 0x7f, 0xff, 0xff, 0xff, 0, 18, 0, 0, 0, 5];
    let mut text = String::new();
    assert!(show(ApiKey::API_VERSIONS, 0, Direction::Response, &body, &mut text).is_err());
    assert!(text.is_empty());
    // The largest compact count, too.
    let body = [0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f, 0, 18];
    assert_eq!(ApiVersionsResponse::decode(3, &body).unwrap_err().fault, Fault::Length);
}

#[test]
fn null_where_a_compact_length_allows_none_is_refused() {
    // DescribeCluster 0: throttle time, error code, error message (may be null), cluster id (may not).
    let body = |cluster_id: u8| [&[0; 6][..], &[0, cluster_id], &[0, 0, 0, 1, 1, 0, 0, 0, 0, 0]].concat();
    let error = DescribeClusterResponse::decode(0, &body(0)).unwrap_err();
    assert_eq!((error.fault, error.at), (Fault::Null, 8));
    assert_eq!(DescribeClusterResponse::decode(0, &body(1)).unwrap().cluster_id, "");
}

#[test]
fn a_null_marker_is_minus_one_or_one() {
    // DescribeTopicPartitions 0: no topics, a limit, and a cursor that may be null.
    let body = |marker: u8| [1, 0, 0, 0, 9, marker, 0];
    assert_eq!(DescribeTopicPartitionsRequest::decode(0, &body(255)).unwrap().cursor, None);
    for marker in [0, 2, 128, 254] {
        let error = DescribeTopicPartitionsRequest::decode(0, &body(marker)).unwrap_err();
        assert_eq!((error.fault, error.at), (Fault::Null, 6));
    }
}

#[test]
fn versions_that_do_not_exist_are_refused_before_anything_is_read() {
    for schema in MESSAGES.iter().step_by(STEP) {
        let (key, direction) = schema.api.unwrap();
        for version in [schema.versions.min - 1, schema.versions.max + 1, i16::MIN, i16::MAX] {
            let result = transcode(key, version, direction, &[0; 64], &mut [0; 64]);
            assert!(
                matches!(result, Err(TranscodeError::Decode(e)) if e.fault == Fault::Version && e.at == 0)
            );
        }
    }
}
