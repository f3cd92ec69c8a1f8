//! One record, and walking over the records of a batch.

use core::iter::FusedIterator;

use super::header::{BatchHeader, TimestampType};
use super::varint::Get;
use super::{RecordError, RecordFault};

/// A header of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// Its name; may repeat within a record.
    pub key: &'a str,
    /// Its value, or null.
    pub value: Option<&'a [u8]>,
}

/// A header as it is on the wire, where other clients may have written any bytes as its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawHeader<'a> {
    /// Its name, UTF-8 by convention only.
    pub key: &'a [u8],
    /// Its value, or null.
    pub value: Option<&'a [u8]>,
}

/// A record that was read; it borrows from the bytes of its batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Its offset in the partition.
    pub offset: i64,
    /// Milliseconds since 1970; −1 where nobody knew.
    pub timestamp: i64,
    /// The key, or null.
    pub key: Option<&'a [u8]>,
    /// The value, or null.
    pub value: Option<&'a [u8]>,
    /// The headers, read when they are asked for.
    pub headers: Headers<'a>,
}

/// The headers of a record: an iterator over [`Header`]. They were checked with the record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Headers<'a> {
    /// The bytes after the count: exactly `left` headers.
    rest: &'a [u8],
    left: u32,
}

impl<'a> Headers<'a> {
    /// How many are left.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.left as usize
    }

    /// Whether none is left.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.left == 0
    }

    /// The next header as it is on the wire.
    pub fn next_raw(&mut self) -> Option<RawHeader<'a>> {
        self.left = self.left.checked_sub(1)?;
        let mut get = Get::new(self.rest);
        let header = raw_header(&mut get).ok()?;
        self.rest = get.rest();
        Some(header)
    }
}

impl<'a> Iterator for Headers<'a> {
    type Item = Header<'a>;

    /// A name that is not UTF-8 reads as U+FFFD; [`Headers::next_raw`] has its bytes.
    fn next(&mut self) -> Option<Header<'a>> {
        let RawHeader { key, value } = self.next_raw()?;
        Some(Header { key: core::str::from_utf8(key).unwrap_or("\u{fffd}"), value })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len(), Some(self.len()))
    }
}

impl ExactSizeIterator for Headers<'_> {}
impl FusedIterator for Headers<'_> {}

#[inline]
fn raw_header<'a>(get: &mut Get<'a>) -> Result<RawHeader<'a>, RecordFault> {
    let key = get.nullable()?.ok_or(RecordFault::BadLength)?;
    Ok(RawHeader { key, value: get.nullable()? })
}

/// What turns a record's deltas into its offset and timestamp.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Base {
    offset: i64,
    timestamp: i64,
    /// The broker's timestamp, in place of the records' own.
    append_time: Option<i64>,
    last_offset_delta: i32,
}

impl Base {
    pub(crate) fn of(header: &BatchHeader) -> Self {
        let append_time = match header.attributes.timestamp_type() {
            TimestampType::CreateTime => None,
            TimestampType::LogAppendTime => Some(header.max_timestamp),
        };
        Self {
            offset: header.base_offset,
            timestamp: header.base_timestamp,
            append_time,
            last_offset_delta: header.last_offset_delta,
        }
    }

    /// Reads one record, its length first. `after` is the offset delta of the one before, −1 at first; it becomes this
    /// one's.
    #[cfg_attr(feature = "std", inline(always))]
    pub(crate) fn read<'a>(&self, get: &mut Get<'a>, after: &mut i32) -> Result<Record<'a>, RecordFault> {
        let len = usize::try_from(get.varint()?).map_err(|_| RecordFault::BadLength)?;
        // That the fields end exactly there is checked once, at the end: nothing was handed out before.
        let end = get.at.saturating_add(len);
        let _attributes = get.byte()?;
        let timestamp_delta = get.varlong()?;
        let offset_delta = get.varint()?;
        if offset_delta <= *after || offset_delta > self.last_offset_delta {
            return Err(RecordFault::OffsetDelta);
        }
        let key = get.nullable()?;
        let value = get.nullable()?;
        let left = u32::try_from(get.varint()?).map_err(|_| RecordFault::HeaderCount)?;
        let mut headers = Headers::default();
        if left != 0 {
            let rest = get.bytes.get(get.at..end).ok_or(RecordFault::Truncated)?;
            headers = checked_headers(rest, left)?;
            get.at = end;
        }
        if get.at != end {
            return Err(RecordFault::RecordLength);
        }
        *after = offset_delta;
        Ok(Record {
            // The header's check says that base + last delta fits.
            offset: self.offset.wrapping_add(i64::from(offset_delta)),
            timestamp: self.append_time.unwrap_or_else(|| self.timestamp.wrapping_add(timestamp_delta)),
            key,
            value,
            headers,
        })
    }
}

/// The headers in `bytes`, which they have to fill.
#[inline(never)]
fn checked_headers(bytes: &[u8], count: u32) -> Result<Headers<'_>, RecordFault> {
    // The smallest header is an empty name and a null value.
    if count as usize > bytes.len() / 2 {
        return Err(RecordFault::HeaderCount);
    }
    let mut get = Get::new(bytes);
    for _ in 0..count {
        raw_header(&mut get)?;
    }
    if get.at != bytes.len() {
        return Err(RecordFault::RecordLength);
    }
    Ok(Headers { rest: bytes, left: count })
}

/// The records of one batch, in order. After an error it has ended.
#[derive(Clone, Copy, Debug)]
pub struct RecordIter<'a> {
    /// All records; the cursor stands before the next.
    get: Get<'a>,
    base: Base,
    /// Records still to come by the header's count; each takes bytes, so a count that lies ends in an error.
    left: u32,
    /// Offset delta of the one before.
    after: i32,
    /// Where the records begin in the caller's input; for errors.
    at: usize,
}

impl<'a> RecordIter<'a> {
    /// `at` is where `records` begins in what the caller was given.
    pub(crate) fn new(header: &BatchHeader, records: &'a [u8], at: usize) -> Self {
        let left = u32::try_from(header.count).unwrap_or(0);
        Self { get: Get::new(records), base: Base::of(header), left, after: -1, at }
    }

    #[cfg_attr(feature = "std", inline(always))]
    fn fail(&mut self, fault: RecordFault) -> RecordError {
        let at = self.at.saturating_add(self.get.at);
        self.left = 0;
        self.get = Get::new(&[]);
        RecordError::new(fault, at)
    }
}

impl<'a> Iterator for RecordIter<'a> {
    type Item = Result<Record<'a>, RecordError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            let ended = self.get.at == self.get.bytes.len();
            return if ended { None } else { Some(Err(self.fail(RecordFault::TrailingBytes))) };
        }
        let mut get = self.get;
        match self.base.read(&mut get, &mut self.after) {
            Ok(record) => {
                self.left = self.left.wrapping_sub(1); // not 0, see above
                self.get.at = get.at;
                Some(Ok(record))
            }
            Err(fault) => Some(Err(self.fail(fault))),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some((self.left as usize).saturating_add(1)))
    }
}

impl FusedIterator for RecordIter<'_> {}
