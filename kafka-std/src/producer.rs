//! The producer: handles that are used from any thread, over one thread that does the I/O.

mod builder;
mod delivery;
mod record;
mod shared;
mod state;
mod transaction;

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant as StdInstant};

use kafka_client_core::metadata::TopicId;
use kafka_client_core::producer::{AppendError, TopicError};
use kafka_client_core::storage::Text;
use kafka_client_core::time::Instant;
use kafka_proto::record::NewRecord;

pub use builder::ProducerBuilder;
pub(crate) use builder::ProducerSettings;
pub use delivery::{Cause, Delivery, DeliveryError, DeliveryResult, RecordMetadata};
pub use record::{Destination, Header, Record, Topic};
pub use transaction::{ConsumerGroup, Member};

use crate::clock::tick;
use crate::error::{Error, SendError, Unavailable};
use crate::io::Shared;
use crate::sync::{Signal, deadline_in, wait_until};
use state::{Place, Room, State};

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
    room: Arc<Room>,
    max_block: Duration,
    bootstrap: Vec<String>,
    /// Tells its topics from those of other producers.
    number: u64,
}

impl Drop for Handle {
    fn drop(&mut self) {
        let wake = {
            let mut state = self.shared.lock();
            let now = self.shared.clock.now();
            state.core.abort(now);
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

/// What an attempt to append a record led to.
enum Attempt<T> {
    Done(T),
    /// It can succeed when something happened.
    Later(AppendError),
    /// Boxed, as what does not happen should not make what does large to move.
    Never(Box<SendError>),
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
        match self.attempt(&record, take_delivery) {
            Attempt::Done(delivery) => Ok(delivery),
            Attempt::Never(error) => Err(*error),
            Attempt::Later(_) => self.blocking(&record, take_delivery),
        }
    }

    /// As [`send`](Self::send), without ever waiting.
    ///
    /// # Errors
    /// [`SendError::Full`] where `send` would wait for room, [`SendError::Unavailable`] where it would wait for the
    /// topic's partitions.
    #[inline]
    pub fn try_send(&self, record: Record<'_>) -> Result<Delivery, SendError> {
        match self.attempt(&record, take_delivery) {
            Attempt::Done(delivery) => Ok(delivery),
            Attempt::Never(error) => Err(*error),
            Attempt::Later(error) => Err(self.in_vain(&record, error, Duration::ZERO)),
        }
    }

    /// As [`send`](Self::send), waiting for room without blocking the thread. Cancel-safe: dropped before it is ready,
    /// the record was not sent.
    ///
    /// # Errors
    /// See [`SendError`].
    pub async fn send_async(&self, record: Record<'_>) -> Result<Delivery, SendError> {
        let begin = StdInstant::now();
        std::future::poll_fn(|cx| self.poll_send(&record, begin, cx)).await
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
        match self.attempt(&record, take) {
            Attempt::Done(()) => Ok(()),
            Attempt::Never(error) => Err(*error),
            Attempt::Later(_) => self.blocking(&record, take),
        }
    }

    /// Sends a record whose result goes to `callback`, on the producer's I/O thread: be brief there. Costs an
    /// allocation. Waits as [`send`](Self::send).
    ///
    /// # Errors
    /// See [`SendError`]; the callback is not called.
    pub fn send_then(
        &self,
        record: Record<'_>,
        callback: impl FnOnce(DeliveryResult) + Send + 'static,
    ) -> Result<(), SendError> {
        let mut callback: Option<state::Callback> = Some(Box::new(callback));
        self.blocking(&record, |state, place, timestamp| {
            state.call_back(place, timestamp, callback.take()?);
            Some(())
        })
    }

    /// Sends many records, taking the lock once for many. Their deliveries are appended to `deliveries`, in order.
    /// Waits as [`send`](Self::send), for each.
    ///
    /// # Errors
    /// That of the first record that was refused: those before it, as many as `deliveries` grew, were taken.
    pub fn send_all(&self, records: &[Record<'_>], deliveries: &mut Vec<Delivery>) -> Result<(), SendError> {
        deliveries.reserve(records.len());
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
        self.send_many(records, |state, place, index, timestamp| {
            state.listen(place, timestamp, first_token.wrapping_add(index as u64));
            Some(())
        })
    }

    /// Sends what was sent so far at once, without `linger.ms`, and waits until each of these records is acknowledged
    /// or has failed and its callback was called. True when that was so within `timeout`.
    pub fn flush(&self, timeout: Duration) -> bool {
        self.begin_flush().is_none_or(|signal| signal.wait(deadline_in(timeout)))
    }

    /// As [`flush`](Self::flush), for tasks. It ends by itself after `delivery.timeout.ms` at the latest.
    pub async fn flush_async(&self) {
        if let Some(signal) = self.begin_flush() {
            signal.happened().await;
        }
    }

    /// Takes no more records, sends those it has, and closes the connections. What is not acknowledged within
    /// `timeout` is given up, and its deliveries say so. True when nothing had to be given up.
    pub fn close(&self, timeout: Duration) -> bool {
        let signal = Arc::new(Signal::default());
        let shared = &self.handle.shared;
        {
            let mut state = shared.lock();
            if state.dead {
                return true;
            }
            state.core.close(shared.clock.now());
            state.closes.push(signal.clone());
        }
        shared.wake();
        if signal.wait(deadline_in(timeout)) {
            return true;
        }
        let unresolved = {
            let mut state = shared.lock();
            let unresolved = state.core.unresolved();
            state.core.abort(shared.clock.now());
            unresolved
        };
        shared.wake();
        // Only connections have to be closed now, which waits for nobody.
        signal.wait(deadline_in(Duration::from_secs(1)));
        !unresolved
    }

    fn begin_flush(&self) -> Option<Arc<Signal>> {
        let shared = &self.handle.shared;
        let signal = Arc::new(Signal::default());
        {
            let mut state = shared.lock();
            if state.dead {
                return None;
            }
            state.core.flush(shared.clock.now());
            if state.is_flushed() && !state.core.has_resolved() {
                return None;
            }
            state.flushes.push(signal.clone());
            if !state.wake() {
                return Some(signal);
            }
        }
        shared.wake();
        Some(signal)
    }

    fn topic_id(&self, state: &mut State, name: &str) -> Result<TopicId, SendError> {
        if let Some(id) = state.by_name.get(name) {
            return Ok(*id);
        }
        let id = state.core.topic(Text::Owned(name.into())).map_err(|error| match error {
            TopicError::IllegalName => SendError::IllegalTopicName(name.to_owned()),
            TopicError::NoRoom => SendError::Closed,
        })?;
        let name: Arc<str> = name.into();
        state.by_name.insert(name.clone(), id);
        state.topics.push(Topic { id, name, owner: self.handle.number });
        Ok(id)
    }

    /// Tries to append a record, once.
    #[inline(always)]
    fn attempt<T>(
        &self,
        record: &Record<'_>,
        take: impl FnOnce(&mut State, Place, i64) -> Option<T>,
    ) -> Attempt<T> {
        let shared = &*self.handle.shared;
        let tick = tick();
        let mut state = shared.lock();
        let time = state.ticks.at(tick, &shared.clock);
        let (attempt, wake) = self.attempt_locked(&mut state, time, record, take);
        drop(state);
        if wake {
            shared.wake_for_record();
        }
        attempt
    }

    #[inline(always)]
    fn attempt_locked<T>(
        &self,
        state: &mut State,
        (now, wall_ms): (Instant, i64),
        record: &Record<'_>,
        take: impl FnOnce(&mut State, Place, i64) -> Option<T>,
    ) -> (Attempt<T>, bool) {
        let topic = match record.topic {
            Destination::Topic(topic) if topic.owner == self.handle.number => topic.id,
            Destination::Topic(topic) => {
                return (never(SendError::ForeignTopic(topic.name.to_string())), false);
            }
            Destination::Name(name) => match self.topic_id(state, name) {
                Ok(id) => id,
                Err(error) => return (never(error), false),
            },
        };
        let timestamp = record.timestamp.unwrap_or(wall_ms);
        if timestamp < -1 {
            return (never(SendError::BadTimestamp(timestamp)), false);
        }
        let new = NewRecord { key: record.key, value: record.value, headers: record.headers, timestamp };
        match state.append(now, topic, record.partition, &new) {
            Ok((place, wake)) => match take(state, place, timestamp) {
                Some(taken) => (Attempt::Done(taken), wake),
                None => (never(SendError::Closed), wake),
            },
            Err(error) => refused(state, topic, record, error),
        }
    }

    /// Appends a record as soon as that is possible, at most `max.block.ms` from now.
    #[cold]
    fn blocking<T>(
        &self,
        record: &Record<'_>,
        mut take: impl FnMut(&mut State, Place, i64) -> Option<T>,
    ) -> Result<T, SendError> {
        let shared = &*self.handle.shared;
        let begin = StdInstant::now();
        let deadline = begin.checked_add(self.handle.max_block);
        let mut state = shared.lock();
        loop {
            let time = state.ticks.at(tick(), &shared.clock);
            let (attempt, wake) = self.attempt_locked(&mut state, time, record, &mut take);
            if wake {
                // Before sleeping: nobody else knows of it.
                shared.wake();
            }
            let error = match attempt {
                Attempt::Done(taken) => return Ok(taken),
                Attempt::Never(error) => return Err(*error),
                Attempt::Later(error) => error,
            };
            if deadline.is_some_and(|d| StdInstant::now() >= d) {
                drop(state);
                return Err(self.in_vain(record, error, begin.elapsed()));
            }
            state.blocked += 1;
            state = wait_until(&self.handle.room.condition, state, deadline);
            state.blocked -= 1;
        }
    }

    fn poll_send(
        &self,
        record: &Record<'_>,
        begin: StdInstant,
        cx: &Context<'_>,
    ) -> Poll<Result<Delivery, SendError>> {
        let shared = &*self.handle.shared;
        let mut state = shared.lock();
        let time = state.ticks.at(tick(), &shared.clock);
        let (attempt, wake) = self.attempt_locked(&mut state, time, record, take_delivery);
        let outcome = match attempt {
            Attempt::Done(delivery) => Poll::Ready(Ok(delivery)),
            Attempt::Never(error) => Poll::Ready(Err(*error)),
            Attempt::Later(error) if begin.elapsed() >= self.handle.max_block => {
                drop(state);
                return Poll::Ready(Err(self.in_vain(record, error, begin.elapsed())));
            }
            Attempt::Later(_) => {
                let left = self.handle.max_block.saturating_sub(begin.elapsed());
                let left = u64::try_from(left.as_micros()).unwrap_or(u64::MAX);
                state.await_room(cx.waker(), time.0 + kafka_client_core::time::Duration(left));
                Poll::Pending
            }
        };
        drop(state);
        if wake {
            shared.wake();
        }
        outcome
    }

    fn send_many(
        &self,
        records: &[Record<'_>],
        mut take: impl FnMut(&mut State, Place, usize, i64) -> Option<()>,
    ) -> Result<(), SendError> {
        let shared = &*self.handle.shared;
        let mut at = 0;
        while at < records.len() {
            let tick = tick();
            let (mut wake, mut stopped) = (false, None);
            let mut state = shared.lock();
            let time = state.ticks.at(tick, &shared.clock);
            for record in records.get(at..).unwrap_or_default().iter().take(RECORDS_PER_LOCK) {
                let take = |state: &mut State, place: Place, t: i64| take(state, place, at, t);
                let (attempt, woken) = self.attempt_locked(&mut state, time, record, take);
                wake |= woken;
                match attempt {
                    Attempt::Done(()) => at += 1,
                    Attempt::Never(error) => stopped = Some(Err(*error)),
                    Attempt::Later(_) => stopped = Some(Ok(record)),
                }
                if stopped.is_some() {
                    break;
                }
            }
            drop(state);
            if wake {
                shared.wake();
            }
            match stopped {
                Some(Err(error)) => return Err(error),
                Some(Ok(record)) => {
                    self.blocking(record, |state, place, t| take(state, place, at, t))?;
                    at += 1;
                }
                None => {}
            }
        }
        Ok(())
    }

    /// The error for a record that was waited with in vain.
    #[cold]
    fn in_vain(&self, record: &Record<'_>, error: AppendError, waited: Duration) -> SendError {
        let state = self.handle.shared.lock();
        let at = |host: kafka_client_core::net::Host<'_>| host_port(host.name, host.port);
        let troubles: Vec<_> = state.core.troubles().map(|(host, why)| (at(host), why)).collect();
        let AppendError::NoMetadata { last } = error else {
            return SendError::Full { waited, brokers: troubles };
        };
        let name = match record.topic {
            Destination::Topic(topic) => topic.name(),
            Destination::Name(name) => name,
        };
        let silent = self.handle.bootstrap.iter().filter(|b| !troubles.iter().any(|(t, _)| t == *b));
        let answered = last != kafka_proto::ErrorCode::NONE;
        let mut brokers: Vec<(String, Option<_>)> = Vec::new();
        if !answered {
            brokers.extend(silent.map(|b| (b.clone(), None)));
        }
        brokers.extend(troubles.iter().map(|(b, t)| (b.clone(), Some(*t))));
        SendError::Unavailable(Unavailable {
            what: format!("the partitions of topic {name}"),
            waited,
            brokers,
            answer: answered.then_some(last),
        })
    }
}

/// Records appended before other threads get the lock.
const RECORDS_PER_LOCK: usize = 64;

#[inline]
fn take_delivery(state: &mut State, place: Place, timestamp: i64) -> Option<Delivery> {
    Some(Delivery::new(state.batch(place)?, place.index, timestamp))
}

#[cold]
fn never<T>(error: SendError) -> Attempt<T> {
    Attempt::Never(Box::new(error))
}

/// Sorts the core's refusals by whether waiting helps.
#[cold]
fn refused<T>(
    state: &mut State,
    topic: TopicId,
    record: &Record<'_>,
    error: AppendError,
) -> (Attempt<T>, bool) {
    let name = || state.core.topic_name(topic).to_owned();
    let why = match error {
        AppendError::Full | AppendError::NoMetadata { .. } if !state.dead => {
            // A batch may have been closed to make room, and metadata may have to be asked for.
            return (Attempt::Later(error), state.wake());
        }
        AppendError::Topic(code) => SendError::Topic { topic: name(), code },
        AppendError::NoSuchPartition { partitions } => {
            SendError::NoSuchPartition { topic: name(), partition: record.partition.unwrap_or(0), partitions }
        }
        AppendError::TooLarge { size, max } => SendError::TooLarge { size, max },
        error @ AppendError::Transaction(_) => SendError::Transaction(error.to_string()),
        _ => state.core.refused().map_or(SendError::Closed, SendError::Refused),
    };
    (never(why), false)
}

/// As in `bootstrap.servers`: brackets around an IPv6 address.
pub(crate) fn host_port(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}
