//! The ends of a producer: everything sent for now, and for good.

use std::sync::Arc;
use std::time::Duration;

use super::Producer;
use crate::sync::{Signal, deadline_in};

impl Producer {
    /// Sends what was sent so far at once, without `linger.ms`, and waits until each of these records is acknowledged
    /// or has failed and its callback was called. True when that was so within `timeout`.
    ///
    /// In a callback of this producer it does not wait, and is false.
    pub fn flush(&self, timeout: Duration) -> bool {
        let may_wait = !self.handle.room.is_calling();
        self.begin_flush().is_none_or(|signal| may_wait && signal.wait(deadline_in(timeout)))
    }

    /// As [`flush`](Self::flush), for tasks. It ends by itself after `delivery.timeout.ms` at the latest.
    pub async fn flush_async(&self) {
        if let Some(signal) = self.begin_flush() {
            signal.happened().await;
        }
    }

    /// Takes no more records, sends those it has, and closes the connections. What is not acknowledged within
    /// `timeout` is given up, and its deliveries say so. True when nothing had to be given up.
    ///
    /// In a callback of this producer it does not wait, gives nothing up, and is false.
    pub fn close(&self, timeout: Duration) -> bool {
        let signal = Arc::new(Signal::default());
        let shared = &self.handle.shared;
        {
            let mut state = shared.lock();
            if state.dead {
                return true;
            }
            state.core.close(shared.clock.now());
            state.closes.push(signal.clone());
        }
        shared.wake();
        if self.handle.room.is_calling() {
            return false;
        }
        if signal.wait(deadline_in(timeout)) {
            return true;
        }
        let unresolved = {
            let mut state = shared.lock();
            let unresolved = state.core.unresolved();
            state.core.abort();
            unresolved
        };
        shared.wake();
        // Only connections have to be closed now, which waits for nobody.
        signal.wait(deadline_in(Duration::from_secs(1)));
        !unresolved
    }

    fn begin_flush(&self) -> Option<Arc<Signal>> {
        let shared = &self.handle.shared;
        let signal = Arc::new(Signal::default());
        {
            let mut state = shared.lock();
            if state.dead {
                return None;
            }
            state.core.flush(shared.clock.now());
            if state.is_flushed() && !state.core.has_resolved() {
                return None;
            }
            state.flushes.push(signal.clone());
            if !state.wake() {
                return Some(signal);
            }
        }
        shared.wake();
        Some(signal)
    }
}
