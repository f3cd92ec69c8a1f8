//! The primitive types.

use super::{Fault, Reader, Wire, Writer};
use core::fmt;

/// The versions from `min` to `max`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VersionRange {
    /// The first version.
    pub min: i16,
    /// The last version.
    pub max: i16,
}

impl VersionRange {
    /// What this build speaks of the versions from `min` to `max`, of which those from `flexible_from` on are flexible.
    pub(crate) const fn spoken(min: i16, max: i16, flexible_from: i16) -> Self {
        let classic = if flexible_from <= super::NEWEST { flexible_from - 1 } else { super::NEWEST };
        Self { min, max: if super::FLEXIBLE || max < classic { max } else { classic } }
    }

    /// Whether `version` is in the range.
    pub const fn contains(self, version: i16) -> bool {
        self.min <= version && version <= self.max
    }

    /// The highest version in both ranges.
    pub fn common_max(self, other: VersionRange) -> Option<i16> {
        let max = self.max.min(other.max);
        (max >= self.min.max(other.min)).then_some(max)
    }
}

/// A 128-bit identifier. All zero means none.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Uuid(pub [u8; 16]);

impl Uuid {
    /// No identifier.
    pub const ZERO: Uuid = Uuid([0; 16]);

    /// Whether this is an identifier at all.
    pub fn is_set(&self) -> bool {
        *self != Uuid::ZERO
    }
}

/// As Kafka prints it: base64 with `-` and `_`, 22 characters.
impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write;
        let bits = u128::from_be_bytes(self.0);
        for group in 0..22u32 {
            // 128 bits are 21 groups of six and one of two, which is padded with zeros.
            let six = match group {
                21 => (bits << 4) & 0x3f,
                _ => (bits >> 122u32.saturating_sub(group.saturating_mul(6))) & 0x3f,
            };
            let six = u8::try_from(six).unwrap_or(0);
            f.write_char(char::from(match six {
                0..=25 => b'A'.wrapping_add(six),
                26..=51 => b'a'.wrapping_add(six).wrapping_sub(26),
                52..=61 => b'0'.wrapping_add(six).wrapping_sub(52),
                62 => b'-',
                _ => b'_',
            }))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Record batches inside a message.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub enum Records<'a> {
    /// No records field at all, which is not the same as no records.
    #[default]
    Null,
    /// The batches, one after another, as they are.
    Bytes(&'a [u8]),
    /// Batches that are sent from their own memory: the length is written, the position noted as a gap of the
    /// [`Writer`]. Never the result of reading.
    Elsewhere {
        /// Bytes of the batches.
        len: u32,
    },
}

impl<'a> Records<'a> {
    /// The bytes that are here: none for null or elsewhere.
    pub fn bytes(&self) -> &'a [u8] {
        match self {
            Records::Bytes(bytes) => bytes,
            _ => &[],
        }
    }

    /// Bytes of the batches, wherever they are.
    pub fn len(&self) -> usize {
        match self {
            Records::Null => 0,
            Records::Bytes(bytes) => bytes.len(),
            Records::Elsewhere { len } => usize::try_from(*len).unwrap_or(usize::MAX),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl fmt::Debug for Records<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Records::Null => f.write_str("Null"),
            Records::Bytes(bytes) => write!(f, "{} bytes", bytes.len()),
            Records::Elsewhere { len } => write!(f, "{len} bytes elsewhere"),
        }
    }
}

macro_rules! numbers {
    ($($type:ty: $kind:ident $of:expr),*) => {$(
        impl<'a> Wire<'a> for $type {
            const ZERO: Self = 0 as $type;
    #[cfg(feature = "schema")]
    const KIND: crate::schema::Kind = crate::schema::Kind::$kind;
            const FIXED: usize = size_of::<$type>();

            #[cfg(feature = "std")]
            fn read(r: &mut Reader<'a>) -> Self {
                <$type>::from_be_bytes(r.chunk())
            }

            #[cfg(not(feature = "std"))]
            fn read(r: &mut Reader<'a>) -> Self {
                let of: fn(u64) -> $type = $of;
                of(r.number(size_of::<$type>()))
            }

            fn write(&self, w: &mut Writer<'_>) {
                w.put(&self.to_be_bytes());
            }
        }
    )*};
}

// The low bits of a number of eight bytes are all it has.
numbers! {
    i8: I8 |n| n as i8,
    i16: I16 |n| n as i16,
    u16: U16 |n| n as u16,
    i32: I32 |n| n as i32,
    u32: U32 |n| n as u32,
    i64: I64 u64::cast_signed,
    f64: F64 f64::from_bits
}

impl<'a> Wire<'a> for bool {
    const ZERO: Self = false;
    #[cfg(feature = "schema")]
    const KIND: crate::schema::Kind = crate::schema::Kind::Bool;
    const FIXED: usize = 1;

    fn read(r: &mut Reader<'a>) -> Self {
        r.i8() != 0
    }

    fn write(&self, w: &mut Writer<'_>) {
        w.i8(i8::from(*self));
    }
}

impl<'a> Wire<'a> for Uuid {
    const ZERO: Self = Uuid::ZERO;
    #[cfg(feature = "schema")]
    const KIND: crate::schema::Kind = crate::schema::Kind::Uuid;
    const FIXED: usize = 16;

    fn read(r: &mut Reader<'a>) -> Self {
        Uuid(r.chunk())
    }

    fn write(&self, w: &mut Writer<'_>) {
        w.put(&self.0);
    }

    fn is_zero(&self) -> bool {
        u128::from_ne_bytes(self.0) == 0
    }
}

impl<'a> Wire<'a> for &'a str {
    const ZERO: Self = "";
    #[cfg(feature = "schema")]
    const KIND: crate::schema::Kind = crate::schema::Kind::String;

    fn read(r: &mut Reader<'a>) -> Self {
        let value = r.nullable_str();
        r.present(value)
    }

    fn write(&self, w: &mut Writer<'_>) {
        w.nullable_str(Some(self));
    }

    fn read_nullable(r: &mut Reader<'a>) -> Option<Self> {
        r.nullable_str()
    }

    fn write_nullable(value: Option<&Self>, w: &mut Writer<'_>) {
        w.nullable_str(value.copied());
    }
}

impl<'a> Wire<'a> for &'a [u8] {
    const ZERO: Self = &[];
    #[cfg(feature = "schema")]
    const KIND: crate::schema::Kind = crate::schema::Kind::Bytes;

    fn read(r: &mut Reader<'a>) -> Self {
        let value = r.nullable_bytes();
        r.present(value)
    }

    fn write(&self, w: &mut Writer<'_>) {
        w.nullable_bytes(Some(self));
    }

    fn read_nullable(r: &mut Reader<'a>) -> Option<Self> {
        r.nullable_bytes()
    }

    fn write_nullable(value: Option<&Self>, w: &mut Writer<'_>) {
        w.nullable_bytes(value.copied());
    }
}

impl<'a> Wire<'a> for Records<'a> {
    const ZERO: Self = Records::Null;
    #[cfg(feature = "schema")]
    const KIND: crate::schema::Kind = crate::schema::Kind::Records;

    fn read(r: &mut Reader<'a>) -> Self {
        match r.nullable_bytes() {
            Some(bytes) => Records::Bytes(bytes),
            None => Records::Null,
        }
    }

    fn write(&self, w: &mut Writer<'_>) {
        match self {
            Records::Null => w.nullable_bytes(None),
            Records::Bytes(bytes) => w.nullable_bytes(Some(bytes)),
            Records::Elsewhere { .. } => w.gap(self.len()),
        }
    }
}

impl<'a> super::MaybeNull<'a> for Records<'a> {
    fn read_present(r: &mut Reader<'a>) -> Self {
        let records = Records::read(r);
        if records == Records::Null {
            r.fail(Fault::Null);
        }
        records
    }

    fn write_present(&self, w: &mut Writer<'_>) {
        if *self == Records::Null {
            w.fail(super::EncodeError::Null);
        }
        self.write(w);
    }
}
