//! Separators that do not occur in the data.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Strings that separate fields and records where any byte may be data.
///
/// They are made anew for each run from the clock, so a record that holds one by chance, or because it was once
/// printed, does not exist; and they need no escaping in a shell, a Java property or kcat's format.
pub(crate) struct Markers {
    /// Between the fields of a record.
    pub(crate) field: String,
    /// After a record.
    pub(crate) record: String,
    /// Stands for null.
    pub(crate) null: String,
    /// Between two headers.
    pub(crate) header: String,
}

impl Markers {
    pub(crate) fn new() -> Markers {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos() as u64);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let salt = (nanos ^ count.rotate_left(40)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let make = |what: &str| format!("~{what}{salt:016x}~");
        Markers { field: make("F"), record: make("R"), null: make("N"), header: make("H") }
    }
}

/// What precedes the first `marker` in `rest`, which is moved behind it.
pub(crate) fn until<'a>(rest: &mut &'a [u8], marker: &str) -> Option<&'a [u8]> {
    let marker = marker.as_bytes();
    let first = *marker.first()?;
    let mut from = 0;
    // The first byte is rare in data, so this is a scan for one byte in the main.
    while let Some(at) = rest.get(from..)?.iter().position(|byte| *byte == first) {
        let at = from + at;
        if rest[at..].starts_with(marker) {
            let (head, tail) = rest.split_at(at);
            *rest = &tail[marker.len()..];
            return Some(head);
        }
        from = at + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_at_whole_markers_only() {
        let mut rest: &[u8] = b"a~Fx~~F1~b";
        assert_eq!(until(&mut rest, "~F1~"), Some(&b"a~Fx~"[..]));
        assert_eq!(rest, b"b");
        assert_eq!(until(&mut rest, "~F1~"), None);
        assert_ne!(Markers::new().field, Markers::new().field);
    }
}
