//! The books of a producer under faults: what it was told of each record, held against what is in the log.

use std::collections::HashMap;

use super::entry::Entry;

/// What a producer said of a record in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// Acknowledged, at this offset where the broker gave one.
    Acked(Option<i64>),
    /// Certainly not in the log.
    NotWritten,
    /// Perhaps in the log.
    Unknown,
}

/// Each record that was handed to a producer, in the order of the calls, and what was said of it.
///
/// Records are told apart by their value, so every value must be a different one.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    entries: Vec<(Entry, Told)>,
}

impl Ledger {
    /// No record yet.
    pub fn new() -> Ledger {
        Ledger::default()
    }

    /// Notes a record that was sent, and what was said of it.
    pub fn note(&mut self, entry: Entry, told: Told) {
        self.entries.push((entry, told));
    }

    /// How many records were noted.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none was.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many were acknowledged.
    pub fn acked(&self) -> usize {
        self.entries.iter().filter(|(_, told)| matches!(told, Told::Acked(_))).count()
    }

    /// What is wrong with `log` (all records of the topic), in words; empty when the producer kept its word: each
    /// acknowledged record is there once and at its offset, no record is there twice, none that was "not written",
    /// none from elsewhere, and within a partition they stand in the order in which they were sent.
    pub fn faults(&self, log: &[Entry]) -> Vec<String> {
        let mut log: Vec<&Entry> = log.iter().collect();
        log.sort_by_key(|entry| (entry.partition, entry.offset));
        let mut faults = Vec::new();
        let by_value: HashMap<&[u8], usize> =
            self.entries.iter().enumerate().map(|(index, (entry, _))| (value(entry), index)).collect();
        let mut seen: Vec<Option<&Entry>> = vec![None; self.entries.len()];
        let mut last: HashMap<i32, usize> = HashMap::new();
        for read in log {
            let Some(index) = by_value.get(value(read)).copied() else {
                faults.push(format!("nobody sent this: {read:?}"));
                continue;
            };
            if let Some(first) = seen[index].replace(read) {
                faults.push(format!("twice in the log: {first:?} and {read:?}"));
                continue;
            }
            let before = last.insert(read.partition, index);
            if let Some(before) = before.filter(|before| *before > index) {
                faults.push(format!("out of order: {read:?} after {:?}", self.entries[before].0));
            }
            self.compare(index, read, &mut faults);
        }
        for ((entry, told), seen) in self.entries.iter().zip(&seen) {
            if matches!(told, Told::Acked(_)) && seen.is_none() {
                faults.push(format!("acknowledged and lost: {entry:?}"));
            }
        }
        faults
    }

    /// Panics with the first of the [`faults`](Ledger::faults), and how many there are.
    #[track_caller]
    pub fn assert_kept(&self, log: &[Entry]) {
        let faults = self.faults(log);
        if let Some(first) = faults.first() {
            panic!("{} faults in {} records; the first: {first}", faults.len(), self.entries.len());
        }
    }

    fn compare(&self, index: usize, read: &Entry, faults: &mut Vec<String>) {
        let (sent, told) = &self.entries[index];
        match told {
            Told::NotWritten => faults.push(format!("said to be not written, and it is: {read:?}")),
            Told::Acked(Some(offset)) if *offset != read.offset => {
                faults.push(format!("acknowledged at {offset}, and it is elsewhere: {read:?}"));
            }
            _ => {}
        }
        let same = sent.key == read.key && sent.headers == read.headers && sent.partition == read.partition;
        if !same {
            faults.push(format!("changed on its way: {sent:?} became {read:?}"));
        }
    }
}

fn value(entry: &Entry) -> &[u8] {
    entry.value.as_deref().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str) -> Entry {
        Entry::of(0, Some(b"k"), Some(name.as_bytes()))
    }

    fn ledger() -> Ledger {
        let mut ledger = Ledger::new();
        ledger.note(entry("a"), Told::Acked(Some(0)));
        ledger.note(entry("b"), Told::Unknown);
        ledger.note(entry("c"), Told::NotWritten);
        ledger.note(entry("d"), Told::Acked(None));
        ledger
    }

    fn log(names: &[&str]) -> Vec<Entry> {
        names.iter().enumerate().map(|(offset, name)| entry(name).at(offset as i64)).collect()
    }

    #[test]
    fn a_producer_that_kept_its_word() {
        assert_eq!(ledger().faults(&log(&["a", "d"])), [""; 0]);
        assert_eq!(ledger().faults(&log(&["a", "b", "d"])), [""; 0]);
        assert_eq!(ledger().acked(), 2);
    }

    #[test]
    fn each_way_to_break_it() {
        let bad: [(&[&str], &str); 7] = [
            (&["a", "b"], "lost"),
            (&["a", "a", "d"], "twice"),
            (&["a", "b", "b", "d"], "twice"),
            (&["a", "c", "d"], "not written"),
            (&["a", "d", "b"], "out of order"),
            (&["a", "d", "x"], "nobody sent"),
            (&["b", "a", "d"], "elsewhere"),
        ];
        for (names, word) in bad {
            let faults = ledger().faults(&log(names)).join("\n");
            assert!(faults.contains(word), "{names:?}: {faults}");
        }
        let mut changed = log(&["a", "d"]);
        changed[1].key = None;
        assert!(ledger().faults(&changed)[0].contains("changed"));
    }
}
