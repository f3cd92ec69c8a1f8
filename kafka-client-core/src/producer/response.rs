//! The answer to a produce request: what it means for each batch.

use kafka_proto::messages::produce::{PartitionProduceResponse, ProduceResponse};
use kafka_proto::{ErrorCode, Message};

use super::Producer;
use super::batch::{Outcome, SendError};
use super::transaction::TransactionState;
use crate::metrics::count;
use crate::net::ConnId;
use crate::net::broker::Trouble;
use crate::net::chain::{Named, unchain};
use crate::net::connection::Request;
use crate::recall::recalled;
use crate::storage::NIL;
use crate::time::Instant;

/// What a broker's error code asks the sender to do with a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is in the log; the broker may not know where.
    Success,
    /// It is in the log because an earlier attempt succeeded.
    Duplicate,
    /// It is not in the log; try again.
    Retry,
    /// It may be in the log; try again, with the same sequence.
    RetryUnknown,
    /// It is not in the log, because something before it is missing there.
    OutOfOrder,
    /// It is not in the log; the producer id or epoch must be renewed before it is tried again.
    Renew,
    /// It is not in the log and never will be.
    Refused,
}

/// One row per error code that a produce response can carry; any other code is judged by whether it is retriable.
pub(crate) fn verdict(code: ErrorCode) -> Verdict {
    match code {
        ErrorCode::NONE => Verdict::Success,
        ErrorCode::DUPLICATE_SEQUENCE_NUMBER => Verdict::Duplicate,
        // The leader appended it, but did not see it replicated.
        ErrorCode::REQUEST_TIMED_OUT
        | ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND
        | ErrorCode::NETWORK_EXCEPTION => Verdict::RetryUnknown,
        // Mostly refused at once; but also what a leader answers that appended it, waited for its replicas, and lost
        // the partition meanwhile.
        ErrorCode::NOT_LEADER_OR_FOLLOWER
        | ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
        | ErrorCode::UNKNOWN_TOPIC_ID
        | ErrorCode::KAFKA_STORAGE_ERROR => Verdict::RetryUnknown,
        ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER => Verdict::OutOfOrder,
        ErrorCode::UNKNOWN_PRODUCER_ID
        | ErrorCode::INVALID_PRODUCER_EPOCH
        | ErrorCode::PRODUCER_FENCED
        | ErrorCode::INVALID_PRODUCER_ID_MAPPING => Verdict::Renew,
        // Damaged on the way, not by us.
        ErrorCode::CORRUPT_MESSAGE => Verdict::Retry,
        code if code.is_retriable() => Verdict::Retry,
        _ => Verdict::Refused,
    }
}

impl<'m> Producer<'m> {
    /// Deals with the answer to a produce request, entry by entry. What was not answered stays chained to the request,
    /// and an answer to something else is an error: nothing it says can be trusted.
    pub(super) fn on_produce(
        &mut self,
        now: Instant,
        conn: ConnId,
        request: &mut Request,
        body: &[u8],
    ) -> Result<(), Trouble> {
        let response = ProduceResponse::decode(request.version, body).map_err(Trouble::Malformed)?;
        self.net.mute(now, conn, request, response.throttle_time_ms);
        count(&mut self.metrics.throttle_ms, response.throttle_time_ms.max(0).unsigned_abs());
        let begun = request.deadline - self.net.config.request_timeout;
        self.metrics.request_latency.add(now.since(begun));
        for node in response.node_endpoints.iter() {
            self.net.learn_broker(node.node_id, node.host, node.port);
        }
        for topic in response.responses.iter() {
            for answer in topic.partition_responses.iter() {
                let named = Named { name: topic.name, id: topic.topic_id, number: answer.index };
                let asked = unchain(&mut self.acc.pool.batches, &self.net.topics, &mut request.token, named)
                    .ok_or(Trouble::Inconsistent)?;
                let slot = asked.index;
                if !asked.is_past {
                    let hint = (answer.current_leader.leader_id, answer.current_leader.leader_epoch);
                    let partition = self.acc.pool.batches[slot].partition;
                    self.net.hint_leader(conn, partition, answer.error_code, hint);
                }
                self.on_answer(now, slot, &answer);
            }
        }
        if request.token == NIL { Ok(()) } else { Err(Trouble::Inconsistent) }
    }

    fn on_answer(&mut self, now: Instant, slot: u32, answer: &PartitionProduceResponse<'_>) {
        let code = answer.error_code;
        let offset = (answer.base_offset >= 0).then_some(answer.base_offset);
        let time = (answer.log_append_time_ms >= 0).then_some(answer.log_append_time_ms);
        let error = SendError::Broker(code);
        if code.invalidates_metadata() {
            self.net.want_metadata();
        }
        match verdict(code) {
            Verdict::Success => {
                self.answered(now, slot, Outcome::Acked { base_offset: offset, log_append_time: time });
            }
            Verdict::Duplicate => {
                self.answered(now, slot, Outcome::Acked { base_offset: offset, log_append_time: None });
            }
            Verdict::Retry => self.retry(now, slot, error),
            Verdict::RetryUnknown
                if recalled!(F2NotLeaderIsDefinite) && code == ErrorCode::NOT_LEADER_OR_FOLLOWER =>
            {
                self.retry(now, slot, error);
            }
            Verdict::RetryUnknown => {
                self.acc.pool.batches[slot].maybe_written = true;
                self.retry(now, slot, error);
            }
            Verdict::OutOfOrder if self.acc.pool.batches[slot].behind => self.retry(now, slot, error),
            Verdict::OutOfOrder | Verdict::Renew => self.renew(now, slot, error),
            Verdict::Refused if code == ErrorCode::MESSAGE_TOO_LARGE && self.split(now, slot) => {}
            Verdict::Refused => {
                self.note_rejections(slot, answer);
                self.refuse(now, slot, error);
            }
        }
    }

    /// The broker does not accept this sequence under this epoch, now or ever. A batch that certainly is not in the
    /// log gets a new sequence; of one that may be, nobody can tell any more.
    fn renew(&mut self, now: Instant, slot: u32, error: SendError) {
        let partition = self.acc.pool.batches[slot].partition;
        let maybe_written = self.acc.pool.batches[slot].maybe_written && !recalled!(B12ResendMaybeWritten);
        if recalled!(B2InitWithinTransaction) && self.txn.state == TransactionState::Open {
            self.txn.state = TransactionState::Initializing;
            self.acc.partitions[partition].unresolved = true;
            self.retry(now, slot, error);
            return;
        }
        if maybe_written || !self.config.idempotence || self.txn.is_on() {
            self.refuse(now, slot, error);
            return;
        }
        self.acc.partitions[partition].lose_sequence();
        self.retry(now, slot, error);
    }

    fn refuse(&mut self, now: Instant, slot: u32, error: SendError) {
        let unknown = self.acc.pool.batches[slot].maybe_written;
        let outcome = if unknown { Outcome::Indeterminate(error) } else { Outcome::NotWritten(error) };
        self.answered(now, slot, outcome);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_judged_by_whether_the_batch_may_be_in_the_log() {
        for (code, expected) in [
            (ErrorCode::NONE, Verdict::Success),
            (ErrorCode::DUPLICATE_SEQUENCE_NUMBER, Verdict::Duplicate),
            (ErrorCode::REQUEST_TIMED_OUT, Verdict::RetryUnknown),
            (ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND, Verdict::RetryUnknown),
            (ErrorCode::NOT_ENOUGH_REPLICAS, Verdict::Retry),
            (ErrorCode::NOT_LEADER_OR_FOLLOWER, Verdict::RetryUnknown),
            (ErrorCode::LEADER_NOT_AVAILABLE, Verdict::Retry),
            (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, Verdict::RetryUnknown),
            (ErrorCode::KAFKA_STORAGE_ERROR, Verdict::RetryUnknown),
            (ErrorCode::CORRUPT_MESSAGE, Verdict::Retry),
            (ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, Verdict::OutOfOrder),
            (ErrorCode::UNKNOWN_PRODUCER_ID, Verdict::Renew),
            (ErrorCode::INVALID_PRODUCER_EPOCH, Verdict::Renew),
            (ErrorCode::MESSAGE_TOO_LARGE, Verdict::Refused),
            (ErrorCode::RECORD_LIST_TOO_LARGE, Verdict::Refused),
            (ErrorCode::INVALID_RECORD, Verdict::Refused),
            (ErrorCode::INVALID_TIMESTAMP, Verdict::Refused),
            (ErrorCode::INVALID_REQUIRED_ACKS, Verdict::Refused),
            (ErrorCode::TOPIC_AUTHORIZATION_FAILED, Verdict::Refused),
            (ErrorCode::CLUSTER_AUTHORIZATION_FAILED, Verdict::Refused),
            (ErrorCode::UNSUPPORTED_FOR_MESSAGE_FORMAT, Verdict::Refused),
            (ErrorCode(9999), Verdict::Refused),
        ] {
            assert_eq!(verdict(code), expected, "{code}");
        }
    }
}
