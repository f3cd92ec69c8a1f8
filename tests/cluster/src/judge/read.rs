//! Reading a topic with Apache's console consumer and with kcat.

use super::entry::Entry;
use super::marker::{Markers, until};
use crate::{Error, Result, kcat, tools};

/// Which records of transactions are seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// All.
    ReadUncommitted,
    /// Those of committed transactions.
    ReadCommitted,
}

impl Isolation {
    fn name(self) -> &'static str {
        match self {
            Isolation::ReadUncommitted => "read_uncommitted",
            Isolation::ReadCommitted => "read_committed",
        }
    }
}

/// The first `count` records of `topic` as Apache's console consumer reads them, by partition and offset.
///
/// It is told how many there are because it does not stop at the end of a topic: [`kcat_read`] does, and knows.
pub fn console_read(bootstrap: &str, topic: &str, count: usize, isolation: Isolation) -> Result<Vec<Entry>> {
    if count == 0 {
        return Ok(Vec::new());
    }
    let markers = Markers::new();
    let count = count.to_string();
    let mut args: Vec<String> =
        ["--topic", topic, "--from-beginning", "--max-messages", &count].map(String::from).to_vec();
    // Ends a run that would wait for ever because a record is missing.
    args.extend(["--timeout-ms", "20000", "--isolation-level", isolation.name()].map(String::from));
    let properties = [
        ("print.timestamp", "true"),
        ("print.partition", "true"),
        ("print.offset", "true"),
        ("print.headers", "true"),
        ("print.key", "true"),
        ("print.value", "true"),
        ("key.separator", &markers.field),
        ("line.separator", &markers.record),
        ("headers.separator", &markers.header),
        ("null.literal", &markers.null),
    ];
    for (name, value) in properties {
        args.extend(["--formatter-property".into(), format!("{name}={value}")]);
    }
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let output = tools::tool_at(tools::CONSOLE_CONSUMER, bootstrap, &args, &[])?;
    let mut rest = output.stdout.as_slice();
    let mut entries = Vec::new();
    while let Some(line) = until(&mut rest, &markers.record) {
        let entry = console_entry(line, &markers);
        entries.push(entry.ok_or_else(|| unreadable("the console consumer", line))?);
    }
    entries.sort_by_key(|entry| (entry.partition, entry.offset));
    Ok(entries)
}

/// `CreateTime:…`, `Partition:…`, `Offset:…`, headers, key, value, in this order.
fn console_entry(mut line: &[u8], markers: &Markers) -> Option<Entry> {
    let timestamp = until(&mut line, &markers.field)?;
    let partition = until(&mut line, &markers.field)?;
    let offset = until(&mut line, &markers.field)?;
    let headers = until(&mut line, &markers.field)?;
    let key = until(&mut line, &markers.field)?;
    let nullable = |bytes: &[u8]| (bytes != markers.null.as_bytes()).then(|| bytes.to_vec());
    Some(Entry {
        // "NO_TIMESTAMP" has no colon and no number.
        timestamp: number(timestamp).unwrap_or(-1),
        partition: number(partition)? as i32,
        offset: number(offset)?,
        headers: headers_of(headers, &markers.header, b':', nullable)?,
        key: nullable(key),
        value: nullable(line),
    })
}

/// All records of `topic` as kcat reads them, by partition and offset.
///
/// kcat prints headers as `name=value,name=value`: those with commas or equal signs are beyond it.
pub fn kcat_read(bootstrap: &str, topic: &str, isolation: Isolation) -> Result<Vec<Entry>> {
    let markers = Markers::new();
    let format = format!("%p %o %T %K %S\\n%k%s%h{}", markers.record);
    let isolation = format!("isolation.level={}", isolation.name());
    // Small waits: the default adds up to half a second to each run.
    let args = ["-f", &format, "-X", &isolation, "-X", "fetch.wait.max.ms=50", "-X", "check.crcs=true"];
    let output = kcat::consume(bootstrap, topic, &args)?;
    let mut rest = output.as_slice();
    let mut entries = Vec::new();
    while !rest.is_empty() {
        let before = rest;
        let entry = kcat_entry(&mut rest, &markers);
        entries.push(entry.ok_or_else(|| unreadable("kcat", before))?);
    }
    entries.sort_by_key(|entry| (entry.partition, entry.offset));
    Ok(entries)
}

/// A line of numbers, the last two of them the lengths of key and value, then those and the headers.
fn kcat_entry(rest: &mut &[u8], markers: &Markers) -> Option<Entry> {
    let line = std::str::from_utf8(until(rest, "\n")?).ok()?;
    let mut numbers = line.split(' ').map(|word| word.parse::<i64>().ok());
    let mut next = || numbers.next().flatten();
    let (partition, offset, timestamp) = (next()? as i32, next()?, next()?);
    let (key_length, value_length) = (next()?, next()?);
    let key = counted(rest, key_length)?;
    let value = counted(rest, value_length)?;
    let headers = until(rest, &markers.record)?;
    let nullable = |bytes: &[u8]| (bytes != b"NULL").then(|| bytes.to_vec());
    let headers = headers_of(headers, ",", b'=', nullable)?;
    Some(Entry { partition, offset, timestamp, key, value, headers })
}

/// The next `length` bytes; −1 is null.
fn counted(rest: &mut &[u8], length: i64) -> Option<Option<Vec<u8>>> {
    let Ok(length) = usize::try_from(length) else { return Some(None) };
    let (head, tail) = rest.split_at_checked(length)?;
    *rest = tail;
    Some(Some(head.to_vec()))
}

fn headers_of(
    mut text: &[u8],
    between: &str,
    assign: u8,
    nullable: impl Fn(&[u8]) -> Option<Vec<u8>>,
) -> Option<Vec<(String, Option<Vec<u8>>)>> {
    let mut headers = Vec::new();
    if text == b"NO_HEADERS" || text.is_empty() {
        return Some(headers);
    }
    loop {
        let part = until(&mut text, between);
        let header = part.unwrap_or(text);
        let at = header.iter().position(|byte| *byte == assign)?;
        let name = String::from_utf8(header[..at].to_vec()).ok()?;
        headers.push((name, nullable(&header[at + 1..])));
        if part.is_none() {
            return Some(headers);
        }
    }
}

/// The number behind the last colon.
fn number(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text).ok()?.rsplit(':').next()?.parse().ok()
}

fn unreadable(who: &str, bytes: &[u8]) -> Error {
    let shown = &bytes[..bytes.len().min(200)];
    Error::new(format!("cannot read what {who} printed: \"{}\"", shown.escape_ascii()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kcat_output_with_newlines_nulls_and_headers() {
        let markers = Markers::new();
        let end = &markers.record;
        let text = format!("0 7 1700 -1 3\na\nba=1,b=NULL{end}2 8 -1 0 -1\n{end}");
        let mut rest = text.as_bytes();
        let first = kcat_entry(&mut rest, &markers).unwrap();
        let expected = Entry::of(0, None, Some(b"a\nb")).at(7).header("a", Some(b"1")).header("b", None);
        assert_eq!(first, Entry { timestamp: 1700, ..expected });
        let second = kcat_entry(&mut rest, &markers).unwrap();
        assert_eq!(second, Entry::of(2, Some(b""), None).at(8));
        assert!(rest.is_empty());
    }

    #[test]
    fn console_output_with_separators_of_its_own() {
        let markers = Markers::new();
        let (f, n, h) = (&markers.field, &markers.null, &markers.header);
        let line = format!("CreateTime:5{f}Partition:3{f}Offset:9{f}a:1{h}b:{n}{f}{n}{f}x\ty\nz");
        let expected = Entry::of(3, None, Some(b"x\ty\nz")).at(9).header("a", Some(b"1")).header("b", None);
        assert_eq!(console_entry(line.as_bytes(), &markers), Some(Entry { timestamp: 5, ..expected }));
        let line = format!("NO_TIMESTAMP{f}Partition:0{f}Offset:0{f}NO_HEADERS{f}{f}");
        assert_eq!(console_entry(line.as_bytes(), &markers), Some(Entry::of(0, Some(b""), Some(b"")).at(0)));
        assert_eq!(console_entry(b"rubbish", &markers), None);
    }
}
