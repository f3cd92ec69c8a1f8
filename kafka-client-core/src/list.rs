//! First-in, first-out lists through the entries of a table: an entry waits in a list at no cost in memory.

use crate::storage::{NIL, Table};

/// The ends of a list; empty when `head` is [`NIL`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct List {
    pub(crate) head: u32,
    pub(crate) tail: u32,
}

impl Default for List {
    fn default() -> Self {
        List { head: NIL, tail: NIL }
    }
}

impl List {
    pub(crate) fn is_empty(&self) -> bool {
        self.head == NIL
    }
}

/// An entry's place in one list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    next: u32,
    listed: bool,
}

impl Link {
    pub(crate) const FREE: Link = Link { next: NIL, listed: false };

    /// Whether the entry is in such a list.
    pub(crate) fn is_listed(&self) -> bool {
        self.listed
    }

    /// The entry after this one.
    pub(crate) fn next(&self) -> u32 {
        self.next
    }
}

/// An entry that can wait in lists: in one of each kind at a time.
pub(crate) trait Linked {
    /// The kinds of list.
    type Wait: Copy;

    fn link(&mut self, wait: Self::Wait) -> &mut Link;
}

#[cfg(test)]
std::thread_local! {
    /// How often an entry was entered into a list.
    pub(crate) static ENLISTED: core::cell::Cell<u32> = const { core::cell::Cell::new(0) };
}

/// Enters an entry at the end of a list, unless it is in one of this kind already.
pub(crate) fn enlist<T: Linked>(entries: &mut Table<'_, T>, list: &mut List, wait: T::Wait, index: u32) {
    let link = entries[index].link(wait);
    if index == NIL || link.listed {
        return;
    }
    *link = Link { next: NIL, listed: true };
    #[cfg(test)]
    ENLISTED.set(ENLISTED.get() + 1);
    match list.tail {
        NIL => list.head = index,
        tail => entries[tail].link(wait).next = index,
    }
    list.tail = index;
}

/// Takes the first entry off a list.
pub(crate) fn delist<T: Linked>(entries: &mut Table<'_, T>, list: &mut List, wait: T::Wait) -> Option<u32> {
    let index = list.head;
    if index == NIL {
        return None;
    }
    let link = entries[index].link(wait);
    list.head = link.next;
    *link = Link::FREE;
    if list.head == NIL {
        list.tail = NIL;
    }
    Some(index)
}
