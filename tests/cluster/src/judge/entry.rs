//! A record as a judge saw it, and the comparison of two lists of them.

use std::fmt;

/// A record with its place. Where a test does not know an offset or a timestamp beforehand it leaves −1,
/// and the comparison passes over it.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    /// The partition.
    pub partition: i32,
    /// The offset, −1 for "whatever it is".
    pub offset: i64,
    /// Milliseconds since 1970, −1 for "whatever it is".
    pub timestamp: i64,
    /// The key.
    pub key: Option<Vec<u8>>,
    /// The value.
    pub value: Option<Vec<u8>>,
    /// The headers in their order.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Entry {
    /// A record without headers, at whatever offset and time.
    pub fn of(partition: i32, key: Option<&[u8]>, value: Option<&[u8]>) -> Entry {
        let (key, value) = (key.map(<[u8]>::to_vec), value.map(<[u8]>::to_vec));
        Entry { partition, offset: -1, timestamp: -1, key, value, headers: Vec::new() }
    }

    /// The same with one more header.
    #[must_use]
    pub fn header(mut self, key: &str, value: Option<&[u8]>) -> Entry {
        self.headers.push((key.into(), value.map(<[u8]>::to_vec)));
        self
    }

    /// The same at `offset`.
    #[must_use]
    pub fn at(mut self, offset: i64) -> Entry {
        self.offset = offset;
        self
    }

    fn matches(&self, seen: &Entry) -> bool {
        self.partition == seen.partition
            && (self.offset < 0 || self.offset == seen.offset)
            && (self.timestamp < 0 || self.timestamp == seen.timestamp)
            && self.key == seen.key
            && self.value == seen.value
            && self.headers == seen.headers
    }
}

/// Bytes are shown escaped, and long ones cut: a failed test prints two of these.
impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "partition {} offset {} timestamp {}", self.partition, self.offset, self.timestamp)?;
        write!(f, " key {} value {}", shown(self.key.as_deref()), shown(self.value.as_deref()))?;
        for (key, value) in &self.headers {
            write!(f, " {key}={}", shown(value.as_deref()))?;
        }
        Ok(())
    }
}

fn shown(bytes: Option<&[u8]>) -> String {
    const SHOWN: usize = 60;
    match bytes {
        None => "null".into(),
        Some(bytes) if bytes.len() <= SHOWN => format!("\"{}\"", bytes.escape_ascii()),
        Some(bytes) => format!("\"{}…\" ({} bytes)", bytes[..SHOWN].escape_ascii(), bytes.len()),
    }
}

/// The first difference between what was sent and what a judge read, in words; `None` when there is none.
///
/// Both are taken partition by partition; within a partition the order counts.
pub fn difference(sent: &[Entry], read: &[Entry]) -> Option<String> {
    // Stable sorts: what was sent keeps its order, what was read gets that of its offsets.
    let mut sent: Vec<&Entry> = sent.iter().collect();
    sent.sort_by_key(|entry| entry.partition);
    let mut read: Vec<&Entry> = read.iter().collect();
    read.sort_by_key(|entry| (entry.partition, entry.offset));
    for (index, (sent, read)) in sent.iter().zip(&read).enumerate() {
        if !sent.matches(read) {
            return Some(format!("record {index}:\n  sent {sent:?}\n  read {read:?}"));
        }
    }
    if sent.len() == read.len() {
        return None;
    }
    let (longer, what) = if sent.len() > read.len() { (&sent, "missing") } else { (&read, "too many") };
    let first = longer[sent.len().min(read.len())];
    Some(format!("{} sent, {} read; the first {what}: {first:?}", sent.len(), read.len()))
}

/// Panics with the first [`difference`] between what was sent and what `reader` read.
#[track_caller]
pub fn assert_same(sent: &[Entry], read: &[Entry], reader: &str) {
    if let Some(difference) = difference(sent, read) {
        panic!("{reader} read something else than was sent: {difference}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Vec<Entry> {
        (0..3).map(|i| Entry::of(0, Some(b"k"), Some(&[i])).at(i64::from(i))).collect()
    }

    #[test]
    fn equal_lists_have_no_difference_in_any_order_of_partitions() {
        let mut sent = three();
        sent.push(Entry::of(1, None, None));
        let mut read = sent.clone();
        read.rotate_right(1);
        assert_eq!(difference(&sent, &read), None);
    }

    #[test]
    fn each_kind_of_difference_is_seen() {
        let spoil: [fn(&mut Vec<Entry>); 8] = [
            |read| read[1].value = Some(vec![]),
            |read| read[1].value = None,
            |read| read[1].key = None,
            |read| read[1].offset = 7,
            |read| read[1].partition = 2,
            |read| read[1].headers.push(("h".into(), None)),
            |read| drop(read.pop()),
            |read| read.push(read[2].clone()),
        ];
        for (index, spoil) in spoil.iter().enumerate() {
            let mut read = three();
            spoil(&mut read);
            assert!(difference(&three(), &read).is_some(), "spoiled in way {index}");
        }
    }

    #[test]
    fn null_and_empty_differ() {
        let (null, empty) = (Entry::of(0, None, None), Entry::of(0, None, Some(b"")));
        assert!(difference(&[null], &[empty]).is_some());
    }
}
