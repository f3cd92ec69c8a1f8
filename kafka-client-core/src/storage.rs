//! The two kinds of memory: lent by the caller, or owned where there is an allocator.
//!
//! Every table, pool and buffer of the core is one of the types here, and this is the only file that knows which
//! kind it is. On a microcontroller all of it is lent from a `static`; on a server it is owned and grows to what
//! the configuration allows. Capacity is a property of the memory that was lent, never a const generic, so the
//! code of the core exists once.

use core::ops::{Deref, DerefMut, Index, IndexMut};

use heapless::VecView;

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(feature = "alloc")]
use alloc::{boxed::Box, vec::Vec};

/// The index that stands for "none" in links between table entries.
pub(crate) const NIL: u32 = u32::MAX;

/// A list whose memory is lent or owned.
///
/// Lent memory is a view of a `heapless::Vec`, which as part of a `static` is all zeros until it is used: it takes no
/// room in flash.
pub enum Storage<'m, T> {
    /// Room for as many entries as the vector behind the view has; none at all for `None`.
    Lent(Option<&'m mut VecView<T>>),
    /// Grows on the heap.
    #[cfg(feature = "alloc")]
    Owned(Vec<T>),
}

impl<'m, T> Storage<'m, T> {
    /// An empty list in lent memory.
    pub fn lent(entries: &'m mut VecView<T>) -> Self {
        entries.clear();
        Storage::Lent(Some(entries))
    }

    /// An empty list on the heap.
    #[cfg(feature = "alloc")]
    pub const fn owned() -> Self {
        Storage::Owned(Vec::new())
    }

    /// The entries in use.
    #[cfg_attr(not(feature = "alloc"), inline(never))]
    pub fn as_slice(&self) -> &[T] {
        match self {
            Storage::Lent(Some(entries)) => entries,
            Storage::Lent(None) => &[],
            #[cfg(feature = "alloc")]
            Storage::Owned(v) => v,
        }
    }

    /// The entries in use, to change.
    #[cfg_attr(not(feature = "alloc"), inline(never))]
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        match self {
            Storage::Lent(Some(entries)) => entries,
            Storage::Lent(None) => &mut [],
            #[cfg(feature = "alloc")]
            Storage::Owned(v) => v,
        }
    }

    /// How many entries are in use.
    pub fn len(&self) -> usize {
        self.as_slice().len()
    }

    /// Whether no entry is in use.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many more entries fit; `usize::MAX` where the heap decides.
    pub fn room(&self) -> usize {
        match self {
            Storage::Lent(Some(entries)) => entries.capacity().saturating_sub(entries.len()),
            Storage::Lent(None) => 0,
            #[cfg(feature = "alloc")]
            Storage::Owned(_) => usize::MAX,
        }
    }

    /// Appends an entry, or hands it back when the lent memory is full.
    #[cfg_attr(not(feature = "alloc"), inline(never))]
    pub fn push(&mut self, entry: T) -> Result<(), T> {
        match self {
            Storage::Lent(Some(entries)) => entries.push(entry),
            Storage::Lent(None) => Err(entry),
            #[cfg(feature = "alloc")]
            Storage::Owned(v) => {
                v.push(entry);
                Ok(())
            }
        }
    }

    /// Removes the last entry.
    #[cfg_attr(not(feature = "alloc"), inline(never))]
    pub fn pop(&mut self) -> Option<T> {
        match self {
            Storage::Lent(entries) => entries.as_mut()?.pop(),
            #[cfg(feature = "alloc")]
            Storage::Owned(v) => v.pop(),
        }
    }

    /// The entry at `index`.
    pub fn get(&self, index: usize) -> Option<&T> {
        self.as_slice().get(index)
    }

    /// The entry at `index`, to change.
    pub fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        self.as_mut_slice().get_mut(index)
    }

    /// Exchanges two entries; nothing happens when one does not exist.
    pub fn swap(&mut self, a: usize, b: usize) {
        if let Ok([a, b]) = self.as_mut_slice().get_disjoint_mut([a, b]) {
            core::mem::swap(a, b);
        }
    }

    /// Walks the entries in order.
    pub fn iter(&self) -> core::slice::Iter<'_, T> {
        self.as_slice().iter()
    }

    /// Walks the entries in order, to change them.
    pub fn iter_mut(&mut self) -> core::slice::IterMut<'_, T> {
        self.as_mut_slice().iter_mut()
    }
}

impl<T> Default for Storage<'_, T> {
    /// An empty list: on the heap where there is one, else without any room.
    fn default() -> Self {
        #[cfg(feature = "alloc")]
        return Storage::owned();
        #[cfg(not(feature = "alloc"))]
        return Storage::Lent(None);
    }
}

impl<T> core::fmt::Debug for Storage<'_, T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Storage").field("len", &self.len()).finish_non_exhaustive()
    }
}

/// A [`Storage`] addressed by indices that the core made itself.
///
/// Such an index is always valid, but the compiler cannot know it, and a bounds check is a panic path in the
/// linked program. So an index without an entry (in particular [`NIL`]) reaches a spare entry, `void`, that is
/// never read for its value: no branch at each use, no panic.
pub(crate) struct Table<'m, T> {
    entries: Storage<'m, T>,
    void: T,
}

impl<'m, T: Default> Table<'m, T> {
    pub(crate) fn new(entries: Storage<'m, T>) -> Self {
        Table { entries, void: T::default() }
    }

    pub(crate) fn len(&self) -> u32 {
        u32::try_from(self.entries.len()).unwrap_or(NIL)
    }

    pub(crate) fn room(&self) -> usize {
        self.entries.room()
    }

    /// Appends an entry and returns its index, or the entry when there is no room.
    pub(crate) fn push(&mut self, entry: T) -> Result<u32, T> {
        let index = self.len();
        self.entries.push(entry).map(|()| index)
    }

    pub(crate) fn indices(&self) -> core::ops::Range<u32> {
        0..self.len()
    }

    pub(crate) fn iter(&self) -> core::slice::Iter<'_, T> {
        self.entries.iter()
    }

    /// The first index whose entry satisfies `wanted`, or [`NIL`].
    pub(crate) fn position(&self, wanted: impl Fn(&T) -> bool) -> u32 {
        self.entries.iter().position(wanted).and_then(|i| u32::try_from(i).ok()).unwrap_or(NIL)
    }
}

impl<T> Index<u32> for Table<'_, T> {
    type Output = T;
    #[cfg_attr(not(feature = "alloc"), inline(never))]
    fn index(&self, index: u32) -> &T {
        self.entries.get(index as usize).unwrap_or(&self.void)
    }
}

impl<T> IndexMut<u32> for Table<'_, T> {
    #[cfg_attr(not(feature = "alloc"), inline(never))]
    fn index_mut(&mut self, index: u32) -> &mut T {
        self.entries.get_mut(index as usize).unwrap_or(&mut self.void)
    }
}

/// A buffer that moves: lent, or owned.
pub enum Mem<'m> {
    /// Lent by the caller for the life of the client.
    Lent(&'m mut [u8]),
    /// On the heap.
    #[cfg(feature = "alloc")]
    Owned(Box<[u8]>),
}

impl<'m> Mem<'m> {
    /// A buffer of `len` zero bytes on the heap.
    #[cfg(feature = "alloc")]
    pub fn owned(len: usize) -> Mem<'static> {
        Mem::Owned(alloc::vec![0; len].into_boxed_slice())
    }

    /// Whether this buffer came from the heap, and so may be replaced by a larger one.
    pub fn is_owned(&self) -> bool {
        match self {
            Mem::Lent(_) => false,
            #[cfg(feature = "alloc")]
            Mem::Owned(_) => true,
        }
    }

    /// Makes the buffer at least `len` bytes long, keeping the first `keep`; false when it cannot grow.
    pub(crate) fn grow(&mut self, len: usize, keep: usize) -> bool {
        if self.len() >= len {
            return true;
        }
        match self {
            Mem::Lent(_) => {
                let _ = keep;
                false
            }
            #[cfg(feature = "alloc")]
            Mem::Owned(old) => {
                let mut new = Vec::with_capacity(len);
                new.extend_from_slice(old.get(..keep).unwrap_or(old));
                new.resize(len, 0);
                *old = new.into_boxed_slice();
                true
            }
        }
    }
}

impl Default for Mem<'_> {
    fn default() -> Self {
        Mem::Lent(&mut [])
    }
}

impl Deref for Mem<'_> {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        match self {
            Mem::Lent(m) => m,
            #[cfg(feature = "alloc")]
            Mem::Owned(m) => m,
        }
    }
}

impl DerefMut for Mem<'_> {
    fn deref_mut(&mut self) -> &mut [u8] {
        match self {
            Mem::Lent(m) => m,
            #[cfg(feature = "alloc")]
            Mem::Owned(m) => m,
        }
    }
}

impl core::fmt::Debug for Mem<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Mem").field("len", &self.len()).finish_non_exhaustive()
    }
}

/// A name that lives as long as the client: lent, or owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Text<'m> {
    /// Lent for the life of the client.
    Lent(&'m str),
    /// On the heap.
    #[cfg(feature = "alloc")]
    Owned(Box<str>),
}

impl Default for Text<'_> {
    fn default() -> Self {
        Text::Lent("")
    }
}

impl Deref for Text<'_> {
    type Target = str;
    fn deref(&self) -> &str {
        match self {
            Text::Lent(t) => t,
            #[cfg(feature = "alloc")]
            Text::Owned(t) => t,
        }
    }
}

/// What a response says in words: kept where there is a heap, dropped where there is none.
#[derive(Debug, Default)]
pub(crate) struct Remark {
    #[cfg(feature = "alloc")]
    text: Option<Box<str>>,
}

impl Remark {
    /// A copy; `None` where there is nowhere to keep it.
    pub(crate) fn copied(text: &str) -> Option<Self> {
        #[cfg(feature = "alloc")]
        return Some(Remark { text: Some(text.into()) });
        #[cfg(not(feature = "alloc"))]
        {
            let _ = text;
            None
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        #[cfg(feature = "alloc")]
        return self.text.as_deref();
        #[cfg(not(feature = "alloc"))]
        None
    }
}

#[cfg(feature = "alloc")]
impl From<alloc::string::String> for Text<'_> {
    fn from(text: alloc::string::String) -> Self {
        Text::Owned(text.into_boxed_str())
    }
}

impl<'m> From<&'m str> for Text<'m> {
    fn from(text: &'m str) -> Self {
        Text::Lent(text)
    }
}
