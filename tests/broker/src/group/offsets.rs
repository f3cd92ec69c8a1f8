//! The offsets a group committed, those of open transactions apart.

use std::collections::BTreeMap;

use kafka_proto::ErrorCode;

/// A committed offset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// Of the next record to read.
    pub offset: i64,
    /// -1 when the consumer did not say.
    pub leader_epoch: i32,
    /// Words of the consumer.
    pub metadata: String,
    /// Monotonic microseconds of the commit: what expiry goes by.
    pub(crate) at: u64,
}

/// Topic and partition.
pub(crate) type Key = (String, i32);

/// `offset.metadata.max.bytes`.
pub(crate) const METADATA_MAX: usize = 4096;

/// A group's offsets.
#[derive(Debug, Default)]
pub(crate) struct Offsets {
    committed: BTreeMap<Key, Committed>,
    /// Offsets that become visible when their transaction commits, by producer id.
    pending: BTreeMap<i64, BTreeMap<Key, Committed>>,
    /// When the group last had members or commits.
    pub used: u64,
}

impl Offsets {
    pub fn commit(&mut self, key: Key, offset: Committed) {
        self.committed.insert(key, offset);
    }

    pub fn commit_in_txn(&mut self, producer_id: i64, key: Key, offset: Committed) {
        self.pending.entry(producer_id).or_default().insert(key, offset);
    }

    /// The transaction of `producer_id` ended.
    pub fn end_txn(&mut self, producer_id: i64, commit: bool) {
        let ended = self.pending.remove(&producer_id).unwrap_or_default();
        if commit {
            self.committed.extend(ended);
        }
    }

    /// A partition's offset; with `stable`, an open transaction that touches it is an error.
    pub fn get(&self, key: &Key, stable: bool) -> Result<Option<&Committed>, ErrorCode> {
        if stable && self.pending.values().any(|p| p.contains_key(key)) {
            return Err(ErrorCode::UNSTABLE_OFFSET_COMMIT);
        }
        Ok(self.committed.get(key))
    }

    pub fn iter(&self) -> impl Iterator<Item = (&Key, &Committed)> {
        self.committed.iter()
    }

    pub fn delete(&mut self, key: &Key) {
        self.committed.remove(key);
    }

    pub fn forget_topic(&mut self, topic: &str) {
        self.committed.retain(|(name, _), _| name != topic);
        self.pending.values_mut().for_each(|p| p.retain(|(name, _), _| name != topic));
    }

    /// Forgets what nobody renewed since `before`.
    pub fn expire(&mut self, before: u64) {
        self.committed.retain(|_, c| c.at > before);
    }

    pub fn is_empty(&self) -> bool {
        self.committed.is_empty() && self.pending.values().all(BTreeMap::is_empty)
    }
}
