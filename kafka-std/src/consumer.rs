//! The consumer: reads assigned partitions, over one thread that does the I/O.

mod builder;
mod records;
mod state;

use std::fmt;
use std::sync::{Arc, Condvar};
use std::task::{Context, Poll};
use std::time::{Duration, Instant as StdInstant};

pub use kafka_client_core::consumer::Start;
use kafka_client_core::consumer::{Decompressor, Notice};
use kafka_client_core::metadata::TopicId;
use kafka_client_core::producer::TopicError;
use kafka_client_core::storage::Text;
use kafka_proto::ErrorCode;

pub use builder::ConsumerBuilder;
pub(crate) use builder::ConsumerSettings;
pub use records::{Batch, OwnedRecord, Record, Records};

use crate::error::{Error, Unavailable};
use crate::io::Shared;
use crate::producer::host_port;
use crate::sync::{Signal, deadline_in, wait_until};
use state::State;

/// The most a compressed batch may become: far beyond what brokers accept, far below what a hostile one could claim.
const DECOMPRESSED_MAX: usize = 256 << 20;

/// Reads partitions of a Kafka cluster, from any thread or task.
///
/// Cloning is cheap, and all clones are the same consumer. Records come from [`poll`](Self::poll), or from
/// [`poll_async`](Self::poll_async) in a task; while they are read, the next ones are being fetched. Dropping the last
/// clone closes the connections without anybody waiting for it.
///
/// ```
/// use std::time::Duration;
/// use kafka_std::{Consumer, Start};
/// # use kafka_std::{Producer, Record};
///
/// # fn main() -> Result<(), kafka_std::Error> {
/// # let server = kafka_broker::Server::start(kafka_broker::Config::default()).unwrap();
/// # let bootstrap = server.bootstrap();
/// # let producer = Producer::builder().bootstrap_servers(&bootstrap).build()?;
/// # producer.send(Record::to("readings").value(b"21.5"))?.wait()?;
/// let consumer = Consumer::builder().bootstrap_servers(&bootstrap).build()?;
/// consumer.assign("readings", 0, Start::Earliest)?;
/// let mut seen = 0;
/// while seen < 1 {
///     let Some(mut records) = consumer.poll(Duration::from_secs(1))? else { continue };
///     records.for_each(|record| {
///         println!("{}: {:?}", record.offset, record.value);
///         seen += 1;
///     })?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Consumer {
    handle: Arc<Handle>,
}

/// Closes the consumer when the last clone is gone.
struct Handle {
    shared: Arc<Shared<State>>,
    ready: Arc<Condvar>,
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

/// What [`Consumer::poll_event`] found.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// Records.
    Records(Records),
    /// A position was no longer in the log, and reading went on elsewhere, as `auto.offset.reset` says.
    Reset {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// The position that was lost.
        from: i64,
        /// Where reading goes on.
        to: i64,
    },
}

impl Consumer {
    /// Begins to configure a consumer.
    pub fn builder() -> ConsumerBuilder {
        ConsumerBuilder::default()
    }

    /// Reads a partition from `start`; one that is being read goes on from there (a seek). Does not wait.
    ///
    /// # Errors
    /// [`Error::Topic`] for an illegal topic name.
    pub fn assign(&self, topic: &str, partition: u32, start: Start) -> Result<(), Error> {
        self.with_topic(topic, |state, id, now| state.core.assign(now, id, partition, start))
    }

    /// Stops reading a partition. What was fetched of it and not taken is dropped.
    ///
    /// # Errors
    /// [`Error::Topic`] for an illegal topic name.
    pub fn unassign(&self, topic: &str, partition: u32) -> Result<(), Error> {
        self.with_topic(topic, |state, id, _| {
            state.core.unassign(id, partition);
            Ok(())
        })
    }

    /// Fetches no more of a partition until [`resume`](Self::resume).
    ///
    /// # Errors
    /// [`Error::Topic`] for an illegal topic name.
    pub fn pause(&self, topic: &str, partition: u32) -> Result<(), Error> {
        self.with_topic(topic, |state, id, _| {
            state.core.pause(id, partition);
            Ok(())
        })
    }

    /// Ends a [`pause`](Self::pause).
    ///
    /// # Errors
    /// [`Error::Topic`] for an illegal topic name.
    pub fn resume(&self, topic: &str, partition: u32) -> Result<(), Error> {
        self.with_topic(topic, |state, id, now| {
            state.core.resume(now, id, partition);
            Ok(())
        })
    }

    /// The offset that is fetched next; `None` while it is being looked up, and for what is not assigned.
    pub fn position(&self, topic: &str, partition: u32) -> Option<i64> {
        let state = self.handle.shared.lock();
        state.core.position(*state.by_name.get(topic)?, partition)
    }

    /// The offset after the last record that readers may see, as of the last fetch.
    pub fn high_watermark(&self, topic: &str, partition: u32) -> Option<i64> {
        let state = self.handle.shared.lock();
        state.core.high_watermark(*state.by_name.get(topic)?, partition)
    }

    /// How many partitions a topic has. Waits for the cluster's answer up to `default.api.timeout.ms`.
    ///
    /// # Errors
    /// [`Error::Unavailable`] names each broker and what happened there, or says what the cluster answered.
    pub fn partitions(&self, topic: &str) -> Result<u32, Error> {
        let mut id = TopicId::default();
        self.with_topic(topic, |_, found, _| {
            id = found;
            Ok(())
        })?;
        let begin = StdInstant::now();
        let deadline = begin.checked_add(self.handle.api_timeout);
        let mut state = self.handle.shared.lock();
        loop {
            let (count, answer) = (state.core.partitions(id), state.core.topic_error(id));
            let final_answer =
                matches!(answer, ErrorCode::TOPIC_AUTHORIZATION_FAILED | ErrorCode::INVALID_TOPIC_EXCEPTION);
            if count > 0 {
                return Ok(count);
            }
            if state.dead || final_answer || deadline.is_some_and(|d| StdInstant::now() >= d) {
                let what = format!("the partitions of topic {topic}");
                return Err(self.unavailable(&state, what, begin.elapsed(), answer).into());
            }
            state.blocked += 1;
            state = wait_until(&self.handle.ready, state, deadline);
            state.blocked -= 1;
        }
    }

    /// Waits up to `timeout` for records. `None` when there were none.
    ///
    /// # Errors
    /// [`Error::Partition`] when a broker refuses a partition, or a partition waits to be assigned again because its
    /// position is no longer in the log.
    pub fn poll(&self, timeout: Duration) -> Result<Option<Records>, Error> {
        let deadline = deadline_in(timeout);
        loop {
            match self.event_until(deadline)? {
                Some(Event::Records(records)) => return Ok(Some(records)),
                Some(Event::Reset { .. }) => {}
                None => return Ok(None),
            }
        }
    }

    /// As [`poll`](Self::poll), and tells of lost positions too.
    ///
    /// # Errors
    /// As [`poll`](Self::poll).
    pub fn poll_event(&self, timeout: Duration) -> Result<Option<Event>, Error> {
        self.event_until(deadline_in(timeout))
    }

    /// Waits for records without blocking the thread. `None` when the consumer was closed. Cancel-safe: dropped before
    /// it is ready, no record is lost.
    ///
    /// # Errors
    /// As [`poll`](Self::poll).
    pub async fn poll_async(&self) -> Result<Option<Records>, Error> {
        std::future::poll_fn(|cx: &mut Context<'_>| {
            let mut state = self.handle.shared.lock();
            loop {
                match self.take(&mut state) {
                    Ok(Some(Event::Records(records))) => {
                        self.unlock_and_wake(state);
                        return Poll::Ready(Ok(Some(records)));
                    }
                    Ok(Some(Event::Reset { .. })) => {}
                    Ok(None) if state.dead => return Poll::Ready(Ok(None)),
                    Ok(None) => break,
                    Err(error) => return Poll::Ready(Err(error)),
                }
            }
            if !state.wakers.iter().any(|w| w.will_wake(cx.waker())) {
                state.wakers.push(cx.waker().clone());
            }
            Poll::Pending
        })
        .await
    }

    /// Closes the connections. True when that was done within `timeout`.
    pub fn close(&self, timeout: Duration) -> bool {
        let signal = Arc::new(Signal::default());
        {
            let mut state = self.handle.shared.lock();
            if state.dead {
                return true;
            }
            state.core.close();
            state.closes.push(signal.clone());
        }
        self.handle.shared.wake();
        signal.wait(deadline_in(timeout))
    }

    fn event_until(&self, deadline: Option<StdInstant>) -> Result<Option<Event>, Error> {
        let mut state = self.handle.shared.lock();
        loop {
            if let Some(event) = self.take(&mut state)? {
                self.unlock_and_wake(state);
                return Ok(Some(event));
            }
            if state.dead || deadline.is_some_and(|d| StdInstant::now() >= d) {
                return Ok(None);
            }
            state.blocked += 1;
            state = wait_until(&self.handle.ready, state, deadline);
            state.blocked -= 1;
        }
    }

    /// With records taken, the next ones can be asked for.
    fn unlock_and_wake(&self, mut state: std::sync::MutexGuard<'_, State>) {
        let wake = state.wake();
        drop(state);
        if wake {
            self.handle.shared.wake();
        }
    }

    fn take(&self, state: &mut State) -> Result<Option<Event>, Error> {
        if let Some((topic, partition, notice)) = state.core.poll_notice() {
            let topic = state.topics.get(topic.index()).map_or(String::new(), |name| name.to_string());
            return match notice {
                Notice::Reset { from, to } => Ok(Some(Event::Reset { topic, partition, from, to })),
                notice => Err(Error::Partition { topic, partition, notice }),
            };
        }
        let Some(fetched) = state.core.poll_fetched(self.handle.shared.clock.now()) else { return Ok(None) };
        let decompressor =
            state.spare.pop().unwrap_or_else(|| Box::new(Decompressor::owned(DECOMPRESSED_MAX)));
        let shared = self.handle.shared.clone();
        Ok(Some(Event::Records(Records::new(fetched, decompressor, state.topics.clone(), shared))))
    }

    fn with_topic(
        &self,
        name: &str,
        act: impl FnOnce(&mut State, TopicId, kafka_client_core::time::Instant) -> Result<(), TopicError>,
    ) -> Result<(), Error> {
        let illegal = |why: TopicError| Error::Topic { topic: name.to_owned(), why };
        let mut state = self.handle.shared.lock();
        let id = match state.by_name.get(name) {
            Some(id) => *id,
            None => {
                let id = state.core.topic(Text::Owned(name.into())).map_err(illegal)?;
                let name: Arc<str> = name.into();
                state.by_name.insert(name.clone(), id);
                Arc::make_mut(&mut state.topics).push(name);
                id
            }
        };
        let now = self.handle.shared.clock.now();
        act(&mut state, id, now).map_err(illegal)?;
        self.unlock_and_wake(state);
        Ok(())
    }

    fn unavailable(&self, state: &State, what: String, waited: Duration, answer: ErrorCode) -> Unavailable {
        let troubles: Vec<_> =
            state.core.troubles().map(|(host, why)| (host_port(host.name, host.port), Some(why))).collect();
        let silent = self.handle.bootstrap.iter().filter(|b| !troubles.iter().any(|(t, _)| t == *b));
        let answered = answer != ErrorCode::NONE;
        let mut brokers: Vec<_> =
            if answered { Vec::new() } else { silent.map(|b| (b.clone(), None)).collect() };
        brokers.extend(troubles);
        Unavailable { what, waited, brokers, answer: answered.then_some(answer) }
    }
}
