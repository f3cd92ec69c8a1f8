//! The client and the broker in one process, on a clock that is an argument: what one seed decides.
//!
//! If you are about to make your first change, read `world.rs`: it has the loop. `pump.rs` is what an adapter does,
//! `pipe.rs` and `link.rs` are the network, `scenario.rs` is the vocabulary of the named scenarios in `tests/`,
//! `history.rs` is what an application can know, and `checker.rs` judges it.
#![forbid(unsafe_code)]

pub mod checker;
pub mod client;
pub mod consumer_app;
mod crash;
pub mod faults;
mod group_offsets;
pub mod history;
pub mod inject;
mod inject_transactions;
pub mod link;
mod logs;
pub mod pipe;
pub mod producer_app;
mod pump;
pub mod record;
pub mod rng;
pub mod run;
mod run_healing;
mod run_transactions;
pub mod scenario;
mod sockets;
pub mod swarm;
pub mod takeover;
pub mod trace;
pub mod txn_app;
pub mod wire_watch;
pub mod world;
