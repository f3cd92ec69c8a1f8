//! The ends of a producer: everything sent for now, and for good.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Producer;
use super::state::{Flush, State};
use crate::io::Shared;
use crate::sync::{Signal, deadline_in};

/// Of the time that `close` may take, the part that is kept for telling what was given up: a tenth, and not more than this.
const TELLING_MAX: Duration = Duration::from_secs(1);

impl Producer {
    /// Sends what was sent so far at once, without `linger.ms`, and waits until each of these records is acknowledged
    /// or has failed and its callback was called. True when that was so within `timeout`. What other threads send
    /// meanwhile is not waited for.
    ///
    /// In a callback of this producer it does not wait, and is false.
    pub fn flush(&self, timeout: Duration) -> bool {
        let may_wait = !self.handle.shared.is_calling();
        self.begin_flush().is_none_or(|flush| may_wait && flush.done.wait(deadline_in(timeout)))
    }

    /// As [`flush`](Self::flush), for tasks. It ends by itself after `delivery.timeout.ms` at the latest. Cancel-safe:
    /// dropped before it is ready, the records are sent all the same.
    pub async fn flush_async(&self) {
        if let Some(flush) = self.begin_flush() {
            flush.done.happened().await;
        }
    }

    /// Takes no more records, sends those it has, and closes the connections. What is not acknowledged within
    /// `timeout`, less a tenth of it or one second, is given up, and in the rest of the time its deliveries and callbacks say
    /// so. True when nothing had to be given up. It returns in time whatever happens; a callback that takes longer goes
    /// on without it.
    ///
    /// In a callback of this producer it does not wait, gives nothing up, and is false.
    pub fn close(&self, timeout: Duration) -> bool {
        let begin = Instant::now();
        let shared = &self.handle.shared;
        let ended = {
            let mut state = shared.lock();
            if state.dead {
                return true;
            }
            state.core.close(shared.clock.now());
            state.ended.clone()
        };
        shared.wake();
        if shared.is_calling() {
            return false;
        }
        let for_records = timeout.saturating_sub((timeout / 10).min(TELLING_MAX));
        if ended.wait(begin.checked_add(for_records)) {
            return true;
        }
        let unresolved = {
            let mut state = shared.lock();
            let unresolved = state.core.unresolved();
            state.core.abort();
            unresolved
        };
        shared.wake();
        ended.wait(begin.checked_add(timeout));
        !unresolved
    }

    /// Has all sent that was appended so far; `None` when there is nothing to wait for.
    fn begin_flush(&self) -> Option<Flushing<'_>> {
        let shared = &*self.handle.shared;
        let mut state = shared.lock();
        if state.dead {
            return None;
        }
        let mark = state.core.flush(shared.clock.now());
        if state.is_flushed(mark) {
            return None;
        }
        let done = Arc::new(Signal::default());
        state.flushes.push(Flush { mark, done: done.clone() });
        let wake = state.wake();
        drop(state);
        if wake {
            shared.wake();
        }
        Some(Flushing { shared, done })
    }
}

/// Somebody waits for a flush. When this is dropped, nobody does.
struct Flushing<'a> {
    shared: &'a Shared<State>,
    done: Arc<Signal>,
}

impl Drop for Flushing<'_> {
    fn drop(&mut self) {
        if !self.done.has_happened() {
            self.shared.lock().flushes.retain(|flush| !Arc::ptr_eq(&flush.done, &self.done));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Record;
    use crate::io::Client;
    use crate::producer::listeners::Hooks;
    use crate::producer::state::Work;
    use std::task::{Context, Waker};

    #[test]
    fn a_producer_whose_thread_has_ended_takes_nothing() {
        let topics = vec![("readings".into(), 1)];
        let config = kafka_broker::Config { topics, ..kafka_broker::Config::default() };
        let server = kafka_broker::Server::start(config).unwrap();
        let producer = Producer::builder().bootstrap_servers(&server.bootstrap()).build().unwrap();
        producer.send(Record::to("readings").value("v")).unwrap().wait().unwrap();
        let mut work = Work::new(Hooks::default(), Arc::default());
        producer.handle.shared.lock().end(&mut work);
        let error = producer.send(Record::to("readings").value("v")).unwrap_err();
        assert_eq!(error, crate::SendError::Closed, "nobody would ever tell of it");
    }

    #[test]
    fn a_flush_that_nobody_waits_for_any_more_leaves_nothing() {
        let topics = vec![("readings".into(), 1)];
        let config = kafka_broker::Config { topics, ..kafka_broker::Config::default() };
        let server = kafka_broker::Server::start(config).unwrap();
        let swallow = kafka_broker::Action::Swallow;
        server.with(|c| c.inject_many(kafka_proto::ApiKey::PRODUCE, None, 0, 1000, swallow));
        let producer = Producer::builder().bootstrap_servers(&server.bootstrap()).build().unwrap();
        drop(producer.send(Record::to("readings").value("v")).unwrap());
        let waiting = || producer.handle.shared.lock().flushes.len();
        assert!(!producer.flush(Duration::from_millis(1)));
        assert_eq!(waiting(), 0);
        {
            let mut flush = std::pin::pin!(producer.flush_async());
            assert!(flush.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            assert_eq!(waiting(), 1);
        }
        assert_eq!(waiting(), 0);
    }
}
