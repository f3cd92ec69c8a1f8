//! The batch pool: what stands in for `buffer.memory`.
//!
//! Slots of `batch.size` are lent, or allocated as they are first needed up to `buffer.memory`, and used again for
//! ever. When none is free the answer is "full", never growth. The pool also keeps the batches in use in order of
//! age: linger and delivery timeouts are the same for all, so the oldest is always the next to be due.

use super::batch::{Batch, BatchId, Place};
#[cfg(feature = "alloc")]
use crate::storage::Mem;
use crate::storage::{NIL, Storage, Table};
use crate::time::Instant;

pub(crate) struct Pool<'m> {
    pub(crate) batches: Table<'m, Batch<'m>>,
    /// Free slots with memory of `slot_size`.
    free: u32,
    /// Free entries without memory: their buffer was of one record's size.
    bare: u32,
    oldest: u32,
    newest: u32,
    /// The oldest batch that may still be open: those before it are closed.
    lingering: u32,
    /// Where batches can be allocated: bytes still to be had.
    budget: u64,
    slot_size: usize,
    serial: u64,
    /// Slots in use.
    pub(crate) in_use: u32,
}

impl<'m> Pool<'m> {
    /// The size of a slot. At least one can be had where `buffer.memory` is less than what compression would like.
    pub(crate) fn slot_size_of(batches: &Storage<'m, Batch<'m>>, wanted: usize, budget: u64) -> usize {
        let most = usize::try_from(budget).unwrap_or(usize::MAX);
        if batches.room() == usize::MAX { wanted.min(most) } else { wanted }
    }

    /// A pool over lent batches, each with its memory, or over an empty owned table that may allocate `budget` bytes.
    pub(crate) fn new(batches: Storage<'m, Batch<'m>>, slot_size: usize, budget: u64) -> Self {
        let mut pool = Pool {
            batches: Table::new(batches),
            free: NIL,
            bare: NIL,
            oldest: NIL,
            newest: NIL,
            lingering: NIL,
            budget,
            slot_size,
            serial: 0,
            in_use: 0,
        };
        for slot in pool.batches.indices() {
            pool.batches[slot].next = pool.free;
            pool.free = slot;
        }
        pool
    }

    /// The most bytes a batch of more than one record may have.
    pub(crate) fn slot_size(&self) -> usize {
        self.slot_size
    }

    /// Whether a record larger than a slot can have memory of its own.
    pub(crate) fn can_allocate(&self) -> bool {
        self.batches.room() == usize::MAX
    }

    /// A slot for a batch of at least `size` bytes, entered as the youngest, or [`NIL`] when the pool is full.
    pub(crate) fn acquire(&mut self, now: Instant, size: usize) -> u32 {
        let slot = if size <= self.slot_size && self.free != NIL {
            let slot = self.free;
            self.free = self.batches[slot].next;
            slot
        } else {
            self.allocate(size.max(self.slot_size))
        };
        if slot == NIL {
            return NIL;
        }
        let newest = self.newest;
        self.serial += 1;
        let serial = self.serial;
        let batch = &mut self.batches[slot];
        let (mem, generation, charged) = (batch.mem.take(), batch.generation, batch.charged);
        *batch = Batch {
            mem,
            generation,
            charged,
            place: Place::Open,
            created: now,
            older: newest,
            serial,
            whole: slot,
            ..Batch::default()
        };
        match newest {
            NIL => self.oldest = slot,
            _ => self.batches[newest].newer = slot,
        }
        self.newest = slot;
        if self.lingering == NIL {
            self.lingering = slot;
        }
        self.in_use += 1;
        slot
    }

    #[cfg(feature = "alloc")]
    fn allocate(&mut self, size: usize) -> u32 {
        if !self.can_allocate() {
            return NIL;
        }
        // Where there are free slots, they are too small: a larger one is made of their memory.
        while self.budget < size as u64 && self.free != NIL {
            let slot = self.free;
            self.free = self.batches[slot].next;
            self.strip(slot);
        }
        if self.budget < size as u64 {
            return NIL;
        }
        let slot = match self.bare {
            NIL => self.batches.push(Batch::default()).unwrap_or(NIL),
            slot => {
                self.bare = self.batches[slot].next;
                slot
            }
        };
        self.budget -= size as u64;
        self.batches[slot].mem = Some(Mem::owned(size));
        self.batches[slot].charged = size as u64;
        slot
    }

    #[cfg(not(feature = "alloc"))]
    fn allocate(&mut self, _size: usize) -> u32 {
        NIL
    }

    /// A slot for a part of `whole`: as old as that, and waited for by the same flush.
    pub(crate) fn acquire_part(&mut self, now: Instant, size: usize, slot: u32) -> u32 {
        let part = self.acquire(now, size);
        if part == NIL {
            return NIL;
        }
        self.retire(part);
        let batch = &self.batches[slot];
        let (created, serial, newer) = (batch.created, batch.serial, batch.newer);
        self.batches[slot].newer = part;
        match newer {
            NIL => self.newest = part,
            _ => self.batches[newer].older = part,
        }
        let entry = &mut self.batches[part];
        (entry.created, entry.serial, entry.older, entry.newer) = (created, serial, slot, newer);
        part
    }

    /// Takes a batch out of the order of age: it is resolved.
    pub(crate) fn retire(&mut self, slot: u32) {
        let (older, newer) = (self.batches[slot].older, self.batches[slot].newer);
        match older {
            NIL => self.oldest = newer,
            _ => self.batches[older].newer = newer,
        }
        match newer {
            NIL => self.newest = older,
            _ => self.batches[newer].older = older,
        }
        if self.lingering == slot {
            self.lingering = newer;
        }
    }

    /// The slot is free: resolved, delivered, and no request carries it.
    pub(crate) fn free(&mut self, slot: u32) {
        let slot_size = self.slot_size;
        let free = self.free;
        let batch = &mut self.batches[slot];
        batch.place = Place::Free;
        batch.generation = batch.generation.wrapping_add(1);
        self.in_use = self.in_use.saturating_sub(1);
        // Compression changes a batch's memory for the scratch buffer, which may be of another size.
        let oversized = batch.mem.as_ref().is_none_or(|m| m.len() != slot_size && m.is_owned());
        if oversized {
            self.strip(slot);
        } else {
            batch.next = free;
            self.free = slot;
        }
    }

    /// Takes the memory of a free slot back.
    fn strip(&mut self, slot: u32) {
        let batch = &mut self.batches[slot];
        batch.mem = None;
        self.budget += core::mem::take(&mut batch.charged);
        batch.next = self.bare;
        self.bare = slot;
    }

    /// The oldest batch that is not resolved, or [`NIL`].
    pub(crate) fn oldest(&self) -> u32 {
        self.oldest
    }

    /// The oldest batch that is still open and not due, or [`NIL`].
    pub(crate) fn lingering(&mut self) -> u32 {
        while self.lingering != NIL {
            let batch = &self.batches[self.lingering];
            if batch.place == Place::Open && !batch.due {
                break;
            }
            self.lingering = batch.newer;
        }
        self.lingering
    }

    /// The serial number of the youngest batch so far.
    pub(crate) fn serial(&self) -> u64 {
        self.serial
    }

    pub(crate) fn id(&self, slot: u32) -> BatchId {
        BatchId { slot, generation: self.batches[slot].generation }
    }

    /// Whether there is a slot for another batch of ordinary size.
    pub(crate) fn has_room(&self) -> bool {
        self.free != NIL || (self.can_allocate() && self.budget >= self.slot_size as u64)
    }
}
