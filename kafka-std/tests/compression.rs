//! Each codec on the way to the broker and back, its levels, and what a build without it says.

mod common;

use std::time::Duration;

use common::server;
use kafka_std::consumer::Start;
use kafka_std::{Codec, Consumer, Producer, Record};

const SECONDS: Duration = Duration::from_secs(20);

/// Lines that compress, but not to nothing.
fn values() -> Vec<String> {
    (0..400u32)
        .map(|i| format!("sensor {} says {:.3} degrees at {}", i % 7, f64::from(i * i % 97) / 3.0, i * 17))
        .collect()
}

/// Bytes of the log after the values were sent so; they are read back and compared.
fn bytes(settings: &[(&str, &str)]) -> u32 {
    let server = server(&[("t", 1)]);
    let builder = Producer::builder().bootstrap_servers(&server.bootstrap()).linger(SECONDS);
    let builder = settings.iter().fold(builder, |b, (name, value)| b.set(name, value).unwrap());
    let producer = builder.build().unwrap();
    let values = values();
    let records: Vec<_> = values.iter().map(|value| Record::to("t").value(value).timestamp(7)).collect();
    producer.send_all(&records, &mut Vec::new()).unwrap();
    assert!(producer.flush(SECONDS));
    let consumer = Consumer::builder().bootstrap_servers(&server.bootstrap()).build().unwrap();
    consumer.assign("t", 0, Start::Earliest).unwrap();
    let mut read = Vec::new();
    while read.len() < values.len() {
        let records = consumer.poll(SECONDS).unwrap();
        assert!(!records.is_empty(), "{settings:?}: only {} came", read.len());
        records
            .for_each(|_, _, record| read.push(String::from_utf8(record.value.unwrap().to_vec()).unwrap()))
            .unwrap();
    }
    assert_eq!(read, values);
    server.with(|c| c.batches("t", 0).iter().map(|batch| batch.len).sum())
}

#[test]
fn every_codec_is_written_and_read_back() {
    let plain = bytes(&[("compression.type", "none")]);
    for codec in ["gzip", "snappy", "lz4", "zstd"] {
        let compressed = bytes(&[("compression.type", codec)]);
        assert!(compressed < plain * 2 / 3, "{codec}: {compressed} of {plain}");
    }
}

#[test]
fn levels_change_the_size_or_are_refused() {
    let gzip = |level| bytes(&[("compression.type", "gzip"), ("compression.gzip.level", level)]);
    let (fast, default, best) = (gzip("1"), gzip("-1"), gzip("9"));
    assert!(best < fast && default < fast, "{fast} {default} {best}");
    bytes(&[("compression.type", "lz4"), ("compression.lz4.level", "9")]);
    let error = |codec, level| {
        let builder = Producer::builder().bootstrap_servers("127.0.0.1:1").compression(codec);
        builder.compression_level(level).build().unwrap_err().to_string()
    };
    let refused = |key, value, allowed| format!("{key}: \"{value}\" is not allowed: must be {allowed}");
    let only = "9, the only level of this build";
    assert_eq!(error(Codec::Lz4, 3), refused("compression.lz4.level", "3", only));
    assert_eq!(error(Codec::Gzip, 11), refused("compression.gzip.level", "11", "1 to 9"));
    assert_eq!(error(Codec::Snappy, 1), refused("compression.type", "snappy", "a codec that has levels"));
    match cfg!(feature = "zstd-c") {
        true => {
            let zstd = |level| bytes(&[("compression.type", "zstd"), ("compression.zstd.level", level)]);
            assert!(zstd("19") < zstd("-50"));
        }
        false => {
            assert!(error(Codec::Zstd, 3).contains("`zstd-c`"), "{}", error(Codec::Zstd, 3));
            bytes(&[("compression.type", "zstd"), ("compression.zstd.level", "1")]);
        }
    }
}
