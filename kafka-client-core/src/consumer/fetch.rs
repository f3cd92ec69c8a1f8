//! Fetch: one request per broker for all its partitions, and what the answer means for each.

use kafka_proto::messages::fetch::{
    FetchPartition, FetchPartitionData, FetchRequest, FetchResponse, FetchTopic,
};
use kafka_proto::record::batches;
use kafka_proto::wire::{Array, Records, Source, Wire, Writer};
use kafka_proto::{ErrorCode, Message, Uuid};

use super::aborted::Aborted;
use super::cursor::{Notice, Phase};
use super::fetched::{Chunk, Fetched};
use super::request::{ChainTopics, Rows};
use super::{Consumer, Start};
use crate::config::OffsetReset;
use crate::metadata::Topic;
use crate::net::api::Api;
use crate::net::broker::{Role, Trouble};
use crate::net::chain::{Asked, Named};
use crate::net::connection::Request;
use crate::net::{Begin, ConnId, Reply, RxBuf, Transmit, encode_for};
use crate::storage::{NIL, Storage};
use crate::time::Instant;

/// From this version on partitions are named by topic id.
const TOPIC_IDS_FROM: i16 = 13;

impl<'m> Consumer<'m> {
    /// A fetch request for a broker that has none under way and whose last answer was taken.
    pub(super) fn poll_fetch(&mut self, now: Instant) -> Option<Transmit<'m>> {
        for conn in self.net.conns.indices() {
            let entry = &self.net.conns[conn];
            let (broker, role) = (entry.broker, entry.role);
            let busy = !entry.in_flight.is_empty() || self.is_fetched(conn) || entry.rx_starved;
            if role != Role::Fetch || busy || !entry.accepts(now, self.net.config.max_in_flight) {
                continue;
            }
            let Some(version) = entry.versions.of(Api::Fetch) else { continue };
            let token = self.collect(now, broker, Role::Fetch);
            if token == NIL {
                continue;
            }
            let version = if self.all_have_ids(token) { version } else { version.min(TOPIC_IDS_FROM - 1) };
            let Some(mut frame) = self.net.take_frame() else {
                self.give_back(now, token);
                return None;
            };
            let (config, net) = (&self.config, &self.net);
            let chain = ChainTopics::new(self, token, &FetchRows);
            let body = FetchRequest {
                max_wait_ms: config.fetch_max_wait.as_millis_i32(),
                min_bytes: i32::try_from(config.fetch_min_bytes).unwrap_or(i32::MAX),
                max_bytes: i32::try_from(config.fetch_max_bytes).unwrap_or(i32::MAX),
                isolation_level: config.isolation.to_wire(),
                session_epoch: -1,
                topics: Array::source(&chain),
                ..FetchRequest::default()
            };
            let encoded = encode_for(&net.conns[conn], &net.config, version, &mut frame.head, &body, &mut []);
            let timeout =
                crate::time::Duration(net.config.request_timeout.0.saturating_add(config.fetch_max_wait.0));
            let begin = Begin { api: Api::Fetch, version, token, timeout, answered: true };
            let sent = self.net.enter_if(now, conn, begin, frame, encoded);
            if sent.is_some() {
                return sent;
            }
            self.give_back(now, token);
        }
        None
    }

    fn all_have_ids(&self, token: u32) -> bool {
        let mut at = token;
        while at != NIL {
            let topic = self.net.topics.partitions[at].topic;
            if self.net.topics.topics[topic].id == Uuid::ZERO {
                return false;
            }
            at = self.cursors[at].chain;
        }
        true
    }

    /// Takes the answer to a fetch. Where it holds records the receive buffer is kept for the application, and another
    /// one is returned for the connection.
    pub(super) fn on_fetch(
        &mut self,
        now: Instant,
        conn: ConnId,
        mut rx: RxBuf<'m>,
        reply: Reply,
    ) -> AfterFetch<'m> {
        let Reply { mut request, body, end } = reply;
        let RxBuf { mem, chunks, aborted, .. } = &mut rx;
        let bytes = mem.get(body.clone()).unwrap_or_default();
        let mut found = Found { chunks: core::mem::take(chunks), aborted: core::mem::take(aborted) };
        let outcome = match FetchResponse::decode(request.version, bytes) {
            Ok(response) => {
                let offset_of = |records: &[u8]| offset_in(mem, records);
                self.take_response(now, conn, &response, &mut request.token, &mut found, &offset_of)
            }
            Err(error) => Err(Trouble::Malformed(error)),
        };
        (rx.chunks, rx.aborted) = (found.chunks, found.aborted);
        if let Err(trouble) = outcome {
            while let Some(chunk) = rx.chunks.pop() {
                self.take_back(now, &chunk);
            }
            while rx.aborted.pop().is_some() {}
            return AfterFetch::Failed(rx, request, trouble);
        }
        if rx.chunks.is_empty() {
            rx.consume(end);
            return AfterFetch::ReadOn(rx);
        }
        let mut next = self.net.take_rx();
        if let Some(next) = next.as_mut() {
            // What follows an answer to the only request under way can only be garbage; it is looked at all the same.
            rx.split_into(end, next);
        }
        self.fetched_conn(conn.index, Fetched { rx, at: 0, check_crcs: self.config.check_crcs });
        next.map_or(AfterFetch::Starved, AfterFetch::ReadOn)
    }

    fn take_response(
        &mut self,
        now: Instant,
        conn: ConnId,
        response: &FetchResponse<'_>,
        token: &mut u32,
        found: &mut Found<'m>,
        offset_of: &dyn Fn(&[u8]) -> u32,
    ) -> Result<(), Trouble> {
        if response.error_code != ErrorCode::NONE {
            self.net.want_metadata();
            self.chain_failed(now, core::mem::replace(token, NIL), response.error_code);
            return Ok(());
        }
        for node in response.node_endpoints.iter() {
            self.net.learn_broker(node.node_id, node.host, node.port);
        }
        for topic in response.responses.iter() {
            for answer in topic.partitions.iter() {
                let named = Named { name: topic.topic, id: topic.topic_id, number: answer.partition_index };
                let Asked { index, is_past } = self.answered(token, named)?;
                let code = answer.error_code;
                if !is_past {
                    let hint = (answer.current_leader.leader_id, answer.current_leader.leader_epoch);
                    self.net.hint_leader(conn, index, code, hint);
                }
                // That a topic is no more is known where there is another of its name.
                if self.cursors[index].is_current() && (code == ErrorCode::NONE || !is_past) {
                    self.on_partition(now, index, &answer, found, offset_of);
                }
                self.touch(now, index);
            }
        }
        // Partitions about which nothing was said have nothing new: an answer without a session names all, but a
        // broker may leave out the empty ones.
        self.give_back(now, core::mem::replace(token, NIL));
        Ok(())
    }

    /// Nobody will see these records: they are fetched again.
    fn take_back(&mut self, now: Instant, chunk: &Chunk) {
        let cursor = &mut self.cursors[chunk.partition];
        if cursor.version == chunk.version {
            (cursor.phase, cursor.position, cursor.buffered) = (Phase::Reading, chunk.next, false);
            self.touch(now, chunk.partition);
        }
    }

    fn on_partition(
        &mut self,
        now: Instant,
        index: u32,
        answer: &FetchPartitionData<'_>,
        found: &mut Found<'m>,
        offset_of: &dyn Fn(&[u8]) -> u32,
    ) {
        if answer.error_code != ErrorCode::NONE {
            self.on_fetch_error(now, index, answer.error_code);
            return;
        }
        let cursor = &mut self.cursors[index];
        cursor.attempts = 0;
        if let Start::FromEnd(_) = cursor.start {
            // There it is: what is lost from here on is lost as any other position.
            cursor.start = Start::Offset(cursor.position);
        }
        cursor.high_watermark = answer.high_watermark;
        let Records::Bytes(bytes) = answer.records else { return };
        if bytes.is_empty() {
            return;
        }
        let walk = Walk::over(bytes, cursor.position);
        if let Some(need) = walk.larger_than_answer {
            let position = cursor.position;
            self.park(index, Notice::BatchTooLarge { position, need });
            return;
        }
        if found.chunks.room() == 0 {
            // It stays hungry.
            return;
        }
        let number = found.chunks.len();
        if !found.note_aborted(number, answer) {
            // Without room to remember them none of these records may be shown.
            let position = cursor.position;
            self.park(index, Notice::BatchTooLarge { position, need: u32::MAX });
            return;
        }
        let meta = &self.net.topics.partitions[index];
        let start = offset_of(bytes);
        let chunk = Chunk {
            partition: index,
            topic: meta.topic,
            number: meta.number,
            version: cursor.version,
            start,
            last: start,
            end: start.saturating_add(walk.len),
            next: cursor.position,
            high_watermark: answer.high_watermark,
            corrupt: None,
        };
        if found.chunks.push(chunk).is_ok() {
            cursor.position = walk.next;
            cursor.buffered = true;
            if walk.damaged {
                // Nothing more until the application has seen it.
                cursor.phase = Phase::Parked;
            }
        }
    }

    fn on_fetch_error(&mut self, now: Instant, index: u32, code: ErrorCode) {
        match code {
            ErrorCode::OFFSET_OUT_OF_RANGE => self.out_of_range(index),
            code => {
                if code.invalidates_metadata() || code.is_retriable() {
                    self.net.want_metadata();
                } else {
                    self.notice(index, Notice::Refused(code));
                }
                self.back_off_after(now, index, code);
            }
        }
    }

    /// Only the broker's word moves a position.
    fn out_of_range(&mut self, index: u32) {
        let reset = self.config.offset_reset;
        let cursor = &mut self.cursors[index];
        let position = cursor.position;
        let start = match (cursor.start, reset) {
            // Fewer records than were asked for from the end: all there are.
            (Start::FromEnd(_), _) | (_, OffsetReset::Earliest) => Start::Earliest,
            (_, OffsetReset::Latest) => Start::Latest,
            (_, OffsetReset::None) => {
                self.park(index, Notice::OutOfRange { position });
                return;
            }
        };
        (cursor.phase, cursor.start, cursor.lost) = (Phase::Lookup, start, position);
    }
}

/// What the headers of a partition's batches say.
struct Walk {
    /// The offset after the last whole batch.
    next: i64,
    /// Bytes of whole batches. One with a bad header counts too: reading it says what is wrong and parks the partition.
    len: u32,
    damaged: bool,
    /// Not even the first batch is whole: its size.
    larger_than_answer: Option<u32>,
}

impl Walk {
    fn over(bytes: &[u8], position: i64) -> Walk {
        let mut iter = batches(bytes);
        let (mut next, mut whole, mut damaged) = (position, false, false);
        for batch in iter.by_ref() {
            whole = true;
            match batch {
                Ok(batch) => next = next.max(batch.next_offset()),
                Err(_) => damaged = true,
            }
        }
        let size = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let len = size(if damaged { bytes.len() } else { iter.consumed() });
        Walk { next, len, damaged, larger_than_answer: (!whole).then(|| size(iter.need())) }
    }
}

/// What a response holds for the application.
struct Found<'m> {
    chunks: Storage<'m, Chunk>,
    aborted: Storage<'m, Aborted>,
}

impl Found<'_> {
    /// Notes the aborted transactions of a chunk: all of them, or none where there is no room.
    fn note_aborted(&mut self, chunk: usize, answer: &FetchPartitionData<'_>) -> bool {
        let listed = answer.aborted_transactions.iter().flat_map(|list| list.iter());
        for transaction in listed {
            if self.aborted.push(Aborted::new(chunk, &transaction)).is_err() {
                // The next chunk gets this number.
                while self.aborted.as_slice().last().is_some_and(|a| a.is_of(chunk)) {
                    self.aborted.pop();
                }
                return false;
            }
        }
        true
    }
}

/// What a connection goes on with after the answer to a fetch.
pub(super) enum AfterFetch<'m> {
    /// This buffer; another frame may be in it.
    ReadOn(RxBuf<'m>),
    /// Nothing: the application holds every buffer.
    Starved,
    /// The answer cannot be trusted.
    Failed(RxBuf<'m>, Request, Trouble),
}

/// Where `part`, which lies in `whole`, begins.
fn offset_in(whole: &[u8], part: &[u8]) -> u32 {
    let offset = (part.as_ptr() as usize).wrapping_sub(whole.as_ptr() as usize);
    u32::try_from(offset).unwrap_or(u32::MAX)
}

/// What a fetch request says about topics and partitions.
struct FetchRows;

impl Rows for FetchRows {
    fn topic(&self, topic: &Topic<'_>, partitions: &dyn Source, w: &mut Writer<'_>) {
        FetchTopic { topic: &topic.name, topic_id: topic.id, partitions: Array::source(partitions) }.write(w);
    }

    fn partition(&self, consumer: &Consumer<'_>, index: u32, w: &mut Writer<'_>) {
        let meta = &consumer.net.topics.partitions[index];
        FetchPartition {
            partition: meta.number,
            current_leader_epoch: meta.epoch,
            fetch_offset: consumer.cursors[index].position,
            partition_max_bytes: i32::try_from(consumer.config.partition_fetch_bytes).unwrap_or(i32::MAX),
            ..FetchPartition::default()
        }
        .write(w);
    }
}
