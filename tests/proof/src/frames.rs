//! What stands around messages.

use kafka_proto::ApiKey;
use kafka_proto::frame::{decode_request_header, encode_response, frame_len};
use kafka_proto::messages::FetchResponse;

#[unsafe(no_mangle)]
pub fn proof_frame_request_header(frame: &[u8]) -> usize {
    decode_request_header(frame).map_or(0, |(header, body)| {
        header.client_id.map_or(0, str::len) ^ body.len() ^ usize::from(header.api_key == ApiKey::FETCH)
    })
}

#[unsafe(no_mangle)]
pub fn proof_frame_response(version: i16, response: &FetchResponse<'_>, out: &mut [u8]) -> usize {
    encode_response(out, ApiKey::FETCH, version, 1, response).unwrap_or(0)
}

#[unsafe(no_mangle)]
pub fn proof_frame_length(prefix: [u8; 4], max: usize) -> usize {
    frame_len(prefix, max).unwrap_or(0)
}
