//! xxHash, 32 bits, seed 0: the checksum of LZ4 frames.

const PRIME: [u32; 5] = [0x9e37_79b1, 0x85eb_ca77, 0xc2b2_ae3d, 0x27d4_eb2f, 0x1656_67b1];

/// The hash of `bytes`.
pub(super) fn xxh32(bytes: &[u8]) -> u32 {
    let [p1, p2, p3, p4, p5] = PRIME;
    let mut lanes = [p1.wrapping_add(p2), p2, 0, 0u32.wrapping_sub(p1)];
    let mut rest = bytes;
    while let Some((stripe, tail)) = rest.split_first_chunk::<16>() {
        let (words, _) = stripe.as_chunks::<4>();
        for (lane, word) in lanes.iter_mut().zip(words) {
            *lane = lane.wrapping_add(u32::from_le_bytes(*word).wrapping_mul(p2));
            *lane = lane.rotate_left(13).wrapping_mul(p1);
        }
        rest = tail;
    }
    let mut hash = if bytes.len() < 16 {
        p5
    } else {
        let turned = lanes.iter().zip([1, 7, 12, 18]).map(|(lane, by)| lane.rotate_left(by));
        turned.fold(0u32, u32::wrapping_add)
    };
    // The format counts the length modulo 2^32.
    hash = hash.wrapping_add(bytes.len() as u32);
    while let Some((word, tail)) = rest.split_first_chunk::<4>() {
        hash = hash.wrapping_add(u32::from_le_bytes(*word).wrapping_mul(p3));
        hash = hash.rotate_left(17).wrapping_mul(p4);
        rest = tail;
    }
    for byte in rest {
        hash = hash.wrapping_add(u32::from(*byte).wrapping_mul(p5));
        hash = hash.rotate_left(11).wrapping_mul(p1);
    }
    hash = (hash ^ (hash >> 15)).wrapping_mul(p2);
    hash = (hash ^ (hash >> 13)).wrapping_mul(p3);
    hash ^ (hash >> 16)
}

#[cfg(test)]
mod tests {
    use super::xxh32;

    /// From the reference implementation (`xxhsum -H0`).
    #[test]
    fn known_values() {
        assert_eq!(xxh32(b""), 0x02cc_5d05);
        assert_eq!(xxh32(b"a"), 0x550d_7456);
        assert_eq!(xxh32(b"abc"), 0x32d1_53ff);
        assert_eq!(xxh32(b"Nobody inspects the spammish repetition"), 0xe229_3b2f);
    }
}
