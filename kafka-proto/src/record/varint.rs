//! Zigzag varints (at most 5 bytes for 32 bits, 10 for 64) and the two checked cursors of this module.
//!
//! Servers inline all of it for speed, devices (no `std`) leave that to the compiler for size. The cursors return a verdict per field: after one check of the length the compiler drops the later ones.

use super::RecordFault;

/// Zigzag: small magnitudes of either sign become small numbers.
#[inline(always)]
pub(crate) const fn zigzag(v: i64) -> u64 {
    ((v << 1) ^ (v >> 63)).cast_unsigned()
}

/// The inverse of [`zigzag`].
const fn unzigzag(v: u64) -> i64 {
    (v >> 1).cast_signed() ^ -((v & 1).cast_signed())
}

/// The length of something in memory, which fits. (A sum that saturated becomes −1, and no memory holds that much.)
#[inline(always)]
pub(crate) const fn as_i64(len: usize) -> i64 {
    len as i64
}

const fn unzigzag32(v: u32) -> i32 {
    (v >> 1).cast_signed() ^ -((v & 1).cast_signed())
}

/// How many bytes the zigzag varint of `v` takes, 1 to 10 (to 5 for values of 32 bits).
#[cfg_attr(feature = "std", inline(always))]
pub(crate) const fn varint_len(v: i64) -> usize {
    let bits = 64 - (zigzag(v) | 1).leading_zeros();
    // ceil(bits / 7) for 1..=64, without a division.
    ((bits * 9 + 64) >> 6) as usize
}

/// Reads forward over a slice and never past its end. (A slice and an index keep one register moving, not two.)
#[derive(Clone, Copy, Debug)]
pub(crate) struct Get<'a> {
    pub bytes: &'a [u8],
    /// 0 <= at <= bytes.len()
    pub at: usize,
}

impl<'a> Get<'a> {
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// What is left.
    #[cfg_attr(feature = "std", inline(always))]
    pub fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    #[cfg_attr(feature = "std", inline(always))]
    pub fn byte(&mut self) -> Result<u8, RecordFault> {
        let byte = *self.bytes.get(self.at).ok_or(RecordFault::Truncated)?;
        self.at += 1;
        Ok(byte)
    }

    #[cfg_attr(feature = "std", inline(always))]
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], RecordFault> {
        let array = *self.rest().first_chunk::<N>().ok_or(RecordFault::Truncated)?;
        self.at = self.at.wrapping_add(N);
        Ok(array)
    }

    #[cfg_attr(feature = "std", inline(always))]
    pub fn take(&mut self, len: usize) -> Result<&'a [u8], RecordFault> {
        let end = self.at.saturating_add(len);
        let bytes = self.bytes.get(self.at..end).ok_or(RecordFault::Truncated)?;
        self.at = end;
        Ok(bytes)
    }

    /// A 32-bit zigzag varint.
    #[cfg_attr(feature = "std", inline(always))]
    pub fn varint(&mut self) -> Result<i32, RecordFault> {
        // One and two bytes are what lengths and deltas take in practice.
        let a = *self.bytes.get(self.at).ok_or(RecordFault::Truncated)?;
        if a < 0x80 {
            self.at += 1;
            return Ok(unzigzag32(u32::from(a)));
        }
        match self.bytes.get(self.at + 1) {
            Some(&b) if b < 0x80 => {
                self.at += 2;
                Ok(unzigzag32(u32::from(a & 0x7f) | u32::from(b) << 7))
            }
            _ => {
                let (v, at) = get_long_varint(self.bytes, self.at, 5)?;
                self.at = at;
                // The fifth byte has room for 35 bits.
                u32::try_from(v).map(unzigzag32).map_err(|_| RecordFault::VarintOverflow)
            }
        }
    }

    /// A 64-bit zigzag varint.
    #[cfg_attr(feature = "std", inline(always))]
    pub fn varlong(&mut self) -> Result<i64, RecordFault> {
        let a = *self.bytes.get(self.at).ok_or(RecordFault::Truncated)?;
        if a < 0x80 {
            self.at += 1;
            return Ok(unzigzag(u64::from(a)));
        }
        let (v, at) = get_long_varint(self.bytes, self.at, 10)?;
        self.at = at;
        Ok(unzigzag(v))
    }

    /// A length followed by that many bytes; −1 is null, and nothing else is negative.
    #[cfg_attr(feature = "std", inline(always))]
    pub fn nullable(&mut self) -> Result<Option<&'a [u8]>, RecordFault> {
        let len = self.varint()?;
        match usize::try_from(len) {
            Ok(len) => self.take(len).map(Some),
            Err(_) if len == -1 => Ok(None),
            Err(_) => Err(RecordFault::BadLength),
        }
    }
}

// The two below take and give the cursor's parts by value, so that it stays in registers.

#[inline(never)]
fn get_long_varint(bytes: &[u8], mut at: usize, bytes_max: usize) -> Result<(u64, usize), RecordFault> {
    let mut value = 0u64;
    let mut shift = 0u32;
    for _ in 0..bytes_max {
        let byte = *bytes.get(at).ok_or(RecordFault::Truncated)?;
        at += 1;
        let bits = u64::from(byte & 0x7f);
        if shift == 63 && bits > 1 {
            return Err(RecordFault::VarintOverflow);
        }
        value |= bits.wrapping_shl(shift);
        shift = shift.wrapping_add(7); // at most 10 times
        if byte < 0x80 {
            return Ok((value, at));
        }
    }
    Err(RecordFault::VarintOverflow)
}

#[inline(never)]
fn put_long_varint(out: &mut [u8], at: usize, mut v: u64) -> usize {
    let mut put = Put { out, at };
    while v >= 0x80 {
        put.byte((v & 0x7f) as u8 | 0x80);
        v >>= 7;
    }
    put.byte(v as u8);
    put.at
}

/// Copies between slices of one length. Where a program is built for size, `copy_from_slice` links its panic even if
/// the lengths are known to be equal; the loop becomes a memcpy without one.
#[cfg_attr(feature = "std", inline(always))]
pub(crate) fn copy(to: &mut [u8], from: &[u8]) {
    #[cfg(feature = "std")]
    if to.len() == from.len() {
        to.copy_from_slice(from);
    }
    #[cfg(not(feature = "std"))]
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
}

/// Writes forward into a slice whose size was computed beforehand; what does not fit is dropped, never a panic.
#[derive(Debug)]
pub(crate) struct Put<'b> {
    pub out: &'b mut [u8],
    /// 0 <= at <= out.len()
    pub at: usize,
}

impl<'b> Put<'b> {
    pub const fn new(out: &'b mut [u8]) -> Self {
        Self { out, at: 0 }
    }

    #[cfg_attr(feature = "std", inline(always))]
    pub fn byte(&mut self, v: u8) {
        if let Some(slot) = self.out.get_mut(self.at) {
            *slot = v;
            self.at += 1;
        }
    }

    #[cfg_attr(feature = "std", inline(always))]
    pub fn bytes(&mut self, v: &[u8]) {
        let rest = self.out.get_mut(self.at..).unwrap_or_default();
        if let Some(slot) = rest.get_mut(..v.len()) {
            copy(slot, v);
            self.at = self.at.wrapping_add(v.len());
        }
    }

    #[cfg_attr(feature = "std", inline(always))]
    pub fn array<const N: usize>(&mut self, v: [u8; N]) {
        let rest = self.out.get_mut(self.at..).unwrap_or_default();
        if let Some(slot) = rest.first_chunk_mut() {
            *slot = v;
            self.at = self.at.wrapping_add(N);
        }
    }

    #[cfg_attr(feature = "std", inline(always))]
    pub fn varint(&mut self, v: i64) {
        let v = zigzag(v);
        // One and two bytes are what lengths and deltas take in practice.
        if v < 0x80 {
            self.byte(v as u8);
        } else if v < 0x4000 {
            self.array([(v & 0x7f) as u8 | 0x80, (v >> 7) as u8]);
        } else {
            self.at = put_long_varint(self.out, self.at, v);
        }
    }

    /// A length (−1 for null), then the bytes.
    #[cfg_attr(feature = "std", inline(always))]
    pub fn nullable(&mut self, v: Option<&[u8]>) {
        match v {
            None => self.byte(1),
            Some(v) => {
                self.varint(as_i64(v.len()));
                self.bytes(v);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(v: i64) {
        let mut buf = [0u8; 12];
        let mut put = Put::new(&mut buf);
        put.varint(v);
        let len = put.at;
        assert_eq!(len, varint_len(v), "{v}");
        let mut get = Get::new(&buf[..len]);
        assert_eq!(get.varlong(), Ok(v));
        assert!(get.rest().is_empty());
        let mut get = Get::new(&buf[..len]);
        match i32::try_from(v) {
            Ok(v) => assert_eq!(get.varint(), Ok(v)),
            Err(_) => assert_eq!(get.varint(), Err(RecordFault::VarintOverflow)),
        }
        for cut in 0..len {
            let mut get = Get::new(&buf[..cut]);
            assert_eq!(get.varlong(), Err(RecordFault::Truncated));
        }
    }

    #[test]
    fn every_width_of_either_sign() {
        for shift in (0..64).step_by(if cfg!(miri) { 7 } else { 1 }) {
            for around in [-2i64, -1, 0, 1, 2] {
                let v = 1i64.wrapping_shl(shift).wrapping_add(around);
                round_trip(v);
                round_trip(v.wrapping_neg());
            }
        }
        round_trip(i64::MAX);
        round_trip(i64::MIN);
    }

    #[test]
    fn bits_past_the_type_are_rejected() {
        let over = Err(RecordFault::VarintOverflow);
        assert_eq!(Get::new(&[0xff, 0xff, 0xff, 0xff, 0x0f]).varint(), Ok(i32::MIN));
        assert_eq!(Get::new(&[0xff, 0xff, 0xff, 0xff, 0x1f]).varint(), over);
        assert_eq!(Get::new(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x00]).varint(), over);
        let mut ten = [0xff; 10];
        ten[9] = 1;
        assert_eq!(Get::new(&ten).varlong(), Ok(i64::MIN));
        ten[9] = 2;
        assert_eq!(Get::new(&ten).varlong(), Err(RecordFault::VarintOverflow));
        assert_eq!(Get::new(&[0x80; 11]).varlong(), Err(RecordFault::VarintOverflow));
    }
}
