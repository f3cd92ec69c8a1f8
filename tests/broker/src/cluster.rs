//! The cluster: all its nodes' state, and the one loop that drives it.

use std::collections::BTreeMap;

use kafka_proto::frame::decode_request_header;
use kafka_proto::{ApiKey, ErrorCode};

use crate::config::{Config, ConfigError};
use crate::conn::{ConnId, Conns, Fate, Output, Ticket, Waiting};
use crate::faults::{Action, Faults};
use crate::fetch_session::FetchSessions;
use crate::group::classic::Classic;
use crate::group::{Ctx, Groups, Kind};
use crate::request::{Hangup, Rq};
use crate::rng::Rng;
use crate::timers::{Timer, Timers};
use crate::topics::Topics;
use crate::txn::Transactions;

/// One broker.
#[derive(Debug, Clone)]
pub struct Node {
    /// Its id.
    pub id: i32,
    /// Where clients are told to find it.
    pub host: String,
    /// Where clients are told to find it.
    pub port: i32,
    /// Its rack.
    pub rack: Option<String>,
    /// False after [`Cluster::kill_node`].
    pub alive: bool,
}

/// N brokers without sockets and without a clock.
///
/// Times are monotonic microseconds from any epoch. Methods come in four groups:
/// * getters: [`nodes`](Self::nodes), [`is_busy`](Self::is_busy), [`next_deadline`](Self::next_deadline), and the
///   read-outs in `inspect.rs`;
/// * what happened: [`handle_connect`](Self::handle_connect), [`handle_request`](Self::handle_request),
///   [`handle_disconnect`](Self::handle_disconnect);
/// * commands: [`set_address`](Self::set_address) and the faults in `faults.rs`;
/// * what to do: [`poll`](Self::poll) when a deadline passed, then [`poll_output`](Self::poll_output) until `None`.
#[derive(Debug)]
pub struct Cluster {
    pub(crate) config: Config,
    pub(crate) now: u64,
    pub(crate) rng: Rng,
    pub(crate) nodes: Vec<Node>,
    pub(crate) cluster_id: String,
    pub(crate) topics: Topics,
    pub(crate) conns: Conns,
    pub(crate) timers: Timers,
    pub(crate) faults: Faults,
    pub(crate) sessions: FetchSessions,
    pub(crate) groups: Groups,
    pub(crate) transactions: Transactions,
    pub(crate) next_producer_id: i64,
    /// Bytes appended since the size of all logs was last looked at.
    pub(crate) unmeasured: u64,
    /// Connections whose wait may be over.
    pub(crate) woken: Vec<ConnId>,
}

/// Between looks for producers and offsets that expired.
const SWEEP_EVERY_US: u64 = 600_000_000;

/// Why a connection was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The node was killed, or there is none of that id.
    NodeDown,
    /// `max_connections` are open.
    TooMany,
}

impl Cluster {
    /// A cluster with its topics. Everything random follows from `seed`.
    ///
    /// # Errors
    /// A configuration that cannot be.
    pub fn new(config: Config, seed: u64) -> Result<Self, ConfigError> {
        config.check()?;
        let mut rng = Rng::new(seed);
        let nodes = (0..config.nodes).map(|id| Node {
            id,
            host: "localhost".into(),
            port: 9092 + id,
            rack: config.racks.get(id as usize).cloned(),
            alive: true,
        });
        let mut cluster = Self {
            nodes: nodes.collect(),
            cluster_id: rng.uuid_text().replace('-', "").chars().take(22).collect(),
            now: 0,
            topics: Topics::default(),
            conns: Conns::default(),
            timers: Timers::default(),
            faults: Faults::default(),
            sessions: FetchSessions::new(config.max_fetch_sessions),
            groups: Groups::new(),
            transactions: Transactions::new(),
            next_producer_id: 1_000,
            unmeasured: 0,
            woken: Vec::new(),
            rng,
            config,
        };
        cluster.timers.set(SWEEP_EVERY_US, Timer::Sweep);
        for (name, partitions) in cluster.config.topics.clone() {
            let made = cluster.create_topic(&name, partitions);
            made.map_err(|code| ConfigError(format!("topic {name}: {code}")))?;
        }
        Ok(cluster)
    }

    /// The brokers.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Whether a request of this connection is being served: its next one will wait.
    pub fn is_busy(&self, conn: ConnId) -> bool {
        self.conns.get(conn).is_some_and(|c| c.busy.is_some() || c.muted_until > self.now)
    }

    /// When [`Self::poll`] is to be called at the latest. Calling early costs nothing but time.
    pub fn next_deadline(&self) -> Option<u64> {
        self.timers.next()
    }

    /// Milliseconds since 1970.
    pub(crate) fn wall_ms(&self) -> i64 {
        self.config.wall_clock_ms.saturating_add((self.now / 1000) as i64)
    }

    /// A client connected to `node`.
    ///
    /// # Errors
    /// The node is down or the cluster full: close the socket.
    pub fn handle_connect(&mut self, now: u64, node: i32) -> Result<ConnId, Refused> {
        self.now = self.now.max(now);
        if !self.is_alive(node) {
            return Err(Refused::NodeDown);
        }
        if self.conns.len() >= self.config.max_connections {
            return Err(Refused::TooMany);
        }
        Ok(self.conns.open(node))
    }

    /// The connection is gone: what was owed to it is forgotten.
    pub fn handle_disconnect(&mut self, now: u64, conn: ConnId) {
        self.now = self.now.max(now);
        self.conns.forget(conn);
    }

    /// A whole request frame (without its length) arrived. While an earlier one of the connection is served it waits.
    pub fn handle_request(&mut self, now: u64, conn: ConnId, frame: &[u8]) {
        self.now = self.now.max(now);
        if self.conns.get(conn).is_some_and(|c| !c.backlog.is_empty()) || self.is_busy(conn) {
            if !self.conns.defer(conn, frame) {
                self.conns.close(conn, "too many requests sent without reading the answers".into());
            }
            return;
        }
        self.serve(conn, frame);
        self.settle();
    }

    /// Does what is due at `now`.
    pub fn poll(&mut self, now: u64) {
        self.now = self.now.max(now);
        while let Some(timer) = self.timers.pop(self.now) {
            self.fire(timer);
            self.settle();
        }
        self.settle();
    }

    /// What the socket side has to do next; `None`: wait for input or for [`Self::next_deadline`].
    pub fn poll_output(&mut self) -> Option<Output> {
        self.conns.pop()
    }

    /// Gives back the memory of a response that was written; optional.
    pub fn recycle(&mut self, bytes: Vec<u8>) {
        self.conns.recycle(bytes);
    }

    /// Where clients are told to find a node.
    pub fn set_address(&mut self, node: i32, host: &str, port: u16) {
        if let Some(node) = self.nodes.iter_mut().find(|n| n.id == node) {
            node.host = host.to_owned();
            node.port = i32::from(port);
        }
    }

    /// Creates a topic as an administrator would.
    ///
    /// # Errors
    /// As CreateTopics answers.
    pub fn create_topic(&mut self, name: &str, partitions: i32) -> Result<(), ErrorCode> {
        if partitions < 1 {
            return Err(ErrorCode::INVALID_PARTITIONS);
        }
        let spread = self.spread(0, partitions, self.config.replication_factor);
        let alive = self.alive_nodes();
        self.topics.create(&self.config, &mut self.rng, &alive, name, spread, BTreeMap::new())?;
        Ok(())
    }

    /// Sets a topic's setting, as IncrementalAlterConfigs does. False: there is no such topic, or the value is impossible.
    pub fn configure_topic(&mut self, name: &str, key: &str, value: &str) -> bool {
        let Self { topics, config, .. } = self;
        let Some(topic) = topics.named_mut(name) else { return false };
        let before = topic.config.insert(key.to_owned(), value.to_owned());
        let possible = topic.apply_config(config).is_ok();
        if !possible {
            match before {
                Some(before) => topic.config.insert(key.to_owned(), before),
                None => topic.config.remove(key),
            };
        }
        possible
    }

    pub(crate) fn spread(&self, from: i32, count: i32, replication: i16) -> Vec<Vec<i32>> {
        let count = count.min(self.config.max_partitions.saturating_add(1) as i32);
        let mut nodes = self.alive_nodes();
        if nodes.is_empty() {
            nodes = self.nodes.iter().map(|n| n.id).collect();
        }
        self.topics.spread(&nodes, from, count, replication)
    }

    pub(crate) fn alive_nodes(&self) -> Vec<i32> {
        self.nodes.iter().filter(|n| n.alive).map(|n| n.id).collect()
    }

    pub(crate) fn is_alive(&self, node: i32) -> bool {
        self.nodes.iter().any(|n| n.id == node && n.alive)
    }

    fn serve(&mut self, conn: ConnId, frame: &[u8]) {
        let Some((node, bare)) = self.conns.get(conn).map(|c| (c.node, c.login.is_bare())) else { return };
        let served = if bare { self.bare_sasl(conn, frame) } else { self.serve_frame(conn, node, frame) };
        if let Err(Hangup(reason)) = served {
            self.conns.close(conn, reason);
        }
    }

    fn serve_frame(&mut self, conn: ConnId, node: i32, frame: &[u8]) -> Result<(), Hangup> {
        let (header, body) = decode_request_header(frame)?;
        let (mut fate, mut forced, mut forced_after) = (Fate::Answer, None, None);
        let mut forced_index = None;
        match self.faults.take(header.api_key, node) {
            None => {}
            Some(Action::Error(code)) => forced = Some(code),
            Some(Action::ErrorOfRecord(code, index)) => (forced, forced_index) = (Some(code), Some(index)),
            Some(Action::ErrorAfter(code)) => forced_after = Some(code),
            Some(Action::CloseBefore) => return Err(Hangup(String::new())),
            Some(Action::CloseAfter) => fate = Fate::Close,
            Some(Action::Delay(micros)) => fate = Fate::Delay(micros),
            Some(Action::Swallow) => fate = Fate::Swallow,
        }
        let Some(serial) = self.conns.begin(conn) else { return Ok(()) };
        let ticket = Ticket {
            conn,
            serial,
            key: header.api_key,
            version: header.api_version,
            correlation: header.correlation_id,
            fate,
        };
        let client_id = header.client_id.unwrap_or_default();
        // Few answers can carry an error after the fact; elsewhere it is an error instead.
        if !matches!(header.api_key, ApiKey::PRODUCE | ApiKey::END_TXN) {
            forced = forced.or(forced_after.take());
        }
        let version = header.api_version;
        self.route(&Rq { ticket, version, node, forced, forced_index, forced_after, client_id, body })
    }

    /// Goes on with everything that the last step made possible.
    pub(crate) fn settle(&mut self) {
        loop {
            if let Some(conn) = self.woken.pop() {
                self.retry(conn, false);
            } else if let Some(conn) = self.conns.finished.pop_front() {
                self.next_of(conn);
            } else {
                break;
            }
        }
        for (delay, number) in std::mem::take(&mut self.conns.newly_held) {
            self.timers.set(self.now.saturating_add(delay), Timer::Delayed(number));
        }
    }

    fn next_of(&mut self, conn: ConnId) {
        let throttle_us = u64::from(self.faults.throttle_ms) * 1000;
        let now = self.now;
        let Some(state) = self.conns.get_mut(conn) else { return };
        if throttle_us > 0 {
            state.muted_until = now.saturating_add(throttle_us);
            return self.timers.set(now.saturating_add(throttle_us), Timer::Unmute(conn));
        }
        if state.busy.is_none()
            && let Some(frame) = state.backlog.pop_front()
        {
            self.serve(conn, &frame);
        }
    }

    /// Looks again at what a connection waits for; `expired`: it has waited long enough.
    pub(crate) fn retry(&mut self, conn: ConnId, expired: bool) {
        let Some(waiting) = self.conns.get_mut(conn).and_then(|c| c.waiting.take()) else { return };
        match waiting {
            Waiting::Fetch(wait) => self.retry_fetch(wait, expired),
            Waiting::Produce(wait) => self.retry_produce(wait, expired),
        }
    }

    /// Puts a request aside until one of `woken` or the deadline brings it back.
    pub(crate) fn wait(&mut self, ticket: &Ticket, deadline: u64, waiting: Waiting, first: bool) {
        if first {
            self.timers.set(deadline, Timer::Waiting(ticket.conn, ticket.serial));
        }
        if let Some(conn) = self.conns.get_mut(ticket.conn) {
            conn.waiting = Some(waiting);
        }
    }

    fn fire(&mut self, timer: Timer) {
        match timer {
            Timer::Waiting(conn, serial) => {
                let waits = self.conns.get(conn).is_some_and(|c| c.busy == Some(serial));
                waits.then(|| self.retry(conn, true));
            }
            Timer::Delayed(number) => {
                if let Some(conn) = self.conns.release(number) {
                    self.conns.finished.push_back(conn);
                }
            }
            Timer::Unmute(conn) => {
                let now = self.now;
                let due = self.conns.get_mut(conn).filter(|c| c.muted_until <= now && c.busy.is_none());
                if let Some(frame) = due.and_then(|c| c.backlog.pop_front()) {
                    self.serve(conn, &frame);
                }
            }
            Timer::Replicate(id, index) => {
                let now = self.now;
                let partition = self.topics.get_mut(&id).and_then(|t| t.partition_mut(index));
                if let Some(partition) = partition
                    && partition.replicate(now)
                {
                    self.woken.append(&mut partition.watchers);
                }
            }
            Timer::Member(group, member) => self.classic(&group, |c, ctx| c.session_expired(ctx, &member)),
            Timer::Rebalance(group, step) => self.classic(&group, |c, ctx| c.rebalance_expired(ctx, step)),
            Timer::Transaction(name) => self.transaction_timer(&name),
            Timer::ConsumerMember(group, member, number) => self.consumer_session(&group, &member, number),
            Timer::ConsumerRevoke(group, member) => self.consumer_revoke(&group, &member),
            Timer::Sweep => self.sweep(),
        }
    }

    /// Forgets producers and offsets that nobody used for long, and groups without either members or offsets.
    fn sweep(&mut self) {
        self.timers.set(self.now.saturating_add(SWEEP_EVERY_US), Timer::Sweep);
        let before = |ms: u64| self.now.checked_sub(ms.saturating_mul(1000));
        let (producers, offsets) =
            (before(self.config.producer_id_expiration_ms), before(self.config.offsets_retention_ms));
        if let Some(before) = producers {
            self.topics.partitions_mut().for_each(|(_, _, p)| p.producers.expire(before));
        }
        if let Some(before) = offsets {
            for group in self.groups.values_mut().filter(|g| g.is_empty() && g.offsets.used <= before) {
                group.offsets.expire(before);
            }
            self.groups.retain(|_, g| !(g.is_empty() && g.offsets.is_empty() && g.offsets.used <= before));
        }
    }

    fn classic(&mut self, group: &str, f: impl FnOnce(&mut Classic, &mut Ctx<'_>)) {
        let (groups, mut ctx) = self.groups();
        if let Some(Kind::Classic(classic)) = groups.get_mut(group).map(|g| &mut g.kind) {
            f(classic, &mut ctx);
        }
    }
}
