//! nom without what it costs: an input that is cut with `get`, an error of two bytes, a few parsers of integers.
//!
//! nom on plain slices links bounds panics and large errors. With this input and `complete` parsers the same grammar
//! links none and is about as small as a parser written by hand. Avoid `nom::number`, `context`, `take_while_m_n`,
//! `many0_count`, `recognize`, `Finish` and `iterator`: each brings back what was saved.

use core::iter::{Copied, Enumerate};
use core::slice::Iter;

use nom::error::{ErrorKind, ParseError};
use nom::{Compare, CompareResult, Err, IResult, Input, Needed};

/// Bytes to be parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct In<'a>(pub &'a [u8]);

/// That it did not parse; which parser gave up is no help to anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoMatch;

/// What a lean parser gives.
pub type Parsed<'a, T> = IResult<In<'a>, T, NoMatch>;

impl<'a> ParseError<In<'a>> for NoMatch {
    fn from_error_kind(_: In<'a>, _: ErrorKind) -> Self {
        Self
    }

    fn append(_: In<'a>, _: ErrorKind, other: Self) -> Self {
        other
    }
}

impl<'a> Input for In<'a> {
    type Item = u8;
    type Iter = Copied<Iter<'a, u8>>;
    type IterIndices = Enumerate<Self::Iter>;

    fn input_len(&self) -> usize {
        self.0.len()
    }

    fn take(&self, index: usize) -> Self {
        Self(self.0.get(..index).unwrap_or(self.0))
    }

    fn take_from(&self, index: usize) -> Self {
        Self(self.0.get(index..).unwrap_or_default())
    }

    fn take_split(&self, index: usize) -> (Self, Self) {
        (self.take_from(index), self.take(index))
    }

    fn position<P: Fn(u8) -> bool>(&self, predicate: P) -> Option<usize> {
        self.0.iter().position(|byte| predicate(*byte))
    }

    fn iter_elements(&self) -> Self::Iter {
        self.0.iter().copied()
    }

    fn iter_indices(&self) -> Self::IterIndices {
        self.iter_elements().enumerate()
    }

    fn slice_index(&self, count: usize) -> Result<usize, Needed> {
        if count <= self.0.len() { Ok(count) } else { Err(Needed::Unknown) }
    }
}

impl Compare<&[u8]> for In<'_> {
    fn compare(&self, other: &[u8]) -> CompareResult {
        if self.0.starts_with(other) {
            CompareResult::Ok
        } else if other.starts_with(self.0) {
            CompareResult::Incomplete
        } else {
            CompareResult::Error
        }
    }

    fn compare_no_case(&self, other: &[u8]) -> CompareResult {
        match self.0.get(..other.len()) {
            Some(head) if head.eq_ignore_ascii_case(other) => CompareResult::Ok,
            Some(_) => CompareResult::Error,
            None => CompareResult::Incomplete,
        }
    }
}

/// The next `N` bytes.
///
/// # Errors
/// [`NoMatch`] where there are fewer.
pub fn array<const N: usize>(input: In<'_>) -> Parsed<'_, [u8; N]> {
    match input.0.split_first_chunk::<N>() {
        Some((head, rest)) => Ok((In(rest), *head)),
        None => Err(Err::Error(NoMatch)),
    }
}

/// One byte.
///
/// # Errors
/// [`NoMatch`] at the end.
pub fn byte(input: In<'_>) -> Parsed<'_, u8> {
    let (rest, [byte]) = array(input)?;
    Ok((rest, byte))
}

/// A 32-bit integer, least significant byte first.
///
/// # Errors
/// [`NoMatch`] where there are fewer than four bytes.
pub fn le_u32(input: In<'_>) -> Parsed<'_, u32> {
    let (rest, bytes) = array(input)?;
    Ok((rest, u32::from_le_bytes(bytes)))
}

/// A 32-bit integer, most significant byte first.
///
/// # Errors
/// [`NoMatch`] where there are fewer than four bytes.
pub fn be_u32(input: In<'_>) -> Parsed<'_, u32> {
    let (rest, bytes) = array(input)?;
    Ok((rest, u32::from_be_bytes(bytes)))
}
