//! gzip, by flate2 over zlib-rs.

use alloc::boxed::Box;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::Fault;

/// 32 KiB, the largest and the usual window.
const WINDOW_BITS: u8 = 15;
/// zlib's default, as `compression.gzip.level` -1.
const LEVEL: u32 = 6;

/// A compressor costs about 260 KiB to set up: the last one is kept, with its level.
#[derive(Default)]
pub(super) struct Gzip {
    compressor: Option<Box<(u32, Compress)>>,
}

/// Deflate's stored blocks and the quickest level's codes grow by less than this.
pub(super) const fn bound(len: usize) -> usize {
    len.saturating_add(len >> 3).saturating_add(64)
}

pub(super) fn compress(
    level: Option<i32>,
    input: &[u8],
    out: &mut [u8],
    work: &mut Gzip,
) -> Result<usize, Fault> {
    // `check_level` has seen it.
    let level = level.and_then(|level| u32::try_from(level).ok()).unwrap_or(LEVEL);
    let compressor = match &mut work.compressor {
        Some(kept) if kept.0 == level => {
            kept.1.reset();
            &mut kept.1
        }
        other => {
            let fresh = Compress::new_gzip(Compression::new(level), WINDOW_BITS);
            &mut other.insert(Box::new((level, fresh))).1
        }
    };
    match compressor.compress(input, out, FlushCompress::Finish) {
        Ok(Status::StreamEnd) => usize::try_from(compressor.total_out()).map_err(|_| Fault::NoRoom),
        _ => Err(Fault::NoRoom),
    }
}

/// Decompresses all members of `input`.
pub(super) fn decompress(input: &[u8], out: &mut [u8]) -> Result<usize, Fault> {
    let mut rest = input;
    let mut at = 0usize;
    loop {
        let room = out.get_mut(at..).unwrap_or_default();
        let mut member = Decompress::new_gzip(WINDOW_BITS);
        let status = member.decompress(rest, room, FlushDecompress::Finish);
        let read = usize::try_from(member.total_in()).unwrap_or(usize::MAX);
        let wrote = usize::try_from(member.total_out()).unwrap_or(usize::MAX);
        rest = rest.get(read..).unwrap_or_default();
        at = at.saturating_add(wrote);
        match status {
            Ok(Status::StreamEnd) if rest.is_empty() => return Ok(at),
            Ok(Status::StreamEnd) => {}
            Ok(_) if at >= out.len() && !rest.is_empty() => return Err(Fault::NoRoom),
            _ => return Err(Fault::Malformed),
        }
    }
}

/// What the last member says of its length, modulo 2^32: right unless there are several members, or it lies.
pub(super) fn claimed_len(input: &[u8]) -> Option<usize> {
    usize::try_from(u32::from_le_bytes(*input.last_chunk()?)).ok()
}
