//! Randomness from a seed, for backoff jitter and the first sticky partition. Not for secrets.

use crate::time::Duration;

/// A xorshift generator: three shifts a number, good enough to spread clients apart.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        // Zero is the one state that xorshift never leaves.
        Random(seed ^ 0x9E37_79B9_7F4A_7C15 | 1)
    }

    pub(crate) fn next_u32(&mut self) -> u32 {
        let mut x = self.0;
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        self.0 = x;
        (x >> 32) as u32
    }

    /// A number below `bound`; 0 when `bound` is 0.
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        ((u64::from(self.next_u32()) * u64::from(bound)) >> 32) as u32
    }
}

/// Exponential backoff with jitter (KIP-580): `base × 2^attempts`, at most `max`, ±20 %.
pub(crate) fn backoff(base: Duration, max: Duration, attempts: u32, random: &mut Random) -> Duration {
    let exponential = base.0.saturating_mul(1u64 << attempts.min(20));
    let capped = exponential.min(max.0.max(base.0));
    let jitter_percent = 80 + u64::from(random.below(41));
    Duration(capped / 100 * jitter_percent + capped % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_doubles_is_capped_and_jitters() {
        let mut random = Random::new(7);
        let (base, max) = (Duration::from_millis(100), Duration::from_millis(1000));
        for (attempts, middle) in
            [(0, 100_000u64), (1, 200_000), (3, 800_000), (4, 1_000_000), (40, 1_000_000)]
        {
            let seen: std::vec::Vec<u64> =
                (0..50).map(|_| backoff(base, max, attempts, &mut random).0).collect();
            assert!(seen.iter().all(|d| *d >= middle * 8 / 10 && *d <= middle * 12 / 10 + 100), "{seen:?}");
            assert!(seen.iter().any(|d| *d != seen[0]), "no jitter");
        }
    }
}
