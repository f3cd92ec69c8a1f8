//! EndTxn: commit or abort.

use kafka_proto::ErrorCode;
use kafka_proto::messages::{EndTxnRequest, EndTxnResponse};

use super::{TxnState, fenced};
use crate::cluster::Cluster;
use crate::request::{Hangup, Rq};

impl Cluster {
    pub(crate) fn end_txn(&mut self, rq: &Rq<'_>) -> Result<(), Hangup> {
        let request: EndTxnRequest<'_> = rq.decode()?;
        let outcome = match rq.forced {
            Some(code) => Err(code),
            None => self.try_end(rq, &request),
        };
        let outcome = match (outcome, rq.forced_after) {
            (Ok(_), Some(code)) => Err(code),
            (outcome, _) => outcome,
        };
        let mut answer = EndTxnResponse {
            throttle_time_ms: self.throttle_ms(),
            producer_epoch: -1,
            ..EndTxnResponse::default()
        };
        match outcome {
            Ok((id, epoch)) => (answer.producer_id, answer.producer_epoch) = (id, epoch),
            Err(code) => answer.error_code = code,
        }
        self.conns.reply(&rq.ticket, &answer);
        Ok(())
    }

    /// Ends the transaction; returns the id and epoch to go on with.
    fn try_end(&mut self, rq: &Rq<'_>, request: &EndTxnRequest<'_>) -> Result<(i64, i16), ErrorCode> {
        let (name, commit) = (request.transactional_id, request.committed);
        self.check_coordinator(name, rq.node)?;
        let v2 = rq.version >= 5 && self.config.transactions_v2();
        let txn = self.transactions.get_mut(name).ok_or(ErrorCode::INVALID_PRODUCER_ID_MAPPING)?;
        txn.used = self.now;
        let current = (txn.producer_id, txn.producer_epoch);
        let asked = (request.producer_id, request.producer_epoch);
        // V2 bumps the epoch with each end: a retry of the last one comes with the epoch before.
        let retry = v2 && asked == txn.previous && asked != current;
        if !retry {
            txn.check(asked.0, asked.1, fenced(rq.version, 2))?;
        }
        match txn.state {
            TxnState::Ongoing if retry => return Err(ErrorCode::PRODUCER_FENCED),
            TxnState::Ongoing => {}
            TxnState::Preparing { commit: decided } | TxnState::Complete { commit: decided } if retry => {
                return if decided == commit { Ok(current) } else { Err(ErrorCode::INVALID_TXN_STATE) };
            }
            TxnState::Preparing { commit: decided } => {
                return Err(match decided == commit {
                    true => ErrorCode::CONCURRENT_TRANSACTIONS,
                    false => ErrorCode::INVALID_TXN_STATE,
                });
            }
            // Without V2 a repeated end is a retry, too.
            TxnState::Complete { commit: decided } if !v2 => {
                return if decided == commit { Ok(current) } else { Err(ErrorCode::INVALID_TXN_STATE) };
            }
            // V2 lets a client abort what it does not know to have begun.
            TxnState::Empty | TxnState::Complete { .. } if v2 && !commit && !retry => {}
            TxnState::Empty | TxnState::Complete { .. } => return Err(ErrorCode::INVALID_TXN_STATE),
        }
        self.prepare_end(name, commit, v2);
        let txn = self.transactions.get(name).ok_or(ErrorCode::INVALID_PRODUCER_ID_MAPPING)?;
        Ok((txn.producer_id, txn.producer_epoch))
    }
}
