//! What is sent: a record that borrows its bytes, and the topic it goes to.

use std::fmt;
use std::sync::Arc;

use kafka_client_core::metadata::TopicId;
pub use kafka_proto::record::Header;

/// A topic of one producer, looked up once with [`Producer::topic`](super::Producer::topic). Cheap to clone.
#[derive(Clone)]
pub struct Topic {
    pub(super) id: TopicId,
    pub(super) name: Arc<str>,
    /// The producer it belongs to.
    pub(super) owner: u64,
}

impl Topic {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Debug for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Topic").field(&self.name).finish()
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// Where a record goes: a [`Topic`], or a name that is looked up at each call.
#[derive(Clone, Copy, Debug)]
pub enum Destination<'a> {
    /// By its handle: an index.
    Topic(&'a Topic),
    /// By its name.
    Name(&'a str),
}

impl<'a> From<&'a Topic> for Destination<'a> {
    fn from(topic: &'a Topic) -> Self {
        Destination::Topic(topic)
    }
}

impl<'a> From<&'a str> for Destination<'a> {
    fn from(name: &'a str) -> Self {
        Destination::Name(name)
    }
}

impl<'a> From<&'a String> for Destination<'a> {
    fn from(name: &'a String) -> Self {
        Destination::Name(name)
    }
}

/// A record to be sent. It borrows all it holds and is copied once, into the batch; so when a call refuses it, the
/// caller still has it.
///
/// ```
/// use kafka_std::Record;
///
/// let record = Record::to("readings").key("sensor-7").value(r#"{"celsius":21.5}"#);
/// let tombstone = Record::to("readings").key("sensor-7"); // no value: deleted by compaction
/// # let _ = (record, tombstone);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    pub(super) topic: Destination<'a>,
    pub(super) partition: Option<u32>,
    pub(super) key: Option<&'a [u8]>,
    pub(super) value: Option<&'a [u8]>,
    pub(super) headers: &'a [Header<'a>],
    pub(super) timestamp: Option<i64>,
}

impl<'a> Record<'a> {
    /// A record without key, value and headers for this topic.
    #[inline]
    pub fn to(topic: impl Into<Destination<'a>>) -> Record<'a> {
        Record { topic: topic.into(), partition: None, key: None, value: None, headers: &[], timestamp: None }
    }

    /// Its key: records of one key go to one partition, unless [`partition`](Self::partition) says otherwise.
    #[inline]
    pub fn key<T: AsRef<[u8]> + ?Sized>(self, key: &'a T) -> Self {
        Record { key: Some(key.as_ref()), ..self }
    }

    /// Its value.
    #[inline]
    pub fn value<T: AsRef<[u8]> + ?Sized>(self, value: &'a T) -> Self {
        Record { value: Some(value.as_ref()), ..self }
    }

    /// Its headers; order and duplicates are kept.
    #[inline]
    pub fn headers(self, headers: &'a [Header<'a>]) -> Self {
        Record { headers, ..self }
    }

    /// The partition it goes to, whatever its key.
    #[inline]
    pub fn partition(self, partition: u32) -> Self {
        Record { partition: Some(partition), ..self }
    }

    /// When it happened, in milliseconds since 1970; −1 for unknown. Without it: now.
    #[inline]
    pub fn timestamp(self, ms: i64) -> Self {
        Record { timestamp: Some(ms), ..self }
    }
}
