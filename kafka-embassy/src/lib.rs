//! A Kafka client for microcontrollers: [embassy](https://embassy.dev), no allocator, any `embedded-io-async` socket.
//!
//! All memory is a [`Resources`] in a `static`. [`Resources::producer`] makes two things of it: a [`Producer`], a handle to be copied to
//! whoever sends, and a [`Runner`], whose `run` is a task of its own and does all the work. The runner is the only one
//! that touches the network: it is given a [`Connector`] per connection and a [`Resolver`] for names.
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
