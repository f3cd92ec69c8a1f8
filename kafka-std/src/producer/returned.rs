//! Records that come back: those of a batch that is certainly not in the log.
//!
//! The batch as it lies in the pool is copied once when it fails, if anybody can still ask for it. Nothing is done for
//! a batch that succeeds, and nothing per record. With it is kept what the broker said of single records.

use std::sync::OnceLock;

use kafka_client_core::producer::{self as core, RecordError, SendError as Cause};
use kafka_proto::compress::{Limit, Workspace};
use kafka_proto::record::{Batch, batches};

use super::record::{Header, Record};

/// A record with memory of its own: what comes back when it was not sent.
///
/// ```
/// # use kafka_std::{DeliveryError, Producer, SendError};
/// fn try_again(producer: &Producer, error: &DeliveryError) -> Result<(), SendError> {
///     if let Some(record) = error.record() {
///         drop(record.with(|record| producer.send(record))?);
///     }
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedRecord {
    /// The topic it was for.
    pub topic: String,
    /// The partition it was for, whoever chose it.
    pub partition: u32,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value.
    pub value: Option<Vec<u8>>,
    /// Its headers, in order.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    /// Its timestamp in milliseconds since 1970; −1 for unknown.
    pub timestamp: i64,
}

impl OwnedRecord {
    /// Lends it as a [`Record`] for the same topic and partition, to be sent again.
    pub fn with<R>(&self, call: impl FnOnce(Record<'_>) -> R) -> R {
        let headers: Vec<Header<'_>> =
            self.headers.iter().map(|(key, value)| Header { key, value: value.as_deref() }).collect();
        call(Record {
            topic: self.topic.as_str().into(),
            partition: Some(self.partition),
            key: self.key.as_deref(),
            value: self.value.as_deref(),
            headers: &headers,
            timestamp: Some(self.timestamp),
        })
    }
}

/// A batch that came back, or a part of one.
pub(super) struct Returned {
    /// The index of its first record in the whole.
    first: u32,
    bytes: Box<[u8]>,
    /// The records of a compressed one, once somebody asked.
    plain: OnceLock<Vec<u8>>,
    /// The records that made the broker refuse it, where it named them: index, error, what it said.
    rejected: Vec<(u32, Cause, Option<Box<str>>)>,
    /// What the broker said of all of it.
    refusal: Option<Box<str>>,
}

impl Returned {
    /// What the core still knows of a delivery that says `NotWritten`.
    pub(super) fn of(producer: &mut core::Producer<'_>, delivery: &core::Delivery) -> Returned {
        let owned = |e: RecordError<'_>| (e.index, e.error, e.message.map(Box::from));
        Returned {
            first: delivery.first,
            rejected: producer.record_errors(delivery).map(owned).collect(),
            refusal: producer.refusal(delivery).map(Box::from),
            bytes: producer.returned(delivery).unwrap_or_default().into(),
            plain: OnceLock::new(),
        }
    }

    /// What the record at `index` of the whole batch failed with, where it is not the same for all of them.
    pub(super) fn cause(&self, index: u32) -> Option<Cause> {
        let named = self.rejected.iter().find(|(i, ..)| *i == index).map(|(_, cause, _)| *cause);
        named.or((!self.rejected.is_empty()).then_some(Cause::BatchRefused))
    }

    /// What the broker said of the record at `index`, or else of the batch.
    pub(super) fn message(&self, index: u32) -> Option<&str> {
        if self.cause(index) == Some(Cause::BatchRefused) {
            return None;
        }
        let named = self.rejected.iter().find(|(i, ..)| *i == index);
        named.and_then(|(.., message)| message.as_deref()).or(self.refusal.as_deref())
    }

    pub(super) fn first(&self) -> u32 {
        self.first
    }

    /// The record at `index` of the whole batch.
    pub(super) fn record(&self, index: u32, topic: &str, partition: u32) -> Option<OwnedRecord> {
        let batch = batches(&self.bytes).next()?.ok()?;
        let mut records = match batch.records() {
            Ok(records) => records,
            Err(_) => batch.records_from(self.plain.get_or_init(|| plain(&batch))),
        };
        let record = records.nth(index.checked_sub(self.first)? as usize)?.ok()?;
        let headers = record.headers.map(|h| (h.key.to_owned(), h.value.map(<[u8]>::to_vec)));
        Some(OwnedRecord {
            topic: topic.to_owned(),
            partition,
            key: record.key.map(<[u8]>::to_vec),
            value: record.value.map(<[u8]>::to_vec),
            headers: headers.collect(),
            timestamp: record.timestamp,
        })
    }
}

fn plain(batch: &Batch<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    // It was compressed by this producer: a failure leaves it empty, and there is no record then.
    let _ = batch.decompress_to_vec(&mut out, &Limit::default(), &mut Workspace::new());
    out
}
