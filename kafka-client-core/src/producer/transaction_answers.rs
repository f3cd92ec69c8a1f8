//! What the answers of a transaction's coordinators mean.

use kafka_proto::messages::metadata::FindCoordinatorResponse;
use kafka_proto::messages::produce::InitProducerIdResponse;
use kafka_proto::messages::transaction::{
    AddOffsetsToTxnResponse, AddPartitionsToTxnResponse, EndTxnResponse, TxnOffsetCommitResponse,
};
use kafka_proto::{ErrorCode, Message};

use super::Producer;
use super::transaction::{Joining, OffsetsStep, TransactionState};
use crate::net::api::Api;
use crate::net::broker::Trouble;
use crate::net::connection::Request;
use crate::random::backoff;
use crate::recall::recalled;
use crate::storage::NIL;
use crate::time::Instant;

/// InitProducerId names the producer's id and epoch since this version (KIP-360). Before, it makes a successor.
const RENEWS_FROM: i16 = 3;

impl<'m> Producer<'m> {
    /// A broker's connection ended: who coordinates may be somebody else by now.
    pub(super) fn coordinator_lost(&mut self, broker: u32) {
        for coordinator in [&mut self.txn.coordinator, &mut self.txn.group_coordinator] {
            if *coordinator == broker && !recalled!(F7CoordinatorStays) {
                *coordinator = NIL;
            }
        }
    }

    /// The transaction's request got no answer.
    ///
    /// It may still arrive, and under the same epoch it would do to the next transaction what was meant for this one:
    /// commit it, or add to it (KIP-890). Before the brokers could tell, only another epoch keeps them apart.
    pub(super) fn transaction_lost(&mut self, now: Instant, api: Api) {
        self.txn.asked = false;
        let adds = matches!(api, Api::AddPartitionsToTxn | Api::AddOffsetsToTxn | Api::TxnOffsetCommit);
        self.txn.begun |= adds;
        let ends = (adds || api == Api::EndTxn) && !recalled!(B16SameEpochAfterUnknownEnd);
        self.txn.renew |= ends && self.txn.can_renew && !self.transactions_v2();
        if api == Api::AddPartitionsToTxn {
            self.join_again();
        }
        self.transaction_backoff(now);
    }

    pub(super) fn transaction_backoff(&mut self, now: Instant) {
        let config = &self.net.config;
        let (base, max) = (config.retry_backoff, config.retry_backoff_max);
        self.txn.retry_at = now + backoff(base, max, self.txn.attempts, &mut self.net.random);
        self.txn.attempts = self.txn.attempts.saturating_add(1);
    }

    fn join_again(&mut self) {
        if self.txn.state == TransactionState::Aborting {
            return;
        }
        for index in self.acc.partitions.indices() {
            let queue = &mut self.acc.partitions[index];
            if queue.joining == Joining::Asked {
                queue.joining = Joining::Wanted;
                self.txn.joining = true;
            }
        }
    }

    /// An answer to a request of the transaction.
    pub(super) fn on_transaction(
        &mut self,
        now: Instant,
        request: &Request,
        body: &[u8],
    ) -> Result<(), Trouble> {
        let code = match request.api {
            Api::FindCoordinator => self.on_found(request, body)?,
            Api::AddPartitionsToTxn => self.on_joined(now, request.version, body)?,
            Api::AddOffsetsToTxn => {
                let r = AddOffsetsToTxnResponse::decode(request.version, body).map_err(Trouble::Malformed)?;
                // It may have been aborted meanwhile.
                if r.error_code == ErrorCode::NONE
                    && (self.txn.offsets_step == OffsetsStep::AddGroup || recalled!(F9OffsetsAfterAbort))
                {
                    self.txn.offsets_step = OffsetsStep::FindGroup;
                }
                r.error_code
            }
            Api::TxnOffsetCommit => self.on_offsets_committed(request.version, body)?,
            Api::EndTxn => self.on_ended(now, request.version, body)?,
            _ => self.on_init(now, request.version, body)?,
        };
        self.txn.asked = false;
        self.txn.trouble = code;
        let adds =
            matches!(request.api, Api::AddPartitionsToTxn | Api::AddOffsetsToTxn | Api::TxnOffsetCommit);
        // Of several offsets some may have been taken, also if the answer as a whole is an error.
        self.txn.begun |= adds && (code == ErrorCode::NONE || request.api == Api::TxnOffsetCommit);
        match code {
            ErrorCode::NONE => {
                self.txn.attempts = 0;
                self.txn.retry_at = Instant(0);
            }
            code => self.on_transaction_error(now, request.api, code),
        }
        Ok(())
    }

    /// One row per kind of error: asked again, found again, to be aborted, or the end.
    fn on_transaction_error(&mut self, now: Instant, api: Api, code: ErrorCode) {
        if api == Api::AddPartitionsToTxn {
            self.join_again();
        }
        match code {
            ErrorCode::NOT_COORDINATOR | ErrorCode::COORDINATOR_NOT_AVAILABLE => {
                match api {
                    Api::TxnOffsetCommit => self.txn.group_coordinator = NIL,
                    _ => self.txn.coordinator = NIL,
                }
                self.transaction_backoff(now);
            }
            ErrorCode::PRODUCER_FENCED
            | ErrorCode::INVALID_PRODUCER_EPOCH
            | ErrorCode::INVALID_TXN_STATE
            | ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED
            | ErrorCode::CLUSTER_AUTHORIZATION_FAILED
            | ErrorCode::UNSUPPORTED_FOR_MESSAGE_FORMAT
            | ErrorCode::UNSUPPORTED_VERSION => self.txn.fail(code),
            code if code.is_retriable() || code == ErrorCode::CONCURRENT_TRANSACTIONS => {
                self.transaction_backoff(now)
            }
            code if matches!(self.txn.state, TransactionState::Open | TransactionState::Committing) => {
                self.txn.renew |=
                    matches!(code, ErrorCode::UNKNOWN_PRODUCER_ID | ErrorCode::INVALID_PRODUCER_ID_MAPPING);
                self.txn.joining = false;
                self.txn.abort_only(code);
            }
            // What was to become part of it was refused: so much the better.
            _ if self.txn.state == TransactionState::Aborting && api != Api::EndTxn => {}
            code => self.txn.fail(code),
        }
    }

    fn on_found(&mut self, request: &Request, body: &[u8]) -> Result<ErrorCode, Trouble> {
        let r = FindCoordinatorResponse::decode(request.version, body).map_err(Trouble::Malformed)?;
        let found = r.coordinators.iter().next();
        let (code, id, host, port) = match &found {
            Some(c) => (c.error_code, c.node_id, c.host, c.port),
            None => (r.error_code, r.node_id, r.host, r.port),
        };
        if code == ErrorCode::NONE {
            let broker = self.net.learn_broker(id, host, port);
            if broker == NIL {
                // No room to note it, or nobody's address: asked again, but not at once.
                return Ok(ErrorCode::COORDINATOR_NOT_AVAILABLE);
            }
            match request.token {
                0 => self.txn.coordinator = broker,
                _ => self.txn.group_coordinator = broker,
            }
        }
        Ok(code)
    }

    fn on_init(&mut self, now: Instant, version: i16, body: &[u8]) -> Result<ErrorCode, Trouble> {
        let r = InitProducerIdResponse::decode(version, body).map_err(Trouble::Malformed)?;
        if r.error_code == ErrorCode::NONE {
            (self.identity.id, self.identity.epoch) = (r.producer_id, r.producer_epoch);
            self.txn.renew = false;
            self.txn.can_renew = version >= RENEWS_FROM || recalled!(F10ZombieRenews);
            let goes_on = recalled!(B2InitWithinTransaction) && self.txn.begun;
            self.txn.state = if goes_on { TransactionState::Open } else { TransactionState::Ready };
            self.touch_all(now);
        }
        Ok(r.error_code)
    }

    fn on_joined(&mut self, now: Instant, version: i16, body: &[u8]) -> Result<ErrorCode, Trouble> {
        let r = AddPartitionsToTxnResponse::decode(version, body).map_err(Trouble::Malformed)?;
        let results = || r.results_by_topic_v3_and_below.iter().flat_map(|t| t.results_by_partition.iter());
        // One that was refused stops all; "not attempted" only says that another one was.
        let failed = results().map(|p| p.partition_error_code).filter(|code| *code != ErrorCode::NONE);
        let code =
            failed.max_by_key(|code| *code != ErrorCode::OPERATION_NOT_ATTEMPTED).unwrap_or(ErrorCode::NONE);
        if code == ErrorCode::NONE {
            for index in self.acc.partitions.indices() {
                if self.acc.partitions[index].joining == Joining::Asked {
                    self.acc.partitions[index].joining = Joining::Done;
                    self.touch(now, index);
                }
            }
        }
        if code.invalidates_metadata() {
            self.net.want_metadata();
        }
        Ok(code)
    }

    fn on_offsets_committed(&mut self, version: i16, body: &[u8]) -> Result<ErrorCode, Trouble> {
        let r = TxnOffsetCommitResponse::decode(version, body).map_err(Trouble::Malformed)?;
        let codes = r.topics.iter().flat_map(|t| t.partitions.iter().map(|p| p.error_code));
        let code = codes.filter(|code| *code != ErrorCode::NONE).last().unwrap_or(ErrorCode::NONE);
        if code == ErrorCode::NONE {
            while self.txn.offsets.pop().is_some() {}
            self.txn.offsets_step = OffsetsStep::None;
        }
        Ok(code)
    }

    fn on_ended(&mut self, now: Instant, version: i16, body: &[u8]) -> Result<ErrorCode, Trouble> {
        let r = EndTxnResponse::decode(version, body).map_err(Trouble::Malformed)?;
        // Nothing to abort: what was to begin it never arrived, or may yet, and belongs to an epoch of its own.
        let unheard = r.error_code == ErrorCode::INVALID_TXN_STATE
            && self.txn.state == TransactionState::Aborting
            && !self.txn.commit_asked
            && !recalled!(F8BegunWhenAsked);
        self.txn.renew |= unheard && self.txn.can_renew;
        let code = if unheard { ErrorCode::NONE } else { r.error_code };
        if code == ErrorCode::NONE {
            let kept = recalled!(B18EpochOfTheLastTransaction);
            if r.producer_id >= 0 && r.producer_epoch >= 0 && !kept {
                (self.identity.id, self.identity.epoch) = (r.producer_id, r.producer_epoch);
                self.txn.renew = false;
            }
            self.txn.begun = false;
            self.txn.ended();
            self.touch_all(now);
        }
        Ok(code)
    }
}
