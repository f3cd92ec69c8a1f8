//! The sticky reader.

use super::{DecodeError, FLEXIBLE, Fault, NEWEST, VersionRange, Wire};

/// Reads values off a message body; the first fault sticks.
///
/// Getters: [`version`](Reader::version), [`is_flexible`](Reader::is_flexible), [`failed`](Reader::failed),
/// [`remaining`](Reader::remaining). Values: everything else. After the last value [`finish`](Reader::finish) says
/// whether all of them can be trusted.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    /// What is left up to the current limit; emptied by the first fault.
    rest: &'a [u8],
    /// Bytes behind `rest` that a tagged field being read must not reach.
    behind: usize,
    total: usize,
    /// A 16-bit number, wide because comparing it is most of what messages do.
    version: i32,
    flexible: bool,
    fault: Option<DecodeError>,
}

/// Where the reader is in a block of tagged fields.
pub(crate) struct Tags<'a> {
    left: u32,
    next: u32,
    /// What follows the value that may be read now.
    tail: &'a [u8],
    /// Bytes of that value, `None` where there is none.
    open: Option<usize>,
}

impl<'a> Reader<'a> {
    /// A reader over one message body.
    pub fn new(bytes: &'a [u8], version: i16, flexible: bool) -> Reader<'a> {
        Reader { rest: bytes, behind: 0, total: bytes.len(), version: version.into(), flexible, fault: None }
    }

    /// A reader over a message that exists in these versions; a version outside of them is a fault from the start.
    #[cfg_attr(not(feature = "std"), inline(never))]
    pub(crate) fn of_message(
        bytes: &[u8],
        version: i16,
        range: VersionRange,
        flexible_from: i16,
    ) -> Reader<'_> {
        let mut r = Reader::new(bytes, version, version >= flexible_from);
        if !range.contains(version) {
            (r.rest, r.fault) = (&[], Some(DecodeError::new(Fault::Version, 0)));
        }
        r
    }

    /// The API version the bytes are in.
    pub fn version(&self) -> i16 {
        self.version as i16
    }

    /// Whether the version is this one or a later one.
    #[inline]
    pub fn since(&self, min: i16) -> bool {
        min <= NEWEST && self.version >= i32::from(min)
    }

    /// Whether that version has compact lengths and tagged fields.
    #[inline]
    pub fn is_flexible(&self) -> bool {
        FLEXIBLE && self.flexible
    }

    /// Whether a fault was met.
    pub fn failed(&self) -> bool {
        self.fault.is_some()
    }

    /// The bytes not read yet.
    pub fn remaining(&self) -> &'a [u8] {
        self.rest
    }

    /// Bytes read so far.
    pub fn position(&self) -> usize {
        self.total.saturating_sub(self.rest.len()).saturating_sub(self.behind)
    }

    /// Notes a fault at the current position, unless there was one before.
    #[cold]
    #[inline(never)]
    pub fn fail(&mut self, fault: Fault) {
        if self.fault.is_none() {
            let at = u32::try_from(self.position()).unwrap_or(u32::MAX);
            self.fault = Some(DecodeError::new(fault, at));
        }
        self.rest = &[];
    }

    /// The verdict: everything was read and nothing is left.
    pub fn finish(&mut self) -> Result<(), DecodeError> {
        if !self.rest.is_empty() {
            self.fail(Fault::Trailing);
        }
        self.verdict()
    }

    /// The verdict when bytes may follow: everything that was read can be trusted.
    pub fn verdict(&self) -> Result<(), DecodeError> {
        match self.fault {
            None => Ok(()),
            Some(error) => Err(error),
        }
    }

    /// The next `len` bytes.
    #[cfg_attr(not(feature = "std"), inline(never))]
    pub fn take(&mut self, len: usize) -> &'a [u8] {
        match self.rest.split_at_checked(len) {
            Some((taken, rest)) => {
                self.rest = rest;
                taken
            }
            None => {
                self.fail(Fault::Short);
                &[]
            }
        }
    }

    /// The next `N` bytes, zeros on a fault.
    #[cfg_attr(not(feature = "std"), inline(never))]
    pub fn chunk<const N: usize>(&mut self) -> [u8; N] {
        match self.take(N).first_chunk::<N>() {
            Some(chunk) => *chunk,
            None => [0; N],
        }
    }

    /// A big-endian integer of `len` bytes: one routine for all lengths.
    #[cfg(not(feature = "std"))]
    #[inline(never)]
    pub(crate) fn number(&mut self, len: usize) -> u64 {
        self.take(len).iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    /// A signed byte.
    pub fn i8(&mut self) -> i8 {
        Wire::read(self)
    }

    /// A big-endian 16-bit integer.
    pub fn i16(&mut self) -> i16 {
        Wire::read(self)
    }

    /// A big-endian 32-bit integer.
    pub fn i32(&mut self) -> i32 {
        Wire::read(self)
    }

    /// A big-endian 64-bit integer.
    pub fn i64(&mut self) -> i64 {
        Wire::read(self)
    }

    /// An unsigned integer in seven-bit groups, lowest first, of at most 32 bits.
    #[cfg_attr(not(feature = "std"), inline(never))]
    #[cfg_attr(feature = "std", inline)]
    pub fn uvarint(&mut self) -> u32 {
        if cfg!(feature = "std")
            && let Some((&first, rest)) = self.rest.split_first()
            && first < 0x80
        {
            self.rest = rest;
            return first.into();
        }
        self.uvarint_long()
    }

    #[cfg_attr(feature = "std", inline(never))]
    fn uvarint_long(&mut self) -> u32 {
        let mut value = 0u32;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.i8().cast_unsigned();
            if shift == 28 && byte > 0x0f {
                break;
            }
            value |= u32::from(byte & 0x7f).wrapping_shl(shift);
            if byte < 0x80 {
                return value;
            }
        }
        self.fail(Fault::Varint);
        0
    }

    /// A length or count as this version writes it: compact (plus one, 0 is null), or 32 bits, or 16 bits where
    /// `short` (−1 is null).
    #[cfg_attr(not(feature = "std"), inline(never))]
    #[cfg_attr(feature = "std", inline)]
    fn length(&mut self, short: bool) -> Option<usize> {
        let value = if self.is_flexible() {
            self.uvarint().wrapping_sub(1).cast_signed()
        } else if short {
            self.i16().into()
        } else {
            self.i32()
        };
        if value == -1 {
            return None;
        }
        match usize::try_from(value) {
            // Nothing in a message is shorter than a byte, so this bounds counts as well as lengths.
            Ok(len) if len <= self.rest.len() => Some(len),
            _ => {
                self.fail(Fault::Length);
                None
            }
        }
    }

    /// A string, `None` when null (or on a fault).
    pub fn nullable_str(&mut self) -> Option<&'a str> {
        let len = self.length(true)?;
        match core::str::from_utf8(self.rest.get(..len)?) {
            Ok(text) => {
                self.take(len);
                Some(text)
            }
            Err(_) => {
                self.fail(Fault::Utf8);
                None
            }
        }
    }

    /// Bytes, `None` when null (or on a fault).
    pub fn nullable_bytes(&mut self) -> Option<&'a [u8]> {
        let len = self.length(false)?;
        Some(self.take(len))
    }

    /// The number of elements in the array that starts here, `None` when null (or on a fault). At most the number of
    /// bytes that follow.
    pub(crate) fn count(&mut self) -> Option<usize> {
        self.length(false)
    }

    /// The value, or a fault where it is null.
    pub(crate) fn present<T: Default>(&mut self, value: Option<T>) -> T {
        match value {
            Some(value) => value,
            None => {
                self.fail(Fault::Null);
                T::default()
            }
        }
    }

    pub(crate) fn set_flexible(&mut self) {
        self.flexible = true;
    }

    /// Starts a block of tagged fields; none in a version that is not flexible.
    pub(crate) fn tags(&mut self) -> Tags<'a> {
        let left = if self.is_flexible() { self.uvarint() } else { 0 };
        Tags { left, next: 0, tail: &[], open: None }
    }

    /// The tag of the next tagged field, whose value the caller may then read: it is passed over when the caller does
    /// not, and must be read to its end when the caller does.
    pub(crate) fn next_tag(&mut self, tags: &mut Tags<'a>) -> Option<u32> {
        if let Some(size) = tags.open.take() {
            self.close_tag(size, tags.tail);
        }
        if tags.left == 0 || self.failed() {
            return None;
        }
        tags.left = tags.left.wrapping_sub(1);
        let tag = self.uvarint();
        if tag < tags.next {
            self.fail(Fault::Tag);
        }
        tags.next = tag.saturating_add(1);
        let size = self.uvarint();
        let Some((value, tail)) =
            usize::try_from(size).ok().and_then(|size| self.rest.split_at_checked(size))
        else {
            self.fail(Fault::Length);
            return None;
        };
        if self.failed() {
            return None;
        }
        self.rest = value;
        self.behind = self.behind.saturating_add(tail.len());
        tags.tail = tail;
        tags.open = Some(value.len());
        Some(tag)
    }

    fn close_tag(&mut self, size: usize, tail: &'a [u8]) {
        if !self.rest.is_empty() && self.rest.len() != size {
            self.fail(Fault::Tag);
        }
        self.behind = self.behind.saturating_sub(tail.len());
        if !self.failed() {
            self.rest = tail;
        }
    }

    /// Passes over a block of tagged fields none of which is known.
    pub(crate) fn skip_tags(&mut self) {
        if !self.is_flexible() {
            return;
        }
        // Nearly always there are none.
        if let Some((0, rest)) = self.rest.split_first() {
            self.rest = rest;
            return;
        }
        let mut tags = self.tags();
        while self.next_tag(&mut tags).is_some() {}
    }
}
