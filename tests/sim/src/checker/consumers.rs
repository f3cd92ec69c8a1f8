//! C1 to C6: what consumers were given agrees with the logs and with each other.

use std::collections::BTreeMap;

use super::{Index, Txn};
use crate::history::{Entry, Place, What};

/// Where a consumer is in a partition.
#[derive(Clone, Copy, Debug)]
struct Position {
    /// The offset it goes on with.
    next: i64,
    /// The call that gave it the last record.
    op: u64,
    /// It was told where to go on, and nothing was given since.
    told: bool,
}

#[derive(Default)]
struct Reading {
    positions: BTreeMap<(u16, Place), Position>,
    first: BTreeMap<(u16, Place), i64>,
    /// What each offset was seen to hold, by whom.
    seen: BTreeMap<(Place, i64), (u64, u64, u16)>,
    /// By group: everything before it was processed and committed.
    committed: BTreeMap<(u16, Place), (i64, u16)>,
    /// What each consumer was given, to see what it was not given.
    given: BTreeMap<(u16, Place), Vec<i64>>,
}

impl Index<'_> {
    pub(super) fn consumers(&mut self) {
        let mut reading = Reading::default();
        for (place, log) in &self.logs {
            for record in log {
                reading.seen.insert((*place, record.offset), (record.id, record.digest, u16::MAX));
            }
        }
        let history = self.history;
        for entry in &history.entries {
            match &entry.what {
                What::Poll { .. } => self.poll(entry, &mut reading),
                What::Event { place, offset } => {
                    let key = (entry.who, *place);
                    reading.positions.insert(key, Position { next: *offset, op: 0, told: true });
                    reading.first.entry(key).or_insert(*offset);
                }
                What::Commit { place, offset } => self.commit(entry.who, *place, *offset, &mut reading),
                _ => {}
            }
        }
        self.unseen(&reading);
    }

    fn poll(&mut self, entry: &Entry, reading: &mut Reading) {
        let What::Poll { place, offset, id, digest, op } = entry.what else { return };
        let (who, name, at_place) = (entry.who, self.name(entry.who), self.place(place));
        let at = format!("{name}, {at_place} offset {offset}");
        if let Some((other, print, by)) = reading.seen.insert((place, offset), (id, digest, who))
            && (other, print) != (id, digest)
            && !self.is_gone(place, offset)
        {
            let by = if by == u16::MAX { "the log" } else { self.name(by) };
            self.report("C2 inconsistent-offsets", format!("{at}: record {id}, but {other} for {by}"));
        }
        self.source(entry, id, digest, place, &at);
        let key = (who, place);
        reading.first.entry(key).or_insert(offset);
        reading.given.entry(key).or_default().push(offset);
        if let Some(position) = reading.positions.get(&key).copied() {
            let same_op = position.op == op && !position.told;
            if offset < position.next {
                let rule = if same_op { "C1 int-nonmonotonic-poll" } else { "C1 nonmonotonic-poll" };
                self.report(rule, format!("{at}: after everything before {}", position.next));
            } else if let Some(missed) = self.first_visible(place, position.next, offset) {
                let rule = if same_op { "C1 int-poll-skip" } else { "C1 poll-skip" };
                self.report(rule, format!("{at}: offset {missed} was skipped"));
            }
        }
        reading.positions.insert(key, Position { next: offset + 1, op, told: false });
        if let Some(group) = self.groups.get(&who)
            && let Some((committed, by)) = reading.committed.get(&(*group, place)).copied()
            && offset < committed
        {
            let by = self.name(by);
            self.report("C4 duplicate-across-rebalance", format!("{at}: {by} committed {committed} before"));
        }
    }

    /// Whether a record that was given may be given at all.
    fn source(&mut self, entry: &Entry, id: u64, digest: u64, place: Place, at: &str) {
        let Some(sent) = self.sent.get(&id).copied() else {
            self.report("C2 never-written", format!("{at}: nobody sent record {id}"));
            return;
        };
        if sent.at > entry.at {
            self.report("C2 time-travel", format!("{at}: record {id} was sent later"));
        }
        if sent.place != place {
            let meant = self.place(sent.place);
            self.report("P6 misplaced", format!("{at}: record {id} was sent to {meant}"));
        }
        if sent.digest != digest {
            self.report("C2 altered", format!("{at}: record {id} has other bytes than were sent"));
        }
        if let Some(txn) = self.txns.get(&(sent.who, sent.op)).copied()
            && !self.reads_uncommitted.contains(&entry.who)
        {
            self.committed_source(entry, id, place, txn, at);
        }
    }

    /// Whether a reader of committed records may be given a record of this transaction.
    fn committed_source(&mut self, entry: &Entry, id: u64, place: Place, txn: Txn, at: &str) {
        let What::Poll { offset, .. } = entry.what else { return };
        let log = self.logs.get(&place);
        let found = log.and_then(|l| Some(&l[l.binary_search_by_key(&offset, |r| r.offset).ok()?]));
        let aborted = found.is_some_and(|r| r.id == id && !r.committed);
        let told = txn.ended.map(|(_, how)| how);
        if told == Some(Some(false)) || aborted {
            self.report("C3 aborted-read", format!("{at}: the transaction of record {id} was aborted"));
        } else if txn.begun.is_some() && txn.asked.is_none() {
            self.report("C3 uncommitted-read", format!("{at}: nobody asked to commit record {id}"));
        } else if let Some(ended) = txn.asked.or(txn.ended.map(|(when, _)| when))
            && ended > entry.at
        {
            self.report("C3 precommitted-read", format!("{at}: record {id} was committed later"));
        }
    }

    /// The first offset in `from..to` that a consumer had to be given.
    fn first_visible(&self, place: Place, from: i64, to: i64) -> Option<i64> {
        let log = self.logs.get(&place)?;
        let start = log.partition_point(|r| r.offset < from);
        let missed = log.iter().skip(start).take_while(|r| r.offset < to).find(|r| r.committed)?;
        (!self.is_gone(place, missed.offset)).then_some(missed.offset)
    }

    fn commit(&mut self, who: u16, place: Place, offset: i64, reading: &mut Reading) {
        let processed = reading.positions.get(&(who, place)).map_or(0, |p| p.next);
        if offset > processed {
            let (name, place) = (self.name(who), self.place(place));
            self.report(
                "C4 committed-ahead",
                format!("{name} committed {offset} of {place}, processed {processed}"),
            );
        }
        if let Some(group) = self.groups.get(&who) {
            reading.committed.insert((*group, place), (offset, who));
        }
    }

    /// Who reads everything was given everything.
    fn unseen(&mut self, reading: &Reading) {
        let logs = std::mem::take(&mut self.logs);
        for who in std::mem::take(&mut self.reads_all) {
            for (place, log) in &logs {
                let Some(first) = reading.first.get(&(who, *place)).copied() else { continue };
                let mut given = reading.given.get(&(who, *place)).cloned().unwrap_or_default();
                given.sort_unstable();
                let missing = log
                    .iter()
                    .find(|r| r.committed && r.offset >= first && given.binary_search(&r.offset).is_err());
                if let Some(record) = missing.filter(|r| !self.is_gone(*place, r.offset)) {
                    let (name, at) = (self.name(who), self.place(*place));
                    let text = format!("{name} was never given {at} offset {}", record.offset);
                    self.report("C1 unseen", text);
                }
            }
        }
        self.logs = logs;
    }
}
