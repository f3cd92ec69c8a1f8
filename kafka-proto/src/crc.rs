//! CRC-32C (Castagnoli), the checksum of a record batch.
//!
//! With `std` the processor's own instruction does the work; without, a table of 1 KiB in flash does.

#[cfg(any(test, not(feature = "std")))]
mod table {
    use crc::{CRC_32_ISCSI, Crc, Table};

    static CASTAGNOLI: Crc<u32, Table<1>> = Crc::<u32, Table<1>>::new(&CRC_32_ISCSI);

    /// Continues `sum`, a finished checksum, over `bytes`.
    pub(super) fn append(sum: u32, bytes: &[u8]) -> u32 {
        // The algorithm reflects its input, and `crc` wants the register as it stood before that.
        let mut digest = CASTAGNOLI.digest_with_initial((!sum).reverse_bits());
        digest.update(bytes);
        digest.finalize()
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
        let bytes: [u8; 200] = core::array::from_fn(|i| (i * 7 + 3) as u8);
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
