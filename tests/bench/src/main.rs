//! What a batch of 1,000 records of 100 B costs to build and to read: ours, a loop written by hand for this one shape,
//! and (feature `peers`) other clients' codecs, in one run. Thread CPU time, rounds of all
//! cases by turns; heap allocations are counted.
//!
//! Then the codecs, and a large metadata response.
//!
//! `cargo run --release -p kafka-bench-codec [--features peers,codecs,zstd-c]`

mod codecs;
mod hand;
mod measure;
mod metadata;
mod ours;
#[cfg(feature = "peers")]
mod peers;

use measure::Table;

/// Records per batch.
const RECORDS: usize = 1000;
/// Milliseconds since 1970; any.
const TIMESTAMP: i64 = 1_760_000_000_000;

#[global_allocator]
static ALLOCATOR: measure::Counting = measure::Counting;

/// JSON as a sensor would send it, exactly 100 bytes each.
fn values() -> Vec<Vec<u8>> {
    (0..RECORDS)
        .map(|i| {
            let mut v = format!(
                r#"{{"sensor":"room-{:03}","seq":{:07},"temperature":{}.{:02},"humidity":{},"pad":""#,
                i % 97,
                i * 7919,
                15 + i % 17,
                i % 100,
                30 + i % 50
            );
            while v.len() < 98 {
                v.push(char::from(b'a' + (i % 26) as u8));
            }
            v.push_str("\"}");
            v.into_bytes()
        })
        .collect()
}

fn main() {
    let values = values();
    assert!(values.iter().all(|v| v.len() == 100));
    let wire = hand::encoded(&values);
    let mut table = Table::new("record", RECORDS);
    hand::run(&mut table, &values, &wire);
    ours::run(&mut table, &values, &wire);
    #[cfg(feature = "peers")]
    peers::run(&mut table, &values, &wire);
    table.print();
    codecs::run(&wire);
    metadata::run();
}

/// What each reader reports, so that none may skip the work: the bytes of all values and the sum of the first of each.
fn check(seen: (usize, u64)) {
    assert_eq!(seen, (RECORDS * 100, RECORDS as u64 * u64::from(b'{')));
}
