//! Percentiles of latencies.

use std::time::Duration;

/// Latencies, in ascending order.
#[derive(Debug, Default)]
pub struct Latencies(Vec<Duration>);

impl FromIterator<Duration> for Latencies {
    fn from_iter<I: IntoIterator<Item = Duration>>(iter: I) -> Self {
        let mut all: Vec<Duration> = iter.into_iter().collect();
        all.sort_unstable();
        Latencies(all)
    }
}

impl Latencies {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The latency that `percent` of all do not exceed (nearest rank): 50.0 is the median, 100.0 the greatest. `None`
    /// when there are none.
    pub fn percentile(&self, percent: f64) -> Option<Duration> {
        let rank = (percent / 100.0 * self.0.len() as f64).ceil() as usize;
        self.0.get(rank.saturating_sub(1).min(self.0.len().checked_sub(1)?)).copied()
    }
}

/// As milliseconds with a sensible number of digits: `0.083 ms`, `12.5 ms`.
pub fn milliseconds(latency: Duration) -> String {
    let ms = latency.as_secs_f64() * 1e3;
    let digits = if ms < 10.0 { 3 } else { 1 };
    format!("{ms:.digits$} ms")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_latencies_that_occurred() {
        let all: Latencies = (1..=100).rev().map(Duration::from_millis).collect();
        let ms = |percent| all.percentile(percent).expect("some").as_millis();
        assert_eq!((ms(0.0), ms(50.0), ms(99.0), ms(99.5), ms(100.0)), (1, 50, 99, 100, 100));
        assert_eq!(Latencies::default().percentile(50.0), None);
        let one: Latencies = [Duration::from_millis(7)].into_iter().collect();
        assert_eq!(one.percentile(1.0), one.percentile(100.0));
    }

    #[test]
    fn digits_fit_the_size() {
        assert_eq!(milliseconds(Duration::from_micros(83)), "0.083 ms");
        assert_eq!(milliseconds(Duration::from_micros(12_520)), "12.5 ms");
    }
}
