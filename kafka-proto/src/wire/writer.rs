//! The sticky writer.

use super::{EncodeError, FLEXIBLE, NEWEST, VersionRange};

/// Writes values into a lent buffer; the first fault sticks, and counting goes on past the end of the buffer, so that
/// [`needed`](Writer::needed) is exact.
#[derive(Debug)]
pub struct Writer<'b> {
    /// What is left of the buffer; emptied by the first value that does not fit.
    rest: &'b mut [u8],
    /// Bytes the buffer would need so far.
    needed: usize,
    /// Bytes of records that live elsewhere.
    elsewhere: usize,
    capacity: usize,
    /// A 16-bit number, wide because comparing it is most of what messages do.
    version: i32,
    flexible: bool,
    fault: Option<EncodeError>,
    /// Room for more positions of records that live elsewhere.
    gaps: &'b mut [u32],
    gap_count: usize,
}

impl<'b> Writer<'b> {
    /// A writer into `out`.
    pub fn new(out: &'b mut [u8], version: i16, flexible: bool) -> Writer<'b> {
        Writer::with_gaps(out, version, flexible, &mut [])
    }

    /// A writer for messages whose records stay where they are: for each
    /// [`Records::Elsewhere`](super::Records::Elsewhere) the position in `out` at which its bytes are to be sent is
    /// noted in `gaps`.
    pub fn with_gaps(out: &'b mut [u8], version: i16, flexible: bool, gaps: &'b mut [u32]) -> Writer<'b> {
        let capacity = out.len();
        Writer {
            rest: out,
            needed: 0,
            elsewhere: 0,
            capacity,
            version: version.into(),
            flexible,
            fault: None,
            gaps,
            gap_count: 0,
        }
    }

    /// A writer of a message that exists in these versions; a version outside of them is a fault from the start.
    pub(crate) fn of_message(
        out: &'b mut [u8],
        version: i16,
        range: VersionRange,
        flexible_from: i16,
    ) -> Writer<'b> {
        let mut w = Writer::new(out, version, version >= flexible_from);
        if !range.contains(version) {
            w.fail(EncodeError::UnsupportedVersion);
        }
        w
    }

    /// A writer that only counts.
    pub fn counter(version: i16, flexible: bool) -> Writer<'static> {
        Writer::new(&mut [], version, flexible)
    }

    /// The API version that is written.
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

    /// Bytes that everything written so far takes in the buffer, whether they fitted or not.
    pub fn needed(&self) -> usize {
        self.needed
    }

    /// Bytes of records elsewhere, not counted by [`needed`](Writer::needed).
    pub fn elsewhere(&self) -> usize {
        self.elsewhere
    }

    /// How many positions were noted.
    pub fn gap_count(&self) -> usize {
        self.gap_count
    }

    pub(crate) fn set_flexible(&mut self) {
        self.flexible = true;
    }

    /// Notes a fault, unless there was one before.
    #[cold]
    #[inline(never)]
    pub fn fail(&mut self, error: EncodeError) {
        if self.fault.is_none() {
            self.fault = Some(error);
        }
    }

    /// The verdict: how many bytes of the buffer hold the message.
    pub fn finish(&self) -> Result<usize, EncodeError> {
        match self.fault {
            Some(error) => Err(error),
            None if self.needed > self.capacity => Err(EncodeError::TooSmall { need: self.needed }),
            None => Ok(self.needed),
        }
    }

    /// Writes bytes as they are.
    #[cfg_attr(not(feature = "std"), inline(never))]
    pub fn put(&mut self, bytes: &[u8]) {
        self.needed = self.needed.saturating_add(bytes.len());
        // Once something did not fit nothing may follow it: `rest` stays empty.
        if let Some((target, rest)) = core::mem::take(&mut self.rest).split_at_mut_checked(bytes.len()) {
            target.copy_from_slice(bytes);
            self.rest = rest;
        }
    }

    /// A signed byte.
    pub fn i8(&mut self, value: i8) {
        self.put(&value.to_be_bytes());
    }

    /// A big-endian 16-bit integer.
    pub fn i16(&mut self, value: i16) {
        self.put(&value.to_be_bytes());
    }

    /// A big-endian 32-bit integer.
    pub fn i32(&mut self, value: i32) {
        self.put(&value.to_be_bytes());
    }

    /// A big-endian 64-bit integer.
    pub fn i64(&mut self, value: i64) {
        self.put(&value.to_be_bytes());
    }

    /// An unsigned integer in seven-bit groups, lowest first.
    pub fn uvarint(&mut self, mut value: u32) {
        while value >= 0x80 {
            let [low, ..] = value.to_le_bytes();
            self.put(&[low | 0x80]);
            value >>= 7;
        }
        let [low, ..] = value.to_le_bytes();
        self.put(&[low]);
    }

    /// A length or count as this version writes it; `None` is null. `short` lengths have 16 bits where they are not
    /// compact.
    #[cfg_attr(not(feature = "std"), inline(never))]
    fn length(&mut self, len: Option<usize>, short: bool) {
        let limit = if short { i16::MAX.into() } else { i32::MAX };
        let len = match len.map(i32::try_from) {
            None => -1,
            Some(Ok(len)) if len <= limit => len,
            _ => {
                self.fail(EncodeError::TooLong);
                0
            }
        };
        if self.is_flexible() {
            self.uvarint(len.wrapping_add(1).cast_unsigned());
        } else if short {
            self.i16(len as i16);
        } else {
            self.i32(len);
        }
    }

    /// A string or null.
    pub fn nullable_str(&mut self, value: Option<&str>) {
        self.length(value.map(str::len), true);
        self.put(value.unwrap_or("").as_bytes());
    }

    /// Bytes or null.
    pub fn nullable_bytes(&mut self, value: Option<&[u8]>) {
        self.length(value.map(<[u8]>::len), false);
        self.put(value.unwrap_or(&[]));
    }

    /// The number of elements of an array, or null.
    pub(crate) fn count(&mut self, count: Option<usize>) {
        self.length(count, false);
    }

    /// The length of records whose bytes are sent from somewhere else, and a note of where.
    pub(crate) fn gap(&mut self, len: usize) {
        self.length(Some(len), false);
        match (core::mem::take(&mut self.gaps).split_first_mut(), u32::try_from(self.needed)) {
            (Some((gap, gaps)), Ok(at)) => {
                *gap = at;
                self.gaps = gaps;
                self.gap_count = self.gap_count.saturating_add(1);
            }
            // A counting writer has no use for positions.
            _ if self.capacity == 0 => {}
            _ => self.fail(EncodeError::TooManyGaps),
        }
        self.elsewhere = self.elsewhere.saturating_add(len);
    }

    /// Begins the block of tagged fields that ends every structure of a flexible version.
    #[cfg_attr(not(feature = "std"), inline(never))]
    pub(crate) fn tag_count(&mut self, count: u32) {
        if self.is_flexible() {
            self.uvarint(count);
        }
    }

    /// One tagged field: its tag, its size, its value. The value is written twice, first to count it.
    pub(crate) fn tagged(&mut self, tag: u32, value: &dyn Fn(&mut Writer<'_>)) {
        if !self.is_flexible() {
            return;
        }
        // Without a buffer it only counts. No tagged field holds records, whose places would be noted twice.
        let (rest, before) = (core::mem::take(&mut self.rest), self.needed);
        value(self);
        let size = self.needed.saturating_sub(before);
        (self.rest, self.needed) = (rest, before);
        self.uvarint(tag);
        self.uvarint(u32::try_from(size).unwrap_or(u32::MAX));
        value(self);
    }
}
