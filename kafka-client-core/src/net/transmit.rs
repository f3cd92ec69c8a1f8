//! A frame on its way out: the request's own bytes and the record batches between them.
//!
//! A produce request is a few dozen bytes of header and, between them, whole batches that stay where they were
//! built. A [`Transmit`] owns both while the adapter writes, so nothing is copied and the core is not borrowed.

use heapless::VecView;

use crate::net::ConnId;
use crate::recall::recalled;
use crate::storage::{Mem, Storage};

/// A batch inside a frame.
#[derive(Debug)]
pub struct Part<'m> {
    /// Where in the head the batch's bytes belong.
    pub(crate) at: u32,
    /// Bytes of `mem` that are the batch.
    pub(crate) len: u32,
    /// Which batch it is.
    pub(crate) batch: u32,
    pub(crate) mem: Mem<'m>,
}

/// The memory of one frame: bytes for the head, room for its parts. Lent by [`Resources`](crate::resources::Resources)
/// or grown on the heap, and used again for every request.
pub struct TxFrame<'m> {
    pub(crate) head: Mem<'m>,
    pub(crate) parts: Storage<'m, Part<'m>>,
}

impl<'m> TxFrame<'m> {
    /// A frame in lent memory: `head` holds the largest request without its records, `parts` as many batches as
    /// one produce request may carry.
    pub fn lent(head: &'m mut [u8], parts: &'m mut VecView<Part<'m>>) -> Self {
        TxFrame { head: Mem::Lent(head), parts: Storage::lent(parts) }
    }

    /// A frame on the heap.
    #[cfg(feature = "alloc")]
    pub fn owned() -> Self {
        TxFrame { head: Mem::owned(512), parts: Storage::owned() }
    }
}

/// A request frame to write to a connection.
///
/// Write [`chunks`](Self::chunks) in order, report progress with [`advance`](Self::advance), and hand the whole
/// back with `handle_written`: when it is done, or when the connection was lost. Frames of one connection are
/// written one after another, completely: a frame that was begun is finished or its connection closed.
pub struct Transmit<'m> {
    pub(crate) conn: ConnId,
    pub(crate) frame: TxFrame<'m>,
    pub(crate) head_len: u32,
    pub(crate) total: u32,
    pub(crate) written: u32,
}

impl<'m> Transmit<'m> {
    /// The connection to write to.
    pub fn conn(&self) -> ConnId {
        self.conn
    }

    /// Bytes of the frame, length prefix included.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.total as usize
    }

    /// Whether every byte was written.
    pub fn is_done(&self) -> bool {
        let half = recalled!(B14HalfAFrame) && self.written > 100;
        self.written >= self.total || half
    }

    /// Records that the socket took `n` more bytes.
    pub fn advance(&mut self, n: usize) {
        let n = u32::try_from(n).unwrap_or(u32::MAX);
        self.written = self.written.saturating_add(n).min(self.total);
    }

    /// The bytes still to be written, in order, in as few pieces as memory allows.
    pub fn chunks(&self) -> impl Iterator<Item = &[u8]> + '_ {
        let mut skip = self.written as usize;
        Pieces { transmit: self, part: 0, head_at: 0, in_part: false }.filter_map(move |piece| {
            let rest = piece.get(skip.min(piece.len())..)?;
            skip = skip.saturating_sub(piece.len());
            if rest.is_empty() { None } else { Some(rest) }
        })
    }
}

impl core::fmt::Debug for Transmit<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Transmit")
            .field("conn", &self.conn)
            .field("total", &self.total)
            .field("written", &self.written)
            .finish_non_exhaustive()
    }
}

/// Head and parts in turn: `head[..at₀] part₀ head[at₀..at₁] part₁ … head[atₙ..]`.
struct Pieces<'a, 'm> {
    transmit: &'a Transmit<'m>,
    part: usize,
    head_at: usize,
    in_part: bool,
}

impl<'a> Iterator for Pieces<'a, '_> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let t = self.transmit;
        let part = t.frame.parts.get(self.part);
        if self.in_part {
            self.in_part = false;
            self.part += 1;
            return part.and_then(|p| p.mem.get(..p.len as usize));
        }
        let end = part.map_or(t.head_len, |p| p.at) as usize;
        if part.is_none() && self.head_at >= end {
            return None;
        }
        let piece = t.frame.head.get(self.head_at..end);
        self.head_at = end;
        self.in_part = part.is_some();
        piece
    }
}

#[cfg(all(test, feature = "alloc"))]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn frame(parts: &[(u32, &[u8])], head: &[u8]) -> Transmit<'static> {
        let mut frame = TxFrame::owned();
        frame.head = Mem::Owned(head.into());
        for (at, bytes) in parts {
            let mem = Mem::Owned((*bytes).into());
            frame.parts.push(Part { at: *at, len: bytes.len() as u32, batch: 0, mem }).unwrap();
        }
        let total = head.len() + parts.iter().map(|p| p.1.len()).sum::<usize>();
        Transmit {
            conn: ConnId::default(),
            frame,
            head_len: head.len() as u32,
            total: total as u32,
            written: 0,
        }
    }

    fn rest(t: &Transmit<'_>) -> Vec<u8> {
        t.chunks().flatten().copied().collect()
    }

    #[test]
    fn parts_stand_at_their_gaps_and_any_partial_write_resumes() {
        for (parts, head, whole) in [
            (&[(2, &b"XX"[..]), (3, b"Y")][..], &b"abcde"[..], &b"abXXcYde"[..]),
            (&[(0, b"XX"), (0, b"Y")], b"abc", b"XXYabc"),
            (&[(3, b"XX")], b"abc", b"abcXX"),
            (&[], b"abc", b"abc"),
        ] {
            for cut in 0..=whole.len() {
                let mut t = frame(parts, head);
                t.advance(cut);
                assert_eq!(rest(&t), &whole[cut..], "cut at {cut}");
                assert_eq!(t.is_done(), cut == whole.len());
            }
        }
    }
}
