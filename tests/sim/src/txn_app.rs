//! The transactional side of an application that writes records: it begins, commits and aborts, by plan or by word.

use kafka_client_core::producer::{GroupMetadata, TransactionState};
use kafka_client_core::storage::Text;
use kafka_client_core::time::Instant;

use crate::history::{History, What};
use crate::producer_app::ProducerApp;
use crate::rng::Rng;

/// How an application runs its transactions when it is left to itself.
#[derive(Clone, Debug)]
pub struct TxnPlan {
    /// Chance of its own.
    pub rng: Rng,
    /// Microseconds between its acts, on average.
    pub pause_us: u64,
    /// Records in a transaction, at most.
    pub records: u64,
    /// Bytes of filling, at most.
    pub filling: u64,
    /// Percent of transactions that it aborts.
    pub aborts: u64,
    /// It begins no transaction after this time.
    pub until: u64,
}

/// Where an application is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It does not run yet.
    Dormant,
    /// It waits to be initialized.
    Initializing,
    /// No transaction is open.
    Idle,
    /// One is, and so many records are to come.
    Open(u64),
    /// It waits for the end.
    Committing,
    /// It waits for the end.
    Aborting,
    /// It was told that it can do nothing more.
    Dead,
}

/// What a producer's application has that is transactional.
pub struct TxnApp {
    /// `transactional.id`, as a participant of the history.
    pub id: u16,
    /// `transaction.timeout.ms` in microseconds.
    pub timeout_us: u64,
    /// Where it is.
    pub step: Step,
    /// The number of its transaction.
    pub op: u64,
    /// What it does by itself.
    pub plan: Option<TxnPlan>,
    /// It copies the input of this group: its name, its number in the history, and the offset it goes on with.
    pub copier: Option<(String, u16, Option<i64>)>,
    /// After each fourth transaction it asks where its group stands, instead of knowing it.
    pub asks_again: bool,
    /// It does nothing before: its transaction stays open for long.
    pub dawdles_until: u64,
    /// Transactions that were committed and aborted, and those of which it was not told.
    pub ends: [u64; 3],
    /// The input that the open transaction copies.
    copying: (i64, i64),
}

impl TxnApp {
    /// An application that does not run yet.
    pub fn new(id: u16, timeout_us: u64) -> Self {
        TxnApp {
            id,
            timeout_us,
            step: Step::Dormant,
            op: 0,
            plan: None,
            copier: None,
            asks_again: false,
            dawdles_until: 0,
            ends: [0; 3],
            copying: (0, 0),
        }
    }

    /// Whether it asks where its input goes on.
    pub fn wants_input(&self) -> Option<&str> {
        self.copier.as_ref().filter(|c| c.2.is_none() && self.step == Step::Idle).map(|c| c.0.as_str())
    }
}

impl ProducerApp<'_> {
    fn txn(&mut self) -> &mut TxnApp {
        match &mut self.txn {
            Some(txn) => txn,
            None => panic!("the producer has no transactions"),
        }
    }

    /// Where it is in its transactions.
    pub fn step(&self) -> Option<Step> {
        self.txn.as_ref().map(|t| t.step)
    }

    /// Takes its transactional id.
    pub fn init_transactions(&mut self, now: u64, history: &mut History) {
        let who = self.who;
        if let Err(error) = self.producer.init_transactions() {
            self.wrong.push(format!("init: {error}"));
        }
        let txn = self.txn();
        txn.step = Step::Initializing;
        let (id, timeout_us) = (txn.id, txn.timeout_us);
        history.push(now, who, What::Takes { id, owned: false, timeout_us });
    }

    /// Begins a transaction that will have so many records.
    pub fn begin(&mut self, now: u64, history: &mut History, records: u64) {
        let who = self.who;
        if let Err(error) = self.producer.begin_transaction() {
            self.wrong.push(format!("begin: {error}"));
        }
        let txn = self.txn();
        txn.step = Step::Open(records);
        txn.op += 1;
        let op = txn.op;
        history.push(now, who, What::TxnBegin { op });
    }

    /// Asks for the commit.
    pub fn commit(&mut self, now: u64, history: &mut History) {
        let who = self.who;
        let op = self.txn().op;
        history.push(now, who, What::TxnAsk { op, commit: true });
        if let Err(error) = self.producer.commit_transaction(Instant(now)) {
            self.wrong.push(format!("commit: {error}"));
        }
        self.txn().step = Step::Committing;
    }

    /// Asks for the abort.
    pub fn abort(&mut self, now: u64, history: &mut History) {
        let who = self.who;
        let op = self.txn().op;
        history.push(now, who, What::TxnAsk { op, commit: false });
        if let Err(error) = self.producer.abort_transaction(Instant(now)) {
            self.wrong.push(format!("abort: {error}"));
        }
        self.txn().step = Step::Aborting;
    }

    /// Makes the progress of a group that copies from partition 0 of the first topic part of the transaction.
    pub fn copy(&mut self, now: u64, history: &mut History, count: i64) {
        let (who, (topic, number)) = (self.who, self.topics[0]);
        let txn = self.txn();
        let op = txn.op;
        let Some((name, group, Some(from))) = txn.copier.clone() else { return };
        let to = from + count;
        txn.copying = (from, to);
        let group_id = Text::from(name);
        let metadata = GroupMetadata { group_id, generation: -1, ..GroupMetadata::default() };
        match self.producer.send_offset(&metadata, topic, 0, to) {
            Ok(()) => {
                history.push(now, who, What::Copies { op, group, place: (number, 0), from, to });
            }
            Err(error) => self.wrong.push(format!("send_offset: {error}")),
        }
    }

    /// Takes note of what became of its transaction; true if something did.
    pub(crate) fn watch_transaction(&mut self, now: u64, history: &mut History) -> bool {
        let state = self.producer.transaction();
        let who = self.who;
        let Some(txn) = &mut self.txn else { return false };
        let (op, before) = (txn.op, txn.step);
        match (before, state) {
            (Step::Dormant | Step::Dead, _) => return false,
            (Step::Initializing, TransactionState::Ready) => {
                let (id, timeout_us) = (txn.id, txn.timeout_us);
                history.push(now, who, What::Takes { id, owned: true, timeout_us });
                txn.step = Step::Idle;
                // Where the predecessor left off.
                if let Some(copier) = &mut txn.copier {
                    copier.2 = None;
                }
            }
            (Step::Committing, TransactionState::Ready) => {
                history.push(now, who, What::TxnEnd { op, committed: Some(true) });
                txn.step = Step::Idle;
                txn.ends[0] += 1;
                if let Some(copier) = txn.copier.as_mut().filter(|_| txn.copying.1 > txn.copying.0) {
                    let asks = txn.asks_again && op.is_multiple_of(4);
                    copier.2 = (!asks).then_some(txn.copying.1);
                }
                txn.copying = (0, 0);
            }
            (Step::Aborting, TransactionState::Ready) => {
                history.push(now, who, What::TxnEnd { op, committed: Some(false) });
                txn.step = Step::Idle;
                txn.ends[1] += 1;
                txn.copying = (0, 0);
            }
            (Step::Open(_) | Step::Committing, TransactionState::AbortOnly(_)) => self.abort(now, history),
            (_, TransactionState::Failed(code)) => {
                if matches!(before, Step::Open(_) | Step::Committing | Step::Aborting) {
                    txn.ends[2] += 1;
                    history.push(now, who, What::TxnEnd { op, committed: None });
                }
                txn.step = Step::Dead;
                history.push(now, who, What::Fatal { why: code.to_string() });
            }
            _ => return false,
        }
        true
    }

    /// Acts by plan; returns when it acts next.
    pub(crate) fn act_in_transactions(&mut self, now: u64, history: &mut History) -> Option<u64> {
        let mut plan = self.txn().plan.take()?;
        let txn = self.txn();
        let dawdles = txn.dawdles_until > now;
        match txn.step {
            Step::Idle if now < plan.until && txn.wants_input().is_none() => {
                let records = plan.rng.between(0, plan.records);
                self.begin(now, history, records);
                let count = records.max(1) as i64;
                if self.txn().copier.is_some() && records > 0 {
                    self.copy(now, history, count);
                }
                self.send_in_transaction(now, history, &mut plan);
            }
            Step::Open(_) if dawdles && now < plan.until => {}
            Step::Open(_) => self.send_in_transaction(now, history, &mut plan),
            _ => {}
        }
        let next = now + 1 + plan.rng.around(plan.pause_us);
        self.txn().plan = Some(plan);
        Some(next)
    }

    /// Some records of the transaction, and its end after the last one.
    fn send_in_transaction(&mut self, now: u64, history: &mut History, plan: &mut TxnPlan) {
        let Step::Open(mut left) = self.txn().step else { return };
        for _ in 0..plan.rng.between(1, 5).min(left) {
            let topic = plan.rng.below(self.topics.len() as u64) as usize;
            let partitions = self.producer.partitions(self.topics[topic].0);
            let chosen = plan.rng.percent(70) && partitions > 0;
            let partition = chosen.then(|| plan.rng.below(u64::from(partitions)) as u32);
            let filling = plan.rng.below(plan.filling + 1) as usize;
            if self.send(Instant(now), history, topic, partition, filling).is_err() {
                break;
            }
            left -= 1;
        }
        self.txn().step = Step::Open(left);
        let tired = now >= plan.until;
        if left > 0 && !tired {
            return;
        }
        // What it wanted to copy is copied whole, or not at all.
        let torn = left > 0 && self.txn().copying.1 > 0;
        if torn || plan.rng.percent(plan.aborts) {
            self.abort(now, history);
        } else {
            self.commit(now, history);
        }
    }
}
