//! What a partition remembers of idempotent producers: epoch, last sequence and the last five batches of each.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use kafka_proto::ErrorCode;

/// Batches per producer that are kept to recognise a retry (Kafka's `NUM_BATCHES_TO_RETAIN`).
pub const DUPLICATE_WINDOW: usize = 5;

/// A batch as the duplicate window remembers it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Appended {
    /// Sequence of its first record.
    pub base_sequence: i32,
    /// Sequence of its last record.
    pub last_sequence: i32,
    /// Offset of its first record.
    pub base_offset: i64,
    /// Offset of its last record.
    pub last_offset: i64,
    /// Largest timestamp in it.
    pub timestamp: i64,
}

/// One producer on one partition.
#[derive(Debug, Clone)]
pub struct ProducerEntry {
    /// Its epoch.
    pub epoch: i16,
    /// The last five batches of this epoch.
    pub batches: VecDeque<Appended>,
    /// Monotonic microseconds of the last append: what expiry goes by.
    pub last_seen: u64,
    /// First offset of the transaction that is open here.
    pub txn_first_offset: Option<i64>,
    /// Epoch of the coordinator that wrote the last marker.
    pub coordinator_epoch: i32,
}

/// What is to be done with a batch of an idempotent producer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Verdict {
    /// Append it.
    Append,
    /// It is there already, at these offsets.
    Duplicate(Appended),
    /// It is refused.
    Refuse(ErrorCode),
}

/// How strict the emulated release is with a producer that it has no state of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// Before Kafka 2.5: any sequence but 0 is `UNKNOWN_PRODUCER_ID`.
    Reject,
    /// Since 2.5 (KIP-360): any sequence is accepted.
    Accept,
    /// Transactions V2 (KIP-890): it must be 0.
    MustBeZero,
}

/// All producers of a partition.
#[derive(Debug, Default, Clone)]
pub struct ProducerStates {
    entries: BTreeMap<i64, ProducerEntry>,
    /// First offsets of the open transactions: always those of `entries`.
    open: BTreeSet<i64>,
}

/// The sequence `count` records after `sequence`: it wraps from 2147483647 to 0.
pub fn advance(sequence: i32, count: i32) -> i32 {
    ((i64::from(sequence) + i64::from(count)) % (i64::from(i32::MAX) + 1)) as i32
}

impl ProducerStates {
    /// State of a producer.
    pub fn get(&self, producer_id: i64) -> Option<&ProducerEntry> {
        self.entries.get(&producer_id)
    }

    /// All of them, by id.
    pub fn iter(&self) -> impl Iterator<Item = (&i64, &ProducerEntry)> {
        self.entries.iter()
    }

    /// Judges a batch of `count` records before it is appended.
    pub fn judge(&self, id: i64, epoch: i16, base_sequence: i32, count: i32, unknown: Unknown) -> Verdict {
        let Some(entry) = self.entries.get(&id) else {
            return match unknown {
                Unknown::Reject if base_sequence != 0 => Verdict::Refuse(ErrorCode::UNKNOWN_PRODUCER_ID),
                Unknown::MustBeZero if base_sequence != 0 => {
                    Verdict::Refuse(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER)
                }
                _ => Verdict::Append,
            };
        };
        if epoch < entry.epoch {
            return Verdict::Refuse(ErrorCode::INVALID_PRODUCER_EPOCH);
        }
        if epoch > entry.epoch {
            return match base_sequence {
                0 => Verdict::Append,
                _ => Verdict::Refuse(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER),
            };
        }
        let last_sequence = advance(base_sequence, count - 1);
        let same = |b: &&Appended| b.base_sequence == base_sequence && b.last_sequence == last_sequence;
        if let Some(found) = entry.batches.iter().find(same) {
            return Verdict::Duplicate(*found);
        }
        // After a marker with a new epoch there is no batch of this epoch, and it begins at 0.
        let expected = entry.batches.back().map_or(0, |b| advance(b.last_sequence, 1));
        match base_sequence == expected {
            true => Verdict::Append,
            false => Verdict::Refuse(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER),
        }
    }

    /// Remembers an appended batch. At `max` producers the one unused for longest (and without a transaction) goes.
    pub fn appended(&mut self, id: i64, epoch: i16, batch: Appended, txn: bool, now: u64, max: usize) {
        if !self.entries.contains_key(&id) && self.entries.len() >= max {
            let idle = self.entries.iter().filter(|(_, e)| e.txn_first_offset.is_none());
            if let Some(oldest) = idle.min_by_key(|(_, e)| e.last_seen).map(|(id, _)| *id) {
                self.entries.remove(&oldest);
            }
        }
        let entry = self.entry(id, epoch, now);
        if entry.batches.len() == DUPLICATE_WINDOW {
            entry.batches.pop_front();
        }
        entry.batches.push_back(batch);
        if txn && entry.txn_first_offset.is_none() {
            entry.txn_first_offset = Some(batch.base_offset);
            self.open.insert(batch.base_offset);
        }
    }

    /// Ends the transaction of `id`; returns where it began here, if it wrote here.
    pub fn marker(&mut self, id: i64, epoch: i16, coordinator_epoch: i32, now: u64) -> Option<i64> {
        let entry = self.entry(id, epoch, now);
        entry.coordinator_epoch = coordinator_epoch;
        let first = entry.txn_first_offset.take();
        if let Some(first) = &first {
            self.open.remove(first);
        }
        first
    }

    fn entry(&mut self, id: i64, epoch: i16, now: u64) -> &mut ProducerEntry {
        let entry = self.entries.entry(id).or_insert_with(|| ProducerEntry {
            epoch,
            batches: VecDeque::with_capacity(DUPLICATE_WINDOW),
            last_seen: now,
            txn_first_offset: None,
            coordinator_epoch: -1,
        });
        if entry.epoch != epoch {
            entry.epoch = epoch;
            entry.batches.clear();
        }
        entry.last_seen = now;
        entry
    }

    /// Where the oldest open transaction begins: the last stable offset cannot pass it.
    pub fn first_open_txn(&self) -> Option<i64> {
        self.open.first().copied()
    }

    /// Forgets producers unused since `before`, except those with an open transaction.
    pub fn expire(&mut self, before: u64) {
        self.entries.retain(|_, e| e.txn_first_offset.is_some() || e.last_seen > before);
    }

    /// Takes out the producers that appended at `offset` or after it, because the log is truncated there: the caller
    /// replays what the log still holds of them. `also` are those of whom a marker was lost.
    pub fn take_from(&mut self, offset: i64, also: &[i64]) -> Vec<i64> {
        let touched = |(id, e): &(&i64, &ProducerEntry)| {
            let lost = e.batches.back().is_some_and(|b| b.last_offset >= offset);
            lost || e.txn_first_offset.is_some() || also.contains(id)
        };
        let mut ids: Vec<i64> = self.entries.iter().filter(touched).map(|(id, _)| *id).collect();
        // They may have expired since.
        ids.extend(also.iter().filter(|id| !self.entries.contains_key(id)));
        for entry in ids.iter().filter_map(|id| self.entries.remove(id)) {
            if let Some(first) = &entry.txn_first_offset {
                self.open.remove(first);
            }
        }
        ids
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(states: &mut ProducerStates, epoch: i16, base: i32, count: i32, offset: i64) {
        let batch = Appended {
            base_sequence: base,
            last_sequence: advance(base, count - 1),
            base_offset: offset,
            last_offset: offset + i64::from(count) - 1,
            timestamp: -1,
        };
        states.appended(7, epoch, batch, false, 0, 100);
    }

    fn judge(states: &ProducerStates, epoch: i16, base: i32, count: i32) -> Verdict {
        states.judge(7, epoch, base, count, Unknown::Accept)
    }

    const OUT_OF_ORDER: Verdict = Verdict::Refuse(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);

    #[test]
    fn five_batches_back_are_duplicates_and_the_sixth_is_out_of_order() {
        let mut states = ProducerStates::default();
        for n in 0..6 {
            assert_eq!(judge(&states, 0, n * 2, 2), Verdict::Append);
            push(&mut states, 0, n * 2, 2, i64::from(n) * 2);
        }
        for n in 1..6 {
            let Verdict::Duplicate(found) = judge(&states, 0, n * 2, 2) else { panic!("batch {n}") };
            assert_eq!(found.base_offset, i64::from(n) * 2);
        }
        assert_eq!(judge(&states, 0, 0, 2), OUT_OF_ORDER);
        assert_eq!(judge(&states, 0, 10, 1), OUT_OF_ORDER, "same first, other last sequence");
        assert_eq!(judge(&states, 0, 13, 1), OUT_OF_ORDER, "a gap");
        assert_eq!(judge(&states, 0, 12, 1), Verdict::Append);
    }

    #[test]
    fn epochs_fence_and_begin_at_zero() {
        let mut states = ProducerStates::default();
        push(&mut states, 3, 0, 1, 0);
        assert_eq!(judge(&states, 2, 1, 1), Verdict::Refuse(ErrorCode::INVALID_PRODUCER_EPOCH));
        assert_eq!(judge(&states, 4, 1, 1), OUT_OF_ORDER);
        assert_eq!(judge(&states, 4, 0, 1), Verdict::Append);
        states.marker(7, 4, 0, 0);
        assert_eq!(judge(&states, 3, 1, 1), Verdict::Refuse(ErrorCode::INVALID_PRODUCER_EPOCH));
        assert_eq!(judge(&states, 4, 1, 1), OUT_OF_ORDER);
        assert_eq!(judge(&states, 4, 0, 1), Verdict::Append);
    }

    #[test]
    fn without_state_it_depends_on_the_release() {
        let states = ProducerStates::default();
        assert_eq!(states.judge(7, 0, 41, 1, Unknown::Accept), Verdict::Append);
        assert_eq!(states.judge(7, 0, 41, 1, Unknown::MustBeZero), OUT_OF_ORDER);
        let unknown = Verdict::Refuse(ErrorCode::UNKNOWN_PRODUCER_ID);
        assert_eq!(states.judge(7, 0, 41, 1, Unknown::Reject), unknown);
        assert_eq!(states.judge(7, 0, 0, 1, Unknown::Reject), Verdict::Append);
    }

    #[test]
    fn sequences_wrap_within_and_between_batches() {
        let mut states = ProducerStates::default();
        push(&mut states, 0, i32::MAX - 1, 3, 0);
        assert_eq!(states.get(7).unwrap().batches[0].last_sequence, 0);
        assert_eq!(judge(&states, 0, 1, 1), Verdict::Append);
        assert!(matches!(judge(&states, 0, i32::MAX - 1, 3), Verdict::Duplicate(_)));
    }

    #[test]
    fn truncation_takes_out_whom_it_concerns() {
        let mut states = ProducerStates::default();
        push(&mut states, 0, 0, 1, 0);
        push(&mut states, 0, 1, 1, 1);
        assert_eq!(states.take_from(2, &[]), []);
        assert_eq!(states.take_from(1, &[]), [7]);
        assert_eq!(judge(&states, 0, 9, 1), Verdict::Append);
    }
}
