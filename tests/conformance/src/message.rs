//! The judge's lines, and what our codec makes of them.

use kafka_proto::api::{self, Direction};
use kafka_proto::messages::*;
use kafka_proto::{ApiKey, Message};

/// A line of the judge.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// Key, version and direction, as in `3 12 request`.
    pub at: &'a str,
    what: What<'a>,
    version: i16,
    /// What the judge wrote in hex, or why it could not.
    pub outcome: Outcome<'a>,
}

/// What the judge made of a message.
#[derive(Debug, Clone, Copy)]
pub enum Outcome<'a> {
    /// It wrote these bytes in hex and printed these fields in JSON.
    Written {
        /// Hex.
        hex: &'a str,
        /// JSON.
        json: &'a str,
    },
    /// It refused it.
    Refused(&'a str),
}

#[derive(Debug, Clone, Copy)]
enum What<'a> {
    Api(ApiKey, Direction),
    Embedded(&'a str),
}

impl<'a> Line<'a> {
    /// Reads a line.
    pub fn parse(line: &'a str) -> Option<Line<'a>> {
        let mut words = line.splitn(4, ' ');
        let (key, version, direction, rest) = (words.next()?, words.next()?, words.next()?, words.next()?);
        let at = line.get(..key.len() + version.len() + direction.len() + 2)?;
        let what = match direction {
            "request" => What::Api(ApiKey(key.parse().ok()?), Direction::Request),
            "response" => What::Api(ApiKey(key.parse().ok()?), Direction::Response),
            _ => What::Embedded(key),
        };
        let outcome = match rest.split_once('\t') {
            Some((hex, json)) => Outcome::Written { hex, json },
            None => Outcome::Refused(rest),
        };
        Some(Line { at, what, version: version.parse().ok()?, outcome })
    }
}

/// Reads the body and writes it again.
pub fn transcode(line: &Line<'_>, body: &[u8]) -> Result<Vec<u8>, String> {
    let mut out = vec![0; body.len() + 64];
    let len = match line.what {
        What::Api(key, direction) => {
            api::transcode(key, line.version, direction, body, &mut out).map_err(|e| e.to_string())?
        }
        What::Embedded(name) => embedded(name, line.version, body, &mut out)?.0,
    };
    out.truncate(len);
    Ok(out)
}

/// Reads the body and prints its fields.
pub fn show(line: &Line<'_>, body: &[u8]) -> Result<String, String> {
    match line.what {
        What::Api(key, direction) => {
            let mut text = String::new();
            api::show(key, line.version, direction, body, &mut text).map_err(|e| e.to_string())?;
            Ok(text)
        }
        What::Embedded(name) => Ok(embedded(name, line.version, body, &mut vec![0; body.len() + 64])?.1),
    }
}

#[allow(elided_lifetimes_in_paths)]
fn embedded(name: &str, version: i16, body: &[u8], out: &mut [u8]) -> Result<(usize, String), String> {
    fn one<'a, M: Message<'a> + std::fmt::Debug>(
        version: i16,
        body: &'a [u8],
        out: &mut [u8],
    ) -> Result<(usize, String), String> {
        let message = M::decode(version, body).map_err(|e| e.to_string())?;
        Ok((message.encode(version, out).map_err(|e| e.to_string())?, format!("{message:?}")))
    }
    macro_rules! by_name {
        ($($name:ident)*) => {
            match name {
                $(stringify!($name) => one::<$name>(version, body, out),)*
                _ => Err(format!("no message named {name}")),
            }
        };
    }
    by_name! {
        ConsumerProtocolAssignment ConsumerProtocolSubscription AbortedTxn ControlRecordTypeSchema EndTxnMarker
        LeaderChangeMessage SnapshotHeaderRecord SnapshotFooterRecord KRaftVersionRecord VotersRecord
        DefaultPrincipalData
    }
}
