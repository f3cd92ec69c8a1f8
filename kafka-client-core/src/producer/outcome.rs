//! The end of batches: told to the adapter, and given back by it.

use kafka_proto::record::Stamp;

use super::Producer;
use super::batch::{Delivery, Outcome};
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

    /// The records of a delivery that says [`NotWritten`](Outcome::NotWritten), as a record batch, possibly compressed: to
    /// be kept or sent again. It has them until [`release`](Self::release).
    ///
    /// `None` for any other outcome, and while the adapter has the batch's memory, to seal or to write it.
    pub fn returned(&mut self, delivery: &Delivery) -> Option<&[u8]> {
        if !self.is_refused(delivery) {
            return None;
        }
        let batch = &mut self.acc.pool.batches[delivery.slot];
        let mem = batch.mem.as_mut()?;
        let len = if batch.sealed { batch.len as usize } else { batch.builder.finish(mem, &Stamp::NONE) };
        mem.get(..len).filter(|bytes| !bytes.is_empty())
    }

    /// Whether the delivery says `NotWritten`, and was not released.
    pub(super) fn is_refused(&self, delivery: &Delivery) -> bool {
        let whole = &self.acc.pool.batches[delivery.batch.slot];
        let batch = &self.acc.pool.batches[delivery.slot];
        let refused = matches!(batch.outcome, Some(Outcome::NotWritten(_))) && !batch.released;
        refused && whole.generation == delivery.batch.generation
    }

    /// The delivery was dealt with: its slot may be used again.
    pub fn release(&mut self, delivery: &Delivery) {
        let (whole, part) = (delivery.batch.slot, delivery.slot);
        let batch = &self.acc.pool.batches[whole];
        let ended = self.acc.pool.batches[part].outcome.is_some() && !self.acc.pool.batches[part].released;
        if batch.generation != delivery.batch.generation || !ended {
            return;
        }
        self.forget_rejections(part);
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
