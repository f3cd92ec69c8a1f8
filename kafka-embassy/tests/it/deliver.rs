//! Records arrive, exactly once and in order, whatever the network makes of the bytes.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use async_io::Timer;
use futures_lite::future::{block_on, or, poll_once, zip};
use kafka_embassy::core::producer::{Delivery, Outcome, SendError};
use kafka_embassy::{Record, Tally};
use kafka_proto::ErrorCode;

use crate::setup::{TOPIC, assert_log, broker, client, lingering_client, send};

#[test]
fn a_record_for_each_way_that_bytes_can_be_cut() {
    for piece in [1, 3, 7, 61, usize::MAX] {
        let server = broker(1);
        let (producer, mut runner) = client::<1>(&server.bootstrap(), piece);
        let told = Cell::new(0);
        let count = 400;
        block_on(or(send(producer, 0, count), async {
            runner
                .run(|delivery| {
                    assert!(matches!(delivery.outcome, Outcome::Acked { base_offset: Some(_), .. }));
                    told.set(told.get() + delivery.count);
                })
                .await
        }));
        assert_log(&server, count);
        assert_eq!(told.get(), count, "each record was told of before the flush ended");
        assert_eq!(producer.tally().acked, count);
    }
}

#[test]
fn one_connection_serves_three_leaders_and_two_serve_them_too() {
    for run in [one_of::<1>, one_of::<2>] {
        run();
    }
}

fn one_of<const CONNS: usize>() {
    let server = broker(3);
    let (producer, mut runner) = client::<CONNS>(&server.bootstrap(), usize::MAX);
    block_on(or(send(producer, 0, 300), async { runner.run(|_| {}).await }));
    assert_log(&server, 300);
}

#[test]
fn several_tasks_send_through_copies_of_the_handle() {
    let server = broker(1);
    let (producer, mut runner) = client::<1>(&server.bootstrap(), usize::MAX);
    let (halves, count) = (zip(send(producer, 0, 350), send(producer, 350, 700)), 700);
    block_on(or(
        async {
            halves.await;
        },
        async { runner.run(|_| {}).await },
    ));
    assert_eq!(producer.tally().acked, count);
    let stored: usize =
        (0..3).map(|p| server.with(|c| c.log("readings", p)).map_or(0, |log| log.len())).sum();
    assert_eq!(stored, count as usize);
}

#[test]
fn connections_that_break_over_and_over_lose_and_double_nothing() {
    let server = broker(1);
    let (producer, mut runner) = client::<1>(&server.bootstrap(), 97);
    let count = 2_000;
    let breaking = async {
        for round in 0_u64.. {
            // On a slow machine, too, something arrives between one cut and the next: else it were the delivery timeout
            // that is tested.
            let next = producer.tally().acked + 40;
            while producer.tally().acked < next {
                Timer::after(Duration::from_micros(300)).await;
            }
            Timer::after(Duration::from_micros(211 * (round % 23))).await;
            server.with(|cluster| cluster.drop_connections(0));
        }
    };
    let running = async { runner.run(|_| {}).await };
    block_on(or(send(producer, 0, count), or(breaking, running)));
    assert_eq!(producer.tally(), Tally { acked: count, not_written: 0, indeterminate: 0 });
    assert_log(&server, count);
}

#[test]
fn of_a_refused_batch_each_record_has_its_own_outcome() {
    let server = broker(1);
    assert!(server.with(|cluster| cluster.configure_topic(TOPIC, "cleanup.policy", "compact")));
    let (producer, mut runner) = client::<1>(&server.bootstrap(), usize::MAX);
    let outcomes = RefCell::new(Vec::new());
    let sending = async {
        let topic = producer.topic(TOPIC).expect("a legal name");
        for key in [Some(&b"k"[..]), None, Some(b"k")] {
            let record = Record { partition: Some(0), key, value: Some(b"v"), ..Record::default() };
            producer.send(topic, &record).await.expect("taken");
        }
        producer.flush().await;
    };
    let tell = |delivery: &Delivery| {
        let all = (0..delivery.count).map(|index| producer.outcome_of(delivery, index));
        outcomes.borrow_mut().extend(all);
    };
    block_on(or(sending, async { runner.run(tell).await }));
    let beside = Outcome::NotWritten(SendError::BatchRefused);
    let named = Outcome::NotWritten(SendError::Broker(ErrorCode::INVALID_RECORD));
    assert_eq!(*outcomes.borrow(), [beside, named, beside]);
    assert_eq!(producer.tally(), Tally { acked: 0, not_written: 3, indeterminate: 0 });
}

/// The waker of one task among several: who is not woken is not polled.
struct Own {
    woken: AtomicBool,
    parent: Waker,
}

impl Wake for Own {
    fn wake(self: Arc<Self>) {
        self.woken.store(true, Ordering::SeqCst);
        self.parent.wake_by_ref();
    }
}

/// There is room for four wakers, and seldom any for a record.
#[test]
fn more_tasks_than_there_is_room_for_wakers_all_get_their_turn() {
    let server = broker(1);
    let (producer, mut runner) = client::<1>(&server.bootstrap(), usize::MAX);
    let (count, each) = (7, 100);
    let mut tasks = Vec::new();
    let all = poll_fn(|cx| {
        if tasks.is_empty() {
            for task in 0..count {
                let own = Own { woken: AtomicBool::new(true), parent: cx.waker().clone() };
                let sending = Box::pin(send(producer, task * each, (task + 1) * each));
                tasks.push((Arc::new(own), Some(sending)));
            }
        }
        for (own, sending) in &mut tasks {
            let waker = Waker::from(own.clone());
            if own.woken.swap(false, Ordering::SeqCst)
                && let Some(task) = sending
                && task.as_mut().poll(&mut Context::from_waker(&waker)).is_ready()
            {
                *sending = None;
            }
        }
        if tasks.iter().all(|(_, sending)| sending.is_none()) { Poll::Ready(()) } else { Poll::Pending }
    });
    block_on(or(all, async { runner.run(|_| {}).await }));
    assert_eq!(producer.tally(), Tally { acked: count * each, not_written: 0, indeterminate: 0 });
}

async fn never() {
    Timer::after(Duration::from_secs(20)).await;
    panic!("it waits for linger");
}

#[test]
fn who_waits_for_room_does_not_wait_for_batches_that_linger() {
    let server = broker(1);
    let (producer, mut runner) = lingering_client(&server.bootstrap());
    let topic = producer.topic(TOPIC).expect("a legal name");
    let to = |partition| Record { partition: Some(partition), value: Some(b"v"), ..Record::default() };
    let mut run = pin!(runner.run(|_| {}));
    let sending = async {
        for partition in [0, 1, 2, 0, 1, 2] {
            producer.send(topic, &to(partition)).await.expect("taken");
        }
        producer.flush().await;
    };
    block_on(or(or(sending, never()), async { run.as_mut().await }));
    assert_eq!(producer.tally().acked, 6);

    // The room that somebody waits for is taken by others, and the runner has seen that before he looks again.
    let both = [0, 1].map(|partition| producer.try_send(topic, &to(partition)).is_ok());
    assert_eq!(both, [true; 2]);
    let last = to(2);
    let mut waiting = pin!(producer.send(topic, &last));
    assert!(block_on(poll_once(waiting.as_mut())).is_none());
    let until_sent = async {
        while producer.tally().acked < 8 {
            Timer::after(Duration::from_millis(1)).await;
        }
    };
    block_on(or(or(until_sent, never()), async { run.as_mut().await }));
    let both = [0, 1].map(|partition| producer.try_send(topic, &to(partition)).is_ok());
    assert_eq!(both, [true; 2]);
    // Long enough that no timer of the metadata wakes the runner later.
    let moment = async {
        Timer::after(Duration::from_millis(400)).await;
    };
    block_on(or(moment, async { run.as_mut().await }));
    assert!(block_on(poll_once(waiting.as_mut())).is_none());
    let taken = async { waiting.await.map(drop).expect("taken") };
    block_on(or(or(taken, never()), async { run.as_mut().await }));
}
