//! The codec judged by Apache's own classes.
//!
//! [`Judge`] runs `java/Judge.java` over a release of kafka-clients: it makes random messages, reads what we wrote, and
//! prints the message definitions in the jar. [`fields`] compares a message's fields as we print them with the same
//! as Apache prints them; [`definitions`] compares our tables with the definitions.
//!
//! How many messages of each API, version and direction are tried is set by `KAFKA_CONFORMANCE_COUNT`, and the seed by
//! `KAFKA_CONFORMANCE_SEED`.

pub mod definitions;
pub mod fields;
mod judge;
mod message;

pub use judge::{Judge, Release};
pub use message::{Line, Outcome, show, transcode};

/// A number from the environment.
pub fn setting(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name} is not a number: {text}")),
        Err(_) => default,
    }
}
