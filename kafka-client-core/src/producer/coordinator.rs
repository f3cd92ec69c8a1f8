//! What a transaction asks of its coordinators, one request at a time.

use kafka_proto::messages::metadata::FindCoordinatorRequest;
use kafka_proto::messages::produce::InitProducerIdRequest;
use kafka_proto::messages::transaction::{
    AddOffsetsToTxnRequest, AddPartitionsToTxnRequest, EndTxnRequest, TxnOffsetCommitRequest,
};
use kafka_proto::wire::Array;
use kafka_proto::{ErrorCode, Request as RequestMessage};

use super::Producer;
use super::transaction::{Joining, OffsetsStep, TransactionState};
use super::transaction_rows::{JoiningTopics, OffsetTopics};
use crate::net::api::Api;
use crate::net::broker::Role;
use crate::net::{Begin, Encoded, Transmit, TxFrame, encode_for};
use crate::recall::recalled;
use crate::storage::NIL;
use crate::time::Instant;

/// What is to be asked next, and of whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ask {
    Coordinator,
    GroupCoordinator,
    Init,
    Join,
    AddGroup,
    CommitOffsets,
    End { commit: bool },
}

/// The newest versions that do not belong to the protocol of KIP-890.
const V1_END: i16 = 4;
const V1_OFFSETS: i16 = 4;

impl<'m> Producer<'m> {
    fn next_ask(&self) -> Option<Ask> {
        let txn = &self.txn;
        let find = |ask| if txn.coordinator == NIL { Ask::Coordinator } else { ask };
        match txn.state {
            TransactionState::Initializing => Some(find(Ask::Init)),
            TransactionState::Open | TransactionState::Committing if txn.joining => Some(find(Ask::Join)),
            TransactionState::Committing => match txn.offsets_step {
                OffsetsStep::AddGroup => Some(find(Ask::AddGroup)),
                OffsetsStep::FindGroup if txn.group_coordinator == NIL => Some(Ask::GroupCoordinator),
                OffsetsStep::FindGroup => Some(Ask::CommitOffsets),
                OffsetsStep::None if self.is_drained() => Some(find(Ask::End { commit: true })),
                OffsetsStep::None => None,
            },
            TransactionState::Aborting if self.is_drained() => Some(find(Ask::End { commit: false })),
            _ => None,
        }
    }

    /// Whether every batch has its outcome, and none is under way: one that was given up for its time may still be
    /// appended, and behind the end of its transaction it would become part of the next one.
    fn is_drained(&self) -> bool {
        self.acc.pool.oldest() == NIL && self.acc.partitions.iter().all(|queue| queue.stamped == 0)
    }

    /// The broker that has to be asked; [`NIL`] for any.
    fn target(&self, ask: Ask) -> u32 {
        match ask {
            Ask::Coordinator | Ask::GroupCoordinator => NIL,
            Ask::CommitOffsets => self.txn.group_coordinator,
            Ask::Init | Ask::Join | Ask::AddGroup | Ask::End { .. } => self.txn.coordinator,
        }
    }

    /// Sees to it that there is a connection to ask on; ends a transaction that the coordinator never heard of.
    pub(super) fn demand_coordinator(&mut self, now: Instant) {
        if self.txn.asked || self.txn.retry_at > now || self.net.closing {
            return;
        }
        let Some(ask) = self.next_ask() else { return };
        if matches!(ask, Ask::End { .. } | Ask::Coordinator) && self.ends_unheard() {
            return;
        }
        match self.target(ask) {
            NIL => self.net.demand_any(now),
            broker => {
                let open = self.net.conns.iter().any(|c| c.broker == broker && c.role == Role::Main);
                if !open {
                    self.net.brokers[broker].want(Role::Main, true);
                }
            }
        }
    }

    /// A transaction without a record and without offsets ends where it began.
    pub(super) fn ends_unheard(&mut self) -> bool {
        let ending = matches!(self.txn.state, TransactionState::Committing | TransactionState::Aborting);
        // What is under way may begin it yet.
        let unheard = ending && !self.txn.begun && !self.txn.joining && !self.txn.asked;
        let unheard = unheard && self.txn.offsets_step == OffsetsStep::None && self.acc.pool.oldest() == NIL;
        if unheard {
            self.txn.ended();
        }
        unheard
    }

    pub(super) fn transaction_at(&self) -> Instant {
        match self.next_ask() {
            Some(_) if recalled!(F11HotWait) && !self.txn.asked && self.txn.retry_at > Instant(0) => {
                self.txn.retry_at
            }
            Some(ask) if !self.txn.asked && !self.net.closing => {
                self.net.broker_at(self.target(ask), self.txn.retry_at)
            }
            _ => Instant::NEVER,
        }
    }

    /// The transaction's next request, when a connection can take it.
    pub(super) fn poll_transaction(&mut self, now: Instant) -> Option<Transmit<'m>> {
        if self.txn.asked || self.txn.retry_at > now {
            return None;
        }
        let ask = self.next_ask()?;
        if matches!(ask, Ask::End { .. }) && self.ends_unheard() {
            return None;
        }
        let conn = match self.target(ask) {
            NIL => self.net.accepting_any(now)?,
            broker => self.net.accepting(now, broker, Role::Main),
        };
        if conn == NIL {
            return None;
        }
        let mut frame = self.net.take_frame()?;
        let (api, version, encoded) = self.encode_ask(ask, conn, &mut frame);
        let Some(version) = version else {
            self.net.keep_frame(frame);
            self.txn.fail(ErrorCode::UNSUPPORTED_VERSION);
            return None;
        };
        let timeout = self.net.config.request_timeout;
        let token = u32::from(ask == Ask::GroupCoordinator);
        let begin = Begin { api, version, token, timeout, answered: true };
        let sent = self.net.enter_if(now, conn, begin, frame, encoded);
        match sent {
            Some(_) => self.note_asked(ask),
            // The lent frame has no room for it: not at once again.
            None => self.transaction_backoff(now),
        }
        sent
    }

    /// The request goes.
    fn note_asked(&mut self, ask: Ask) {
        self.txn.asked = true;
        if ask == Ask::Join {
            self.txn.joining = false;
            for index in self.acc.partitions.indices() {
                let queue = &mut self.acc.partitions[index];
                if queue.joining == Joining::Wanted && queue.txn_serial == self.txn.serial {
                    queue.joining = Joining::Asked;
                }
            }
        }
        self.txn.begun |= recalled!(F8BegunWhenAsked) && ask == Ask::Join;
        self.txn.commit_asked |= ask == Ask::End { commit: true };
    }

    fn encode_ask(
        &self,
        ask: Ask,
        conn: u32,
        frame: &mut TxFrame<'m>,
    ) -> (Api, Option<i16>, Option<Encoded>) {
        let txn = &self.txn;
        let (id, producer_id, epoch) = (&*txn.id, self.identity.id, self.identity.epoch);
        let two = self.transactions_v2();
        let known = self.identity.is_known();
        match ask {
            Ask::Coordinator => self.encode_find(conn, frame, id, 1),
            Ask::GroupCoordinator => self.encode_find(conn, frame, &txn.group.group_id, 0),
            Ask::Init => {
                let body = InitProducerIdRequest {
                    transactional_id: Some(id),
                    transaction_timeout_ms: txn.timeout_ms,
                    producer_id: if known { producer_id } else { -1 },
                    producer_epoch: if known { epoch } else { -1 },
                    ..InitProducerIdRequest::default()
                };
                self.encode_txn(Api::InitProducerId, conn, frame, i16::MAX, &body)
            }
            Ask::Join => {
                let topics = JoiningTopics(self);
                let body = AddPartitionsToTxnRequest {
                    v3_and_below_transactional_id: id,
                    v3_and_below_producer_id: producer_id,
                    v3_and_below_producer_epoch: epoch,
                    v3_and_below_topics: Array::source(&topics),
                    ..AddPartitionsToTxnRequest::default()
                };
                self.encode_txn(Api::AddPartitionsToTxn, conn, frame, i16::MAX, &body)
            }
            Ask::AddGroup => {
                let group_id = &*txn.group.group_id;
                let body = AddOffsetsToTxnRequest {
                    transactional_id: id,
                    producer_id,
                    producer_epoch: epoch,
                    group_id,
                };
                self.encode_txn(Api::AddOffsetsToTxn, conn, frame, i16::MAX, &body)
            }
            Ask::CommitOffsets => {
                let topics = OffsetTopics(self);
                let body = TxnOffsetCommitRequest {
                    transactional_id: id,
                    group_id: &txn.group.group_id,
                    producer_id,
                    producer_epoch: epoch,
                    generation_id_or_member_epoch: txn.group.generation,
                    member_id: &txn.group.member_id,
                    group_instance_id: txn.group.instance_id.as_deref(),
                    topics: Array::source(&topics),
                };
                let newest = if two { i16::MAX } else { V1_OFFSETS };
                self.encode_txn(Api::TxnOffsetCommit, conn, frame, newest, &body)
            }
            Ask::End { commit } => {
                let body = EndTxnRequest {
                    transactional_id: id,
                    producer_id,
                    producer_epoch: epoch,
                    committed: commit,
                };
                self.encode_txn(Api::EndTxn, conn, frame, if two { i16::MAX } else { V1_END }, &body)
            }
        }
    }

    fn encode_find(
        &self,
        conn: u32,
        frame: &mut TxFrame<'m>,
        key: &str,
        key_type: i8,
    ) -> (Api, Option<i16>, Option<Encoded>) {
        let keys = [key];
        let body = FindCoordinatorRequest { key, key_type, coordinator_keys: Array::slice(&keys) };
        self.encode_txn(Api::FindCoordinator, conn, frame, i16::MAX, &body)
    }

    fn encode_txn<'r, R: RequestMessage<'r>>(
        &self,
        api: Api,
        conn: u32,
        frame: &mut TxFrame<'m>,
        newest: i16,
        body: &R,
    ) -> (Api, Option<i16>, Option<Encoded>) {
        let entry = &self.net.conns[conn];
        let version = entry.versions.of(api).map(|v| v.min(newest));
        let encoded =
            version.and_then(|v| encode_for(entry, &self.net.config, v, &mut frame.head, body, &mut []));
        (api, version, encoded)
    }
}
