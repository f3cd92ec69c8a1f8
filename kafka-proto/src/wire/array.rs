//! Arrays: one type for those to be sent and those that were received.

use super::{Reader, Wire, Writer};
use core::fmt;

/// Elements made one at a time while the message is written, so that a request needs no memory for its arrays.
pub trait Source {
    /// How many elements there are.
    fn len(&self) -> usize;

    /// Writes element `index`: builds the element's structure and calls [`Wire::write`] on it.
    fn write(&self, index: usize, w: &mut Writer<'_>);

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// An array of a message.
///
/// To be sent it is a slice or a [`Source`]; received it is a stretch of the message. Decoding a message walks each
/// array once, with every check; afterwards [`iter`](Array::iter) reads the elements again and cannot fail.
///
/// A null array is not an empty one: where null is allowed the type is `Option<Array<…>>`.
pub struct Array<'a, T> {
    repr: Repr<'a, T>,
}

enum Repr<'a, T> {
    Slice(&'a [T]),
    /// Bytes that hold `count` valid elements.
    Checked {
        bytes: &'a [u8],
        count: u32,
        version: i16,
        flexible: bool,
    },
    Source(&'a dyn Source),
}

impl<'a, T> Array<'a, T> {
    /// No elements.
    pub const EMPTY: Array<'a, T> = Array { repr: Repr::Slice(&[]) };

    /// An array to be sent.
    pub const fn slice(elements: &'a [T]) -> Array<'a, T> {
        Array { repr: Repr::Slice(elements) }
    }

    /// An array to be sent whose elements are made while it is written. It cannot be iterated.
    pub const fn source(source: &'a dyn Source) -> Array<'a, T> {
        Array { repr: Repr::Source(source) }
    }

    /// How many elements there are.
    pub fn len(&self) -> usize {
        match &self.repr {
            Repr::Slice(elements) => elements.len(),
            Repr::Checked { count, .. } => usize::try_from(*count).unwrap_or(usize::MAX),
            Repr::Source(source) => source.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements, read again from the message where it was received. An array made from a [`Source`] yields none.
    pub fn iter(&self) -> Iter<'a, T> {
        Iter {
            state: match &self.repr {
                Repr::Slice(elements) => State::Slice(elements.iter()),
                Repr::Checked { bytes, count, version, flexible } => {
                    State::Checked { reader: Reader::new(bytes, *version, *flexible), left: *count }
                }
                Repr::Source(_) => State::Slice([].iter()),
            },
        }
    }
}

impl<'a, T: Wire<'a>> Array<'a, T> {
    /// The first element.
    pub fn first(&self) -> Option<T> {
        self.iter().next()
    }
}

/// The elements of an [`Array`].
pub struct Iter<'a, T> {
    state: State<'a, T>,
}

enum State<'a, T> {
    Slice(core::slice::Iter<'a, T>),
    Checked { reader: Reader<'a>, left: u32 },
}

impl<'a, T: Wire<'a>> Iterator for Iter<'a, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        match &mut self.state {
            State::Slice(elements) => elements.next().copied(),
            State::Checked { reader, left } => {
                *left = left.checked_sub(1)?;
                Some(T::read(reader))
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = match &self.state {
            State::Slice(elements) => elements.len(),
            State::Checked { left, .. } => usize::try_from(*left).unwrap_or(usize::MAX),
        };
        (left, Some(left))
    }
}

impl<'a, T: Wire<'a>> ExactSizeIterator for Iter<'a, T> {}

impl<'a, T: Wire<'a>> IntoIterator for Array<'a, T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

impl<'a, T: Wire<'a>> IntoIterator for &Array<'a, T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

/// Passes over `count` elements. Takes the element's code as a pointer: one loop serves all types.
fn walk<'a>(r: &mut Reader<'a>, count: usize, skip: fn(&mut Reader<'a>)) {
    for _ in 0..count {
        skip(r);
        if r.failed() {
            return;
        }
    }
}

fn skip<'a, T: Wire<'a>>(r: &mut Reader<'a>) {
    T::read(r);
}

impl<'a, T: Wire<'a>> Wire<'a> for Array<'a, T> {
    const ZERO: Self = Array::EMPTY;
    #[cfg(feature = "schema")]
    const KIND: crate::schema::Kind = crate::schema::Kind::Array(&T::KIND);

    fn read(r: &mut Reader<'a>) -> Self {
        let array = Self::read_nullable(r);
        r.present(array)
    }

    fn write(&self, w: &mut Writer<'_>) {
        w.count(Some(self.len()));
        match &self.repr {
            Repr::Source(source) => {
                for index in 0..source.len() {
                    source.write(index, w);
                }
            }
            _ => {
                for element in self {
                    element.write(w);
                }
            }
        }
    }

    fn is_zero(&self) -> bool {
        self.is_empty()
    }

    fn read_nullable(r: &mut Reader<'a>) -> Option<Self> {
        let count = r.count()?;
        let start = r.remaining();
        if T::FIXED > 0 {
            r.take(count.saturating_mul(T::FIXED));
        } else {
            walk(r, count, skip::<T>);
        }
        if r.failed() {
            return None;
        }
        let bytes = start.get(..start.len().checked_sub(r.remaining().len())?)?;
        let (version, flexible) = (r.version(), r.is_flexible());
        // A count never exceeds i32::MAX, the largest length field.
        Some(Array { repr: Repr::Checked { bytes, count: u32::try_from(count).ok()?, version, flexible } })
    }

    fn write_nullable(value: Option<&Self>, w: &mut Writer<'_>) {
        match value {
            Some(array) => array.write(w),
            None => w.count(None),
        }
    }
}

impl<T> Clone for Array<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Array<'_, T> {}

impl<T> Clone for Repr<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Repr<'_, T> {}

impl<T> Default for Array<'_, T> {
    fn default() -> Self {
        Array::EMPTY
    }
}

impl<'a, T> From<&'a [T]> for Array<'a, T> {
    fn from(elements: &'a [T]) -> Self {
        Array::slice(elements)
    }
}

impl<'a, T, const N: usize> From<&'a [T; N]> for Array<'a, T> {
    fn from(elements: &'a [T; N]) -> Self {
        Array::slice(elements)
    }
}

/// Arrays are equal when their elements are, wherever they live. One made from a [`Source`] equals only an array of
/// the same length that has no elements to compare.
impl<'a, T: Wire<'a>> PartialEq for Array<'a, T> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().len() == other.iter().len() && self.iter().eq(other.iter())
    }
}

impl<'a, T: Wire<'a> + fmt::Debug> fmt::Debug for Array<'a, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.repr {
            Repr::Source(source) => write!(f, "[{} elements of a source]", source.len()),
            _ => f.debug_list().entries(self.iter()).finish(),
        }
    }
}
