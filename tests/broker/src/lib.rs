//! A Kafka broker in the process.
