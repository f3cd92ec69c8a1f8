//! Networks for tests on a host: pairs of pipes in memory, and real sockets.
#![allow(dead_code, reason = "each test program uses a part")]

pub mod memory;
pub mod socket;
