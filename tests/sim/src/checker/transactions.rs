//! C3, C7 and P8: a transaction is there as a whole or not at all, an older producer does nothing more once a newer one
//! has its place, what was copied was copied once, and nothing is left open.

use std::collections::BTreeMap;

use super::{Index, Txn};
use crate::history::{Entry, Place, What};

/// What the logs hold of a transaction.
#[derive(Clone, Debug, Default)]
struct Found {
    committed: Vec<u64>,
    aborted: Vec<u64>,
    /// Acknowledged, and not there.
    missing: Vec<u64>,
    /// Acknowledged, and lost where loss was announced.
    lost: bool,
}

/// A producer's hold on a transactional id.
#[derive(Clone, Copy, Debug)]
struct Hold {
    who: u16,
    taken: u64,
    owned: Option<u64>,
    timeout_us: u64,
}

/// A part of an input: from, to, and the transaction that copied it.
type Part = (i64, i64, u64);

/// A producer may find out a little earlier than its own clock says that its transaction lasts too long.
const SLACK_US: u64 = 100_000;

impl Index<'_> {
    pub(super) fn transactions(&mut self) {
        let holds = self.holds();
        let found = self.found_of_transactions();
        let txns = std::mem::take(&mut self.txns);
        for ((who, op), txn) in &txns {
            let found = found.get(&(*who, *op)).cloned().unwrap_or_default();
            self.atomic(*who, *op, txn, &found);
        }
        self.zombies(&holds, &txns, &found);
        self.false_fatal(&holds, &txns);
        self.copies(&txns, &found);
        self.txns = txns;
        for entry in &self.history.entries {
            if let What::Hanging { place, offset } = entry.what {
                let text = format!("{}: a transaction is open from offset {offset} on", self.place(place));
                self.report("C3 hanging", text);
            }
        }
    }

    /// By transactional id, in the order of time.
    fn holds(&self) -> BTreeMap<u16, Vec<Hold>> {
        let mut holds: BTreeMap<u16, Vec<Hold>> = BTreeMap::new();
        for entry in &self.history.entries {
            let What::Takes { id, owned, timeout_us } = entry.what else { continue };
            let list = holds.entry(id).or_default();
            match list.iter_mut().find(|h| h.who == entry.who) {
                Some(hold) if owned => hold.owned = hold.owned.or(Some(entry.at)),
                Some(_) => {}
                None => list.push(Hold { who: entry.who, taken: entry.at, owned: None, timeout_us }),
            }
        }
        holds
    }

    fn found_of_transactions(&self) -> BTreeMap<(u16, u64), Found> {
        let mut places: BTreeMap<u64, bool> = BTreeMap::new();
        for log in self.logs.values() {
            for record in log {
                *places.entry(record.id).or_default() |= record.committed;
            }
        }
        let mut acked: BTreeMap<u64, Option<i64>> = BTreeMap::new();
        for entry in &self.history.entries {
            if let What::Acked { id, offset } = entry.what {
                acked.insert(id, offset);
            }
        }
        let mut all: BTreeMap<(u16, u64), Found> = BTreeMap::new();
        for (id, sent) in &self.sent {
            let key = (sent.who, sent.op);
            if !self.txns.contains_key(&key) {
                continue;
            }
            let found = all.entry(key).or_default();
            match (places.get(id), acked.get(id)) {
                (Some(true), _) => found.committed.push(*id),
                (Some(false), _) => found.aborted.push(*id),
                (None, None) => {}
                (None, Some(offset)) => {
                    let gone = match offset {
                        Some(offset) => self.is_gone(sent.place, *offset),
                        None => self.gone.iter().any(|(p, ..)| *p == sent.place),
                    };
                    found.lost |= gone;
                    if !gone {
                        found.missing.push(*id);
                    }
                }
            }
        }
        all
    }

    /// All or nothing, and what was said is what is there.
    fn atomic(&mut self, who: u16, op: u64, txn: &Txn, found: &Found) {
        let name = format!("transaction {op} of {}", self.name(who));
        let how = txn.ended.and_then(|(_, how)| how);
        if let Some(id) = found.committed.first() {
            if how == Some(false) {
                self.report("C3 aborted-visible", format!("{name} was aborted; record {id} is committed"));
            }
            if txn.begun.is_some() && txn.asked.is_none() {
                self.report("C3 never-asked", format!("nobody asked to commit {name}; record {id} is"));
            }
        }
        let not_there = found.aborted.first().or(found.missing.first());
        if let Some(id) = not_there
            && (how == Some(true) || !found.committed.is_empty())
        {
            let (n, all) = (found.committed.len(), found.committed.len() + found.aborted.len());
            let n_missing = found.missing.len();
            let text = format!(
                "{name}, {how:?}: {n} of {all} records are committed, {n_missing} are missing; record {id} is not there"
            );
            self.report("C3 torn", text);
        }
    }

    /// Nothing that an older producer began after a newer one had its place takes effect.
    fn zombies(
        &mut self,
        holds: &BTreeMap<u16, Vec<Hold>>,
        txns: &BTreeMap<(u16, u64), Txn>,
        found: &BTreeMap<(u16, u64), Found>,
    ) {
        let mut wrong = Vec::new();
        for list in holds.values() {
            for hold in list {
                // Of two that ask at the same time nobody can tell which one is fenced.
                let Some(owned) = hold.owned else { continue };
                let later = list.iter().filter(|h| h.who != hold.who && h.taken >= owned);
                let Some(fenced) = later.filter_map(|h| h.owned).min() else { continue };
                let name = self.name(hold.who);
                for ((_, op), txn) in txns.range((hold.who, 0)..=(hold.who, u64::MAX)) {
                    // One without a record ends without anybody being asked.
                    let found = found.get(&(hold.who, *op));
                    let any = found.is_some_and(|f| !f.committed.is_empty() || !f.missing.is_empty());
                    let committed = txn.ended.is_some_and(|(_, how)| how == Some(true));
                    if any && committed && txn.asked.is_some_and(|asked| asked > fenced) {
                        wrong
                            .push(("C3 zombie-commit", format!("{name} committed {op} after it was fenced")));
                    }
                }
                for (place, log) in &self.logs {
                    let late = log.iter().find(|r| {
                        let sent = self.sent.get(&r.id).filter(|s| s.who == hold.who);
                        r.committed && sent.is_some_and(|s| s.at > fenced)
                    });
                    if let Some(record) = late {
                        let (id, at) = (record.id, self.place(*place));
                        wrong.push((
                            "C3 zombie-write",
                            format!("{name} wrote record {id} to {at} when fenced"),
                        ));
                    }
                }
            }
        }
        wrong.into_iter().for_each(|(rule, text)| self.report(rule, text));
    }

    /// P8: a producer that can do nothing more was fenced, or left a transaction open for too long.
    fn false_fatal(&mut self, holds: &BTreeMap<u16, Vec<Hold>>, txns: &BTreeMap<(u16, u64), Txn>) {
        for entry in &self.history.entries {
            let What::Fatal { why } = &entry.what else { continue };
            // A cluster before 2.5 cannot raise an epoch: after a lost sequence the producer has to be made anew.
            let mut excused = why == "UNSUPPORTED_VERSION";
            for list in holds.values() {
                let Some(n) = list.iter().position(|h| h.who == entry.who) else { continue };
                let hold = list[n];
                let fences = |h: &Hold| h.taken <= entry.at && h.owned.is_none_or(|o| o >= hold.taken);
                excused |= list.iter().any(|h| h.who != hold.who && fences(h));
                // Its own request, or that of one before it, came late: as good as a successor's.
                excused |= self.history.entries.iter().any(|e| {
                    e.what == What::InitUnheard && e.at <= entry.at && list.iter().any(|h| h.who == e.who)
                });
                excused |= self.begun_late(entry);
                let limit = hold.timeout_us.saturating_sub(SLACK_US);
                excused |= txns.range((entry.who, 0)..=(entry.who, u64::MAX)).any(|(_, t)| {
                    let ended = t.ended.map_or(entry.at, |(at, _)| at);
                    t.begun.is_some_and(|begun| ended >= begun.saturating_add(limit))
                });
            }
            if !excused {
                let text = format!("{} gave up without a reason: {why}", self.name(entry.who));
                self.report("P8 false-fatal", text);
            }
        }
    }

    /// Before KIP-890 a request that adds to a transaction, and comes when that is over, begins another. Should the
    /// producer then ask for its next epoch, because that request had no answer, the coordinator takes it for a
    /// successor of whoever has the open transaction, which is itself. Nobody who is fenced can tell by whom.
    fn begun_late(&self, fatal: &Entry) -> bool {
        let before = self.history.entries.iter().rev().filter(|e| e.who == fatal.who && e.at <= fatal.at);
        let mut since = before.take_while(|e| !matches!(e.what, What::TxnBegin { .. }));
        since.any(|e| e.what == What::BegunLate)
    }

    /// C7: what was committed of an input is each offset once, and the group goes on behind it.
    fn copies(&mut self, txns: &BTreeMap<(u16, u64), Txn>, found: &BTreeMap<(u16, u64), Found>) {
        let mut copied: BTreeMap<(u16, Place), Vec<Part>> = BTreeMap::new();
        let mut ends: BTreeMap<(u16, Place), i64> = BTreeMap::new();
        let mut torn = false;
        for entry in &self.history.entries {
            match entry.what {
                What::Copies { op, group, place, from, to } => {
                    let key = (entry.who, op);
                    let told = txns.get(&key).and_then(|t| t.ended).and_then(|(_, how)| how);
                    let found = found.get(&key);
                    torn |= found.is_some_and(|f| f.lost);
                    let seen = found.is_some_and(|f| !f.committed.is_empty());
                    if told.unwrap_or(seen) {
                        copied.entry((group, place)).or_default().push((from, to, op));
                    }
                }
                What::GroupOffset { group, place, offset } => {
                    ends.insert((group, place), offset);
                }
                _ => {}
            }
        }
        // Where records were lost nobody can tell what was committed.
        if torn {
            return;
        }
        for ((group, place), mut parts) in copied {
            parts.sort_unstable();
            let (name, at) = (self.name(group), self.place(place));
            let mut next = 0;
            for (from, to, op) in parts {
                if from != next {
                    let rule = if from < next { "C7 copied-twice" } else { "C7 not-copied" };
                    self.report(rule, format!("{name}: {at} {from}..{to} in {op}, but it was at {next}"));
                }
                next = to;
            }
            let end = ends.get(&(group, place)).copied();
            if end.is_some_and(|end| end != next) {
                let text = format!("{name} committed {end:?} of {at}, and copied up to {next}");
                self.report("C7 group-offset", text);
            }
        }
    }
}
