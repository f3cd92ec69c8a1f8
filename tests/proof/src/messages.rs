//! Every message, and the tables of numbers.

use kafka_proto::api::{Direction, transcode};
use kafka_proto::{ApiKey, ErrorCode};

/// All requests and responses: read and written again.
#[unsafe(no_mangle)]
pub fn proof_messages(key: i16, version: i16, request: bool, body: &[u8], out: &mut [u8]) -> usize {
    let direction = if request { Direction::Request } else { Direction::Response };
    transcode(ApiKey(key), version, direction, body, out).unwrap_or(0)
}

/// The tables of numbers.
#[unsafe(no_mangle)]
pub fn proof_tables(number: i16) -> usize {
    let (key, code) = (ApiKey(number), ErrorCode(number));
    let names = key.name().map_or(0, str::len) ^ code.name().map_or(0, str::len);
    let versions = key.versions().is_some_and(|range| range.contains(number));
    // Sums could overflow, and that panic would be ours: only what cannot is used in this library.
    let flags = [versions, code.is_retriable(), code.invalidates_metadata(), code.is_ok()];
    flags.iter().fold(names, |all, flag| all ^ usize::from(*flag))
}
