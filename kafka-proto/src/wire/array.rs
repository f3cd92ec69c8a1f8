//! Arrays: one type for those to be sent and those that were received.

use super::{Fault, Reader, Wire, Writer};
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
/// A received array can be sent on, in another version too. Only builds without `alloc` spare themselves the code that
/// takes: there it must be sent in the version it came in ([`EncodeError::OtherVersion`](super::EncodeError)).
///
/// A null array is not an empty one: where null is allowed the type is `Option<Array<…>>`.
pub struct Array<'a, T> {
    repr: Repr<'a, T>,
}

enum Repr<'a, T> {
    Slice(&'a [T]),
    Other(Other<'a>),
}

/// What does not depend on the type of the elements, so that its code is there only once.
#[derive(Clone, Copy)]
enum Other<'a> {
    Source(&'a dyn Source),
    /// Bytes that hold `count` valid elements.
    Checked {
        bytes: &'a [u8],
        count: u32,
        version: i16,
        flexible: bool,
    },
}

/// How to pass over an element: all have this many bytes, or if 0, by reading it.
struct Element<'a> {
    fixed: usize,
    skip: fn(&mut Reader<'a>),
}

impl<'a> Element<'a> {
    fn of<T: Wire<'a>>() -> Element<'a> {
        // What is never called need not be there.
        Element { fixed: T::FIXED, skip: if T::FIXED > 0 { |_| () } else { skip::<T> } }
    }
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
        Array { repr: Repr::Other(Other::Source(source)) }
    }

    /// How many elements there are.
    pub fn len(&self) -> usize {
        match &self.repr {
            Repr::Slice(elements) => elements.len(),
            Repr::Other(other) => other.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements, read again from the message where it was received. An array made from a [`Source`] yields none.
    #[cfg_attr(not(feature = "std"), inline(never))]
    pub fn iter(&self) -> Iter<'a, T> {
        match &self.repr {
            Repr::Slice(slice) => Iter { slice, received: Received::of(None) },
            Repr::Other(other) => Iter { slice: &[], received: Received::of(Some(other)) },
        }
    }
}

impl<'a> Other<'a> {
    fn len(&self) -> usize {
        match self {
            Other::Source(source) => source.len(),
            Other::Checked { count, .. } => usize::try_from(*count).unwrap_or(usize::MAX),
        }
    }

    /// Reads the count of an array and passes over its elements, checking them. Takes the element's code as a pointer:
    /// one loop serves all types.
    ///
    /// What is not there has no elements and, alone, no version: an `Option` would have to be taken apart and put
    /// together again at each field.
    #[cfg_attr(feature = "std", inline)]
    fn read(r: &mut Reader<'a>, element: Element<'a>) -> Other<'a> {
        let Some(count) = r.count() else { return Other::NULL };
        let start = r.remaining();
        if element.fixed > 0 {
            r.take(count.saturating_mul(element.fixed));
        } else {
            for _ in 0..count {
                (element.skip)(r);
                if r.failed() {
                    break;
                }
            }
        }
        let len = start.len().saturating_sub(r.remaining().len());
        let (version, flexible) = (r.version(), r.is_flexible());
        match (start.get(..len), u32::try_from(count)) {
            (Some(bytes), Ok(count)) => Other::Checked { bytes, count, version, flexible },
            _ => Other::NULL,
        }
    }

    fn read_present(r: &mut Reader<'a>, element: Element<'a>) -> Other<'a> {
        let other = Other::read(r, element);
        if other.is_null() {
            r.fail(Fault::Null);
        }
        other
    }

    const NULL: Other<'a> = Other::Checked { bytes: &[], count: 0, version: -1, flexible: false };

    fn is_null(&self) -> bool {
        matches!(self, Other::Checked { version: -1, .. })
    }

    #[cfg(not(feature = "alloc"))]
    fn write(&self, w: &mut Writer<'_>) {
        match *self {
            Other::Source(source) => write_elements(w, source.len(), &|index, w| source.write(index, w)),
            Other::Checked { bytes, version, flexible, .. } => {
                if (version, flexible) != (w.version(), w.is_flexible()) {
                    w.fail(super::EncodeError::OtherVersion);
                }
                w.count(Some(self.len()));
                w.put(bytes);
            }
        }
    }
}

fn write_elements(w: &mut Writer<'_>, count: usize, write: &dyn Fn(usize, &mut Writer<'_>)) {
    w.count(Some(count));
    for index in 0..count {
        write(index, w);
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
    /// Those of an array to be sent.
    slice: &'a [T],
    received: Received<'a>,
}

/// Elements not read again yet.
struct Received<'a> {
    left: u32,
    reader: Reader<'a>,
}

impl<'a> Received<'a> {
    #[cfg_attr(not(feature = "std"), inline(never))]
    fn of(array: Option<&Other<'a>>) -> Received<'a> {
        let (left, bytes, version, flexible) = match array {
            Some(&Other::Checked { bytes, count, version, flexible }) => (count, bytes, version, flexible),
            _ => (0, [].as_slice(), 0, false),
        };
        Received { left, reader: Reader::new(bytes, version, flexible) }
    }
}

impl<'a, T: Wire<'a>> Iterator for Iter<'a, T> {
    type Item = T;

    #[cfg_attr(not(feature = "std"), inline(never))]
    fn next(&mut self) -> Option<T> {
        if let Some(left) = self.received.left.checked_sub(1) {
            self.received.left = left;
            return Some(T::read(&mut self.received.reader));
        }
        let (first, rest) = self.slice.split_first()?;
        self.slice = rest;
        Some(*first)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = usize::try_from(self.received.left).unwrap_or(usize::MAX).max(self.slice.len());
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

fn skip<'a, T: Wire<'a>>(r: &mut Reader<'a>) {
    T::read(r);
}

impl<'a, T: Wire<'a>> Wire<'a> for Array<'a, T> {
    const ZERO: Self = Array::EMPTY;
    #[cfg(feature = "schema")]
    const KIND: crate::schema::Kind = crate::schema::Kind::Array(&T::KIND);

    fn read(r: &mut Reader<'a>) -> Self {
        Array { repr: Repr::Other(Other::read_present(r, Element::of::<T>())) }
    }

    fn write(&self, w: &mut Writer<'_>) {
        match &self.repr {
            Repr::Slice(elements) => write_elements(w, elements.len(), &|index, w| {
                if let Some(element) = elements.get(index) {
                    element.write(w);
                }
            }),
            #[cfg(not(feature = "alloc"))]
            Repr::Other(other) => other.write(w),
            #[cfg(feature = "alloc")]
            Repr::Other(Other::Source(source)) => {
                write_elements(w, source.len(), &|index, w| source.write(index, w));
            }
            #[cfg(feature = "alloc")]
            Repr::Other(Other::Checked { .. }) => {
                w.count(Some(self.len()));
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
        let other = Other::read(r, Element::of::<T>());
        if other.is_null() { None } else { Some(Array { repr: Repr::Other(other) }) }
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
            Repr::Other(Other::Source(source)) => write!(f, "[{} elements of a source]", source.len()),
            _ => f.debug_list().entries(self.iter()).finish(),
        }
    }
}
