//! `info!` and `error!`: defmt when the feature is on, nothing at all otherwise.
//!
//! The arguments are still named in a quiet build, so that a value only logged does not become unused.

#[cfg(feature = "defmt")]
use defmt_semihosting as _;

/// Logs what went as planned.
#[cfg(feature = "defmt")]
#[macro_export]
macro_rules! info { ($($t:tt)*) => { ::defmt::info!($($t)*) } }

/// Logs what did not.
#[cfg(feature = "defmt")]
#[macro_export]
macro_rules! error { ($($t:tt)*) => { ::defmt::error!($($t)*) } }

/// Logs what went as planned.
#[cfg(not(feature = "defmt"))]
#[macro_export]
macro_rules! info { ($text:literal $(, $arg:expr)* $(,)?) => {{ $( let _ = &$arg; )* }} }

/// Logs what did not.
#[cfg(not(feature = "defmt"))]
#[macro_export]
macro_rules! error { ($text:literal $(, $arg:expr)* $(,)?) => {{ $( let _ = &$arg; )* }} }
