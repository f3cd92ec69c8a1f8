//! lz4_flex as the block coder.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::marker::PhantomData;

use lz4_flex::block::{
    CompressTable, DecompressError, compress_into_with_table, decompress_into, decompress_into_with_dict,
    get_maximum_output_size,
};

use crate::compress::Fault;

/// The block coder's tables, kept from batch to batch. Boxed, as a workspace moves with each batch.
#[derive(Default)]
pub(in crate::compress) struct Blocks<'m> {
    /// 8 KiB, for blocks shorter than 64 KiB less one.
    small: Option<Box<CompressTable>>,
    /// 16 KiB, for the others.
    large: Option<Box<CompressTable>>,
    /// lz4_flex asks for more room than the result may have here.
    scratch: Vec<u8>,
    lent: PhantomData<&'m mut [u16]>,
}

impl<'m> Blocks<'m> {
    pub(in crate::compress) fn lent(_: &'m mut [u16]) -> Self {
        Self::default()
    }

    /// None where the result does not fit in `out`.
    pub(super) fn compress(&mut self, input: &[u8], out: &mut [u8]) -> Option<usize> {
        let table = if input.len() < usize::from(u16::MAX) {
            self.small.get_or_insert_with(|| Box::new(CompressTable::small()))
        } else {
            self.large.get_or_insert_with(|| Box::new(CompressTable::large()))
        };
        let bound = get_maximum_output_size(input.len());
        if out.len() >= bound {
            return compress_into_with_table(input, out, table).ok();
        }
        self.scratch.resize(bound.max(self.scratch.len()), 0);
        let len = compress_into_with_table(input, &mut self.scratch, table).ok()?;
        out.get_mut(..len)?.copy_from_slice(self.scratch.get(..len)?);
        Some(len)
    }
}

/// Decompresses `block` to `out[at..]`; gives where the output ends. Copies may reach back to `out[from]`.
pub(super) fn decompress(block: &[u8], out: &mut [u8], from: usize, at: usize) -> Result<usize, Fault> {
    let (done, room) = out.split_at_mut_checked(at).ok_or(Fault::NoRoom)?;
    let before = done.get(from..).unwrap_or_default();
    let result = if before.is_empty() {
        decompress_into(block, room)
    } else {
        // No copy reaches further back than 64 KiB.
        let near = before.get(before.len().saturating_sub(1 << 16)..).unwrap_or_default();
        decompress_into_with_dict(block, room, near)
    };
    match result {
        Ok(len) => Ok(at.saturating_add(len)),
        Err(DecompressError::OutputTooSmall { .. }) => Err(Fault::NoRoom),
        Err(_) => Err(Fault::Malformed),
    }
}
