//! The Kafka client for microcontrollers.
