//! Zigzag varints (at most 5 bytes for 32 bits, 10 for 64) and the two checked cursors of this module.
//!
//! The cursors return a verdict per field: after one check of the length the compiler drops the later ones.

use super::RecordFault;

/// Zigzag: small magnitudes of either sign become small numbers.
pub(crate) const fn zigzag(v: i64) -> u64 {
    ((v << 1) ^ (v >> 63)).cast_unsigned()
}

/// The inverse of [`zigzag`].
const fn unzigzag(v: u64) -> i64 {
    (v >> 1).cast_signed() ^ -((v & 1).cast_signed())
}

/// How many bytes the zigzag varint of `v` takes, 1 to 10 (to 5 for values of 32 bits).
pub(crate) const fn varint_len(v: i64) -> usize {
    let bits = 64 - (zigzag(v) | 1).leading_zeros();
    // ceil(bits / 7) for 1..=64, without a division.
    ((bits * 9 + 64) >> 6) as usize
}

/// Reads forward over a slice and never past its end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Get<'a> {
    pub rest: &'a [u8],
}

impl<'a> Get<'a> {
    #[inline]
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], RecordFault> {
        let (head, rest) = self.rest.split_first_chunk::<N>().ok_or(RecordFault::Truncated)?;
        self.rest = rest;
        Ok(*head)
    }

    #[inline]
    pub fn bytes(&mut self, len: usize) -> Result<&'a [u8], RecordFault> {
        let (head, rest) = self.rest.split_at_checked(len).ok_or(RecordFault::Truncated)?;
        self.rest = rest;
        Ok(head)
    }

    /// A 32-bit zigzag varint.
    #[inline]
    pub fn varint(&mut self) -> Result<i32, RecordFault> {
        // One and two bytes are what lengths and deltas take in practice.
        match *self.rest {
            [a, ref rest @ ..] if a < 0x80 => {
                self.rest = rest;
                Ok(unzigzag(u64::from(a)) as i32)
            }
            [a, b, ref rest @ ..] if b < 0x80 => {
                self.rest = rest;
                Ok(unzigzag(u64::from(a & 0x7f) | u64::from(b) << 7) as i32)
            }
            _ => {
                let v = self.long_varint(5)?;
                // The fifth byte has room for 35 bits.
                let v = u32::try_from(v).map_err(|_| RecordFault::VarintOverflow)?;
                Ok(unzigzag(u64::from(v)) as i32)
            }
        }
    }

    /// A 64-bit zigzag varint.
    #[inline]
    pub fn varlong(&mut self) -> Result<i64, RecordFault> {
        match *self.rest {
            [a, ref rest @ ..] if a < 0x80 => {
                self.rest = rest;
                Ok(unzigzag(u64::from(a)))
            }
            _ => self.long_varint(10).map(unzigzag),
        }
    }

    fn long_varint(&mut self, bytes_max: usize) -> Result<u64, RecordFault> {
        let mut value = 0u64;
        let mut shift = 0u32;
        let mut rest = self.rest;
        for _ in 0..bytes_max {
            let (&byte, tail) = rest.split_first().ok_or(RecordFault::Truncated)?;
            rest = tail;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(RecordFault::VarintOverflow);
            }
            value |= bits << shift;
            shift += 7;
            if byte < 0x80 {
                self.rest = rest;
                return Ok(value);
            }
        }
        Err(RecordFault::VarintOverflow)
    }

    /// A length followed by that many bytes; −1 is null, and nothing else is negative.
    #[inline]
    pub fn nullable(&mut self) -> Result<Option<&'a [u8]>, RecordFault> {
        let len = self.varint()?;
        match usize::try_from(len) {
            Ok(len) => self.bytes(len).map(Some),
            Err(_) if len == -1 => Ok(None),
            Err(_) => Err(RecordFault::BadLength),
        }
    }
}

/// Writes forward into a slice whose size was computed beforehand; what does not fit is dropped, never a panic.
#[derive(Debug)]
pub(crate) struct Put<'b> {
    pub rest: &'b mut [u8],
}

impl Put<'_> {
    #[inline]
    pub fn byte(&mut self, v: u8) {
        if let Some((slot, rest)) = core::mem::take(&mut self.rest).split_first_mut() {
            *slot = v;
            self.rest = rest;
        }
    }

    #[inline]
    pub fn bytes(&mut self, v: &[u8]) {
        if let Some((slot, rest)) = core::mem::take(&mut self.rest).split_at_mut_checked(v.len()) {
            slot.copy_from_slice(v);
            self.rest = rest;
        }
    }

    #[inline]
    pub fn varint(&mut self, v: i64) {
        let mut v = zigzag(v);
        while v >= 0x80 {
            self.byte((v & 0x7f) as u8 | 0x80);
            v >>= 7;
        }
        self.byte(v as u8);
    }

    /// A length (−1 for null), then the bytes.
    #[inline]
    pub fn nullable(&mut self, v: Option<&[u8]>) {
        match v {
            None => self.byte(1),
            Some(v) => {
                self.varint(v.len() as i64);
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
        let mut put = Put { rest: &mut buf };
        put.varint(v);
        let len = 12 - put.rest.len();
        assert_eq!(len, varint_len(v), "{v}");
        let mut get = Get { rest: &buf[..len] };
        assert_eq!(get.varlong(), Ok(v));
        assert!(get.rest.is_empty());
        let mut get = Get { rest: &buf[..len] };
        match i32::try_from(v) {
            Ok(v) => assert_eq!(get.varint(), Ok(v)),
            Err(_) => assert_eq!(get.varint(), Err(RecordFault::VarintOverflow)),
        }
        for cut in 0..len {
            let mut get = Get { rest: &buf[..cut] };
            assert_eq!(get.varlong(), Err(RecordFault::Truncated));
        }
    }

    #[test]
    fn every_width_of_either_sign() {
        for shift in 0..64 {
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
        assert_eq!(Get { rest: &[0xff, 0xff, 0xff, 0xff, 0x0f] }.varint(), Ok(i32::MIN));
        assert_eq!(Get { rest: &[0xff, 0xff, 0xff, 0xff, 0x1f] }.varint(), over);
        assert_eq!(Get { rest: &[0x80, 0x80, 0x80, 0x80, 0x80, 0x00] }.varint(), over);
        let mut ten = [0xff; 10];
        ten[9] = 1;
        assert_eq!(Get { rest: &ten }.varlong(), Ok(i64::MIN));
        ten[9] = 2;
        assert_eq!(Get { rest: &ten }.varlong(), Err(RecordFault::VarintOverflow));
        assert_eq!(Get { rest: &[0x80; 11] }.varlong(), Err(RecordFault::VarintOverflow));
    }
}
