//! The codecs of this build over the batch of the other cases.

use std::hint::black_box;

use kafka_proto::compress::{Workspace, bound, compress, decompress, is_built};
use kafka_proto::record::Codec;

use crate::RECORDS;
use crate::measure::Table;

pub fn run(wire: &[u8]) {
    let mut table = Table::new("record", RECORDS);
    println!("\nThe same batch compressed");
    for codec in Codec::ALL.into_iter().filter(|codec| is_built(*codec) && *codec != Codec::None) {
        let mut packed = vec![0; bound(codec, wire.len())];
        let mut work = Workspace::new();
        let len = compress(codec, None, wire, &mut packed, &mut work).unwrap();
        println!("{}: {} to {len} bytes", codec.name(), wire.len());
        let compressed = packed[..len].to_vec();
        let plain = wire.to_vec();
        table.add("compress", codec.name(), move || {
            black_box(compress(codec, None, black_box(&plain), &mut packed, &mut work).unwrap());
        });
        let mut out = vec![0; wire.len()];
        let mut work = Workspace::new();
        table.add("decompress", codec.name(), move || {
            let len = decompress(codec, black_box(&compressed), &mut out, &mut work).unwrap();
            assert_eq!(len, out.len());
        });
    }
    table.print();
}
