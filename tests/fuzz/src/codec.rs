//! What holds for each codec.

use kafka_proto::compress::{
    CompressError, DecompressError, Limit, Workspace, bound, compress, decompress, decompress_to_vec,
};
use kafka_proto::record::Codec;

/// Any bytes as the output of the codec: refused, or decompressed without a trace of what the buffer held, and never past
/// its end. Any bytes compressed and decompressed again. And with one of the compressed bytes changed.
pub fn check(codec: Codec, data: &[u8]) {
    let [choice, place, change, data @ ..] = data else { return };
    let mut work = Workspace::new();
    hostile(codec, data, 64 << (choice & 7), &mut work);

    let mut packed = vec![0; bound(codec, data.len())];
    let len = compress(codec, None, data, &mut packed, &mut work).expect("room as the bound says");
    let mut plain = vec![0xa5; data.len()];
    assert_eq!(decompress(codec, &packed[..len], &mut plain, &mut work), Ok(data.len()));
    assert_eq!(plain, data);
    if len > 0 {
        let short = compress(codec, None, data, &mut packed[..len - 1], &mut work);
        assert!(matches!(short, Err(CompressError::NoRoom { need }) if need >= len), "{short:?}");
        let len = compress(codec, None, data, &mut packed, &mut work).expect("the same room");
        let at = usize::from(*place) * len / 256;
        packed[at] ^= change;
        hostile(codec, &packed[..len], data.len(), &mut work);
        hostile(codec, &packed[..at], data.len(), &mut work);
    }
}

/// What comes of bytes that nobody vouches for.
fn hostile(codec: Codec, bytes: &[u8], room: usize, work: &mut Workspace<'_>) {
    let (mut a, mut b) = (vec![0x00; room], vec![0xff; room]);
    let first = decompress(codec, bytes, &mut a, work);
    assert_eq!(first, decompress(codec, bytes, &mut b, &mut Workspace::new()));
    match first {
        Ok(len) => assert_eq!(a[..len], b[..len]),
        Err(DecompressError::TooLarge { need }) => assert!(need > room, "{need} of {room}"),
        Err(_) => {}
    }
    let limit = Limit { bytes_max: 1 << 18, ratio_max: 1_000 };
    let mut grown = Vec::new();
    match decompress_to_vec(codec, bytes, &mut grown, &limit, work) {
        Ok(len) => {
            assert_eq!(len, grown.len());
            if let Ok(first) = first {
                assert_eq!(grown, a[..first]);
            }
        }
        Err(_) => assert!(grown.is_empty()),
    }
    assert!(grown.capacity() <= limit.bytes_max);
}
