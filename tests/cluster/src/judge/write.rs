//! Writing a topic with Apache's console producer and with kcat.

use super::entry::Entry;
use super::marker::Markers;
use crate::{Error, Result, kcat, tools};

/// Writes `entries` with Apache's console producer, compressed with `codec` (none, gzip, snappy, lz4, zstd).
///
/// It reads lines of UTF-8, so keys, values and headers must be text without line ends. It chooses partitions
/// itself: use a topic with one partition, or compare without partitions.
pub fn console_write(bootstrap: &str, topic: &str, codec: &str, entries: &[Entry]) -> Result<()> {
    let markers = Markers::new();
    let mut input = Vec::new();
    for entry in entries {
        for (index, (name, value)) in entry.headers.iter().enumerate() {
            if index > 0 {
                input.extend_from_slice(markers.header.as_bytes());
            }
            text(&mut input, Some(name.as_bytes()), &markers)?;
            input.push(b':');
            text(&mut input, value.as_deref(), &markers)?;
        }
        if entry.headers.is_empty() {
            // A line must have as many fields as were announced; null stands for no headers at all.
            input.extend_from_slice(markers.null.as_bytes());
        }
        input.extend_from_slice(markers.field.as_bytes());
        text(&mut input, entry.key.as_deref(), &markers)?;
        input.extend_from_slice(markers.field.as_bytes());
        text(&mut input, entry.value.as_deref(), &markers)?;
        input.push(b'\n');
    }
    let mut args: Vec<String> = ["--topic", topic, "--compression-codec", codec].map(String::from).to_vec();
    let properties = [
        ("parse.key", "true"),
        ("parse.headers", "true"),
        ("headers.delimiter", &markers.field),
        ("headers.separator", &markers.header),
        ("headers.key.separator", ":"),
        ("key.separator", &markers.field),
        ("null.marker", &markers.null),
    ];
    for (name, value) in properties {
        args.extend(["--reader-property".into(), format!("{name}={value}")]);
    }
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = tools::tool_at(tools::CONSOLE_PRODUCER, bootstrap, &args, &input)?;
    // It ends with 0 even when the broker refused a record, and says so in its log only.
    if done.stderr_text().contains("ERROR") {
        return Err(Error::new(format!("the console producer: {}", done.stderr_text())));
    }
    Ok(())
}

fn text(input: &mut Vec<u8>, bytes: Option<&[u8]>, markers: &Markers) -> Result<()> {
    let Some(bytes) = bytes else {
        input.extend_from_slice(markers.null.as_bytes());
        return Ok(());
    };
    if std::str::from_utf8(bytes).is_err() || bytes.iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
        let shown = bytes.escape_ascii();
        return Err(Error::new(format!("the console producer takes single lines of UTF-8, not \"{shown}\"")));
    }
    input.extend_from_slice(bytes);
    Ok(())
}

/// Writes `entries` with kcat, compressed with `codec`, each to the partition it names. Any bytes will do; headers
/// are refused (kcat has one set of them for all records: [`kcat::produce`] with `-H`), and so is a null or empty
/// key or value where kcat cannot tell the two apart.
pub fn kcat_write(bootstrap: &str, topic: &str, codec: &str, entries: &[Entry]) -> Result<()> {
    let markers = Markers::new();
    let mut partitions: Vec<i32> = entries.iter().map(|entry| entry.partition).collect();
    partitions.sort_unstable();
    partitions.dedup();
    for partition in partitions {
        let mut input = Vec::new();
        for entry in entries.iter().filter(|entry| entry.partition == partition) {
            let value = entry.value.as_deref().filter(|value| !value.is_empty());
            let (Some(value), true) = (value, entry.headers.is_empty()) else {
                return Err(Error::new(format!("kcat cannot be told to write {entry:?}")));
            };
            if let Some(key) = &entry.key {
                input.extend_from_slice(key);
                input.extend_from_slice(markers.field.as_bytes());
            }
            input.extend_from_slice(value);
            input.extend_from_slice(markers.record.as_bytes());
        }
        let partition = partition.to_string();
        let args = ["-p", &partition, "-z", codec, "-D", &markers.record, "-K", &markers.field];
        kcat::produce(bootstrap, topic, &args, &input)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_line_cannot_carry_is_refused() {
        let (markers, mut input) = (Markers::new(), Vec::new());
        for bad in [&b"a\nb"[..], b"\r", b"\xff"] {
            assert!(text(&mut input, Some(bad), &markers).is_err());
        }
        text(&mut input, Some("Größe".as_bytes()), &markers).unwrap();
        assert_eq!(input, "Größe".as_bytes());
    }
}
