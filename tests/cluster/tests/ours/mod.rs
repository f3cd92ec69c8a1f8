//! Our side of the interoperability tests: the client of kafka-std with the judges' records.

// Each test program uses its half.
#![allow(dead_code)]

use std::time::{Duration, Instant};

use kafka_cluster::judge::{Entry, Ledger, Told, plain_one};
use kafka_std::consumer::Start;
use kafka_std::{ConsumeError, Consumer, Delivery, Header, Producer, Record};

/// Longer than any pause a test makes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A producer with Java's names for its settings.
pub fn producer(bootstrap: &str, settings: &[(&str, &str)]) -> Producer {
    let builder = Producer::builder().bootstrap_servers(bootstrap);
    let builder = settings.iter().fold(builder, |builder, (name, value)| builder.set(name, value).unwrap());
    builder.build().unwrap()
}

/// Sends one record to the partition it names.
pub fn send(producer: &Producer, topic: &str, entry: &Entry) -> Result<Delivery, kafka_std::SendError> {
    let headers: Vec<Header<'_>> =
        entry.headers.iter().map(|(key, value)| Header { key, value: value.as_deref() }).collect();
    let mut record = Record::to(topic).partition(entry.partition as u32).headers(&headers);
    if let Some(key) = &entry.key {
        record = record.key(key);
    }
    if let Some(value) = &entry.value {
        record = record.value(value);
    }
    if entry.timestamp >= 0 {
        record = record.timestamp(entry.timestamp);
    }
    producer.send(record)
}

/// Sends all of `entries`, waits for each, and gives them back with the offsets that were acknowledged.
pub fn send_all(producer: &Producer, topic: &str, entries: &[Entry]) -> Vec<Entry> {
    let deliveries: Vec<Delivery> =
        entries.iter().map(|entry| send(producer, topic, entry).unwrap()).collect();
    let written = entries.iter().zip(deliveries).map(|(entry, delivery)| {
        let written = delivery.wait().unwrap_or_else(|error| panic!("{entry:?}: {error}"));
        assert_eq!((written.topic(), written.partition()), (topic, entry.partition as u32));
        Entry { offset: written.offset().unwrap_or(-1), timestamp: written.timestamp(), ..entry.clone() }
    });
    written.collect()
}

/// Sends records, a few every few milliseconds, from before `trouble` begins until after it has ended, and keeps the
/// books.
pub fn send_under(
    producer: &Producer,
    topic: &str,
    partitions: i32,
    trouble: impl FnOnce() + Send,
) -> Ledger {
    let mut under_way = Vec::new();
    let mut some = |count: usize| {
        for _ in 0..count {
            let entry = plain_one(under_way.len(), partitions);
            let sent = send(producer, topic, &entry);
            under_way.push((entry, sent));
        }
    };
    some(1000);
    std::thread::scope(|scope| {
        let trouble = scope.spawn(trouble);
        while !trouble.is_finished() {
            some(50);
            std::thread::sleep(Duration::from_millis(5));
        }
        trouble.join().unwrap();
    });
    some(1000);
    let mut ledger = Ledger::new();
    for (entry, sent) in under_way {
        ledger.note(entry, sent.map_or(Told::NotWritten, told));
    }
    ledger
}

fn told(delivery: Delivery) -> Told {
    match delivery.wait_timeout(PATIENCE) {
        Ok(Ok(written)) => Told::Acked(written.offset()),
        Ok(Err(error)) if error.may_be_written() => Told::Unknown,
        Ok(Err(_)) => Told::NotWritten,
        Err(_) => panic!("a record without an outcome after {PATIENCE:?}"),
    }
}

/// A consumer with Java's names for its settings, at the beginning of `topic`.
pub fn consumer(bootstrap: &str, topic: &str, settings: &[(&str, &str)]) -> Consumer {
    let builder = Consumer::builder().bootstrap_servers(bootstrap);
    let builder = settings.iter().fold(builder, |builder, (name, value)| builder.set(name, value).unwrap());
    let consumer = builder.build().unwrap();
    consumer.assign_all(topic, Start::Earliest).unwrap();
    consumer
}

/// Reads until there are `count` records, as they come.
pub fn read(consumer: &Consumer, count: usize) -> Result<Vec<Entry>, ConsumeError> {
    let (mut entries, deadline) = (Vec::new(), Instant::now() + PATIENCE);
    while entries.len() < count {
        assert!(Instant::now() < deadline, "{} of {count} records after {PATIENCE:?}", entries.len());
        consumer.poll(Duration::from_millis(200))?.for_each(|_, partition, record| {
            entries.push(entry(partition, record));
        })?;
    }
    Ok(entries)
}

fn entry(partition: i32, record: &kafka_std::consumer::Record<'_>) -> Entry {
    let headers = record.headers.map(|header| (header.key.to_owned(), header.value.map(<[u8]>::to_vec)));
    Entry {
        partition,
        offset: record.offset,
        timestamp: record.timestamp,
        key: record.key.map(<[u8]>::to_vec),
        value: record.value.map(<[u8]>::to_vec),
        headers: headers.collect(),
    }
}
