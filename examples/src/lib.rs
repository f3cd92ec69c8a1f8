//! What the programs in `src/bin` share: command lines, progress, tables, charts, percentiles.
//!
//! If you are about to write your first program, read the README: its example is compiled and run with this crate's
//! tests.
#![forbid(unsafe_code)]

pub mod advice;
pub mod args;
pub mod chart;
pub mod latency;
pub mod nearest;
pub mod progress;
pub mod table;

/// The README's programs, as tests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
