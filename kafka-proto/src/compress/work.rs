//! What the coders work with, kept from batch to batch; and output that grows.

#[cfg(feature = "alloc")]
use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;

#[cfg(feature = "alloc")]
use super::DecompressError;
#[cfg(feature = "lz4")]
use super::lz4::Blocks;
#[cfg(feature = "alloc")]
use crate::record::Codec;

/// Memory of the coders that is worth keeping from one batch to the next. Decompressing lz4 needs none.
#[derive(Default)]
pub struct Workspace<'m> {
    #[cfg(feature = "lz4")]
    pub(super) lz4: Blocks<'m>,
    #[cfg(feature = "gzip")]
    pub(super) gzip: super::gzip::Gzip,
    #[cfg(feature = "snappy")]
    pub(super) snappy: super::snappy::Snappy,
    #[cfg(any(feature = "zstd", feature = "zstd-c"))]
    pub(super) zstd: super::zstd::Zstd,
    /// Lent memory is not used by all feature sets.
    lent: PhantomData<&'m mut [u16]>,
}

impl<'m> Workspace<'m> {
    /// Coders that allocate what they need when they are used first.
    #[cfg(feature = "std")]
    #[must_use]
    pub fn new() -> Workspace<'static> {
        Workspace::default()
    }

    /// With a table for the lz4 coder: 512 to 4,096 entries, a power of two. Fewer find less to compress, and with none
    /// at all lz4 stores. Builds with `std` use tables of their own.
    #[must_use]
    pub fn lent(table: &'m mut [u16]) -> Self {
        let _ = &table;
        Self {
            #[cfg(feature = "lz4")]
            lz4: Blocks::lent(table),
            ..Self::default()
        }
    }
}

impl fmt::Debug for Workspace<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Workspace")
    }
}

/// How much decompressing may give.
#[cfg(feature = "alloc")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Bytes of output, whatever the input.
    pub bytes_max: usize,
    /// Bytes of output per byte of input. Repetitive data reaches 255 with lz4, 1,030 with gzip, and more with zstd.
    pub ratio_max: usize,
}

#[cfg(feature = "alloc")]
impl Default for Limit {
    /// 256 MiB, and 10,000 times the input.
    fn default() -> Self {
        Self { bytes_max: 256 << 20, ratio_max: 10_000 }
    }
}

/// Decompresses into `out`, which becomes exactly the output and grows as far as `limit` allows.
///
/// # Errors
/// As [`decompress`](super::decompress); [`DecompressError::TooLarge`] where the limit is met. `out` is empty then.
#[cfg(feature = "alloc")]
pub fn decompress_to_vec(
    codec: Codec,
    input: &[u8],
    out: &mut Vec<u8>,
    limit: &Limit,
    work: &mut Workspace<'_>,
) -> Result<usize, DecompressError> {
    // A few bytes of input may stand for more than the ratio without being a bomb.
    let most = limit.bytes_max.min(input.len().saturating_mul(limit.ratio_max).max(1 << 16));
    // What the vector has is used first; it was large enough for the batch before.
    let start = out.capacity().max(input.len().saturating_mul(4)).min(most);
    resize(out, start);
    loop {
        let room = out.len();
        match super::decompress(codec, input, out, work) {
            Ok(len) => {
                out.truncate(len);
                return Ok(len);
            }
            Err(DecompressError::TooLarge { need }) if room < most && need <= most => {
                // A claimed size is believed once; the next round at least doubles.
                resize(out, need.max(room.saturating_mul(2)).min(most));
            }
            Err(error) => {
                out.clear();
                return Err(error);
            }
        }
    }
}

/// Without the contents, and without the room for more that a vector likes to take: the limit is meant.
#[cfg(feature = "alloc")]
fn resize(out: &mut Vec<u8>, len: usize) {
    if out.capacity() < len {
        out.clear();
        out.reserve_exact(len);
    }
    out.resize(len, 0);
}
