//! Any bytes as record batches, as they are and with their checksum mended: what is handed out is within its batch. And
//! as the message sets before.
#![no_main]

use kafka_proto::record::{Stamp, batches, legacy, restamp};
use libfuzzer_sys::fuzz_target;

fn read(bytes: &[u8]) {
    let mut all = batches(bytes);
    for batch in &mut all {
        let Ok(batch) = batch else { break };
        let Ok(records) = batch.records() else { break };
        let _ = batch.verify_crc();
        let mut last = batch.header().base_offset - 1;
        for record in records {
            let Ok(record) = record else { break };
            assert!(record.offset > last && record.offset < batch.next_offset());
            last = record.offset;
            assert_eq!(record.headers.count(), record.headers.len());
        }
    }
    assert!(all.consumed() <= bytes.len());
}

fuzz_target!(|data: &[u8]| {
    read(data);
    let mut mended = data.to_vec();
    restamp(&mut mended, &Stamp::NONE);
    read(&mended);
    let mut plain = [0; 4096];
    for message in legacy::messages(data) {
        let Ok(message) = message else { return };
        let _ = message.verify_crc();
        if let Ok(len) = message.decompress(&mut plain, &mut Default::default())
            && let Ok(inner) = message.unpack(&plain[..len])
        {
            assert!(inner.count() <= len / 14 + 1);
        }
    }
});
