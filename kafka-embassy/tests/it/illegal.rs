//! What cannot be sent is an error at the call, in both ways of sending; nothing is queued, and nothing else is lost.

use futures_lite::future::{block_on, or};
use kafka_embassy::Record;
use kafka_embassy::core::producer::{AppendError, TopicError};
use kafka_embassy::core::time::Timestamp;
use kafka_proto::record::Header;

use crate::setup::{TOPIC, broker, client};

#[test]
fn what_cannot_be_sent_is_an_error_at_the_call_and_nothing_is_queued() {
    let server = broker(1);
    let (producer, mut runner) = client::<1>(&server.bootstrap(), usize::MAX);
    let long = "n".repeat(250).leak();
    for name in ["", ".", "..", "no/slash", "no space", "weiß", &*long] {
        assert_eq!(producer.topic(name), Err(TopicError::IllegalName), "{name:?}");
    }
    let topic = producer.topic(TOPIC).expect("a legal name");
    let (name, value) = ("h".repeat(600), [0; 600]);
    let (one, many) = ([Header { key: &name, value: None }], [Header { key: "k", value: Some(b"v") }; 200]);
    let good = Record { partition: Some(0), value: Some(b"good"), ..Record::default() };
    let too_large = |error: &AppendError| matches!(error, AppendError::TooLarge { max: 512, size: 513.. });
    let bad_timestamp = |error: &AppendError| matches!(error, AppendError::BadTimestamp(..-1));
    let no_partition = |error: &AppendError| *error == AppendError::NoSuchPartition { partitions: 3 };
    type Is<'a> = &'a dyn Fn(&AppendError) -> bool;
    let wrong: [(Record<'_>, Is<'_>); 8] = [
        (Record { value: Some(&value), ..good }, &too_large),
        (Record { key: Some(&value), ..good }, &too_large),
        (Record { headers: &one, ..good }, &too_large),
        (Record { headers: &many, ..good }, &too_large),
        (Record { timestamp: Timestamp::At(-2), ..good }, &bad_timestamp),
        (Record { timestamp: Timestamp::At(i64::MIN), ..good }, &bad_timestamp),
        (Record { partition: Some(3), ..good }, &no_partition),
        (Record { partition: Some(u32::MAX), ..good }, &no_partition),
    ];
    let sending = async {
        producer.send(topic, &good).await.expect("taken");
        for (record, is) in wrong {
            let errors = [producer.send(topic, &record).await, producer.try_send(topic, &record)];
            for error in errors.map(|sent| sent.expect_err("refused")) {
                assert!(is(&error), "{error}");
            }
        }
        let unknown = Record { timestamp: Timestamp::At(-1), ..good };
        producer.send(topic, &unknown).await.expect("taken");
        producer.flush().await;
    };
    block_on(or(sending, async { runner.run(|_| {}).await }));
    assert_eq!(producer.tally().acked, 2);
    let log = server.with(|c| c.log(TOPIC, 0)).expect("a partition");
    let all: Vec<_> = log.iter().map(|record| (record.value.as_deref(), record.timestamp)).collect();
    assert_eq!(all, [(Some(&b"good"[..]), -1); 2]);
}
