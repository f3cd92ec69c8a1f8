//! A thread that sends faster than the network takes fills `buffer.memory`, and then waits for each batch that ends.
//! From then on it gains nothing by being so far ahead, and pays for it: every batch has left the processor's caches by
//! the time it is checksummed and written. So it is held nearer to the network, as long as the network goes on.
//!
//! Only who would have to wait anyway is held, and never for a stalled network: a buffer that was not full since
//! everything was acknowledged takes whatever comes, at once.

use std::time::Duration;

use super::Producer;
use super::state::State;
use crate::sync::{deadline_in, wait_until};

/// Without a batch that ended within this time the network stands, and the buffer is there to be used.
const STALLED: Duration = Duration::from_millis(5);

/// How far the application may be ahead, once it has met the end of the buffer.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// Batches in use from which on a thread is held; 0 while nobody is.
    high: usize,
    /// Batches in use at which it goes on.
    low: usize,
    /// Threads that are held.
    pub(super) held: u32,
}

impl Pace {
    /// The buffer is full, with so many batches: an eighth of them is plenty, beside those that are filled at the moment
    /// and those under way, at most six of a partition.
    pub(super) fn full(&mut self, batches: usize, partitions: usize) {
        let ahead = batches / 8;
        self.high = ahead + 6 * partitions;
        self.low = self.high - ahead / 2;
    }

    pub(super) fn end(&mut self) {
        self.high = 0;
    }

    /// Whether a thread has to be held, with so many batches in use.
    pub(super) fn is_ahead(&self, batches: usize) -> bool {
        self.high > 0 && batches > self.high
    }

    /// Whether it has to be held for longer.
    pub(super) fn is_behind(&self, batches: usize) -> bool {
        self.high > 0 && batches > self.low
    }
}

impl Producer {
    /// Lets the network catch up, for `max.block.ms` at most. What the caller sent is in its batch already.
    #[cold]
    pub(super) fn hold(&self) {
        if self.handle.shared.is_calling() {
            return;
        }
        let deadline = deadline_in(self.handle.max_block);
        let shared = &*self.handle.shared;
        let mut state = shared.lock();
        if state.is_behind() && state.wake() {
            // Before sleeping: nobody else knows of it.
            shared.wake();
        }
        while state.is_behind() && deadline.is_none_or(|d| std::time::Instant::now() < d) {
            let before = state.core.slots_in_use();
            state.pace.held += 1;
            state = wait_until(&self.handle.room, state, deadline_in(STALLED));
            state.pace.held -= 1;
            if state.core.slots_in_use() >= before {
                state.pace.end();
            }
        }
        state.ahead = false;
    }
}

impl State {
    fn is_behind(&self) -> bool {
        !self.dead && self.pace.is_behind(self.core.slots_in_use())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_held_before_the_buffer_was_full() {
        let mut pace = Pace::default();
        assert!(!pace.is_ahead(2048));
        pace.full(2048, 3);
        assert!(pace.is_ahead(2048) && pace.is_behind(200));
        assert!(!pace.is_ahead(256) && !pace.is_behind(140));
        pace.end();
        assert!(!pace.is_ahead(2048) && !pace.is_behind(2048));
    }

    #[test]
    fn batches_that_are_filled_or_under_way_hold_nobody() {
        let mut pace = Pace::default();
        pace.full(64, 1000);
        assert!(!pace.is_ahead(64));
    }
}
