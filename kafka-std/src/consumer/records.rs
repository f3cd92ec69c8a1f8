//! What a poll returned: records that borrow from the buffer they were received in.

use std::fmt;
use std::sync::{Arc, Mutex};

use kafka_client_core::consumer::{self as core, Decompressor, Fetched, FetchedBatch, Unreadable};
pub use kafka_proto::record::Record;

use crate::error::ConsumeError;
use crate::sync::lock;

/// Guards and decompressors that the application is done with, until the next poll takes them back.
#[derive(Default)]
pub(super) struct Returned {
    pub(super) fetched: Vec<Fetched<'static>>,
    pub(super) decompressors: Vec<Decompressor<'static>>,
}

/// The records of one poll. They borrow from it: it owns the buffer they were received in, and gives it back when it
/// is dropped. Records that were not looked at come again with a later poll.
#[must_use = "records that are not looked at come again"]
pub struct Records {
    fetched: Option<Fetched<'static>>,
    decompressor: Option<Decompressor<'static>>,
    names: Vec<Arc<str>>,
    returned: Arc<Mutex<Returned>>,
}

impl Records {
    pub(super) fn new(
        fetched: Option<Fetched<'static>>,
        names: &[Arc<str>],
        decompressor: Option<Decompressor<'static>>,
        returned: &Arc<Mutex<Returned>>,
    ) -> Records {
        Records { fetched, decompressor, names: names.to_vec(), returned: returned.clone() }
    }

    /// Whether nothing arrived within the time of the poll.
    pub fn is_empty(&self) -> bool {
        self.fetched.is_none()
    }

    /// The next batch, one partition after the other; `None` at the end.
    ///
    /// # Errors
    /// [`ConsumeError::Unreadable`] for a batch that is damaged. The next call goes on with the next partition; this
    /// one waits for a seek.
    pub fn next_batch(&mut self) -> Option<Result<Batch<'_>, ConsumeError>> {
        let fetched = self.fetched.as_mut()?;
        let decompressor = self.decompressor.as_mut()?;
        let names = &self.names;
        let name = |index: usize| names.get(index).map_or("", |name| &**name);
        Some(match fetched.next_batch(decompressor)? {
            Ok(batch) => Ok(Batch::new(name(batch.topic.index()), batch)),
            Err(what) => Err(unreadable(name(what.topic.index()), &what)),
        })
    }

    /// Calls `each` with every record: its topic, its partition, itself.
    ///
    /// # Errors
    /// That of the first batch or record that cannot be read; those before it were seen.
    pub fn for_each(mut self, mut each: impl FnMut(&str, i32, &Record<'_>)) -> Result<(), ConsumeError> {
        while let Some(batch) = self.next_batch() {
            let batch = batch?;
            let (topic, partition) = (batch.topic, batch.partition);
            for record in batch {
                each(topic, partition, &record?);
            }
        }
        Ok(())
    }
}

impl Drop for Records {
    fn drop(&mut self) {
        let mut returned = lock(&self.returned);
        returned.fetched.extend(self.fetched.take());
        returned.decompressors.extend(self.decompressor.take());
    }
}

impl fmt::Debug for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Records").field("is_empty", &self.is_empty()).finish_non_exhaustive()
    }
}

/// A batch of one partition; iterate over it for its records, in order.
///
/// A record is an error where it is malformed, although the checksum of its batch is right: its producer made it so. That
/// is the end of the batch, and the partition waits for a seek.
pub struct Batch<'a> {
    topic: &'a str,
    partition: i32,
    high_watermark: i64,
    next_offset: i64,
    records: core::Records<'a>,
}

impl<'a> Batch<'a> {
    fn new(topic: &'a str, batch: FetchedBatch<'a>) -> Batch<'a> {
        Batch {
            topic,
            partition: batch.partition,
            high_watermark: batch.high_watermark,
            next_offset: batch.next_offset,
            records: batch.records(),
        }
    }

    /// Its topic.
    pub fn topic(&self) -> &'a str {
        self.topic
    }

    /// Its partition.
    pub fn partition(&self) -> i32 {
        self.partition
    }

    /// The offset after the last record that readers may see, when this was fetched.
    pub fn high_watermark(&self) -> i64 {
        self.high_watermark
    }

    /// The offset after the batch.
    pub fn next_offset(&self) -> i64 {
        self.next_offset
    }
}

impl<'a> IntoIterator for Batch<'a> {
    type Item = Result<Record<'a>, ConsumeError>;
    type IntoIter = BatchRecords<'a>;

    fn into_iter(self) -> BatchRecords<'a> {
        BatchRecords(self)
    }
}

/// The records of a [`Batch`].
#[derive(Debug)]
pub struct BatchRecords<'a>(Batch<'a>);

impl<'a> Iterator for BatchRecords<'a> {
    type Item = Result<Record<'a>, ConsumeError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        Some(self.0.records.next()?.map_err(|what| unreadable(self.0.topic, &what)))
    }
}

impl fmt::Debug for Batch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch")
            .field("topic", &self.topic)
            .field("partition", &self.partition)
            .field("next_offset", &self.next_offset)
            .finish_non_exhaustive()
    }
}

#[cold]
fn unreadable(topic: &str, what: &Unreadable) -> ConsumeError {
    let why = match &what.why {
        core::Why::Damaged(error) => error.to_string(),
        core::Why::Compression(error) => error.to_string(),
    };
    let (partition, base, next) = (what.partition, what.base, what.next);
    ConsumeError::Unreadable { topic: topic.to_owned(), partition, base, next, why }
}
