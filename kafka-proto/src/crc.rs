//! CRC-32C (Castagnoli), the checksum of a record batch.
//!
//! With `std` the processor's own instruction does the work; without, a table of 64 bytes in flash does.

#[cfg(any(test, not(feature = "std")))]
mod table {
    /// The polynomial, bits reversed.
    const POLYNOMIAL: u32 = 0x82f6_3b78;

    /// What half a byte does to the register. A table for whole bytes is 16 times as large and not twice as fast.
    #[allow(clippy::indexing_slicing, reason = "computed by the compiler, which would say so")]
    static TABLE: [u32; 16] = {
        let mut table = [0; 16];
        let mut half = 0u32;
        while half < 16 {
            let mut sum = half;
            let mut bit = 0;
            while bit < 4 {
                sum = if sum & 1 == 0 { sum >> 1 } else { sum >> 1 ^ POLYNOMIAL };
                bit += 1;
            }
            table[half as usize] = sum;
            half += 1;
        }
        table
    };

    /// Continues `sum`, a finished checksum, over `bytes`.
    #[allow(clippy::indexing_slicing, reason = "an index of four bits is never outside")]
    pub(super) fn append(sum: u32, bytes: &[u8]) -> u32 {
        let step = |sum: u32| TABLE[sum as usize & 15] ^ sum >> 4;
        !bytes.iter().fold(!sum, |sum, byte| step(step(sum ^ u32::from(*byte))))
    }
}

#[cfg(feature = "std")]
fn append(sum: u32, bytes: &[u8]) -> u32 {
    crc32c::crc32c_append(sum, bytes)
}

#[cfg(not(feature = "std"))]
use table::append;

/// The CRC-32C of `bytes`.
#[must_use]
pub fn crc32c(bytes: &[u8]) -> u32 {
    append(0, bytes)
}

/// A CRC-32C of bytes that come in pieces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Crc32c(u32);

impl Crc32c {
    /// The checksum of nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(0)
    }

    /// Goes on over `bytes`.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0 = append(self.0, bytes);
    }

    /// The checksum of all bytes so far; more may follow.
    #[must_use]
    pub const fn value(&self) -> u32 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_of_the_catalogue() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(table::append(0, b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(b""), 0);
    }

    #[test]
    fn pieces_give_what_the_whole_gives() {
        let bytes: [u8; if cfg!(miri) { 60 } else { 200 }] = core::array::from_fn(|i| (i * 7 + 3) as u8);
        for cut in 0..=bytes.len() {
            let (a, b) = bytes.split_at(cut);
            let mut sum = Crc32c::new();
            sum.update(a);
            sum.update(b);
            assert_eq!(sum.value(), crc32c(&bytes));
            assert_eq!(table::append(table::append(0, a), b), crc32c(&bytes));
        }
    }
}
