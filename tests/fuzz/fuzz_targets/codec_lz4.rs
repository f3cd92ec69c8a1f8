//! lz4: there and back, and hostile bytes.
#![no_main]

use kafka_fuzz::codec::check;
use kafka_proto::record::Codec;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| check(Codec::Lz4, data));
