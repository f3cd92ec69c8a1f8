//! Fed in pieces of any size is fed whole: records, metadata, frames.
#![no_main]

use kafka_fuzz::feed::Feed;
use kafka_fuzz::{messages, records, spoil};
use kafka_proto::frame::{LENGTH_LEN, decode_request_header, frame_len};
use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;

/// What a receiver makes of a connection's bytes: each frame's header and body, until a length is not possible.
fn frames(bytes: &[u8], sizes: &[u8]) -> Vec<String> {
    let mut feed = Feed::new(bytes, sizes);
    let mut seen = Vec::new();
    while feed.wait(LENGTH_LEN) {
        let Some((prefix, _)) = feed.ready().split_first_chunk() else { return seen };
        let len = match frame_len(*prefix, 1 << 16) {
            Ok(len) => len,
            Err(error) => {
                seen.push(error.to_string());
                return seen;
            }
        };
        feed.take(LENGTH_LEN);
        feed.wait(len);
        if feed.ready().len() < len {
            seen.push(format!("{len} bytes that do not come"));
            return seen;
        }
        seen.push(format!("{:?}", decode_request_header(&feed.ready()[..len])));
        feed.take(len);
    }
    seen
}

fn check(u: &mut Unstructured<'_>) -> Result<()> {
    let sizes = u.bytes(4.min(u.len()))?;
    match u.int_in_range(0..=2)? {
        0 => {
            let mut log = records::log(u)?;
            spoil(u, &mut log)?;
            let (memory, window) = (usize::MAX, u.int_in_range(0..=1 << 16)?);
            let whole = records::stream(&log, &[], memory, window, true);
            assert_eq!(records::stream(&log, sizes, memory, window, true), whole);
        }
        1 => {
            let (version, body) = messages::metadata(u)?;
            assert_eq!(messages::stream(version, &body, sizes), messages::stream(version, &body, &[]));
        }
        _ => {
            let mut bytes = Vec::new();
            for _ in 0..u.int_in_range(0..=3)? {
                let frame: &[u8] = u.arbitrary()?;
                bytes.extend((frame.len() as u32).to_be_bytes());
                bytes.extend(frame);
            }
            spoil(u, &mut bytes)?;
            assert_eq!(frames(&bytes, sizes), frames(&bytes, &[]));
        }
    }
    Ok(())
}

fuzz_target!(|data: &[u8]| {
    let _ = check(&mut Unstructured::new(data));
});
