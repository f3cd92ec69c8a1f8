//! The consumer: records of assigned partitions, read in the buffers they were received in.

mod builder;
mod records;
mod state;

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::task::{Context, Poll};
use std::time::{Duration, Instant as StdInstant};

pub use kafka_client_core::consumer::Start;
use kafka_client_core::consumer::{Decompressor, Notice};
use kafka_client_core::metadata::TopicId;
use kafka_client_core::net::Host;
use kafka_client_core::producer::TopicError;
use kafka_client_core::storage::Text;
use kafka_proto::ErrorCode;

pub use builder::ConsumerBuilder;
pub(crate) use builder::ConsumerSettings;
pub use records::{Batch, BatchRecords, Record, Records};

use crate::error::{ConsumeError, Error, Unavailable};
use crate::io::{Drive, Shared, Waiter, thread_number};
use crate::producer::host_port;
use crate::sync::{Seat, deadline_in, lock, wait_until};
use records::Returned;
use state::State;

/// Reads records of partitions that are assigned by hand.
///
/// ```
/// use std::time::Duration;
/// use kafka_std::consumer::{Consumer, Start};
///
/// # fn main() -> Result<(), kafka_std::Error> {
/// # let server = kafka_broker::Server::start(kafka_broker::Config::default()).unwrap();
/// # let bootstrap = server.bootstrap();
/// # let producer = kafka_std::Producer::builder().bootstrap_servers(&bootstrap).build()?;
/// # producer.send(kafka_std::Record::to("readings").value("21.5"))?.wait()?;
/// let consumer = Consumer::builder().bootstrap_servers(&bootstrap).build()?;
/// consumer.assign_all("readings", Start::Earliest)?;
/// let mut records = consumer.poll(Duration::from_secs(5))?;
/// while let Some(batch) = records.next_batch() {
///     let batch = batch?;
///     let partition = batch.partition();
///     for record in batch {
///         let record = record?;
///         println!("{partition}@{}: {:?}", record.offset, record.value);
///     }
/// }
/// # Ok(())
/// # }
/// ```
///
/// Cloning is cheap, and all clones are the same consumer. When the last one is dropped its connections are closed,
/// without anybody waiting for it.
#[derive(Clone)]
pub struct Consumer {
    handle: Arc<Handle>,
    /// Of the task that called `poll_recv` of this clone last.
    seat: Seat,
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.handle.shared.leave(&mut self.seat);
    }
}

struct Handle {
    shared: Arc<Shared<State>>,
    arrived: Arc<Condvar>,
    returned: Arc<Mutex<Returned>>,
    api_timeout: Duration,
    bootstrap: Vec<String>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.lock().core.close();
        self.shared.wake();
    }
}

impl fmt::Debug for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer").field("bootstrap", &self.handle.bootstrap).finish_non_exhaustive()
    }
}

/// The largest batch that a compressed one may become.
const DECOMPRESSED_MAX: usize = 256 << 20;

impl Consumer {
    /// Begins to configure a consumer.
    pub fn builder() -> ConsumerBuilder {
        ConsumerBuilder::new()
    }

    /// A consumer configured by the text of a properties file.
    ///
    /// # Errors
    /// [`Error::Config`]; [`Error::Io`] when the operating system has no thread or event queue left.
    pub fn from_properties(text: &str) -> Result<Consumer, Error> {
        Consumer::builder().properties(text)?.build()
    }

    /// Reads a partition from `start` on, beside those read already; moves one that is (a seek). Does not wait.
    ///
    /// # Errors
    /// [`ConsumeError::IllegalTopicName`]; [`ConsumeError::Closed`].
    pub fn assign(&self, topic: &str, partition: u32, start: Start) -> Result<(), ConsumeError> {
        self.with_topic(topic, |state, id, now| {
            state.core.assign(now, id, partition, start).map_err(|_| ConsumeError::Closed)
        })
    }

    /// Reads all partitions that a topic has now from `start` on; how many they are. Waits for the cluster up to
    /// `default.api.timeout.ms`.
    ///
    /// # Errors
    /// [`ConsumeError::Unavailable`], naming each broker and what happened there; those of [`assign`](Self::assign).
    pub fn assign_all(&self, topic: &str, start: Start) -> Result<u32, ConsumeError> {
        let count = self.partitions(topic)?;
        (0..count).try_for_each(|partition| self.assign(topic, partition, start))?;
        Ok(count)
    }

    /// Stops reading a partition. What was fetched of it and not returned by a poll is forgotten.
    ///
    /// # Errors
    /// [`ConsumeError::IllegalTopicName`].
    pub fn unassign(&self, topic: &str, partition: u32) -> Result<(), ConsumeError> {
        self.with_topic(topic, |state, id, _| {
            state.core.unassign(id, partition);
            Ok(())
        })
    }

    /// No later poll returns records of a partition until [`resume`](Self::resume).
    ///
    /// # Errors
    /// [`ConsumeError::IllegalTopicName`].
    pub fn pause(&self, topic: &str, partition: u32) -> Result<(), ConsumeError> {
        self.with_topic(topic, |state, id, _| {
            state.core.pause(id, partition);
            Ok(())
        })
    }

    /// Ends a [`pause`](Self::pause).
    ///
    /// # Errors
    /// [`ConsumeError::IllegalTopicName`].
    pub fn resume(&self, topic: &str, partition: u32) -> Result<(), ConsumeError> {
        self.with_topic(topic, |state, id, now| {
            state.core.resume(now, id, partition);
            Ok(())
        })
    }

    /// How many partitions a topic has. Waits for the cluster up to `default.api.timeout.ms`.
    ///
    /// # Errors
    /// [`ConsumeError::Unavailable`], naming each broker and what happened there, or with the cluster's answer.
    pub fn partitions(&self, topic: &str) -> Result<u32, ConsumeError> {
        let begin = StdInstant::now();
        let deadline = deadline_in(self.handle.api_timeout);
        let id = self.with_topic(topic, |_, id, _| Ok(id))?;
        let mut state = self.handle.shared.lock();
        loop {
            let count = state.core.partitions(id);
            if count > 0 {
                return Ok(count);
            }
            let answer = state.core.topic_error(id);
            let refused =
                matches!(answer, ErrorCode::INVALID_TOPIC_EXCEPTION | ErrorCode::TOPIC_AUTHORIZATION_FAILED);
            if state.dead {
                return Err(ConsumeError::Closed);
            }
            if refused || deadline.is_some_and(|d| StdInstant::now() >= d) {
                let what = format!("the partitions of topic {topic}");
                return Err(self.unavailable(&state, what, begin.elapsed(), answer).into());
            }
            state = self.sleep(state, deadline);
        }
    }

    /// The offset to be fetched next, if it is known: `None` while it is looked up.
    pub fn position(&self, topic: &str, partition: u32) -> Option<i64> {
        let state = self.handle.shared.lock();
        state.core.position(*state.topics.get(topic)?, partition)
    }

    /// The offset after the last record that readers may see, as of the last fetch.
    pub fn high_watermark(&self, topic: &str, partition: u32) -> Option<i64> {
        let state = self.handle.shared.lock();
        state.core.high_watermark(*state.topics.get(topic)?, partition)
    }

    /// Whether all records that there are were returned by a poll and looked at, as of the last fetch.
    pub fn is_at_end(&self, topic: &str, partition: u32) -> bool {
        let mut state = self.handle.shared.lock();
        // What was not looked at will come again.
        if self.give_back(&mut state) && state.wake() {
            self.handle.shared.wake_for_record();
        }
        let Some(id) = state.topics.get(topic).copied() else { return false };
        let both = state.core.position(id, partition).zip(state.core.high_watermark(id, partition));
        !state.core.has_fetched() && both.is_some_and(|(position, end)| position >= end)
    }

    /// Brokers that could not be used lately, as `host:port`, and why.
    pub fn troubles(&self) -> Vec<(String, crate::Trouble)> {
        let state = self.handle.shared.lock();
        state.core.troubles().map(|(host, why)| (at(host), why)).collect()
    }

    /// Records, as soon as some are there; none after `timeout`.
    ///
    /// # Errors
    /// See [`ConsumeError`]. Reading goes on with the next poll; a partition that cannot be read on waits for a seek.
    pub fn poll(&self, timeout: Duration) -> Result<Records, ConsumeError> {
        let deadline = deadline_in(timeout);
        let shared = &self.handle.shared;
        let mut state = shared.lock();
        loop {
            let (found, wake) = self.take(&mut state);
            if let Some(found) = found {
                drop(state);
                if wake {
                    // Who polls one record at a time sends the next fetch himself, with the next poll.
                    shared.wake_for_record();
                }
                return found;
            }
            if wake {
                shared.wake_for_record();
            }
            if deadline.is_some_and(|d| StdInstant::now() >= d) {
                return Ok(Records::new(None, &[], None, &self.handle.returned));
            }
            drop(state);
            // If nobody does the I/O, this thread does: it need not be woken then.
            shared.drive(&|| shared.lock().has_something(), deadline);
            state = shared.lock();
            if !state.has_something() {
                state = self.sleep(state, deadline);
            }
        }
    }

    /// As [`poll`](Self::poll), for tasks: ends when there are records. Cancel-safe: dropped before it is ready, no
    /// record is lost.
    ///
    /// # Errors
    /// See [`poll`](Self::poll).
    pub async fn recv(&self) -> Result<Records, ConsumeError> {
        let mut waiter = Waiter::new(&self.handle.shared);
        std::future::poll_fn(|cx| self.poll_seated(&mut waiter.seat, cx)).await
    }

    /// As [`recv`](Self::recv), for hand-written futures and streams. The task that called it last is woken: for several
    /// at a time, give each a clone.
    ///
    /// # Errors
    /// See [`poll`](Self::poll).
    pub fn poll_recv(&mut self, cx: &Context<'_>) -> Poll<Result<Records, ConsumeError>> {
        let mut seat = std::mem::take(&mut self.seat);
        let polled = self.poll_seated(&mut seat, cx);
        self.seat = seat;
        polled
    }

    fn poll_seated(&self, seat: &mut Seat, cx: &Context<'_>) -> Poll<Result<Records, ConsumeError>> {
        let shared = &self.handle.shared;
        let mut replaced = None;
        let mut state = shared.lock();
        let (found, mut wake) = self.take(&mut state);
        if found.is_none() {
            let timeout = u64::try_from(self.handle.api_timeout.as_micros()).unwrap_or(u64::MAX);
            let deadline = state.progress + kafka_client_core::time::Duration(timeout);
            replaced = state.wake_later(seat, cx.waker(), deadline);
            // Its deadline may be earlier than what the thread sleeps for.
            wake |= state.wake();
        }
        drop(state);
        drop(replaced);
        if wake {
            shared.wake();
        }
        found.map_or(Poll::Pending, Poll::Ready)
    }

    /// Closes the connections. Later polls return [`ConsumeError::Closed`].
    pub fn close(&self) {
        self.handle.shared.lock().core.close();
        self.handle.shared.wake();
    }

    /// Gives back what the application is done with; true when there was something.
    fn give_back(&self, state: &mut State) -> bool {
        let now = self.handle.shared.clock.now();
        let mut returned = lock(&self.handle.returned);
        let some = !returned.fetched.is_empty();
        returned.fetched.drain(..).for_each(|fetched| state.core.release(now, fetched));
        some
    }

    /// What is there, and whether the thread must be woken.
    fn take(&self, state: &mut State) -> (Option<Result<Records, ConsumeError>>, bool) {
        let now = self.handle.shared.clock.now();
        let mut wake = self.give_back(state);
        let decompressor = lock(&self.handle.returned).decompressors.pop();
        if let Some((topic, partition, notice)) = state.notices.pop_front() {
            let topic = state.core.topic_name(topic).to_owned();
            return (Some(Err(noticed(topic, partition, notice))), wake && state.wake());
        }
        if state.dead || state.core.is_closing() {
            return (Some(Err(ConsumeError::Closed)), wake && state.wake());
        }
        // What was fetched before a seek is given back at once: its connection is free again.
        wake |= state.core.has_fetched();
        if let Some(fetched) = state.core.poll_fetched(now) {
            state.progress = now;
            let decompressor = decompressor.unwrap_or_else(|| Decompressor::owned(DECOMPRESSED_MAX));
            let records =
                Records::new(Some(fetched), &state.names, Some(decompressor), &self.handle.returned);
            return (Some(Ok(records)), state.wake());
        }
        lock(&self.handle.returned).decompressors.extend(decompressor);
        let waited = Duration::from_micros(now.since(state.progress).0);
        if waited >= self.handle.api_timeout {
            state.progress = now;
            if state.core.troubles().next().is_some() {
                let error = self.unavailable(state, "records".to_owned(), waited, ErrorCode::NONE);
                return (Some(Err(error.into())), wake && state.wake());
            }
        }
        (None, wake && state.wake())
    }

    fn with_topic<T>(
        &self,
        topic: &str,
        then: impl FnOnce(&mut State, TopicId, kafka_client_core::time::Instant) -> Result<T, ConsumeError>,
    ) -> Result<T, ConsumeError> {
        let shared = &self.handle.shared;
        let mut state = shared.lock();
        let id = match state.topics.get(topic) {
            Some(id) => *id,
            None => {
                let registered = state.core.topic(Text::Owned(topic.into()));
                let id = registered.map_err(|error| match error {
                    TopicError::IllegalName => ConsumeError::IllegalTopicName(topic.to_owned()),
                    TopicError::NoRoom => ConsumeError::Closed,
                })?;
                let name: Arc<str> = topic.into();
                state.topics.insert(name.clone(), id);
                state.names.push(name);
                id
            }
        };
        let result = then(&mut state, id, shared.clock.now());
        let wake = state.wake();
        drop(state);
        if wake {
            shared.wake();
        }
        result
    }

    fn sleep<'a>(
        &self,
        mut state: MutexGuard<'a, State>,
        deadline: Option<StdInstant>,
    ) -> MutexGuard<'a, State> {
        state.blocked += 1;
        state.sleeper = thread_number();
        let mut state = wait_until(&self.handle.arrived, state, deadline);
        state.blocked -= 1;
        state
    }

    fn unavailable(&self, state: &State, what: String, waited: Duration, answer: ErrorCode) -> Unavailable {
        let mut brokers: Vec<_> = state.core.troubles().map(|(host, why)| (at(host), Some(why))).collect();
        let answer = (answer != ErrorCode::NONE).then_some(answer);
        for server in self.handle.bootstrap.iter().filter(|_| answer.is_none()) {
            if !brokers.iter().any(|(known, _)| known == server) {
                brokers.push((server.clone(), None));
            }
        }
        Unavailable { what, waited, brokers, answer }
    }
}

fn at(host: Host<'_>) -> String {
    host_port(host.name, host.port)
}

fn noticed(topic: String, partition: i32, notice: Notice) -> ConsumeError {
    match notice {
        Notice::Refused(code) => ConsumeError::Refused { topic, partition, code },
        Notice::Reset { from, to } => ConsumeError::Reset { topic, partition, from, to },
        Notice::OutOfRange { position } => ConsumeError::OutOfRange { topic, partition, position },
        Notice::BatchTooLarge { position, need } => {
            let why = format!("its {need} bytes are more than the client accepts");
            ConsumeError::Unreadable { topic, partition, base: position, next: position + 1, why }
        }
        _ => ConsumeError::Refused { topic, partition, code: ErrorCode::UNKNOWN_SERVER_ERROR },
    }
}
