//! Time as the core sees it: a number the adapter hands in.
//!
//! The core has no clock. Every call that depends on time takes `now`, an [`Instant`] of a clock that never goes
//! back; which one, and where its zero lies, is the adapter's business. The time *of a record* is another thing
//! and has another type: milliseconds since 1970, or unknown ([`Timestamp`]).

use core::ops::{Add, Sub};

/// A point on the adapter's monotonic clock: microseconds since any epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(pub u64);

impl Instant {
    /// Later than every deadline: the value of a timer that is off.
    pub const NEVER: Instant = Instant(u64::MAX);

    /// The time from `earlier` to `self`, zero when `earlier` is later.
    pub fn since(self, earlier: Instant) -> Duration {
        Duration(self.0.saturating_sub(earlier.0))
    }

    /// The earlier of the two.
    pub fn min(self, other: Instant) -> Instant {
        if other.0 < self.0 { other } else { self }
    }
}

/// A length of time in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Duration(pub u64);

impl Duration {
    /// No time at all.
    pub const ZERO: Duration = Duration(0);

    /// A duration of so many milliseconds.
    pub const fn from_millis(ms: u32) -> Duration {
        Duration(ms as u64 * 1000)
    }

    /// The whole milliseconds of this duration, at most `i32::MAX`: what a Kafka request carries.
    pub fn as_millis_i32(self) -> i32 {
        i32::try_from(self.0 / 1000).unwrap_or(i32::MAX)
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;
    #[cfg_attr(not(feature = "alloc"), inline(never))]
    fn add(self, d: Duration) -> Instant {
        Instant(self.0.saturating_add(d.0))
    }
}

impl Sub<Duration> for Instant {
    type Output = Instant;
    fn sub(self, d: Duration) -> Instant {
        Instant(self.0.saturating_sub(d.0))
    }
}

/// When a record happened, as its producer knows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Timestamp {
    /// Milliseconds since 1970-01-01 UTC.
    At(i64),
    /// The producer has no wall clock: −1 on the wire, stored so by the broker.
    #[default]
    Unknown,
}

impl Timestamp {
    /// The value on the wire.
    pub fn to_wire(self) -> i64 {
        match self {
            Timestamp::At(ms) => ms,
            Timestamp::Unknown => -1,
        }
    }
}
