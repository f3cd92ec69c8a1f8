//! Kafka clients as state machines: no clock, no sockets, no allocator.
//!
//! [`Producer`](producer::Producer) and [`Consumer`](consumer::Consumer) decide what is to be sent, to whom and when;
//! an adapter does it. The `kafka-std` and `kafka-embassy` crates are adapters; your own event loop can be another.
//!
//! # The contract
//!
//! * **Time is an argument.** Every call that needs it takes [`now`](time::Instant): microseconds of any clock that
//!   never goes back. The time of a record is a number in the record.
//! * **Four groups of methods**: getters; `handle_*` tells what happened; commands tell what the application wants;
//!   `poll_*` asks what to do next. After any `handle_*` or command, poll until a whole round gives nothing, then wait
//!   for the network, at most until [`poll_timeout`](machine::Machine::poll_timeout).
//! * **Buffers move.** What is to be written ([`Transmit`](net::Transmit)), received into ([`RxBuf`](net::RxBuf)),
//!   sealed ([`Seal`](producer::Seal)) or read ([`Fetched`](consumer::Fetched)) leaves the machine as a value and comes
//!   back as one. The machine is never borrowed, and never locked, while the adapter writes, reads, computes or awaits.
//! * **Each call does bounded work.** Polling early does nothing, polling late costs only time.
//! * **Memory is given**: lent from a `static` ([`Resources`](resources::Resources)) or owned and growing
//!   ([`ProducerMemory::owned`](resources::ProducerMemory::owned)). When the batch pool is full the record is refused,
//!   and the caller still has it.
//! * **A connection ends once.** Every [`Action::Connect`](net::Action::Connect) is followed by exactly one
//!   `handle_closed`, which brings back the buffer and the frame that the adapter holds for it.
//!
//! # The loop
//!
//! This is a whole adapter. The machine is shared, as it must be where an application appends and a task does the I/O:
//! once in a `RefCell`, over memory lent by a `Resources`, and once in a mutex, over memory on the heap. `Socket` stands
//! for a TCP connection; at its other end is the in-process broker of this project's tests.
//!
#![cfg_attr(feature = "std", doc = "```")]
#![cfg_attr(not(feature = "std"), doc = "```ignore")]
//! use std::cell::RefCell;
//! use std::sync::Mutex;
//!
//! use kafka_client_core::config::{ClientConfig, ProducerConfig};
//! use kafka_client_core::machine::Machine;
//! use kafka_client_core::net::{Action, Closed};
//! use kafka_client_core::producer::{AppendError, Outcome, Producer};
//! use kafka_client_core::resources::{ProducerMemory, Resources};
//! use kafka_client_core::time::Instant;
//! use kafka_proto::record::NewRecord;
//! # use kafka_broker::{Cluster, Config, Output};
//! # use std::collections::VecDeque;
//! # /// A connection to the in-process broker: bytes go in, bytes come out, nothing blocks.
//! # struct Socket { peer: u64, out: Vec<u8>, back: VecDeque<u8> }
//! # impl Socket {
//! #     fn connect(cluster: &mut Cluster) -> Socket {
//! #         Socket { peer: cluster.handle_connect(0, 0).unwrap_or(0), out: vec![], back: VecDeque::new() }
//! #     }
//! #     fn write(&mut self, cluster: &mut Cluster, bytes: &[u8]) -> usize {
//! #         self.out.extend(bytes);
//! #         while let Some(len) = self.out.first_chunk().map(|l| u32::from_be_bytes(*l) as usize) {
//! #             if self.out.len() < 4 + len { break }
//! #             let frame: Vec<u8> = self.out.drain(..4 + len).collect();
//! #             cluster.handle_request(0, self.peer, &frame[4..]);
//! #         }
//! #         bytes.len()
//! #     }
//! #     fn read(&mut self, cluster: &mut Cluster, into: &mut [u8]) -> usize {
//! #         cluster.poll(0);
//! #         while let Some(output) = cluster.poll_output() {
//! #             if let Output::Response { bytes, .. } = output { self.back.extend(bytes) }
//! #         }
//! #         let n = into.len().min(self.back.len());
//! #         into.iter_mut().zip(self.back.drain(..n)).for_each(|(to, from)| *to = from);
//! #         n
//! #     }
//! # }
//!
//! /// A machine that two places share.
//! trait Shared<'m> {
//!     fn with<R>(&self, f: impl FnOnce(&mut Producer<'m>) -> R) -> R;
//! }
//! impl<'m> Shared<'m> for RefCell<Producer<'m>> {
//!     fn with<R>(&self, f: impl FnOnce(&mut Producer<'m>) -> R) -> R { f(&mut self.borrow_mut()) }
//! }
//! impl<'m> Shared<'m> for Mutex<Producer<'m>> {
//!     fn with<R>(&self, f: impl FnOnce(&mut Producer<'m>) -> R) -> R { f(&mut self.lock().unwrap()) }
//! }
//!
//! /// One round of the loop. No call on a socket happens while the machine is borrowed.
//! fn turn<'m>(machine: &impl Shared<'m>, now: Instant, io: &mut Option<Socket>, cluster: &mut Cluster) -> bool {
//!     let mut busy = false;
//!     machine.with(|m| m.handle_timeout(now));
//!     while let Some(action) = machine.with(|m| m.poll_action(now)) {
//!         busy = true;
//!         match action {
//!             Action::Resolve(host) => {
//!                 let port = machine.with(|m| m.host(host).port);
//!                 let found = [([127, 0, 0, 1], port).into()];
//!                 machine.with(|m| m.handle_resolved(now, host, &found));
//!             }
//!             Action::Connect(conn, _address) => {
//!                 *io = Some(Socket::connect(cluster));
//!                 machine.with(|m| m.handle_connected(now, conn));
//!             }
//!             Action::Close(conn) => {
//!                 *io = None;
//!                 machine.with(|m| m.handle_closed(now, conn, Closed::Asked, None, None));
//!             }
//!         }
//!     }
//!     while let Some(mut seal) = machine.with(|m| m.poll_seal(now)) {
//!         busy = true;
//!         seal.run(); // checksum and compression
//!         machine.with(|m| m.handle_sealed(now, seal));
//!     }
//!     let Some(socket) = io else { return busy };
//!     while let Some(mut transmit) = machine.with(|m| m.poll_transmit(now)) {
//!         busy = true;
//!         while !transmit.is_done() {
//!             let written = socket.write(cluster, transmit.chunks().next().unwrap_or_default());
//!             transmit.advance(written);
//!         }
//!         machine.with(|m| m.handle_written(now, transmit));
//!     }
//!     while let Some((conn, mut rx)) = machine.with(|m| m.poll_read()) {
//!         let received = socket.read(cluster, rx.spare_mut());
//!         rx.advance(received);
//!         machine.with(|m| m.handle_received(now, conn, rx));
//!         if received == 0 { break } // a real loop keeps the buffer and waits for the socket here
//!         busy = true;
//!     }
//!     busy
//! }
//!
//! fn run<'m>(machine: impl Shared<'m>) {
//!     let config = Config { topics: vec![("readings".into(), 1)], ..Config::default() };
//!     let mut cluster = Cluster::new(config, 1).unwrap();
//!     let mut io = None;
//!     let topic = machine.with(|m| m.topic("readings".into())).unwrap();
//!     let record = NewRecord { key: Some(b"kiln"), value: Some(b"1204.5"), ..NewRecord::default() };
//!     let mut now = Instant(0);
//!     let ticket = loop {
//!         match machine.with(|m| m.append(now, topic, None, &record)) {
//!             Ok(appended) => break appended.ticket,
//!             Err(AppendError::NoMetadata { .. }) => while turn(&machine, now, &mut io, &mut cluster) {},
//!             Err(error) => panic!("{error}"),
//!         }
//!     };
//!     let delivery = loop {
//!         if let Some(delivery) = machine.with(|m| m.poll_delivery()) { break delivery }
//!         if !turn(&machine, now, &mut io, &mut cluster) {
//!             now = machine.with(|m| m.poll_timeout()); // a real loop sleeps until then
//!         }
//!     };
//!     assert_eq!(delivery.batch, ticket.batch);
//!     assert_eq!(delivery.outcome, Outcome::Acked { base_offset: Some(0), log_append_time: None });
//!     machine.with(|m| m.release(&delivery));
//! }
//!
//! let (client, config) = (ClientConfig::DEFAULT, ProducerConfig { batch_size: 512, ..ProducerConfig::DEFAULT });
//!
//! // One connection, two brokers, one topic of one partition, four batches of 512 bytes.
//! let mut resources: Resources<'_, 1, 2, 1, 1, 4, 512, 512, 192> = Resources::new();
//! run(RefCell::new(Producer::new(client, config, [("localhost".into(), 9092)], resources.lend())?));
//!
//! let memory = ProducerMemory::owned(config.batch_size, false);
//! run(Mutex::new(Producer::new(client, config, [("localhost".into(), 9092)], memory)?));
//! # Ok::<(), kafka_client_core::config::ConfigError>(())
//! ```
//!
//! # Features
//!
//! Without default features the crate has neither `std` nor `alloc`. `alloc` allows memory on the heap, `std` adds the
//! hardware checksum, `lz4` the codec; `defmt` and `log` choose where the few log lines go.
#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]

#[cfg(any(test, feature = "std"))]
extern crate std;

pub mod config;
pub mod consumer;
mod list;
pub mod machine;
pub mod metadata;
pub mod metrics;
pub mod net;
pub mod offsets;
pub mod producer;
mod random;
#[cfg(feature = "recall")]
pub mod recall;
#[cfg(not(feature = "recall"))]
mod recall;
pub mod resources;
pub mod storage;
pub mod time;
mod topic;
mod trace;
