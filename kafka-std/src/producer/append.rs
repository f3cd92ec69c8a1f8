//! From a record to its place in a batch: at once, or when there is room.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant as StdInstant};

use kafka_client_core::metadata::TopicId;
use kafka_client_core::producer::{AppendError, TopicError, TransactionState};
use kafka_client_core::storage::Text;
use kafka_client_core::time::Instant;
use kafka_proto::record::NewRecord;

use super::delivery::Delivery;
use super::record::{Destination, Record, Topic};
use super::state::{Place, State};
use super::{Producer, host_port};
use crate::clock::tick;
use crate::error::{SendError, Unavailable};
use crate::sync::{Seat, wait_until};

/// What an attempt to append a record led to.
pub(super) enum Attempt<T> {
    Done(T),
    /// It can succeed when something happened. The partition is what was asked for or chosen, if it was: a partitioner is
    /// asked once per record.
    Later(AppendError, Option<u32>),
    /// Boxed, as what does not happen should not make what does large to move.
    Never(Box<SendError>),
}

impl Producer {
    pub(super) fn topic_id(&self, state: &mut State, name: &str) -> Result<TopicId, SendError> {
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

    /// Tries to append a record, once. `may_hold`: the caller may be made to wait afterwards.
    #[inline(always)]
    pub(super) fn attempt<T>(
        &self,
        record: &Record<'_>,
        may_hold: bool,
        take: impl FnOnce(&mut State, Place, i64) -> Option<T>,
    ) -> Attempt<T> {
        let shared = &*self.handle.shared;
        let tick = tick();
        let mut state = shared.lock();
        let time = state.ticks.at(tick, &shared.clock);
        let (attempt, wake) = self.attempt_locked(&mut state, time, record, take);
        let hold = may_hold && state.ahead;
        drop(state);
        if wake {
            shared.wake_for_record();
        }
        if hold {
            self.hold();
        }
        attempt
    }

    #[inline(always)]
    pub(super) fn attempt_locked<T>(
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
        let partition = match record.partition {
            None if state.partitioner.is_some() => state.choose(topic, &new),
            named => named,
        };
        match state.append(now, topic, partition, &new) {
            Ok((place, wake)) => {
                if self.handle.interceptors.is_some() {
                    state.observe(place, timestamp);
                }
                match take(state, place, timestamp) {
                    Some(taken) => (Attempt::Done(taken), wake),
                    None => (never(SendError::Closed), wake),
                }
            }
            Err(error) => refused(state, topic, partition, error),
        }
    }

    /// Appends a record as soon as that is possible, at most `max.block.ms` from now; only at once where the I/O thread
    /// would wait for itself.
    #[cold]
    pub(super) fn blocking<T>(
        &self,
        mut record: Record<'_>,
        mut take: impl FnMut(&mut State, Place, i64) -> Option<T>,
    ) -> Result<T, SendError> {
        let shared = &*self.handle.shared;
        let begin = StdInstant::now();
        let deadline = begin.checked_add(self.handle.max_block);
        let mut state = shared.lock();
        loop {
            let time = state.ticks.at(tick(), &shared.clock);
            let (attempt, wake) = self.attempt_locked(&mut state, time, &record, &mut take);
            if wake {
                // Before sleeping: nobody else knows of it.
                shared.wake();
            }
            let error = match attempt {
                Attempt::Done(taken) => return Ok(taken),
                Attempt::Never(error) => return Err(*error),
                Attempt::Later(error, partition) => {
                    record.partition = partition;
                    error
                }
            };
            if shared.is_calling() || deadline.is_some_and(|d| StdInstant::now() >= d) {
                drop(state);
                return Err(self.in_vain(&record, error, begin.elapsed()));
            }
            state.blocked += 1;
            state = wait_until(&self.handle.room, state, deadline);
            state.blocked -= 1;
        }
    }

    pub(super) fn poll_send(
        &self,
        record: &mut Record<'_>,
        begin: StdInstant,
        seat: &mut Seat,
        cx: &Context<'_>,
    ) -> Poll<Result<Delivery, SendError>> {
        let shared = &*self.handle.shared;
        let mut replaced = None;
        let mut state = shared.lock();
        let time = state.ticks.at(tick(), &shared.clock);
        let (attempt, wake) = self.attempt_locked(&mut state, time, record, take_delivery);
        let outcome = match attempt {
            Attempt::Done(delivery) => Poll::Ready(Ok(delivery)),
            Attempt::Never(error) => Poll::Ready(Err(*error)),
            Attempt::Later(error, _) if begin.elapsed() >= self.handle.max_block => {
                drop(state);
                return Poll::Ready(Err(self.in_vain(record, error, begin.elapsed())));
            }
            Attempt::Later(_, partition) => {
                record.partition = partition;
                let left = self.handle.max_block.saturating_sub(begin.elapsed());
                let left = u64::try_from(left.as_micros()).unwrap_or(u64::MAX);
                replaced =
                    state.await_room(seat, cx.waker(), time.0 + kafka_client_core::time::Duration(left));
                Poll::Pending
            }
        };
        drop(state);
        drop(replaced);
        if wake {
            shared.wake();
        }
        outcome
    }

    pub(super) fn send_many(
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
                    Attempt::Later(_, partition) => stopped = Some(Ok(Record { partition, ..*record })),
                }
                if stopped.is_some() {
                    break;
                }
            }
            let hold = state.ahead;
            drop(state);
            if wake {
                shared.wake();
            }
            if hold {
                self.hold();
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
    pub(super) fn in_vain(&self, record: &Record<'_>, error: AppendError, waited: Duration) -> SendError {
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
pub(super) fn take_delivery(state: &mut State, place: Place, timestamp: i64) -> Option<Delivery> {
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
    partition: Option<u32>,
    error: AppendError,
) -> (Attempt<T>, bool) {
    let name = || state.core.topic_name(topic).to_owned();
    let why = match error {
        AppendError::Full | AppendError::NoMetadata { .. } if !state.dead => {
            if error == AppendError::Full {
                state.buffer_full();
            }
            // A batch may have been closed to make room, and metadata may have to be asked for.
            return (Attempt::Later(error, partition), state.wake());
        }
        AppendError::Topic(code) => SendError::Topic { topic: name(), code },
        AppendError::NoSuchPartition { partitions } => {
            SendError::NoSuchPartition { topic: name(), partition: partition.unwrap_or(0), partitions }
        }
        AppendError::TooLarge { size, max } => SendError::TooLarge { size, max },
        AppendError::Transaction(TransactionState::AbortOnly(code)) => SendError::MustAbort(code),
        AppendError::Transaction(TransactionState::Failed(code)) => SendError::Refused(code),
        error @ AppendError::Transaction(_) => SendError::WrongState(error.to_string()),
        _ => state.core.refused().map_or(SendError::Closed, SendError::Refused),
    };
    (never(why), false)
}
