//! What cannot be sent is an error at the call, in every way of sending; nothing is queued, and nothing else is lost.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::{block_on, server};
use kafka_broker::Server;
use kafka_std::{ConsumerGroup, Header, Producer, ProducerBuilder, Record, SendError, TransactionError};

const SECONDS: Duration = Duration::from_secs(20);

/// The same record in each way there is to send one; what the call said, each time.
fn every_way(producer: &Producer, record: Record<'_>) -> Vec<SendError> {
    let called = Arc::new(AtomicUsize::new(0));
    let count = called.clone();
    let mut deliveries = Vec::new();
    let errors = vec![
        producer.send(record).expect_err("send"),
        producer.try_send(record).expect_err("try_send"),
        block_on(producer.send_async(record)).expect_err("send_async"),
        producer.send_with(record, 1).expect_err("send_with"),
        producer.send_then(record, move |_| _ = count.fetch_add(1, Ordering::SeqCst)).expect_err("send_then"),
        producer.send_all(&[record], &mut deliveries).expect_err("send_all"),
        producer.send_all_with(&[record], 1).expect_err("send_all_with"),
    ];
    assert!(deliveries.is_empty() && called.load(Ordering::SeqCst) == 0);
    errors
}

fn builder(server: &Server) -> ProducerBuilder {
    let builder = Producer::builder().bootstrap_servers(&server.bootstrap()).linger(SECONDS);
    builder.on_delivery(|token, _| assert_eq!(token, 0, "told of a record that was refused"))
}

#[test]
fn a_record_that_cannot_be_is_refused_in_every_way_of_sending() {
    let server = server(&[("t", 2)]);
    let producer = builder(&server).max_request_size(2000).build().unwrap();
    producer.send_with(Record::to("t").partition(0).value("before"), 0).unwrap();
    let (large, name, long) = (vec![0; 2000], "h".repeat(2000), "n".repeat(250));
    let (one, many) = ([Header { key: &name, value: None }], [Header { key: "k", value: Some(b"v") }; 500]);
    let filling = [Header { key: "k", value: Some(&large[..1000]) }; 2];
    let t = Record::to("t");
    type Is = fn(&SendError) -> bool;
    let too_large: Is = |error| matches!(error, SendError::TooLarge { max: 2000, size: 2001.. });
    let illegal: Is = |error| matches!(error, SendError::IllegalTopicName(_));
    let bad_timestamp: Is = |error| matches!(error, SendError::BadTimestamp(..-1));
    let no_partition: Is = |error| matches!(error, SendError::NoSuchPartition { partition: 2.., .. });
    for (record, is) in [
        (t.value(&large), too_large),
        (t.key(&large), too_large),
        (t.headers(&one), too_large),
        (t.headers(&many), too_large),
        (t.headers(&filling), too_large),
        (t.timestamp(-2), bad_timestamp),
        (t.timestamp(i64::MIN), bad_timestamp),
        (t.partition(2), no_partition),
        (t.partition(u32::MAX), no_partition),
        (Record::to(""), illegal),
        (Record::to("."), illegal),
        (Record::to(".."), illegal),
        (Record::to("no/slash"), illegal),
        (Record::to("no space"), illegal),
        (Record::to("weiß"), illegal),
        (Record::to("nul\0"), illegal),
        (Record::to(&long), illegal),
    ] {
        for error in every_way(&producer, record) {
            assert!(is(&error), "{error}");
            assert!(!error.is_retriable());
        }
    }
    // What just fits, and what looks odd and is not.
    let longest = "n".repeat(249);
    assert!(
        producer.topic(&longest).is_ok() && producer.topic("...").is_ok() && producer.topic("_-9").is_ok()
    );
    let odd = [Header { key: "", value: Some(b"") }; 3];
    producer.send_with(t.partition(0).key("").headers(&odd).timestamp(-1), 0).unwrap();
    producer.send_with(t.partition(0).timestamp(i64::MAX), 0).unwrap();
    producer.send_with(t.partition(0).value(&large[..1900]), 0).unwrap();
    assert!(producer.flush(SECONDS));
    let log = server.with(|c| c.log("t", 0).unwrap());
    let values: Vec<_> = log.iter().map(|record| record.value.as_ref().map(Vec::len)).collect();
    assert_eq!(values, [Some(6), None, None, Some(1900)], "these and no others, in order");
    assert_eq!(log.iter().map(|record| record.timestamp).skip(1).take(2).collect::<Vec<_>>(), [-1, i64::MAX]);
    assert_eq!(server.with(|c| c.log("t", 1).unwrap().len()), 0);
}

#[test]
fn a_handle_of_another_producer_and_a_closed_one_are_refused() {
    let server = server(&[("t", 1)]);
    let (producer, other) = (builder(&server).build().unwrap(), builder(&server).build().unwrap());
    let foreign = other.topic("t").unwrap();
    for error in every_way(&producer, Record::to(&foreign)) {
        assert_eq!(error, SendError::ForeignTopic("t".into()));
    }
    assert!(producer.close(SECONDS));
    for error in every_way(&producer, Record::to("t")) {
        assert_eq!(error, SendError::Closed);
    }
    assert_eq!(server.with(|c| c.log("t", 0).unwrap().len()), 0);
}

fn wrong(result: Result<(), TransactionError>) {
    assert!(matches!(result, Err(TransactionError::WrongState(_))), "{result:?}");
}

#[test]
fn a_transaction_that_is_misused_says_so_at_the_call_and_goes_on() {
    let server = server(&[("t", 1), ("in", 1)]);
    let (group, offsets) = (ConsumerGroup::new("g"), [("in", 0, 5)]);
    let plain = builder(&server).build().unwrap();
    wrong(plain.init_transactions());
    wrong(plain.begin_transaction());
    wrong(plain.commit_transaction());
    wrong(plain.abort_transaction());
    wrong(plain.send_offsets(&group, &offsets));

    let producer = builder(&server).transactional_id("misuse").build().unwrap();
    let outside = |producer: &Producer| {
        for error in every_way(producer, Record::to("t").value("outside")) {
            assert!(matches!(error, SendError::WrongState(_)), "{error}");
        }
    };
    wrong(producer.begin_transaction());
    wrong(producer.commit_transaction());
    wrong(producer.send_offsets(&group, &offsets));
    outside(&producer);
    producer.init_transactions().unwrap();
    wrong(producer.init_transactions());
    wrong(producer.commit_transaction());
    wrong(producer.abort_transaction());
    wrong(producer.send_offsets(&group, &offsets));
    wrong(block_on(producer.commit_transaction_async()));
    outside(&producer);

    producer.begin_transaction().unwrap();
    wrong(producer.begin_transaction());
    wrong(producer.init_transactions());
    producer.send_with(Record::to("t").value("inside"), 0).unwrap();
    let bad = [
        (producer.send_offsets(&group, &[("in", 0, 6), ("in", 0, -1)]), "offset -1 of in-0"),
        (producer.send_offsets(&group, &[("in", 0, 6), ("in", -1, 0)]), "offset 0 of in--1"),
        (producer.send_offsets(&group, &[("in", 0, 6), ("no/slash", 0, 0)]), "not a legal topic name"),
        (producer.send_offsets(&ConsumerGroup::default(), &[("in", 0, 6)]), "group.id"),
    ];
    for (result, says) in bad {
        let text = result.unwrap_err().to_string();
        assert!(text.contains(says), "{text}");
    }
    // None of those: this one, and the record.
    producer.send_offsets(&group, &offsets).unwrap();
    producer.commit_transaction().unwrap();
    outside(&producer);
    wrong(producer.abort_transaction());
    let values: Vec<_> =
        server.with(|c| c.log("t", 0).unwrap().into_iter().filter_map(|record| record.value).collect());
    assert!(
        values.iter().filter(|value| value.starts_with(b"in")).count() == 1
            && !values.contains(&b"outside".to_vec())
    );
    assert_eq!(server.with(|c| c.committed_offset("g", "in", 0)), Some(5));

    // An empty transaction ends at once.
    producer.begin_transaction().unwrap();
    producer.commit_transaction().unwrap();
    producer.begin_transaction().unwrap();
    producer.abort_transaction().unwrap();
}
