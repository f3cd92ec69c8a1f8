//! Compression, both ways, into memory that the caller lends.
//!
//! Which codecs there are is a matter of features: `lz4` (everywhere, without an allocator), `gzip`, `snappy`, `zstd` and
//! `zstd-c`. What a build has not is a typed error that names the codec, never a panic. The output slice is the cap on
//! what decompressing may give: beyond it is [`DecompressError::TooLarge`] with the size that is needed.
//!
//! # Which to choose
//!
//! A batch of 1,000 JSON records of 100 bytes (109,997 bytes), each codec at its default level, on one core of a shared
//! 2.6 GHz EPYC; nanoseconds per record, medians:
//!
//! | feature | bytes | ratio | compress | decompress |
//! | --- | --- | --- | --- | --- |
//! | `lz4` | 28,578 | 3.8 | 54 | 16 |
//! | `snappy` | 29,803 | 3.7 | 56 | 29 |
//! | `gzip` (level 6) | 16,274 | 6.8 | 779 | 76 |
//! | `zstd`, in Rust (one level) | 22,303 | 4.9 | 525 | 130 |
//! | `zstd-c`, the C library (level 3) | 16,205 | 6.8 | 113 | 35 |
//!
//! So `zstd-c` compresses five times as fast as `zstd`, decompresses nearly four times as fast, and leaves a quarter fewer
//! bytes; it costs a C compiler and C code that reads what a broker sends. `zstd` in Rust is for reading what others wrote
//! where that is not wanted; to write, `lz4` is ten times as fast as it, and `gzip` leaves fewer bytes. The figures again:
//! `cargo run --release -p kafka-bench-codec --features codecs`, and with `codecs,zstd-c`.

mod batch;
mod error;
#[cfg(feature = "gzip")]
mod gzip;
#[cfg(feature = "lz4")]
pub(crate) mod lz4;
#[cfg(feature = "snappy")]
mod snappy;
mod work;
#[cfg(any(feature = "zstd", feature = "zstd-c"))]
mod zstd;

pub use batch::compress_batch;
pub use error::{CompressError, DecompressError};
pub use work::Workspace;
#[cfg(feature = "alloc")]
pub use work::{Limit, decompress_to_vec};

use core::ops::RangeInclusive;

use crate::record::Codec;
pub(crate) use error::Fault;

/// Whether this build has the codec.
#[must_use]
pub const fn is_built(codec: Codec) -> bool {
    match codec {
        Codec::None => true,
        Codec::Gzip => cfg!(feature = "gzip"),
        Codec::Snappy => cfg!(feature = "snappy"),
        Codec::Lz4 => cfg!(feature = "lz4"),
        Codec::Zstd => cfg!(any(feature = "zstd", feature = "zstd-c")),
    }
}

/// The levels that this build can compress with, from Kafka's `compression.gzip.level` and so on; `None` for a codec that
/// has no levels or is not built in.
#[must_use]
pub const fn levels(codec: Codec) -> Option<RangeInclusive<i32>> {
    match codec {
        _ if !is_built(codec) => None,
        Codec::None | Codec::Snappy => None,
        Codec::Gzip => Some(1..=9),
        // Kafka's default. Its other levels are a slower coder that this build does not have.
        Codec::Lz4 => Some(9..=9),
        Codec::Zstd if cfg!(feature = "zstd-c") => Some(-131_072..=22),
        // The encoder in Rust has one level, which comes nearest to this one.
        Codec::Zstd => Some(1..=1),
    }
}

/// Whether this build can compress with this codec, at this one of its [`levels`]: what a client asks when it is
/// configured. None stands for the codec's default.
///
/// # Errors
/// [`CompressError::NotBuilt`] or [`CompressError::Level`].
pub fn check_level(codec: Codec, level: Option<i32>) -> Result<(), CompressError> {
    if !is_built(codec) {
        return Err(CompressError::NotBuilt(codec));
    }
    match level {
        Some(level) if !levels(codec).is_some_and(|levels| levels.contains(&level)) => {
            Err(CompressError::Level { codec, level })
        }
        _ => Ok(()),
    }
}

/// The most that compressing `len` bytes can give: a buffer of this size always has room.
#[must_use]
pub const fn bound(codec: Codec, len: usize) -> usize {
    match codec {
        #[cfg(feature = "lz4")]
        Codec::Lz4 => lz4::bound(len),
        #[cfg(feature = "gzip")]
        Codec::Gzip => gzip::bound(len),
        #[cfg(feature = "snappy")]
        Codec::Snappy => snappy::bound(len),
        #[cfg(any(feature = "zstd", feature = "zstd-c"))]
        Codec::Zstd => zstd::bound(len),
        _ => len,
    }
}

/// Compresses `input` into `out`; gives how many bytes it became.
///
/// # Errors
/// [`CompressError::NoRoom`] where `out` is too small, which it never is with [`bound`] bytes; what [`check_level`]
/// says.
pub fn compress(
    codec: Codec,
    level: Option<i32>,
    input: &[u8],
    out: &mut [u8],
    work: &mut Workspace<'_>,
) -> Result<usize, CompressError> {
    check_level(codec, level)?;
    let _ = &work; // not used by all feature sets
    let result = match codec {
        Codec::None => store(input, out),
        #[cfg(feature = "lz4")]
        Codec::Lz4 => lz4::compress(input, out, &mut work.lz4),
        #[cfg(feature = "gzip")]
        Codec::Gzip => gzip::compress(level, input, out, &mut work.gzip),
        #[cfg(feature = "snappy")]
        Codec::Snappy => snappy::compress(input, out, &mut work.snappy),
        #[cfg(any(feature = "zstd", feature = "zstd-c"))]
        Codec::Zstd => zstd::compress(level, input, out, &mut work.zstd),
        #[allow(unreachable_patterns)] // a build with all of them
        _ => return Err(CompressError::NotBuilt(codec)),
    };
    // A coder has no other reason to fail than the room.
    result.map_err(|_| CompressError::NoRoom { need: bound(codec, input.len()) })
}

/// Decompresses `input` into `out`; gives how many bytes it became.
///
/// # Errors
/// [`DecompressError`], which names the codec. What `out` holds then is not specified.
pub fn decompress(
    codec: Codec,
    input: &[u8],
    out: &mut [u8],
    work: &mut Workspace<'_>,
) -> Result<usize, DecompressError> {
    decompress_old(codec, 2, input, out, work)
}

/// The same for the message sets before: in magic 0 the checksum of lz4's header is one that Kafka computed wrongly.
pub(crate) fn decompress_old(
    codec: Codec,
    magic: u8,
    input: &[u8],
    out: &mut [u8],
    work: &mut Workspace<'_>,
) -> Result<usize, DecompressError> {
    let _ = (&work, magic); // not used by all feature sets
    let room = out.len();
    let result = match codec {
        Codec::None => store(input, out),
        #[cfg(feature = "lz4")]
        Codec::Lz4 => lz4::decompress(input, out, magic == 0),
        #[cfg(feature = "gzip")]
        Codec::Gzip => gzip::decompress(input, out),
        #[cfg(feature = "snappy")]
        Codec::Snappy => snappy::decompress(input, out),
        #[cfg(any(feature = "zstd", feature = "zstd-c"))]
        Codec::Zstd => zstd::decompress(input, out, &mut work.zstd),
        #[allow(unreachable_patterns)] // a build with all of them
        _ => return Err(DecompressError::NotBuilt(codec)),
    };
    result.map_err(|fault| match fault {
        Fault::NoRoom => too_large(codec, magic, input, room),
        Fault::Malformed => DecompressError::Malformed(codec),
        Fault::Checksum => DecompressError::Checksum(codec),
        Fault::Unsupported => DecompressError::Unsupported(codec),
    })
}

/// The size that is needed, as far as it can be known without the output.
#[cold]
fn too_large(codec: Codec, magic: u8, input: &[u8], room: usize) -> DecompressError {
    let _ = magic;
    let said: Result<Option<usize>, Fault> = match codec {
        Codec::None => Ok(Some(input.len())),
        #[cfg(feature = "lz4")]
        Codec::Lz4 => lz4::decompressed_len(input, magic == 0).map(Some),
        #[cfg(feature = "snappy")]
        Codec::Snappy => snappy::decompressed_len(input).map(Some),
        #[cfg(feature = "gzip")]
        Codec::Gzip => Ok(gzip::claimed_len(input)),
        #[cfg(any(feature = "zstd", feature = "zstd-c"))]
        Codec::Zstd => Ok(zstd::claimed_len(input)),
        #[allow(unreachable_patterns)] // a build with all of them
        _ => Ok(None),
    };
    let Ok(said) = said else { return DecompressError::Malformed(codec) };
    DecompressError::TooLarge { need: said.unwrap_or(0).max(room.saturating_add(1)) }
}

fn store(input: &[u8], out: &mut [u8]) -> Result<usize, Fault> {
    crate::record::copy(out.get_mut(..input.len()).ok_or(Fault::NoRoom)?, input);
    Ok(input.len())
}
