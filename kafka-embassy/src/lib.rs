//! A Kafka client for microcontrollers: [embassy](https://embassy.dev), no allocator, any `embedded-io-async` socket.
//!
//! All memory is a [`Resources`] in a `static`. [`Resources::producer`] makes two things of it: a [`Producer`], a handle to be copied to
//! whoever sends, and a [`Runner`], whose `run` is a task of its own and does all the work. The runner is the only one
//! that touches the network: it is given a [`Connector`] per connection and a [`Resolver`] for names.
//!
//! ```
//! use embassy_sync::blocking_mutex::raw::NoopRawMutex;
//! use kafka_embassy::core::config::{ClientConfig, ConfigError, ProducerConfig};
//! use kafka_embassy::{Connector, Literals, Record, Resources};
//!
//! /// One connection, three brokers, one topic of up to six partitions, four batches of 1 KiB, responses of up to 1 KiB
//! /// and requests of up to 160 bytes besides the batches.
//! type Memory = Resources<'static, NoopRawMutex, 1, 3, 1, 6, 4, 1024, 1024, 160>;
//!
//! async fn blink(memory: &'static mut Memory, network: impl Connector) -> Result<(), ConfigError> {
//!     let (client, config) = (ClientConfig::DEFAULT, ProducerConfig::DEFAULT);
//!     let bootstrap = [("192.168.1.7", 9092)];
//!     let (producer, mut runner) = memory.producer(client, config, &bootstrap, [network], Literals)?;
//!     let application = async {
//!         let Ok(topic) = producer.topic("lights") else { return };
//!         let record = Record { key: Some(b"led 1"), value: Some(b"on"), ..Record::default() };
//!         if let Err(refused) = producer.send(topic, &record).await {
//!             // Too large, or the topic does not let us: waiting would not help.
//!         }
//!         producer.flush().await;
//!     };
//!     // On a device these are two tasks.
//!     embassy_futures::select::select(application, runner.run(|_delivery| {})).await;
//!     Ok(())
//! }
//! ```
//!
//! Nothing here knows TCP: with the feature `embassy-net` there is `Tcp`, over that stack. `dns` adds `Dns`.
#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]
// The futures of this crate stay on one core: whether they are `Send` is their sockets' business.
#![allow(async_fn_in_trait)]

mod connector;
mod link;
mod producer;
mod resources;
mod runner;
mod shared;
#[cfg(feature = "embassy-net")]
mod tcp;

pub use connector::{Addresses, Connector, Literals, Resolver, Socket, literal};
pub use kafka_client_core as core;
pub use producer::{Producer, Record};
pub use resources::{Pair, Resources};
pub use runner::Runner;
pub use shared::Tally;
#[cfg(feature = "dns")]
pub use tcp::Dns;
#[cfg(feature = "embassy-net")]
pub use tcp::{Tcp, TcpSocket};
