//! Batches, right or spoiled, plain and lz4, an element at a time: what the reader of whole batches gives, in any memory
//! that is large enough; in less, the batches that end well are the same.
#![no_main]

use kafka_fuzz::records::{End, log, stream, whole};
use kafka_fuzz::spoil;
use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;

fn check(u: &mut Unstructured<'_>) -> Result<()> {
    let mut log = log(u)?;
    spoil(u, &mut log)?;
    let (memory, window) = (u.int_in_range(61..=1 << 14)?, u.int_in_range(0..=1 << 16)?);
    let whole = whole(&log);
    let roomy = stream(&log, &[], usize::MAX, 1 << 17, false);
    // A batch that is cut is handed out as far as it goes; the other reader leaves it out.
    assert!(roomy.items.starts_with(&whole.items) || whole.end == End::Corrupt, "{roomy:?}\n{whole:?}");
    if whole.end == End::Corrupt {
        // The stream does not look at lz4's own checksums, and may find less to object to.
        let common = roomy.items.iter().zip(&whole.items).take_while(|(a, b)| a == b).count();
        assert!(common == whole.items.len() || roomy.end != End::Input, "{roomy:?}\n{whole:?}");
    }
    let small = stream(&log, u.bytes(2.min(u.len()))?, memory, window, true);
    let ends = |items: &[String]| -> Vec<String> {
        items.iter().filter(|item| item.starts_with("verified")).cloned().collect()
    };
    if whole.end == End::Input && small.end == End::Input {
        assert_eq!(ends(&small.items), ends(&whole.items));
    }
    Ok(())
}

fuzz_target!(|data: &[u8]| {
    let _ = check(&mut Unstructured::new(data));
});
