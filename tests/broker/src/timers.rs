//! Deadlines, earliest first. A timer is a hint: whoever it wakes looks whether there is still something to do.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::topics::TopicId;

/// What to look at when a deadline passes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// A fetch or a produce of this connection (with the request's serial) has waited long enough.
    Waiting(u64, u64),
    /// A response that was held back (by its number) may go.
    Delayed(u64),
    /// A throttled connection may be served again.
    Unmute(u64),
    /// Followers of a partition have caught up.
    Replicate(TopicId, i32),
    /// A member of a classic group may have gone silent.
    Member(String, String),
    /// A classic group's rebalance may be over: group and the number of the rebalance.
    Rebalance(String, u64),
    /// A KIP-848 member (group, id, number) may have gone silent.
    ConsumerMember(String, String, u64),
    /// A KIP-848 member may be too slow to give up its partitions.
    ConsumerRevoke(String, String),
    /// Look for what nobody used for long.
    Sweep,
    /// A transaction may have timed out.
    Transaction(String),
}

/// All pending deadlines.
#[derive(Debug, Default)]
pub struct Timers {
    heap: BinaryHeap<Reverse<(u64, u64, Timer)>>,
    serial: u64,
}

impl Timers {
    /// Asks for `timer` at `at` (monotonic microseconds).
    pub fn set(&mut self, at: u64, timer: Timer) {
        self.serial += 1;
        self.heap.push(Reverse((at, self.serial, timer)));
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// The earliest deadline.
    pub fn next(&self) -> Option<u64> {
        self.heap.peek().map(|Reverse((at, ..))| *at)
    }

    /// Takes a timer whose time has come.
    pub fn pop(&mut self, now: u64) -> Option<Timer> {
        if self.next()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse((.., timer))| timer)
    }
}
