//! Valid messages out of a fuzzer's bytes.
//!
//! The messages are made from the tables as data ([`crate::schema`]), field by field, by code that shares nothing with
//! what reads and writes messages otherwise: one checks the other. What comes out is what an encoder would write:
//! lengths as short as can be, tagged fields only where they differ from their default.

use crate::ApiKey;
use crate::api::Direction;
use crate::schema::{Field, Kind, MessageSchema, Structure, Value, find};
use ::arbitrary::{Error, Result, Unstructured};
use alloc::vec::Vec;

/// The body of some message of this API, version and direction. Fails for a key or version that does not exist; bytes
/// that run out give a small message.
pub fn message(key: ApiKey, version: i16, direction: Direction, u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    body(find(key, direction).ok_or(Error::IncorrectFormat)?, version, u)
}

/// Some message of any API, version and direction, and its body.
pub fn any_message(u: &mut Unstructured<'_>) -> Result<(ApiKey, i16, Direction, Vec<u8>)> {
    let schema = u.choose(crate::schema::MESSAGES)?;
    let version = u.int_in_range(schema.versions.min..=schema.versions.max)?;
    let (key, direction) = schema.api.ok_or(Error::IncorrectFormat)?;
    Ok((key, version, direction, body(schema, version, u)?))
}

/// The body of some message of this schema and version.
pub fn body(schema: &MessageSchema, version: i16, u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    if !schema.versions.contains(version) {
        return Err(Error::IncorrectFormat);
    }
    let mut maker = Maker { u, version, flexible: version >= schema.flexible_from };
    let mut out = Vec::new();
    maker.structure(schema.body, &mut out)?;
    Ok(out)
}

struct Maker<'u, 'b> {
    u: &'u mut Unstructured<'b>,
    version: i16,
    flexible: bool,
}

/// Numbers at which encodings change their length or readers their mind.
const EDGES: [i64; 14] = [
    0,
    1,
    -1,
    2,
    -2,
    127,
    128,
    -128,
    i16::MIN as i64,
    i16::MAX as i64,
    i32::MIN as i64,
    i32::MAX as i64,
    i64::MIN,
    i64::MAX,
];

impl Maker<'_, '_> {
    fn structure(&mut self, structure: &Structure, out: &mut Vec<u8>) -> Result<()> {
        let version = self.version;
        let fields = || structure.fields.iter().filter(move |field| field.versions.contains(version));
        for field in fields().filter(|field| field.tag.is_none()) {
            self.field(field, out)?;
        }
        if !self.flexible {
            return Ok(());
        }
        let mut tagged = Vec::new();
        for field in fields() {
            let Some(tag) = field.tag else { continue };
            let (mut value, mut default) = (Vec::new(), Vec::new());
            self.field(field, &mut value)?;
            self.default(field.kind, field.default, &mut default);
            if value != default {
                tagged.push((tag, value));
            }
        }
        uvarint(tagged.len(), out);
        for (tag, value) in tagged {
            uvarint(usize::try_from(tag).unwrap_or(0), out);
            uvarint(value.len(), out);
            out.extend(value);
        }
        Ok(())
    }

    fn field(&mut self, field: &Field, out: &mut Vec<u8>) -> Result<()> {
        match field.kind {
            Kind::Nullable(kind) if !field.null.contains(self.version) => self.value(*kind, false, out),
            kind => self.value(kind, field.null.contains(self.version), out),
        }
    }

    fn value(&mut self, kind: Kind, null: bool, out: &mut Vec<u8>) -> Result<()> {
        match kind {
            Kind::Bool => out.push(self.u.arbitrary::<bool>()?.into()),
            Kind::I8 => self.number(1, out)?,
            Kind::I16 | Kind::U16 | Kind::ErrorCode => self.number(2, out)?,
            Kind::I32 | Kind::U32 => self.number(4, out)?,
            Kind::I64 => self.number(8, out)?,
            Kind::F64 => out.extend(self.u.arbitrary::<f64>()?.to_be_bytes()),
            Kind::Uuid => out.extend(self.u.arbitrary::<[u8; 16]>()?),
            Kind::String => {
                let text = self.u.arbitrary::<&str>()?;
                let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
                let text =
                    ends.take_while(|end| *end <= 200).last().and_then(|end| text.get(..end)).unwrap_or("");
                self.length(Some(text.len()), true, out);
                out.extend(text.as_bytes());
            }
            Kind::Records if null && self.u.arbitrary()? => self.length(None, false, out),
            Kind::Bytes | Kind::Records => {
                let bytes = self.u.arbitrary::<&[u8]>()?;
                let bytes = bytes.get(..200).unwrap_or(bytes);
                self.length(Some(bytes.len()), false, out);
                out.extend(bytes);
            }
            Kind::Structure(structure) => self.structure(structure, out)?,
            Kind::Array(element) => self.array(*element, out)?,
            Kind::Nullable(kind) if self.u.arbitrary()? => self.null(*kind, out),
            Kind::Nullable(Kind::Structure(structure)) => {
                out.push(1);
                self.structure(structure, out)?;
            }
            Kind::Nullable(kind) => self.value(*kind, false, out)?,
        }
        Ok(())
    }

    fn array(&mut self, element: Kind, out: &mut Vec<u8>) -> Result<()> {
        let mut elements = Vec::new();
        let mut count = 0;
        // Enough now and then for a compact count of two bytes, but not of structures.
        let limit = if matches!(element, Kind::Structure(_)) { 4 } else { 140 };
        while count < limit && !self.u.is_empty() && self.u.ratio(4u8, 5u8)? {
            self.value(element, false, &mut elements)?;
            count += 1;
        }
        self.length(Some(count), false, out);
        out.extend(elements);
        Ok(())
    }

    fn number(&mut self, len: usize, out: &mut Vec<u8>) -> Result<()> {
        let number = if self.u.arbitrary()? { *self.u.choose(&EDGES)? } else { self.u.arbitrary()? };
        out.extend(number.to_be_bytes().iter().skip(size_of::<i64>() - len));
        Ok(())
    }

    fn null(&self, kind: Kind, out: &mut Vec<u8>) {
        match kind {
            Kind::Structure(_) => out.push(0xff),
            kind => self.length(None, matches!(kind, Kind::String), out),
        }
    }

    fn length(&self, len: Option<usize>, short: bool, out: &mut Vec<u8>) {
        let fixed = len.and_then(|len| i32::try_from(len).ok()).unwrap_or(-1).to_be_bytes();
        if self.flexible {
            uvarint(len.map_or(0, |len| len + 1), out);
        } else {
            out.extend(fixed.iter().skip(if short { 2 } else { 0 }));
        }
    }

    /// The bytes of a field that holds its default.
    fn default(&self, kind: Kind, default: Value, out: &mut Vec<u8>) {
        match (kind, default) {
            (Kind::Nullable(kind), Value::Null) => self.null(*kind, out),
            (Kind::Nullable(Kind::Structure(_)), _) => out.push(1),
            (Kind::Nullable(kind), default) => self.default(*kind, default, out),
            (Kind::Bool, default) => out.push((default == Value::True).into()),
            (Kind::I8, default) => put_number(default, 1, out),
            (Kind::I16 | Kind::U16 | Kind::ErrorCode, default) => put_number(default, 2, out),
            (Kind::I32 | Kind::U32, default) => put_number(default, 4, out),
            (Kind::I64 | Kind::F64, default) => put_number(default, 8, out),
            (Kind::Uuid, _) => out.extend([0; 16]),
            (Kind::String, _) => self.length(Some(0), true, out),
            (Kind::Bytes | Kind::Array(_), _) => self.length(Some(0), false, out),
            (Kind::Records, _) => self.length(None, false, out),
            (Kind::Structure(structure), _) => {
                for field in structure.fields {
                    if field.tag.is_none() && field.versions.contains(self.version) {
                        self.default(field.kind, field.default, out);
                    }
                }
                if self.flexible {
                    out.push(0);
                }
            }
        }
    }
}

fn put_number(default: Value, len: usize, out: &mut Vec<u8>) {
    let number = if let Value::Number(number) = default { number } else { 0 };
    out.extend(number.to_be_bytes().iter().skip(size_of::<i64>() - len));
}

fn uvarint(value: usize, out: &mut Vec<u8>) {
    let mut value = u32::try_from(value).unwrap_or(u32::MAX);
    while value >= 0x80 {
        let [low, ..] = value.to_le_bytes();
        out.push(low | 0x80);
        value >>= 7;
    }
    let [low, ..] = value.to_le_bytes();
    out.push(low);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::transcode;

    /// A small generator of bytes: the same for the same seed.
    fn bytes(seed: u64, len: usize) -> Vec<u8> {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        (0..len)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                state.to_be_bytes()[0]
            })
            .collect()
    }

    #[test]
    fn what_is_made_decodes_and_encodes_to_the_same_bytes() {
        let mut out = std::vec![0; 1 << 20];
        // Miri, a hundred times slower, does every so-manyth message, once, in its latest version.
        let (messages, step, seeds, len) = if cfg!(miri) { (17, 100, 1, 60) } else { (1, 1, 20, 2000) };
        for schema in crate::schema::MESSAGES.iter().step_by(messages) {
            let (key, direction) = schema.api.unwrap();
            for version in (schema.versions.min..=schema.versions.max).rev().step_by(step) {
                for seed in 0..seeds {
                    let bytes = bytes(seed, len);
                    let body = message(key, version, direction, &mut Unstructured::new(&bytes)).unwrap();
                    let len = transcode(key, version, direction, &body, &mut out);
                    assert_eq!(len.map(|len| &out[..len]), Ok(&body[..]), "{key} {version} {direction:?}");
                }
            }
        }
    }

    #[test]
    fn unknown_apis_and_versions_are_refused() {
        let u = &mut Unstructured::new(&[0; 8]);
        assert!(message(ApiKey(4), 0, Direction::Request, u).is_err());
        assert!(message(ApiKey::PRODUCE, 2, Direction::Request, u).is_err());
    }
}
