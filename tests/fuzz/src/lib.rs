//! What the targets share: inputs that are nearly right, made from the fuzzer's bytes, and readers that are fed in pieces.

pub mod codec;
pub mod feed;
pub mod messages;
pub mod records;

use libfuzzer_sys::arbitrary::{Result, Unstructured};

/// What lengths and counts are set to.
const EDGES: [i32; 10] = [-2, -1, 0, 1, 0x7f, 0x80, 0x7fff, 0x8000, i32::MAX, i32::MIN];

/// Turns bits, overwrites what may be lengths, and cuts, up to four times. Whether anything was done is for the caller to
/// see: the fuzzer's bytes may say that nothing is.
pub fn spoil(u: &mut Unstructured<'_>, bytes: &mut Vec<u8>) -> Result<()> {
    for _ in 0..u.int_in_range(0..=4)? {
        if bytes.is_empty() {
            return Ok(());
        }
        let at = u.choose_index(bytes.len())?;
        match u.int_in_range(0..=4)? {
            0 => bytes[at] ^= 1 << u.int_in_range(0..=7)?,
            1 => bytes.truncate(at),
            2 => bytes[at] = u.arbitrary()?,
            3 => overwrite(bytes, at, &u.choose(&EDGES)?.to_be_bytes()),
            _ => overwrite(bytes, at, &u.choose(&EDGES)?.to_be_bytes()[2..]),
        }
    }
    Ok(())
}

fn overwrite(bytes: &mut [u8], at: usize, new: &[u8]) {
    bytes[at..].iter_mut().zip(new).for_each(|(to, from)| *to = *from);
}
