//! LZ4 blocks in safe code that cannot panic, with a table that the caller lends.
//!
//! A block is a row of sequences: literals, then a copy of something at most 64 KiB back. The format asks that the
//! last five bytes are literals and that no copy begins in the last twelve.

use super::walk::Sequences;
use super::{BLOCK_MAX, MATCH_MIN};
use crate::compress::Fault;
use crate::record::copy;

const LAST_LITERALS: usize = 5;
const MATCH_NOT_AFTER: usize = 12;

/// Writes forward; none when the room ends.
struct Out<'b> {
    bytes: &'b mut [u8],
    at: usize,
}

impl Out<'_> {
    fn byte(&mut self, byte: u8) -> Option<()> {
        *self.bytes.get_mut(self.at)? = byte;
        self.at += 1;
        Some(())
    }

    fn extend(&mut self, from: &[u8]) -> Option<()> {
        let to = self.bytes.get_mut(self.at..)?.get_mut(..from.len())?;
        copy(to, from);
        self.at = self.at.wrapping_add(from.len());
        Some(())
    }

    /// What is over the 15 of a token's half, in bytes of 255 and a last one that is less.
    fn length(&mut self, len: usize) -> Option<()> {
        let Some(mut more) = len.checked_sub(15) else { return Some(()) };
        while let Some(less) = more.checked_sub(255) {
            self.byte(255)?;
            more = less;
        }
        self.byte(more as u8) // < 255
    }

    /// `back` 0 is the last sequence, which has no copy.
    fn sequence(&mut self, literals: &[u8], back: u16, len: usize) -> Option<()> {
        let extra = len.saturating_sub(MATCH_MIN);
        let token = (literals.len().min(15) << 4) | extra.min(15);
        self.byte(token as u8)?;
        self.length(literals.len())?;
        self.extend(literals)?;
        if back != 0 {
            let [low, high] = back.to_le_bytes();
            self.byte(low)?;
            self.byte(high)?;
            self.length(extra)?;
        }
        Some(())
    }
}

/// Compresses a block of at most 64 KiB; none where the result does not fit in `out`.
///
/// `table` may have any length; a power of two from 512 to 4,096 is sensible, and less finds less.
pub(super) fn compress(input: &[u8], out: &mut [u8], table: &mut [u16]) -> Option<usize> {
    if input.len() > BLOCK_MAX {
        return None;
    }
    table.fill(0);
    let mut out = Out { bytes: out, at: 0 };
    // Where the literals begin that are not written yet.
    let mut anchor = 0;
    let mut at = 1;
    // Grows while nothing is found, so that data that does not compress is passed quickly.
    let mut misses = 0usize;
    let last_start = input.len().saturating_sub(MATCH_NOT_AFTER);
    let matchable = input.get(..input.len().saturating_sub(LAST_LITERALS)).unwrap_or_default();
    while at < last_start {
        let Some(word) = word_at(input, at) else { break };
        let candidate = exchange(table, word, at);
        if candidate >= at || word_at(input, candidate) != Some(word) {
            misses = misses.wrapping_add(1);
            at = at.wrapping_add(1).wrapping_add(misses >> 6);
            continue;
        }
        misses = 0;
        let before = common_suffix(input.get(anchor..at)?, input.get(..candidate)?);
        at = at.checked_sub(before)?;
        let candidate = candidate.checked_sub(before)?;
        let len = common_prefix(matchable.get(at..)?, matchable.get(candidate..)?);
        let back = u16::try_from(at.checked_sub(candidate)?).ok()?;
        out.sequence(input.get(anchor..at)?, back, len)?;
        at = at.wrapping_add(len);
        anchor = at;
        if let Some(word) = word_at(input, at.saturating_sub(2)) {
            exchange(table, word, at.saturating_sub(2));
        }
    }
    out.sequence(input.get(anchor..)?, 0, 0)?;
    Some(out.at)
}

fn word_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|word| u32::from_le_bytes(*word))
}

/// Remembers that `word` stands `at`; gives where something with its hash stood before.
fn exchange(table: &mut [u16], word: u32, at: usize) -> usize {
    let Some(bits) = table.len().checked_ilog2() else { return at };
    let hash = word.wrapping_mul(2_654_435_761).unbounded_shr(32u32.saturating_sub(bits));
    let Some(slot) = table.get_mut(hash as usize) else { return at };
    // A block is at most 64 KiB.
    usize::from(core::mem::replace(slot, at as u16))
}

fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    let mut len = 0usize;
    let (words_a, words_b) = (a.as_chunks::<4>().0, b.as_chunks::<4>().0);
    for (a, b) in words_a.iter().zip(words_b) {
        let differ = u32::from_le_bytes(*a) ^ u32::from_le_bytes(*b);
        if differ != 0 {
            return len.wrapping_add((differ.trailing_zeros() / 8) as usize);
        }
        len = len.wrapping_add(4);
    }
    let tails = a.get(len..).unwrap_or_default().iter().zip(b.get(len..).unwrap_or_default());
    len.wrapping_add(tails.take_while(|(a, b)| a == b).count())
}

fn common_suffix(a: &[u8], b: &[u8]) -> usize {
    a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count()
}

/// Decompresses `block` to `out[at..]`; gives where the output ends. Copies may reach back to `out[from]`, which is
/// where the block begins or, where blocks are linked, the frame.
pub(super) fn decompress(block: &[u8], out: &mut [u8], from: usize, at: usize) -> Result<usize, Fault> {
    let mut sequences = Sequences { rest: block };
    let mut out = Out { bytes: out, at };
    loop {
        let sequence = sequences.read().ok_or(Fault::Malformed)?;
        out.extend(sequence.literals).ok_or(Fault::NoRoom)?;
        if sequence.back == 0 {
            return Ok(out.at);
        }
        let start = out.at.checked_sub(sequence.back).filter(|start| *start >= from);
        let start = start.ok_or(Fault::Malformed)?;
        out.repeat(start, sequence.len).ok_or(Fault::NoRoom)?;
    }
}

impl Out<'_> {
    /// Copies `len` bytes from `start`, which may overlap what is written: then they repeat.
    fn repeat(&mut self, start: usize, mut len: usize) -> Option<()> {
        // Said once, so that nothing is written where it does not fit.
        self.bytes.get(self.at..)?.get(..len)?;
        while len > 0 {
            let (done, room) = self.bytes.split_at_mut_checked(self.at)?;
            let period = done.get(start..)?;
            let piece = period.get(..len.min(period.len()))?;
            copy(room.get_mut(..piece.len())?, piece);
            self.at = self.at.wrapping_add(piece.len());
            len = len.wrapping_sub(piece.len());
        }
        Some(())
    }
}
