//! The producer: handles that are used from any thread, over one thread that does the I/O.

mod append;
mod builder;
mod delivery;
mod finish;
mod interceptor;
mod listeners;
mod pace;
mod partitioning;
mod record;
mod returned;
mod shared;
mod state;
mod transaction;

use std::fmt;
use std::sync::{Arc, Condvar};
use std::time::{Duration, Instant as StdInstant};

pub use builder::ProducerBuilder;
pub(crate) use builder::ProducerSettings;
pub use delivery::{Cause, Delivery, DeliveryError, DeliveryResult, RecordMetadata};
pub use interceptor::{Interceptor, Outgoing};
pub use kafka_client_core::producer::{DefaultPartitioner, Partitioner, Partitions};
pub use partitioning::RoundRobin;
pub use record::{Destination, Header, Record, Topic};
pub use returned::OwnedRecord;
pub use transaction::{ConsumerGroup, Member};

use crate::error::{Error, SendError};
use crate::io::{Shared, Waiter};
use append::{Attempt, take_delivery};
use interceptor::Chain;
use state::{Place, State};

/// Sends records to a Kafka cluster, from any number of threads and tasks.
///
/// Cloning is cheap, and all clones are the same producer. When the last one is dropped, what was not sent yet is given
/// up and its deliveries say so, without anybody waiting for it: call [`flush`](Self::flush) or
/// [`close`](Self::close) before.
///
/// There are four ways to learn what became of a record:
///
/// | call | result |
/// | --- | --- |
/// | [`send`](Self::send) | a [`Delivery`] to be waited for or awaited, or dropped |
/// | [`send_with`](Self::send_with) | goes with the record's token to the one handler of the producer; no allocation |
/// | [`send_then`](Self::send_then) | goes to a closure of this record |
/// | [`send_all`](Self::send_all) | as `send`, for many records under one lock |
///
/// A call that finds no room waits up to `max.block.ms`; [`try_send`](Self::try_send) does not wait, and
/// [`send_async`](Self::send_async) waits without blocking the thread.
#[derive(Clone)]
pub struct Producer {
    handle: Arc<Handle>,
}

/// Aborts the producer when the last clone is gone.
struct Handle {
    shared: Arc<Shared<State>>,
    /// What threads sleep on until there is room, or partitions are known, or a transaction is settled.
    room: Arc<Condvar>,
    interceptors: Option<Chain>,
    max_block: Duration,
    bootstrap: Vec<String>,
    /// Tells its topics from those of other producers.
    number: u64,
}

impl Drop for Handle {
    fn drop(&mut self) {
        let wake = {
            let mut state = self.shared.lock();
            state.core.abort();
            state.wake()
        };
        if wake {
            self.shared.wake();
        }
    }
}

impl fmt::Debug for Producer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer").field("bootstrap", &self.handle.bootstrap).finish_non_exhaustive()
    }
}

impl Producer {
    /// Begins to configure a producer.
    pub fn builder() -> ProducerBuilder {
        ProducerBuilder::new()
    }

    /// A producer configured by the text of a properties file.
    ///
    /// # Errors
    /// [`Error::Config`]; [`Error::Io`] when the operating system has no thread or event queue left.
    pub fn from_properties(text: &str) -> Result<Producer, Error> {
        Producer::builder().properties(text)?.build()
    }

    /// The handle of a topic, for records to be sent without looking its name up each time. Does not wait for the
    /// cluster; whether the topic exists shows with the first record.
    ///
    /// # Errors
    /// [`SendError::IllegalTopicName`]; [`SendError::Closed`].
    pub fn topic(&self, name: &str) -> Result<Topic, SendError> {
        let mut state = self.handle.shared.lock();
        let id = self.topic_id(&mut state, name)?;
        let topic = state.topics.get(id.index()).cloned().ok_or(SendError::Closed)?;
        let wake = state.wake();
        drop(state);
        if wake {
            self.handle.shared.wake();
        }
        Ok(topic)
    }

    /// Sends a record. Waits for room in `buffer.memory` and for the topic's partitions up to `max.block.ms`, but
    /// never for the record itself: the [`Delivery`] says what became of it.
    ///
    /// # Errors
    /// See [`SendError`]. The record was not taken.
    #[inline]
    pub fn send(&self, record: Record<'_>) -> Result<Delivery, SendError> {
        self.intercepted(record, |record| match self.attempt(&record, true, take_delivery) {
            Attempt::Done(delivery) => Ok(delivery),
            Attempt::Never(error) => Err(*error),
            Attempt::Later(_, partition) => self.blocking(Record { partition, ..record }, take_delivery),
        })
    }

    /// Shows the record to the interceptors, if there are any, and sends it.
    #[inline(always)]
    fn intercepted<T>(
        &self,
        record: Record<'_>,
        send: impl FnOnce(Record<'_>) -> Result<T, SendError>,
    ) -> Result<T, SendError> {
        match &self.handle.interceptors {
            None => send(record),
            Some(chain) => chain.send(record, send),
        }
    }

    /// As [`send`](Self::send), without ever waiting.
    ///
    /// # Errors
    /// [`SendError::Full`] where `send` would wait for room, [`SendError::Unavailable`] where it would wait for the
    /// topic's partitions.
    #[inline]
    pub fn try_send(&self, record: Record<'_>) -> Result<Delivery, SendError> {
        self.intercepted(record, |record| match self.attempt(&record, false, take_delivery) {
            Attempt::Done(delivery) => Ok(delivery),
            Attempt::Never(error) => Err(*error),
            Attempt::Later(error, _) => Err(self.in_vain(&record, error, Duration::ZERO)),
        })
    }

    /// As [`send`](Self::send), waiting for room without blocking the thread. Cancel-safe: dropped before it is ready,
    /// the record was not sent.
    ///
    /// # Errors
    /// See [`SendError`].
    pub async fn send_async(&self, mut record: Record<'_>) -> Result<Delivery, SendError> {
        let begin = StdInstant::now();
        let mut waiter = Waiter::new(&self.handle.shared);
        let seat = &mut waiter.seat;
        let Some(chain) = &self.handle.interceptors else {
            return std::future::poll_fn(|cx| self.poll_send(&mut record, begin, seat, cx)).await;
        };
        let outgoing = chain.on_send(record);
        let headers = outgoing.header_list();
        let mut record = outgoing.record(&headers);
        let sent = std::future::poll_fn(|cx| self.poll_send(&mut record, begin, seat, cx)).await;
        sent.inspect_err(|error| chain.on_refused(&outgoing, error))
    }

    /// Sends a record whose result goes to the handler set with [`ProducerBuilder::on_delivery`], together with
    /// `token`. Costs no allocation. Waits as [`send`](Self::send).
    ///
    /// # Errors
    /// See [`SendError`]; the handler is not called for this token.
    #[inline]
    pub fn send_with(&self, record: Record<'_>, token: u64) -> Result<(), SendError> {
        let take = |state: &mut State, place: Place, timestamp: i64| {
            state.listen(place, timestamp, token);
            Some(())
        };
        self.intercepted(record, |record| match self.attempt(&record, true, take) {
            Attempt::Done(()) => Ok(()),
            Attempt::Never(error) => Err(*error),
            Attempt::Later(_, partition) => self.blocking(Record { partition, ..record }, take),
        })
    }

    /// Sends a record whose result goes to `callback`, on the producer's I/O thread: be brief there. That thread cannot
    /// wait for itself: what is sent there does not wait for room, and [`Delivery::wait`] is an error at once. A
    /// [`Delivery`] that is awaited there, by an executor that blocks, would be for ever. Costs an allocation. Waits as [`send`](Self::send).
    ///
    /// # Errors
    /// See [`SendError`]; the callback is not called.
    pub fn send_then(
        &self,
        record: Record<'_>,
        callback: impl FnOnce(DeliveryResult) + Send + 'static,
    ) -> Result<(), SendError> {
        let mut callback: Option<listeners::Callback> = Some(Box::new(callback));
        self.intercepted(record, |record| {
            self.blocking(record, |state, place, timestamp| {
                state.call_back(place, timestamp, callback.take()?);
                Some(())
            })
        })
    }

    /// Sends many records, taking the lock once for many. Their deliveries are appended to `deliveries`, in order.
    /// Waits as [`send`](Self::send), for each.
    ///
    /// # Errors
    /// That of the first record that was refused: those before it, as many as `deliveries` grew, were taken.
    pub fn send_all(&self, records: &[Record<'_>], deliveries: &mut Vec<Delivery>) -> Result<(), SendError> {
        deliveries.reserve(records.len());
        if self.handle.interceptors.is_some() {
            return records.iter().try_for_each(|record| self.send(*record).map(|d| deliveries.push(d)));
        }
        self.send_many(records, |state, place, _, timestamp| {
            deliveries.push(take_delivery(state, place, timestamp)?);
            Some(())
        })
    }

    /// As [`send_with`](Self::send_with) for many records; their tokens are `first_token`, `first_token + 1`, ….
    ///
    /// # Errors
    /// That of the first record that was refused: those before it were taken.
    pub fn send_all_with(&self, records: &[Record<'_>], first_token: u64) -> Result<(), SendError> {
        if self.handle.interceptors.is_some() {
            let mut tokens = (0..).map(|index: u64| first_token.wrapping_add(index));
            return records.iter().zip(&mut tokens).try_for_each(|(r, token)| self.send_with(*r, token));
        }
        self.send_many(records, |state, place, index, timestamp| {
            state.listen(place, timestamp, first_token.wrapping_add(index as u64));
            Some(())
        })
    }
}

/// As in `bootstrap.servers`: brackets around an IPv6 address.
pub(crate) fn host_port(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}
