//! Read-outs for checkers and tests: what is really in the logs.

use kafka_proto::record::{Batch, Codec, batches};

use crate::batch_check::unpack;
use crate::cluster::Cluster;
use crate::log::BatchInfo;
use crate::partition::Partition;
use crate::topics::Topic;

/// A record as it is in a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRecord {
    /// Its offset.
    pub offset: i64,
    /// Milliseconds since 1970, -1 when unknown.
    pub timestamp: i64,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value.
    pub value: Option<Vec<u8>>,
    /// Its headers, in order.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    /// Producer id of its batch, -1 without idempotence.
    pub producer_id: i64,
    /// Producer epoch of its batch.
    pub producer_epoch: i16,
    /// Its sequence, -1 without idempotence.
    pub sequence: i32,
    /// Part of a transaction.
    pub transactional: bool,
}

impl Cluster {
    /// The records of a partition in order, markers left out. `None`: there is no such partition, or a batch is
    /// compressed with a codec that is not built in.
    pub fn log(&self, topic: &str, partition: i32) -> Option<Vec<StoredRecord>> {
        let p = self.partition(topic, partition)?;
        let mut all = Vec::new();
        for (_, bytes) in p.log.batches().filter(|(info, _)| !info.control) {
            all.extend(plain_records(&batches(bytes).next()?.ok()?)?);
        }
        Some(all)
    }

    /// The batches of a partition, without their bytes.
    pub fn batches(&self, topic: &str, partition: i32) -> Vec<BatchInfo> {
        self.partition(topic, partition)
            .map_or(Vec::new(), |p| p.log.batches().map(|(info, _)| *info).collect())
    }

    /// A partition with everything in it.
    pub fn partition(&self, topic: &str, partition: i32) -> Option<&Partition> {
        self.topics.named(topic)?.partition(partition)
    }

    /// The offset that a group committed for a partition.
    pub fn committed_offset(&self, group: &str, topic: &str, partition: i32) -> Option<i64> {
        let offsets = &self.groups.get(group)?.offsets;
        Some(offsets.get(&(topic.to_owned(), partition), false).ok()??.offset)
    }

    /// A topic.
    pub fn topic(&self, name: &str) -> Option<&Topic> {
        self.topics.named(name)
    }

    /// All topics, by name.
    pub fn topics(&self) -> impl Iterator<Item = &Topic> {
        self.topics.iter()
    }

    /// Deadlines that are pending.
    pub fn pending_timers(&self) -> usize {
        self.timers.len()
    }

    /// Connections that are open.
    pub fn connections(&self) -> usize {
        self.conns.len()
    }
}

/// The records of a batch, decompressed where it is needed and the codec is built in.
pub(crate) fn plain_records(batch: &Batch<'_>) -> Option<Vec<StoredRecord>> {
    let header = batch.header();
    let plain;
    let records = match header.codec() {
        Codec::None => batch.records().ok()?,
        _ => {
            plain = unpack(batch)?;
            batch.records_from(&plain)
        }
    };
    let mut all = Vec::new();
    for record in records {
        let record = record.ok()?;
        let delta = (record.offset - header.base_offset) as i32;
        all.push(StoredRecord {
            offset: record.offset,
            timestamp: record.timestamp,
            key: record.key.map(<[u8]>::to_vec),
            value: record.value.map(<[u8]>::to_vec),
            headers: record.headers.map(|h| (h.key.to_owned(), h.value.map(<[u8]>::to_vec))).collect(),
            producer_id: header.producer_id,
            producer_epoch: header.producer_epoch,
            sequence: match header.producer_id {
                -1 => -1,
                _ => crate::producer_state::advance(header.base_sequence, delta),
            },
            transactional: header.attributes.is_transactional(),
        });
    }
    Some(all)
}
