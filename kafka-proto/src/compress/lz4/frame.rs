//! The LZ4 frame format: a header, blocks with their lengths, an end mark, checksums where wanted.
//!
//! Written as Kafka's clients write it: independent blocks of at most 64 KiB, no checksum but the header's. Read in
//! full: linked blocks, checksums, content size, frames in a row, and skippable ones. A dictionary is refused.

use nom::combinator::cond;
use nom::{IResult, Parser};

use super::xxh32::xxh32;
use super::{BLOCK_MAX, Blocks, walk};
use crate::compress::Fault;
use crate::lean::{In, NoMatch, Parsed, array, byte, le_u32};

pub(super) const MAGIC: u32 = 0x184d_2204;
const SKIPPABLE: u32 = 0x184d_2a50;
/// In a block's length: the block is not compressed.
pub(super) const STORED: u32 = 0x8000_0000;

const VERSION: u8 = 0b0100_0000;
const INDEPENDENT: u8 = 0b0010_0000;
const BLOCK_CHECKSUM: u8 = 0b0001_0000;
const CONTENT_SIZE: u8 = 0b0000_1000;
const CONTENT_CHECKSUM: u8 = 0b0000_0100;
const DICTIONARY: u8 = 0b0000_0001;
/// Blocks of at most 64 KiB.
const BLOCK_64_KIB: u8 = 0b0100_0000;

/// What a frame says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Descriptor {
    flags: u8,
    /// Bytes of a block at most.
    pub(super) block_max: usize,
    content_size: Option<u64>,
}

impl Descriptor {
    fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    pub(super) fn is_independent(&self) -> bool {
        self.has(INDEPENDENT)
    }

    pub(super) fn has_block_checksum(&self) -> bool {
        self.has(BLOCK_CHECKSUM)
    }

    pub(super) fn has_content_checksum(&self) -> bool {
        self.has(CONTENT_CHECKSUM)
    }
}

/// The bytes that the header's checksum covers, parsed.
fn descriptor(input: In<'_>) -> Parsed<'_, Result<Descriptor, Fault>> {
    let (rest, flags) = byte(input)?;
    let (rest, sizes) = byte(rest)?;
    let (rest, content_size) = cond(flags & CONTENT_SIZE != 0, array::<8>).parse(rest)?;
    let (rest, _dictionary) = cond(flags & DICTIONARY != 0, le_u32).parse(rest)?;
    let content_size = content_size.map(u64::from_le_bytes);
    let reserved = flags & 0b0000_0010 | sizes & 0b1000_1111;
    let descriptor = if flags & 0b1100_0000 != VERSION || reserved != 0 || sizes < BLOCK_64_KIB {
        Err(Fault::Malformed)
    } else if flags & DICTIONARY != 0 {
        Err(Fault::Unsupported)
    } else {
        // 4 to 7 stand for 64 KiB to 4 MiB.
        Ok(Descriptor { flags, block_max: 1usize.wrapping_shl(2 * u32::from(sizes >> 4) + 8), content_size })
    };
    Ok((rest, descriptor))
}

/// A frame's header behind the magic. `old` accepts the checksum that Kafka computed wrongly for magic 0.
pub(super) fn header(input: In<'_>, old: bool) -> Result<(In<'_>, Descriptor), Fault> {
    let (rest, parsed) = descriptor(input).map_err(malformed)?;
    let (after, sum) = byte(rest).map_err(malformed)?;
    let covered = input.0.get(..input.0.len().saturating_sub(rest.0.len())).unwrap_or_default();
    let [_, expected, ..] = xxh32(covered).to_le_bytes();
    if sum != expected && !old {
        return Err(Fault::Checksum);
    }
    Ok((after, parsed?))
}

fn malformed(_: nom::Err<NoMatch>) -> Fault {
    Fault::Malformed
}

fn u32_of(input: In<'_>) -> Result<(In<'_>, u32), Fault> {
    le_u32(input).map_err(malformed)
}

fn bytes_of(input: In<'_>, len: usize) -> Result<(In<'_>, &[u8]), Fault> {
    let result: IResult<In<'_>, In<'_>, NoMatch> = nom::bytes::complete::take(len)(input);
    result.map(|(rest, bytes)| (rest, bytes.0)).map_err(malformed)
}

/// Walks over all frames of the input.
fn frames(input: &[u8], old: bool, sink: &mut impl Sink) -> Result<(), Fault> {
    let mut rest = In(input);
    let mut any = false;
    while !rest.0.is_empty() {
        let (after, magic) = u32_of(rest)?;
        rest = after;
        if magic & 0xffff_fff0 == SKIPPABLE {
            let (after, len) = u32_of(rest)?;
            rest = bytes_of(after, len as usize)?.0;
            continue;
        }
        if magic != MAGIC {
            return Err(Fault::Malformed);
        }
        any = true;
        let (after, descriptor) = header(rest, old)?;
        rest = blocks(after, &descriptor, sink)?;
    }
    if any { Ok(()) } else { Err(Fault::Malformed) }
}

fn blocks<'a>(mut rest: In<'a>, descriptor: &Descriptor, sink: &mut impl Sink) -> Result<In<'a>, Fault> {
    sink.begin();
    loop {
        let (after, len) = u32_of(rest)?;
        rest = after;
        if len == 0 {
            break;
        }
        let stored = len & STORED != 0;
        let len = (len & !STORED) as usize;
        if len > descriptor.block_max {
            return Err(Fault::Malformed);
        }
        let (after, block) = bytes_of(rest, len)?;
        rest = after;
        if descriptor.has_block_checksum() {
            let (after, sum) = u32_of(rest)?;
            rest = after;
            if sum != xxh32(block) {
                return Err(Fault::Checksum);
            }
        }
        sink.block(block, stored, descriptor)?;
    }
    let mut sum = None;
    if descriptor.has_content_checksum() {
        let (after, read) = u32_of(rest)?;
        rest = after;
        sum = Some(read);
    }
    sink.end(descriptor, sum)?;
    Ok(rest)
}

/// What is done with the blocks.
trait Sink {
    fn begin(&mut self);
    fn block(&mut self, block: &[u8], stored: bool, descriptor: &Descriptor) -> Result<(), Fault>;
    fn end(&mut self, descriptor: &Descriptor, checksum: Option<u32>) -> Result<(), Fault>;
}

/// Decompresses into a slice.
struct Slice<'b> {
    out: &'b mut [u8],
    /// Bytes written, 0 <= at <= out.len().
    at: usize,
    /// Where the frame began.
    frame: usize,
}

impl Sink for Slice<'_> {
    fn begin(&mut self) {
        self.frame = self.at;
    }

    fn block(&mut self, block: &[u8], stored: bool, descriptor: &Descriptor) -> Result<(), Fault> {
        let end = self.at.saturating_add(descriptor.block_max);
        let whole = self.out.len();
        let room = self.out.get_mut(..end.min(whole)).ok_or(Fault::NoRoom)?;
        if stored {
            let to = room.get_mut(self.at..).and_then(|room| room.get_mut(..block.len()));
            crate::record::copy(to.ok_or(Fault::NoRoom)?, block);
            self.at = self.at.saturating_add(block.len());
            return Ok(());
        }
        let from = if descriptor.is_independent() { self.at } else { self.frame };
        match super::decompress_block(block, room, from, self.at) {
            Ok(at) => self.at = at,
            // More than the frame allows for a block is no want of room.
            Err(Fault::NoRoom) if end <= whole => return Err(Fault::Malformed),
            Err(fault) => return Err(fault),
        }
        Ok(())
    }

    fn end(&mut self, descriptor: &Descriptor, checksum: Option<u32>) -> Result<(), Fault> {
        let content = self.out.get(self.frame..self.at).unwrap_or_default();
        if descriptor.content_size.is_some_and(|size| size != content.len() as u64) {
            return Err(Fault::Malformed);
        }
        match checksum {
            Some(sum) if sum != xxh32(content) => Err(Fault::Checksum),
            _ => Ok(()),
        }
    }
}

/// Counts how long the output would be.
struct Count(usize);

impl Sink for Count {
    fn begin(&mut self) {}

    fn block(&mut self, block: &[u8], stored: bool, _: &Descriptor) -> Result<(), Fault> {
        let len = if stored { Some(block.len()) } else { walk::decompressed_len(block) };
        self.0 = self.0.checked_add(len.ok_or(Fault::Malformed)?).ok_or(Fault::Malformed)?;
        Ok(())
    }

    fn end(&mut self, _: &Descriptor, _: Option<u32>) -> Result<(), Fault> {
        Ok(())
    }
}

/// Decompresses all frames of `input`; gives the output's length.
pub(in crate::compress) fn decompress(input: &[u8], out: &mut [u8], old: bool) -> Result<usize, Fault> {
    let mut slice = Slice { out, at: 0, frame: 0 };
    frames(input, old, &mut slice)?;
    Ok(slice.at)
}

/// How long the output would be, found without writing it.
pub(in crate::compress) fn decompressed_len(input: &[u8], old: bool) -> Result<usize, Fault> {
    let mut count = Count(0);
    frames(input, old, &mut count)?;
    Ok(count.0)
}

/// The most that compressing `len` bytes gives: nothing of it compresses.
pub(in crate::compress) const fn bound(len: usize) -> usize {
    // Header, end mark, and the length of each block.
    len.saturating_add(len.div_ceil(BLOCK_MAX).saturating_mul(4)).saturating_add(7 + 4)
}

/// Compresses `input` as one frame; gives the frame's length.
pub(in crate::compress) fn compress(
    input: &[u8],
    out: &mut [u8],
    blocks: &mut Blocks<'_>,
) -> Result<usize, Fault> {
    let mut at = 0;
    let descriptor = [VERSION | INDEPENDENT, BLOCK_64_KIB];
    let [_, sum, ..] = xxh32(&descriptor).to_le_bytes();
    put(out, &mut at, &MAGIC.to_le_bytes())?;
    put(out, &mut at, &descriptor)?;
    put(out, &mut at, &[sum])?;
    for input in input.chunks(BLOCK_MAX) {
        let length_at = at;
        put(out, &mut at, &[0; 4])?;
        // What is not smaller is stored.
        let room = out.get_mut(at..).unwrap_or_default();
        let length = match blocks.compress(input, room).filter(|len| *len < input.len()) {
            Some(len) => {
                at = at.saturating_add(len);
                len as u32
            }
            None => {
                put(out, &mut at, input)?;
                input.len() as u32 | STORED
            }
        };
        put(out, &mut { length_at }, &length.to_le_bytes())?; // where it was left open
    }
    put(out, &mut at, &[0; 4])?;
    Ok(at)
}

fn put(out: &mut [u8], at: &mut usize, bytes: &[u8]) -> Result<(), Fault> {
    let slot = out.get_mut(*at..).and_then(|room| room.get_mut(..bytes.len())).ok_or(Fault::NoRoom)?;
    crate::record::copy(slot, bytes);
    *at = at.saturating_add(bytes.len());
    Ok(())
}
