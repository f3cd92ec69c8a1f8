//! P1 to P4: what producers were told agrees with the logs.

use std::collections::BTreeMap;

use super::{Index, Sent};
use crate::history::What;

/// What a producer was told about a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Acked(Option<i64>),
    NotWritten,
    Indeterminate,
}

/// A poll may come this much after the time it was due.
const SLACK_US: u64 = 100_000;

impl Index<'_> {
    pub(super) fn producers(&mut self) {
        let told = self.told();
        let mut where_is: BTreeMap<u64, Vec<(i64, bool)>> = BTreeMap::new();
        for log in self.logs.values() {
            for record in log {
                where_is.entry(record.id).or_default().push((record.offset, record.committed));
            }
        }
        let sent: Vec<(u64, Sent)> = self.sent.iter().map(|(id, sent)| (*id, *sent)).collect();
        for (id, sent) in sent {
            let found = where_is.get(&id).map_or(&[][..], Vec::as_slice);
            self.record(id, &sent, told.get(&id).copied(), found);
        }
        self.order();
    }

    /// Outcomes by id; two of one record, and late ones, are reported (P4).
    fn told(&mut self) -> BTreeMap<u64, Told> {
        let mut all = BTreeMap::new();
        for entry in &self.history.entries {
            let (id, told) = match &entry.what {
                What::Acked { id, offset } => (*id, Told::Acked(*offset)),
                What::NotWritten { id, .. } => (*id, Told::NotWritten),
                What::Indeterminate { id, .. } => (*id, Told::Indeterminate),
                _ => continue,
            };
            if let Some(before) = all.insert(id, told) {
                self.report("P4 resolved-twice", format!("record {id}: {before:?}, then {told:?}"));
            }
            let Some(sent) = self.sent.get(&id).copied() else {
                self.report("P4 never-sent", format!("record {id} was resolved and never sent"));
                continue;
            };
            let due = sent.at.saturating_add(self.terms(sent.who).timeout_us).saturating_add(SLACK_US);
            if entry.at > due {
                let late = entry.at - due;
                self.report("P4 late", format!("record {id} was resolved {late} us after its time"));
            }
        }
        all
    }

    fn record(&mut self, id: u64, sent: &Sent, told: Option<Told>, found: &[(i64, bool)]) {
        let terms = self.terms(sent.who);
        let place = self.place(sent.place);
        let who = self.name(sent.who);
        let offsets: Vec<i64> = found.iter().map(|f| f.0).collect();
        if found.len() > 1 && terms.exactly_once {
            self.report("P1 duplicate", format!("record {id} of {who} is in {place} at {offsets:?}"));
        }
        let aborted = self
            .txns
            .get(&(sent.who, sent.op))
            .is_some_and(|t| t.ended.is_none_or(|(_, how)| how != Some(true)));
        match told {
            Some(Told::Acked(offset)) => {
                let gone = match offset {
                    Some(offset) => self.is_gone(sent.place, offset),
                    None => self.gone.iter().any(|(p, ..)| *p == sent.place),
                };
                if found.is_empty() && terms.durable && !gone && !aborted {
                    let text = format!("record {id} of {who} was acked at {offset:?} and is not in {place}");
                    self.report("P1 lost-write", text);
                }
                // Without durability the copy that was acknowledged may be lost, and an earlier one be there.
                if let Some(offset) =
                    offset.filter(|o| terms.durable && !found.is_empty() && !offsets.contains(o) && !gone)
                {
                    let text = format!("record {id} was acked at {offset} and is in {place} at {offsets:?}");
                    self.report("P1 wrong-offset", text);
                }
            }
            Some(Told::NotWritten) if !found.is_empty() => {
                self.report(
                    "P2 written",
                    format!("record {id} of {who}: not written, and in {place} at {offsets:?}"),
                );
            }
            None if self.end > sent.at.saturating_add(terms.timeout_us) => {
                self.report("P4 unresolved", format!("record {id} of {who} was never resolved"));
            }
            _ => {}
        }
    }

    /// P3: what one producer sent to one partition is in the log in the order in which it was sent.
    fn order(&mut self) {
        let mut wrong = Vec::new();
        for (place, log) in &self.logs {
            let mut last: BTreeMap<u16, (usize, u64)> = BTreeMap::new();
            let mut seen = std::collections::BTreeSet::new();
            for record in log {
                let Some(sent) = self.sent.get(&record.id).filter(|s| self.terms(s.who).exactly_once) else {
                    continue;
                };
                // A duplicate is another matter.
                if !seen.insert(record.id) {
                    continue;
                }
                if let Some((order, before)) = last.insert(sent.who, (sent.order, record.id))
                    && order > sent.order
                {
                    wrong.push(format!(
                        "{}: record {before} stands before {}",
                        self.place(*place),
                        record.id
                    ));
                }
            }
        }
        for text in wrong {
            self.report("P3 nonmonotonic-send", text);
        }
    }
}
