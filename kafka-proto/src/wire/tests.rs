use super::*;
use crate::api::{Direction, transcode};
use crate::messages::*;
use crate::{ErrorCode, Message};
use std::vec::Vec;

wire! {
    /// Every kind of field.
    pub struct Sample<'a> {
        always:  i16,
        since:   i32 = 7                 [1..],
        until:   bool = TRUE             [0..=1],
        name:    Option<&'a str>         [0.., null 1..],
        reason:  Option<&'a str> = null  [1..],
        inner:   Option<Inner<'a>> = null [2..],
        list:    Option<Array<'a, i32>>  [0..=3, null 2..=2],
        records: Records<'a>             [2..],
    } tagged {
        0 => epoch: i64 = -1      [2..],
        3 => hosts: Array<'a, &'a str> [2..],
        5 => late:  i16           [3..],
    }

    /// A structure in a structure.
    pub struct Inner<'a> {
        id:   Uuid,
        text: &'a str,
    }
}

impl<'a> Message<'a> for Sample<'a> {
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 3 };
    const FLEXIBLE_FROM: i16 = 2;
}

fn encoded<'a, M: Message<'a>>(message: &M, version: i16) -> Vec<u8> {
    let mut out = std::vec![0; message.encoded_len(version)];
    assert_eq!(message.encode(version, &mut out), Ok(out.len()));
    out
}

#[test]
fn a_default_holds_the_defaults_of_the_table() {
    let sample = Sample::default();
    assert_eq!((sample.always, sample.since, sample.until), (0, 7, true));
    assert_eq!((sample.name, sample.reason, sample.inner), (Some(""), None, None));
    assert_eq!((sample.list, sample.records, sample.epoch), (Some(Array::EMPTY), Records::Null, -1));
}

#[test]
fn fields_outside_their_versions_are_neither_written_nor_read() {
    let sample = Sample { since: 9, until: false, reason: Some("x"), epoch: 5, ..Sample::default() };
    let bytes = encoded(&sample, 0);
    // always, until, name, list
    assert_eq!(bytes, [0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let back = Sample::decode(0, &bytes).unwrap();
    assert_eq!(back, Sample { until: false, ..Sample::default() });
}

#[test]
fn flexible_versions_are_compact_and_tagged() {
    let ids = [1, -1];
    let hosts = ["a", "bc"];
    let sample = Sample {
        name: None,
        reason: Some("hi"),
        inner: Some(Inner { id: Uuid([7; 16]), text: "t" }),
        list: Some(Array::slice(&ids)),
        records: Records::Bytes(&[1, 2, 3]),
        epoch: 258,
        hosts: Array::slice(&hosts),
        late: 1,
        ..Sample::default()
    };
    let mut golden = std::vec![0, 0, 0, 0, 0, 7, 0, 3, b'h', b'i', 1];
    golden.extend([7; 16]);
    golden.extend([2, b't', 0, 3, 0, 0, 0, 1, 255, 255, 255, 255, 4, 1, 2, 3]);
    // Two tags: `late` is not part of version 2.
    golden.extend([2, 0, 8, 0, 0, 0, 0, 0, 0, 1, 2, 3, 6, 3, 2, b'a', 3, b'b', b'c']);
    assert_eq!(encoded(&sample, 2), golden);
    assert_eq!(Sample::decode(2, &golden), Ok(Sample { late: 0, ..sample }));

    let sample = Sample { name: Some("n"), ..sample };
    let bytes = encoded(&sample, 3);
    assert_eq!(bytes.last_chunk(), Some(&[5, 2, 0, 1]));
    assert_eq!(Sample::decode(3, &bytes), Ok(Sample { ..sample }));
}

#[test]
fn tagged_fields_that_hold_their_default_are_left_out() {
    let bytes = encoded(&Sample::default(), 3);
    assert_eq!(bytes.last(), Some(&0));
    assert_eq!(Sample::decode(3, &bytes), Ok(Sample::default()));
}

#[test]
fn unknown_tags_are_skipped_and_bad_ones_refused() {
    let good = encoded(&Sample::default(), 3);
    let with = |tags: &[u8]| {
        let mut bytes = good.clone();
        bytes.pop();
        bytes.extend(tags);
        Sample::decode(3, &bytes).map(|sample| sample.late).map_err(|error| error.fault)
    };
    assert_eq!(with(&[2, 1, 2, 9, 9, 5, 2, 0, 4]), Ok(4));
    assert_eq!(with(&[2, 5, 2, 0, 4, 5, 2, 0, 4]), Err(Fault::Tag));
    assert_eq!(with(&[2, 5, 2, 0, 4, 1, 0]), Err(Fault::Tag));
    assert_eq!(with(&[1, 5, 3, 0, 4, 0]), Err(Fault::Tag));
    assert_eq!(with(&[1, 5, 1, 0]), Err(Fault::Short));
    assert_eq!(with(&[1, 5, 2, 0]), Err(Fault::Length));
    assert_eq!(with(&[0xff, 0xff, 0xff, 0xff, 0x0f]), Err(Fault::Short));
    assert_eq!(with(&[0xff, 0xff, 0xff, 0xff, 0x1f]), Err(Fault::Varint));
}

#[test]
fn null_is_a_fault_in_versions_that_do_not_allow_it() {
    assert_eq!(Sample { name: None, ..Sample::default() }.encode(0, &mut [0; 64]), Err(EncodeError::Null));
    let null_name = [0, 0, 0, 255, 255, 0, 0, 0, 0];
    assert_eq!(Sample::decode(0, &null_name), Err(DecodeError { fault: Fault::Null, at: 5 }));
    // Null topics ask for all of them, no topics for none.
    assert_eq!(MetadataRequest::decode(1, &[255; 4]).unwrap().topics, None);
    assert_eq!(MetadataRequest::decode(1, &[0; 4]).unwrap().topics, Some(Array::EMPTY));
    assert_eq!(MetadataRequest::decode(0, &[255; 4]).unwrap_err().fault, Fault::Null);
}

#[test]
fn lengths_are_compared_with_what_is_left() {
    for count in [i32::MIN, -2, 1, 2, i32::MAX] {
        let error = ListGroupsResponse::decode(0, &[&[0, 0][..], &count.to_be_bytes()].concat()).unwrap_err();
        assert_eq!((error.fault, error.at), (Fault::Length, 6));
    }
    let error = SaslHandshakeRequest::decode(0, &[0, 2, b'x']).unwrap_err();
    assert_eq!(error, DecodeError { fault: Fault::Length, at: 2 });
    let error = SaslHandshakeRequest::decode(0, &[0, 1, 0xff]).unwrap_err();
    assert_eq!(error, DecodeError { fault: Fault::Utf8, at: 2 });
    let error = SaslHandshakeRequest::decode(0, &[0, 0, 0]).unwrap_err();
    assert_eq!(error, DecodeError { fault: Fault::Trailing, at: 2 });
    assert_eq!(SaslHandshakeRequest::decode(2, &[0, 0]).unwrap_err().fault, Fault::Version);
}

#[test]
fn every_prefix_is_refused_and_a_short_buffer_told_the_need() {
    let hosts = ["a", "bc"];
    let sample = Sample { inner: Some(Inner::default()), hosts: Array::slice(&hosts), ..Sample::default() };
    for version in 0..=3 {
        let bytes = encoded(&sample, version);
        for len in 0..bytes.len() {
            assert!(Sample::decode(version, &bytes[..len]).is_err());
            let mut out = std::vec![0; len];
            assert_eq!(sample.encode(version, &mut out), Err(EncodeError::TooSmall { need: bytes.len() }));
        }
    }
}

struct Squares;

impl Source for Squares {
    fn len(&self) -> usize {
        3
    }

    fn write(&self, index: usize, w: &mut Writer<'_>) {
        i32::try_from(index * index).unwrap().write(w);
    }
}

#[test]
fn a_source_is_written_as_the_same_array_would_be() {
    let from_source = Sample { list: Some(Array::source(&Squares)), ..Sample::default() };
    let from_slice = Sample { list: Some(Array::slice(&[0, 1, 4])), ..Sample::default() };
    assert_eq!(encoded(&from_source, 1), encoded(&from_slice, 1));
    let bytes = encoded(&from_source, 1);
    let list = Sample::decode(1, &bytes).unwrap().list.unwrap();
    assert_eq!(list.iter().collect::<Vec<_>>(), [0, 1, 4]);
    assert_eq!((list.len(), list.first(), list.iter().len()), (3, Some(0), 3));
}

#[test]
fn transcoding_is_the_identity() {
    let bytes = [0, 0, 0, 0, 0, 1, 0, 18, 0, 0, 0, 5];
    let mut out = [0; 16];
    assert_eq!(transcode(crate::ApiKey::API_VERSIONS, 0, Direction::Response, &bytes, &mut out), Ok(12));
    assert_eq!(out[..12], bytes);
    let response = ApiVersionsResponse::decode(0, &bytes).unwrap();
    assert_eq!(response.error_code, ErrorCode::NONE);
    assert_eq!(response.api_keys.first(), Some(ApiVersion { api_key: 18, min_version: 0, max_version: 5 }));
    assert!(transcode(crate::ApiKey(4), 0, Direction::Request, &[], &mut []).is_err());
}

#[test]
fn a_uuid_prints_as_kafka_prints_it() {
    let uuid = Uuid([
        0x3a, 0x47, 0xd6, 0x40, 0x15, 0x41, 0x4f, 0xa5, 0x8c, 0xff, 0xd7, 0x20, 0x97, 0x8b, 0x3e, 0x01,
    ]);
    assert_eq!(std::format!("{uuid}"), "OkfWQBVBT6WM_9cgl4s-AQ");
    assert_eq!(std::format!("{}", Uuid::ZERO), "AAAAAAAAAAAAAAAAAAAAAA");
}

#[test]
fn what_was_received_can_be_sent_on() {
    let list = [3, 4];
    let sample = Sample { list: Some(Array::slice(&list)), ..Sample::default() };
    let bytes = encoded(&sample, 1);
    let received = Sample::decode(1, &bytes).unwrap();
    assert_eq!(encoded(&received, 1), bytes);
    // In another version only where there is code for it.
    let mut out = [0; 64];
    let result = received.encode(2, &mut out);
    if cfg!(feature = "alloc") {
        assert_eq!(result.map(|len| out[..len].to_vec()), Ok(encoded(&sample, 2)));
    } else {
        assert_eq!(result, Err(EncodeError::OtherVersion));
    }
}
