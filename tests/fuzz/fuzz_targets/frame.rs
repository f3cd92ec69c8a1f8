//! Any bytes as a frame, of a request and of a response: the header is refused, or what follows it is its body.
#![no_main]

use kafka_proto::ApiKey;
use kafka_proto::api::{Direction, show};
use kafka_proto::frame::{decode_request_header, decode_response_header, frame_len};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((prefix, frame)) = data.split_first_chunk() else { return };
    if let Ok(len) = frame_len(*prefix, 1 << 20) {
        assert!(len <= 1 << 20);
    }
    let mut text = String::new();
    if let Ok((header, body)) = decode_request_header(frame) {
        assert!(frame.ends_with(body));
        let _ = show(header.api_key, header.api_version, Direction::Request, body, &mut text);
    }
    let [key, version, ..] = *prefix;
    let (key, version) = (ApiKey(key.into()), i16::from(version & 0x1f));
    if let Ok((_, body)) = decode_response_header(key, version, frame) {
        assert!(frame.ends_with(body));
        let _ = show(key, version, Direction::Response, body, &mut text);
    }
});
