//! Any bytes as a message of any API: what decodes and is written again decodes to the same bytes once more.
#![no_main]

use kafka_fuzz::messages::any;
use kafka_proto::ApiKey;
use kafka_proto::api::Direction;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [key, version, direction, body @ ..] = data else { return };
    let direction = if direction & 1 == 0 { Direction::Request } else { Direction::Response };
    any(ApiKey(i16::from(*key)), i16::from(*version & 0x1f), direction, body);
});
