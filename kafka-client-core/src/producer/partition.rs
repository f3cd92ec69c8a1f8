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
    /// Until when a batch may go out behind another, in ticks; see [`Partition::is_established`].
    established_until: u32,
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
            established_until: 0,
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
    /// Whether the leader knows the producer's place in the sequence, so that it refuses a batch that overtook another.
    ///
    /// A broker that does not know the producer takes any sequence first (KIP-360): before the first batch of an epoch,
    /// when the producer was idle for longer than `producer.id.expiration.ms`, and when an election lost what it wrote,
    /// of which a failed attempt may be the only sign, or that another broker leads, or a connection that ended. So it
    /// counts as known for [`KNOWN_FOR`] from an acknowledgement on, until one of these; else one batch is under way at a
    /// time.
    pub(crate) fn is_established(&self, now: Instant) -> bool {
        ticks(now) < self.established_until || recalled!(B11OvertakeUnknown)
    }

    /// The broker has acknowledged a batch of the current epoch.
    pub(crate) fn establish(&mut self, now: Instant) {
        self.established_until = ticks(now).saturating_add(KNOWN_FOR);
    }

    /// A new epoch begins, an attempt failed, or the leader may be another one.
    pub(crate) fn unestablish(&mut self) {
        self.established_until = 0;
    }

    /// The next batch to send, if it is sealed: everything before it is under way.
    pub(crate) fn sendable(&self, now: Instant, batches: &Table<'_, Batch<'_>>) -> u32 {
        let mut slot = self.head;
        while slot != NIL {
            match batches[slot].place {
                Place::Sending | Place::InFlight if !self.is_established(now) => return NIL,
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
        self.backoff_until = Instant(0);
        self.unestablish();
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

/// How long a broker surely remembers a producer that wrote something, in ticks: about ten seconds. Kafka remembers it
/// for `producer.id.expiration.ms`, a day where nobody changed it.
const KNOWN_FOR: u32 = 10;

/// Time in units of 2^20 µs, about a second: four bytes per partition.
fn ticks(now: Instant) -> u32 {
    u32::try_from(now.0 >> 20).unwrap_or(u32::MAX)
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
    fn who_was_idle_or_failed_is_not_established() {
        let mut queue = Partition::default();
        let at = |s: u64| Instant(s * 1_000_000);
        assert!(!queue.is_established(at(0)), "nothing was acknowledged yet");
        queue.establish(at(0));
        assert!(queue.is_established(at(0)) && queue.is_established(at(9)));
        assert!(!queue.is_established(at(12)));
        queue.establish(at(1 << 31));
        assert!(queue.is_established(at((1 << 31) + 9)));
        queue.unestablish();
        assert!(!queue.is_established(at(1 << 31)));
    }

    #[test]
    fn sequences_wrap_to_zero() {
        assert_eq!(advance_sequence(0, 5), 5);
        assert_eq!(advance_sequence(i32::MAX, 1), 0);
        assert_eq!(advance_sequence(i32::MAX - 2, 10), 7);
    }
}
