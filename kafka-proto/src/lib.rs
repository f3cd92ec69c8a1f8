//! The Kafka protocol: wire primitives, messages, record batches and compression, without an allocator.
//!
//! * [`messages`] holds every request and response of a broker, in every version: plain structures that borrow from the
//!   bytes they were read from. [`Message`] reads and writes them.
//! * [`frame`] puts the length and the header around them.
//! * [`record`] reads and writes the record batches inside them.
//! * [`wire`] is what messages are made of, [`api`] and [`error_code`] are the tables of numbers.
//!
//! ```
//! use kafka_proto::messages::{MetadataRequest, MetadataRequestTopic};
//! use kafka_proto::{Array, Message};
//!
//! let topics = [MetadataRequestTopic { name: Some("orders"), ..Default::default() }];
//! let request = MetadataRequest { topics: Some(Array::slice(&topics)), ..Default::default() };
//! let mut memory = [0; 64];
//! let len = request.encode(4, &mut memory).unwrap();
//! assert_eq!(&memory[..len], b"\x00\x00\x00\x01\x00\x06orders\x01");
//! assert_eq!(MetadataRequest::decode(4, &memory[..len]), Ok(request));
//! ```
#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(test)]
extern crate std;

#[macro_use]
pub mod wire;

pub mod api;
#[cfg(feature = "arbitrary")]
pub mod arbitrary;
pub mod compress;
pub mod crc;
pub mod error_code;
pub mod frame;
#[cfg(feature = "nom")]
pub mod lean;
pub mod message;
pub mod messages;
pub mod record;
#[cfg(feature = "schema")]
pub mod schema;
pub mod stream;

pub use api::ApiKey;
pub use error_code::ErrorCode;
pub use message::{Message, Request};
pub use wire::{Array, DecodeError, EncodeError, Fault, Records, Uuid, VersionRange, Wire};
