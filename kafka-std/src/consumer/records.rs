//! Records as the application gets them: borrowed from the buffer they were received in, or owned.

use std::fmt;
use std::sync::Arc;

use kafka_client_core::consumer::{Decompressor, Fetched, FetchedBatch, Unreadable};
use kafka_proto::record::Headers;

use super::state::State;
use crate::error::Error;
use crate::io::Shared;

/// Records that were fetched, of one or more partitions. They are borrowed from the buffer they were received in,
/// which this owns: dropping it lets the consumer use that buffer again, and what was not read is fetched again.
///
/// ```no_run
/// # fn main() -> Result<(), kafka_std::Error> {
/// # let consumer = kafka_std::Consumer::builder().bootstrap_servers("localhost:9092").build()?;
/// while let Some(mut records) = consumer.poll(std::time::Duration::from_secs(1))? {
///     while let Some(batch) = records.next_batch() {
///         for record in batch? {
///             let record = record?;
///             println!("{}-{}@{}: {:?}", record.topic, record.partition, record.offset, record.value);
///         }
///     }
/// }
/// # Ok(())
/// # }
/// ```
pub struct Records {
    /// Present until it is dropped.
    fetched: Option<Fetched<'static>>,
    /// Present until it is dropped.
    decompressor: Option<Box<Decompressor<'static>>>,
    topics: Arc<Vec<Arc<str>>>,
    shared: Arc<Shared<State>>,
}

impl Records {
    pub(super) fn new(
        fetched: Fetched<'static>,
        decompressor: Box<Decompressor<'static>>,
        topics: Arc<Vec<Arc<str>>>,
        shared: Arc<Shared<State>>,
    ) -> Records {
        Records { fetched: Some(fetched), decompressor: Some(decompressor), topics, shared }
    }

    /// The next batch; `None` at the end. Batches of a partition come in order of their offsets.
    ///
    /// # Errors
    /// [`Error::Unreadable`] for a batch that is damaged, or compressed with a codec that this build lacks. Its
    /// partition is read on when it is assigned again; the error says from where.
    pub fn next_batch(&mut self) -> Option<Result<Batch<'_>, Error>> {
        let fetched = self.fetched.as_mut()?;
        let topics = &self.topics;
        Some(match fetched.next_batch(self.decompressor.as_mut()?)? {
            Ok(batch) => Ok(Batch::new(name(topics, batch.topic.index()), batch)),
            Err(error) => Err(unreadable(topics, error)),
        })
    }

    /// Calls `each` with every record that is left, in order.
    ///
    /// # Errors
    /// As [`next_batch`](Self::next_batch), of the first batch that cannot be read.
    pub fn for_each(&mut self, mut each: impl FnMut(Record<'_>)) -> Result<(), Error> {
        while let Some(batch) = self.next_batch() {
            for record in batch? {
                each(record?);
            }
        }
        Ok(())
    }

    /// Goes back: records of the batch that was read last, from `offset` on, come again.
    pub fn stop_at(&mut self, offset: i64) {
        if let Some(fetched) = self.fetched.as_mut() {
            fetched.stop_at(offset);
        }
    }
}

impl Drop for Records {
    fn drop(&mut self) {
        let Some(fetched) = self.fetched.take() else { return };
        let wake = {
            let mut state = self.shared.lock();
            let now = self.shared.clock.now();
            state.core.release(now, fetched);
            if state.spare.len() < SPARE_MAX {
                state.spare.extend(self.decompressor.take());
            }
            state.wake()
        };
        if wake {
            self.shared.wake();
        }
    }
}

/// Decompressors kept: as many as are usually at work at a time.
const SPARE_MAX: usize = 4;

impl fmt::Debug for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Records").finish_non_exhaustive()
    }
}

fn name(topics: &[Arc<str>], index: usize) -> &str {
    topics.get(index).map_or("", |name| name)
}

fn unreadable(topics: &[Arc<str>], error: Unreadable) -> Error {
    let topic = name(topics, error.topic.index()).to_owned();
    Error::Unreadable { topic, error }
}

/// A batch of one partition: an iterator over its records.
pub struct Batch<'a> {
    /// Its topic.
    pub topic: &'a str,
    /// Its partition.
    pub partition: i32,
    /// The offset after the last record that readers may see, when this was fetched.
    pub high_watermark: i64,
    /// The offset after the batch.
    pub next_offset: i64,
    records: kafka_client_core::consumer::Records<'a>,
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
}

impl<'a> Iterator for Batch<'a> {
    type Item = Result<Record<'a>, Error>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        Some(match self.records.next()? {
            Ok(record) => Ok(Record {
                topic: self.topic,
                partition: self.partition,
                offset: record.offset,
                timestamp: record.timestamp,
                key: record.key,
                value: record.value,
                headers: record.headers,
            }),
            Err(error) => {
                Err(Error::BadRecord { topic: self.topic.to_owned(), partition: self.partition, error })
            }
        })
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

/// A record, borrowed from the buffer it was received in.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Its topic.
    pub topic: &'a str,
    /// Its partition.
    pub partition: i32,
    /// Its place in the partition.
    pub offset: i64,
    /// Milliseconds since 1970; −1 for unknown.
    pub timestamp: i64,
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// Its value; `None` is a tombstone where the topic is compacted.
    pub value: Option<&'a [u8]>,
    /// Its headers, in order; keys may repeat.
    pub headers: Headers<'a>,
}

impl Record<'_> {
    /// A copy that owns its bytes.
    pub fn to_owned(&self) -> OwnedRecord {
        let headers = self.headers;
        OwnedRecord {
            topic: self.topic.to_owned(),
            partition: self.partition,
            offset: self.offset,
            timestamp: self.timestamp,
            key: self.key.map(<[u8]>::to_vec),
            value: self.value.map(<[u8]>::to_vec),
            headers: headers.map(|h| (h.key.to_owned(), h.value.map(<[u8]>::to_vec))).collect(),
        }
    }
}

/// A record that owns its bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnedRecord {
    /// Its topic.
    pub topic: String,
    /// Its partition.
    pub partition: i32,
    /// Its place in the partition.
    pub offset: i64,
    /// Milliseconds since 1970; −1 for unknown.
    pub timestamp: i64,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value.
    pub value: Option<Vec<u8>>,
    /// Its headers, in order.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}
