//! Records come back out of the in-process broker, each once and in order.

mod common;

use std::time::Duration;

use common::{block_on, server};
use kafka_std::consumer::{Consumer, Start};
use kafka_std::{ConsumeError, ErrorCode, Producer, Record};

const SECONDS: Duration = Duration::from_secs(20);

/// Sends `count` records to partition 0, with their number as value.
fn fill(producer: &Producer, topic: &str, count: u32) {
    for i in 0..count {
        drop(producer.send(Record::to(topic).partition(0).value(&i.to_string())).unwrap());
    }
    assert!(producer.flush(SECONDS));
}

/// Polls until `count` records came; their offsets and values.
fn read(consumer: &Consumer, count: usize) -> Vec<(i64, String)> {
    let mut found = Vec::new();
    while found.len() < count {
        let records = consumer.poll(SECONDS).unwrap();
        assert!(!records.is_empty(), "only {} of {count} came", found.len());
        records
            .for_each(|_, _, record| {
                let value = String::from_utf8(record.value.unwrap().to_vec()).unwrap();
                found.push((record.offset, value));
            })
            .unwrap();
    }
    found
}

#[test]
fn what_was_produced_is_read_in_order_and_once() {
    let server = server(&[("readings", 1)]);
    let producer =
        Producer::builder().bootstrap_servers(&server.bootstrap()).batch_size(512).build().unwrap();
    fill(&producer, "readings", 1000);
    let consumer = Consumer::builder()
        .bootstrap_servers(&server.bootstrap())
        .set("fetch.max.bytes", "2000")
        .unwrap()
        .build()
        .unwrap();
    assert_eq!(consumer.assign_all("readings", Start::Earliest), Ok(1));
    let expected: Vec<_> = (0..1000).map(|i| (i64::from(i), i.to_string())).collect();
    assert_eq!(read(&consumer, 1000), expected);
    assert!(consumer.poll(Duration::from_millis(50)).unwrap().is_empty());
    assert!(consumer.is_at_end("readings", 0));

    // What comes later is read when it comes; a seek goes back.
    fill(&producer, "readings", 1);
    assert_eq!(read(&consumer, 1), [(1000, "0".to_owned())]);
    consumer.assign("readings", 0, Start::Offset(998)).unwrap();
    let offsets: Vec<_> = read(&consumer, 3).into_iter().map(|(offset, _)| offset).collect();
    assert_eq!(offsets, [998, 999, 1000]);
    consumer.assign("readings", 0, Start::FromEnd(2)).unwrap();
    assert_eq!(read(&consumer, 2).first().unwrap().0, 999);
}

#[test]
fn records_that_were_not_looked_at_come_again() {
    let server = server(&[("readings", 1)]);
    let producer =
        Producer::builder().bootstrap_servers(&server.bootstrap()).batch_size(256).build().unwrap();
    fill(&producer, "readings", 100);
    let consumer = Consumer::builder().bootstrap_servers(&server.bootstrap()).build().unwrap();
    consumer.assign_all("readings", Start::Earliest).unwrap();
    let mut records = consumer.poll(SECONDS).unwrap();
    let first = records.next_batch().unwrap().unwrap();
    let next = first.next_offset();
    assert!(next < 100);
    drop(records);
    assert_eq!(read(&consumer, 1).first().unwrap().0, next);
}

#[test]
fn a_task_can_await_records() {
    let server = server(&[("readings", 1)]);
    let producer = Producer::builder().bootstrap_servers(&server.bootstrap()).build().unwrap();
    let consumer = Consumer::builder().bootstrap_servers(&server.bootstrap()).build().unwrap();
    consumer.assign("readings", 0, Start::Earliest).unwrap();
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| block_on(consumer.recv()).unwrap());
        fill(&producer, "readings", 1);
        let mut records = reader.join().unwrap();
        assert_eq!(records.next_batch().unwrap().unwrap().into_iter().count(), 1);
    });
}

#[test]
fn errors_name_the_topic_or_the_hosts() {
    let server = server(&[("readings", 1)]);
    let impatient = |servers: &str| {
        let builder = Consumer::builder().bootstrap_servers(servers).api_timeout(Duration::from_millis(300));
        builder.build().unwrap()
    };
    let Err(ConsumeError::Unavailable(error)) = impatient(&server.bootstrap()).partitions("missing") else {
        panic!("it has partitions")
    };
    assert_eq!(error.answer, Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION), "{error}");

    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let consumer = impatient(&closed.to_string());
    let text = consumer.partitions("readings").unwrap_err().to_string();
    assert!(text.contains(&format!("{closed}: connection refused")), "{text}");
    consumer.assign("readings", 0, Start::Earliest).unwrap();
    let text = consumer.poll(SECONDS).unwrap_err().to_string();
    assert!(text.contains(&format!("{closed}: connection refused")), "{text}");
    let text = block_on(consumer.recv()).unwrap_err().to_string();
    assert!(text.contains(&format!("{closed}: connection refused")), "{text}");
}
