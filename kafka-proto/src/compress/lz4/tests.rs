//! Our block coder and lz4_flex judge each other; our frames are judged by lz4_flex's.

use std::io::{Read, Write};
use std::vec;
use std::vec::Vec;

use lz4_flex::frame::{BlockMode, BlockSize, FrameDecoder, FrameEncoder, FrameInfo};

use super::{block, bound, compress, decompress, decompressed_len, walk};
use crate::compress::{Fault, Workspace};

/// xorshift64*: the same bytes in every run.
struct Seed(u64);

impl Seed {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % below
    }

    /// Bytes that repeat themselves more or less, at all distances.
    fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(len);
        let alphabet = 1 + self.next(256);
        while out.len() < len {
            let run = 1 + self.next(200);
            if self.next(3) == 0 || out.is_empty() {
                out.extend((0..run.min(20)).map(|_| self.next(alphabet) as u8));
            } else {
                let back = 1 + self.next(out.len());
                (0..run).for_each(|_| out.push(out[out.len() - back]));
            }
        }
        out.truncate(len);
        out
    }
}

/// Bytes of an input: Miri is a hundred times slower.
const LEN_MAX: usize = if cfg!(miri) { 600 } else { 1 << 20 };

fn rounds() -> usize {
    if cfg!(miri) {
        return 8;
    }
    std::env::var("KAFKA_PROTO_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(400)
}

#[test]
fn blocks_of_ours_are_read_by_ours_and_by_lz4_flex() {
    let mut seed = Seed(1);
    for round in 0..rounds() {
        let input = {
            let len = seed.next([20, 300, 5_000, 65_537][round % 4].min(LEN_MAX));
            seed.bytes(len)
        };
        let mut table = vec![0xffff; [0, 1, 512, 1000, 4096][seed.next(5)]];
        let mut packed = vec![0; input.len() + input.len() / 200 + 20];
        let len = block::compress(&input, &mut packed, &mut table).unwrap();
        packed.truncate(len);
        assert_eq!(walk::decompressed_len(&packed), Some(input.len()));
        // Poisoned: what was in the buffer before must not come out.
        let mut out = vec![0xa5; input.len()];
        assert_eq!(block::decompress(&packed, &mut out, 0, 0), Ok(input.len()));
        assert_eq!(out, input);
        assert_eq!(lz4_flex::block::decompress(&packed, input.len()).unwrap(), input);
        if !input.is_empty() {
            let mut short = vec![0; input.len() - 1];
            assert_eq!(block::decompress(&packed, &mut short, 0, 0), Err(Fault::NoRoom));
            assert_eq!(block::compress(&input, &mut packed[..len - 1], &mut table), None);
        }
    }
}

#[test]
fn blocks_of_lz4_flex_are_read_by_ours_after_other_output() {
    let mut seed = Seed(2);
    for round in 0..rounds() {
        let input = {
            let len = seed.next([20, 300, 5_000, 200_000][round % 4].min(LEN_MAX));
            seed.bytes(len)
        };
        let packed = lz4_flex::block::compress(&input);
        let before = seed.next(100);
        let mut out = vec![0xa5; before + input.len()];
        assert_eq!(block::decompress(&packed, &mut out, before, before), Ok(out.len()));
        assert_eq!(out[before..], input);
        assert!(out[..before].iter().all(|b| *b == 0xa5));
        assert_eq!(walk::decompressed_len(&packed), Some(input.len()));
    }
}

#[test]
fn hostile_blocks_get_the_same_verdict_from_both() {
    let mut seed = Seed(3);
    for _ in 0..rounds() * if cfg!(miri) { 2 } else { 20 } {
        let input = {
            let len = 1 + seed.next(300);
            seed.bytes(len)
        };
        let mut packed = lz4_flex::block::compress(&input);
        for _ in 0..1 + seed.next(3) {
            let at = seed.next(packed.len());
            packed[at] = seed.next(256) as u8;
        }
        packed.truncate(1 + seed.next(packed.len()));
        let (mut ours, mut theirs) = (vec![0; 2_000], vec![0; 2_000]);
        let ours_len = block::decompress(&packed, &mut ours, 0, 0).ok();
        let theirs_len = lz4_flex::block::decompress_into(&packed, &mut theirs).ok();
        if let (Some(a), Some(b)) = (ours_len, theirs_len) {
            assert_eq!(ours[..a], theirs[..b]);
        }
        // Ours is the stricter: a block ends with literals.
        assert!(ours_len.is_none() || theirs_len.is_some(), "{packed:?}");
    }
}

#[test]
fn our_frames_are_read_by_lz4_flex() {
    let mut seed = Seed(4);
    let mut table = [0; 1024];
    let mut work = Workspace::lent(&mut table);
    for round in 0..rounds() / 4 {
        let input = {
            let len = seed.next([20, 5_000, 300_000][round % 3].min(LEN_MAX));
            seed.bytes(len)
        };
        let mut packed = vec![0; bound(input.len())];
        let len = compress(&input, &mut packed, &mut work.lz4).unwrap();
        assert_eq!(packed[..7], [0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82], "as Kafka's clients write it");
        let mut out = Vec::new();
        FrameDecoder::new(&packed[..len]).read_to_end(&mut out).unwrap();
        assert_eq!(out, input);
        assert_eq!(decompressed_len(&packed[..len], false), Ok(input.len()));
        assert_eq!(compress(&input, &mut packed[..len - 1], &mut work.lz4), Err(Fault::NoRoom));
    }
}

#[test]
fn frames_of_every_kind_are_read() {
    let mut seed = Seed(5);
    for round in 0..rounds() / 4 {
        let input = {
            let len = seed.next([20, 5_000, 300_000][round % 3].min(LEN_MAX));
            seed.bytes(len)
        };
        let size = [BlockSize::Max64KB, BlockSize::Max256KB, BlockSize::Max1MB][seed.next(3)];
        let mode = [BlockMode::Independent, BlockMode::Linked][seed.next(2)];
        let info = FrameInfo::new()
            .block_size(size)
            .block_mode(mode)
            .block_checksums(seed.next(2) == 0)
            .content_checksum(seed.next(2) == 0)
            .content_size((seed.next(2) == 0).then_some(input.len() as u64));
        let mut packed = Vec::new();
        let mut encoder = FrameEncoder::with_frame_info(info.clone(), &mut packed);
        encoder.write_all(&input).unwrap();
        encoder.finish().unwrap();
        // Two frames with something skippable between them are one stream.
        if seed.next(4) == 0 {
            let again = packed.clone();
            packed.extend([0x53, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);
            packed.extend(again);
        }
        let expected = decompressed_len(&packed, false).unwrap();
        let mut out = vec![0xa5; expected];
        assert_eq!(decompress(&packed, &mut out, false), Ok(expected), "{info:?}");
        assert!(out.chunks(input.len().max(1)).all(|part| part == input));
        if expected > 0 {
            let mut short = vec![0; expected - 1];
            assert_eq!(decompress(&packed, &mut short, false), Err(Fault::NoRoom));
        }
    }
}

#[test]
fn what_a_frame_says_about_itself_is_checked() {
    let mut packed = Vec::new();
    let info = FrameInfo::new().block_checksums(true).content_checksum(true).content_size(Some(5));
    let mut encoder = FrameEncoder::with_frame_info(info, &mut packed);
    encoder.write_all(b"hello").unwrap();
    encoder.finish().unwrap();
    let mut out = [0; 64];
    assert_eq!(decompress(&packed, &mut out, false), Ok(5));
    for bit in (0..packed.len() * 8).step_by(if cfg!(miri) { 11 } else { 1 }) {
        let mut bad = packed.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert!(decompress(&bad, &mut out, false).is_err(), "bit {bit}");
    }
    for cut in 0..packed.len() {
        assert!(decompress(&packed[..cut], &mut out, false).is_err(), "cut {cut}");
    }
    // The header's checksum as Kafka once computed it, over the magic as well.
    packed[14] ^= 0xff;
    assert_eq!(decompress(&packed, &mut out, false), Err(Fault::Checksum));
    assert_eq!(decompress(&packed, &mut out, true), Ok(5));
    assert_eq!(decompress(b"", &mut out, false), Err(Fault::Malformed));
}
