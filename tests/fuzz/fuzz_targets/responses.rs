//! Responses of any API and version, right and spoiled.
#![no_main]

use kafka_fuzz::messages::check;
use kafka_proto::api::Direction;
use libfuzzer_sys::arbitrary::Unstructured;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    // Bytes that ran out made a smaller message, or none.
    let _ = check(Direction::Response, &mut Unstructured::new(data));
});
