//! The world: clients, links and a cluster on one clock that only this file moves.

use std::collections::BTreeMap;

use kafka_broker::{Cluster, Config, Output, TxnState};
use kafka_client_core::net::{HostId, Trouble};
use kafka_client_core::time::Instant;

use crate::client::{App, Client};
use crate::history::{History, What};
use crate::link::{End, Link, Reach, Weather, host_name};
use crate::pipe::{Cut, Cuts};
use crate::rng::Rng;
use crate::trace::Trace;
use crate::wire_watch::WireWatch;

/// Only requests longer than this have a bit flipped: their last bytes are those of a record's value.
const FLIP_FROM: usize = 200;

/// Something that will happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Cluster,
    Client(usize),
    App(usize),
    Resolved(usize, HostId),
    Connected(u32),
    Up(u32),
    Down(u32),
    Writable(u32),
    ServerGone(u32),
    ClientGone(u32, Trouble),
    Fault,
}

/// A simulated cluster with its clients.
pub struct World<'m> {
    /// Microseconds since the beginning.
    pub now: u64,
    /// Chance, for the network.
    pub rng: Rng,
    /// The brokers.
    pub cluster: Cluster,
    /// The clients.
    pub clients: Vec<Client<'m>>,
    /// How connections made from now on behave.
    pub weather: Weather,
    /// Whether each node can be connected to.
    pub reach: Vec<Reach>,
    /// What happened.
    pub trace: Trace,
    /// What the applications saw.
    pub history: History,
    /// What the clients wrote and were answered.
    pub wire: WireWatch,
    /// What must never happen, and did.
    pub violations: Vec<String>,
    /// Why brokers closed connections without being asked to by a fault.
    pub complaints: Vec<String>,
    /// The cut that the next connection to open gets, upwards and downwards.
    pub next_cut: Cuts,
    /// The cut that the connection after the next one gets.
    pub cut_after_next: Cuts,
    pub(crate) links: BTreeMap<u32, Link<'m>>,
    /// The next EndTxn arrives so many microseconds later; 0 for in time.
    pub late_end_us: u64,
    /// The time for the next fault has come.
    pub fault_due: bool,
    queue: BTreeMap<(u64, u64), Event>,
    serial: u64,
    pub(crate) next_link: u32,
    pub(crate) by_broker: BTreeMap<u64, u32>,
    /// A connection that is no client's, and what came back on it.
    pub(crate) operator: Option<(u64, Vec<u8>)>,
    cluster_wake: u64,
}

impl<'m> World<'m> {
    /// A cluster and no client yet.
    pub fn new(config: Config, seed: u64, readable: bool) -> Self {
        let mut cluster = match Cluster::new(config, Rng::stream(seed, "cluster").next()) {
            Ok(cluster) => cluster,
            Err(error) => panic!("an impossible configuration: {error}"),
        };
        let nodes = cluster.nodes().len() as i32;
        for node in 0..nodes {
            cluster.set_address(node, &host_name(node), 9092);
        }
        World {
            now: 0,
            rng: Rng::stream(seed, "network"),
            cluster,
            clients: Vec::new(),
            weather: Weather::default(),
            reach: vec![Reach::Open; nodes as usize],
            trace: Trace::new(readable),
            history: History::default(),
            wire: WireWatch::new(readable),
            violations: Vec::new(),
            complaints: Vec::new(),
            next_cut: (None, None),
            cut_after_next: (None, None),
            links: BTreeMap::new(),
            late_end_us: 0,
            fault_due: false,
            queue: BTreeMap::new(),
            serial: 0,
            next_link: 0,
            by_broker: BTreeMap::new(),
            operator: None,
            cluster_wake: u64::MAX,
        }
    }

    /// The time as clients see it.
    pub fn instant(&self) -> Instant {
        Instant(self.now)
    }

    pub(crate) fn at(&mut self, at: u64, event: Event) {
        self.serial += 1;
        self.queue.insert((at.max(self.now), self.serial), event);
    }

    /// Lets time pass until nothing happens before `until`.
    pub fn run_until(&mut self, until: u64) {
        while self.step(until) {}
        self.now = self.now.max(until);
    }

    /// Lets `ms` milliseconds pass.
    pub fn run_ms(&mut self, ms: u64) {
        self.run_until(self.now + ms * 1000);
    }

    /// Lets time pass until `done` says so; false when it does not within `ms`.
    pub fn run_while(&mut self, ms: u64, mut waiting: impl FnMut(&Self) -> bool) -> bool {
        let until = self.now + ms * 1000;
        while waiting(self) {
            if !self.step(until) {
                self.now = until;
                return false;
            }
        }
        true
    }

    /// Does the next thing, if it is due by `until`.
    pub fn step(&mut self, until: u64) -> bool {
        let Some((&(at, serial), &event)) = self.queue.first_key_value() else { return false };
        if at > until {
            return false;
        }
        self.queue.remove(&(at, serial));
        self.now = at;
        if self.is_stale(event) {
            return true;
        }
        if let Some(frozen_until) = self.frozen(event) {
            if let Event::Client(client) = event {
                self.clients[client].wake = frozen_until;
            }
            self.at(frozen_until, event);
            return true;
        }
        self.trace.note(at, 1, [serial, 0, 0], format_args!("{event:?}"));
        match event {
            Event::Cluster => {
                self.cluster_wake = u64::MAX;
                self.cluster.poll(at);
                self.drain_cluster();
            }
            Event::Client(client) => self.client_timeout(client),
            Event::App(client) => {
                let now = self.now;
                self.tell_input(client);
                let (client_state, history) = (&mut self.clients[client], &mut self.history);
                let next = client_state.act(now, history);
                if let Some(next) = next {
                    self.at(next, Event::App(client));
                }
                self.pump(client);
            }
            Event::Resolved(client, host) => self.resolved(client, host),
            Event::Connected(link) => self.connected(link),
            Event::Up(link) => self.arrived_up(link),
            Event::Down(link) => self.arrived_down(link),
            Event::Writable(link) => self.writable(link),
            Event::ServerGone(link) => self.server_gone(link),
            Event::ClientGone(link, trouble) => self.client_gone(link, trouble),
            Event::Fault => self.fault_due = true,
        }
        true
    }

    /// Whether a timer was set again since.
    fn is_stale(&self, event: Event) -> bool {
        match event {
            Event::Cluster => self.cluster_wake != self.now,
            Event::Client(client) => self.clients[client].wake != self.now,
            _ => false,
        }
    }

    /// When the client that an event is for runs again, if it does not now.
    fn frozen(&self, event: Event) -> Option<u64> {
        let client = match event {
            Event::Client(client) | Event::App(client) | Event::Resolved(client, _) => client,
            Event::Connected(link)
            | Event::Down(link)
            | Event::Writable(link)
            | Event::ClientGone(link, _) => self.links.get(&link)?.client,
            _ => return None,
        };
        Some(self.clients[client].frozen_until).filter(|until| *until > self.now)
    }

    // ---- The cluster ----

    /// Takes what the cluster has to say, and sees to it that it is woken.
    pub fn drain_cluster(&mut self) {
        while let Some(output) = self.cluster.poll_output() {
            match output {
                Output::Response { conn, bytes } => {
                    self.respond(conn, &bytes);
                    self.cluster.recycle(bytes);
                }
                Output::Close { conn, reason } => {
                    if !reason.is_empty() {
                        self.complaints.push(reason);
                    }
                    let Some(id) = self.by_broker.remove(&conn) else { continue };
                    let now = self.now;
                    let Some(link) = self.links.get_mut(&id) else { continue };
                    link.broker = None;
                    let at = link.down.arrival(now);
                    let silent = link.down.silent;
                    if !silent {
                        self.at(at, Event::ClientGone(id, Trouble::Lost));
                    }
                    self.forget_if_done(id);
                }
                Output::NodeDown(_) | Output::NodeUp(_) => {}
            }
        }
        if let Some(next) = self.cluster.next_deadline()
            && next < self.cluster_wake
        {
            // A fault that was set between two events may have made something due at once.
            let next = next.max(self.now);
            self.cluster_wake = next;
            self.at(next, Event::Cluster);
        }
    }

    fn respond(&mut self, conn: u64, bytes: &[u8]) {
        if let Some((_, answer)) = self.operator.as_mut().filter(|(own, _)| *own == conn) {
            answer.extend_from_slice(bytes);
        }
        let Some(&id) = self.by_broker.get(&conn) else { return };
        let now = self.now;
        let Some(link) = self.links.get_mut(&id) else { return };
        let (arrival, cut) = link.down.send(now, bytes);
        if let Some(at) = arrival {
            self.at(at, Event::Down(id));
        }
        if let Some(cut) = cut {
            self.cut_down(id, cut);
        }
    }

    fn arrived_up(&mut self, id: u32) {
        let Some(link) = self.links.get_mut(&id) else { return };
        let Some(bytes) = link.up.receive(self.now) else { return };
        let (more, delay) = (link.up.next_at(), link.up.delay_us);
        let wakes = link.transmit.is_some();
        link.assembly.extend_from_slice(&bytes);
        self.trace.bytes(&bytes);
        if let Some(at) = more {
            self.at(at, Event::Up(id));
        }
        if wakes {
            self.at(self.now + delay, Event::Writable(id));
        }
        while let Some(link) = self.links.get_mut(&id) {
            let Some(prefix) = link.assembly.first_chunk::<4>() else { break };
            let end = 4 + i32::from_be_bytes(*prefix).max(0) as usize;
            if link.assembly.len() < end {
                break;
            }
            let mut frame: Vec<u8> = link.assembly.drain(..end).collect();
            // A bit flips within the last record, which the batch's checksum covers.
            if link.flip && frame[4..6] == [0, 0] && end > FLIP_FROM {
                link.flip = false;
                frame[end - 14] ^= 4;
            }
            if let Some(broker) = link.broker {
                // Where each transaction has an epoch of its own (KIP-890) a late request begins none.
                let may_begin = link.end == End::Gone && !self.cluster.config().transactions_v2();
                let late = may_begin.then_some(link.client);
                let before = late.is_some_and(|client| self.has_transaction(client));
                self.cluster.handle_request(self.now, broker, &frame[4..]);
                self.drain_cluster();
                if let Some(client) = late
                    && !before
                    && self.has_transaction(client)
                    && let App::Producer(app) = &self.clients[client].app
                {
                    self.history.push(self.now, app.who, What::BegunLate);
                }
            }
        }
    }

    /// Whether the coordinator has an open transaction of this client's transactional id.
    fn has_transaction(&self, client: usize) -> bool {
        let App::Producer(app) = &self.clients[client].app else { return false };
        let name = app.txn.as_ref().map(|txn| &self.history.who[usize::from(txn.id)]);
        let found = name.and_then(|name| self.cluster.transaction(name));
        found.is_some_and(|txn| txn.state == TxnState::Ongoing)
    }

    fn server_gone(&mut self, id: u32) {
        while self.links.get(&id).is_some_and(|l| l.up.next_at().is_some_and(|at| at <= self.now)) {
            self.arrived_up(id);
        }
        let Some(link) = self.links.get_mut(&id) else { return };
        if let Some(broker) = link.broker.take() {
            self.by_broker.remove(&broker);
            self.cluster.handle_disconnect(self.now, broker);
            let link = &self.links[&id];
            if link.end == End::Open && !link.down.silent {
                let at = link.down.arrival(self.now);
                self.at(at, Event::ClientGone(id, Trouble::Lost));
            }
        }
        self.forget_if_done(id);
    }

    // ---- Cuts ----

    pub(crate) fn cut_up(&mut self, id: u32, cut: Cut) {
        let now = self.now;
        let Some(link) = self.links.get_mut(&id) else { return };
        let (at, delay) = (link.up.arrival(now), link.up.delay_us);
        match cut {
            Cut::Reset => {
                link.down.lose();
                self.at(at, Event::ServerGone(id));
                self.at(now + delay, Event::ClientGone(id, Trouble::Lost));
            }
            Cut::Fin => self.at(at, Event::ServerGone(id)),
            Cut::Silence | Cut::Pause(_) => {}
        }
    }

    pub(crate) fn cut_down(&mut self, id: u32, cut: Cut) {
        let now = self.now;
        let Some(link) = self.links.get_mut(&id) else { return };
        let (at, delay) = (link.down.arrival(now), link.down.delay_us);
        match cut {
            Cut::Reset | Cut::Fin => {
                self.at(at, Event::ClientGone(id, Trouble::Lost));
                if cut == Cut::Reset {
                    self.at(now + delay, Event::ServerGone(id));
                }
            }
            Cut::Silence | Cut::Pause(_) => {}
        }
    }

    pub(crate) fn forget_if_done(&mut self, id: u32) {
        if self.links.get(&id).is_some_and(|l| l.end == End::Gone && l.broker.is_none()) {
            self.links.remove(&id);
        }
    }
}
