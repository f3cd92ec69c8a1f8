//! A batch that the broker finds too large is sent in two halves, and each of these again if need be.
//!
//! The first half stays in the batch's slot, the second gets one of its own; both resolve under the ticket that their
//! records have. It happens when a topic's `max.message.bytes` is less than what the producer fills a batch to.

use kafka_proto::compress::decompress;
use kafka_proto::record::{BATCH_HEADER_LEN, BatchBuilder, Codec, batches, split};

use super::Producer;
use super::batch::Place;
use super::seal::Scratch;
use crate::storage::{Mem, NIL};
use crate::time::Instant;

impl<'m> Producer<'m> {
    /// Makes two of a batch that was refused as too large, and queues both. False when that cannot be done: a single
    /// record, no free slot, an attempt that may have been written.
    pub(super) fn split(&mut self, now: Instant, slot: u32) -> bool {
        let batch = &self.acc.pool.batches[slot];
        let (partition, count, plain_len) = (batch.partition, batch.builder.count(), batch.builder.len());
        let whole = batch.maybe_written || batch.outcome.is_some() || count < 2;
        if !cfg!(feature = "split") || whole {
            return false;
        }
        let part = self.acc.pool.acquire_part(now, plain_len, slot);
        let Some((first, second)) = self.halves(slot, part) else {
            self.give_up_part(part);
            return false;
        };
        let stamp = self.acc.pool.batches[slot].stamp;
        let (root, offset) = (self.acc.pool.batches[slot].whole, self.acc.pool.batches[slot].first);
        for (half, builder, first) in [(slot, first, offset), (part, second, offset + first.count())] {
            let batch = &mut self.acc.pool.batches[half];
            (batch.builder, batch.place, batch.sealed, batch.partition) =
                (builder, Place::Closed, false, partition);
            (batch.whole, batch.first, batch.written, batch.due) = (root, first, false, true);
        }
        self.acc.pool.batches[root].untold += 1;
        self.acc.pool.batches[root].unreleased += 1;
        let queue = &mut self.acc.partitions[partition];
        queue.insert_after(&mut self.acc.pool.batches, slot, part);
        queue.stamped = queue.stamped.saturating_sub(1);
        if queue.stamped == 0 {
            // Nothing was sent after it: its place in the sequence is free again.
            queue.next_sequence = stamp.base_sequence.max(0);
        } else if self.config.idempotence {
            queue.rewind_to(stamp.base_sequence);
            self.unstamp(partition);
        }
        self.settle(now, partition);
        true
    }

    /// Writes the halves of a batch to its own slot and to that of the part.
    fn halves(&mut self, slot: u32, part: u32) -> Option<(BatchBuilder, BatchBuilder)> {
        let len = self.acc.pool.batches[slot].len as usize;
        let mut second = self.acc.pool.batches[part].mem.take()?;
        let Some(mut first) = self.acc.pool.batches[slot].mem.take() else {
            self.acc.pool.batches[part].mem = Some(second);
            return None;
        };
        let made = split_memory(&mut first, len, &mut second, self.scratch.as_mut());
        self.acc.pool.batches[slot].mem = Some(first);
        self.acc.pool.batches[part].mem = Some(second);
        made
    }

    /// The part is not needed after all.
    fn give_up_part(&mut self, part: u32) {
        if part != NIL {
            self.acc.pool.retire(part);
            self.acc.pool.free(part);
        }
    }
}

fn split_memory(
    first: &mut Mem<'_>,
    len: usize,
    second: &mut Mem<'_>,
    scratch: Option<&mut Scratch<'_>>,
) -> Option<(BatchBuilder, BatchBuilder)> {
    let batch = batches(first.get(..len)?).next()?.ok()?;
    let header = *batch.header();
    if header.codec() == Codec::None {
        return split(&header, batch.payload(), None, second).ok();
    }
    let Scratch { mem: plain, work } = scratch?;
    let room = plain.get_mut(..)?;
    let records = decompress(header.codec(), batch.payload(), room, work).ok()?;
    let records = plain.get(..records)?;
    debug_assert!(records.len() + BATCH_HEADER_LEN >= len, "it was compressed because that made it smaller");
    split(&header, records, Some(&mut **first), second).ok()
}
