//! What the application's code may do where the producer calls it, without anybody waiting for ever.

mod common;

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use common::server;
use kafka_std::producer::Cause;
use kafka_std::{Producer, ProducerBuilder, Record, SendError};

const SECONDS: Duration = Duration::from_secs(10);

fn builder(servers: &str) -> ProducerBuilder {
    Producer::builder().bootstrap_servers(servers).linger(Duration::from_millis(1))
}

fn record() -> Record<'static> {
    Record::to("readings").value("v")
}

/// What it returns, unless it hangs.
fn in_time<T: Send + 'static>(what: &str, run: impl FnOnce() -> T + Send + 'static) -> T {
    let (tx, rx) = mpsc::channel();
    std::thread::spawn(move || tx.send(run()));
    rx.recv_timeout(SECONDS).unwrap_or_else(|_| panic!("{what} hangs"))
}

#[test]
fn the_handler_may_take_a_lock_that_a_waiting_thread_holds() {
    let server = server(&[("readings", 1)]);
    let told = Arc::new(Mutex::new(0));
    let of_handler = told.clone();
    let producer = builder(&server.bootstrap())
        .on_delivery(move |_, _| *of_handler.lock().unwrap() += 1)
        .build()
        .unwrap();
    in_time("the application", move || {
        for _ in 0..100 {
            producer.send(record()).unwrap().wait().unwrap();
            let held = told.lock().unwrap();
            // In one batch as a rule, and never behind what the handler is called for.
            let delivery = producer.send(record()).unwrap();
            producer.send_with(record(), 1).unwrap();
            delivery.wait().unwrap();
            drop(held);
        }
        assert!(producer.flush(SECONDS));
        assert_eq!(*told.lock().unwrap(), 100);
    });
}

#[test]
fn a_closure_may_take_a_lock_that_a_waiting_thread_holds() {
    let server = server(&[("readings", 1)]);
    let producer = builder(&server.bootstrap()).build().unwrap();
    let told = Arc::new(Mutex::new(0));
    in_time("the application", move || {
        for _ in 0..100 {
            producer.send(record()).unwrap().wait().unwrap();
            let held = told.lock().unwrap();
            let of_closure = told.clone();
            let delivery = producer.send(record()).unwrap();
            producer.send_then(record(), move |_| *of_closure.lock().unwrap() += 1).unwrap();
            delivery.wait().unwrap();
            drop(held);
        }
        assert!(producer.flush(SECONDS));
        assert_eq!(*told.lock().unwrap(), 100);
    });
}

/// A waker as no executor should have it.
struct Panics;

impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        panic!("a waker's panic");
    }
}

#[test]
fn a_waker_that_panics_stops_nobody_else() {
    let server = server(&[("readings", 1)]);
    let producer = builder(&server.bootstrap()).build().unwrap();
    let waker = Waker::from(Arc::new(Panics));
    producer.send(record()).unwrap().wait().unwrap();
    let mut delivery = pin!(None);
    // Held, the cluster does not answer.
    server.with(|_| {
        delivery.set(Some(producer.send(record()).unwrap()));
        let polled = delivery.as_mut().as_pin_mut().unwrap().poll(&mut Context::from_waker(&waker));
        assert!(polled.is_pending());
    });
    let other = producer.clone();
    let mut sending = pin!(other.send_async(Record::to("nowhere").value("v")));
    assert!(sending.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    in_time("the producer", move || {
        producer.send(record()).unwrap().wait().unwrap();
        assert!(producer.close(SECONDS));
    });
}

/// What a panic may be made of.
struct Explosive;

impl Drop for Explosive {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("the panic's panic");
        }
    }
}

#[test]
fn a_panic_that_panics_when_it_is_dropped_stops_nobody_else() {
    let server = server(&[("readings", 1)]);
    let producer = builder(&server.bootstrap()).build().unwrap();
    producer.send_then(record(), |_| std::panic::panic_any(Explosive)).unwrap();
    in_time("the producer", move || {
        assert!(producer.flush(SECONDS));
        producer.send(record()).unwrap().wait().unwrap();
        assert!(producer.close(SECONDS));
    });
}

/// Calls this in a closure for a record's result; what it returned.
fn in_callback<T: Send + 'static>(
    producer: &Producer,
    what: &str,
    call: impl FnOnce(&Producer) -> T + Send + 'static,
) -> T {
    let (tx, rx) = mpsc::channel();
    let of_closure = producer.clone();
    producer.send_then(record(), move |_| drop(tx.send(call(&of_closure)))).unwrap();
    rx.recv_timeout(SECONDS).unwrap_or_else(|_| panic!("{what} hangs"))
}

#[test]
fn a_callback_never_waits_for_itself() {
    let server = server(&[("readings", 1)]);
    let producer = builder(&server.bootstrap()).build().unwrap();
    assert!(!in_callback(&producer, "flush", |producer| producer.flush(Duration::MAX)));
    let waited = in_callback(&producer, "wait", |producer| producer.send(record()).unwrap().wait());
    let error = waited.unwrap_err();
    assert_eq!((error.cause(), error.may_be_written()), (Cause::InCallback, true));
    assert!(error.to_string().contains("cannot be waited for in a callback"), "{error}");
    let delivery = in_callback(&producer, "wait", |producer| {
        producer.send(record()).unwrap().wait_timeout(Duration::MAX).expect_err("there is nobody to answer")
    });
    assert!(delivery.wait_timeout(SECONDS).unwrap().is_ok());
    let nowhere = Record::to("nowhere").value("v");
    let sent = in_callback(&producer, "send", move |producer| producer.send(nowhere).map(drop));
    assert!(matches!(&sent, Err(SendError::Unavailable(error)) if error.waited < SECONDS), "{sent:?}");
    let (closed, last) = in_callback(&producer, "close", |producer| {
        let last = producer.send(record()).unwrap();
        (producer.close(Duration::MAX), last)
    });
    assert!(!closed);
    assert!(last.wait_timeout(SECONDS).unwrap().is_ok());
}
