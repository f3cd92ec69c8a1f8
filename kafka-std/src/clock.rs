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

/// Both clocks for the records of one producer, read as seldom as their precision allows.
///
/// A precise clock costs as much as encoding a small record. So it is read by the first record after each tick of the
/// kernel's coarse clock, which costs a tenth, and by the I/O thread whenever it runs; records in between get the same
/// time. Below some 250 records per second every record has its own; above, it is late by 4 ms at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ticks {
    tick: u64,
    now: Instant,
    wall_ms: i64,
}

impl Ticks {
    pub(crate) fn new() -> Ticks {
        Ticks { tick: u64::MAX, now: Instant(0), wall_ms: -1 }
    }

    /// The time, on both clocks. `tick` is the coarse clock's, read beforehand.
    #[inline]
    pub(crate) fn at(&mut self, tick: u64, clock: &Clock) -> (Instant, i64) {
        if tick != self.tick || !HAS_TICKS {
            self.tick = tick;
            self.read(clock);
        }
        (self.now, self.wall_ms)
    }

    /// The time that was read last.
    pub(crate) fn last(&self) -> Instant {
        self.now
    }

    /// Reads both clocks.
    pub(crate) fn read(&mut self, clock: &Clock) -> Instant {
        self.now = clock.now();
        self.wall_ms = wall_clock_ms();
        self.now
    }
}

#[cfg(target_os = "linux")]
const HAS_TICKS: bool = true;
#[cfg(not(target_os = "linux"))]
const HAS_TICKS: bool = false;

/// The kernel's coarse clock: another number after each timer tick.
#[cfg(target_os = "linux")]
#[inline]
pub(crate) fn tick() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::MonotonicCoarse);
    (time.tv_sec as u64).wrapping_mul(1_000_000_000).wrapping_add(time.tv_nsec as u64)
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn tick() -> u64 {
    0
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
