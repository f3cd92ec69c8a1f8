//! Which partition a record goes to when its sender does not say.
//!
//! A record with a key goes where Java's client sends it: `murmur2(key) & 0x7fffffff % partitions`. A record without
//! one goes to the partition that is the topic's at the moment, until a batch's worth of bytes went there (KIP-480,
//! KIP-794): that fills batches, and spreads evenly over time.

use crate::random::Random;

/// Austin Appleby's MurmurHash2 with the seed Kafka uses, as in Java's `Utils.murmur2`.
pub fn murmur2(key: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let mut h = 0x9747_b28c ^ (key.len() as u32);
    let mut words = key.chunks_exact(4);
    for word in &mut words {
        let mut k = word.first_chunk().map_or(0, |w| u32::from_le_bytes(*w)).wrapping_mul(M);
        k ^= k >> 24;
        h = h.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        for (i, byte) in rest.iter().enumerate() {
            h ^= u32::from(*byte) << (8 * i);
        }
        h = h.wrapping_mul(M);
    }
    h ^= h >> 13;
    h = h.wrapping_mul(M);
    h ^ (h >> 15)
}

/// The partition of a key among `partitions`.
pub fn partition_for_key(key: &[u8], partitions: u32) -> u32 {
    (murmur2(key) & 0x7fff_ffff).checked_rem(partitions).unwrap_or(0)
}

/// A topic's partition of the moment for records without a key.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sticky {
    partition: u32,
    /// Bytes it still takes; 0 at the start, so that the first partition is drawn too.
    left: u32,
}

impl Sticky {
    /// The partition of the moment, among `partitions`. `load` says how much waits in one: of two that are drawn the
    /// less loaded is taken, so that a slow broker gets fewer records (KIP-794) at the same cost for any number of them.
    pub(crate) fn current(
        &mut self,
        partitions: u32,
        batch_size: u32,
        random: &mut Random,
        load: impl Fn(u32) -> u32,
    ) -> u32 {
        if self.left == 0 || self.partition >= partitions {
            let mut draw = || {
                // Never the same one twice in a row, where there is another.
                let step = 1 + random.below(partitions.saturating_sub(1));
                (self.partition + step).checked_rem(partitions).unwrap_or(0)
            };
            let (one, other) = (draw(), draw());
            self.partition = if load(other) < load(one) { other } else { one };
            self.left = batch_size;
        }
        self.partition
    }

    /// So many bytes went to it.
    pub(crate) fn took(&mut self, bytes: u32) {
        self.left = self.left.saturating_sub(bytes);
    }

    /// Its batch was closed: the next record may go elsewhere.
    pub(crate) fn batch_closed(&mut self) {
        self.left = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by `org.apache.kafka.common.utils.Utils.murmur2` of the Java client.
    #[test]
    fn murmur2_is_javas() {
        for (key, hash) in [
            (&b"21"[..], -973_932_308),
            (b"foobar", -790_332_482),
            (b"a-little-bit-long-string", -985_981_536),
            (b"a-little-bit-longer-string", -1_486_304_829),
            (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            (b"abc", 479_470_107),
        ] {
            assert_eq!(murmur2(key) as i32, hash, "{key:?}");
        }
    }

    #[test]
    fn keyless_records_fill_a_batch_and_move_on() {
        let mut random = Random::new(1);
        let mut sticky = Sticky::default();
        let mut seen = [0u32; 3];
        let mut last = None;
        for _ in 0..300 {
            let p = sticky.current(3, 100, &mut random, |_| 0);
            assert_ne!(last, Some(p), "moves on after a batch");
            for _ in 0..10 {
                assert_eq!(sticky.current(3, 100, &mut random, |_| 0), p);
                sticky.took(10);
            }
            last = Some(p);
            seen[p as usize] += 1;
        }
        assert!(seen.iter().all(|n| (70..130).contains(n)), "{seen:?}");
        assert_eq!(Sticky::default().current(1, 100, &mut random, |_| 0), 0);
    }

    #[test]
    fn a_loaded_partition_gets_fewer() {
        let mut random = Random::new(1);
        let mut sticky = Sticky::default();
        let mut seen = [0u32; 4];
        for _ in 0..1000 {
            seen[sticky.current(4, 1, &mut random, |p| u32::from(p == 2)) as usize] += 1;
            sticky.took(1);
        }
        assert!(seen[2] < 150 && [0, 1, 3].iter().all(|p| seen[*p] > 220), "{seen:?}");
    }
}
