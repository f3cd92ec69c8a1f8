//! What the producer keeps per partition: its queue of batches, oldest first, and its place in the sequence.

use super::batch::{Batch, Place};
use super::transaction::Joining;
use crate::list::{Link, Linked, List};
use crate::net::broker::Broker;
use crate::net::leaders::Follower;
use crate::recall::recalled;
use crate::storage::{NIL, Table};
use crate::time::Instant;

/// The lists a partition can wait in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// It has a full batch to be sealed.
    Full,
    /// Its open batch is due and is sealed when a request may go (a list per broker).
    Due,
    /// It has a sealed batch to be sent (a list per broker).
    Ready,
    /// It waits for its backoff to pass.
    Delayed,
}

/// A partition's queue.
#[derive(Debug)]
pub(crate) struct Partition {
    /// Batches that are not resolved, oldest first, linked by `Batch::next`.
    pub(crate) head: u32,
    pub(crate) tail: u32,
    /// The batch that takes records: the tail, or [`NIL`].
    pub(crate) open: u32,
    /// Batches in the queue.
    pub(crate) queued: u32,
    /// Batches with a stamp: sealing, sealed, sending, in flight, and resolved ones that a request still carries.
    pub(crate) stamped: u8,
    /// A stamped batch ended without an acknowledgement, so the broker waits for a sequence that will not come: when
    /// `stamped` is zero the sequence starts again under the next epoch.
    pub(crate) unresolved: bool,
    /// While `unresolved`, if nothing worse happened than that a batch was split, so that all from it on have to be
    /// stamped again: the sequence to go on with. −1 otherwise.
    pub(crate) rewind: i32,
    /// The broker has acknowledged a batch of this epoch. Before that it accepts any sequence (KIP-360), so a second
    /// batch under way could overtake the first.
    pub(crate) established: bool,
    pub(crate) producer_id: i64,
    pub(crate) epoch: i16,
    pub(crate) next_sequence: i32,
    pub(crate) backoff_until: Instant,
    /// Whether it is part of the transaction `txn_serial`.
    pub(crate) joining: Joining,
    pub(crate) txn_serial: u32,
    full: Link,
    due: Link,
    ready: Link,
    delayed: Link,
}

impl Default for Partition {
    fn default() -> Self {
        Partition {
            head: NIL,
            tail: NIL,
            open: NIL,
            queued: 0,
            stamped: 0,
            unresolved: false,
            rewind: -1,
            established: false,
            producer_id: -1,
            epoch: -1,
            next_sequence: 0,
            backoff_until: Instant(0),
            joining: Joining::No,
            txn_serial: 0,
            full: Link::FREE,
            due: Link::FREE,
            ready: Link::FREE,
            delayed: Link::FREE,
        }
    }
}

impl Partition {
    /// The next batch to send, if it is sealed: everything before it is under way.
    ///
    /// Nothing goes out behind a batch that is being tried again: a broker that refuses it for a while, and in that
    /// while forgets the producer, would take the one behind it first.
    pub(crate) fn sendable(&self, batches: &Table<'_, Batch<'_>>) -> u32 {
        let mut slot = self.head;
        while slot != NIL {
            match batches[slot].place {
                Place::Sending | Place::InFlight if batches[slot].attempts > 0 => return NIL,
                Place::Sending | Place::InFlight => slot = batches[slot].next,
                Place::Sealed => return slot,
                _ => return NIL,
            }
        }
        NIL
    }

    /// When the oldest batch that is not under way was opened.
    pub(crate) fn waiting_since(&self, batches: &Table<'_, Batch<'_>>) -> Instant {
        let mut slot = self.head;
        while slot != NIL && matches!(batches[slot].place, Place::Sending | Place::InFlight) {
            slot = batches[slot].next;
        }
        if slot == NIL { Instant::NEVER } else { batches[slot].created }
    }

    /// The next batch to seal, if it is full or due.
    pub(crate) fn sealable(&self, batches: &Table<'_, Batch<'_>>) -> u32 {
        let mut slot = self.head;
        while slot != NIL {
            let batch = &batches[slot];
            match batch.place {
                Place::Sealing | Place::Sealed | Place::Sending | Place::InFlight => slot = batch.next,
                Place::Closed => return slot,
                Place::Open if batch.due => return slot,
                _ => return NIL,
            }
        }
        NIL
    }

    /// Appends a batch to the queue.
    pub(crate) fn push(&mut self, batches: &mut Table<'_, Batch<'_>>, slot: u32) {
        match self.tail {
            NIL => self.head = slot,
            tail => batches[tail].next = slot,
        }
        batches[slot].next = NIL;
        self.tail = slot;
        self.queued += 1;
    }

    /// Puts a batch into the queue right behind another one.
    pub(crate) fn insert_after(&mut self, batches: &mut Table<'_, Batch<'_>>, slot: u32, new: u32) {
        batches[new].next = batches[slot].next;
        batches[slot].next = new;
        if self.tail == slot {
            self.tail = new;
        }
        self.queued += 1;
    }

    /// A stamped batch certainly is not in the log and has no place in the sequence any more, nor has any behind it.
    pub(crate) fn rewind_to(&mut self, sequence: i32) {
        let before = |other: i32| other.wrapping_sub(sequence) & i32::MAX < 1 << 30;
        if !self.unresolved || (self.rewind >= 0 && before(self.rewind)) {
            self.rewind = sequence;
        }
        self.unresolved = true;
    }

    /// A place in the sequence is lost.
    pub(crate) fn lose_sequence(&mut self) {
        (self.unresolved, self.rewind) = (true, -1);
    }

    /// It is a partition of another topic from now on; what is under way of it is nothing.
    pub(crate) fn forget(&mut self) {
        (self.producer_id, self.epoch, self.next_sequence) = (-1, -1, 0);
        (self.established, self.backoff_until) = (false, Instant(0));
    }

    /// The next partition in the list of those that wait for their backoff.
    pub(crate) fn next_delayed(&self) -> u32 {
        self.delayed.next()
    }

    /// Takes a batch out of the queue; it is nearly always the first.
    pub(crate) fn remove(&mut self, batches: &mut Table<'_, Batch<'_>>, slot: u32) {
        let next = batches[slot].next;
        let mut before = NIL;
        let mut at = self.head;
        while at != slot && at != NIL {
            before = at;
            at = batches[at].next;
        }
        if at == NIL {
            return;
        }
        self.queued = self.queued.saturating_sub(1);
        match before {
            NIL => self.head = next,
            _ => batches[before].next = next,
        }
        if self.tail == slot {
            self.tail = before;
        }
        if self.open == slot {
            self.open = NIL;
        }
        batches[slot].next = NIL;
    }
}

impl Linked for Partition {
    type Wait = Wait;

    fn link(&mut self, wait: Wait) -> &mut Link {
        match wait {
            Wait::Full => &mut self.full,
            Wait::Due => &mut self.due,
            Wait::Ready => &mut self.ready,
            Wait::Delayed => &mut self.delayed,
        }
    }
}

impl Follower for Partition {
    const WAITS: [Wait; 2] = [Wait::Ready, Wait::Due];

    fn list<'b>(broker: &'b mut Broker<'_>, wait: Wait) -> &'b mut List {
        let [ready, _] = &mut broker.work;
        if wait == Wait::Due { &mut broker.due } else { ready }
    }
}

/// The sequence after `count` records from `sequence` on: 2147483647 is followed by 0.
pub(crate) fn advance_sequence(sequence: i32, count: u32) -> i32 {
    if recalled!(B9SequenceOverflows) {
        return sequence.wrapping_add(i32::try_from(count).unwrap_or(0));
    }
    let sum = u64::from(sequence.unsigned_abs()) + u64::from(count);
    i32::try_from(sum % (1 << 31)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_wrap_to_zero() {
        assert_eq!(advance_sequence(0, 5), 5);
        assert_eq!(advance_sequence(i32::MAX, 1), 0);
        assert_eq!(advance_sequence(i32::MAX - 2, 10), 7);
    }
}
