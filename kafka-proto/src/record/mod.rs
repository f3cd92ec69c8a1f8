//! Record batches (magic 2): written straight into batch memory, read lazily and borrowed.
//!
//! A batch is 61 bytes of header and then its records, plain or compressed as one block. [`BatchBuilder`] writes one
//! into memory that somebody else owns; [`batches`] walks the batches of a fetch response. Nothing is handed out
//! before it was checked, and nothing here allocates or panics, whatever the bytes are.
//!
//! ```
//! use kafka_proto::record::{BatchBuilder, NewRecord, Stamp, batches};
//!
//! let mut memory = [0; 256];
//! let mut builder = BatchBuilder::new();
//! let record = NewRecord { key: Some(b"sensor-1"), value: Some(b"21.5"), headers: &[], timestamp: -1 };
//! builder.append(&mut memory, &record).unwrap();
//! let len = builder.finish(&mut memory, &Stamp::NONE);
//!
//! for batch in batches(&memory[..len]) {
//!     let batch = batch.unwrap();
//!     batch.verify_crc().unwrap();
//!     for record in batch.records().unwrap() {
//!         assert_eq!(record.unwrap().value, Some(&b"21.5"[..]));
//!     }
//! }
//! ```

mod build;
mod entry;
mod error;
mod header;
pub mod legacy;
mod read;
mod split;
mod stamp;
mod varint;

pub use crate::compress::{CompressError, DecompressError, Workspace, compress_batch};
pub use crate::crc::{Crc32c, crc32c};
pub use build::{BatchBuilder, NewRecord, NoRoom};
pub use entry::{Header, Headers, RawHeader, Record, RecordIter};
pub use error::{RecordError, RecordFault};
pub use header::{Attributes, BATCH_HEADER_LEN, BatchHeader, Codec, TimestampType};
pub use read::{Batch, Batches, batches};
pub use split::split;
pub use stamp::{Stamp, restamp, set_append_time, set_base_offset, set_partition_leader_epoch};

pub(crate) use entry::Base;
pub(crate) use header::CRC_FROM;
pub(crate) use read::check_start;
pub(crate) use varint::{Get, copy};

/// The timestamp of a record whose sender has no clock.
pub const NO_TIMESTAMP: i64 = -1;

/// Attributes, timestamp delta, offset delta, null key, null value, no headers, and the length before them.
pub(crate) const RECORD_LEN_MIN: usize = 7;
