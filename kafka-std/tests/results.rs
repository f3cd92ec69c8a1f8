//! What a result says, and what arrives.

mod common;

use std::time::Duration;

use common::server;
use kafka_std::{Header, Producer, Record};

const SECONDS: Duration = Duration::from_secs(20);

#[test]
fn a_record_that_nobody_waits_for_is_sent() {
    let server = server(&[("t", 1)]);
    let producer = Producer::builder().bootstrap_servers(&server.bootstrap()).build().unwrap();
    for _ in 0..10 {
        drop(producer.send(Record::to("t").value("v")).unwrap());
    }
    assert!(producer.flush(SECONDS));
    assert_eq!(server.with(|c| c.log("t", 0).unwrap().len()), 10);
}

#[test]
fn where_the_broker_sets_the_time_the_result_has_its_time() {
    let server = server(&[("t", 1)]);
    let producer = Producer::builder().bootstrap_servers(&server.bootstrap()).build().unwrap();
    let own = producer.send(Record::to("t").timestamp(77)).unwrap().wait().unwrap();
    assert!(server.with(|c| c.configure_topic("t", "message.timestamp.type", "LogAppendTime")));
    let theirs = producer.send(Record::to("t").timestamp(77)).unwrap().wait().unwrap();
    let log = server.with(|c| c.log("t", 0).unwrap());
    assert_eq!((own.timestamp(), log[0].timestamp), (77, 77));
    assert!(theirs.timestamp() > 1_000_000_000_000, "{theirs:?}");
    assert_eq!(theirs.timestamp(), log[1].timestamp);
}

#[test]
fn headers_keep_their_order_and_come_as_often_as_they_were_given() {
    let server = server(&[("t", 1)]);
    let producer = Producer::builder().bootstrap_servers(&server.bootstrap()).build().unwrap();
    let headers = [("b", Some("1")), ("a", None), ("b", Some("")), ("", Some("x")), ("b", Some("1"))];
    let given = headers.map(|(key, value)| Header { key, value: value.map(str::as_bytes) });
    producer.send(Record::to("t").headers(&given)).unwrap().wait().unwrap();
    let log = server.with(|c| c.log("t", 0).unwrap());
    let there = headers.map(|(key, value)| (key.to_owned(), value.map(|v| v.as_bytes().to_vec())));
    assert_eq!(log[0].headers, there);
}

#[test]
fn what_was_done_can_be_read_at_any_time() {
    let server = server(&[("t", 1)]);
    let producer =
        Producer::builder().bootstrap_servers(&server.bootstrap()).linger(SECONDS).build().unwrap();
    producer.send(Record::to("t").value("first")).map(drop).unwrap();
    assert_eq!((producer.metrics().records_acked, producer.batches_in_use()), (0, 1));
    assert!(producer.flush(SECONDS));
    let metrics = producer.metrics();
    assert_eq!((metrics.records_acked, metrics.batches, metrics.requests), (1, 1, 1));
    assert_eq!(producer.batches_in_use(), 0);
}
