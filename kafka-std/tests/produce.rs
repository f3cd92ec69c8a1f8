//! Records reach the in-process broker, and their results the caller, in each of the ways there are.

mod common;

use std::sync::mpsc;
use std::time::Duration;

use common::{block_on, server};
use kafka_broker::{Action, Config, Server};
use kafka_proto::ApiKey;
use kafka_std::{Producer, Record};

const SECONDS: Duration = Duration::from_secs(20);

#[test]
fn a_record_is_acknowledged_with_its_place() {
    let server = server(&[("readings", 1)]);
    let producer = Producer::builder().bootstrap_servers(&server.bootstrap()).build().unwrap();
    for offset in 0..3 {
        let delivery = producer.send(Record::to("readings").key("k").value("v").timestamp(77)).unwrap();
        let record = delivery.wait().unwrap();
        assert_eq!(record.topic(), "readings");
        assert_eq!((record.partition(), record.offset(), record.timestamp()), (0, Some(offset), 77));
        assert_eq!(record.to_string(), format!("readings-0@{offset}"));
    }
    let log = server.with(|c| c.log("readings", 0).unwrap());
    assert_eq!(log.len(), 3);
    assert_eq!(log[2].key.as_deref(), Some(&b"k"[..]));
    assert_eq!(log[2].value.as_deref(), Some(&b"v"[..]));
    assert_eq!(log[2].timestamp, 77);
    assert!(producer.close(SECONDS));
}

#[test]
fn deliveries_are_futures_of_any_executor() {
    let server = server(&[("readings", 3)]);
    let producer = Producer::builder().bootstrap_servers(&server.bootstrap()).build().unwrap();
    block_on(async {
        let mut deliveries = Vec::new();
        for i in 0..100u32 {
            let key = i.to_be_bytes();
            deliveries.push(producer.send_async(Record::to("readings").key(&key).value("v")).await.unwrap());
        }
        for delivery in deliveries {
            assert!(delivery.await.unwrap().offset().is_some());
        }
        drop(producer.send(Record::to("readings").value("last")).unwrap());
        producer.flush_async().await;
    });
    let count: usize = server.with(|c| (0..3).map(|p| c.log("readings", p).unwrap().len()).sum());
    assert_eq!(count, 101);
}

#[test]
fn tokens_go_to_the_handler_and_closures_are_called() {
    let server = server(&[("readings", 2)]);
    let (sender, results) = mpsc::channel();
    let tokens = sender.clone();
    let producer = Producer::builder()
        .bootstrap_servers(&server.bootstrap())
        .on_delivery(move |token, result| {
            let record = result.as_ref().unwrap();
            tokens.send((token, record.partition(), record.offset().unwrap())).unwrap();
        })
        .build()
        .unwrap();
    let topic = producer.topic("readings").unwrap();
    let records = [Record::to(&topic).partition(1).value("v"); 50];
    producer.send_all_with(&records, 1000).unwrap();
    producer.send_with(Record::to(&topic).partition(1).value("v"), 7).unwrap();
    producer
        .send_then(Record::to(&topic).partition(0).value("v"), move |result| {
            let record = result.unwrap();
            sender.send((9, record.partition(), record.offset().unwrap())).unwrap();
            panic!("the application's own fault, which must not stop the producer");
        })
        .unwrap();
    assert!(producer.flush(SECONDS));
    let mut found: Vec<_> = results.try_iter().collect();
    found.sort_unstable();
    let mut expected: Vec<_> = (0..50).map(|i| (1000 + i, 1, i as i64)).collect();
    expected.extend([(7, 1, 50), (9, 0, 0)]);
    expected.sort_unstable();
    assert_eq!(found, expected, "flush waits for the handler too");
    producer.send(Record::to(&topic).value("still alive")).unwrap().wait().unwrap();
}

#[test]
fn many_threads_send_through_one_producer() {
    let server = server(&[("readings", 4)]);
    let producer =
        Producer::builder().bootstrap_servers(&server.bootstrap()).batch_size(2048).build().unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8u32 {
            let producer = producer.clone();
            scope.spawn(move || {
                let topic = producer.topic("readings").unwrap();
                let mut deliveries = Vec::new();
                for i in 0..2000u32 {
                    let key = (thread << 16 | i).to_be_bytes();
                    deliveries.push(producer.send(Record::to(&topic).key(&key).value("value")).unwrap());
                }
                deliveries.into_iter().for_each(|d| assert!(d.wait().unwrap().offset().is_some()));
            });
        }
    });
    let mut keys: Vec<_> =
        server.with(|c| (0..4).flat_map(|p| c.log("readings", p).unwrap()).map(|r| r.key.unwrap()).collect());
    keys.sort_unstable();
    let before = keys.len();
    keys.dedup();
    assert_eq!((before, keys.len()), (16_000, 16_000));
}

#[test]
fn a_flush_waits_for_what_was_sent_before_it_and_for_nothing_else() {
    let topics = vec![("readings".into(), 2)];
    let server = Server::start(Config { nodes: 2, topics, ..Config::default() }).unwrap();
    assert!(server.with(|c| c.set_leader("readings", 0, 0) && c.set_leader("readings", 1, 1)));
    let producer = Producer::builder()
        .bootstrap_servers(&server.bootstrap())
        .linger(Duration::from_secs(60))
        .delivery_timeout(Duration::from_secs(200))
        .build()
        .unwrap();
    let to = |partition| Record::to("readings").partition(partition).value("v");
    // The broker of one partition is slow, the other one never answers.
    server.with(|c| {
        c.inject(ApiKey::PRODUCE, Action::Delay(500_000));
        c.inject_many(ApiKey::PRODUCE, Some(1), 0, 1000, Action::Swallow);
    });
    drop(producer.send(to(0)).unwrap());
    std::thread::scope(|scope| {
        let flushing = scope.spawn(|| producer.flush(SECONDS));
        // It was sent, and so is being flushed.
        while server.with(|c| c.log("readings", 0).unwrap().is_empty()) {
            std::thread::yield_now();
        }
        drop(producer.send(to(1)).unwrap());
        assert!(!producer.flush(Duration::from_millis(1)), "who never answers?");
        assert!(flushing.join().unwrap(), "another thread's record was waited for");
    });
    assert!(!producer.flush(Duration::from_millis(1)));
}

#[test]
fn threads_that_wait_for_each_record_do_not_hold_each_other_up() {
    let server = server(&[("readings", 2)]);
    let (sender, tokens) = mpsc::channel();
    let producer = Producer::builder()
        .bootstrap_servers(&server.bootstrap())
        .linger(Duration::ZERO)
        .on_delivery(move |token, result| sender.send((token, result.is_ok())).unwrap())
        .build()
        .unwrap();
    let one_by_one = |count: u32| {
        for _ in 0..count {
            producer.send(Record::to("readings").value("v")).unwrap().wait().unwrap();
        }
    };
    one_by_one(200);
    // Nobody waits for this one, although its thread always did so far.
    producer.send_with(Record::to("readings").value("v"), 1).unwrap();
    assert_eq!(tokens.recv_timeout(SECONDS), Ok((1, true)));
    one_by_one(200);
    block_on(async { producer.send(Record::to("readings").value("v")).unwrap().await.unwrap() });
    one_by_one(200);
    drop(producer.send(Record::to("readings").value("v")).unwrap());
    assert!(producer.flush(SECONDS));
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (producer, one_by_one) = (&producer, &one_by_one);
            scope.spawn(move || match thread {
                0 => (0..100).for_each(|_| assert!(producer.flush(SECONDS))),
                _ => one_by_one(300),
            });
        }
    });
    one_by_one(200);
    let begin = std::time::Instant::now();
    assert!(producer.close(SECONDS));
    assert!(begin.elapsed() < Duration::from_secs(5));
}
