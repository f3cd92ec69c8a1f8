//! A record that is malformed in a batch whose checksum is right: the partition stops there with an error that says where,
//! and goes on after a seek.

mod common;

use std::time::{Duration, Instant};

use common::server;
use kafka_proto::record::{BATCH_HEADER_LEN, BatchBuilder, NewRecord, Stamp};
use kafka_std::consumer::Start;
use kafka_std::{ConsumeError, Consumer};

/// A batch of two records; the second, if it is to be, says that its key is longer than all of it.
fn batch(malformed: bool) -> Vec<u8> {
    let mut mem = vec![0; 200];
    let mut builder = BatchBuilder::new();
    let record = NewRecord { key: Some(b"key"), value: Some(b"value"), ..NewRecord::default() };
    builder.append(&mut mem, &record).unwrap();
    let second = builder.len();
    builder.append(&mut mem, &record).unwrap();
    if malformed {
        assert!(second > BATCH_HEADER_LEN);
        assert_eq!(std::mem::replace(&mut mem[second + 4], 100), 6);
    }
    let len = builder.finish(&mut mem, &Stamp::NONE);
    mem.truncate(len);
    mem
}

/// Partition and offset.
type Place = (i32, i64);

/// Polls until there were `count` records, or an error.
fn read(consumer: &Consumer, count: usize) -> Result<Vec<Place>, (Vec<Place>, ConsumeError)> {
    let mut seen = Vec::new();
    let deadline = Instant::now() + Duration::from_secs(20);
    while seen.len() < count {
        assert!(Instant::now() < deadline, "{seen:?}");
        let each = |_: &str, partition, record: &kafka_std::consumer::Record<'_>| {
            seen.push((partition, record.offset));
        };
        let read = consumer.poll(Duration::from_millis(100)).and_then(|records| records.for_each(each));
        if let Err(error) = read {
            return Err((seen, error));
        }
    }
    Ok(seen)
}

#[test]
fn a_malformed_record_parks_its_partition_until_a_seek_and_the_others_go_on() {
    let server = server(&[("t", 2)]);
    server.with(|cluster| {
        for malformed in [false, true, false] {
            assert!(cluster.forge("t", 0, &batch(malformed)));
        }
    });
    let consumer = Consumer::builder().bootstrap_servers(&server.bootstrap()).build().unwrap();
    consumer.assign_all("t", Start::Earliest).unwrap();
    let (seen, error) = read(&consumer, 6).unwrap_err();
    assert_eq!(seen, [(0, 0), (0, 1), (0, 2)]);
    let ConsumeError::Unreadable { topic, partition, base, next, .. } = &error else { panic!("{error:?}") };
    assert_eq!((topic.as_str(), *partition, *base, *next), ("t", 0, 3, 4));
    let text = error.to_string();
    assert!(
        text.starts_with("t-0: what is at offset 3 cannot be read") && text.contains("go on at 4"),
        "{text}"
    );

    // The other partition goes on, this one waits.
    server.with(|cluster| assert!(cluster.forge("t", 1, &batch(false))));
    assert_eq!(read(&consumer, 2).unwrap(), [(1, 0), (1, 1)]);
    consumer.assign("t", 0, Start::Offset(*next)).unwrap();
    assert_eq!(read(&consumer, 2).unwrap(), [(0, 4), (0, 5)]);
}
