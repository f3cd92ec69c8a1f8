//! The Kafka protocol: wire primitives, messages, record batches and compression, without an allocator.
#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]

#[cfg(test)]
extern crate std;

pub mod crc;
pub mod record;
