//! What a transaction asks of its coordinator, one request at a time, and what the answers mean.

use kafka_proto::messages::metadata::{FindCoordinatorRequest, FindCoordinatorResponse};
use kafka_proto::messages::produce::{InitProducerIdRequest, InitProducerIdResponse};
use kafka_proto::messages::transaction::{
    AddOffsetsToTxnRequest, AddOffsetsToTxnResponse, AddPartitionsToTxnRequest, AddPartitionsToTxnResponse,
    AddPartitionsToTxnTopic, EndTxnRequest, EndTxnResponse, TxnOffsetCommitRequest,
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic, TxnOffsetCommitResponse,
};
use kafka_proto::wire::{Array, Source, Wire, Writer};
use kafka_proto::{ErrorCode, Message, Request as RequestMessage};

use super::Producer;
use super::transaction::{Joining, OffsetsStep, TransactionState};
use crate::net::api::Api;
use crate::net::broker::{Role, Trouble};
use crate::net::connection::Request;
use crate::net::{Begin, ConnId, Encoded, Transmit, TxFrame, encode_for};
use crate::random::backoff;
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
        let drained = self.acc.pool.oldest() == NIL;
        match txn.state {
            TransactionState::Initializing => Some(find(Ask::Init)),
            TransactionState::Open | TransactionState::Committing if txn.joining => Some(find(Ask::Join)),
            TransactionState::Committing => match txn.offsets_step {
                OffsetsStep::AddGroup => Some(find(Ask::AddGroup)),
                OffsetsStep::FindGroup if txn.group_coordinator == NIL => Some(Ask::GroupCoordinator),
                OffsetsStep::FindGroup | OffsetsStep::Commit => Some(Ask::CommitOffsets),
                OffsetsStep::None if drained => Some(find(Ask::End { commit: true })),
                OffsetsStep::None => None,
            },
            TransactionState::Aborting if drained => Some(find(Ask::End { commit: false })),
            _ => None,
        }
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
            broker => self.net.brokers[broker].want(Role::Main, true),
        }
    }

    /// A transaction without a record and without offsets ends where it began.
    fn ends_unheard(&mut self) -> bool {
        let ending = matches!(self.txn.state, TransactionState::Committing | TransactionState::Aborting);
        let unheard = ending && !self.txn.begun && !self.txn.renew && !self.txn.joining;
        let unheard = unheard && self.txn.offsets_step == OffsetsStep::None && self.acc.pool.oldest() == NIL;
        if unheard {
            self.txn.state = TransactionState::Ready;
        }
        unheard
    }

    pub(super) fn transaction_at(&self) -> Instant {
        let waits = !self.txn.asked && self.txn.retry_at > Instant(0) && self.next_ask().is_some();
        if waits { self.txn.retry_at } else { Instant::NEVER }
    }

    /// The transaction's next request, when a connection can take it.
    pub(super) fn poll_transaction(&mut self, now: Instant) -> Option<Transmit<'m>> {
        if self.txn.asked || self.txn.retry_at > now {
            return None;
        }
        let ask = self.next_ask()?;
        let max = self.net.config.max_in_flight;
        let target = self.target(ask);
        let conn = self.net.conns.position(|c| {
            c.role == Role::Main && (target == NIL || c.broker == target) && c.accepts(now, max)
        });
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
        if ask == Ask::Join {
            self.txn.joining = false;
            for index in self.acc.partitions.indices() {
                let queue = &mut self.acc.partitions[index];
                if queue.joining == Joining::Wanted && queue.txn_serial == self.txn.serial {
                    queue.joining = Joining::Asked;
                }
            }
        }
        self.txn.begun |= !matches!(ask, Ask::Coordinator | Ask::GroupCoordinator | Ask::Init);
        let timeout = self.net.config.request_timeout;
        let token = u32::from(ask == Ask::GroupCoordinator);
        let begin = Begin { api, version, token, timeout, answered: true };
        let sent = self.net.enter_if(now, conn, begin, frame, encoded);
        self.txn.asked = sent.is_some();
        sent
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
                let body = AddPartitionsToTxnRequest {
                    v3_and_below_transactional_id: id,
                    v3_and_below_producer_id: producer_id,
                    v3_and_below_producer_epoch: epoch,
                    v3_and_below_topics: Array::source(&JoiningTopics(self)),
                    ..AddPartitionsToTxnRequest::default()
                };
                self.encode_txn(Api::AddPartitionsToTxn, conn, frame, i16::MAX, &body)
            }
            Ask::AddGroup => {
                let group_id = &*txn.group.group_id;
                let body = AddOffsetsToTxnRequest { transactional_id: id, producer_id, producer_epoch: epoch, group_id };
                self.encode_txn(Api::AddOffsetsToTxn, conn, frame, i16::MAX, &body)
            }
            Ask::CommitOffsets => {
                let body = TxnOffsetCommitRequest {
                    transactional_id: id,
                    group_id: &txn.group.group_id,
                    producer_id,
                    producer_epoch: epoch,
                    generation_id_or_member_epoch: txn.group.generation,
                    member_id: &txn.group.member_id,
                    group_instance_id: txn.group.instance_id.as_deref(),
                    topics: Array::source(&OffsetTopics(self)),
                };
                let newest = if two { i16::MAX } else { V1_OFFSETS };
                self.encode_txn(Api::TxnOffsetCommit, conn, frame, newest, &body)
            }
            Ask::End { commit } => {
                let body = EndTxnRequest { transactional_id: id, producer_id, producer_epoch: epoch, committed: commit };
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

    /// The transaction's request got no answer.
    pub(super) fn transaction_lost(&mut self, now: Instant, api: Api) {
        self.txn.asked = false;
        if api == Api::AddPartitionsToTxn {
            self.join_again();
        }
        self.transaction_backoff(now);
    }

    fn transaction_backoff(&mut self, now: Instant) {
        let config = &self.net.config;
        let (base, max) = (config.retry_backoff, config.retry_backoff_max);
        self.txn.retry_at = now + backoff(base, max, self.txn.attempts, &mut self.net.random);
        self.txn.attempts = self.txn.attempts.saturating_add(1);
    }

    fn join_again(&mut self) {
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
        conn: ConnId,
        request: &Request,
        body: &[u8],
    ) -> Result<(), Trouble> {
        let (throttle, code) = match request.api {
            Api::FindCoordinator => self.on_found(request, body)?,
            Api::AddPartitionsToTxn => self.on_joined(now, request.version, body)?,
            Api::AddOffsetsToTxn => {
                let r = AddOffsetsToTxnResponse::decode(request.version, body).map_err(Trouble::Malformed)?;
                if r.error_code == ErrorCode::NONE {
                    self.txn.offsets_step = OffsetsStep::FindGroup;
                }
                (r.throttle_time_ms, r.error_code)
            }
            Api::TxnOffsetCommit => self.on_offsets_committed(request.version, body)?,
            Api::EndTxn => self.on_ended(now, request.version, body)?,
            _ => self.on_init(now, request.version, body)?,
        };
        self.net.mute(now, conn, throttle);
        self.txn.asked = false;
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
                    Api::TxnOffsetCommit => {
                        self.txn.group_coordinator = NIL;
                        self.txn.offsets_step = OffsetsStep::FindGroup;
                    }
                    _ => self.txn.coordinator = NIL,
                }
                self.transaction_backoff(now);
            }
            ErrorCode::PRODUCER_FENCED
            | ErrorCode::INVALID_PRODUCER_EPOCH
            | ErrorCode::INVALID_TXN_STATE
            | ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED
            | ErrorCode::CLUSTER_AUTHORIZATION_FAILED
            | ErrorCode::UNSUPPORTED_VERSION => self.txn.fail(code),
            code if code.is_retriable() || code == ErrorCode::CONCURRENT_TRANSACTIONS => self.transaction_backoff(now),
            code if matches!(self.txn.state, TransactionState::Open | TransactionState::Committing) => {
                self.txn.renew |= matches!(
                    code,
                    ErrorCode::UNKNOWN_PRODUCER_ID | ErrorCode::INVALID_PRODUCER_ID_MAPPING
                );
                self.txn.joining = false;
                self.txn.abort_only(code);
            }
            code => self.txn.fail(code),
        }
    }

    fn on_found(&mut self, request: &Request, body: &[u8]) -> Result<(i32, ErrorCode), Trouble> {
        let r = FindCoordinatorResponse::decode(request.version, body).map_err(Trouble::Malformed)?;
        let found = r.coordinators.iter().next();
        let (code, id, host, port) = match &found {
            Some(c) => (c.error_code, c.node_id, c.host, c.port),
            None => (r.error_code, r.node_id, r.host, r.port),
        };
        if code == ErrorCode::NONE {
            let broker = self.net.learn_broker(id, host, port);
            match request.token {
                0 => self.txn.coordinator = broker,
                _ => self.txn.group_coordinator = broker,
            }
        }
        Ok((r.throttle_time_ms, code))
    }

    fn on_init(&mut self, now: Instant, version: i16, body: &[u8]) -> Result<(i32, ErrorCode), Trouble> {
        let r = InitProducerIdResponse::decode(version, body).map_err(Trouble::Malformed)?;
        if r.error_code == ErrorCode::NONE {
            (self.identity.id, self.identity.epoch) = (r.producer_id, r.producer_epoch);
            self.txn.renew = false;
            self.txn.state = TransactionState::Ready;
            self.touch_all(now);
        }
        Ok((r.throttle_time_ms, r.error_code))
    }

    fn on_joined(&mut self, now: Instant, version: i16, body: &[u8]) -> Result<(i32, ErrorCode), Trouble> {
        let r = AddPartitionsToTxnResponse::decode(version, body).map_err(Trouble::Malformed)?;
        let results = || r.results_by_topic_v3_and_below.iter().flat_map(|t| t.results_by_partition.iter());
        // One that was refused stops all; "not attempted" only says that another one was.
        let failed = results().map(|p| p.partition_error_code).filter(|code| *code != ErrorCode::NONE);
        let code = failed.max_by_key(|code| *code != ErrorCode::OPERATION_NOT_ATTEMPTED).unwrap_or(ErrorCode::NONE);
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
        Ok((r.throttle_time_ms, code))
    }

    fn on_offsets_committed(&mut self, version: i16, body: &[u8]) -> Result<(i32, ErrorCode), Trouble> {
        let r = TxnOffsetCommitResponse::decode(version, body).map_err(Trouble::Malformed)?;
        let codes = r.topics.iter().flat_map(|t| t.partitions.iter().map(|p| p.error_code));
        let code = codes.filter(|code| *code != ErrorCode::NONE).last().unwrap_or(ErrorCode::NONE);
        if code == ErrorCode::NONE {
            while self.txn.offsets.pop().is_some() {}
            self.txn.offsets_step = OffsetsStep::None;
        }
        Ok((r.throttle_time_ms, code))
    }

    fn on_ended(&mut self, now: Instant, version: i16, body: &[u8]) -> Result<(i32, ErrorCode), Trouble> {
        let r = EndTxnResponse::decode(version, body).map_err(Trouble::Malformed)?;
        if r.error_code == ErrorCode::NONE {
            if r.producer_id >= 0 && r.producer_epoch >= 0 {
                (self.identity.id, self.identity.epoch) = (r.producer_id, r.producer_epoch);
                self.txn.renew = false;
            }
            self.txn.begun = false;
            // A lost sequence: the coordinator raises the epoch, and the partitions start again at 0.
            self.txn.state =
                if self.txn.renew { TransactionState::Initializing } else { TransactionState::Ready };
            self.touch_all(now);
        }
        Ok((r.throttle_time_ms, r.error_code))
    }
}

/// The topics with partitions to be added.
struct JoiningTopics<'a, 'm>(&'a Producer<'m>);

impl JoiningTopics<'_, '_> {
    fn partitions(&self, topic: u32) -> impl Iterator<Item = u32> + '_ {
        let Producer { net, acc, txn, .. } = self.0;
        acc.partitions.indices().filter(move |index| {
            let queue = &acc.partitions[*index];
            let wanted = queue.joining == Joining::Wanted && queue.txn_serial == txn.serial;
            wanted && net.topics.partitions[*index].topic == topic
        })
    }

    fn topics(&self) -> impl Iterator<Item = u32> + '_ {
        self.0.net.topics.topics.indices().filter(|topic| self.partitions(*topic).next().is_some())
    }
}

impl Source for JoiningTopics<'_, '_> {
    fn len(&self) -> usize {
        self.topics().count()
    }

    fn write(&self, index: usize, w: &mut Writer<'_>) {
        let topic = self.topics().nth(index).unwrap_or(NIL);
        let name = &*self.0.net.topics.topics[topic].name;
        AddPartitionsToTxnTopic { name, partitions: Array::source(&JoiningPartitions { all: self, topic }) }.write(w);
    }
}

struct JoiningPartitions<'a, 'b, 'm> {
    all: &'a JoiningTopics<'b, 'm>,
    topic: u32,
}

impl Source for JoiningPartitions<'_, '_, '_> {
    fn len(&self) -> usize {
        self.all.partitions(self.topic).count()
    }

    fn write(&self, index: usize, w: &mut Writer<'_>) {
        let partition = self.all.partitions(self.topic).nth(index).unwrap_or(NIL);
        self.all.0.net.topics.partitions[partition].number.write(w);
    }
}

/// The offsets of a transaction, a topic entry for each.
struct OffsetTopics<'a, 'm>(&'a Producer<'m>);

impl OffsetTopics<'_, '_> {
    fn topics(&self) -> impl Iterator<Item = u32> + '_ {
        let offsets = &self.0.txn.offsets;
        let first = move |i: &usize| {
            let topic = offsets.get(*i).map(|o| o.topic);
            offsets.iter().position(|o| Some(o.topic) == topic) == Some(*i)
        };
        (0..offsets.len()).filter(first).filter_map(|i| offsets.get(i)).map(|o| o.topic)
    }
}

impl Source for OffsetTopics<'_, '_> {
    fn len(&self) -> usize {
        self.topics().count()
    }

    fn write(&self, index: usize, w: &mut Writer<'_>) {
        let topic = self.topics().nth(index).unwrap_or(NIL);
        let entry = &self.0.net.topics.topics[topic];
        let partitions = OffsetPartitions { producer: self.0, topic };
        TxnOffsetCommitRequestTopic { name: &entry.name, topic_id: entry.id, partitions: Array::source(&partitions) }
            .write(w);
    }
}

struct OffsetPartitions<'a, 'm> {
    producer: &'a Producer<'m>,
    topic: u32,
}

impl Source for OffsetPartitions<'_, '_> {
    fn len(&self) -> usize {
        self.producer.txn.offsets.iter().filter(|o| o.topic == self.topic).count()
    }

    fn write(&self, index: usize, w: &mut Writer<'_>) {
        let offsets = self.producer.txn.offsets.iter().filter(|o| o.topic == self.topic);
        let Some(o) = offsets.skip(index).next() else { return };
        TxnOffsetCommitRequestPartition {
            partition_index: o.partition,
            committed_offset: o.offset,
            committed_leader_epoch: o.leader_epoch,
            committed_metadata: Some(""),
        }
        .write(w);
    }
}
