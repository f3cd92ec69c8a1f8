//! Valid messages of any API, made from the fuzzer's bytes: they come out of the codec as they went in. Then one bit is
//! turned: what is still a message is one that can be written.
#![no_main]

use kafka_proto::api::{TranscodeError, transcode};
use kafka_proto::arbitrary::any_message;
use libfuzzer_sys::arbitrary::Unstructured;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut u = Unstructured::new(data);
    let Ok((key, version, direction, mut body)) = any_message(&mut u) else { return };
    let mut out = vec![0; body.len() + 64];
    let len = transcode(key, version, direction, &body, &mut out);
    assert_eq!(len.map(|len| &out[..len]), Ok(&body[..]), "{key} {version} {direction:?}");

    let Ok(at) = u.choose_index(body.len() * 8) else { return };
    body[at / 8] ^= 1 << (at % 8);
    let result = transcode(key, version, direction, &body, &mut out);
    assert!(!matches!(result, Err(TranscodeError::Encode(_))), "{key} {version} {direction:?}: {result:?}");
});
