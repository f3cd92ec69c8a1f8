//! Transactions: records to several partitions, and offsets consumed, that become visible together or not at all
//! (KIP-98, KIP-447, KIP-588, KIP-890).
//!
//! This file has the states and what the application may do in each. What is asked of the coordinator is in `coordinator.rs`,
//! what its answers mean in `transaction_answers.rs`.

use kafka_proto::ErrorCode;

use super::Producer;
use super::batch::{Outcome, SendError};
use crate::metadata::TopicId;
use crate::storage::{NIL, Storage, Text};
use crate::time::Instant;

/// Where a producer is in its transactions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TransactionState {
    /// The producer has no `transactional.id`.
    #[default]
    Off,
    /// `init_transactions` is to be called first.
    Uninitialized,
    /// The coordinator is being asked for the producer's id and epoch; older producers of this `transactional.id` are
    /// fenced by it, and what they left open is aborted.
    Initializing,
    /// No transaction is open.
    Ready,
    /// Records and offsets become part of the open transaction.
    Open,
    /// The transaction is being committed: it will be, or the state becomes `AbortOnly` or `Failed`.
    Committing,
    /// The transaction is being aborted.
    Aborting,
    /// The transaction cannot be committed any more, for this reason; abort it and begin another.
    AbortOnly(ErrorCode),
    /// This producer can do nothing more, for this reason: most often another one with the same `transactional.id`
    /// has taken its place (PRODUCER_FENCED). Close it. Whether the last transaction was committed is not known.
    ///
    /// Before KIP-890 a request of its own that had no answer, and came late, can have the same effect.
    Failed(ErrorCode),
}

/// A call that the state of the transaction does not allow. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionError {
    /// The call does not fit the state, e.g. a second `begin`.
    WrongState(TransactionState),
    /// The lent memory has no room for more offsets.
    NoRoom,
}

impl core::fmt::Display for TransactionError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let TransactionError::WrongState(state) = self else {
            return f.write_str("no room for more offsets in the memory that was lent");
        };
        match state {
            TransactionState::Off => f.write_str("the producer has no transactional.id"),
            TransactionState::Uninitialized => f.write_str("init_transactions has not been called"),
            TransactionState::Initializing => f.write_str("init_transactions is not complete"),
            TransactionState::Ready => f.write_str("no transaction is open"),
            TransactionState::Open => f.write_str("a transaction is open"),
            TransactionState::Committing => f.write_str("the transaction is being committed"),
            TransactionState::Aborting => f.write_str("the transaction is being aborted"),
            TransactionState::AbortOnly(code) => write!(f, "the transaction must be aborted: {code}"),
            TransactionState::Failed(code) => write!(f, "the producer can do nothing more: {code}"),
        }
    }
}

impl core::error::Error for TransactionError {}

/// A group whose offsets become part of a transaction, and the member that read them (KIP-447): the coordinator refuses
/// offsets from a member that no longer is one.
#[derive(Clone, Debug, Default)]
pub struct GroupMetadata<'m> {
    /// `group.id`.
    pub group_id: Text<'m>,
    /// −1 for a consumer that assigns itself.
    pub generation: i32,
    /// Empty for a consumer that assigns itself.
    pub member_id: Text<'m>,
    /// `group.instance.id`.
    pub instance_id: Option<Text<'m>>,
}

/// How far a partition was read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TxnOffset {
    pub(crate) topic: u32,
    pub(crate) partition: i32,
    /// The offset to go on with.
    pub(crate) offset: i64,
    pub(crate) leader_epoch: i32,
}

/// How far a partition is on its way into the open transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Joining {
    #[default]
    No,
    /// A batch waits for it.
    Wanted,
    /// The coordinator is being asked.
    Asked,
    /// It is part of it.
    Done,
}

/// How far the offsets are on their way into the open transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum OffsetsStep {
    #[default]
    None,
    /// The transaction's coordinator is to be told of the group (before KIP-890).
    AddGroup,
    /// The group's coordinator is to be found, where it is not known, and given the offsets.
    FindGroup,
}

#[derive(Default)]
pub(crate) struct Transaction<'m> {
    pub(crate) id: Text<'m>,
    pub(crate) timeout_ms: i32,
    pub(crate) state: TransactionState,
    /// Counts transactions, so that what partitions joined an earlier one counts no more.
    pub(crate) serial: u32,
    /// The cluster's `transaction.version` when this one began; it may be upgraded meanwhile.
    version: i16,
    /// The broker that coordinates, [`NIL`] while it must be found.
    pub(crate) coordinator: u32,
    pub(crate) group_coordinator: u32,
    /// A request of the transaction is under way: there is one at a time.
    pub(crate) asked: bool,
    pub(crate) retry_at: Instant,
    pub(crate) attempts: u32,
    /// The last error that made a request be asked again.
    pub(crate) trouble: ErrorCode,
    /// Some partition is `Wanted`.
    pub(crate) joining: bool,
    /// The coordinator knows of the transaction, or may: it has to be told its end.
    pub(crate) begun: bool,
    /// The coordinator was asked to commit it.
    pub(crate) commit_asked: bool,
    /// It cannot be committed any more, and records that were not sent still wait for it.
    unsent: bool,
    /// A sequence was lost: the epoch must be raised before the next transaction.
    pub(crate) renew: bool,
    /// The coordinator can raise the epoch of a producer that says who it is. Of one that cannot say, it would make a
    /// successor, also of its own successor.
    pub(crate) can_renew: bool,
    pub(crate) group: GroupMetadata<'m>,
    pub(crate) offsets: Storage<'m, TxnOffset>,
    pub(crate) offsets_step: OffsetsStep,
}

impl<'m> Transaction<'m> {
    pub(crate) fn new(id: Option<Text<'m>>, timeout_ms: i32) -> Self {
        let state = if id.is_some() { TransactionState::Uninitialized } else { TransactionState::Off };
        Transaction {
            id: id.unwrap_or_default(),
            timeout_ms,
            state,
            coordinator: NIL,
            group_coordinator: NIL,
            ..Transaction::default()
        }
    }

    pub(crate) fn is_on(&self) -> bool {
        cfg!(feature = "transactions") && self.state != TransactionState::Off
    }

    /// The transaction cannot be committed any more. The first reason stays.
    pub(crate) fn abort_only(&mut self, code: ErrorCode) {
        if matches!(self.state, TransactionState::Open | TransactionState::Committing) {
            self.state = TransactionState::AbortOnly(code);
            self.unsent = true;
        }
    }

    pub(crate) fn fail(&mut self, code: ErrorCode) {
        // What the older producer is told when a newer one took its place depends on the broker's release.
        let code = if code == ErrorCode::INVALID_PRODUCER_EPOCH { ErrorCode::PRODUCER_FENCED } else { code };
        self.state = TransactionState::Failed(code);
        self.unsent = true;
    }

    /// The transaction is over. After a lost sequence the coordinator raises the epoch, and the partitions start again
    /// at 0; a cluster before 2.5 cannot do that.
    pub(crate) fn ended(&mut self) {
        match (self.renew, self.can_renew) {
            (false, _) => self.state = TransactionState::Ready,
            (true, true) => self.state = TransactionState::Initializing,
            (true, false) => self.fail(ErrorCode::UNSUPPORTED_VERSION),
        }
    }

    fn expect(&self, wanted: TransactionState) -> Result<(), TransactionError> {
        if self.state == wanted { Ok(()) } else { Err(TransactionError::WrongState(self.state)) }
    }
}

impl<'m> Producer<'m> {
    /// Where the producer is in its transactions. An adapter waits for this to change.
    pub fn transaction(&self) -> TransactionState {
        self.txn.state
    }

    /// What a coordinator answered last, if it could not do yet what it was asked: NONE, or e.g.
    /// COORDINATOR_LOAD_IN_PROGRESS.
    pub fn transaction_trouble(&self) -> ErrorCode {
        self.txn.trouble
    }

    /// Fences older producers with the same `transactional.id`, and ends what they left open. Done when
    /// [`transaction`](Self::transaction) is `Ready`.
    ///
    /// # Errors
    /// Called a second time, or without a `transactional.id`.
    pub fn init_transactions(&mut self) -> Result<(), TransactionError> {
        self.txn.expect(TransactionState::Uninitialized)?;
        self.txn.state = TransactionState::Initializing;
        Ok(())
    }

    /// Begins a transaction: what is appended from here on is part of it.
    ///
    /// # Errors
    /// Another one is open, or the producer is not initialized.
    pub fn begin_transaction(&mut self) -> Result<(), TransactionError> {
        self.txn.expect(TransactionState::Ready)?;
        self.txn.state = TransactionState::Open;
        self.txn.serial = self.txn.serial.wrapping_add(1);
        self.txn.version = self.net.transaction_version;
        (self.txn.begun, self.txn.commit_asked) = (false, false);
        Ok(())
    }

    /// Makes an offset of a group part of the transaction: where `group` goes on when it commits. Offsets of one
    /// transaction belong to one group.
    ///
    /// # Errors
    /// No transaction is open; no room in lent memory.
    pub fn send_offset(
        &mut self,
        group: &GroupMetadata<'m>,
        topic: TopicId,
        partition: i32,
        offset: i64,
    ) -> Result<(), TransactionError> {
        self.txn.expect(TransactionState::Open)?;
        let entry = TxnOffset { topic: topic.0, partition, offset, leader_epoch: -1 };
        let txn = &mut self.txn;
        let known = txn.offsets.iter().position(|o| (o.topic, o.partition) == (entry.topic, partition));
        match known.and_then(|at| txn.offsets.get_mut(at)) {
            Some(known) => *known = entry,
            None => txn.offsets.push(entry).map_err(|_| TransactionError::NoRoom)?,
        }
        if *txn.group.group_id != *group.group_id {
            txn.group_coordinator = NIL;
        }
        txn.group = group.clone();
        Ok(())
    }

    /// Commits: waits for every record to be acknowledged, then tells the coordinator. Done when
    /// [`transaction`](Self::transaction) is `Ready`; `AbortOnly` when a record or an offset could not be written.
    ///
    /// # Errors
    /// No transaction is open.
    pub fn commit_transaction(&mut self, now: Instant) -> Result<(), TransactionError> {
        self.txn.expect(TransactionState::Open)?;
        self.txn.state = TransactionState::Committing;
        if !self.txn.offsets.is_empty() {
            let two = self.transactions_v2();
            self.txn.offsets_step = if two { OffsetsStep::FindGroup } else { OffsetsStep::AddGroup };
        }
        self.flush(now);
        self.ends_unheard();
        Ok(())
    }

    /// Aborts: records that were not sent resolve `NotWritten`, those under way as the broker answers, and no
    /// `read_committed` consumer sees any of them. Done when [`transaction`](Self::transaction) is `Ready`.
    ///
    /// # Errors
    /// No transaction is open.
    pub fn abort_transaction(&mut self, now: Instant) -> Result<(), TransactionError> {
        match self.txn.state {
            TransactionState::Open | TransactionState::AbortOnly(_) => {}
            state => return Err(TransactionError::WrongState(state)),
        }
        self.txn.state = TransactionState::Aborting;
        while self.txn.offsets.pop().is_some() {}
        self.txn.offsets_step = OffsetsStep::None;
        // Nothing waits to become part of it any more.
        self.txn.joining = false;
        self.fail_unsent(now, SendError::Closed);
        self.ends_unheard();
        Ok(())
    }

    /// Records of a transaction that cannot be committed are not sent any more, and nobody waits for them in vain.
    pub(super) fn fail_unsent_if_lost(&mut self, now: Instant) {
        if !self.txn.is_on() || !core::mem::take(&mut self.txn.unsent) {
            return;
        }
        let state = self.txn.state;
        if let TransactionState::AbortOnly(code) | TransactionState::Failed(code) = state {
            self.fail_unsent(now, SendError::Broker(code));
            // Their failure follows from the state, and says nothing new about it.
            (self.txn.state, self.txn.unsent) = (state, false);
        }
    }

    /// Resolves every batch that has no place in the sequence.
    pub(super) fn fail_unsent(&mut self, now: Instant, error: SendError) {
        let mut slot = self.acc.pool.oldest();
        while slot != NIL {
            let batch = &self.acc.pool.batches[slot];
            let (newer, partition) = (batch.newer, batch.partition);
            // What was sent is waited for: its place in the sequence stays taken.
            if !batch.is_stamped() {
                self.fail(slot, error);
                self.settle(now, partition);
            }
            slot = newer;
        }
    }

    /// Whether the partition is part of the open transaction, so that a batch may be stamped for it. If it is not,
    /// sees to it.
    pub(super) fn joined(&self, partition: u32) -> bool {
        if !self.txn.is_on() {
            return true;
        }
        let open = matches!(self.txn.state, TransactionState::Open | TransactionState::Committing);
        let queue = &self.acc.partitions[partition];
        let done = queue.joining == Joining::Done && queue.txn_serial == self.txn.serial;
        open && (done || self.transactions_v2())
    }

    /// A batch waits for its partition to become part of the transaction.
    pub(super) fn want_joined(&mut self, partition: u32) {
        let serial = self.txn.serial;
        let open = matches!(self.txn.state, TransactionState::Open | TransactionState::Committing);
        if !self.txn.is_on() || !open || self.transactions_v2() {
            return;
        }
        let queue = &mut self.acc.partitions[partition];
        if queue.txn_serial != serial {
            (queue.txn_serial, queue.joining) = (serial, Joining::No);
        }
        if queue.joining == Joining::No {
            queue.joining = Joining::Wanted;
            self.txn.joining = true;
        }
    }

    /// A batch of the transaction got its outcome.
    pub(super) fn note_outcome(&mut self, outcome: &Outcome) {
        let code = match outcome {
            Outcome::Acked { .. } => return,
            Outcome::NotWritten(SendError::Broker(code))
            | Outcome::Indeterminate(SendError::Broker(code)) => *code,
            Outcome::NotWritten(SendError::TimedOut) | Outcome::Indeterminate(_) => {
                ErrorCode::REQUEST_TIMED_OUT
            }
            Outcome::NotWritten(_) => ErrorCode::UNKNOWN_SERVER_ERROR,
        };
        match code {
            ErrorCode::PRODUCER_FENCED
            | ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED
            | ErrorCode::CLUSTER_AUTHORIZATION_FAILED
            | ErrorCode::INVALID_PRODUCER_ID_MAPPING
            | ErrorCode::UNSUPPORTED_VERSION => self.txn.fail(code),
            code => self.txn.abort_only(code),
        }
    }

    /// Whether the cluster ends this transaction with a new epoch and adds partitions by itself (KIP-890).
    pub(super) fn transactions_v2(&self) -> bool {
        self.txn.version >= 2
    }
}
