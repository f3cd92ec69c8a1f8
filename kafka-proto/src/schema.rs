//! The message tables as data: what the `wire!` and `apis!` tables say, for tools, tests and fuzzers.

use crate::ApiKey;
use crate::api::Direction;
use crate::wire::VersionRange;

/// A message of an API.
#[derive(Debug, Clone, Copy)]
pub struct MessageSchema {
    /// The API; `None` for messages that are neither request nor response.
    pub api: Option<(ApiKey, Direction)>,
    /// The versions that exist.
    pub versions: VersionRange,
    /// The first version with compact lengths and tagged fields; `i16::MAX` where none has them.
    pub flexible_from: i16,
    /// Its fields.
    pub body: &'static Structure,
}

/// A structure.
#[derive(Debug, PartialEq)]
pub struct Structure {
    /// Its name.
    pub name: &'static str,
    /// Its fields in the order of the wire, then the tagged ones in the order of their tags.
    pub fields: &'static [Field],
}

/// A field of a structure.
#[derive(Debug, PartialEq)]
pub struct Field {
    /// Its name; one that is also a Rust keyword begins with `r#`.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// The versions that have it.
    pub versions: VersionRange,
    /// The versions in which it may be null, if its type can be.
    pub null: VersionRange,
    /// Its tag, where it is tagged.
    pub tag: Option<u32>,
    /// What it holds where it was not sent.
    pub default: Value,
}

/// What a field can hold.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(missing_docs)]
pub enum Kind {
    Bool,
    I8,
    I16,
    U16,
    I32,
    U32,
    I64,
    F64,
    Uuid,
    ErrorCode,
    String,
    Bytes,
    Records,
    Structure(&'static Structure),
    Array(&'static Kind),
    /// Null or something.
    Nullable(&'static Kind),
}

/// A default.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// What the type begins with: 0, "", nothing, or a structure of defaults.
    Zero,
    /// Null.
    Null,
    /// True.
    True,
    /// A number.
    Number(i64),
}

/// Every version there can be.
pub const ALWAYS: VersionRange = VersionRange { min: 0, max: i16::MAX };

/// No version at all.
pub const NEVER: VersionRange = VersionRange { min: 0, max: -1 };

/// The schema of a request or response; `None` for an unknown key.
pub fn find(key: ApiKey, direction: Direction) -> Option<&'static MessageSchema> {
    MESSAGES.iter().find(|message| message.api == Some((key, direction)))
}

pub use crate::api::{EMBEDDED, MESSAGES};
