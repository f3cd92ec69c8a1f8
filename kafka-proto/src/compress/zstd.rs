//! Zstandard: ruzstd, which is Rust and has one level, or the C library where the feature `zstd-c` asks for it.

use nom::combinator::cond;
use nom::{Parser, bytes::complete::take};

use crate::lean::{In, NoMatch, Parsed, byte};

#[cfg(feature = "zstd-c")]
mod c;
#[cfg(not(feature = "zstd-c"))]
mod rust;

#[cfg(feature = "zstd-c")]
pub(super) use c::{Zstd, compress, decompress};
#[cfg(not(feature = "zstd-c"))]
pub(super) use rust::{Zstd, compress, decompress};

const MAGIC: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// A frame's header, three bytes per 128 KiB that do not compress, and the checksum; libzstd's own bound is lower.
pub(super) const fn bound(len: usize) -> usize {
    len.saturating_add(len >> 8).saturating_add(128)
}

/// What the first frame says of its length. Streams, as the Java client writes them, say nothing.
pub(super) fn claimed_len(input: &[u8]) -> Option<usize> {
    let (_, len) = content_size(In(input)).ok()?;
    usize::try_from(len?).ok()
}

fn content_size(input: In<'_>) -> Parsed<'_, Option<u64>> {
    let (rest, _) = nom::bytes::complete::tag(MAGIC).parse(input)?;
    let (rest, descriptor) = byte(rest)?;
    let single_segment = descriptor & 0x20 != 0;
    let (rest, _window) = cond(!single_segment, byte).parse(rest)?;
    let dictionary: usize = match descriptor & 3 {
        3 => 4,
        len => usize::from(len),
    };
    let (rest, _) = take::<_, _, NoMatch>(dictionary).parse(rest)?;
    let (len, plus): (usize, u64) = match descriptor >> 6 {
        0 if !single_segment => return Ok((rest, None)),
        0 => (1, 0),
        1 => (2, 256),
        2 => (4, 0),
        _ => (8, 0),
    };
    let (rest, digits) = take::<_, _, NoMatch>(len).parse(rest)?;
    let size = digits.0.iter().rev().fold(0u64, |size, digit| size << 8 | u64::from(*digit));
    Ok((rest, size.checked_add(plus)))
}
