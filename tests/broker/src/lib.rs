//! A Kafka cluster in the process: for the first command of the README, for the simulation, and for your own tests.
//!
//! It is *semantic*, not a script: logs with leader epochs, high watermark and last stable offset, idempotent producers
//! with their five-batch window, long polls, fetch sessions. [`Cluster`] holds all of it without a socket, a clock or a
//! thread; [`Server`] puts it behind TCP.
//!
//! If you are about to make your first change, read `cluster.rs`: it has the loop. `request.rs` says which file answers
//! which request, `faults.rs` what can be made to go wrong, and `inspect.rs` what a checker can read out.
//!
//! ```
//! use kafka_broker::{Config, Server};
//!
//! let server = Server::start(Config { topics: vec![("readings".into(), 3)], ..Config::default() }).unwrap();
//! println!("bootstrap.servers={}", server.bootstrap());
//! server.with(|cluster| assert_eq!(cluster.topic("readings").unwrap().partitions.len(), 3));
//! ```
#![forbid(unsafe_code)]

mod api;
mod batch_check;
mod cluster;
mod config;
mod conn;
mod control;
mod faults;
mod fetch_session;
mod group;
mod inspect;
mod log;
mod partition;
mod producer_state;
mod record_check;
mod request;
mod rng;
mod sasl;
mod server;
mod timers;
mod topics;
mod txn;
mod versions;

pub use cluster::{Cluster, Node, Refused};
pub use config::{Config, ConfigError, Release};
pub use conn::{ConnId, Output};
pub use control::Marker;
pub use faults::Action;
pub use inspect::StoredRecord;
pub use log::{BatchInfo, Log};
pub use partition::{Aborted, Partition};
pub use producer_state::{Appended, DUPLICATE_WINDOW, ProducerEntry, ProducerStates};
pub use sasl::{MECHANISMS, Sasl};
pub use server::{Listen, Server, StartError};
pub use topics::{Topic, TopicId, valid_name};
pub use txn::{Transaction, TxnState};
pub use versions::{advertised, supported};
