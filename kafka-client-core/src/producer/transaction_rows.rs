//! The partitions and offsets of a transaction, as its requests list them.

use kafka_proto::messages::transaction::{
    AddPartitionsToTxnTopic, TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use kafka_proto::wire::{Array, Source, Wire, Writer};

use super::Producer;
use super::transaction::Joining;
use crate::storage::NIL;

/// The topics with partitions to be added.
pub(super) struct JoiningTopics<'a, 'm>(pub(super) &'a Producer<'m>);

impl JoiningTopics<'_, '_> {
    fn partitions(&self, topic: u32) -> impl Iterator<Item = u32> + '_ {
        let Producer { net, acc, txn, .. } = self.0;
        acc.partitions.indices().filter(move |index| {
            let queue = &acc.partitions[*index];
            let wanted = queue.joining == Joining::Wanted && queue.txn_serial == txn.serial;
            wanted && net.topics.partitions[*index].topic == topic
        })
    }

    fn topics(&self) -> impl Iterator<Item = u32> + '_ {
        self.0.net.topics.topics.indices().filter(|topic| self.partitions(*topic).next().is_some())
    }
}

impl Source for JoiningTopics<'_, '_> {
    fn len(&self) -> usize {
        self.topics().count()
    }

    fn write(&self, index: usize, w: &mut Writer<'_>) {
        let topic = self.topics().nth(index).unwrap_or(NIL);
        let name = &*self.0.net.topics.topics[topic].name;
        AddPartitionsToTxnTopic { name, partitions: Array::source(&JoiningPartitions { all: self, topic }) }
            .write(w);
    }
}

struct JoiningPartitions<'a, 'b, 'm> {
    all: &'a JoiningTopics<'b, 'm>,
    topic: u32,
}

impl Source for JoiningPartitions<'_, '_, '_> {
    fn len(&self) -> usize {
        self.all.partitions(self.topic).count()
    }

    fn write(&self, index: usize, w: &mut Writer<'_>) {
        let partition = self.all.partitions(self.topic).nth(index).unwrap_or(NIL);
        self.all.0.net.topics.partitions[partition].number.write(w);
    }
}

/// The offsets of a transaction, a topic entry for each.
pub(super) struct OffsetTopics<'a, 'm>(pub(super) &'a Producer<'m>);

impl OffsetTopics<'_, '_> {
    fn topics(&self) -> impl Iterator<Item = u32> + '_ {
        let offsets = &self.0.txn.offsets;
        let first = move |i: &usize| {
            let topic = offsets.get(*i).map(|o| o.topic);
            offsets.iter().position(|o| Some(o.topic) == topic) == Some(*i)
        };
        (0..offsets.len()).filter(first).filter_map(|i| offsets.get(i)).map(|o| o.topic)
    }
}

impl Source for OffsetTopics<'_, '_> {
    fn len(&self) -> usize {
        self.topics().count()
    }

    fn write(&self, index: usize, w: &mut Writer<'_>) {
        let topic = self.topics().nth(index).unwrap_or(NIL);
        let entry = &self.0.net.topics.topics[topic];
        let partitions = OffsetPartitions { producer: self.0, topic };
        TxnOffsetCommitRequestTopic {
            name: &entry.name,
            topic_id: entry.id,
            partitions: Array::source(&partitions),
        }
        .write(w);
    }
}

struct OffsetPartitions<'a, 'm> {
    producer: &'a Producer<'m>,
    topic: u32,
}

impl Source for OffsetPartitions<'_, '_> {
    fn len(&self) -> usize {
        self.producer.txn.offsets.iter().filter(|o| o.topic == self.topic).count()
    }

    fn write(&self, index: usize, w: &mut Writer<'_>) {
        let mut offsets = self.producer.txn.offsets.iter().filter(|o| o.topic == self.topic);
        let Some(o) = offsets.nth(index) else { return };
        TxnOffsetCommitRequestPartition {
            partition_index: o.partition,
            committed_offset: o.offset,
            committed_leader_epoch: o.leader_epoch,
            committed_metadata: Some(""),
        }
        .write(w);
    }
}
