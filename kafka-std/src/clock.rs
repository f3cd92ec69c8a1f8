//! The two clocks: the monotonic one the core is driven by, and the wall clock of the records.

use std::time::{Duration, Instant as StdInstant, SystemTime, UNIX_EPOCH};

use kafka_client_core::time::Instant;

/// The core's clock: microseconds since a moment before the client was made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: StdInstant,
}

/// Where the clock starts. The core means "long ago" by 0, so it never reads 0.
const EPOCH_US: u64 = 1_000_000;

impl Clock {
    pub(crate) fn new() -> Clock {
        Clock { start: StdInstant::now() }
    }

    pub(crate) fn now(&self) -> Instant {
        self.at(StdInstant::now())
    }

    fn at(&self, moment: StdInstant) -> Instant {
        let since = moment.saturating_duration_since(self.start);
        Instant(u64::try_from(since.as_micros()).unwrap_or(u64::MAX).saturating_add(EPOCH_US))
    }

    /// How long to sleep until then; `None` for ever. Rounded up, so that the deadline has passed afterwards.
    pub(crate) fn until(&self, deadline: Instant) -> Option<Duration> {
        if deadline == Instant::NEVER {
            return None;
        }
        Some(Duration::from_micros(deadline.since(self.now()).0))
    }
}

/// Milliseconds since 1970.
pub(crate) fn wall_clock_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(0)
}

/// A number that differs from client to client.
pub(crate) fn seed() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::collections::hash_map::RandomState::new().build_hasher().finish()
}
