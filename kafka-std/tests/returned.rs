//! What was not sent comes back: topic, key, value, headers, whoever asks.

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{block_on, server};
use kafka_broker::{Action, Config, Server};
use kafka_proto::ApiKey;
use kafka_std::SendError;
use kafka_std::producer::Cause;
use kafka_std::{Codec, DeliveryError, ErrorCode, Header, OwnedRecord, Producer, ProducerBuilder, Record};

const SECONDS: Duration = Duration::from_secs(20);
const MOMENT: Duration = Duration::from_millis(300);

fn lingering(server: &Server) -> ProducerBuilder {
    Producer::builder().bootstrap_servers(&server.bootstrap()).linger(SECONDS)
}

fn assert_is(record: Option<OwnedRecord>, key: Option<&[u8]>, value: Option<&[u8]>, timestamp: i64) {
    let expected = OwnedRecord {
        topic: "readings".into(),
        partition: 1,
        key: key.map(<[u8]>::to_vec),
        value: value.map(<[u8]>::to_vec),
        headers: vec![("a".into(), None), ("a".into(), Some(vec![]))],
        timestamp,
    };
    assert_eq!(record, Some(expected));
}

const HEADERS: [Header<'static>; 2] =
    [Header { key: "a", value: None }, Header { key: "a", value: Some(b"") }];

fn to(timestamp: i64) -> Record<'static> {
    Record::to("readings").partition(1).headers(&HEADERS).timestamp(timestamp)
}

#[test]
fn what_was_never_sent_comes_back_to_whoever_waits() {
    let server = server(&[("readings", 2)]);
    let told = Arc::new(Mutex::new(Vec::<(u64, DeliveryError)>::new()));
    let handler = told.clone();
    let keep = move |token, result: &kafka_std::DeliveryResult| {
        handler.lock().unwrap().push((token, result.clone().unwrap_err()));
    };
    let producer = lingering(&server).on_delivery(keep).build().unwrap();
    let blocking = producer.send(to(1).key("one")).unwrap();
    let awaited = producer.send(to(2).value("two")).unwrap();
    producer.send_with(to(3).key("k").value(""), 3).unwrap();
    let (sender, called) = std::sync::mpsc::channel();
    producer.send_then(to(-1).value("four"), move |result| sender.send(result).unwrap()).unwrap();
    assert!(!producer.close(Duration::ZERO), "they linger");
    assert_is(blocking.wait().unwrap_err().record(), Some(b"one"), None, 1);
    let error = block_on(awaited).unwrap_err();
    assert_eq!(error.cause(), Cause::Closed);
    assert_is(error.record(), None, Some(b"two"), 2);
    assert_is(called.recv().unwrap().unwrap_err().record(), None, Some(b"four"), -1);
    let told = told.lock().unwrap();
    assert_eq!((told.len(), told[0].0), (1, 3));
    assert_is(told[0].1.record(), Some(b"k"), Some(b""), 3);

    // It can be sent again as it is.
    let other = Producer::builder().bootstrap_servers(&server.bootstrap()).build().unwrap();
    let again = told[0].1.record().unwrap();
    assert_eq!(again.with(|record| other.send(record)).unwrap().wait().unwrap().partition(), 1);
    let log = server.with(|c| c.log("readings", 1).unwrap());
    assert_eq!((log.len(), log[0].timestamp, log[0].key.as_deref()), (1, 3, Some(&b"k"[..])));
}

#[test]
fn what_expires_before_it_could_go_comes_back_compressed_or_not() {
    for codec in [Codec::None, Codec::Lz4] {
        let server = server(&[("readings", 2)]);
        let builder = Producer::builder().bootstrap_servers(&server.bootstrap()).compression(codec);
        let builder = builder.batch_size(2000).request_timeout(MOMENT).delivery_timeout(2 * MOMENT);
        let producer = builder.linger(Duration::ZERO).build().unwrap();
        producer.send(to(0)).unwrap().wait().unwrap();
        // Full batches are sealed for a broker that is gone; the first record is there to notice that it is.
        server.with(|c| c.kill_node(0));
        producer.send(to(0)).unwrap().wait().unwrap_err();
        let values: Vec<Vec<u8>> = (0..200u8).map(|i| vec![i; 100]).collect();
        let deliveries: Vec<_> =
            values.iter().map(|value| producer.send(to(5).value(value)).unwrap()).collect();
        for (delivery, value) in deliveries.into_iter().zip(&values) {
            let error = delivery.wait().unwrap_err();
            assert_eq!((error.cause(), error.may_be_written()), (Cause::TimedOut, false));
            assert_is(error.record(), None, Some(value), 5);
        }
    }
}

#[test]
fn what_the_broker_refuses_comes_back_part_by_part_and_what_may_be_written_does_not() {
    let topics = vec![("readings".into(), 2)];
    let server = Server::start(Config { topics, max_message_bytes: 2048, ..Config::default() }).unwrap();
    let producer = lingering(&server).build().unwrap();
    // A batch that is split: the large records end up alone, and are refused.
    let values: Vec<Vec<u8>> = (0..40u8).map(|i| vec![i; if i % 10 == 3 { 3000 } else { 40 }]).collect();
    let deliveries: Vec<_> = values.iter().map(|value| producer.send(to(9).value(value)).unwrap()).collect();
    assert!(producer.flush(SECONDS));
    for (i, (delivery, value)) in deliveries.into_iter().zip(&values).enumerate() {
        let result = delivery.wait();
        assert_eq!(result.is_err(), i % 10 == 3, "{i}");
        if let Err(error) = result {
            assert_eq!(error.code(), Some(ErrorCode::MESSAGE_TOO_LARGE));
            assert_is(error.record(), None, Some(value), 9);
        }
    }
    let builder = Producer::builder().bootstrap_servers(&server.bootstrap()).request_timeout(MOMENT);
    let producer = builder.delivery_timeout(2 * MOMENT).linger(Duration::ZERO).build().unwrap();
    server.with(|c| c.inject_many(ApiKey::PRODUCE, None, 0, 1000, Action::Swallow));
    let error = producer.send(to(0).value("who knows")).unwrap().wait().unwrap_err();
    assert!(error.may_be_written());
    assert_eq!(error.record(), None);
}

#[test]
fn an_aborted_transaction_gives_back_what_was_not_sent() {
    let server = server(&[("readings", 2)]);
    let producer = lingering(&server).transactional_id("t").build().unwrap();
    producer.init_transactions().unwrap();
    producer.begin_transaction().unwrap();
    let delivery = producer.send(to(4).value("v")).unwrap();
    producer.abort_transaction().unwrap();
    assert_is(delivery.wait().unwrap_err().record(), None, Some(b"v"), 4);
}

#[test]
fn a_pool_that_stays_full_leaves_the_record_with_the_caller_in_every_way_of_sending() {
    let server = server(&[("readings", 2)]);
    let builder = lingering(&server).batch_size(1024).buffer_memory(2048).max_block(MOMENT);
    let producer = builder.build().unwrap();
    let value = [7; 900];
    let record = to(6).key("k").value(&value);
    // Nothing leaves: there is nobody to send it to.
    drop(producer.send(Record::to("readings").partition(0).value("warm")).unwrap());
    server.with(|c| c.kill_node(0));
    while producer.try_send(record).is_ok() {}
    let (calls, mut deliveries) = (Arc::new(Mutex::new(0)), Vec::new());
    let called = calls.clone();
    let errors = [
        producer.send(record).map(drop).unwrap_err(),
        producer.send_with(record, 1).unwrap_err(),
        producer.send_then(record, move |_| *called.lock().unwrap() += 1).unwrap_err(),
        producer.send_all(&[record], &mut deliveries).unwrap_err(),
        block_on(producer.send_async(record)).map(drop).unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, SendError::Full { waited, .. } if waited >= MOMENT), "{error}");
    }
    assert_eq!((*calls.lock().unwrap(), deliveries.len()), (0, 0));
    // Still whole: another producer takes it.
    server.with(|c| c.start_node(0));
    let other = Producer::builder().bootstrap_servers(&server.bootstrap()).build().unwrap();
    other.send(record).unwrap().wait().unwrap();
    drop(producer);
    let log = server.with(|c| c.log("readings", 1).unwrap());
    assert_eq!(log.last().unwrap().value.as_deref(), Some(&value[..]));
}
