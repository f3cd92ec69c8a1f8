//! Futures may be dropped at any await: they leave nothing behind.

mod common;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::time::{Duration, Instant};

use common::server;
use kafka_broker::Action;
use kafka_proto::ApiKey;
use kafka_std::consumer::{Consumer, Start};
use kafka_std::{Producer, Record};

/// A task, of which each waker is a part.
struct Task;

impl Wake for Task {
    fn wake(self: Arc<Self>) {}
}

/// Polls the future some times, drops it, and says how many of its wakers are left once nobody is being woken any more.
fn left_by<F: Future>(future: F) -> usize {
    let task = Arc::new(Task);
    let waker = Waker::from(task.clone());
    {
        let mut future = pin!(future);
        for _ in 0..3 {
            assert!(future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        }
    }
    drop(waker);
    let begin = Instant::now();
    while Arc::strong_count(&task) > 1 && begin.elapsed() < Duration::from_secs(5) {
        std::thread::yield_now();
    }
    Arc::strong_count(&task) - 1
}

#[test]
fn a_future_that_is_dropped_leaves_no_waker() {
    // It takes connections, and says nothing: whatever is waited for does not happen.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let bootstrap = silent.local_addr().unwrap().to_string();
    let builder = || Producer::builder().bootstrap_servers(&bootstrap);
    let producer = builder().build().unwrap();
    assert_eq!(left_by(producer.send_async(Record::to("readings").value("v"))), 0, "send");
    let transactional = builder().transactional_id("t").build().unwrap();
    assert_eq!(left_by(transactional.init_transactions_async()), 0, "init_transactions");
    let consumer = Consumer::builder().bootstrap_servers(&bootstrap).build().unwrap();
    consumer.assign("readings", 0, Start::Earliest).unwrap();
    assert_eq!(left_by(consumer.recv()), 0, "recv");

    let server = server(&[("readings", 1)]);
    let producer = Producer::builder().bootstrap_servers(&server.bootstrap()).build().unwrap();
    server.with(|c| c.inject_many(ApiKey::PRODUCE, None, 0, 1000, Action::Swallow));
    drop(producer.send(Record::to("readings").value("v")).unwrap());
    assert_eq!(left_by(producer.flush_async()), 0, "flush");
}
