//! The sender: from the partitions' queues to requests, and back when a request failed.
//!
//! The producer's other half. It takes sealed batches of the partitions that a broker leads, at most one per
//! partition and request, and remembers them by the request; an answer, or the end of the connection, brings each
//! back to be resolved or tried again.

use kafka_proto::messages::produce::ProduceRequest;
use kafka_proto::wire::Array;

use super::Producer;
use super::batch::{Outcome, Place, SendError};
use super::partition::Wait;
use super::rows::RequestTopics;
use crate::config::Acks;
use crate::list::delist;
use crate::metrics::count;
use crate::net::api::Api;
use crate::net::broker::Role;
use crate::net::connection::Request;
use crate::net::{Begin, Closed, ConnId, PARTS_MAX, Part, RxBuf, Transmit, TxFrame, encode_for};
use crate::random::backoff;
use crate::recall::recalled;
use crate::storage::{NIL, Storage};
use crate::time::Instant;
use crate::trace::note;

impl<'m> Producer<'m> {
    /// A produce request for some broker that can take one.
    pub(super) fn poll_produce(&mut self, now: Instant) -> Option<Transmit<'m>> {
        let max = self.net.config.max_in_flight;
        for conn in self.net.conns.indices() {
            let entry = &self.net.conns[conn];
            let broker = entry.broker;
            let idle = self.net.brokers[broker].work.first().is_none_or(|work| work.is_empty());
            if idle || entry.role != Role::Main || !entry.accepts(now, max) {
                continue;
            }
            let Some(version) = entry.versions.of(Api::Produce) else { continue };
            let mut frame = self.net.take_frame()?;
            self.collect(now, broker, &mut frame);
            let sent = self.begin_produce(now, conn, version, frame);
            if sent.is_some() {
                return sent;
            }
        }
        None
    }

    /// Moves sealed batches of the broker's partitions into a frame.
    fn collect(&mut self, now: Instant, broker: u32, frame: &mut TxFrame<'m>) {
        let limit = self.config.max_request_size;
        let mut bytes = 0u32;
        while frame.parts.len() < PARTS_MAX && frame.parts.room() > 0 {
            let Some(work) = self.net.brokers[broker].work.first_mut() else { break };
            let Some(partition) = delist(&mut self.acc.partitions, work, Wait::Ready) else { break };
            let queue = &self.acc.partitions[partition];
            let slot = queue.sendable(now, &self.acc.pool.batches);
            let batch = &self.acc.pool.batches[slot];
            let full = !frame.parts.is_empty() && bytes.saturating_add(batch.len) > limit;
            if slot == NIL || full || queue.backoff_until > now {
                self.touch(now, partition);
                if full {
                    break;
                }
                continue;
            }
            let Some(mem) = self.acc.pool.batches[slot].mem.take() else { continue };
            self.uncount(slot);
            let batch = &mut self.acc.pool.batches[slot];
            batch.place = Place::Sending;
            batch.asked_life = self.net.topics.life_of(partition);
            batch.behind = self.acc.partitions[partition].head != slot;
            bytes = bytes.saturating_add(batch.len);
            let part = Part { at: 0, len: batch.len, batch: slot, mem };
            if let Err(part) = frame.parts.push(part) {
                self.put_back(part);
                break;
            }
        }
        self.sort_parts(&mut frame.parts);
    }

    /// By topic, then partition: a request names each topic once. Batches nearly always come sorted already.
    fn sort_parts(&self, parts: &mut Storage<'m, Part<'m>>) {
        let key = |part: Option<&Part<'m>>| {
            let partition = part.map_or(NIL, |p| self.acc.pool.batches[p.batch].partition);
            let meta = &self.net.topics.partitions[partition];
            (meta.topic, meta.number)
        };
        for end in 1..parts.len() {
            let mut at = end;
            while at > 0 && key(parts.get(at - 1)) > key(parts.get(at)) {
                parts.swap(at - 1, at);
                at -= 1;
            }
        }
    }

    fn begin_produce(
        &mut self,
        now: Instant,
        conn: u32,
        version: i16,
        mut frame: TxFrame<'m>,
    ) -> Option<Transmit<'m>> {
        let timeout = self.net.config.request_timeout;
        let acks = self.config.acks;
        let mut gaps = [0u32; PARTS_MAX];
        let transactional = self.txn.is_on();
        let version =
            if transactional && !self.transactions_v2() { version.min(V1_PRODUCE) } else { version };
        self.txn.begun |= transactional && !frame.parts.is_empty();
        while !frame.parts.is_empty() {
            let topics = RequestTopics::new(&frame.parts, self);
            let body = ProduceRequest {
                transactional_id: transactional.then_some(&*self.txn.id),
                acks: acks.to_wire(),
                timeout_ms: timeout.as_millis_i32(),
                topic_data: Array::source(&topics),
            };
            let (entry, config) = (&self.net.conns[conn], &self.net.config);
            let Some(encoded) = encode_for(entry, config, version, &mut frame.head, &body, &mut gaps) else {
                self.drop_part(now, &mut frame);
                continue;
            };
            for (part, gap) in frame.parts.iter_mut().zip(gaps) {
                part.at = gap;
            }
            let token = self.chain(&frame);
            let answered = acks != Acks::None;
            let begin = Begin { api: Api::Produce, version, token, timeout, answered };
            self.count_sent(now, &frame);
            let sent = self.net.enter_if(now, conn, begin, frame, Some(encoded));
            self.touch_chain(now, token);
            return sent;
        }
        self.net.keep_frame(frame);
        None
    }

    /// The head has no room for this many batches: the last one waits; a single one can never be sent.
    fn drop_part(&mut self, now: Instant, frame: &mut TxFrame<'m>) {
        let alone = frame.parts.len() == 1;
        let Some(part) = frame.parts.pop() else { return };
        let slot = part.batch;
        self.put_back(part);
        self.wait_sealed(slot);
        if alone {
            self.fail(slot, SendError::FrameTooSmall);
        }
        self.settle(now, self.acc.pool.batches[slot].partition);
    }

    /// Links the batches of a request; the first is the request's token.
    fn chain(&mut self, frame: &TxFrame<'m>) -> u32 {
        let mut before = NIL;
        for part in frame.parts.iter() {
            self.acc.pool.batches[part.batch].chain = NIL;
            if before != NIL {
                self.acc.pool.batches[before].chain = part.batch;
            }
            before = part.batch;
        }
        frame.parts.get(0).map_or(NIL, |part| part.batch)
    }

    /// The partitions of a request may have another batch to send.
    fn touch_chain(&mut self, now: Instant, token: u32) {
        let mut slot = token;
        while slot != NIL {
            self.touch(now, self.acc.pool.batches[slot].partition);
            slot = self.acc.pool.batches[slot].chain;
        }
    }

    fn count_sent(&mut self, now: Instant, frame: &TxFrame<'m>) {
        if cfg!(feature = "metrics") {
            count(&mut self.metrics.requests, 1u32);
            for part in frame.parts.iter() {
                let batch = &self.acc.pool.batches[part.batch];
                count(&mut self.metrics.sent_bytes, part.len);
                if batch.attempts == 0 {
                    self.metrics.queue_time.add(now.since(batch.created));
                }
            }
        }
    }

    fn put_back(&mut self, part: Part<'m>) {
        self.acc.pool.batches[part.batch].mem = Some(part.mem);
    }

    /// A frame comes back: written, or given up with its connection.
    pub fn handle_written(&mut self, now: Instant, mut transmit: Transmit<'m>) {
        if let Some(conn) = self.net.conn(transmit.conn) {
            conn.writing = false;
            conn.last_used = now;
        }
        let (done, begun) = (transmit.is_done(), transmit.written > 0);
        while let Some(part) = transmit.frame.parts.pop() {
            let slot = part.batch;
            self.put_back(part);
            let unanswered = self.config.acks == Acks::None;
            let batch = &mut self.acc.pool.batches[slot];
            batch.place = Place::InFlight;
            batch.maybe_written |= begun && !done;
            match (unanswered, done) {
                (true, true) => {
                    let outcome = Outcome::Acked { base_offset: None, log_append_time: None };
                    self.answered(now, slot, outcome);
                }
                (true, false) => self.retry(now, slot, SendError::Disconnected),
                // What was never written cannot be in the log. The connection's end brings it back.
                (false, _) => batch.written = done || begun,
            }
        }
        self.net.keep_frame(transmit.frame);
    }

    /// A connection is gone: what it carried comes back.
    pub fn handle_closed(
        &mut self,
        now: Instant,
        conn: ConnId,
        why: Closed,
        rx: Option<RxBuf<'m>>,
        transmit: Option<Transmit<'m>>,
    ) {
        if let Some(transmit) = transmit {
            self.handle_written(now, transmit);
        }
        let main = self.net.conn(conn).filter(|c| c.role == Role::Main).map_or(NIL, |c| c.broker);
        if self.net.handle_closed(now, conn, why, rx) {
            self.net.want_metadata();
            self.leader_lost(main);
        }
        if self.txn.is_on() && main != NIL {
            self.coordinator_lost(main);
        }
        while let Some(request) = self.net.take_unanswered(now, conn) {
            match request.api {
                Api::Produce => self.chain_lost(now, &request),
                api if self.txn.is_on() && api != Api::Metadata && api != Api::ApiVersions => {
                    self.transaction_lost(now, api);
                }
                Api::InitProducerId => self.identity_failed(now),
                _ => {}
            }
        }
        self.net.forget(conn);
    }

    /// A broker may have ended, and may come back without all that it had.
    fn leader_lost(&mut self, broker: u32) {
        for partition in self.acc.partitions.indices() {
            if self.net.topics.partitions[partition].leader == broker {
                self.acc.partitions[partition].unestablish();
            }
        }
    }

    /// No answer will come for these batches.
    pub(super) fn chain_lost(&mut self, now: Instant, request: &Request) {
        let mut slot = request.token;
        while slot != NIL {
            let batch = &mut self.acc.pool.batches[slot];
            let next = core::mem::replace(&mut batch.chain, NIL);
            batch.maybe_written |= batch.written && !recalled!(B6NewSequenceAfterLoss);
            if recalled!(B6NewSequenceAfterLoss) {
                let partition = batch.partition;
                self.acc.partitions[partition].unresolved = true;
            }
            self.retry(now, slot, SendError::Disconnected);
            slot = next;
        }
    }

    /// An attempt ended without success, but another may succeed.
    pub(super) fn retry(&mut self, now: Instant, slot: u32, error: SendError) {
        let batch = &mut self.acc.pool.batches[slot];
        let partition = batch.partition;
        self.acc.partitions[partition].unestablish();
        if batch.outcome.is_some() {
            // It was resolved while it was under way; now its slot is free.
            self.unpin(slot);
            self.settle(now, partition);
            return;
        }
        let attempts = batch.attempts;
        count(&mut self.metrics.retries, 1u32);
        batch.attempts = attempts.saturating_add(1);
        batch.written = false;
        if recalled!(B13OtherBytes)
            && let Some(byte) = batch.mem.as_mut().and_then(|mem| mem.get_mut(15))
        {
            // The leader epoch of a batch is outside its checksum.
            *byte ^= 1;
        }
        self.wait_sealed(slot);
        if attempts >= self.config.retries {
            self.fail(slot, error);
        } else {
            let (base, max) = (self.net.config.retry_backoff, self.net.config.retry_backoff_max);
            let until = now + backoff(base, max, attempts, &mut self.net.random);
            let queue = &mut self.acc.partitions[partition];
            queue.backoff_until = until;
            if queue.unresolved {
                self.unstamp(partition);
            }
        }
        self.settle(now, partition);
    }

    /// Resolves a batch for which no further attempt will be made.
    pub(super) fn fail(&mut self, slot: u32, error: SendError) {
        let batch = &self.acc.pool.batches[slot];
        let unknown = batch.maybe_written || matches!(batch.place, Place::Sending | Place::InFlight);
        let outcome = if unknown { Outcome::Indeterminate(error) } else { Outcome::NotWritten(error) };
        self.resolve(slot, outcome);
    }

    /// The answer to a batch: its outcome, unless it was resolved before.
    pub(super) fn answered(&mut self, now: Instant, slot: u32, outcome: Outcome) {
        let partition = self.acc.pool.batches[slot].partition;
        if matches!(outcome, Outcome::Acked { .. }) {
            self.acc.partitions[partition].establish(now);
        }
        if self.acc.pool.batches[slot].outcome.is_none() {
            self.resolve(slot, outcome);
        }
        self.unpin(slot);
        self.settle(now, partition);
    }

    /// Gives a batch its outcome. While a request carries it, its slot and its place in the sequence stay taken.
    fn resolve(&mut self, slot: u32, outcome: Outcome) {
        let batch = &mut self.acc.pool.batches[slot];
        batch.outcome = Some(outcome);
        let (partition, records) = (batch.partition, batch.builder.count());
        let pinned = batch.is_pinned();
        self.acc.partitions[partition].remove(&mut self.acc.pool.batches, slot);
        self.acc.pool.retire(slot);
        if self.txn.is_on() {
            self.note_outcome(&outcome);
        }
        self.acc.push_resolved(slot);
        if matches!(outcome, Outcome::Acked { .. }) {
            count(&mut self.metrics.records_acked, records);
        } else {
            count(&mut self.metrics.records_failed, records);
            self.not_acknowledged(slot);
        }
        let freed = recalled!(B5FreeInFlight) && self.acc.pool.batches[slot].place == Place::InFlight;
        if !pinned || freed {
            self.unpin(slot);
        }
    }

    /// What was to be written is not known to be: a place in the sequence that was taken for it is a hole now.
    fn not_acknowledged(&mut self, slot: u32) {
        let batch = &self.acc.pool.batches[slot];
        let partition = batch.partition;
        let meta = &self.net.topics.partitions[partition];
        let records = batch.builder.count();
        note!("topic {} partition {}: {} records not acknowledged", meta.topic, meta.number, records);
        if !batch.is_stamped() || !self.config.idempotence {
            return;
        }
        if recalled!(B3ReuseSequence) {
            self.acc.partitions[partition].next_sequence = batch.stamp.base_sequence;
            return;
        }
        self.acc.partitions[partition].lose_sequence();
        self.unstamp(partition);
    }

    /// Nothing carries the batch any more.
    pub(super) fn unpin(&mut self, slot: u32) {
        let batch = &self.acc.pool.batches[slot];
        let partition = batch.partition;
        if batch.is_stamped() {
            let queue = &mut self.acc.partitions[partition];
            queue.stamped = queue.stamped.saturating_sub(1);
        }
        self.uncount(slot);
        self.acc.pool.batches[slot].place = Place::Closed;
        self.acc.free_if_done(slot);
    }
}

/// The newest version that does not add partitions to the transaction by itself (KIP-890).
const V1_PRODUCE: i16 = 11;
