//! Reading the sequences of a block, whoever copies them.

use super::MATCH_MIN;

/// Reads forward over a block.
pub(super) struct Sequences<'a> {
    pub rest: &'a [u8],
}

/// Literals, then `len` bytes from `back` before; the last has neither.
pub(super) struct Sequence<'a> {
    pub literals: &'a [u8],
    pub back: usize,
    pub len: usize,
}

impl<'a> Sequences<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*byte)
    }

    fn length(&mut self, nibble: u8) -> Option<usize> {
        let mut len = usize::from(nibble);
        if nibble == 15 {
            loop {
                let byte = self.byte()?;
                len = len.checked_add(usize::from(byte))?;
                if byte != 255 {
                    break;
                }
            }
        }
        Some(len)
    }

    /// None is a block that is malformed, or has ended where `rest` is empty.
    pub fn read(&mut self) -> Option<Sequence<'a>> {
        let token = self.byte()?;
        let literals = self.length(token >> 4)?;
        let (literals, rest) = self.rest.split_at_checked(literals)?;
        self.rest = rest;
        if rest.is_empty() {
            return Some(Sequence { literals, back: 0, len: 0 });
        }
        let (back, rest) = rest.split_first_chunk()?;
        self.rest = rest;
        let back = usize::from(u16::from_le_bytes(*back));
        let len = self.length(token & 15)?.checked_add(MATCH_MIN)?;
        // A copy is never the last of a block.
        if back == 0 || self.rest.is_empty() {
            return None;
        }
        Some(Sequence { literals, back, len })
    }
}

/// How long `block` would be decompressed, without doing it.
pub(super) fn decompressed_len(block: &[u8]) -> Option<usize> {
    let mut sequences = Sequences { rest: block };
    let mut len = 0usize;
    loop {
        let sequence = sequences.read()?;
        len = len.checked_add(sequence.literals.len())?.checked_add(sequence.len)?;
        if sequence.back == 0 {
            return Some(len);
        }
    }
}
