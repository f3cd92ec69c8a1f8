//! Futures may be dropped at any await.

use std::future::poll_fn;
use std::pin::pin;
use std::time::Duration;

use async_io::Timer;
use futures_lite::future::{block_on, or, poll_once};
use kafka_embassy::Record;
use kafka_embassy::core::net::Trouble;
use kafka_embassy::core::producer::AppendError;

use crate::setup::{TOPIC, assert_log, broker, client, send};

#[test]
fn a_runner_that_is_dropped_in_the_middle_of_anything_goes_on_when_it_is_run_again() {
    let server = broker(1);
    // Small pieces, so that most drops come in the middle of a frame.
    let (producer, mut runner) = client::<1>(&server.bootstrap(), 5);
    let count = 1_000;
    let restarts = async {
        let (mut acked, mut in_vain) = (0, 0);
        for round in 0_u64.. {
            // Where a round of pauses brought nothing, the machine is slow: it gets more time.
            in_vain = if producer.tally().acked > acked { 0 } else { in_vain + 1 };
            acked = producer.tally().acked;
            let pause = Duration::from_micros((300 + 700 * (round % 37)) * (1 + in_vain / 37));
            or(async { runner.run(|_| {}).await }, async {
                Timer::after(pause).await;
            })
            .await;
        }
    };
    block_on(or(send(producer, 0, count), restarts));
    assert_log(&server, count);
}

#[test]
fn a_send_that_is_dropped_while_it_waits_has_taken_nothing() {
    let server = broker(1);
    let (producer, mut runner) = client::<1>(&server.bootstrap(), usize::MAX);
    let topic = producer.topic(TOPIC).expect("a legal name");
    let record = Record { key: Some(b"key 0"), value: Some(b"never"), ..Record::default() };
    block_on(async {
        // Nobody runs the client, so the topic's partitions stay unknown.
        assert!(poll_once(producer.send(topic, &record)).await.is_none());
        let refused = producer.try_send(topic, &record);
        assert!(matches!(refused, Err(AppendError::NoMetadata { .. })), "{refused:?}");
        or(send(producer, 0, 50), async { runner.run(|_| {}).await }).await;
    });
    assert_log(&server, 50);
}

#[test]
fn a_full_pool_holds_senders_back_until_somebody_drives() {
    let server = broker(1);
    let (producer, mut runner) = client::<1>(&server.bootstrap(), usize::MAX);
    block_on(or(send(producer, 0, 1), async { runner.run(|_| {}).await }));
    let topic = producer.topic(TOPIC).expect("a legal name");
    let mut taken = 1;
    let full = loop {
        let (key, value) = (format!("key {}", taken % 7), format!("value {taken}"));
        let record = Record { key: Some(key.as_bytes()), value: Some(value.as_bytes()), ..Record::default() };
        match producer.try_send(topic, &record) {
            Ok(_) => taken += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(full, AppendError::Full);
    block_on(or(producer.flush(), async { runner.run(|_| {}).await }));
    assert_log(&server, taken);
}

#[test]
fn a_record_that_no_batch_can_hold_is_refused_at_once() {
    let server = broker(1);
    let (producer, mut runner) = client::<1>(&server.bootstrap(), usize::MAX);
    let topic = producer.topic(TOPIC).expect("a legal name");
    let big = [0; 600];
    let record = Record { value: Some(&big), ..Record::default() };
    let refused = block_on(or(producer.send(topic, &record), async { runner.run(|_| {}).await }));
    assert!(matches!(refused, Err(AppendError::TooLarge { max: 512, .. })), "{refused:?}");
}

#[test]
fn a_name_without_an_address_is_asked_for_again_in_peace() {
    let (producer, mut runner) = client::<1>("nowhere.invalid:9092", usize::MAX);
    let mut polls = 0;
    let mut run = pin!(runner.run(|_| {}));
    let counted = poll_fn(|cx| {
        polls += 1;
        run.as_mut().poll(cx).map(|never| never)
    });
    let wait = async {
        Timer::after(Duration::from_millis(300)).await;
    };
    block_on(or(send(producer, 0, 1), or(counted, wait)));
    assert_eq!(producer.tally().acked, 0);
    let mut seen = Vec::new();
    producer.troubles(|host, port, trouble| seen.push((host.to_owned(), port, trouble)));
    assert_eq!(seen, [("nowhere.invalid".to_owned(), 9092, Trouble::Unresolved)]);
    assert!((2..100).contains(&polls), "{polls} polls in 300 ms");
}
