//! The topics and partitions of a produce request, written around batches that lie elsewhere.

use kafka_proto::messages::produce::{PartitionProduceData, TopicProduceData};
use kafka_proto::record::BATCH_HEADER_LEN;
use kafka_proto::wire::{Array, Records, Source, Wire, Writer};

use super::Producer;
use crate::metadata::Topics;
use crate::net::Part;
use crate::storage::{NIL, Storage};

/// The topics of a produce request, written from the parts of its frame.
pub(super) struct RequestTopics<'a, 'm> {
    parts: &'a Storage<'m, Part<'m>>,
    producer: &'a Producer<'m>,
}

impl<'a, 'm> RequestTopics<'a, 'm> {
    pub(super) fn new(parts: &'a Storage<'m, Part<'m>>, producer: &'a Producer<'m>) -> Self {
        RequestTopics { parts, producer }
    }

    fn topics(&self) -> &'a Topics<'m> {
        &self.producer.net.topics
    }

    /// Topic and partition of the part at `index`; [`NIL`] past the end.
    fn place(&self, index: usize) -> (u32, i32) {
        let slot = self.parts.get(index).map_or(NIL, |part| part.batch);
        let meta = &self.topics().partitions[self.producer.acc.pool.batches[slot].partition];
        (meta.topic, meta.number)
    }

    /// The part with which the `index`-th topic begins.
    fn start(&self, index: usize) -> usize {
        let begins = |i: &usize| *i == 0 || self.place(*i).0 != self.place(*i - 1).0;
        (0..self.parts.len()).filter(begins).nth(index).unwrap_or(self.parts.len())
    }
}

impl Source for RequestTopics<'_, '_> {
    fn len(&self) -> usize {
        (0..self.parts.len()).filter(|i| *i == 0 || self.place(*i).0 != self.place(*i - 1).0).count()
    }

    fn write(&self, index: usize, w: &mut Writer<'_>) {
        let start = self.start(index);
        let topic = &self.topics().topics[self.place(start).0];
        let partitions = RequestPartitions { topics: self, start, end: self.start(index + 1) };
        TopicProduceData {
            name: &topic.name,
            topic_id: topic.id,
            partition_data: Array::source(&partitions),
        }
        .write(w);
    }
}

struct RequestPartitions<'a, 'm> {
    topics: &'a RequestTopics<'a, 'm>,
    start: usize,
    end: usize,
}

impl Source for RequestPartitions<'_, '_> {
    fn len(&self) -> usize {
        self.end.saturating_sub(self.start)
    }

    fn write(&self, index: usize, w: &mut Writer<'_>) {
        let at = self.start + index;
        let len = self.topics.parts.get(at).map_or(BATCH_HEADER_LEN as u32, |part| part.len);
        PartitionProduceData { index: self.topics.place(at).1, records: Records::Elsewhere { len } }.write(w);
    }
}
