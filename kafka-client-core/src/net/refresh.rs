//! Keeping the cluster's metadata fresh: when it is asked for, from whom, and what becomes of the answer.

use core::cell::Cell;

use kafka_proto::messages::metadata::{MetadataRequest, MetadataRequestTopic, MetadataResponse};
use kafka_proto::wire::{Array, Source, Wire, Writer};
use kafka_proto::{ErrorCode, Message};

use super::Net;
use super::api::Api;
use super::broker::{BOOTSTRAP, Broker, HostName, Resolution, Role, Trouble};
use super::connection::{ConnId, State};
use super::transmit::Transmit;
use crate::metadata::Topics;
use crate::random::backoff;
use crate::storage::{NIL, Table};
use crate::time::Instant;
use crate::trace::note;

/// The state of the metadata.
#[derive(Debug)]
pub(crate) struct Refresh {
    /// When it is next asked for even if nothing fails.
    due: Instant,
    /// Not before: the backoff after a failure, or after an answer that did not help.
    not_before: Instant,
    wanted: bool,
    in_flight: bool,
    attempts: u32,
    /// The broker to ask next when no connection is open.
    next_broker: u32,
    /// How many answers were taken over.
    pub(crate) answers: u32,
}

impl Default for Refresh {
    fn default() -> Self {
        Refresh {
            due: Instant(0),
            not_before: Instant(0),
            wanted: true,
            in_flight: false,
            attempts: 0,
            next_broker: 0,
            answers: 0,
        }
    }
}

impl<'m> Net<'m> {
    /// Something is not as the metadata says, or a topic is new: ask again, after the backoff.
    pub(crate) fn want_metadata(&mut self) {
        self.refresh.wanted = true;
    }

    /// A topic was registered: ask at once.
    pub(crate) fn want_metadata_now(&mut self) {
        self.refresh.wanted = true;
        self.refresh.not_before = Instant(0);
    }

    pub(crate) fn refresh_failed(&mut self, now: Instant) {
        self.refresh.in_flight = false;
        self.refresh.wanted = true;
        self.refresh_backoff(now);
    }

    fn refresh_backoff(&mut self, now: Instant) {
        let (base, max) = (self.config.retry_backoff, self.config.retry_backoff_max);
        self.refresh.not_before = now + backoff(base, max, self.refresh.attempts, &mut self.random);
        self.refresh.attempts = self.refresh.attempts.saturating_add(1);
    }

    pub(crate) fn refresh_at(&self) -> Instant {
        let refresh = &self.refresh;
        if refresh.in_flight || self.closing {
            return Instant::NEVER;
        }
        if refresh.wanted { self.broker_at(NIL, refresh.not_before) } else { refresh.due }
    }

    /// When a request to this broker ([`NIL`]: to any), which may go from `not_before` on, can be begun if nothing is
    /// handed in before. What is being opened, resolved, written or answered is handed in.
    pub(crate) fn broker_at(&self, broker: u32, not_before: Instant) -> Instant {
        let max = usize::from(self.config.max_in_flight);
        let meant = |index: u32| broker == NIL || index == broker;
        let main = || {
            self.conns.iter().filter(|c| c.role == Role::Main && c.state != State::Free && meant(c.broker))
        };
        let ready =
            |c: &&super::Connection<'_>| c.state == State::Ready && !c.writing && c.in_flight.len() < max;
        if let Some(unmuted) = main().filter(ready).map(|c| c.muted_until).reduce(Instant::min) {
            return not_before.max(unmuted);
        }
        let brokers = || self.brokers.indices().filter(|b| meant(*b)).map(|b| &self.brokers[b]);
        if main().next().is_some() || brokers().any(|b| b.resolution == Resolution::Asked) {
            return Instant::NEVER;
        }
        // While every entry for a connection is taken, whatever frees one is handed in.
        let taken = self.conns.room() == 0 && self.conns.iter().all(|c| c.state != State::Free);
        if taken {
            return Instant::NEVER;
        }
        let earliest = brokers().map(|b| b.retry_at).reduce(Instant::min);
        not_before.max(earliest.unwrap_or(Instant::NEVER))
    }

    /// Whether metadata should be asked for now.
    pub(super) fn refresh_is_due(&mut self, now: Instant) -> bool {
        let refresh = &mut self.refresh;
        refresh.wanted |= refresh.due <= now && refresh.answers > 0;
        refresh.wanted && !refresh.in_flight && refresh.not_before <= now && !self.closing
    }

    /// The metadata request, when one is due and a connection can take it; otherwise asks for a connection.
    pub(super) fn poll_refresh(&mut self, now: Instant) -> Option<Transmit<'m>> {
        if !self.refresh_is_due(now) {
            return None;
        }
        let ready = self.accepting_any(now)?;
        let version = self.conns[ready].versions.of(Api::Metadata)?;
        let mut frame = self.take_frame()?;
        let names = Names::new(&self.topics);
        let body = MetadataRequest {
            topics: Some(Array::source(&names)),
            allow_auto_topic_creation: self.config.allow_auto_create_topics,
            ..MetadataRequest::default()
        };
        let encoded =
            super::encode_for(&self.conns[ready], &self.config, version, &mut frame.head, &body, &mut []);
        let sent = self.enter_if(now, ready, self.own(Api::Metadata, version), frame, encoded);
        if sent.is_some() {
            // The backoff grows while one refresh follows the other, whatever they are answered.
            if self.refresh.not_before + self.config.retry_backoff_max < now {
                self.refresh.attempts = 0;
            }
            self.refresh.in_flight = true;
            self.refresh.wanted = false;
        } else {
            // The lent frame has no room for the names: not at once again.
            self.refresh_backoff(now);
        }
        sent
    }

    /// Sees to it that some broker is being connected to: each in turn, those in backoff passed over.
    pub(crate) fn demand_any(&mut self, now: Instant) {
        let under_way = |c: &super::Connection<'_>| {
            c.role == Role::Main && matches!(c.state, State::Connecting | State::Negotiating | State::Ready)
        };
        if self.conns.iter().any(under_way) {
            return;
        }
        let resolving = |b: &Broker<'_>| b.resolution == Resolution::Asked;
        if self.brokers.iter().any(|b| resolving(b) || (b.wanted[0] && b.retry_at <= now)) {
            return;
        }
        let count = self.brokers.len();
        for step in 0..count {
            let index = (self.refresh.next_broker + step) % count.max(1);
            if self.brokers[index].retry_at <= now {
                self.refresh.next_broker = index + 1;
                self.brokers[index].want(Role::Main, true);
                return;
            }
        }
    }

    pub(super) fn on_metadata(
        &mut self,
        now: Instant,
        conn: ConnId,
        version: i16,
        body: &[u8],
    ) -> Result<(), Trouble> {
        self.refresh.in_flight = false;
        let response = MetadataResponse::decode(version, body).map_err(|error| {
            self.refresh_failed(now);
            Trouble::Malformed(error)
        })?;
        if response.error_code == ErrorCode::REBOOTSTRAP_REQUIRED {
            self.rebootstrap(now);
            return Err(Trouble::Lost);
        }
        self.learn_brokers(conn, &response);
        let brokers = &self.brokers;
        self.topics.apply(version, &response, |id| position_of(brokers, id));
        // Those without a leader ask for it again.
        self.topics.moved = true;
        self.refresh.answers = self.refresh.answers.saturating_add(1);
        note!("metadata: {} brokers, {} topics", response.brokers.len(), response.topics.len());
        self.refresh.due = now + self.config.metadata_max_age;
        let leaderless = response
            .topics
            .iter()
            .any(|t| t.error_code.is_retriable() || t.partitions.iter().any(|p| p.leader_id < 0));
        self.refresh.wanted |= self.topics.any_unknown() || leaderless;
        // At most one refresh per backoff, however many partitions ask for it.
        self.refresh_backoff(now);
        Ok(())
    }

    /// The cluster says that its brokers are no longer those it told of: begin with the bootstrap addresses (KIP-1102).
    fn rebootstrap(&mut self, now: Instant) {
        let wait = self.config.reconnect_backoff_max;
        for index in self.brokers.indices() {
            let broker = &mut self.brokers[index];
            if broker.id != BOOTSTRAP {
                broker.retry_at = now + wait;
            }
        }
        self.refresh.next_broker = 0;
        self.refresh.wanted = true;
        self.refresh_backoff(now);
    }

    /// Takes over the brokers of a response: all of them where there is room, else those that lead a partition here.
    fn learn_brokers(&mut self, conn: ConnId, response: &MetadataResponse<'_>) {
        let roomy = self.brokers.room() == usize::MAX;
        for listed in response.brokers.iter() {
            let leads = |p: i32| p == listed.node_id;
            let needed = response.topics.iter().any(|t| t.partitions.iter().any(|p| leads(p.leader_id)));
            if roomy || needed {
                let index = self.learn_broker(listed.node_id, listed.host, listed.port);
                self.adopt(conn, index);
            }
        }
    }

    /// Takes over where a broker is; its index, or [`NIL`] when there is no room.
    pub(crate) fn learn_broker(&mut self, id: i32, host: &str, port: i32) -> u32 {
        let (Ok(port), Some(host)) = (u16::try_from(port), HostName::copied(host)) else { return NIL };
        if id < 0 {
            return NIL;
        }
        let index = position_of(&self.brokers, id);
        if index == NIL {
            return self.brokers.push(Broker::new(id, host, port)).unwrap_or_else(|new| self.promote(new));
        }
        let known = &mut self.brokers[index];
        if *known.host != *host || known.port != port {
            (known.host, known.port) = (host, port);
            known.resolution = Resolution::Unknown;
            known.addresses.clear();
            known.retry_at = Instant(0);
        }
        index
    }

    /// Where there is no room for another broker, the bootstrap entry with its address becomes it.
    fn promote(&mut self, new: Broker<'m>) -> u32 {
        let same = |b: &Broker<'_>| b.id == BOOTSTRAP && *b.host == *new.host && b.port == new.port;
        let index = self.brokers.position(same);
        if index != NIL {
            self.brokers[index].id = new.id;
        }
        index
    }

    /// The connection to a bootstrap address becomes the one to the broker that advertises this very address.
    fn adopt(&mut self, conn: ConnId, broker: u32) {
        let from = self.conns[conn.index].broker;
        let (bootstrap, advertised) = (&self.brokers[from], &self.brokers[broker]);
        let same = *bootstrap.host == *advertised.host && bootstrap.port == advertised.port;
        let taken = self.has_conn(broker, Role::Main);
        if broker != NIL && bootstrap.id == BOOTSTRAP && same && !taken && from != broker {
            let addresses = self.brokers[from].addresses.clone();
            self.brokers[broker].resolved(&addresses);
            self.conns[conn.index].broker = broker;
        }
    }
}

/// The index of the broker with this id.
pub(super) fn position_of(brokers: &Table<'_, Broker<'_>>, id: i32) -> u32 {
    if id < 0 { NIL } else { brokers.position(|b| b.id == id) }
}

/// The topics of a metadata request, written from the table: those in use.
struct Names<'a, 'm> {
    topics: &'a Topics<'m>,
    /// Number and place of the one to be written next: they are written in order.
    next: Cell<(usize, u32)>,
}

impl<'a, 'm> Names<'a, 'm> {
    fn new(topics: &'a Topics<'m>) -> Self {
        Names { topics, next: Cell::new((0, 0)) }
    }

    /// The place of the topic with this number among those in use.
    fn place(&self, index: usize) -> u32 {
        if !cfg!(feature = "idle") {
            return u32::try_from(index).unwrap_or(NIL);
        }
        let topics = &self.topics.topics;
        let (mut number, mut place) = self.next.get();
        if number > index {
            (number, place) = (0, 0);
        }
        while place < topics.len() && (topics[place].is_idle() || number < index) {
            number += usize::from(!topics[place].is_idle());
            place += 1;
        }
        self.next.set((index + 1, place + 1));
        place
    }
}

impl Source for Names<'_, '_> {
    fn len(&self) -> usize {
        self.topics.topics.iter().filter(|t| !t.is_idle()).count()
    }

    fn write(&self, index: usize, w: &mut Writer<'_>) {
        let topic = &self.topics.topics[self.place(index)];
        MetadataRequestTopic { name: Some(&*topic.name), ..MetadataRequestTopic::default() }.write(w);
    }
}
