//! A frame that arrives in pieces: what stands at the front of the input.

use super::frame::{Descriptor, MAGIC, STORED, header};
use crate::compress::Fault;
use crate::lean::{In, le_u32};

/// The longest header: magic, flags, sizes, content size, dictionary, checksum.
const HEADER_MAX: usize = 4 + 2 + 8 + 4 + 1;

/// Where in the frame the input continues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    Header,
    Blocks(Descriptor),
    Sum,
    End,
}

/// What stands at the front.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// Not all of it yet: this many bytes are needed.
    More(usize),
    /// Bytes without content.
    Skip(usize),
    /// A block, and how many bytes it takes with its length and checksum. `linked` blocks copy from those before.
    Block { block: &'a [u8], stored: bool, linked: bool, consumed: usize },
}

impl Frame {
    /// The next piece. Checksums are passed over: the batch has its own.
    pub(crate) fn next<'a>(&mut self, input: &'a [u8]) -> Result<Piece<'a>, Fault> {
        match *self {
            Self::Header => match parse_header(input) {
                Ok((consumed, descriptor)) => {
                    *self = Self::Blocks(descriptor);
                    Ok(Piece::Skip(consumed))
                }
                Err(Fault::Malformed) if input.len() < HEADER_MAX => {
                    Ok(Piece::More(input.len().saturating_add(1)))
                }
                Err(fault) => Err(fault),
            },
            Self::Blocks(descriptor) => self.block(input, &descriptor),
            Self::Sum if input.len() < 4 => Ok(Piece::More(4)),
            Self::Sum => {
                *self = Self::End;
                Ok(Piece::Skip(4))
            }
            Self::End => Err(Fault::Malformed),
        }
    }

    fn block<'a>(&mut self, input: &'a [u8], descriptor: &Descriptor) -> Result<Piece<'a>, Fault> {
        let Ok((In(rest), len)) = le_u32(In(input)) else { return Ok(Piece::More(4)) };
        if len == 0 {
            *self = if descriptor.has_content_checksum() { Self::Sum } else { Self::End };
            return Ok(Piece::Skip(4));
        }
        let stored = len & STORED != 0;
        let len = (len & !STORED) as usize;
        if len > descriptor.block_max {
            return Err(Fault::Malformed);
        }
        let sum = if descriptor.has_block_checksum() { 4 } else { 0 };
        let consumed = len.saturating_add(4 + sum);
        if input.len() < consumed {
            return Ok(Piece::More(consumed));
        }
        let block = rest.get(..len).unwrap_or_default();
        Ok(Piece::Block { block, stored, linked: !descriptor.is_independent(), consumed })
    }
}

fn parse_header(input: &[u8]) -> Result<(usize, Descriptor), Fault> {
    let (rest, magic) = le_u32(In(input)).map_err(|_| Fault::Malformed)?;
    if magic != MAGIC {
        // Not for want of input.
        return Err(Fault::Unsupported);
    }
    let (rest, descriptor) = header(rest, false)?;
    Ok((input.len().saturating_sub(rest.0.len()), descriptor))
}

/// How long a block is decompressed.
pub(crate) fn block_len(block: &[u8], stored: bool) -> Option<usize> {
    if stored { Some(block.len()) } else { super::walk::decompressed_len(block) }
}

/// Decompresses a block to `out[at..]`; copies may reach back to `out[from]`.
pub(crate) fn expand(
    block: &[u8],
    stored: bool,
    out: &mut [u8],
    from: usize,
    at: usize,
) -> Result<usize, Fault> {
    if !stored {
        return super::decompress_block(block, out, from, at);
    }
    let slot = out.get_mut(at..).and_then(|room| room.get_mut(..block.len())).ok_or(Fault::NoRoom)?;
    crate::record::copy(slot, block);
    Ok(at.saturating_add(block.len()))
}
