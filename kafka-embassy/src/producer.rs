//! What an application holds of a producer.

use core::future::poll_fn;
use core::task::Poll;

use embassy_sync::blocking_mutex::raw::RawMutex;
use kafka_client_core::metadata::TopicId;
use kafka_client_core::net::Trouble;
use kafka_client_core::producer::{AppendError, Delivery, Outcome, Progress, Ticket, TopicError};
use kafka_client_core::storage::Text;
use kafka_client_core::time::Timestamp;
use kafka_proto::record::{Header, NewRecord};

use crate::shared::{Inner, Shared, Tally, now};

/// A record to send.
#[derive(Clone, Copy, Debug, Default)]
pub struct Record<'a> {
    /// Where to; `None` leaves it to the key, or spreads records without one.
    pub partition: Option<u32>,
    /// What it is about.
    pub key: Option<&'a [u8]>,
    /// What is said about it; `None` deletes the key from a compacted topic.
    pub value: Option<&'a [u8]>,
    /// Anything else.
    pub headers: &'a [Header<'a>],
    /// When it happened; unknown by default.
    pub timestamp: Timestamp,
}

/// A producer, to be copied to whoever sends. The [`Runner`](crate::Runner) does the work.
///
/// No future of this type holds a connection or a part of a record: each may be dropped at any await, and then what it
/// waited for has either happened or not begun.
pub struct Producer<'d, M: RawMutex> {
    pub(crate) shared: &'d Shared<'d, M>,
}

impl<M: RawMutex> Clone for Producer<'_, M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M: RawMutex> Copy for Producer<'_, M> {}

impl<'d, M: RawMutex> Producer<'d, M> {
    /// What became of the records so far.
    pub fn tally(&self) -> Tally {
        self.shared.peek(|inner| inner.tally)
    }

    /// What became of one record of a delivery, by the index of its [`Ticket`]. To be asked where [`run`] tells of the
    /// delivery; later all its records have the same outcome.
    ///
    /// A broker that refuses a batch for some of its records names them: with the feature `record-errors` the others fail
    /// with `BatchRefused`, and can be sent again. Up to four are kept; of a batch in which more are invalid all fail alike.
    ///
    /// [`run`]: crate::Runner::run
    pub fn outcome_of(&self, delivery: &Delivery, index: u32) -> Outcome {
        self.shared.peek(|inner| inner.core.outcome_of(delivery, index))
    }

    /// Tells of the brokers that could not be used lately: host, port, and why. What to show to a user who waits.
    pub fn troubles(&self, mut tell: impl FnMut(&str, u16, Trouble)) {
        self.shared.peek(|inner| {
            inner.core.troubles().for_each(|(host, trouble)| tell(host.name, host.port, trouble));
        });
    }

    /// Registers a topic; the same name gives the same id. With the feature `idle`, where the table of topics is full a
    /// new one gets the place of one that was not written to for `metadata_max_idle`; to write to that one again, register
    /// it again ([`AppendError::Forgotten`]).
    ///
    /// # Errors
    /// A name that Kafka does not allow; a table of topics that is full.
    pub fn topic(&self, name: &'d str) -> Result<TopicId, TopicError> {
        self.shared.with(|inner, _| inner.core.topic(Text::Lent(name)))
    }

    /// Takes a record, or says at once why not.
    pub fn try_send(&self, topic: TopicId, record: &Record<'_>) -> Result<Ticket, AppendError> {
        self.shared.peek(|inner| {
            let taken = append(inner, topic, record);
            if taken.is_err() {
                inner.change();
            }
            taken
        })
    }

    /// Takes a record; waits while the pool is full or the topic's partitions are not known yet.
    ///
    /// How long is for the caller to say, with `embassy_time::with_timeout`: a future that is dropped has taken nothing.
    pub async fn send(&self, topic: TopicId, record: &Record<'_>) -> Result<Ticket, AppendError> {
        let mut told = false;
        poll_fn(|cx| {
            self.shared.peek(|inner| {
                let lingered = inner.core.lingers();
                match append(inner, topic, record) {
                    Err(AppendError::Full | AppendError::NoMetadata { .. }) => {
                        inner.users.register(cx.waker());
                        // Once, and for batches that linger no more as there is no room: where sender and runner are one
                        // task, they would wake each other for ever.
                        let first = !core::mem::replace(&mut told, true);
                        if first || lingered && !inner.core.lingers() {
                            inner.change();
                        }
                        Poll::Pending
                    }
                    done => Poll::Ready(done),
                }
            })
        })
        .await
    }

    /// Sends what was taken so far without waiting for batches to fill, and waits until all of that, and nothing that is
    /// taken later, is resolved and the runner has told so.
    pub async fn flush(&self) {
        let mark = self.shared.with(|inner, now| inner.core.flush(now));
        poll_fn(|cx| {
            self.shared.peek(|inner| {
                if inner.told >= mark {
                    return Poll::Ready(());
                }
                inner.users.register(cx.waker());
                Poll::Pending
            })
        })
        .await;
    }
}

fn append(inner: &mut Inner<'_>, topic: TopicId, record: &Record<'_>) -> Result<Ticket, AppendError> {
    let new = NewRecord {
        key: record.key,
        value: record.value,
        headers: record.headers,
        timestamp: record.timestamp.to_wire(),
    };
    let appended = inner.core.append(now(), topic, record.partition, &new)?;
    // A record that joined a batch changes nothing for the runner, which therefore sleeps on.
    if appended.progress != Progress::Joined {
        inner.change();
    }
    Ok(appended.ticket)
}
