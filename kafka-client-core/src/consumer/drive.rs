//! The consumer as its adapter drives it.

use core::net::SocketAddr;

use kafka_proto::ErrorCode;

use super::Consumer;
use super::cursor::{Notice, Phase, Wait};
use super::fetch::AfterFetch;
use crate::list::delist;
use crate::machine::Machine;
use crate::net::api::Api;
use crate::net::{Action, Closed, ConnId, Host, HostId, Inbound, RxBuf, Transmit};
use crate::recall::recalled;
use crate::storage::NIL;
use crate::time::Instant;

impl<'m> Consumer<'m> {
    fn handle_delayed(&mut self, now: Instant) {
        let mut waiting = core::mem::take(&mut self.delayed);
        while let Some(index) = delist(&mut self.cursors, &mut waiting, Wait::Delayed) {
            self.touch(now, index);
        }
    }

    /// What the cluster will not serve is told once.
    fn on_metadata(&mut self) {
        for index in self.cursors.indices() {
            let refusal = self.net.topics.refusal(index);
            let cursor = &mut self.cursors[index];
            let told = core::mem::replace(&mut cursor.refusal, refusal);
            if refusal != ErrorCode::NONE && refusal != told && cursor.phase != Phase::Off {
                self.notice(index, Notice::Refused(refusal));
            }
        }
    }

    /// Who waits for a broker that no longer leads it waits for another one now.
    fn follow_leaders(&mut self, now: Instant) {
        let mut walk = self.net.moves();
        while let Some(index) = self.net.next_moved(&mut walk, &mut self.cursors) {
            self.touch(now, index);
        }
    }
}

impl<'m> Machine<'m> for Consumer<'m> {
    fn host(&self, host: HostId) -> Host<'_> {
        self.net.host(host)
    }

    fn handle_resolved(&mut self, now: Instant, host: HostId, found: &[SocketAddr]) {
        self.net.handle_resolved(now, host, found);
    }

    fn handle_connected(&mut self, now: Instant, conn: ConnId) {
        self.net.handle_connected(now, conn);
    }

    fn handle_closed(
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
        if self.net.handle_closed(now, conn, why, rx) {
            self.net.want_metadata();
        }
        while let Some(request) = self.net.take_unanswered(now, conn) {
            if matches!(request.api, Api::Fetch | Api::ListOffsets) {
                if recalled!(B24ResetOnDisconnect) && request.api == Api::ListOffsets {
                    self.cursors[request.token].begin(super::Start::Offset(0));
                }
                self.give_back(now, request.token);
            }
        }
        self.net.forget(conn);
    }

    fn handle_received(&mut self, now: Instant, conn: ConnId, mut rx: RxBuf<'m>) {
        let left = loop {
            // After each answer: who is entered into a list by one is looked for there when the next one changes leaders.
            self.follow_leaders(now);
            match self.net.receive(now, conn, &mut rx) {
                Inbound::Done => break Some(rx),
                Inbound::Handled => {}
                Inbound::Metadata => self.on_metadata(),
                Inbound::Reply(reply) if reply.request.api == Api::Fetch => {
                    match self.on_fetch(now, conn, rx, reply) {
                        AfterFetch::ReadOn(next) => rx = next,
                        AfterFetch::Starved => {
                            self.net.starve(conn);
                            break None;
                        }
                        AfterFetch::Failed(back, request, trouble) => {
                            self.net.abandon(conn, request, trouble);
                            break Some(back);
                        }
                    }
                }
                Inbound::Reply(mut reply) => {
                    let body = rx.mem.get(reply.body.clone()).unwrap_or_default();
                    let outcome = match reply.request.api {
                        Api::ListOffsets => self.on_offsets(now, conn, &mut reply.request, body),
                        _ => Ok(()),
                    };
                    if let Err(trouble) = outcome {
                        self.net.abandon(conn, reply.request, trouble);
                        break Some(rx);
                    }
                    rx.consume(reply.end);
                }
            }
        };
        self.follow_leaders(now);
        if let Some(rx) = left {
            self.net.keep_rx(conn, rx);
        }
    }

    fn handle_written(&mut self, now: Instant, transmit: Transmit<'m>) {
        if let Some(conn) = self.net.conn(transmit.conn) {
            conn.writing = false;
            conn.last_used = now;
        }
        self.net.keep_frame(transmit.frame);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.net.handle_timeout(now);
        self.handle_delayed(now);
    }

    fn poll_action(&mut self, now: Instant) -> Option<Action> {
        self.net.poll_action(now)
    }

    fn poll_read(&mut self) -> Option<(ConnId, RxBuf<'m>)> {
        self.net.poll_read()
    }

    fn poll_transmit(&mut self, now: Instant) -> Option<Transmit<'m>> {
        if let Some(own) = self.net.poll_transmit(now) {
            return Some(own);
        }
        self.poll_lookup(now).or_else(|| self.poll_fetch(now))
    }

    fn poll_timeout(&mut self) -> Instant {
        let mut next = self.net.poll_timeout();
        let mut delayed = self.delayed.head;
        while delayed != NIL {
            next = next.min(self.cursors[delayed].backoff_until);
            delayed = self.cursors[delayed].next_delayed();
        }
        next
    }
}

#[cfg(all(test, feature = "alloc"))]
mod tests {
    use kafka_proto::ApiKey;
    use kafka_proto::frame::encode_response;
    use kafka_proto::messages::common::LeaderIdAndEpoch;
    use kafka_proto::messages::fetch::{FetchPartitionData, FetchResponse, FetchableTopicResponse};
    use kafka_proto::messages::metadata::{
        MetadataResponse, MetadataResponsePartition, MetadataResponseTopic,
    };
    use kafka_proto::wire::Array;

    use super::*;
    use crate::config::{ClientConfig, ConsumerConfig};
    use crate::consumer::Start;
    use crate::list::{ENLISTED, Linked};
    use crate::metadata::tests::answer;
    use crate::net::broker::Role;
    use crate::net::connection::{Connection, Request, State};
    use crate::resources::ConsumerMemory;

    /// What an answer makes a consumer of 1,000 partitions on 3 brokers do.
    fn relisted(leader: impl Fn(i32) -> i32) -> u32 {
        let (config, bootstrap) = (ConsumerConfig::DEFAULT, [("node".into(), 9092)]);
        let mut consumer =
            Consumer::new(ClientConfig::DEFAULT, config, bootstrap, ConsumerMemory::owned()).expect("sound");
        let topic = consumer.topic("t".into()).expect("room");
        for partition in 0..1_000 {
            consumer.assign(Instant(0), topic, partition, Start::Offset(0)).expect("room");
        }
        answer(&mut consumer.net, 1_000, |partition| partition % 3);
        consumer.follow_leaders(Instant(0));
        ENLISTED.set(0);
        answer(&mut consumer.net, 1_000, leader);
        consumer.follow_leaders(Instant(0));
        let waiting: usize =
            (0..1_000).filter(|p| consumer.cursors[*p].link(Wait::Fetch).is_listed()).count();
        assert_eq!(waiting, 1_000);
        ENLISTED.get()
    }

    #[test]
    fn metadata_that_says_nothing_new_moves_nobody() {
        assert_eq!(relisted(|partition| partition % 3), 0);
    }

    #[test]
    fn who_has_another_leader_waits_for_that_one() {
        let moved = relisted(|partition| if partition == 0 { 1 } else { partition % 3 });
        // Those that stay in the list of the old one are entered again.
        assert!((1..=334).contains(&moved), "{moved}");
    }

    /// Both in one buffer: a leader that a fetch is told of, and metadata that knows a newer one.
    #[test]
    fn who_waits_for_a_leader_of_a_moment_is_found_there() {
        let (config, bootstrap) = (ConsumerConfig::DEFAULT, [("node".into(), 9092)]);
        let mut consumer =
            Consumer::new(ClientConfig::DEFAULT, config, bootstrap, ConsumerMemory::owned()).expect("sound");
        let topic = consumer.topic("t".into()).expect("room");
        consumer.assign(Instant(0), topic, 0, Start::Offset(0)).expect("room");
        answer(&mut consumer.net, 1, |_| 0);
        consumer.follow_leaders(Instant(0));
        let broker = consumer.net.topics.partitions[0].leader;
        let token = consumer.collect(Instant(0), broker, Role::Fetch);
        assert_eq!(token, 0);

        let mut entry = Connection { state: State::Ready, broker, ..Connection::default() };
        for (correlation, api, token) in [(0, Api::Fetch, token), (1, Api::Metadata, NIL)] {
            let request = Request { api, version: 12, correlation, token, ..Request::default() };
            entry.in_flight.push_back(request).expect("room");
        }
        let index = consumer.net.conns.push(entry).expect("room");
        let partitions = [FetchPartitionData {
            error_code: ErrorCode::NOT_LEADER_OR_FOLLOWER,
            current_leader: LeaderIdAndEpoch { leader_id: 1, leader_epoch: 2 },
            ..FetchPartitionData::default()
        }];
        let topics = [FetchableTopicResponse {
            topic: "t",
            partitions: Array::slice(&partitions),
            ..FetchableTopicResponse::default()
        }];
        let fetched = FetchResponse { responses: Array::slice(&topics), ..FetchResponse::default() };
        let mut rx = consumer.net.take_rx().expect("a buffer");
        let len = encode_response(rx.spare_mut(), ApiKey::FETCH, 12, 0, &fetched).expect("room");
        rx.advance(len);
        let partitions = [MetadataResponsePartition { leader_id: 2, leader_epoch: 3, ..Default::default() }];
        let topics = [MetadataResponseTopic {
            name: Some("t"),
            partitions: Array::slice(&partitions),
            ..Default::default()
        }];
        let metadata = MetadataResponse { topics: Array::slice(&topics), ..Default::default() };
        let len = encode_response(rx.spare_mut(), ApiKey::METADATA, 12, 1, &metadata).expect("room");
        rx.advance(len);
        let conn = consumer.net.id(index);
        consumer.handle_received(Instant(0), conn, rx);

        let leader = consumer.net.topics.partitions[0].leader;
        assert_eq!(consumer.net.brokers[leader].id, 2);
        for broker in consumer.net.brokers.indices() {
            let waits = consumer.net.brokers[broker].demands(Role::Fetch);
            assert_eq!(waits, broker == leader, "broker {}", consumer.net.brokers[broker].id);
        }
    }
}
