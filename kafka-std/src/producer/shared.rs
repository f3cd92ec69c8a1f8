//! The only file with `unsafe`: a shared pointer whose count is touched once per handle, not twice.
//!
//! Each record that is sent gets a handle to the state of its batch. With an [`Arc`](std::sync::Arc) that is an atomic
//! increment when it is made and a decrement when it is dropped, of a word that another thread uses too: 7 ns each, as
//! much as encoding the record. Here the handles are made by one [`Owner`], which is kept under the producer's lock and
//! counts them in a plain number; only dropping one is atomic. The count begins at [`BIAS`]; when the owner goes, it
//! subtracts the bias less what it has handed out, and whoever brings the count to zero frees the memory.
#![allow(unsafe_code)]

use std::ops::Deref;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering, fence};

/// More than the handles of a batch can ever be: a batch has less than 2³¹ records, and each handle would have to be
/// cloned 2³¹ times.
const BIAS: u64 = 1 << 62;

struct Inner<T> {
    /// While the owner exists: `BIAS` − handles dropped + handles cloned. Afterwards: handles.
    count: AtomicU64,
    value: T,
}

/// Makes [`Handle`]s to a value, and is one itself.
pub(super) struct Owner<T> {
    inner: NonNull<Inner<T>>,
    handed_out: u64,
}

/// A handle to the value; the value lives as long as any of them.
pub(super) struct Handle<T> {
    inner: NonNull<Inner<T>>,
}

// SAFETY: both give shared access to a `T` from any thread and may drop it on any, as `Arc` does; the count is atomic,
// and `handed_out` is only reached through `&mut Owner`.
unsafe impl<T: Send + Sync> Send for Owner<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Sync for Owner<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Send for Handle<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Sync for Handle<T> {}

impl<T> Owner<T> {
    pub(super) fn new(value: T) -> Owner<T> {
        let inner = Box::new(Inner { count: AtomicU64::new(BIAS), value });
        Owner { inner: NonNull::from(Box::leak(inner)), handed_out: 0 }
    }

    /// Another handle.
    #[inline]
    pub(super) fn handle(&mut self) -> Handle<T> {
        self.handed_out += 1;
        Handle { inner: self.inner }
    }

    /// Whether there may be a handle that was not dropped.
    pub(super) fn is_shared(&self) -> bool {
        // SAFETY: as in `deref`.
        let count = unsafe { self.inner.as_ref() }.count.load(Ordering::Relaxed);
        count.wrapping_add(self.handed_out) != BIAS
    }
}

impl<T> Deref for Owner<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the count cannot reach zero before the owner subtracts its bias in `drop`, so the memory is there.
        unsafe { &self.inner.as_ref().value }
    }
}

impl<T> Drop for Owner<T> {
    fn drop(&mut self) {
        release(self.inner, BIAS - self.handed_out);
    }
}

impl<T> Deref for Handle<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: this handle is in the count: either as one of the owner's `handed_out`, which the bias covers, or
        // itself. So the count is not zero before `drop`.
        unsafe { &self.inner.as_ref().value }
    }
}

impl<T> Clone for Handle<T> {
    fn clone(&self) -> Self {
        // SAFETY: as in `deref`. Relaxed as in `Arc::clone`: who has a handle can only make it known to others by means
        // that order memory.
        unsafe { self.inner.as_ref() }.count.fetch_add(1, Ordering::Relaxed);
        Handle { inner: self.inner }
    }
}

impl<T> Drop for Handle<T> {
    #[inline]
    fn drop(&mut self) {
        release(self.inner, 1);
    }
}

/// Takes a share out of the count, and frees the memory with the last.
#[inline]
fn release<T>(inner: NonNull<Inner<T>>, share: u64) {
    // SAFETY: the share is still in the count, so the memory is there.
    let before = unsafe { inner.as_ref() }.count.fetch_sub(share, Ordering::Release);
    if before == share {
        free(inner);
    }
}

#[cold]
fn free<T>(inner: NonNull<Inner<T>>) {
    // All that other handles did with the value happens before it is dropped.
    fence(Ordering::Acquire);
    // SAFETY: the count is zero: neither owner nor handle is left, and the memory came from a `Box`.
    drop(unsafe { Box::from_raw(inner.as_ptr()) });
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn the_value_lives_as_long_as_owner_and_handles() {
        for owner_first in [true, false] {
            let witness = Arc::new(());
            let mut owner = Owner::new(witness.clone());
            assert!(!owner.is_shared());
            drop(owner.handle());
            assert!(!owner.is_shared());
            let handles: Vec<_> = (0..3).map(|_| owner.handle()).collect();
            let cloned = handles.first().unwrap().clone();
            assert!(owner.is_shared());
            if owner_first {
                drop(owner);
                drop(handles);
                assert_eq!(Arc::strong_count(&witness), 2);
                drop(cloned);
            } else {
                drop((handles, cloned));
                assert_eq!(Arc::strong_count(&witness), 2);
                drop(owner);
            }
            assert_eq!(Arc::strong_count(&witness), 1);
        }
    }

    #[test]
    fn threads_drop_handles_while_the_owner_goes() {
        for _ in 0..50 {
            let witness = Arc::new(());
            let mut owner = Owner::new(witness.clone());
            let handles: Vec<_> = (0..8).map(|_| owner.handle()).collect();
            std::thread::scope(|scope| {
                for handle in handles {
                    scope.spawn(move || drop((handle.clone(), handle)));
                }
                drop(owner);
            });
            assert_eq!(Arc::strong_count(&witness), 1);
        }
    }
}
