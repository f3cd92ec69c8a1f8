//! Tests against real Kafka.
