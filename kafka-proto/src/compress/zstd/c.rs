//! The C library.

use zstd_safe::{CCtx, DCtx, get_error_name};

use crate::compress::Fault;

/// Kafka's default for `compression.zstd.level`.
const LEVEL: i32 = 3;

/// The contexts, kept from batch to batch.
#[derive(Default)]
pub(in crate::compress) struct Zstd {
    compressor: Option<CCtx<'static>>,
    decompressor: Option<DCtx<'static>>,
}

pub(in crate::compress) fn compress(
    level: Option<i32>,
    input: &[u8],
    out: &mut [u8],
    work: &mut Zstd,
) -> Result<usize, Fault> {
    if work.compressor.is_none() {
        work.compressor = CCtx::try_create();
    }
    let compressor = work.compressor.as_mut().ok_or(Fault::NoRoom)?;
    compressor.compress(out, input, level.unwrap_or(LEVEL)).map_err(|_| Fault::NoRoom)
}

pub(in crate::compress) fn decompress(input: &[u8], out: &mut [u8], work: &mut Zstd) -> Result<usize, Fault> {
    if work.decompressor.is_none() {
        work.decompressor = DCtx::try_create();
    }
    if input.is_empty() {
        return Err(Fault::Malformed);
    }
    let decompressor = work.decompressor.as_mut().ok_or(Fault::NoRoom)?;
    decompressor.decompress(out, input).map_err(|code| match get_error_name(code) {
        // The library's numbers are not part of its interface, its texts are all there is.
        "Destination buffer is too small" => Fault::NoRoom,
        "Restored data doesn't match checksum" => Fault::Checksum,
        "Dictionary mismatch" | "Frame requires too much memory for decoding" | "Unsupported parameter" => {
            Fault::Unsupported
        }
        _ => Fault::Malformed,
    })
}
