//! Interceptors: code of the application around every record, whoever sends it.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use super::delivery::DeliveryResult;
use super::record::{Destination, Header, Record};
use crate::error::SendError;
use crate::sync::isolated;

/// Sees every record that a producer is given, and every result (KIP-42). Several are called in the order in which they were
/// given to the builder.
///
/// A panic is the interceptor's own: the panic hook reports it, the record goes on as it was before this interceptor had
/// it, and the others are called all the same.
///
/// ```
/// use kafka_std::{Interceptor, Outgoing};
///
/// struct Origin;
///
/// impl Interceptor for Origin {
///     fn on_send(&self, record: &mut Outgoing<'_>) {
///         record.add_header("origin", Some(b"kiln 3"));
///     }
/// }
/// # let builder = kafka_std::Producer::builder().bootstrap_servers("localhost:9092");
/// let builder = builder.interceptor(Origin);
/// # drop(builder);
/// ```
pub trait Interceptor: Send + Sync {
    /// A record is about to be sent, by this thread: its partition is not chosen yet, and nothing is encoded. What is
    /// changed here is what the partitioner and the broker get. Called once per record, however long it waits for room.
    fn on_send(&self, record: &mut Outgoing<'_>) {
        let _ = record;
    }

    /// What became of a record that was accepted. Called on the producer's I/O thread, before the record's own callback:
    /// be brief.
    fn on_acknowledgement(&self, result: &DeliveryResult) {
        let _ = result;
    }

    /// A record was not accepted; the caller gets the same error, and still has the record.
    fn on_refused(&self, record: &Outgoing<'_>, error: &SendError) {
        let _ = (record, error);
    }
}

/// A header with memory of its own.
type OwnedHeader = (String, Option<Vec<u8>>);

/// A record on its way through the interceptors. What nobody changes is not copied.
#[derive(Clone)]
pub struct Outgoing<'a> {
    record: Record<'a>,
    topic: Option<String>,
    key: Option<Cow<'a, [u8]>>,
    value: Option<Cow<'a, [u8]>>,
    /// Instead of the record's own.
    headers: Option<Vec<OwnedHeader>>,
}

impl<'a> Outgoing<'a> {
    fn new(record: Record<'a>) -> Outgoing<'a> {
        let (key, value) = (record.key.map(Cow::Borrowed), record.value.map(Cow::Borrowed));
        Outgoing { record, topic: None, key, value, headers: None }
    }

    /// The topic it goes to.
    pub fn topic(&self) -> &str {
        match (&self.topic, self.record.topic) {
            (Some(name), _) => name,
            (None, Destination::Name(name)) => name,
            (None, Destination::Topic(topic)) => topic.name(),
        }
    }

    /// Sends it to another topic.
    pub fn set_topic(&mut self, name: &str) {
        self.topic = Some(name.to_owned());
    }

    /// The partition that the sender named.
    pub fn partition(&self) -> Option<u32> {
        self.record.partition
    }

    /// Names the partition, or leaves it to be chosen.
    pub fn set_partition(&mut self, partition: Option<u32>) {
        self.record.partition = partition;
    }

    /// Its key.
    pub fn key(&self) -> Option<&[u8]> {
        self.key.as_deref()
    }

    /// Gives it another key, or none.
    pub fn set_key(&mut self, key: Option<Vec<u8>>) {
        self.key = key.map(Cow::Owned);
    }

    /// Its value.
    pub fn value(&self) -> Option<&[u8]> {
        self.value.as_deref()
    }

    /// Gives it another value, or none.
    pub fn set_value(&mut self, value: Option<Vec<u8>>) {
        self.value = value.map(Cow::Owned);
    }

    /// Its timestamp in milliseconds since 1970; `None` for the time at which it is taken.
    pub fn timestamp(&self) -> Option<i64> {
        self.record.timestamp
    }

    /// Gives it another timestamp.
    pub fn set_timestamp(&mut self, ms: Option<i64>) {
        self.record.timestamp = ms;
    }

    /// Its headers, in order.
    pub fn headers(&self) -> impl Iterator<Item = Header<'_>> {
        let own = self.headers.iter().flatten().map(|(key, value)| Header { key, value: value.as_deref() });
        let borrowed = if self.headers.is_some() { &[] } else { self.record.headers };
        borrowed.iter().copied().chain(own)
    }

    /// Appends a header.
    pub fn add_header(&mut self, key: &str, value: Option<&[u8]>) {
        self.headers_mut().push((key.to_owned(), value.map(<[u8]>::to_vec)));
    }

    /// Its headers, to be changed in any way. They are copied when this is first called.
    pub fn headers_mut(&mut self) -> &mut Vec<(String, Option<Vec<u8>>)> {
        let borrowed = self.record.headers;
        self.headers.get_or_insert_with(|| {
            borrowed.iter().map(|h| (h.key.to_owned(), h.value.map(<[u8]>::to_vec))).collect()
        })
    }

    /// The headers to send, where they are not those it came with.
    pub(super) fn header_list(&self) -> Option<Vec<Header<'_>>> {
        self.headers.as_ref().map(|_| self.headers().collect())
    }

    /// What is sent, with these headers if they changed.
    pub(super) fn record<'b>(&'b self, headers: &'b Option<Vec<Header<'b>>>) -> Record<'b> {
        Record {
            topic: self.topic.as_deref().map_or(self.record.topic, Destination::Name),
            key: self.key.as_deref(),
            value: self.value.as_deref(),
            headers: headers.as_deref().unwrap_or(self.record.headers),
            ..self.record
        }
    }
}

impl fmt::Debug for Outgoing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lengths = (self.key().map(<[u8]>::len), self.value().map(<[u8]>::len));
        f.debug_struct("Outgoing").field("topic", &self.topic()).field("key, value", &lengths).finish()
    }
}

/// The interceptors of a producer.
#[derive(Clone)]
pub(super) struct Chain(Arc<[Box<dyn Interceptor>]>);

impl Chain {
    /// `None` without any: then nothing is done for them.
    pub(super) fn new(all: Vec<Box<dyn Interceptor>>) -> Option<Chain> {
        if all.is_empty() { None } else { Some(Chain(all.into())) }
    }

    /// The record as they leave it.
    pub(super) fn on_send<'a>(&self, record: Record<'a>) -> Outgoing<'a> {
        let mut now = Outgoing::new(record);
        for one in self.0.iter() {
            let before = now.clone();
            if !isolated(|| one.on_send(&mut now)) {
                now = before;
            }
        }
        now
    }

    pub(super) fn on_acknowledgement(&self, result: &DeliveryResult) {
        for one in self.0.iter() {
            isolated(|| one.on_acknowledgement(result));
        }
    }

    pub(super) fn on_refused(&self, record: &Outgoing<'_>, error: &SendError) {
        for one in self.0.iter() {
            isolated(|| one.on_refused(record, error));
        }
    }

    #[cold]
    pub(super) fn send<T>(
        &self,
        record: Record<'_>,
        send: impl FnOnce(Record<'_>) -> Result<T, SendError>,
    ) -> Result<T, SendError> {
        let outgoing = self.on_send(record);
        let headers = outgoing.header_list();
        let sent = send(outgoing.record(&headers));
        if let Err(error) = &sent {
            self.on_refused(&outgoing, error);
        }
        sent
    }
}
