//! Records that say who they are: each value carries its id and its place, and every byte of it follows from them.

/// Bytes of a value before its filling.
pub const HEAD_LEN: usize = 16;

/// The value of record `id` for a topic: the id, the topic's number, and `filling` bytes that follow from both.
pub fn value(id: u64, topic: u16, filling: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEAD_LEN + filling);
    bytes.extend_from_slice(&id.to_be_bytes());
    bytes.extend_from_slice(&topic.to_be_bytes());
    bytes.extend_from_slice(b"record");
    let mut word = id ^ (u64::from(topic) << 48);
    for _ in 0..filling {
        word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        bytes.push((word >> 56) as u8 & 0x3f);
    }
    bytes
}

/// The id and the topic's number of a value that [`value`] made.
pub fn identify(value: &[u8]) -> Option<(u64, u16)> {
    let id = u64::from_be_bytes(value.get(..8)?.try_into().ok()?);
    let topic = u16::from_be_bytes(value.get(8..10)?.try_into().ok()?);
    (value.get(10..HEAD_LEN)? == b"record").then_some((id, topic))
}

/// A number that stands for key and value, byte by byte.
pub fn digest(key: Option<&[u8]>, value: Option<&[u8]>) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    let mut eat = |part: Option<&[u8]>| {
        hash = (hash ^ part.map_or(u64::MAX, |p| p.len() as u64)).wrapping_mul(0x0000_0100_0000_01b3);
        for byte in part.unwrap_or_default() {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    };
    eat(key);
    eat(value);
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_names_its_record_and_any_change_shows() {
        let v = value(7, 3, 20);
        assert_eq!(identify(&v), Some((7, 3)));
        let whole = digest(None, Some(&v));
        for at in 0..v.len() {
            let mut other = v.clone();
            other[at] ^= 1;
            assert_ne!(digest(None, Some(&other)), whole);
        }
        assert_ne!(digest(Some(b""), Some(&v)), whole);
    }
}
