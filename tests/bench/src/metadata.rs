//! A metadata response of 10,000 partitions: decoded, walked, and streamed, beside a scan by hand. The scan knows this one
//! response: it checks nothing, reads one field of each partition, and jumps over the rest by constants. Decoding and
//! walking reads every field twice, once to check it and once to hand it out.

use std::hint::black_box;

use kafka_proto::messages::*;
use kafka_proto::stream::{MetadataItem, MetadataStream};
use kafka_proto::{Array, Message};

use crate::measure::Table;

const VERSION: i16 = 12;
const TOPICS: usize = 100;
const PARTITIONS: usize = 100;

fn response() -> Vec<u8> {
    let replicas = [1, 2, 3];
    let partition = |i| MetadataResponsePartition {
        partition_index: i,
        leader_id: 1 + i % 3,
        leader_epoch: 7,
        replica_nodes: Array::slice(&replicas),
        isr_nodes: Array::slice(&replicas),
        ..Default::default()
    };
    let partitions: Vec<_> = (0..PARTITIONS as i32).map(partition).collect();
    let names: Vec<_> = (0..TOPICS).map(|i| format!("telemetry.room-{i:03}")).collect();
    let topics: Vec<_> = names
        .iter()
        .map(|name| MetadataResponseTopic {
            name: Some(name),
            partitions: Array::slice(&partitions),
            ..Default::default()
        })
        .collect();
    let response = MetadataResponse { topics: Array::slice(&topics), ..Default::default() };
    let mut out = vec![0; response.encoded_len(VERSION)];
    let len = response.encode(VERSION, &mut out).unwrap();
    assert_eq!(len, out.len());
    out
}

/// The sum of all leaders, as each way of reading has to find it.
const LEADERS: i64 = ((1 + 2 + 3) * (PARTITIONS as i64 / 3) + 1) * TOPICS as i64;

/// By hand: what is known of this one response is relied on.
fn scan(b: &[u8]) -> i64 {
    let i32_at = |p: usize| i32::from_be_bytes(b[p..p + 4].try_into().unwrap());
    let mut sum = 0;
    // Throttle time, no brokers, null cluster id, controller, count of topics.
    let mut p = 4 + 1 + 1 + 4 + 1;
    for _ in 0..TOPICS {
        p += 2;
        p += usize::from(b[p]);
        p += 16 + 1 + 1;
        for _ in 0..PARTITIONS {
            sum += i64::from(i32_at(p + 6));
            p += 14;
            for _ in 0..3 {
                let count = usize::from(b[p]) - 1;
                p += 1 + 4 * count;
            }
            p += 1;
        }
        p += 4 + 1;
    }
    sum
}

fn walk(b: &[u8]) -> i64 {
    let response = MetadataResponse::decode(VERSION, b).unwrap();
    let mut sum = 0;
    for topic in response.topics.iter() {
        for partition in topic.partitions.iter() {
            sum += i64::from(partition.leader_id);
        }
    }
    sum
}

fn stream(b: &[u8]) -> i64 {
    let mut stream = MetadataStream::new(VERSION, b.len()).unwrap();
    let (mut at, mut sum) = (0, 0);
    loop {
        let step = stream.next(&b[at..]).unwrap();
        at += step.consumed;
        match step.item {
            MetadataItem::Partition(partition) => sum += i64::from(partition.leader_id),
            MetadataItem::End(_) => return sum,
            _ => {}
        }
    }
}

pub fn run() {
    let bytes = response();
    let mut table = Table::new("byte", bytes.len());
    let case = |read: fn(&[u8]) -> i64| {
        let bytes = bytes.clone();
        move || assert_eq!(read(black_box(&bytes)), LEADERS)
    };
    table.add("metadata", "by hand", case(scan));
    table.add("metadata", "decoded and walked", case(walk));
    table.add("metadata", "streamed", case(stream));
    println!("\nMetadata of 10,000 partitions, {} bytes; 1.00 ns per byte is 1 GB/s", bytes.len());
    table.print();
}
