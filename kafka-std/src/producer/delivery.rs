//! What became of a record: one state per batch, shared by the handles of its records.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, OnceLock, Weak};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use kafka_client_core::producer::Outcome;
pub use kafka_client_core::producer::SendError as Cause;
use kafka_proto::ErrorCode;

use super::returned::{OwnedRecord, Returned};
use super::shared::Handle;
use crate::io::{Drive, thread_number};
use crate::sync::{deadline_in, lock, wait_until, wake_all};

/// The state of a batch: unknown, and then its outcome for ever.
pub(crate) struct BatchState {
    topic: Arc<str>,
    partition: u32,
    outcome: OnceLock<Outcome>,
    /// Of a batch that was sent in parts, because the broker found it too large: the first record and the outcome of
    /// each, in order, with the offset that the batch's first record would have. Set before `outcome`.
    parts: OnceLock<Vec<(u32, Outcome)>>,
    /// The records of what is not in the log, by their first record. Set before `outcome`.
    returned: OnceLock<Vec<Returned>>,
    waiting: Mutex<Waiting>,
    condition: Condvar,
    drive: Option<Weak<dyn Drive>>,
}

impl fmt::Debug for BatchState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchState").field("outcome", &self.outcome.get()).finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct Waiting {
    /// The number of the last thread that went to sleep on the condition.
    blocked: Option<u64>,
    /// One entry per record that is awaited.
    wakers: Vec<(u32, Waker)>,
}

impl BatchState {
    pub(crate) fn new(topic: Arc<str>, partition: u32, drive: Option<Weak<dyn Drive>>) -> BatchState {
        BatchState {
            topic,
            partition,
            outcome: OnceLock::new(),
            parts: OnceLock::new(),
            returned: OnceLock::new(),
            waiting: Mutex::default(),
            condition: Condvar::new(),
            drive,
        }
    }

    /// Enters what became of each part, before the end of the whole is entered.
    #[cold]
    pub(crate) fn set_parts(&self, mut parts: Vec<(u32, Outcome)>) {
        parts.sort_by_key(|(first, _)| *first);
        for (first, outcome) in &mut parts {
            if let Outcome::Acked { base_offset: Some(base), .. } = outcome {
                *base -= i64::from(*first);
            }
        }
        let _ = self.parts.set(parts);
    }

    /// Enters the records that are not in the log.
    #[cold]
    pub(super) fn set_returned(&self, mut returned: Vec<Returned>) {
        returned.sort_by_key(Returned::first);
        let _ = self.returned.set(returned);
    }

    /// What became of the record at `index`, once that is known.
    #[inline]
    fn outcome_of(&self, index: u32) -> Option<Outcome> {
        let outcome = *self.outcome.get()?;
        match self.parts.get() {
            None => Some(outcome),
            Some(parts) => parts.iter().rev().find(|(first, _)| *first <= index).map(|(_, outcome)| *outcome),
        }
    }

    /// Enters the outcome and wakes who waits for it; returns the number of a thread that slept.
    pub(crate) fn complete(&self, outcome: Outcome) -> Option<u64> {
        self.outcome.set(outcome).ok()?;
        let waiting = std::mem::take(&mut *lock(&self.waiting));
        if waiting.blocked.is_some() {
            self.condition.notify_all();
        }
        wake_all(waiting.wakers.into_iter().map(|(_, waker)| waker));
        waiting.blocked
    }

    fn drive(&self) -> Option<Arc<dyn Drive>> {
        self.drive.as_ref()?.upgrade()
    }

    /// Sleeps until the outcome is there or the time is over. In a callback of the same producer it would be for ever:
    /// there it does not wait.
    #[cold]
    fn wait(&self, deadline: Option<Instant>) -> Option<&Outcome> {
        // If nobody does the I/O, this thread does: it need not be woken then.
        if let Some(drive) = self.drive() {
            if drive.is_calling() {
                return None;
            }
            drive.drive(&|| self.outcome.get().is_some(), deadline);
        }
        let mut waiting = lock(&self.waiting);
        while self.outcome.get().is_none() {
            if deadline.is_some_and(|d| Instant::now() >= d) {
                return None;
            }
            waiting.blocked = Some(thread_number());
            waiting = wait_until(&self.condition, waiting, deadline);
        }
        self.outcome.get()
    }

    /// Sees to it that the waker is woken; false when the outcome is there already.
    #[cold]
    fn register(&self, index: u32, waker: &Waker) -> bool {
        let mut waiting = lock(&self.waiting);
        if self.outcome.get().is_some() {
            return false;
        }
        match waiting.wakers.iter_mut().find(|(i, _)| *i == index) {
            Some((_, known)) => known.clone_from(waker),
            None => waiting.wakers.push((index, waker.clone())),
        }
        drop(waiting);
        if let Some(drive) = self.drive() {
            drive.see_to_it();
        }
        true
    }
}

/// The result of a record: where it is, or why it is nowhere.
pub type DeliveryResult = Result<RecordMetadata, DeliveryError>;

/// A record that was accepted, and whose outcome is not looked at yet.
///
/// Wait for it with [`wait`](Self::wait), or `.await` it on any executor. Dropping it forgets the result, not the record.
#[must_use = "the record may fail: wait for its delivery, or drop it on purpose"]
pub struct Delivery {
    batch: Handle<BatchState>,
    index: u32,
    timestamp: i64,
}

impl Delivery {
    #[inline]
    pub(super) fn new(batch: Handle<BatchState>, index: u32, timestamp: i64) -> Delivery {
        Delivery { batch, index, timestamp }
    }

    /// Blocks until the record is acknowledged or has failed, at most `delivery.timeout.ms` after it was sent.
    ///
    /// # Errors
    /// See [`DeliveryError`]. In a callback of the same producer, whose thread cannot wait for itself, it is an error at
    /// once where the result is not there yet: [`Cause::InCallback`].
    #[inline]
    pub fn wait(self) -> DeliveryResult {
        match self.batch.outcome.get().or_else(|| self.batch.wait(None)) {
            Some(_) => self.into_result(),
            None => Err(DeliveryError { record: self.into_metadata(), in_callback: true }),
        }
    }

    /// Like [`wait`](Self::wait), but gives up after `timeout`; at once in a callback of the same producer.
    ///
    /// # Errors
    /// The delivery itself when the time is over: it can be waited for again.
    pub fn wait_timeout(self, timeout: Duration) -> Result<DeliveryResult, Delivery> {
        match self.batch.outcome.get().or_else(|| self.batch.wait(deadline_in(timeout))) {
            Some(_) => Ok(self.into_result()),
            None => Err(self),
        }
    }

    /// The result, if it is there already.
    ///
    /// # Errors
    /// The delivery itself when it is not.
    #[inline]
    pub fn try_result(self) -> Result<DeliveryResult, Delivery> {
        match self.batch.outcome.get() {
            Some(_) => Ok(self.into_result()),
            None => Err(self),
        }
    }

    /// Whether the result is there.
    #[inline]
    pub fn is_done(&self) -> bool {
        self.batch.outcome.get().is_some()
    }

    /// Moves the handle: a clone would cost two atomic operations.
    #[inline]
    fn into_result(self) -> DeliveryResult {
        result(self.batch, self.index, self.timestamp)
    }

    fn into_metadata(self) -> RecordMetadata {
        RecordMetadata { batch: self.batch, index: self.index, timestamp: self.timestamp }
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("topic", &self.batch.topic)
            .field("partition", &self.batch.partition)
            .field("outcome", &self.batch.outcome.get())
            .finish()
    }
}

/// Cancel-safe: a delivery that is dropped while it is awaited is only forgotten.
impl Future for Delivery {
    type Output = DeliveryResult;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<DeliveryResult> {
        if self.batch.outcome.get().is_none() && self.batch.register(self.index, cx.waker()) {
            return Poll::Pending;
        }
        match self.batch.outcome.get() {
            Some(_) => Poll::Ready(result(self.batch.clone(), self.index, self.timestamp)),
            None => Poll::Pending,
        }
    }
}

#[inline]
pub(super) fn result(batch: Handle<BatchState>, index: u32, timestamp: i64) -> DeliveryResult {
    let outcome = batch.outcome_of(index);
    let record = RecordMetadata { batch, index, timestamp };
    match outcome {
        Some(Outcome::Acked { .. }) => Ok(record),
        _ => Err(DeliveryError { record, in_callback: false }),
    }
}

/// Where an acknowledged record is.
#[derive(Clone)]
pub struct RecordMetadata {
    pub(super) batch: Handle<BatchState>,
    pub(super) index: u32,
    pub(super) timestamp: i64,
}

impl RecordMetadata {
    /// The topic it was sent to.
    pub fn topic(&self) -> &str {
        &self.batch.topic
    }

    /// The partition it is in.
    pub fn partition(&self) -> u32 {
        self.batch.partition
    }

    /// Its offset; `None` with `acks=0`, and for a retried record of which the broker no longer knows where it is.
    pub fn offset(&self) -> Option<i64> {
        match self.batch.outcome_of(self.index) {
            Some(Outcome::Acked { base_offset: Some(base), .. }) => Some(base + i64::from(self.index)),
            _ => None,
        }
    }

    /// Its timestamp in milliseconds since 1970: the broker's where the topic has LogAppendTime, else the one it was
    /// sent with; −1 for unknown.
    pub fn timestamp(&self) -> i64 {
        match self.batch.outcome_of(self.index) {
            Some(Outcome::Acked { log_append_time: Some(time), .. }) => time,
            _ => self.timestamp,
        }
    }
}

impl fmt::Debug for RecordMetadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordMetadata")
            .field("topic", &self.topic())
            .field("partition", &self.partition())
            .field("offset", &self.offset())
            .field("timestamp", &self.timestamp())
            .finish()
    }
}

impl fmt::Display for RecordMetadata {
    /// As Java prints it: `topic-partition@offset`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}@", self.topic(), self.partition())?;
        match self.offset() {
            Some(offset) => write!(f, "{offset}"),
            None => f.write_str("unknown"),
        }
    }
}

/// Why an accepted record has no acknowledgement, and whether it may be in the log all the same.
#[derive(Clone)]
pub struct DeliveryError {
    record: RecordMetadata,
    /// Nobody waited for the outcome.
    in_callback: bool,
}

impl DeliveryError {
    #[inline]
    pub(super) fn set_place(&mut self, index: u32, timestamp: i64) {
        (self.record.index, self.record.timestamp) = (index, timestamp);
    }

    /// Why it is an error, for good: what becomes of the record later changes nothing.
    fn outcome(&self) -> Option<Outcome> {
        match self.in_callback {
            true => Some(Outcome::Indeterminate(Cause::InCallback)),
            false => self.record.batch.outcome_of(self.record.index),
        }
    }

    /// The topic it was for.
    pub fn topic(&self) -> &str {
        self.record.topic()
    }

    /// The partition it was for.
    pub fn partition(&self) -> u32 {
        self.record.partition()
    }

    /// Whether it may be in the log: an attempt to send it had no answer. If not, it certainly is not there and never
    /// will be, so sending it again makes no duplicate.
    pub fn may_be_written(&self) -> bool {
        !matches!(self.outcome(), Some(Outcome::NotWritten(_)))
    }

    /// What went wrong with this record: a broker that refuses a batch for some of its records names them, and the others
    /// fail with [`Cause::BatchRefused`].
    pub fn cause(&self) -> Cause {
        match self.outcome() {
            Some(Outcome::NotWritten(cause)) => {
                self.returned().and_then(|part| part.cause(self.record.index)).unwrap_or(cause)
            }
            Some(Outcome::Indeterminate(cause)) => cause,
            _ => Cause::Closed,
        }
    }

    /// What the broker said of the record, or of all its batch, beside the code. From Kafka 2.4 on; not from all brokers,
    /// and not about all errors.
    pub fn message(&self) -> Option<&str> {
        self.returned()?.message(self.record.index)
    }

    /// The record itself, where it certainly is not in the log: to be sent again, or to be kept. `None` where it may be
    /// there, as sending it again could make it come twice.
    ///
    /// The bytes of a failed batch are kept as long as an error of one of its records is, outside of `buffer.memory`.
    pub fn record(&self) -> Option<OwnedRecord> {
        self.returned()?.record(self.record.index, self.topic(), self.partition())
    }

    /// What came back of the batch, or of its part that the record was in, where it is not in the log.
    fn returned(&self) -> Option<&Returned> {
        let RecordMetadata { batch, index, .. } = &self.record;
        if self.may_be_written() {
            return None;
        }
        batch.returned.get()?.iter().rev().find(|part| part.first() <= *index)
    }

    /// The broker's error code, where a broker answered.
    pub fn code(&self) -> Option<ErrorCode> {
        match self.cause() {
            Cause::Broker(code) => Some(code),
            _ => None,
        }
    }

    /// Whether sending the record again, later, can succeed without anybody changing something.
    pub fn is_retriable(&self) -> bool {
        match self.cause() {
            Cause::TimedOut | Cause::Disconnected | Cause::BatchRefused => true,
            Cause::Broker(code) => code.is_retriable(),
            _ => false,
        }
    }
}

impl fmt::Debug for DeliveryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeliveryError")
            .field("topic", &self.topic())
            .field("partition", &self.partition())
            .field("cause", &self.cause())
            .field("message", &self.message())
            .field("may_be_written", &self.may_be_written())
            .finish()
    }
}

impl fmt::Display for DeliveryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fate = if self.may_be_written() { "it may have been written" } else { "it was not written" };
        write!(f, "record for {}-{}: {}", self.topic(), self.partition(), self.cause())?;
        if let Some(message) = self.message() {
            write!(f, ": {message}")?;
        }
        write!(f, "; {fate}")
    }
}

impl std::error::Error for DeliveryError {}
