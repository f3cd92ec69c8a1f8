//! InitProducerId: ids and epochs; for transactional ids it fences the predecessor and ends what it left open.

use kafka_proto::ErrorCode;
use kafka_proto::messages::{InitProducerIdRequest, InitProducerIdResponse};

use super::{LAST_EPOCH, Transaction, TxnState, fenced};
use crate::cluster::Cluster;
use crate::request::{Hangup, Rq};

impl Cluster {
    pub(crate) fn init_producer_id(&mut self, rq: &Rq<'_>) -> Result<(), Hangup> {
        let request: InitProducerIdRequest<'_> = rq.decode()?;
        let mut answer = InitProducerIdResponse {
            throttle_time_ms: self.throttle_ms(),
            producer_epoch: -1,
            ..InitProducerIdResponse::default()
        };
        let outcome = match (rq.forced, request.transactional_id) {
            (Some(code), _) => Err(code),
            (None, None) => Ok((self.new_producer_id(), 0)),
            (None, Some(name)) => self.init_transactional(rq, name, &request),
        };
        match outcome {
            Ok((id, epoch)) => (answer.producer_id, answer.producer_epoch) = (id, epoch),
            Err(code) => answer.error_code = code,
        }
        self.conns.reply(&rq.ticket, &answer);
        Ok(())
    }

    pub(crate) fn new_producer_id(&mut self) -> i64 {
        self.next_producer_id += 1;
        self.next_producer_id
    }

    fn init_transactional(
        &mut self,
        rq: &Rq<'_>,
        name: &str,
        request: &InitProducerIdRequest<'_>,
    ) -> Result<(i64, i16), ErrorCode> {
        if name.is_empty() {
            return Err(ErrorCode::INVALID_REQUEST);
        }
        self.check_coordinator(name, rq.node)?;
        if !(1..=self.config.transaction_max_timeout_ms).contains(&request.transaction_timeout_ms) {
            return Err(ErrorCode::INVALID_TRANSACTION_TIMEOUT);
        }
        let now = self.now;
        let Some(txn) = self.transactions.get_mut(name) else {
            self.make_room_for_transaction()?;
            let id = self.new_producer_id();
            let txn = Transaction::new(id, request.transaction_timeout_ms, now);
            self.transactions.insert(name.to_owned(), txn);
            return Ok((id, 0));
        };
        txn.used = now;
        // KIP-360: a client that recovers says who it believes to be.
        let claimed = (request.producer_id, request.producer_epoch);
        let current = (txn.producer_id, txn.producer_epoch);
        let recovers = request.producer_id >= 0;
        if recovers && claimed != current && claimed != txn.previous {
            return Err(fenced(rq.version, 4));
        }
        match txn.state {
            TxnState::Preparing { .. } => return Err(ErrorCode::CONCURRENT_TRANSACTIONS),
            TxnState::Ongoing => {
                // The predecessor is fenced and its transaction aborted; meanwhile the client asks again.
                self.fence(name);
                return Err(ErrorCode::CONCURRENT_TRANSACTIONS);
            }
            TxnState::Empty | TxnState::Complete { .. } => {}
        }
        txn.timeout_ms = request.transaction_timeout_ms;
        if recovers && claimed == txn.previous && claimed != current {
            return Ok(current);
        }
        // Only who said its epoch may ask again with it: what a predecessor had is no longer anybody's.
        txn.previous = if recovers { current } else { (-1, -1) };
        txn.state = TxnState::Empty;
        if txn.producer_epoch < LAST_EPOCH {
            txn.producer_epoch += 1;
            return Ok((txn.producer_id, txn.producer_epoch));
        }
        let id = self.new_producer_id();
        if let Some(txn) = self.transactions.get_mut(name) {
            (txn.producer_id, txn.producer_epoch) = (id, 0);
        }
        Ok((id, 0))
    }

    /// At the limit the id unused for longest goes, unless it has a transaction.
    fn make_room_for_transaction(&mut self) -> Result<(), ErrorCode> {
        if self.transactions.len() < self.config.max_transactional_ids {
            return Ok(());
        }
        let open = |t: &Transaction| matches!(t.state, TxnState::Ongoing | TxnState::Preparing { .. });
        let idle = self.transactions.iter().filter(|(_, t)| !open(t));
        let oldest = idle.min_by_key(|(_, t)| t.used).map(|(name, _)| name.clone());
        let oldest = oldest.ok_or(ErrorCode::COORDINATOR_NOT_AVAILABLE)?;
        self.transactions.remove(&oldest);
        Ok(())
    }
}
