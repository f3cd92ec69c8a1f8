//! Bytes and values: the only place that knows how Kafka lays fields out.
//!
//! [`Reader`] and [`Writer`] carry the API version and whether that version is flexible (KIP-482), so "compact or
//! classic" is decided here and not at each field. Both are *sticky*: the first fault is remembered, everything after
//! it yields defaults or is dropped, and one call at the end gives the verdict. That keeps each message's code to a
//! list of its fields. Neither of them can panic, whatever the bytes say.

mod array;
mod error;
mod reader;
#[macro_use]
mod table;
mod types;
mod writer;

pub use array::{Array, Iter, Source};
pub use error::{DecodeError, EncodeError, Fault};
pub use reader::Reader;
pub use types::{Records, Uuid, VersionRange};
pub use writer::Writer;

/// Whether versions with compact lengths and tagged fields are spoken. As a constant, so that a build without them
/// contains nothing of them.
pub(crate) const FLEXIBLE: bool = cfg!(feature = "flexible");

/// The newest version of any message. Without flexible versions a field that is there from a later version on is known
/// at compile time not to be.
pub(crate) const NEWEST: i16 = if FLEXIBLE { 1000 } else { 7 };

/// A value that has a place in a Kafka message.
///
/// Implemented for the primitive types, for [`Array`], for `Option` of everything that can be null, and by the `wire!`
/// tables for every message and structure.
pub trait Wire<'a>: Copy + PartialEq {
    /// What a field of this type holds where the specification names no other default, and for a structure the
    /// structure made of its fields' defaults.
    const ZERO: Self;

    /// Bytes of one value where every value has the same length, 0 where lengths differ.
    const FIXED: usize = 0;

    /// What the value looks like to tools.
    #[cfg(feature = "schema")]
    const KIND: crate::schema::Kind;

    /// Reads one value. On a fault the reader turns bad and the value is [`Wire::ZERO`] or partly filled.
    fn read(r: &mut Reader<'a>) -> Self;

    /// Writes one value.
    fn write(&self, w: &mut Writer<'_>);

    /// Whether the value equals [`Wire::ZERO`]; tagged fields are left out of a message when it does.
    fn is_zero(&self) -> bool {
        *self == Self::ZERO
    }

    /// Reads a value that may be null. Structures have a marker byte for that, other types a length of their own.
    fn read_nullable(r: &mut Reader<'a>) -> Option<Self> {
        match r.i8() {
            -1 => None,
            1 => Some(Self::read(r)),
            _ => {
                r.fail(Fault::Null);
                None
            }
        }
    }

    /// Writes a value that may be null.
    fn write_nullable(value: Option<&Self>, w: &mut Writer<'_>) {
        match value {
            None => w.i8(-1),
            Some(value) => {
                w.i8(1);
                value.write(w);
            }
        }
    }
}

impl<'a, T: Wire<'a>> Wire<'a> for Option<T> {
    const ZERO: Self = Some(T::ZERO);
    #[cfg(feature = "schema")]
    const KIND: crate::schema::Kind = crate::schema::Kind::Nullable(&T::KIND);

    fn read(r: &mut Reader<'a>) -> Self {
        T::read_nullable(r)
    }

    fn write(&self, w: &mut Writer<'_>) {
        T::write_nullable(self.as_ref(), w);
    }

    fn is_zero(&self) -> bool {
        self.as_ref().is_some_and(T::is_zero)
    }
}

/// Reads a field that is there from a version on.
#[cfg_attr(not(feature = "std"), inline(never))]
pub(crate) fn read_since<'a, T: Wire<'a>>(r: &mut Reader<'a>, min: i16, default: T) -> T {
    if r.since(min) { T::read(r) } else { default }
}

/// Writes a field that is there from a version on.
#[cfg_attr(not(feature = "std"), inline(never))]
pub(crate) fn write_since<'a, T: Wire<'a>>(w: &mut Writer<'_>, value: &T, min: i16) {
    if w.since(min) {
        value.write(w);
    }
}

/// What the tables do with fields that may be null in some versions only: elsewhere null is a fault.
pub(crate) trait MaybeNull<'a>: Wire<'a> {
    /// Reads a value that must not be null.
    fn read_present(r: &mut Reader<'a>) -> Self;
    /// Writes a value that must not be null.
    fn write_present(&self, w: &mut Writer<'_>);
}

impl<'a, T: Wire<'a>> MaybeNull<'a> for Option<T> {
    fn read_present(r: &mut Reader<'a>) -> Self {
        Some(T::read(r))
    }

    fn write_present(&self, w: &mut Writer<'_>) {
        match self {
            Some(value) => value.write(w),
            None => w.fail(EncodeError::Null),
        }
    }
}

#[cfg(all(test, feature = "flexible"))]
mod tests;
