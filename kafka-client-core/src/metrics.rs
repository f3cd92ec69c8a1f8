//! Counters and histograms, kept without allocation and read as plain numbers.
//!
//! Counted per batch and per request, never per record. Without the feature `metrics` all of it is gone: no memory, no
//! code, every figure 0.

use crate::time::Duration;

/// How many durations fell into which power of two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    #[cfg(feature = "metrics")]
    buckets: [u32; BUCKETS],
    #[cfg(feature = "metrics")]
    sum_us: u64,
}

/// Bucket `i` counts what is below `64 << i` microseconds; the last one everything else. 64 µs to 67 s.
#[cfg(feature = "metrics")]
const BUCKETS: usize = 21;

impl Histogram {
    #[inline]
    pub(crate) fn add(&mut self, duration: Duration) {
        #[cfg(feature = "metrics")]
        {
            let bits = (duration.0 >> 6).checked_ilog2().map_or(0, |log| log as usize + 1);
            if let Some(bucket) = self.buckets.get_mut(bits.min(BUCKETS - 1)) {
                *bucket = bucket.saturating_add(1);
            }
            self.sum_us = self.sum_us.saturating_add(duration.0);
        }
        #[cfg(not(feature = "metrics"))]
        let _ = duration;
    }

    /// How many durations were counted.
    pub fn count(&self) -> u64 {
        #[cfg(feature = "metrics")]
        return self.buckets.iter().map(|n| u64::from(*n)).sum();
        #[cfg(not(feature = "metrics"))]
        return 0;
    }

    /// The mean, in microseconds.
    pub fn mean_us(&self) -> u64 {
        #[cfg(feature = "metrics")]
        return self.sum_us.checked_div(self.count()).unwrap_or(0);
        #[cfg(not(feature = "metrics"))]
        return 0;
    }

    /// An upper bound of the `percent`-th percentile (0 to 100), in microseconds: exact to a factor of two.
    pub fn percentile_us(&self, percent: u32) -> u64 {
        #[cfg(feature = "metrics")]
        {
            let wanted = self.count().saturating_mul(u64::from(percent)).div_ceil(100).max(1);
            let mut seen = 0;
            for (i, n) in self.buckets.iter().enumerate() {
                seen += u64::from(*n);
                if seen >= wanted {
                    return 64 << i;
                }
            }
        }
        let _ = percent;
        0
    }
}

/// What a producer has done since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProducerMetrics {
    /// Records that were acknowledged.
    pub records_acked: u64,
    /// Records that ended without an acknowledgement, whether or not they may have been written.
    pub records_failed: u64,
    /// Batches that were sealed.
    pub batches: u64,
    /// Bytes of sealed batches before compression: with `batches`, how full they are.
    pub batch_bytes: u64,
    /// Bytes of batches as they were sent, each attempt counted: with `batch_bytes`, the compression ratio.
    pub sent_bytes: u64,
    /// Produce requests begun.
    pub requests: u64,
    /// Batches that were tried again.
    pub retries: u64,
    /// Time for which brokers asked for silence, in milliseconds (KIP-219).
    pub throttle_ms: u64,
    /// From the first record of a batch to its first byte on the way.
    pub queue_time: Histogram,
    /// From a produce request's beginning to its answer.
    pub request_latency: Histogram,
}

/// Adds to a counter, where there are metrics.
#[inline]
pub(crate) fn count(counter: &mut u64, n: impl Into<u64>) {
    if cfg!(feature = "metrics") {
        *counter = counter.wrapping_add(n.into());
    }
}

#[cfg(all(test, feature = "metrics"))]
mod tests {
    use super::*;

    #[test]
    fn percentiles_bound_what_was_counted() {
        let mut h = Histogram::default();
        assert_eq!((h.count(), h.mean_us(), h.percentile_us(50)), (0, 0, 0));
        for us in [1, 63, 64, 127, 128, 1_000_000, u64::MAX / 2] {
            h.add(Duration(us));
        }
        assert_eq!(h.count(), 7);
        assert_eq!(h.percentile_us(1), 64);
        assert_eq!(h.percentile_us(50), 128);
        assert_eq!(h.percentile_us(85), 1 << 20);
        assert_eq!(h.percentile_us(100), 64 << 20);
    }
}
