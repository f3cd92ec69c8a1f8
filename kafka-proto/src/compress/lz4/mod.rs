//! LZ4: the frame format is ours everywhere. Blocks are lz4_flex's in `std` builds and ours without, where nothing may
//! allocate or panic; in the tests each judges the other.

#[cfg(any(test, not(feature = "std")))]
mod block;
#[cfg(feature = "std")]
mod flex;
mod frame;
mod pieces;
mod walk;
mod xxh32;

pub(super) use frame::{bound, compress, decompress, decompressed_len};
pub(crate) use pieces::{Frame, Piece, block_len, expand};

#[cfg(not(feature = "std"))]
use block::decompress as decompress_block;
#[cfg(feature = "std")]
pub(super) use flex::Blocks;
#[cfg(feature = "std")]
use flex::decompress as decompress_block;

/// A block's input is at most this, so that a position fits in 16 bits.
const BLOCK_MAX: usize = 64 * 1024;
/// The shortest copy.
const MATCH_MIN: usize = 4;

/// The block coder and what it works with.
#[cfg(not(feature = "std"))]
#[derive(Default)]
pub(super) struct Blocks<'m> {
    table: &'m mut [u16],
}

#[cfg(not(feature = "std"))]
impl<'m> Blocks<'m> {
    pub(super) fn lent(table: &'m mut [u16]) -> Self {
        Self { table }
    }

    /// None where the result does not fit in `out`.
    fn compress(&mut self, input: &[u8], out: &mut [u8]) -> Option<usize> {
        block::compress(input, out, self.table)
    }
}

#[cfg(test)]
mod tests;
