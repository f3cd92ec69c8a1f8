//! The other side of an interoperability test: records written and read by programs that are not ours.
//!
//! ```no_run
//! use kafka_cluster::judge::{self, Entry, Isolation};
//!
//! let sent = vec![Entry::of(0, Some(b"cpu"), Some(b"\x00\xff\n"))];
//! // … our client produces `sent` to the topic "telemetry" at `bootstrap` …
//! # let bootstrap = "127.0.0.1:9092";
//! let kcat = judge::kcat_read(bootstrap, "telemetry", Isolation::ReadUncommitted).unwrap();
//! let apache = judge::console_read(bootstrap, "telemetry", kcat.len(), Isolation::ReadUncommitted).unwrap();
//! judge::assert_same(&sent, &kcat, "kcat");
//! judge::assert_same(&sent, &apache, "the console consumer");
//! ```
//!
//! Reading is safe for any bytes, newlines included. Writing is not: the console producer reads lines of UTF-8, and
//! says so in an error.

mod entry;
mod ledger;
mod marker;
mod read;
mod sample;
mod write;

pub use entry::{Entry, assert_same, difference};
pub use ledger::{Ledger, Told};
pub use read::{Isolation, console_read, kcat_read};
pub use sample::{mixed, plain, plain_one};
pub use write::{console_write, kcat_write};
