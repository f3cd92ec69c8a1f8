//! The checker: which invariants a history breaks. It knows nothing of the client, only what applications can see.
//!
//! Names are those of the project's list of invariants: P for producers, C for consumers.

mod consumers;
mod producers;
mod transactions;

use std::collections::{BTreeMap, BTreeSet};

use crate::history::{History, Place, What};

/// An invariant that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which, e.g. `P1 duplicate`.
    pub rule: &'static str,
    /// What shows it.
    pub text: String,
}

/// What participant promises, or what was promised to it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    exactly_once: bool,
    durable: bool,
    timeout_us: u64,
}

/// A record as its producer sent it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    place: Place,
    digest: u64,
    who: u16,
    at: u64,
    op: u64,
    /// The how-manieth of all.
    order: usize,
}

/// A record as the log has it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Logged {
    offset: i64,
    id: u64,
    digest: u64,
    committed: bool,
}

/// A transaction, as its producer saw it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Txn {
    begun: Option<u64>,
    /// When it was asked to be committed.
    asked: Option<u64>,
    aborting: bool,
    /// When and how it ended.
    ended: Option<(u64, Option<bool>)>,
}

/// The history, indexed.
pub(crate) struct Index<'h> {
    history: &'h History,
    sent: BTreeMap<u64, Sent>,
    logs: BTreeMap<Place, Vec<Logged>>,
    gone: Vec<(Place, i64, i64)>,
    /// Transactions, by producer and number.
    txns: BTreeMap<(u16, u64), Txn>,
    terms: BTreeMap<u16, Terms>,
    /// The group of each consumer that is in one.
    groups: BTreeMap<u16, u16>,
    reads_all: Vec<u16>,
    reads_uncommitted: BTreeSet<u16>,
    end: u64,
    found: Vec<Violation>,
}

/// At most so many violations are listed: the first ones say it.
const LISTED_MAX: usize = 50;

/// Everything that is wrong with a history.
pub fn check(history: &History) -> Vec<Violation> {
    let mut index = Index::new(history);
    index.logs_are_lawful();
    index.producers();
    index.consumers();
    index.transactions();
    index.found
}

impl<'h> Index<'h> {
    fn new(history: &'h History) -> Self {
        let mut index = Index {
            history,
            sent: BTreeMap::new(),
            logs: BTreeMap::new(),
            gone: Vec::new(),
            txns: BTreeMap::new(),
            terms: BTreeMap::new(),
            groups: BTreeMap::new(),
            reads_all: Vec::new(),
            reads_uncommitted: BTreeSet::new(),
            end: history.entries.last().map_or(0, |e| e.at),
            found: Vec::new(),
        };
        for (order, entry) in history.entries.iter().enumerate() {
            match &entry.what {
                What::Send { place, id, digest, op } => {
                    let (place, digest, op) = (*place, *digest, *op);
                    let sent = Sent { place, digest, who: entry.who, at: entry.at, op, order };
                    if index.sent.insert(*id, sent).is_some() {
                        index.report("history", format!("id {id} was sent twice: ids must be unique"));
                    }
                }
                What::Log { place, offset, id, digest, committed } => {
                    let logged = Logged { offset: *offset, id: *id, digest: *digest, committed: *committed };
                    index.logs.entry(*place).or_default().push(logged);
                }
                What::Gone { place, from, to } => index.gone.push((*place, *from, *to)),
                What::TxnBegin { op } => index.txn(entry.who, *op).begun = Some(entry.at),
                What::TxnAsk { op, commit: true } => index.txn(entry.who, *op).asked = Some(entry.at),
                What::TxnAsk { op, commit: false } => index.txn(entry.who, *op).aborting = true,
                What::TxnEnd { op, committed } => {
                    index.txn(entry.who, *op).ended = Some((entry.at, *committed));
                }
                What::ReadsUncommitted => {
                    index.reads_uncommitted.insert(entry.who);
                }
                What::Is { exactly_once, durable, timeout_us } => {
                    let terms =
                        Terms { exactly_once: *exactly_once, durable: *durable, timeout_us: *timeout_us };
                    index.terms.insert(entry.who, terms);
                }
                What::Member { group } => {
                    index.groups.insert(entry.who, *group);
                }
                What::ReadsAll => index.reads_all.push(entry.who),
                _ => {}
            }
        }
        index
    }

    fn txn(&mut self, who: u16, op: u64) -> &mut Txn {
        self.txns.entry((who, op)).or_default()
    }

    pub(crate) fn report(&mut self, rule: &'static str, text: String) {
        if self.found.len() < LISTED_MAX {
            self.found.push(Violation { rule, text });
        }
    }

    pub(crate) fn terms(&self, who: u16) -> Terms {
        let strict = Terms { exactly_once: true, durable: true, timeout_us: u64::MAX };
        self.terms.get(&who).copied().unwrap_or(strict)
    }

    pub(crate) fn is_gone(&self, place: Place, offset: i64) -> bool {
        self.gone.iter().any(|(p, from, to)| *p == place && (*from..*to).contains(&offset))
    }

    pub(crate) fn place(&self, place: Place) -> String {
        let topic = self.history.topics.get(usize::from(place.0)).map_or("?", String::as_str);
        format!("{topic}/{}", place.1)
    }

    pub(crate) fn name(&self, who: u16) -> &'h str {
        self.history.who.get(usize::from(who)).map_or("?", String::as_str)
    }

    fn logs_are_lawful(&mut self) {
        let logs = std::mem::take(&mut self.logs);
        for (place, log) in &logs {
            let name = self.place(*place);
            for pair in log.windows(2) {
                if pair[1].offset <= pair[0].offset {
                    let text = format!("{name}: offset {} follows {}", pair[1].offset, pair[0].offset);
                    self.report("C2 inconsistent-offsets", text);
                }
            }
            for record in log {
                let (id, offset) = (record.id, record.offset);
                match self.sent.get(&id).copied() {
                    None => self.report("P1 never-sent", format!("{name} offset {offset}: nobody sent {id}")),
                    Some(sent) if sent.place != *place => {
                        let meant = self.place(sent.place);
                        self.report("P6 misplaced", format!("record {id} for {meant} is in {name}"));
                    }
                    Some(sent) if sent.digest != record.digest => {
                        self.report("P1 altered", format!("record {id} has other bytes in {name}"));
                    }
                    Some(_) => {}
                }
            }
        }
        self.logs = logs;
    }
}
