//! Kafka clients as state machines: no clock, no sockets, no allocator.
#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]
