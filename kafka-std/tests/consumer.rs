//! The consumer against the in-process broker.

use std::time::{Duration, Instant};

use kafka_broker::{Config, Server};
use kafka_std::consumer::Event;
use kafka_std::{Codec, Consumer, Error, Header, OffsetReset, Producer, Record, Start};

const SOON: Duration = Duration::from_secs(10);

fn server(topics: &[(&str, i32)]) -> Server {
    let topics = topics.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect();
    Server::start(Config { nodes: 3, topics, auto_create: false, ..Config::default() }).expect("a broker")
}

fn consumer(server: &Server) -> Consumer {
    Consumer::builder().bootstrap_servers(&server.bootstrap()).build().expect("a consumer")
}

/// Reads `count` records, or fails after a while.
fn read(consumer: &Consumer, count: usize) -> Vec<kafka_std::OwnedRecord> {
    let (mut all, end) = (Vec::new(), Instant::now() + SOON);
    while all.len() < count && Instant::now() < end {
        if let Some(mut records) = consumer.poll(Duration::from_millis(200)).expect("records") {
            records.for_each(|record| all.push(record.to_owned())).expect("readable");
        }
    }
    assert_eq!(all.len(), count);
    all
}

#[test]
fn what_was_produced_comes_back_in_every_codec() {
    for codec in [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
        let server = server(&[("t", 3)]);
        let builder = Producer::builder().bootstrap_servers(&server.bootstrap()).compression(codec);
        let producer = builder.build().expect("a producer");
        let headers = [Header { key: "a", value: Some(b"1") }, Header { key: "a", value: None }];
        for i in 0..1000u32 {
            let value = format!("value {i} value {i} value {i}");
            let key = i.to_be_bytes();
            let record = Record::to("t").partition(i % 3).key(&key).headers(&headers);
            let sent = if i % 10 == 0 {
                producer.send(record)
            } else {
                producer.send(record.value(value.as_bytes()))
            };
            drop(sent.expect("taken"));
        }
        assert!(producer.flush(SOON));
        let consumer = consumer(&server);
        for partition in 0..3 {
            consumer.assign("t", partition, Start::Earliest).expect("a topic");
        }
        let mut next = [0i64; 3];
        for record in read(&consumer, 1000) {
            let i = u32::from_be_bytes(record.key.as_deref().expect("a key").try_into().expect("4 bytes"));
            assert_eq!(record.partition as u32, i % 3);
            assert_eq!(record.offset, next[record.partition as usize], "in order");
            next[record.partition as usize] += 1;
            let expected = (i % 10 != 0).then(|| format!("value {i} value {i} value {i}").into_bytes());
            assert_eq!(record.value, expected);
            assert_eq!(record.headers, [("a".to_owned(), Some(b"1".to_vec())), ("a".to_owned(), None)]);
        }
    }
}

#[test]
fn it_starts_where_it_is_told() {
    let server = server(&[("t", 1)]);
    let producer = Producer::builder().bootstrap_servers(&server.bootstrap()).build().expect("a producer");
    for i in 0..100i64 {
        let value = i.to_string();
        drop(producer.send(Record::to("t").value(value.as_bytes()).timestamp(1_000 + i)).expect("taken"));
    }
    assert!(producer.flush(SOON));
    let consumer = consumer(&server);
    assert_eq!(consumer.partitions("t").expect("known"), 1);
    for (start, first) in [
        (Start::Earliest, 0),
        (Start::Offset(42), 42),
        (Start::FromEnd(10), 90),
        (Start::FromEnd(1000), 0),
        (Start::Timestamp(1_070), 70),
    ] {
        consumer.assign("t", 0, start).expect("a topic");
        let seen = read(&consumer, (100 - first) as usize);
        assert_eq!(seen[0].offset, first, "{start:?}");
    }
    consumer.assign("t", 0, Start::Latest).expect("a topic");
    let end = Instant::now() + SOON;
    while consumer.position("t", 0).is_none() && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(5));
    }
    producer.send(Record::to("t").value(b"new")).expect("taken").wait().expect("acknowledged");
    assert_eq!(read(&consumer, 1)[0].offset, 100);
}

#[test]
fn a_lost_position_is_told_of_and_reset_as_configured() {
    let server = server(&[("t", 1)]);
    let builder = Consumer::builder().bootstrap_servers(&server.bootstrap());
    let consumer = builder.offset_reset(OffsetReset::Earliest).build().expect("a consumer");
    consumer.assign("t", 0, Start::Offset(1_000)).expect("a topic");
    match consumer.poll_event(SOON).expect("no error") {
        Some(Event::Reset { from: 1_000, to: 0, .. }) => {}
        other => panic!("{other:?}"),
    }
    let strict = Consumer::builder().bootstrap_servers(&server.bootstrap()).offset_reset(OffsetReset::None);
    let strict = strict.build().expect("a consumer");
    strict.assign("t", 0, Start::Offset(1_000)).expect("a topic");
    let error = strict.poll(SOON).expect_err("a lost position");
    assert!(error.to_string().contains("t-0: offset 1000 is not in the log"), "{error}");
}

#[test]
fn what_is_not_read_comes_again_and_a_task_can_wait() {
    let server = server(&[("t", 1)]);
    let producer = Producer::builder().bootstrap_servers(&server.bootstrap()).build().expect("a producer");
    for i in 0..10u8 {
        drop(producer.send(Record::to("t").value(&[i])).expect("taken"));
    }
    assert!(producer.flush(SOON));
    let consumer = consumer(&server);
    consumer.assign("t", 0, Start::Earliest).expect("a topic");
    drop(consumer.poll(SOON).expect("no error").expect("records"));
    let mut records = consumer.poll(SOON).expect("no error").expect("the same again");
    let mut batch = records.next_batch().expect("a batch").expect("readable");
    assert_eq!(batch.next().expect("a record").expect("readable").offset, 0);
    records.stop_at(4);
    drop(records);
    let waker = std::task::Waker::noop();
    let mut future = Box::pin(consumer.poll_async());
    let end = Instant::now() + SOON;
    let mut again = loop {
        match future.as_mut().poll(&mut std::task::Context::from_waker(waker)) {
            std::task::Poll::Ready(result) => break result.expect("no error").expect("records"),
            std::task::Poll::Pending => assert!(Instant::now() < end, "no records"),
        }
    };
    let mut offsets = Vec::new();
    again.for_each(|record| offsets.push(record.offset)).expect("readable");
    assert_eq!(offsets, [4, 5, 6, 7, 8, 9]);
}

#[test]
fn a_topic_that_does_not_exist_and_a_broker_that_does_not_answer_are_errors_in_time() {
    let server = server(&[]);
    let quick = |bootstrap: &str| {
        let builder = Consumer::builder().bootstrap_servers(bootstrap).set("default.api.timeout.ms", "300");
        builder.expect("a setting").build().expect("a consumer")
    };
    let error = quick(&server.bootstrap()).partitions("missing").expect_err("no such topic").to_string();
    assert!(error.contains("UNKNOWN_TOPIC_OR_PARTITION"), "{error}");
    let error = quick("127.0.0.1:1").partitions("t").expect_err("no broker").to_string();
    assert!(error.contains("127.0.0.1:1: connection refused"), "{error}");
    assert!(matches!(quick("127.0.0.1:1").assign("no/slash", 0, Start::Latest), Err(Error::Topic { .. })));
    let consumer = quick("127.0.0.1:1");
    consumer.assign("t", 0, Start::Earliest).expect("a topic");
    assert!(consumer.poll(Duration::from_millis(50)).expect("no error").is_none());
    assert!(consumer.close(SOON));
    assert!(consumer.poll(SOON).expect("no error").is_none(), "closed");
}
