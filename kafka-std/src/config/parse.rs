//! Values in text, and the properties files they stand in.

use std::ops::RangeInclusive;

use kafka_client_core::time::Duration;
use kafka_proto::record::Codec;

use crate::error::ConfigError;

/// A whole number in a range. The error says what is allowed.
pub(super) fn whole<T: TryFrom<i64>>(text: &str, range: RangeInclusive<i64>) -> Result<T, String> {
    let number = text.parse::<i64>().ok().filter(|n| range.contains(n));
    let number = number.and_then(|n| T::try_from(n).ok());
    number.ok_or_else(|| format!("a whole number from {} to {}", range.start(), range.end()))
}

/// Milliseconds.
pub(super) fn millis(text: &str, min: i64) -> Result<Duration, String> {
    whole::<u32>(text, min..=i64::from(i32::MAX)).map(Duration::from_millis)
}

pub(super) fn boolean(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err("true or false".into()),
    }
}

/// The size of a socket buffer; −1 (and librdkafka's 0) leave it to the operating system.
pub(super) fn socket_buffer(text: &str) -> Result<Option<usize>, String> {
    let bytes: i64 = whole(text, -1..=1 << 30)?;
    Ok(usize::try_from(bytes).ok().filter(|n| *n > 0))
}

pub(super) fn codec(text: &str) -> Result<Codec, String> {
    match text.to_ascii_lowercase().as_str() {
        "none" | "uncompressed" => Ok(Codec::None),
        "gzip" => Ok(Codec::Gzip),
        "snappy" => Ok(Codec::Snappy),
        "lz4" => Ok(Codec::Lz4),
        "zstd" => Ok(Codec::Zstd),
        _ => Err("one of none, gzip, snappy, lz4, zstd".into()),
    }
}

/// A list of `host:port`, separated by commas. An IPv6 address stands in brackets.
pub(crate) fn bootstrap(text: &str) -> Result<Vec<(String, u16)>, String> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    let found: Vec<_> = parts.map(host_port).collect::<Result<_, _>>()?;
    if found.is_empty() { Err("a list of host:port, separated by commas".into()) } else { Ok(found) }
}

fn host_port(text: &str) -> Result<(String, u16), String> {
    // Java writes the listener's protocol before it in some places; people copy that.
    let text = text.rsplit_once("://").map_or(text, |(_, rest)| rest);
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => rest
            .split_once(']')
            .and_then(|(host, port)| Some((host, port.strip_prefix(':')?)))
            .ok_or_else(|| format!("[address]:port where \"{text}\" stands, like [::1]:9092"))?,
        None => text.rsplit_once(':').ok_or_else(|| {
            format!("host:port where \"{text}\" stands, like {text}:9092: the port is missing")
        })?,
    };
    if host.contains(':') && !text.starts_with('[') {
        return Err(format!("an IPv6 address in brackets where \"{text}\" stands, like [::1]:9092"));
    }
    let legal = !host.is_empty() && !host.contains(['/', ' ', '[', ']']);
    match port.parse::<u16>().ok().filter(|port| legal && *port > 0) {
        Some(port) => Ok((host.to_owned(), port)),
        None => Err(format!("host:port with a port from 1 to 65535 where \"{text}\" stands")),
    }
}

/// The settings in the text of a Java properties file, in order: `name=value` or `name: value` per line, comments after
/// `#` or `!`, a backslash at the end to go on in the next line.
///
/// # Errors
/// [`ConfigError::Syntax`] with the number of the line.
pub fn properties(text: &str) -> Result<Vec<(String, String)>, ConfigError> {
    let mut found = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let mut line = line.trim().to_owned();
        if line.is_empty() || line.starts_with(['#', '!']) {
            continue;
        }
        while line.ends_with('\\') && !line.ends_with("\\\\") {
            line.pop();
            line.push_str(lines.next().map_or("", |(_, more)| more.trim()));
        }
        let (key, value) = line.split_once(['=', ':']).ok_or(ConfigError::Syntax { line: number + 1 })?;
        if key.trim().is_empty() {
            return Err(ConfigError::Syntax { line: number + 1 });
        }
        found.push((key.trim().to_owned(), value.trim().to_owned()));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bootstrap_servers_of_every_form() {
        let ok = |text: &str, expected: &[(&str, u16)]| {
            let expected: Vec<_> = expected.iter().map(|(h, p)| ((*h).to_owned(), *p)).collect();
            assert_eq!(bootstrap(text), Ok(expected), "{text}");
        };
        ok("a:1", &[("a", 1)]);
        ok(" a:1 , b.example.org:65535,", &[("a", 1), ("b.example.org", 65535)]);
        ok("[::1]:9092,127.0.0.1:9093", &[("::1", 9092), ("127.0.0.1", 9093)]);
        ok("PLAINTEXT://broker:9092", &[("broker", 9092)]);
        for (text, says) in [
            ("", "a list of host:port"),
            (" , ", "a list of host:port"),
            ("broker", "the port is missing"),
            ("::1", "brackets"),
            ("::1:9092", "brackets"),
            ("[::1]", "[address]:port"),
            ("[::1", "[address]:port"),
            ("broker:0", "1 to 65535"),
            ("broker:65536", "1 to 65535"),
            ("broker:http", "1 to 65535"),
            (":9092", "1 to 65535"),
            ("good:1,bad", "\"bad\""),
        ] {
            let error = bootstrap(text).expect_err(text);
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    #[test]
    fn properties_as_java_writes_them() {
        let text =
            "# comment\n! too\n\nacks=all\n linger.ms : 5 \nbootstrap.servers=a:1,\\\n   b:2\nclient.id=\n";
        let expected =
            [("acks", "all"), ("linger.ms", "5"), ("bootstrap.servers", "a:1,b:2"), ("client.id", "")];
        let expected: Vec<_> = expected.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        assert_eq!(properties(text), Ok(expected));
        assert_eq!(properties("acks=all\nnonsense"), Err(ConfigError::Syntax { line: 2 }));
        assert_eq!(properties("=x"), Err(ConfigError::Syntax { line: 1 }));
    }
}
