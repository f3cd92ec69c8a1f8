//! Transactions: the coordinator's state, and the markers that end them. V1 is KIP-98, V2 is KIP-890.

mod add;
mod end;
mod init;
mod offsets;

use std::collections::{BTreeMap, BTreeSet};

use kafka_proto::ErrorCode;

use crate::cluster::Cluster;
use crate::control::Marker;
use crate::timers::Timer;
use crate::topics::TopicId;

/// Where a transactional id is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TxnState {
    /// It never had a transaction.
    Empty,
    /// Partitions were added.
    Ongoing,
    /// The outcome is decided, markers are being written: commit or abort.
    Preparing {
        /// The outcome.
        commit: bool,
    },
    /// All markers are written.
    Complete {
        /// The outcome.
        commit: bool,
    },
}

/// A transactional id and its producer.
#[derive(Debug, Clone)]
pub struct Transaction {
    /// The producer id it has now.
    pub producer_id: i64,
    /// The producer epoch it has now.
    pub producer_epoch: i16,
    /// What it had before the last bump: a retry comes with these.
    pub(crate) previous: (i64, i16),
    /// Id and epoch that the markers are written with.
    marker: (i64, i16),
    /// `transaction.timeout.ms`.
    pub timeout_ms: i32,
    /// Where it is.
    pub state: TxnState,
    /// Partitions of the transaction without a marker. By name, as with Kafka: a topic that is made anew meanwhile gets
    /// the marker, too.
    pub(crate) partitions: BTreeSet<(String, i32)>,
    /// Groups whose offsets it commits.
    pub(crate) groups: BTreeSet<String>,
    /// When the transaction began, monotonic microseconds.
    started: u64,
    /// The last request, monotonic microseconds.
    used: u64,
}

/// All transactional ids.
pub(crate) type Transactions = BTreeMap<String, Transaction>;

/// A producer id begins anew when its epoch reaches this; the last is for fencing.
pub(crate) const LAST_EPOCH: i16 = i16::MAX - 1;
/// Between attempts to write a marker to a partition without a leader.
const MARKER_RETRY_US: u64 = 100_000;

impl Transaction {
    pub(crate) fn new(producer_id: i64, timeout_ms: i32, now: u64) -> Self {
        Self {
            producer_id,
            producer_epoch: 0,
            previous: (-1, -1),
            marker: (-1, -1),
            timeout_ms,
            state: TxnState::Empty,
            partitions: BTreeSet::new(),
            groups: BTreeSet::new(),
            started: now,
            used: now,
        }
    }

    /// Whether the request comes from the current producer; `fenced` is what an old one is told.
    fn check(&self, producer_id: i64, epoch: i16, fenced: ErrorCode) -> Result<(), ErrorCode> {
        if self.producer_id != producer_id {
            return Err(ErrorCode::INVALID_PRODUCER_ID_MAPPING);
        }
        if self.producer_epoch != epoch {
            return Err(fenced);
        }
        Ok(())
    }
}

/// KIP-588: newer clients can tell being fenced from being late.
fn fenced(version: i16, since: i16) -> ErrorCode {
    if version >= since { ErrorCode::PRODUCER_FENCED } else { ErrorCode::INVALID_PRODUCER_EPOCH }
}

impl Cluster {
    /// A transactional id, for checkers.
    pub fn transaction(&self, transactional_id: &str) -> Option<&Transaction> {
        self.transactions.get(transactional_id)
    }

    /// The transaction that `name` may add something to; begins it if there is none.
    fn begin_or_go_on(
        &mut self,
        name: &str,
        producer_id: i64,
        epoch: i16,
        fenced: ErrorCode,
    ) -> Result<&mut Transaction, ErrorCode> {
        let now = self.now;
        let txn = self.transactions.get_mut(name).ok_or(ErrorCode::INVALID_PRODUCER_ID_MAPPING)?;
        txn.check(producer_id, epoch, fenced)?;
        match txn.state {
            TxnState::Preparing { .. } => return Err(ErrorCode::CONCURRENT_TRANSACTIONS),
            TxnState::Ongoing => {}
            TxnState::Empty | TxnState::Complete { .. } => {
                txn.state = TxnState::Ongoing;
                txn.started = now;
                let at = now.saturating_add(u64::try_from(txn.timeout_ms).unwrap_or(0) * 1000);
                self.timers.set(at, Timer::Transaction(name.to_owned()));
            }
        }
        txn.used = now;
        Ok(txn)
    }

    /// Decides the outcome of a transaction; `bump`: its producer goes on with the next epoch (V2, and when fenced).
    fn prepare_end(&mut self, name: &str, commit: bool, bump: bool) {
        let fresh = self.next_producer_id + 1;
        let Some(txn) = self.transactions.get_mut(name) else { return };
        txn.state = TxnState::Preparing { commit };
        txn.marker = (txn.producer_id, txn.producer_epoch);
        if bump {
            txn.previous = (txn.producer_id, txn.producer_epoch);
            txn.marker.1 = txn.producer_epoch.saturating_add(1);
            if txn.producer_epoch >= LAST_EPOCH {
                self.next_producer_id = fresh;
                (txn.producer_id, txn.producer_epoch) = (fresh, 0);
            } else {
                txn.producer_epoch += 1;
            }
        }
        let delay = self.config.txn_marker_delay_us;
        if delay == 0 {
            self.write_markers(name);
        } else {
            self.timers.set(self.now.saturating_add(delay), Timer::Transaction(name.to_owned()));
        }
    }

    /// Aborts a transaction whose producer is not to go on: nobody may ask again with the epoch it had.
    fn fence(&mut self, name: &str) {
        self.prepare_end(name, false, true);
        if let Some(txn) = self.transactions.get_mut(name) {
            txn.previous = (-1, -1);
        }
    }

    /// Writes the markers that are missing; what has no leader is tried again.
    fn write_markers(&mut self, name: &str) {
        let (now, lag, wall_ms) = (self.now, self.config.replication_lag_us, self.wall_ms());
        let Some(txn) = self.transactions.get_mut(name) else { return };
        let TxnState::Preparing { commit } = txn.state else { return };
        let (producer_id, producer_epoch) = txn.marker;
        let marker = Marker { producer_id, producer_epoch, commit, coordinator_epoch: 0 };
        let (topics, woken, timers) = (&mut self.topics, &mut self.woken, &mut self.timers);
        txn.partitions.retain(|(name, index)| {
            let Some(id) = topics.id(name) else { return false };
            let Some(p) = topics.get_mut(&id).and_then(|t| t.partition_mut(*index)) else { return false };
            if p.leader < 0 {
                return true;
            }
            if let Some(at) = p.append_marker(&marker, wall_ms, now, lag) {
                timers.set(at, Timer::Replicate(id, *index));
            }
            woken.append(&mut p.watchers);
            false
        });
        if !txn.partitions.is_empty() {
            return self.timers.set(now.saturating_add(MARKER_RETRY_US), Timer::Transaction(name.to_owned()));
        }
        for group in std::mem::take(&mut txn.groups) {
            if let Some(group) = self.groups.get_mut(&group) {
                group.offsets.end_txn(producer_id, commit);
            }
        }
        txn.state = TxnState::Complete { commit };
    }

    /// A transaction's timer rang: it lasts too long, or its markers are due.
    pub(crate) fn transaction_timer(&mut self, name: &str) {
        let Some(txn) = self.transactions.get(name) else { return };
        match txn.state {
            TxnState::Preparing { .. } => self.write_markers(name),
            TxnState::Ongoing => {
                let timeout = u64::try_from(txn.timeout_ms).unwrap_or(0) * 1000;
                if txn.started.saturating_add(timeout) <= self.now {
                    self.fence(name);
                }
            }
            TxnState::Empty | TxnState::Complete { .. } => {}
        }
    }

    /// What a transactional batch has to get right before its partition judges it; V2 adds the partition by itself.
    pub(crate) fn check_txn_produce(
        &mut self,
        name: &str,
        producer: (i64, i16),
        partition: (TopicId, i32),
        version: i16,
    ) -> Result<(), ErrorCode> {
        let (producer_id, epoch) = producer;
        let topic = self.topics.get(&partition.0).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
        let partition = (topic.name.clone(), partition.1);
        if version >= 12 && self.config.transactions_v2() {
            let txn = self.begin_or_go_on(name, producer_id, epoch, ErrorCode::INVALID_PRODUCER_EPOCH)?;
            txn.partitions.insert(partition);
            return Ok(());
        }
        // Verification of the older protocol came with 3.6.
        if self.config.release < crate::config::Release::V3_9 {
            return Ok(());
        }
        let not_part = match version {
            11.. => ErrorCode::TRANSACTION_ABORTABLE,
            _ => ErrorCode::INVALID_TXN_STATE,
        };
        let txn = self.transactions.get(name).ok_or(ErrorCode::INVALID_PRODUCER_ID_MAPPING)?;
        txn.check(producer_id, epoch, ErrorCode::INVALID_PRODUCER_EPOCH)?;
        match txn.state == TxnState::Ongoing && txn.partitions.contains(&partition) {
            true => Ok(()),
            false => Err(not_part),
        }
    }
}
