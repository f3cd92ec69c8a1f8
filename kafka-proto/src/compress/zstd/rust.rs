//! ruzstd.

use alloc::boxed::Box;

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use ruzstd::encoding::{CompressionLevel, FrameCompressor};
use ruzstd::io::{Error, Read, Write};

use crate::compress::Fault;

/// The decoder's buffers, kept from batch to batch. They grow to the largest window that was seen, at most 128 MiB.
#[derive(Default)]
pub(in crate::compress) struct Zstd {
    decoder: Option<Box<FrameDecoder>>,
}

/// A slice as ruzstd's drain, which must not fail: what does not fit is only counted.
struct Drain<'b> {
    out: &'b mut [u8],
    len: usize,
}

impl Write for Drain<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        let end = self.len.saturating_add(bytes.len());
        if let Some(slot) = self.out.get_mut(self.len..end) {
            slot.copy_from_slice(bytes);
        }
        self.len = end;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

pub(in crate::compress) fn compress(
    _only_level: Option<i32>,
    input: &[u8],
    out: &mut [u8],
    _: &mut Zstd,
) -> Result<usize, Fault> {
    let room = out.len();
    let mut compressor = FrameCompressor::new(CompressionLevel::Fastest);
    compressor.set_source(input);
    compressor.set_drain(Drain { out, len: 0 });
    compressor.compress();
    let len = compressor.take_drain().map_or(usize::MAX, |drain| drain.len);
    if len <= room { Ok(len) } else { Err(Fault::NoRoom) }
}

/// Decompresses all frames of `input`.
pub(in crate::compress) fn decompress(
    mut input: &[u8],
    out: &mut [u8],
    work: &mut Zstd,
) -> Result<usize, Fault> {
    let decoder = work.decoder.get_or_insert_default();
    let mut at = 0usize;
    if input.is_empty() {
        return Err(Fault::Malformed);
    }
    while !input.is_empty() {
        match decoder.init(&mut input) {
            Ok(()) => at = frame(decoder, &mut input, out, at)?,
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                length, ..
            })) => input = input.get(length as usize..).ok_or(Fault::Malformed)?,
            Err(FrameDecoderError::WindowSizeTooBig { .. } | FrameDecoderError::DictNotProvided { .. }) => {
                return Err(Fault::Unsupported);
            }
            Err(_) => return Err(Fault::Malformed),
        }
    }
    Ok(at)
}

/// One frame, whose header was read; gives where the output ends.
fn frame(
    decoder: &mut FrameDecoder,
    input: &mut &[u8],
    out: &mut [u8],
    mut at: usize,
) -> Result<usize, Fault> {
    loop {
        // What the decoder holds back is bounded by the window and this step.
        let step = BlockDecodingStrategy::UptoBytes(128 * 1024);
        let finished = decoder.decode_blocks(&mut *input, step).map_err(|_| Fault::Malformed)?;
        let room = out.get_mut(at..).unwrap_or_default();
        at = at.saturating_add(decoder.read(room).map_err(|_| Fault::Malformed)?);
        if decoder.can_collect() != 0 {
            return Err(Fault::NoRoom);
        }
        if finished {
            break;
        }
    }
    match decoder.get_checksum_from_data() {
        Some(sum) if decoder.get_calculated_checksum() != Some(sum) => Err(Fault::Checksum),
        _ => Ok(at),
    }
}
