//! Frames: the length, the header, the body.
//!
//! A frame is a 32-bit length and that many bytes. A request's header has version 1, or 2 where the request is flexible;
//! a response's has version 0, or 1. Two exceptions are why this is not left to the callers: the client id is never a
//! compact string, and the response to ApiVersions always has header version 0, so that a client can read it before it
//! knows what the broker speaks (KIP-511).

use crate::api::ApiKey;
use crate::message::{Message, Request};
use crate::wire::{DecodeError, EncodeError, FLEXIBLE, Fault, Reader, VersionRange, Writer};

/// Bytes of the length in front of every frame.
pub const LENGTH_LEN: usize = 4;

/// What a request begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestHeader<'a> {
    /// Which API.
    pub api_key: ApiKey,
    /// In which version.
    pub api_version: i16,
    /// Comes back in the response.
    pub correlation_id: i32,
    /// The client's name, as it appears in the broker's logs, metrics and quotas.
    pub client_id: Option<&'a str>,
}

/// What [`encode_request`] wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncodedFrame {
    /// Bytes in the buffer: the frame without the records that live elsewhere.
    pub head_len: usize,
    /// Bytes on the wire: the length field and everything it counts.
    pub frame_len: usize,
    /// How many entries of `gaps` were set.
    pub gaps: usize,
}

/// Writes a whole request: length, header, body. `header` is version, correlation id and client id.
///
/// Records given as [`Records::Elsewhere`](crate::wire::Records::Elsewhere) are counted and not copied: entry *i* of
/// `gaps` becomes the position in `out` at which the bytes of the *i*-th of them are to be sent.
pub fn encode_request<'a, R: Request<'a>>(
    out: &mut [u8],
    header: (i16, i32, Option<&str>),
    body: &R,
    gaps: &mut [u32],
) -> Result<EncodedFrame, EncodeError> {
    let api = const { &Api { key: R::KEY, versions: R::VERSIONS, flexible_from: R::FLEXIBLE_FROM } };
    request_frame(out, api, &header, gaps, &|w| body.write(w))
}

struct Api {
    key: ApiKey,
    versions: VersionRange,
    flexible_from: i16,
}

// What does not depend on the message stands outside of the generic functions, once.
fn request_frame(
    out: &mut [u8],
    api: &Api,
    header: &(i16, i32, Option<&str>),
    gaps: &mut [u32],
    body: &dyn Fn(&mut Writer<'_>),
) -> Result<EncodedFrame, EncodeError> {
    let (version, correlation_id, client_id) = *header;
    let mut w = Writer::with_gaps(out, version, false, gaps);
    if !api.versions.contains(version) {
        w.fail(EncodeError::UnsupportedVersion);
    }
    w.i32(0);
    w.i16(api.key.0);
    w.i16(version);
    w.i32(correlation_id);
    w.nullable_str(client_id);
    if FLEXIBLE && version >= api.flexible_from {
        w.set_flexible();
        w.uvarint(0);
    }
    body(&mut w);
    let frame = measure(&w);
    finish(out, frame)
}

fn measure(w: &Writer<'_>) -> Result<EncodedFrame, EncodeError> {
    let head_len = w.finish()?;
    let frame_len = head_len.checked_add(w.elsewhere()).ok_or(EncodeError::TooLong)?;
    Ok(EncodedFrame { head_len, frame_len, gaps: w.gap_count() })
}

fn finish(out: &mut [u8], frame: Result<EncodedFrame, EncodeError>) -> Result<EncodedFrame, EncodeError> {
    let frame = frame?;
    let counted = frame.frame_len.checked_sub(LENGTH_LEN).and_then(|len| i32::try_from(len).ok());
    let (Some(counted), Some(length)) = (counted, out.first_chunk_mut::<LENGTH_LEN>()) else {
        return Err(EncodeError::TooLong);
    };
    *length = counted.to_be_bytes();
    Ok(frame)
}

/// Whether the version has the longer header. A build without flexible versions looks nothing up.
fn is_flexible(key: ApiKey, version: i16) -> Result<bool, DecodeError> {
    if !FLEXIBLE {
        return Ok(false);
    }
    Ok(version >= key.flexible_from().ok_or(DecodeError::new(Fault::ApiKey, 0))?)
}

/// Reads the header of a request, given the frame without its length; returns the body too.
pub fn decode_request_header(frame: &[u8]) -> Result<(RequestHeader<'_>, &[u8]), DecodeError> {
    let mut r = Reader::new(frame, 0, false);
    let api_key = ApiKey(r.i16());
    let api_version = r.i16();
    let correlation_id = r.i32();
    r.verdict()?;
    let flexible = is_flexible(api_key, api_version)?;
    let client_id = r.nullable_str();
    if flexible {
        r.set_flexible();
        r.skip_tags();
    }
    r.verdict()?;
    Ok((RequestHeader { api_key, api_version, correlation_id, client_id }, r.remaining()))
}

/// Writes a whole response: length, header, body. Returns the bytes written.
pub fn encode_response<'a, M: Message<'a>>(
    out: &mut [u8],
    key: ApiKey,
    version: i16,
    correlation_id: i32,
    body: &M,
) -> Result<usize, EncodeError> {
    if !M::VERSIONS.contains(version) {
        return Err(EncodeError::UnsupportedVersion);
    }
    let flexible = version >= M::FLEXIBLE_FROM;
    let mut w = Writer::new(out, version, flexible);
    w.i32(0);
    w.i32(correlation_id);
    if flexible && key != ApiKey::API_VERSIONS {
        w.uvarint(0);
    }
    body.write(&mut w);
    let frame = measure(&w);
    Ok(finish(out, frame)?.head_len)
}

/// Reads the header of the response to a request of this API and version, given the frame without its length; returns
/// the correlation id and the body.
pub fn decode_response_header(key: ApiKey, version: i16, frame: &[u8]) -> Result<(i32, &[u8]), DecodeError> {
    let flexible = is_flexible(key, version)?;
    let mut r = Reader::new(frame, 0, flexible && key != ApiKey::API_VERSIONS);
    let correlation_id = r.i32();
    r.skip_tags();
    r.verdict()?;
    Ok((correlation_id, r.remaining()))
}

/// The length of the frame that begins with these four bytes, not counting them. More than `max` is a fault, so that
/// nobody reserves memory on a stranger's word.
pub fn frame_len(prefix: [u8; LENGTH_LEN], max: usize) -> Result<usize, DecodeError> {
    match usize::try_from(i32::from_be_bytes(prefix)) {
        Err(_) => Err(DecodeError::new(Fault::FrameLength, 0)),
        Ok(len) if len > max => Err(DecodeError::new(Fault::FrameTooLarge, 0)),
        Ok(len) => Ok(len),
    }
}

/// A build without flexible versions.
#[cfg(all(test, not(feature = "flexible")))]
mod classic {
    use super::*;
    use crate::messages::{MetadataRequest, MetadataResponse};

    #[test]
    fn flexible_versions_are_refused_and_older_ones_spoken() {
        assert_eq!(ApiKey::METADATA.versions(), Some(VersionRange { min: 0, max: 7 }));
        assert_eq!(ApiKey::INIT_PRODUCER_ID.versions(), Some(VersionRange { min: 0, max: 1 }));
        let mut out = [0; 64];
        let request = MetadataRequest::default();
        let newer = encode_request(&mut out, (9, 1, Some("board")), &request, &mut []);
        assert_eq!(newer, Err(EncodeError::UnsupportedVersion));
        let older = encode_request(&mut out, (7, 1, Some("board")), &request, &mut []);
        let len = older.expect("a version that is spoken").head_len;
        let (header, body) = decode_request_header(&out[4..len]).expect("our own header");
        assert_eq!((header.api_version, header.client_id), (7, Some("board")));
        assert_eq!(body, [0, 0, 0, 0, 1]);
        assert_eq!(MetadataResponse::decode(9, body).map_err(|error| error.fault), Err(Fault::Version));
    }
}

#[cfg(all(test, feature = "flexible"))]
mod tests {
    use super::*;
    use crate::messages::*;
    use crate::wire::{Array, Records};

    #[test]
    fn a_request_has_length_header_and_body() {
        let mut out = [0; 64];
        let request = ApiVersionsRequest { client_software_name: "k", ..Default::default() };
        let frame = encode_request(&mut out, (2, 7, Some("me")), &request, &mut []).unwrap();
        assert_eq!(out[..frame.head_len], *b"\x00\x00\x00\x0c\x00\x12\x00\x02\x00\x00\x00\x07\x00\x02me");
        // The client id keeps its 16-bit length in a flexible version, and the header gains its tags.
        let frame = encode_request(&mut out, (3, 7, Some("me")), &request, &mut []).unwrap();
        let golden = b"\x00\x00\x00\x11\x00\x12\x00\x03\x00\x00\x00\x07\x00\x02me\x00\x02k\x01\x00";
        assert_eq!(out[..frame.head_len], *golden);
        let (header, body) = decode_request_header(&golden[4..]).unwrap();
        let me = Some("me");
        let api_key = ApiKey::API_VERSIONS;
        assert_eq!(header, RequestHeader { api_key, api_version: 3, correlation_id: 7, client_id: me });
        assert_eq!(ApiVersionsRequest::decode(3, body), Ok(request));
    }

    #[test]
    fn records_elsewhere_are_counted_and_their_places_noted() {
        let produce = |records: [Records<'_>; 2], out: &mut [u8], gaps: &mut [u32]| {
            let partitions =
                records.map(|records| PartitionProduceData { records, ..PartitionProduceData::default() });
            let topics = [TopicProduceData {
                name: "t",
                partition_data: Array::slice(&partitions),
                ..TopicProduceData::default()
            }];
            let request = ProduceRequest { topic_data: Array::slice(&topics), ..ProduceRequest::default() };
            encode_request(out, (9, 1, None), &request, gaps)
        };
        let (mut whole, mut head, mut gaps) = ([0; 128], [0; 128], [0; 2]);
        let here = produce([Records::Bytes(b"abc"), Records::Bytes(b"defgh")], &mut whole, &mut []).unwrap();
        let elsewhere = [Records::Elsewhere { len: 3 }, Records::Elsewhere { len: 5 }];
        let there = produce(elsewhere, &mut head, &mut gaps).unwrap();
        assert_eq!((there.frame_len, there.gaps), (here.head_len, 2));
        let [first, second] = gaps.map(|gap| gap as usize);
        let glued =
            [&head[..first], b"abc", &head[first..second], b"defgh", &head[second..there.head_len]].concat();
        assert_eq!(glued, whole[..here.head_len]);
        let few = &mut [0; 1];
        assert_eq!(produce(elsewhere, &mut head, few), Err(EncodeError::TooManyGaps));
    }

    #[test]
    fn responses_have_a_longer_header_where_flexible_but_for_api_versions() {
        let mut out = [0; 64];
        let len = encode_response(&mut out, ApiKey::HEARTBEAT, 4, 9, &HeartbeatResponse::default()).unwrap();
        assert_eq!(out[..len], [0, 0, 0, 12, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(decode_response_header(ApiKey::HEARTBEAT, 4, &out[4..len]), Ok((9, &out[9..len])));
        let body = ApiVersionsResponse::default();
        let len = encode_response(&mut out, ApiKey::API_VERSIONS, 3, 9, &body).unwrap();
        let (id, bytes) = decode_response_header(ApiKey::API_VERSIONS, 3, &out[4..len]).unwrap();
        assert_eq!((id, ApiVersionsResponse::decode(3, bytes)), (9, Ok(body)));
        assert_eq!(bytes.len(), len - 8);
    }

    #[test]
    fn bad_headers_and_lengths_are_refused() {
        let fault = |result: Result<usize, DecodeError>| result.unwrap_err().fault;
        assert_eq!(frame_len([0, 0, 1, 0], 256), Ok(256));
        assert_eq!(fault(frame_len([0, 0, 1, 1], 256)), Fault::FrameTooLarge);
        assert_eq!(fault(frame_len([255; 4], 256)), Fault::FrameLength);
        assert_eq!(decode_request_header(&[0, 4, 0, 0, 0, 0, 0, 0]).unwrap_err().fault, Fault::ApiKey);
        assert_eq!(decode_request_header(&[0, 3, 0]).unwrap_err().fault, Fault::Short);
        assert_eq!(decode_response_header(ApiKey::FETCH, 12, &[0, 0, 0, 1]).unwrap_err().fault, Fault::Short);
    }
}
