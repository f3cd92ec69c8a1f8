//! Kafka clients as state machines: no clock, no sockets, no allocator.
#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]

#[cfg(any(test, feature = "std"))]
extern crate std;

pub mod config;
pub mod consumer;
mod list;
pub mod machine;
pub mod metadata;
pub mod net;
pub mod producer;
mod random;
pub mod resources;
pub mod storage;
pub mod time;
