//! What a batch of 1,000 records of 100 B costs to build and to read: ours, a loop written by hand for this one shape,
//! and (feature `peers`) other clients' codecs, in one run. Thread CPU time, rounds of all
//! cases by turns; heap allocations are counted.
//!
//! Then the codecs, and a large metadata response.
//!
//! `cargo run --release -p kafka-bench-codec [--features peers,codecs,zstd-c] [-- --check]`
//!
//! With `--check` it fails where ours allocates, or takes longer than by hand in the same run.

mod codecs;
mod hand;
mod measure;
mod metadata;
mod ours;
#[cfg(feature = "peers")]
mod peers;

use std::process::ExitCode;

use measure::{Figure, Table};

/// To the loop by hand; what is beyond 1 is for noise that even the best of the rounds has.
const RATIO_MAX: f64 = 1.1;
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

fn main() -> ExitCode {
    let check = std::env::args().any(|arg| arg == "--check");
    let values = values();
    assert!(values.iter().all(|v| v.len() == 100));
    let wire = hand::encoded(&values);
    let mut table = Table::new("record", RECORDS);
    hand::run(&mut table, &values, &wire);
    ours::run(&mut table, &values, &wire);
    #[cfg(feature = "peers")]
    peers::run(&mut table, &values, &wire);
    let figures = table.print();
    codecs::run(&wire);
    metadata::run();
    let bad = |f: &&Figure| f.name == ours::NAME && (f.ratio > RATIO_MAX || f.allocations > 0);
    let bad: Vec<_> = figures.iter().filter(bad).collect();
    for figure in &bad {
        let Figure { group, ratio, allocations, .. } = figure;
        eprintln!(
            "{group}: {ratio:.2} of the loop by hand, {allocations} allocations: at most {RATIO_MAX} and 0"
        );
    }
    ExitCode::from(u8::from(check && !bad.is_empty()))
}

/// What each reader reports, so that none may skip the work: the bytes of all values and the sum of the first of each.
fn check(seen: (usize, u64)) {
    assert_eq!(seen, (RECORDS * 100, RECORDS as u64 * u64::from(b'{')));
}
