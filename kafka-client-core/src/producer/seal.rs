//! Sealing: checksum and compression, done by the adapter while nobody holds the core.

use kafka_proto::compress::{Workspace, compress_batch, is_built};
use kafka_proto::record::{BatchBuilder, Codec, Stamp, restamp};

use super::Producer;
use super::batch::{BatchId, Place, SendError};
use super::partition::{Wait, advance_sequence};
use crate::list::{delist, enlist};
use crate::metrics::count;
use crate::net::PARTS_MAX;
use crate::net::broker::Role;
use crate::recall::recalled;
use crate::storage::{Mem, NIL};
use crate::time::Instant;

/// A batch to be sealed: call [`run`](Self::run), then hand it to `handle_sealed`. It owns its memory, so this can
/// happen on any thread.
pub struct Seal<'m> {
    batch: BatchId,
    builder: BatchBuilder,
    stamp: Stamp,
    codec: Codec,
    level: Option<i32>,
    mem: Mem<'m>,
    /// Where the compressed batch goes; it changes places with `mem`.
    scratch: Option<Scratch<'m>>,
    /// The body has its final form already: only the stamp changes.
    sealed: bool,
    len: usize,
}

/// Memory for compressing one batch at a time.
pub(crate) struct Scratch<'m> {
    /// As long as a slot: it becomes the slot of the batch that was compressed into it.
    pub(crate) mem: Mem<'m>,
    pub(crate) work: Workspace<'m>,
}

impl core::fmt::Debug for Seal<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Seal").field("batch", &self.batch).field("stamp", &self.stamp).finish_non_exhaustive()
    }
}

/// Whether there is something to compress with. Never, and nothing of it is linked, in a build without codecs.
fn compresses(codec: Codec) -> bool {
    codec != Codec::None && is_built(codec)
}

impl Seal<'_> {
    /// Writes the header, compresses where the producer is configured to, and computes the checksum.
    pub fn run(&mut self) {
        if self.sealed {
            self.len = restamp(&mut self.mem, &self.stamp);
            return;
        }
        self.len = self.builder.finish(&mut self.mem, &self.stamp);
        if compresses(self.codec) {
            self.compress();
        }
    }

    /// A batch that does not become smaller is sent as it is: the codec is a property of each batch.
    fn compress(&mut self) {
        let Some(Scratch { mem: out, work }) = self.scratch.as_mut() else { return };
        let Some(plain) = self.mem.get(..self.len) else { return };
        // A record larger than a slot has a buffer of its own size.
        if !out.grow(self.mem.len(), 0) {
            return;
        }
        let Ok(len) = compress_batch(plain, self.codec, self.level, out, work) else { return };
        if len < self.len {
            self.len = restamp(out, &self.stamp);
            core::mem::swap(out, &mut self.mem);
        }
    }
}

impl<'m> Producer<'m> {
    /// A batch to be sealed, full ones first; due ones when a request may go.
    pub fn poll_seal(&mut self, now: Instant) -> Option<Seal<'m>> {
        if compresses(self.config.codec) && self.scratch.is_none() {
            return None;
        }
        while let Some(partition) = delist(&mut self.acc.partitions, &mut self.acc.full, Wait::Full) {
            if let Some(seal) = self.seal_of(now, partition) {
                self.touch(now, partition);
                return Some(seal);
            }
        }
        self.net.brokers.indices().find_map(|broker| self.seal_due(now, broker))
    }

    /// A due batch of a partition that this broker leads, when a request may go there.
    fn seal_due(&mut self, now: Instant, broker: u32) -> Option<Seal<'m>> {
        let waits = &self.net.brokers[broker];
        let may_go = !waits.due.is_empty()
            && (waits.sealed as usize) < PARTS_MAX
            && self.net.accepting(now, broker, Role::Main) != NIL;
        if !may_go {
            return None;
        }
        loop {
            let due = &mut self.net.brokers[broker].due;
            let partition = delist(&mut self.acc.partitions, due, Wait::Due)?;
            if let Some(seal) = self.seal_of(now, partition) {
                self.touch(now, partition);
                return Some(seal);
            }
        }
    }

    /// Whether another batch of the partition may get a stamp now.
    pub(super) fn may_stamp(&self, now: Instant, partition: u32) -> bool {
        let queue = &self.acc.partitions[partition];
        if !self.joined(partition) {
            return false;
        }
        if !self.config.idempotence {
            return queue.stamped < self.net.config.max_in_flight;
        }
        let current = queue.producer_id == self.identity.id && queue.epoch == self.identity.epoch;
        let follows = current && queue.is_established(now) || recalled!(B8MixEpochs);
        self.identity.is_known()
            && !queue.unresolved
            && queue.stamped < self.net.config.max_in_flight
            && (queue.stamped == 0 || follows)
    }

    fn seal_of(&mut self, now: Instant, partition: u32) -> Option<Seal<'m>> {
        let slot = self.acc.partitions[partition].sealable(&self.acc.pool.batches);
        if slot == NIL || !self.may_stamp(now, partition) {
            return None;
        }
        if self.acc.partitions[partition].open == slot {
            self.acc.partitions[partition].open = NIL;
        }
        let id = self.acc.pool.id(slot);
        let mem = self.acc.pool.batches[slot].mem.take()?;
        let batch = &mut self.acc.pool.batches[slot];
        let queue = &mut self.acc.partitions[partition];
        queue.stamped = queue.stamped.saturating_add(1);
        batch.place = Place::Sealing;
        if self.config.idempotence {
            if queue.producer_id != self.identity.id || queue.epoch != self.identity.epoch {
                let new_to_all = queue.epoch < 0 && self.identity.epoch == 0;
                (queue.producer_id, queue.epoch) = (self.identity.id, self.identity.epoch);
                let first = new_to_all && recalled!(NearLastSequence);
                if !recalled!(B7KeepSequenceUnderNewEpoch) || new_to_all {
                    queue.next_sequence = if first { i32::MAX - 20 } else { 0 };
                }
                queue.unestablish();
            }
            batch.stamp = Stamp {
                producer_id: queue.producer_id,
                producer_epoch: queue.epoch,
                base_sequence: queue.next_sequence,
                transactional: self.txn.is_on(),
                ..Stamp::NONE
            };
            queue.next_sequence = advance_sequence(queue.next_sequence, batch.builder.count());
        }
        let sealed = batch.sealed;
        Some(Seal {
            batch: id,
            builder: batch.builder,
            stamp: batch.stamp,
            codec: self.config.codec,
            level: self.config.compression_level,
            mem,
            scratch: if sealed { None } else { self.scratch.take() },
            sealed,
            len: 0,
        })
    }

    /// A sealed batch comes back.
    pub fn handle_sealed(&mut self, now: Instant, seal: Seal<'m>) {
        if let Some(scratch) = seal.scratch {
            self.scratch = Some(scratch);
        }
        let slot = seal.batch.slot;
        let batch = &mut self.acc.pool.batches[slot];
        if batch.place != Place::Sealing {
            return;
        }
        batch.mem = Some(seal.mem);
        batch.len = u32::try_from(seal.len).unwrap_or(0);
        if !batch.sealed {
            self.acc.fill.learn(batch.builder.len(), seal.len);
            count(&mut self.metrics.batches, 1u32);
            count(&mut self.metrics.batch_bytes, batch.builder.len() as u64);
        }
        batch.sealed = true;
        let partition = batch.partition;
        if batch.outcome.is_some() {
            // It was given up meanwhile.
            self.unpin(slot);
            self.settle(now, partition);
            return;
        }
        self.wait_sealed(slot);
        if seal.len == 0 {
            self.fail(slot, SendError::Compression);
        } else if self.acc.partitions[partition].unresolved {
            self.unstamp(partition);
        }
        self.settle(now, partition);
    }

    /// The batch is sealed and waits for its leader's connection.
    pub(super) fn wait_sealed(&mut self, slot: u32) {
        let batch = &mut self.acc.pool.batches[slot];
        batch.place = Place::Sealed;
        let leader = self.net.topics.partitions[batch.partition].leader;
        batch.counted_on = leader;
        self.net.brokers[leader].sealed = self.net.brokers[leader].sealed.saturating_add(1);
    }

    /// The batch no longer waits.
    pub(super) fn uncount(&mut self, slot: u32) {
        let counted_on = core::mem::replace(&mut self.acc.pool.batches[slot].counted_on, NIL);
        let sealed = &mut self.net.brokers[counted_on].sealed;
        *sealed = sealed.saturating_sub(1);
    }

    /// Takes the stamps off the partition's batches that certainly are not in the log and are not under way: they get
    /// new ones when the sequence starts again.
    pub(super) fn unstamp(&mut self, partition: u32) {
        let mut slot = self.acc.partitions[partition].head;
        while slot != NIL {
            let batch = &self.acc.pool.batches[slot];
            let next = batch.next;
            if batch.place == Place::Sealed && !batch.maybe_written {
                self.uncount(slot);
                self.acc.pool.batches[slot].place = Place::Closed;
                let queue = &mut self.acc.partitions[partition];
                queue.stamped = queue.stamped.saturating_sub(1);
            }
            slot = next;
        }
    }

    /// After something happened to a partition: when its last stamped batch is gone and a sequence was lost, it starts
    /// again under the next epoch. Then sees what it can do next.
    pub(super) fn settle(&mut self, now: Instant, partition: u32) {
        let queue = &mut self.acc.partitions[partition];
        if queue.unresolved && queue.stamped == 0 {
            queue.unresolved = false;
            let rewind = core::mem::replace(&mut queue.rewind, -1);
            if self.txn.is_on() && rewind >= 0 {
                queue.next_sequence = rewind;
            } else if self.txn.is_on() {
                // Only the coordinator raises the epoch of a transactional producer.
                self.txn.renew = true;
            } else if queue.producer_id == self.identity.id && queue.epoch == self.identity.epoch {
                self.identity.bump();
            }
        }
        self.touch(now, partition);
    }

    /// Enters a partition into the lists of what it can do now.
    pub(super) fn touch(&mut self, now: Instant, partition: u32) {
        if partition == NIL {
            return;
        }
        let leader = self.net.topics.partitions[partition].leader;
        let queue = &self.acc.partitions[partition];
        let sealable = queue.sealable(&self.acc.pool.batches);
        let sendable = queue.sendable(now, &self.acc.pool.batches);
        let (backoff, idle) = (queue.backoff_until, sealable == NIL && sendable == NIL);
        if !idle && leader == NIL {
            self.net.want_metadata();
        }
        let partitions = &mut self.acc.partitions;
        if sendable != NIL && backoff > now {
            enlist(partitions, &mut self.acc.delayed, Wait::Delayed, partition);
        } else if sendable != NIL
            && leader != NIL
            && let Some(work) = self.net.brokers[leader].work.first_mut()
        {
            enlist(partitions, work, Wait::Ready, partition);
        }
        if sealable != NIL {
            self.want_joined(partition);
        }
        if sealable != NIL && self.may_stamp(now, partition) {
            if self.acc.pool.batches[sealable].place == Place::Closed {
                enlist(&mut self.acc.partitions, &mut self.acc.full, Wait::Full, partition);
            } else if leader != NIL {
                enlist(&mut self.acc.partitions, &mut self.net.brokers[leader].due, Wait::Due, partition);
            }
        }
    }

    /// Something changed that may concern every partition.
    pub(super) fn touch_all(&mut self, now: Instant) {
        for partition in self.acc.partitions.indices() {
            self.touch(now, partition);
        }
    }
}
