//! Bytes on their way in: the buffer a connection receives into, and where a frame ends in it.

use heapless::VecView;

use crate::consumer::{Aborted, Chunk};
use crate::storage::{Mem, Storage};

/// A buffer that bytes are received into. The adapter reads into [`spare_mut`](Self::spare_mut), says how much with
/// [`advance`](Self::advance) and hands it to `handle_received`.
#[derive(Debug, Default)]
pub struct RxBuf<'m> {
    pub(crate) mem: Mem<'m>,
    /// `mem[..filled]` was received; `filled <= mem.len()`.
    filled: usize,
    /// What the frame at the front holds for a consumer; empty otherwise. Its memory goes with the buffer.
    pub(crate) chunks: Storage<'m, Chunk>,
    /// Of its transactions, those that were aborted.
    pub(crate) aborted: Storage<'m, Aborted>,
    /// Once the length of the frame at the front is known: where it ends. Reading stops there when the frame is
    /// long, so that nothing of the next one has to be moved out of its way.
    stop: usize,
}

/// Up to this length a frame is read together with whatever follows it: moving so little is cheaper than a read of
/// its own.
const READ_AHEAD: usize = 4096;

/// What the front of a receive buffer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Front {
    /// Less than a frame.
    Partial,
    /// A whole frame: `mem[4..end]` without its length prefix.
    Frame { end: usize },
    /// A length that is negative or larger than allowed.
    BadLength(i32),
    /// A frame of a permitted length for which the lent buffer has no room.
    NoRoom { need: usize },
}

impl<'m> RxBuf<'m> {
    /// A buffer over `mem`.
    pub fn new(mem: Mem<'m>) -> Self {
        RxBuf { mem, filled: 0, stop: 0, chunks: Storage::default(), aborted: Storage::default() }
    }

    /// Where to read to: never empty while the core waits for more.
    pub fn spare_mut(&mut self) -> &mut [u8] {
        let end = if self.stop > READ_AHEAD { self.stop } else { self.mem.len() };
        self.mem.get_mut(self.filled..end).unwrap_or_default()
    }

    /// Records that `n` bytes were read into [`spare_mut`](Self::spare_mut).
    pub fn advance(&mut self, n: usize) {
        self.filled = self.filled.saturating_add(n).min(self.mem.len());
    }

    pub(crate) fn clear(&mut self) {
        while self.chunks.pop().is_some() {}
        while self.aborted.pop().is_some() {}
        self.filled = 0;
        self.stop = 0;
    }

    /// A buffer over lent memory, with room to note the parts of a fetch response and its aborted transactions.
    pub fn with_chunks(
        mem: Mem<'m>,
        chunks: &'m mut VecView<Chunk>,
        aborted: &'m mut VecView<Aborted>,
    ) -> Self {
        RxBuf { mem, filled: 0, stop: 0, chunks: Storage::lent(chunks), aborted: Storage::lent(aborted) }
    }

    /// Looks at the frame at the front; grows an owned buffer to hold it.
    pub(crate) fn front(&mut self, size_max: u32) -> Front {
        let Some(prefix) = self.mem.get(..self.filled).and_then(|m| m.first_chunk::<4>()) else {
            self.stop = 0;
            return Front::Partial;
        };
        let len = i32::from_be_bytes(*prefix);
        let Ok(body) = u32::try_from(len) else { return Front::BadLength(len) };
        // A response holds at least its correlation id.
        if body > size_max || body < 4 {
            return Front::BadLength(len);
        }
        let end = body as usize + 4;
        if !self.mem.grow(end, self.filled) {
            return Front::NoRoom { need: end };
        }
        self.stop = end;
        if self.filled >= end { Front::Frame { end } } else { Front::Partial }
    }

    /// Drops the first `end` bytes, moving what follows to the front.
    pub(crate) fn consume(&mut self, end: usize) {
        let end = end.min(self.filled);
        if end < self.filled {
            self.mem.copy_within_checked(end, self.filled);
        }
        self.filled -= end;
        self.stop = 0;
    }

    /// Moves what follows the first `end` bytes to `next`, which must be empty; false when it has no room.
    pub(crate) fn split_into(&mut self, end: usize, next: &mut RxBuf<'m>) -> bool {
        let rest = self.mem.get(end..self.filled).unwrap_or_default();
        if !next.mem.grow(rest.len(), 0) {
            return false;
        }
        let Some(target) = next.mem.get_mut(..rest.len()) else { return false };
        target.copy_from_slice(rest);
        next.filled = rest.len();
        next.stop = 0;
        self.filled = end.min(self.filled);
        true
    }
}

impl Mem<'_> {
    /// Moves `self[from..to]` to the front, without a panic path.
    fn copy_within_checked(&mut self, from: usize, to: usize) {
        let mut at = 0;
        // Forward, byte by byte in order, so overlapping ranges are right. Only a few bytes ever follow a frame.
        while let Some(byte) = self.get(from + at).copied().filter(|_| from + at < to) {
            if let Some(place) = self.get_mut(at) {
                *place = byte;
            }
            at += 1;
        }
    }
}

#[cfg(all(test, feature = "alloc"))]
mod tests {
    use super::*;

    fn feed(rx: &mut RxBuf<'_>, bytes: &[u8]) {
        let spare = rx.spare_mut();
        spare[..bytes.len()].copy_from_slice(bytes);
        rx.advance(bytes.len());
    }

    #[test]
    fn frames_arrive_a_byte_at_a_time_or_together() {
        let mut rx = RxBuf::new(Mem::owned(32));
        let frame = [0, 0, 0, 5, 1, 2, 3, 4, 5];
        for byte in &frame[..8] {
            feed(&mut rx, &[*byte]);
            assert_eq!(rx.front(100), Front::Partial);
        }
        feed(&mut rx, &[5, 0, 0, 0, 4, 9]);
        assert_eq!(rx.front(100), Front::Frame { end: 9 });
        rx.consume(9);
        assert_eq!(rx.front(100), Front::Partial);
        feed(&mut rx, &[9, 9, 9]);
        assert_eq!(rx.front(100), Front::Frame { end: 8 });
        rx.consume(8);
        assert_eq!(rx.filled, 0);
    }

    #[test]
    fn lengths_are_judged_before_anything_is_reserved() {
        for (prefix, expected) in [
            ([0xff, 0xff, 0xff, 0xfe], Front::BadLength(-2)),
            (*b"HTTP", Front::BadLength(i32::from_be_bytes(*b"HTTP"))),
            ([0, 0, 0, 3], Front::BadLength(3)),
            ([0, 0, 4, 0], Front::BadLength(1024)),
        ] {
            let mut rx = RxBuf::new(Mem::owned(8));
            feed(&mut rx, &prefix);
            assert_eq!(rx.front(1000), expected);
            assert_eq!(rx.mem.len(), 8);
        }
        let mut small = [0; 8];
        let mut rx = RxBuf::new(Mem::Lent(&mut small));
        feed(&mut rx, &[0, 0, 0, 5]);
        assert_eq!(rx.front(1000), Front::NoRoom { need: 9 });
    }

    #[test]
    fn a_long_frame_is_read_to_its_end_and_no_further() {
        let mut rx = RxBuf::new(Mem::owned(64));
        feed(&mut rx, &[0, 0, 0x40, 0]);
        assert_eq!(rx.front(1 << 20), Front::Partial);
        assert_eq!(rx.spare_mut().len(), 0x4000);
    }
}
