//! Interceptors see every record and every result, in order, and cannot do harm.

mod common;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::{block_on, server};
use kafka_std::{DeliveryResult, Header, Interceptor, Outgoing, Producer, Record, SendError};

const SECONDS: Duration = Duration::from_secs(20);

type Events = Arc<Mutex<Vec<String>>>;

/// Appends its name to the value and adds a header, and notes what it sees.
struct Stamp {
    name: &'static str,
    events: Events,
}

impl Interceptor for Stamp {
    fn on_send(&self, record: &mut Outgoing<'_>) {
        let mut value = record.value().unwrap_or_default().to_vec();
        value.extend(self.name.bytes());
        record.set_value(Some(value));
        record.add_header("seen by", Some(self.name.as_bytes()));
        // A key made of the value: the partition is chosen by it, afterwards.
        record.set_key(record.value().map(<[u8]>::to_vec));
    }

    fn on_acknowledgement(&self, result: &DeliveryResult) {
        let text = match result {
            Ok(record) => format!("{}: {record} at {}", self.name, record.timestamp()),
            Err(error) => format!("{}: failed {}-{}", self.name, error.topic(), error.partition()),
        };
        self.events.lock().unwrap().push(text);
    }

    fn on_refused(&self, record: &Outgoing<'_>, error: &SendError) {
        let value = String::from_utf8_lossy(record.value().unwrap_or_default()).into_owned();
        self.events.lock().unwrap().push(format!("{}: refused {value}: {error}", self.name));
    }
}

/// Changes the record and panics, at every occasion.
struct Broken;

impl Interceptor for Broken {
    fn on_send(&self, record: &mut Outgoing<'_>) {
        record.set_value(None);
        record.set_topic("elsewhere");
        record.headers_mut().clear();
        panic!("the interceptor's own fault");
    }

    fn on_acknowledgement(&self, _: &DeliveryResult) {
        panic!("the interceptor's own fault");
    }

    fn on_refused(&self, _: &Outgoing<'_>, _: &SendError) {
        panic!("the interceptor's own fault");
    }
}

#[test]
fn they_are_called_in_order_in_every_way_of_sending_and_a_panic_changes_nothing() {
    let server = server(&[("readings", 12)]);
    let events = Events::default();
    let told = events.clone();
    let producer = Producer::builder()
        .bootstrap_servers(&server.bootstrap())
        .interceptor(Stamp { name: "+a", events: events.clone() })
        .interceptor(Broken)
        .interceptor(Stamp { name: "+b", events: events.clone() })
        .on_delivery(move |token, _| told.lock().unwrap().push(format!("token {token}")))
        .build()
        .unwrap();
    let own = [Header { key: "own", value: None }, Header { key: "own", value: Some(b"2") }];
    let to = |value: &'static str| Record::to("readings").key("k").value(value).headers(&own).timestamp(7);
    let partition = producer.send(to("1")).unwrap().wait().unwrap().partition();
    assert!(producer.flush(SECONDS));
    let expected = ["+a: readings", "+b: readings"].map(|text| format!("{text}-{partition}@0 at 7"));
    assert_eq!(std::mem::take(&mut *events.lock().unwrap()), expected);

    producer.try_send(to("2")).unwrap().wait().unwrap();
    block_on(async { producer.send_async(to("3")).await.unwrap().await.unwrap() });
    producer.send_with(to("4"), 4).unwrap();
    let (sender, called) = std::sync::mpsc::channel();
    producer.send_then(to("5"), move |result| sender.send(result.is_ok()).unwrap()).unwrap();
    producer.send_all(&[to("6"), to("7")], &mut Vec::new()).unwrap();
    producer.send_all_with(&[to("8"), to("9")], 8).unwrap();
    assert!(producer.flush(SECONDS));
    assert_eq!(called.recv(), Ok(true));
    let events = std::mem::take(&mut *events.lock().unwrap());
    let count = |start: &str| events.iter().filter(|event| event.starts_with(start)).count();
    assert_eq!((count("+a"), count("+b"), count("token")), (8, 8, 3), "{events:?}");

    let mut values = Vec::new();
    server.with(|c| {
        for partition in 0..12 {
            for record in c.log("readings", partition).unwrap() {
                assert_eq!(record.key.as_deref().map(key_partition), Some(partition), "by the new key");
                assert_eq!(record.key, record.value);
                let headers: Vec<_> =
                    record.headers.iter().map(|(k, v)| (k.as_str(), v.as_deref())).collect();
                let expected: [(&str, Option<&[u8]>); 4] =
                    [("own", None), ("own", Some(b"2")), ("seen by", Some(b"+a")), ("seen by", Some(b"+b"))];
                assert_eq!(headers, expected);
                values.push(String::from_utf8(record.value.unwrap()).unwrap());
            }
        }
    });
    values.sort();
    let expected: Vec<_> = (1..10).map(|i| format!("{i}+a+b")).collect();
    assert_eq!(values, expected);
}

fn key_partition(key: &[u8]) -> i32 {
    kafka_client_core::producer::partition_for_key(key, 12) as i32
}

#[test]
fn topic_partition_and_headers_can_be_replaced_and_the_callers_record_is_not_touched() {
    struct Divert;
    impl Interceptor for Divert {
        fn on_send(&self, record: &mut Outgoing<'_>) {
            assert_eq!((record.topic(), record.partition(), record.timestamp()), ("in", None, Some(1)));
            assert_eq!(record.headers().map(|h| h.key).collect::<Vec<_>>(), ["a", "b"]);
            record.headers_mut().remove(0);
            record.set_topic("out");
            record.set_partition(Some(1));
            record.set_timestamp(Some(99));
        }
    }
    let server = server(&[("in", 1), ("out", 2)]);
    let builder = Producer::builder().bootstrap_servers(&server.bootstrap()).interceptor(Divert);
    let producer = builder.build().unwrap();
    let headers = [Header { key: "a", value: None }, Header { key: "b", value: None }];
    let record = Record::to("in").value("v").headers(&headers).timestamp(1);
    let written = producer.send(record).unwrap().wait().unwrap();
    assert_eq!((written.to_string(), written.timestamp()), ("out-1@0".to_owned(), 99));
    let log = server.with(|c| c.log("out", 1).unwrap());
    assert_eq!((log[0].timestamp, log[0].headers.len()), (99, 1));
    assert_eq!(log[0].headers[0].0, "b");
    assert_eq!(server.with(|c| c.log("in", 0).unwrap().len()), 0);
}

#[test]
fn refusals_and_failures_are_told_too() {
    let server = server(&[("readings", 1)]);
    let events = Events::default();
    let producer = Producer::builder()
        .bootstrap_servers(&server.bootstrap())
        .interceptor(Broken)
        .interceptor(Stamp { name: "+a", events: events.clone() })
        .linger(SECONDS)
        .build()
        .unwrap();
    producer.send(Record::to("no such/name").value("1")).unwrap_err();
    block_on(producer.send_async(Record::to("readings").partition(9).value("2"))).unwrap_err();
    server.with(|c| c.kill_node(0));
    let never_sent = producer.send(Record::to("readings").value("3")).unwrap();
    producer.close(Duration::ZERO);
    never_sent.wait().unwrap_err();
    // The producer's thread may still be telling: the interceptors go with it.
    drop(producer);
    let begin = Instant::now();
    while Arc::strong_count(&events) > 1 {
        assert!(begin.elapsed() < SECONDS, "the producer's thread goes on");
        std::thread::yield_now();
    }
    let events = events.lock().unwrap();
    assert_eq!(events.len(), 3, "{events:?}");
    assert!(events[0].starts_with("+a: refused 1+a: \"no such/name\""), "{events:?}");
    assert!(events[1].starts_with("+a: refused 2+a: topic readings has no partition 9"), "{events:?}");
    assert_eq!(events[2], "+a: failed readings-0");
}
