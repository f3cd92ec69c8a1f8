//! What a broker says of single records of a batch that it refused (KIP-467).
//!
//! One invalid record refuses its whole batch. Its answer names the records that were invalid; the others are as good as
//! ever, and may be sent again. The names stand in one list per producer until their batch is
//! [released](Producer::release), so that a batch that succeeds pays nothing for them.

use kafka_proto::ErrorCode;
use kafka_proto::messages::produce::PartitionProduceResponse;

use super::Producer;
use super::batch::{Delivery, Outcome, SendError};
use crate::storage::{NIL, Remark, Storage};

/// A record that a broker refused, or what it said of the whole batch.
#[derive(Debug)]
pub(crate) struct Rejection {
    /// The slot of the batch, or of its part.
    slot: u32,
    /// Its index in the whole batch; [`NIL`] for what was said of the batch.
    index: u32,
    remark: Remark,
}

/// A record that made the broker refuse its batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordError<'a> {
    /// Which one: as in its [`Ticket`](super::Ticket).
    pub index: u32,
    /// What it fails with.
    pub error: SendError,
    /// What the broker said of it; `None` where it said nothing, and where there is no heap to keep it on.
    pub message: Option<&'a str>,
}

impl Producer<'_> {
    /// The records that made the broker refuse the batch of this delivery, where it named them. All its other records fail
    /// with [`SendError::BatchRefused`]. Known until [`release`](Self::release).
    ///
    /// In lent memory there is room for four of all batches that are not released. Of a batch that would need more none
    /// is named, and all records fail alike, as with brokers before 2.4.
    pub fn record_errors(&self, delivery: &Delivery) -> impl Iterator<Item = RecordError<'_>> + Clone {
        let code = match delivery.outcome {
            Outcome::NotWritten(SendError::Broker(code)) if cfg!(feature = "record-errors") => code,
            _ => ErrorCode::NONE,
        };
        let named = self.remarks(delivery).filter(|rejection| rejection.index != NIL);
        // With one, the code can only be its own. With several, each may be wrong in another way.
        let alone = named.clone().nth(1).is_none();
        let error = SendError::Broker(if alone { code } else { ErrorCode::INVALID_RECORD });
        named.map(move |rejection| RecordError {
            index: rejection.index,
            error,
            message: rejection.remark.text(),
        })
    }

    /// What became of one record of a delivery, by its index. Known until [`release`](Self::release), where it is not the
    /// same for all of them.
    pub fn outcome_of(&self, delivery: &Delivery, index: u32) -> Outcome {
        let mut named = self.record_errors(delivery).peekable();
        if named.peek().is_none() {
            return delivery.outcome;
        }
        let error = named.find(|record| record.index == index);
        Outcome::NotWritten(error.map_or(SendError::BatchRefused, |record| record.error))
    }

    /// What the broker said of a batch that it refused, as a whole; `None` where it said nothing, and where there is no
    /// heap to keep it on. Known until [`release`](Self::release).
    pub fn refusal(&self, delivery: &Delivery) -> Option<&str> {
        self.remarks(delivery).find(|rejection| rejection.index == NIL)?.remark.text()
    }

    fn remarks(&self, delivery: &Delivery) -> impl Iterator<Item = &Rejection> + Clone {
        let slot = if self.is_refused(delivery) { delivery.slot } else { NIL };
        self.rejections.iter().filter(move |rejection| rejection.slot == slot)
    }

    /// Keeps what the answer says of the records of a batch that is certainly not in the log.
    #[cold]
    pub(super) fn note_rejections(&mut self, slot: u32, answer: &PartitionProduceResponse<'_>) {
        let batch = &self.acc.pool.batches[slot];
        let (first, count) = (batch.first, batch.builder.count());
        // Nobody asks any more, or nobody can tell.
        if !cfg!(feature = "record-errors") || batch.outcome.is_some() || batch.maybe_written {
            return;
        }
        let index_of = |index: i32| u32::try_from(index).ok().filter(|index| *index < count);
        let named = answer.record_errors;
        // An answer about records that are not there says nothing about those that are.
        let sound = named.len() <= count as usize && named.iter().all(|e| index_of(e.batch_index).is_some());
        let fits = named.len() <= self.rejections.room();
        for error in named.iter().filter(|_| sound && fits) {
            let Some(index) = index_of(error.batch_index) else { continue };
            let remark = error.batch_index_error_message.and_then(Remark::copied).unwrap_or_default();
            let _ = self.rejections.push(Rejection { slot, index: first + index, remark });
        }
        if let Some(remark) = answer.error_message.and_then(Remark::copied) {
            let _ = self.rejections.push(Rejection { slot, index: NIL, remark });
        }
    }

    /// The batch is released: nobody asks about its records any more.
    #[inline]
    pub(super) fn forget_rejections(&mut self, slot: u32) {
        if cfg!(feature = "record-errors") && !self.rejections.is_empty() {
            forget(&mut self.rejections, slot);
        }
    }
}

#[cold]
fn forget(rejections: &mut Storage<'_, Rejection>, slot: u32) {
    let mut kept = 0;
    for at in 0..rejections.len() {
        if rejections.get(at).is_some_and(|rejection| rejection.slot != slot) {
            rejections.swap(kept, at);
            kept += 1;
        }
    }
    while rejections.len() > kept {
        rejections.pop();
    }
}

#[cfg(all(test, feature = "alloc", feature = "record-errors"))]
mod tests {
    use kafka_proto::messages::produce::BatchIndexAndErrorMessage;
    use kafka_proto::record::NewRecord;
    use kafka_proto::wire::Array;
    use std::vec::Vec;

    use super::*;
    use crate::config::{ClientConfig, ProducerConfig};
    use crate::resources::ProducerMemory;
    use crate::time::Instant;

    /// How many records are known to be wrong after an answer that names these, of a batch of two.
    fn known(named: &[i32]) -> usize {
        let config = ProducerConfig::DEFAULT;
        let memory = ProducerMemory::owned(config.batch_size, false);
        let bootstrap = [("localhost".into(), 9092)];
        let mut producer = Producer::new(ClientConfig::DEFAULT, config, bootstrap, memory).unwrap();
        let slot = producer.acc.pool.acquire(Instant(0), 100);
        let batch = &mut producer.acc.pool.batches[slot];
        for _ in 0..2 {
            batch.builder.append(batch.mem.as_mut().unwrap(), &NewRecord::default()).unwrap();
        }
        let errors: Vec<_> = named
            .iter()
            .map(|index| BatchIndexAndErrorMessage { batch_index: *index, ..Default::default() })
            .collect();
        let record_errors = Array::slice(&errors);
        let answer = PartitionProduceResponse { record_errors, ..PartitionProduceResponse::default() };
        producer.note_rejections(slot, &answer);
        producer.rejections.len()
    }

    #[test]
    fn an_answer_about_records_that_are_not_there_names_none() {
        assert_eq!((known(&[0]), known(&[1]), known(&[0, 1]), known(&[])), (1, 1, 2, 0));
        for wrong in [&[2][..], &[-1], &[i32::MIN], &[i32::MAX], &[0, 2], &[0, 1, 1]] {
            assert_eq!(known(wrong), 0, "{wrong:?}");
        }
    }
}
