//! Snappy: blocks by `snap`, in the framing of Java's xerial library.
//!
//! Kafka's Java client writes xerial streams: a header, then blocks of at most 32 KiB with their lengths. Some other
//! clients write one raw block; both are read, and the first is written.

use alloc::boxed::Box;
use alloc::vec::Vec;

use nom::Parser;
use nom::bytes::complete::tag;
use snap::raw::{Decoder, Encoder, decompress_len, max_compress_len};

use super::Fault;
use crate::lean::{In, NoMatch, Parsed, be_u32};

const MAGIC: &[u8] = b"\x82SNAPPY\0";
/// The version, and the oldest one that can read it.
const VERSIONS: [u32; 2] = [1, 1];
const BLOCK_MAX: usize = 32 * 1024;

/// The encoder, kept from batch to batch. It holds a table of 2 KiB, and a workspace moves with each batch.
#[derive(Default)]
pub(super) struct Snappy {
    encoder: Option<Box<Encoder>>,
    /// `snap` asks for more room than the result may have here.
    scratch: Vec<u8>,
}

/// The header of a xerial stream: the oldest version that can read it.
fn header(input: In<'_>) -> Parsed<'_, u32> {
    let (rest, _) = tag(MAGIC).parse(input)?;
    let (rest, _version) = be_u32(rest)?;
    be_u32(rest)
}

/// A block behind its length.
fn block(input: In<'_>) -> Parsed<'_, &[u8]> {
    let (rest, len) = be_u32(input)?;
    let (rest, block) = nom::bytes::complete::take::<_, _, NoMatch>(len as usize).parse(rest)?;
    Ok((rest, block.0))
}

/// Calls `each` with every block: those of a xerial stream, or the input where it is none.
fn blocks(input: &[u8], mut each: impl FnMut(&[u8]) -> Result<(), Fault>) -> Result<(), Fault> {
    if !input.starts_with(MAGIC) {
        return each(input);
    }
    let mut rest = In(input);
    while !rest.0.is_empty() {
        // Streams may follow each other.
        if rest.0.starts_with(MAGIC) {
            let (after, oldest) = header(rest).map_err(|_| Fault::Malformed)?;
            if oldest > 1 {
                return Err(Fault::Unsupported);
            }
            rest = after;
            continue;
        }
        let (after, block) = block(rest).map_err(|_| Fault::Malformed)?;
        each(block)?;
        rest = after;
    }
    Ok(())
}

pub(super) const fn bound(len: usize) -> usize {
    // Per block what snappy may add, and the length.
    len.saturating_add(len / 6).saturating_add(len.div_ceil(BLOCK_MAX).saturating_mul(36)).saturating_add(16)
}

pub(super) fn compress(input: &[u8], out: &mut [u8], work: &mut Snappy) -> Result<usize, Fault> {
    let mut at = 0;
    put(out, &mut at, MAGIC)?;
    for version in VERSIONS {
        put(out, &mut at, &version.to_be_bytes())?;
    }
    work.scratch.resize(max_compress_len(BLOCK_MAX), 0);
    let encoder = work.encoder.get_or_insert_with(|| Box::new(Encoder::new()));
    for input in input.chunks(BLOCK_MAX) {
        let len = encoder.compress(input, &mut work.scratch).map_err(|_| Fault::NoRoom)?;
        let block = work.scratch.get(..len).unwrap_or_default();
        put(out, &mut at, &u32::try_from(len).unwrap_or(0).to_be_bytes())?;
        put(out, &mut at, block)?;
    }
    Ok(at)
}

fn put(out: &mut [u8], at: &mut usize, bytes: &[u8]) -> Result<(), Fault> {
    let slot = out.get_mut(*at..).and_then(|room| room.get_mut(..bytes.len())).ok_or(Fault::NoRoom)?;
    slot.copy_from_slice(bytes);
    *at = at.saturating_add(bytes.len());
    Ok(())
}

pub(super) fn decompress(input: &[u8], out: &mut [u8]) -> Result<usize, Fault> {
    let mut at = 0usize;
    blocks(input, |block| {
        let room = out.get_mut(at..).unwrap_or_default();
        let len = decompress_len(block).map_err(|_| Fault::Malformed)?;
        let room = room.get_mut(..len).ok_or(Fault::NoRoom)?;
        let wrote = Decoder::new().decompress(block, room).map_err(|_| Fault::Malformed)?;
        at = at.saturating_add(wrote);
        Ok(())
    })?;
    Ok(at)
}

/// How long the output would be by what the blocks say, which is checked when they are decompressed.
pub(super) fn decompressed_len(input: &[u8]) -> Result<usize, Fault> {
    let mut total = 0usize;
    blocks(input, |block| {
        let len = decompress_len(block).map_err(|_| Fault::Malformed)?;
        // A copy of 64 bytes takes at least two: a block cannot say more than it could hold.
        if len / 32 > block.len() {
            return Err(Fault::Malformed);
        }
        total = total.saturating_add(len);
        Ok(())
    })?;
    Ok(total)
}
