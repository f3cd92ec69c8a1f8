//! ListOffsets: from "earliest", "latest" or a timestamp to an offset.

use kafka_proto::messages::fetch::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse,
    ListOffsetsTopic,
};
use kafka_proto::wire::{Array, Source, Wire, Writer};
use kafka_proto::{ErrorCode, Message, Uuid};

use super::Consumer;
use super::cursor::{Notice, Phase, Start};
use super::request::{ChainTopics, Rows};
use crate::metadata::Topic;
use crate::net::api::Api;
use crate::net::broker::{Role, Trouble};
use crate::net::chain::Named;
use crate::net::connection::Request;
use crate::net::{Begin, ConnId, Transmit, encode_for};
use crate::recall::recalled;
use crate::storage::NIL;
use crate::time::Instant;

impl<'m> Consumer<'m> {
    /// A request for the offsets that cursors wait for.
    pub(super) fn poll_lookup(&mut self, now: Instant) -> Option<Transmit<'m>> {
        for conn in self.net.conns.indices() {
            let entry = &self.net.conns[conn];
            let broker = entry.broker;
            if entry.role != Role::Main || !entry.accepts(now, self.net.config.max_in_flight) {
                continue;
            }
            let Some(version) = entry.versions.of(Api::ListOffsets) else { continue };
            let token = self.collect(now, broker, Role::Main);
            if token == NIL {
                continue;
            }
            let Some(mut frame) = self.net.take_frame() else {
                self.give_back(now, token);
                return None;
            };
            let timeout = self.net.config.request_timeout;
            let chain = ChainTopics::new(self, token, &LookupRows);
            let body = ListOffsetsRequest {
                replica_id: -1,
                isolation_level: self.config.isolation.to_wire(),
                topics: Array::source(&chain),
                timeout_ms: timeout.as_millis_i32(),
            };
            let (entry, config) = (&self.net.conns[conn], &self.net.config);
            let encoded = encode_for(entry, config, version, &mut frame.head, &body, &mut []);
            let begin = Begin { api: Api::ListOffsets, version, token, timeout, answered: true };
            let sent = self.net.enter_if(now, conn, begin, frame, encoded);
            if sent.is_some() {
                return sent;
            }
            self.give_back(now, token);
        }
        None
    }

    pub(super) fn on_offsets(
        &mut self,
        now: Instant,
        conn: ConnId,
        request: &mut Request,
        body: &[u8],
    ) -> Result<(), Trouble> {
        let response = ListOffsetsResponse::decode(request.version, body).map_err(Trouble::Malformed)?;
        for topic in response.topics.iter() {
            for answer in topic.partitions.iter() {
                let named = Named { name: topic.name, id: Uuid::ZERO, number: answer.partition_index };
                let index = self.answered(&mut request.token, named)?.index;
                self.net.hint_leader(conn, index, answer.error_code, (-1, -1));
                let current = self.cursors[index].is_current() && self.cursors[index].phase == Phase::Lookup;
                if current || recalled!(B28LookupWins) {
                    self.on_offset(now, index, &answer);
                }
                self.touch(now, index);
            }
        }
        if request.token == NIL { Ok(()) } else { Err(Trouble::Inconsistent) }
    }

    fn on_offset(&mut self, now: Instant, index: u32, answer: &ListOffsetsPartitionResponse) {
        let code = answer.error_code;
        let cursor = &mut self.cursors[index];
        // No record at or after a timestamp is answered with −1: the end is what was meant.
        let none_found = answer.offset < 0 && matches!(cursor.start, Start::Timestamp(_));
        if code == ErrorCode::NONE && none_found {
            cursor.start = Start::Latest;
        } else if code == ErrorCode::NONE && answer.offset >= 0 {
            cursor.position = match cursor.start {
                Start::FromEnd(n) => answer.offset.saturating_sub(i64::from(n)).max(0),
                _ => answer.offset,
            };
            cursor.phase = Phase::Reading;
            cursor.attempts = 0;
            let (from, to) = (core::mem::replace(&mut cursor.lost, -1), cursor.position);
            if from >= 0 {
                self.notice(index, Notice::Reset { from, to });
            }
        } else {
            if code.invalidates_metadata() || code.is_retriable() {
                self.net.want_metadata();
            } else {
                self.notice(index, Notice::Refused(code));
            }
            self.back_off_after(now, index, code);
        }
    }
}

struct LookupRows;

impl Rows for LookupRows {
    fn topic(&self, topic: &Topic<'_>, partitions: &dyn Source, w: &mut Writer<'_>) {
        ListOffsetsTopic { name: &topic.name, partitions: Array::source(partitions) }.write(w);
    }

    fn partition(&self, consumer: &Consumer<'_>, index: u32, w: &mut Writer<'_>) {
        let meta = &consumer.net.topics.partitions[index];
        ListOffsetsPartition {
            partition_index: meta.number,
            current_leader_epoch: meta.epoch,
            timestamp: consumer.cursors[index].start.to_wire(),
        }
        .write(w);
    }
}
