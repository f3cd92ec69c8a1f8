//! How much memory the telemetry program lends to its client. `cargo xtask size` reads this file too.

/// Batches that wait or are under way.
pub const SLOTS: usize = 4;
/// Bytes of a batch.
pub const BATCH: usize = 1024;
/// Bytes of the largest response.
pub const RX: usize = 1024;
