//! kafka-proto.

use std::hint::black_box;

use kafka_proto::record::{BatchBuilder, NewRecord, Stamp, batches};

use crate::measure::Table;
use crate::{TIMESTAMP, check};

/// What ours is called in the table.
pub const NAME: &str = "kafka-proto";

fn encode(memory: &mut [u8], values: &[Vec<u8>]) -> usize {
    let mut builder = BatchBuilder::new();
    for value in values {
        let record = NewRecord { key: None, value: Some(value), headers: &[], timestamp: TIMESTAMP };
        builder.append(memory, &record).unwrap();
    }
    builder.finish(memory, &Stamp::NONE)
}

fn decode(bytes: &[u8]) -> (usize, u64) {
    let (mut len, mut sum) = (0, 0);
    for batch in batches(bytes) {
        let batch = batch.unwrap();
        batch.verify_crc().unwrap();
        for record in batch.records().unwrap() {
            let record = record.unwrap();
            black_box((record.offset, record.timestamp));
            let value = record.value.unwrap_or_default();
            len += value.len();
            sum += value.first().map_or(0, |b| u64::from(*b));
        }
    }
    (len, sum)
}

pub fn run<'a>(table: &mut Table<'a>, values: &'a [Vec<u8>], wire: &'a [u8]) {
    let mut memory = vec![0; 1 << 18];
    let len = encode(&mut memory, values);
    assert_eq!(&memory[..len], wire, "ours and the yardstick write the same bytes");
    table.add("build", NAME, move || {
        black_box(encode(&mut memory, black_box(values)));
        black_box(&memory);
    });
    let read = move || check(decode(black_box(wire)));
    table.add("read", NAME, read);
}
