//! Compressed batches: each codec of this build both ways, and the refusals.

use kafka_proto::compress::{
    CompressError, DecompressError, Limit, Workspace, bound, check_level, compress, decompress,
    decompress_to_vec, is_built, levels,
};
use kafka_proto::record::*;

fn built() -> impl Iterator<Item = Codec> {
    Codec::ALL.into_iter().filter(|codec| is_built(*codec))
}

fn batch(records: usize) -> Vec<u8> {
    let mut memory = vec![0; 1 << 20];
    let mut builder = BatchBuilder::new();
    for i in 0..records {
        let value = format!("{{\"sensor\":\"room-{:03}\",\"temperature\":{}.5}}", i % 97, i % 31);
        let record = NewRecord { value: Some(value.as_bytes()), timestamp: i as i64, ..Default::default() };
        builder.append(&mut memory, &record).unwrap();
    }
    let len = builder.finish(&mut memory, &Stamp::NONE);
    memory.truncate(len);
    memory
}

fn compressed(plain: &[u8], codec: Codec) -> Vec<u8> {
    let mut out = vec![0xa5; BATCH_HEADER_LEN + bound(codec, plain.len())];
    let len = compress_batch(plain, codec, None, &mut out, &mut Workspace::new()).unwrap();
    out.truncate(len);
    let stamp = Stamp { producer_id: 9, producer_epoch: 1, base_sequence: 5, ..Stamp::NONE };
    assert_eq!(restamp(&mut out, &stamp), len);
    out
}

#[test]
fn every_codec_of_the_build_goes_both_ways() {
    let mut work = Workspace::new();
    for codec in built() {
        for records in if cfg!(miri) { &[10][..] } else { &[0, 1, 10, 1_000, 8_000] } {
            let records = *records;
            let plain = batch(records);
            let packed = compressed(&plain, codec);
            let mut all = batches(&packed);
            let read = all.next().unwrap().unwrap();
            assert!(all.next().is_none());
            read.verify_crc().unwrap();
            assert_eq!((read.codec(), read.header().producer_id), (codec, 9));
            assert_eq!(read.header().count, records as i32);
            if codec != Codec::None && records >= 1_000 {
                assert!(packed.len() < plain.len() / 2, "{}: {} bytes", codec.name(), packed.len());
            }
            let mut out = vec![0xa5; plain.len() - BATCH_HEADER_LEN];
            assert_eq!(read.decompress(&mut out, &mut work), Ok(out.len()));
            assert_eq!(out, plain[BATCH_HEADER_LEN..]);
            assert_eq!(read.records_from(&out).filter(|r| r.is_ok()).count(), records);
            let mut grown = vec![7; 3];
            read.decompress_to_vec(&mut grown, &Limit::default(), &mut work).unwrap();
            assert_eq!(grown, out);
        }
    }
}

#[test]
fn the_slice_is_the_cap_and_the_error_says_the_size() {
    let mut work = Workspace::new();
    let plain = batch(if cfg!(miri) { 10 } else { 1_000 });
    for codec in built() {
        let packed = compressed(&plain, codec);
        let read = batches(&packed).next().unwrap().unwrap();
        let len = plain.len() - BATCH_HEADER_LEN;
        for room in [0, 1, len / 2, len - 1].into_iter().skip(if cfg!(miri) { 2 } else { 0 }) {
            match read.decompress(&mut vec![0; room], &mut work) {
                Err(DecompressError::TooLarge { need }) => {
                    let exact = codec != Codec::Zstd;
                    assert!(if exact { need == len } else { need > room && need <= len }, "{codec:?} {need}");
                }
                other => panic!("{codec:?} into {room} bytes: {other:?}"),
            }
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "a bomb has more bytes than Miri has time for")]
fn a_bomb_meets_the_limit() {
    let mut work = Workspace::new();
    let zeros = vec![0; 1 << 20];
    for codec in built().filter(|codec| *codec != Codec::None) {
        let mut packed = vec![0; bound(codec, zeros.len())];
        let len = compress(codec, None, &zeros, &mut packed, &mut work).unwrap();
        packed.truncate(len);
        let mut out = Vec::new();
        let limit = Limit { bytes_max: zeros.len() - 1, ratio_max: usize::MAX };
        let error = decompress_to_vec(codec, &packed, &mut out, &limit, &mut work).unwrap_err();
        assert!(matches!(error, DecompressError::TooLarge { .. }), "{codec:?}: {error:?}");
        assert!(out.is_empty() && out.capacity() < zeros.len());
        let limit = Limit { bytes_max: usize::MAX, ratio_max: 2 };
        let error = decompress_to_vec(codec, &packed, &mut out, &limit, &mut work).unwrap_err();
        assert!(matches!(error, DecompressError::TooLarge { .. }), "{codec:?}: {error:?}");
        let limit = Limit { bytes_max: zeros.len(), ratio_max: usize::MAX };
        assert_eq!(decompress_to_vec(codec, &packed, &mut out, &limit, &mut work), Ok(zeros.len()));
        assert_eq!(out, zeros);
    }
}

#[test]
fn what_the_build_cannot_do_is_said_when_it_is_configured() {
    for codec in Codec::ALL {
        let expected = if is_built(codec) { Ok(()) } else { Err(CompressError::NotBuilt(codec)) };
        assert_eq!(check_level(codec, None), expected);
        if !is_built(codec) {
            let mut work = Workspace::new();
            assert_eq!(
                decompress(codec, &[1, 2, 3], &mut [0; 9], &mut work),
                Err(DecompressError::NotBuilt(codec))
            );
            assert_eq!(
                compress(codec, None, &[1, 2, 3], &mut [0; 9], &mut work),
                Err(CompressError::NotBuilt(codec))
            );
        }
    }
    assert_eq!(levels(Codec::Snappy), None);
    assert_eq!(levels(Codec::Gzip), is_built(Codec::Gzip).then_some(1..=9));
    let level = |codec, level| check_level(codec, Some(level));
    assert_eq!(level(Codec::Lz4, 9), Ok(()));
    assert_eq!(level(Codec::Lz4, 12), Err(CompressError::Level { codec: Codec::Lz4, level: 12 }));
    if is_built(Codec::Zstd) {
        let three = level(Codec::Zstd, 3);
        assert_eq!(three.is_ok(), cfg!(feature = "zstd-c"), "{three:?}");
    }
}

#[test]
fn only_a_whole_plain_batch_is_compressed() {
    let mut work = Workspace::new();
    let mut out = vec![0; 10_000];
    let plain = batch(10);
    let mut run = |batch: &[u8]| compress_batch(batch, Codec::Lz4, None, &mut out, &mut work);
    assert_eq!(run(&plain[..plain.len() - 1]), Err(CompressError::NotABatch));
    assert_eq!(run(&plain[..60]), Err(CompressError::NotABatch));
    assert_eq!(run(&compressed(&plain, Codec::Lz4)), Err(CompressError::NotABatch));
    let need = BATCH_HEADER_LEN + bound(Codec::Lz4, plain.len() - BATCH_HEADER_LEN);
    let small = compress_batch(&plain, Codec::Lz4, None, &mut out[..80], &mut work);
    assert_eq!(small, Err(CompressError::NoRoom { need }));
}
