//! Records that have everything: what interoperability tests send.

use super::entry::Entry;

/// `count` records over `partitions` partitions, each different from all others, the same at every call.
///
/// Among them are null, empty and binary keys and values, long ones, and headers: repeated, empty, null. Header names
/// and values are such that kcat can print them (see [`kcat_read`](super::kcat_read)).
pub fn mixed(count: usize, partitions: i32) -> Vec<Entry> {
    (0..count).map(|index| one(index, (index % partitions.max(1) as usize) as i32)).collect()
}

/// The same without headers, keys or null values: what every program of the field can write too.
pub fn plain(count: usize, partitions: i32) -> Vec<Entry> {
    (0..count).map(|index| plain_one(index, partitions)).collect()
}

/// The record at `index` of an endless list of such.
pub fn plain_one(index: usize, partitions: i32) -> Entry {
    let partition = (index % partitions.max(1) as usize) as i32;
    Entry::of(partition, None, Some(format!("record {index}").as_bytes()))
}

fn one(index: usize, partition: i32) -> Entry {
    let number = index.to_string().into_bytes();
    // Every byte occurs, and so do the separators that tools like.
    let binary: Vec<u8> = (0..=255).chain(number.iter().copied()).collect();
    let long: Vec<u8> = number.iter().copied().cycle().take(3000 + index % 100).collect();
    let key: Option<&[u8]> = match index % 7 {
        0 => None,
        1 => Some(b""),
        2 => Some(&binary),
        _ => Some(&number),
    };
    // A record whose key does not tell it apart has a value that does.
    let value: Option<&[u8]> = match index % 11 {
        3 if index % 7 > 1 => None,
        4 if index % 7 > 1 => Some(b""),
        5 => Some(&binary),
        6 if index < 1000 => Some(&long),
        _ => Some(&number),
    };
    let mut entry = Entry::of(partition, key, value);
    if index.is_multiple_of(3) {
        entry = entry.header("trace", Some(&number)).header("trace", Some(b"again"));
    }
    if index.is_multiple_of(5) {
        entry = entry.header("empty", Some(b"")).header("ключ", Some("значение".as_bytes()));
    }
    entry
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_some_of_everything_and_no_record_twice() {
        let all = mixed(500, 3);
        for (index, entry) in all.iter().enumerate() {
            let content = |e: &Entry| (e.key.clone(), e.value.clone(), e.headers.clone());
            assert!(all[..index].iter().all(|other| content(other) != content(entry)), "{entry:?}");
        }
        let any = |what: fn(&Entry) -> bool| all.iter().any(what);
        assert!(any(|e| e.key.is_none()) && any(|e| e.key.as_deref() == Some(b"")));
        assert!(any(|e| e.value.is_none()) && any(|e| e.value.as_deref() == Some(b"")));
        assert!(any(|e| e.headers.len() == 4) && any(|e| e.headers.is_empty()));
        assert!((0..3).all(|partition| all.iter().any(|e| e.partition == partition)));
        assert_eq!(all, mixed(500, 3));
    }
}
