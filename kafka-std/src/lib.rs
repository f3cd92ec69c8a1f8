//! The Kafka client for servers and desktops.
//!
//! One I/O thread per client, whatever the number of brokers; handles that are `Send + Sync` and can be used blocking
//! and with `.await` on any executor; no runtime of its own. All protocol decisions are made by `kafka-client-core`,
//! which the thread drives.
//!
//! ```
//! use std::time::Duration;
//! use kafka_std::{Producer, Record};
//!
//! # fn main() -> Result<(), kafka_std::Error> {
//! # let server = kafka_broker::Server::start(kafka_broker::Config::default()).unwrap();
//! # let bootstrap = server.bootstrap();
//! let producer = Producer::builder().bootstrap_servers(&bootstrap).set("linger.ms", "1")?.build()?;
//!
//! // Wait for the acknowledgement, or `.await` it in a task.
//! let record = Record::to("readings").key("sensor-7").value(r#"{"celsius":21.5}"#);
//! let written = producer.send(record)?.wait()?;
//! println!("{written}"); // readings-0@0
//!
//! // Or send many, and look at the results afterwards.
//! let topic = producer.topic("readings")?;
//! let deliveries: Vec<_> =
//!     (0..100u32).map(|i| producer.send(Record::to(&topic).value(&i.to_be_bytes()))).collect::<Result<_, _>>()?;
//! for delivery in deliveries {
//!     delivery.wait()?;
//! }
//! producer.close(Duration::from_secs(5));
//! # Ok(())
//! # }
//! ```
//!
//! * [`Producer`] sends [`Record`]s; [`ProducerBuilder`] takes Java's dotted names
//!   (`linger.ms`) and typed settings alike.
//! * [`Consumer`] reads assigned partitions; records borrow from the buffer they were received in.
//! * [`Admin`] lists the cluster, creates topics, and reads how far groups have read.
//! * A [`Partitioner`] chooses partitions; an [`Interceptor`] sees every record and every result.
//! * A record that was not written comes back: [`DeliveryError::record`].
//! * Errors say what happened, where, and what to do: [`SendError`] for a record that was not accepted,
//!   [`DeliveryError`] for one that was and has failed, [`ConfigError`] for settings; all become [`Error`] with `?`.
//!
//! # Features
//!
//! `gzip`, `snappy` and `zstd` are on by default and in Rust; lz4 is always there. `zstd-c` is the C library, with all of
//! its levels. Asked for a codec that a build has not, [`ProducerBuilder::build`] names the feature.
//!
//! # Shape
//!
//! `send` takes one short lock, encodes the record into its batch and returns. The I/O thread takes full and due batches
//! out of the core, checksums, compresses and writes them without the lock, and tells each batch's listeners its
//! outcome, also without it. There is one small state per batch, not per record. A thread that sends one record at a
//! time and waits for each does the I/O itself while it waits, so that no thread has to be woken.
//!
//! | to change | look at |
//! | --- | --- |
//! | what happens between lock, socket and core | `io.rs`: one round of the loop is `Driver::turn` |
//! | who runs the loop | `io/shift.rs` |
//! | how a socket is opened, written, read | `io/socket.rs`; names: `io/resolve.rs` |
//! | what a call to `send` does | `producer/append.rs`, then `producer/state.rs` (under the lock) |
//! | when a request is worth sending | `producer/state.rs`: `may_seal`, `needs_wake` |
//! | how results reach the caller | `producer/delivery.rs`, `producer/listeners.rs`; their memory: `producer/shared.rs` |
//! | what a flush waits for, and how a producer ends | `producer/finish.rs` |
//! | how tasks are woken, and how a future that is dropped leaves | `sync.rs`: `Wakers` |
//! | who chooses the partition | `producer/append.rs`; turns: `producer/partitioning.rs` |
//! | what interceptors see | `producer/interceptor.rs` |
//! | what comes back of a record that was not written | `producer/returned.rs` |
//! | settings | `config/table.rs`: a row each; `docs/PRODUCER.md` names the test of each |
//! | consuming | `consumer.rs`, `consumer/records.rs` |
#![deny(unsafe_code)]
#![deny(missing_docs)]

pub mod admin;
mod clock;
pub mod config;
pub mod consumer;
pub mod error;
mod io;
pub mod producer;
mod sync;

pub use admin::Admin;
pub use consumer::Consumer;
pub use error::TransactionError;
pub use error::{ConfigError, ConsumeError, Error, SendError, Trouble, Unavailable};
pub use kafka_client_core::config::{Acks, Isolation, OffsetReset};
pub use kafka_proto::ErrorCode;
pub use kafka_proto::record::{Codec, Header, NewRecord};
pub use producer::{Cause, ConsumerGroup};
pub use producer::{
    Delivery, DeliveryError, DeliveryResult, Interceptor, Outgoing, OwnedRecord, Partitioner, Partitions,
    Producer, ProducerBuilder, Record, RecordMetadata, RoundRobin, Topic,
};

/// A client id as the core wants it, for the life of the program. Each is kept once.
fn intern(text: &str) -> &'static str {
    static KNOWN: std::sync::Mutex<std::collections::BTreeSet<&'static str>> =
        std::sync::Mutex::new(std::collections::BTreeSet::new());
    let mut known = sync::lock(&KNOWN);
    if let Some(same) = known.get(text) {
        return same;
    }
    let leaked: &'static str = Box::leak(text.to_owned().into_boxed_str());
    known.insert(leaked);
    leaked
}
