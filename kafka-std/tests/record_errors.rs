//! A broker that refuses a batch names the records it is for (KIP-467): those fail with what it says of them, the others
//! can be sent again.

mod common;

use std::sync::mpsc;
use std::time::Duration;

use common::{block_on, server};
use kafka_broker::Server;
use kafka_std::producer::Cause;
use kafka_std::{DeliveryError, ErrorCode, Producer, ProducerBuilder, Record};

const PATIENCE: Duration = Duration::from_secs(20);

/// A topic that takes no record without a key.
fn compacted() -> Server {
    let server = server(&[("t", 1)]);
    assert!(server.with(|cluster| cluster.configure_topic("t", "cleanup.policy", "compact")));
    server
}

/// Everything that is sent before a flush is one batch.
fn lingering(server: &Server) -> ProducerBuilder {
    Producer::builder().bootstrap_servers(&server.bootstrap()).linger(PATIENCE)
}

fn assert_named(error: &DeliveryError) {
    assert_eq!((error.code(), error.may_be_written()), (Some(ErrorCode::INVALID_RECORD), false), "{error}");
    let said = "Compacted topic cannot accept message without key in topic partition t-0";
    assert_eq!((error.message(), error.is_retriable()), (Some(said), false));
    assert!(error.to_string().contains(said), "{error}");
    assert_eq!(error.record().expect("it comes back").key, None);
}

fn assert_beside(error: &DeliveryError) {
    assert_eq!((error.cause(), error.may_be_written()), (Cause::BatchRefused, false), "{error}");
    assert_eq!((error.code(), error.message(), error.is_retriable()), (None, None, true));
    assert!(error.record().expect("it comes back").key.is_some());
}

#[test]
fn each_way_of_sending_tells_the_invalid_record_from_those_beside_it() {
    let server = compacted();
    let (sender, told) = mpsc::channel();
    let handler = move |token: u64, result: &kafka_std::DeliveryResult| {
        sender.send((token, result.clone().unwrap_err())).unwrap();
    };
    let producer = lingering(&server).on_delivery(handler).build().unwrap();
    let (good, bad) = (Record::to("t").key("k").value("v"), Record::to("t").value("v"));
    let first = producer.send(good).unwrap();
    let second = producer.send(bad).unwrap();
    producer.send_with(good, 2).unwrap();
    producer.send_with(bad, 3).unwrap();
    let (closure, called) = mpsc::channel();
    for record in [good, bad] {
        let closure = closure.clone();
        producer.send_then(record, move |result| closure.send(result.unwrap_err()).unwrap()).unwrap();
    }
    let awaited = [producer.send(good).unwrap(), producer.send(bad).unwrap()];
    assert!(producer.flush(PATIENCE));
    assert_beside(&first.wait().unwrap_err());
    assert_named(&second.wait().unwrap_err());
    for (token, check) in [(2, assert_beside as fn(&DeliveryError)), (3, assert_named)] {
        let (told, error) = told.recv_timeout(PATIENCE).unwrap();
        assert_eq!(told, token);
        check(&error);
    }
    assert_beside(&called.recv_timeout(PATIENCE).unwrap());
    assert_named(&called.recv_timeout(PATIENCE).unwrap());
    let [good, bad] = awaited.map(|delivery| block_on(delivery).unwrap_err());
    assert_beside(&good);
    assert_named(&bad);

    // What was beside it is sent again as it is, and nothing was written before.
    let again = good.record().unwrap().with(|record| producer.send(record)).unwrap();
    assert!(producer.flush(PATIENCE));
    assert_eq!(again.wait().unwrap().offset(), Some(0));
}

#[test]
fn a_compressed_batch_and_a_lone_record_are_told_of_too() {
    let server = compacted();
    let producer = lingering(&server).set("compression.type", "lz4").unwrap().build().unwrap();
    let value = "v".repeat(1000);
    let records = [Record::to("t").key("k").value(&value), Record::to("t").value(&value)];
    let deliveries = records.map(|record| producer.send(record).unwrap());
    assert!(producer.flush(PATIENCE));
    let [good, bad] = deliveries.map(|delivery| delivery.wait().unwrap_err());
    assert_beside(&good);
    assert_named(&bad);
    let alone = producer.send(records[1]).unwrap();
    assert!(producer.flush(PATIENCE));
    assert_named(&alone.wait().unwrap_err());
}

#[test]
fn a_timestamp_out_of_range_has_its_own_code() {
    let server = server(&[("t", 1)]);
    let limit = "message.timestamp.before.max.ms";
    assert!(server.with(|cluster| cluster.configure_topic("t", limit, "3600000")));
    let producer = lingering(&server).build().unwrap();
    let deliveries = [Record::to("t").value("new"), Record::to("t").value("old").timestamp(1)]
        .map(|record| producer.send(record).unwrap());
    assert!(producer.flush(PATIENCE));
    let [new, old] = deliveries.map(|delivery| delivery.wait().unwrap_err());
    assert_eq!(new.cause(), Cause::BatchRefused);
    assert_eq!(old.code(), Some(ErrorCode::INVALID_TIMESTAMP));
    assert!(old.message().is_some_and(|text| text.starts_with("Timestamp 1 of message with offset 1")));
}

#[test]
fn a_transaction_with_an_invalid_record_has_to_be_aborted() {
    let server = compacted();
    let producer = lingering(&server).transactional_id("x").build().unwrap();
    producer.init_transactions().unwrap();
    producer.begin_transaction().unwrap();
    let deliveries = [Record::to("t").key("k"), Record::to("t")].map(|record| producer.send(record).unwrap());
    assert!(producer.commit_transaction().is_err());
    let [good, bad] = deliveries.map(|delivery| delivery.wait().unwrap_err());
    assert_beside(&good);
    assert_named(&bad);
    producer.abort_transaction().unwrap();
    producer.begin_transaction().unwrap();
    let good = producer.send(Record::to("t").key("k")).unwrap();
    producer.commit_transaction().unwrap();
    assert!(good.wait().is_ok());
}
