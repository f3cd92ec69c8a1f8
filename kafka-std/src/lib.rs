//! The Kafka client for servers and desktops.
