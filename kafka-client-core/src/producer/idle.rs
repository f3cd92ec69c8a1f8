//! Topics that are written to no more (KIP-526): metadata is not asked for them, and where memory is lent a new topic
//! can have their place.

use super::Producer;
use super::batch::Place;
use crate::metadata::TopicId;
use crate::storage::Text;
use crate::time::Instant;

impl<'m> Producer<'m> {
    /// After an answer: a topic of which none, for `metadata.max.idle.ms`, found a batch is idle.
    pub(super) fn note_idle(&mut self, now: Instant) {
        if !cfg!(feature = "idle") {
            return;
        }
        let topics = &mut self.net.topics.topics;
        for partition in self.acc.partitions.indices() {
            if self.acc.partitions[partition].queued > 0 {
                topics[self.net.topics.partitions[partition].topic].quiet_since = Instant::NEVER;
            }
        }
        for topic in topics.indices() {
            let entry = &mut topics[topic];
            entry.quiet_since = entry.quiet_since.min(now);
            let quiet = now.since(entry.quiet_since).0;
            entry.idle = quiet > 0 && quiet >= self.config.metadata_max_idle.0;
        }
    }

    /// Somebody wants to write to the topic.
    pub(super) fn note_use(&mut self, topic: u32) {
        if !cfg!(feature = "idle") {
            return;
        }
        let entry = &mut self.net.topics.topics[topic];
        entry.quiet_since = Instant::NEVER;
        if core::mem::take(&mut entry.idle) {
            // Who leads its partitions may be long out of date.
            self.net.want_metadata();
        }
    }

    /// Gives the place of an idle topic to another one, if there is any; handles of the idle one are void.
    pub(super) fn replace_idle(&mut self, name: Text<'m>) -> Option<TopicId> {
        let topics = &self.net.topics;
        let holds = |topic: u32| {
            let of_topic = |p: u32| topics.partitions[p].topic == topic;
            self.acc.pool.batches.iter().any(|b| b.place != Place::Free && of_topic(b.partition))
        };
        // Only the coordinator raises the epoch of a transactional producer.
        if self.txn.is_on() || !cfg!(feature = "idle") {
            return None;
        }
        let old = topics.topics.indices().find(|t| topics.topics[*t].is_idle() && !holds(*t))?;
        self.forget_sequences(old);
        self.sticky[old] = Default::default();
        Some(self.net.topics.replace(old, name))
    }

    /// If the topic comes back, its partitions begin at sequence 0 again, which needs another epoch than they had.
    fn forget_sequences(&mut self, topic: u32) {
        let mut known = false;
        for partition in self.acc.partitions.indices() {
            if self.net.topics.partitions[partition].topic == topic {
                let queue = &mut self.acc.partitions[partition];
                known |= self.identity.is_known() && queue.producer_id == self.identity.id;
                queue.forget();
            }
        }
        if known {
            self.identity.bump();
        }
    }
}
