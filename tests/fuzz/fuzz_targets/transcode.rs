//! Any bytes as a message of any API: what decodes and is written again decodes to the same bytes once more.
#![no_main]

use kafka_proto::ApiKey;
use kafka_proto::api::{Direction, transcode};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [key, version, direction, body @ ..] = data else { return };
    let direction = if direction & 1 == 0 { Direction::Request } else { Direction::Response };
    let (key, version) = (ApiKey(i16::from(*key)), i16::from(*version & 0x1f));
    // Unknown tagged fields are dropped, so the second pass, not the first, has to keep every byte.
    let mut first = vec![0; 2 * body.len() + 4096];
    let Ok(len) = transcode(key, version, direction, body, &mut first) else { return };
    let mut second = vec![0; len];
    let again = transcode(key, version, direction, &first[..len], &mut second);
    assert_eq!(again, Ok(len), "{key} {version} {direction:?}");
    assert_eq!(first[..len], second[..], "{key} {version} {direction:?}");
});
