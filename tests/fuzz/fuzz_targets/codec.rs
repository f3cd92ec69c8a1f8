//! Any bytes as the output of each codec: refused, or decompressed without a trace of what the buffer held; and any bytes
//! compressed and decompressed again.
#![no_main]

use kafka_proto::compress::{DecompressError, Workspace, bound, compress, decompress};
use kafka_proto::record::Codec;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [choice, data @ ..] = data else { return };
    let codec = Codec::ALL[usize::from(*choice) % Codec::ALL.len()];
    let room = 64 << (choice >> 5);
    let mut work = Workspace::new();
    let (mut a, mut b) = (vec![0x00; room], vec![0xff; room]);
    let first = decompress(codec, data, &mut a, &mut work);
    assert_eq!(first, decompress(codec, data, &mut b, &mut work));
    match first {
        Ok(len) => assert_eq!(a[..len], b[..len]),
        Err(DecompressError::TooLarge { need }) => assert!(need > room),
        Err(_) => {}
    }
    let mut packed = vec![0; bound(codec, data.len())];
    let len = compress(codec, None, data, &mut packed, &mut work).unwrap();
    let mut plain = vec![0xa5; data.len()];
    assert_eq!(decompress(codec, &packed[..len], &mut plain, &mut work), Ok(data.len()));
    assert_eq!(plain, data);
});
