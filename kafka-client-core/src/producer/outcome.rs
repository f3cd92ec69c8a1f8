//! The end of batches: told to the adapter, and given back by it.

use super::Producer;
use super::batch::Delivery;
use crate::metadata::TopicId;

impl Producer<'_> {
    /// The end of a batch, oldest first. Its slot stays taken until [`release`](Self::release).
    pub fn poll_delivery(&mut self) -> Option<Delivery> {
        let slot = self.acc.pop_resolved();
        let whole = self.acc.pool.batches[slot].whole;
        let outcome = self.acc.pool.batches[slot].outcome?;
        self.acc.pool.batches[whole].untold = self.acc.pool.batches[whole].untold.saturating_sub(1);
        let batch = &self.acc.pool.batches[slot];
        let meta = &self.net.topics.partitions[batch.partition];
        Some(Delivery {
            batch: self.acc.pool.id(whole),
            topic: TopicId(meta.topic),
            partition: meta.number,
            first: batch.first,
            count: batch.builder.count(),
            parts_left: self.acc.pool.batches[whole].untold,
            outcome,
            slot,
        })
    }

    /// The delivery was dealt with: its slot may be used again.
    pub fn release(&mut self, delivery: &Delivery) {
        let (whole, part) = (delivery.batch.slot, delivery.slot);
        let batch = &self.acc.pool.batches[whole];
        let ended = self.acc.pool.batches[part].outcome.is_some() && !self.acc.pool.batches[part].released;
        if batch.generation != delivery.batch.generation || !ended {
            return;
        }
        let batch = &mut self.acc.pool.batches[whole];
        batch.unreleased = batch.unreleased.saturating_sub(1);
        self.acc.pool.batches[part].released = true;
        if part != whole {
            self.acc.pool.batches[part].unreleased = 0;
            self.acc.free_if_done(part);
        }
        self.acc.free_if_done(whole);
    }
}
