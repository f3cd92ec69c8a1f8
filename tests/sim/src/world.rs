//! The world: clients, links and a cluster on one clock that only this file moves.

use std::collections::BTreeMap;

use kafka_broker::{Cluster, Config, Output};
use kafka_client_core::net::{Action, Closed, ConnId, HostId, Trouble};
use kafka_client_core::time::Instant;

use crate::client::Client;
use crate::history::History;
use crate::link::{End, Link, Reach, Weather, host_name, node_at, resolve};
use crate::pipe::{Cut, Cuts, Pipe};
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
    /// The time for the next fault has come.
    pub fault_due: bool,
    queue: BTreeMap<(u64, u64), Event>,
    serial: u64,
    pub(crate) next_link: u32,
    by_broker: BTreeMap<u64, u32>,
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
            fault_due: false,
            queue: BTreeMap::new(),
            serial: 0,
            next_link: 0,
            by_broker: BTreeMap::new(),
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
            self.cluster_wake = next;
            self.at(next, Event::Cluster);
        }
    }

    fn respond(&mut self, conn: u64, bytes: &[u8]) {
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
                self.cluster.handle_request(self.now, broker, &frame[4..]);
                self.drain_cluster();
            }
        }
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

    fn forget_if_done(&mut self, id: u32) {
        if self.links.get(&id).is_some_and(|l| l.end == End::Gone && l.broker.is_none()) {
            self.links.remove(&id);
        }
    }

    // ---- Connections ----

    pub(crate) fn perform(&mut self, client: usize, action: Action) {
        self.trace.note(self.now, 2, [client as u64, 0, 0], format_args!("client {client}: {action:?}"));
        match action {
            Action::Resolve(host) => {
                let at = self.now + self.rng.between(100, 3_000);
                self.at(at, Event::Resolved(client, host));
            }
            Action::Connect(conn, address) => {
                let node = node_at(address);
                let delay = self.rng.between(self.weather.delay_us.0, self.weather.delay_us.1);
                let in_pieces = self.rng.percent(self.weather.share);
                let (chunk_max, write_max) = match in_pieces {
                    true => (self.weather.chunk_max, self.weather.write_max),
                    false => (usize::MAX, usize::MAX),
                };
                let mut up = Pipe::new(delay, self.weather.window, chunk_max);
                let mut down = Pipe::new(delay, usize::MAX / 2, chunk_max);
                (up.cut, down.cut) = std::mem::take(&mut self.next_cut);
                self.next_cut = std::mem::take(&mut self.cut_after_next);
                let link = Link {
                    client,
                    conn,
                    node,
                    end: End::Connecting,
                    broker: None,
                    up,
                    down,
                    transmit: None,
                    rx: None,
                    inbox: Vec::new(),
                    assembly: Vec::new(),
                    write_max,
                    flip: false,
                };
                let id = self.next_link;
                self.next_link += 1;
                self.links.insert(id, link);
                self.clients[client].bind(conn, id);
                let reach = self.reach.get(node.max(0) as usize).copied().unwrap_or_default();
                if reach != Reach::Silent || node < 0 {
                    self.at(self.now + 2 * delay, Event::Connected(id));
                }
            }
            Action::Close(conn) => {
                if let Some(id) = self.clients[client].link_of(conn) {
                    self.close_client_end(id, Closed::Asked);
                }
            }
        }
    }

    fn resolved(&mut self, client: usize, host: HostId) {
        let name = self.clients[client].machine().host(host).name.to_owned();
        let found: Vec<_> = resolve(&name).into_iter().collect();
        let now = self.instant();
        self.clients[client].machine().handle_resolved(now, host, &found);
        self.pump(client);
    }

    fn connected(&mut self, id: u32) {
        let Some(link) = self.links.get_mut(&id).filter(|l| l.end == End::Connecting) else { return };
        let (client, conn, node) = (link.client, link.conn, link.node);
        let refused = self.reach.get(node.max(0) as usize) == Some(&Reach::Refused);
        let accepted = if node < 0 || refused {
            Err(())
        } else {
            self.cluster.handle_connect(self.now, node).map_err(|_| ())
        };
        match accepted {
            Err(()) => self.close_client_end(id, Closed::Because(Trouble::Refused)),
            Ok(broker) => {
                link.broker = Some(broker);
                link.end = End::Open;
                self.by_broker.insert(broker, id);
                let now = self.instant();
                self.clients[client].machine().handle_connected(now, conn);
                self.pump(client);
            }
        }
    }

    fn client_gone(&mut self, id: u32, trouble: Trouble) {
        while self.links.get(&id).is_some_and(|l| l.down.next_at().is_some_and(|at| at <= self.now)) {
            self.arrived_down(id);
        }
        if self.links.get(&id).is_some_and(|l| l.end != End::Gone) {
            self.close_client_end(id, Closed::Because(trouble));
        }
    }

    /// The client's end is closed, by it or under it.
    fn close_client_end(&mut self, id: u32, why: Closed) {
        let now = self.instant();
        let Some(link) = self.links.get_mut(&id).filter(|l| l.end != End::Gone) else { return };
        link.end = End::Gone;
        let (client, conn) = (link.client, link.conn);
        let (rx, transmit) = (link.rx.take(), link.transmit.take());
        let (at, silent) = (link.up.arrival(self.now), link.up.silent);
        self.trace.note(self.now, 3, [u64::from(id), 0, 0], format_args!("link {id} closed: {why:?}"));
        self.wire.closed(id, client);
        if self.links[&id].broker.is_some() {
            // A broker that hears nothing finds out some day.
            self.at(if silent { self.now + 60_000_000 } else { at }, Event::ServerGone(id));
        }
        self.forget_if_done(id);
        self.clients[client].machine().handle_closed(now, conn, why, rx, transmit);
        self.pump(client);
    }

    fn comment_wire(&mut self) {
        for note in self.wire.notes.as_mut().map(std::mem::take).unwrap_or_default() {
            self.trace.comment(self.now, &note);
        }
    }

    // ---- Bytes at the client ----

    fn arrived_down(&mut self, id: u32) {
        let Some(link) = self.links.get_mut(&id) else { return };
        let Some(bytes) = link.down.receive(self.now) else { return };
        let more = link.down.next_at();
        let client = link.client;
        link.inbox.extend_from_slice(&bytes);
        self.wire.received(id, client, &bytes);
        self.comment_wire();
        self.trace.bytes(&bytes);
        if let Some(at) = more {
            self.at(at, Event::Down(id));
        }
        self.deliver(id);
        self.pump(client);
    }

    /// Reads what has arrived into the client's buffer.
    pub(crate) fn deliver(&mut self, id: u32) -> bool {
        let now = self.instant();
        let Some(link) = self.links.get_mut(&id).filter(|l| l.end == End::Open && !l.inbox.is_empty()) else {
            return false;
        };
        let Some(mut rx) = link.rx.take() else { return false };
        let spare = rx.spare_mut();
        let n = spare.len().min(link.inbox.len());
        if n == 0 {
            self.violations.push("S2: the client waits for bytes and gives no room for them".into());
            link.inbox.clear();
        }
        spare[..n].copy_from_slice(&link.inbox[..n]);
        rx.advance(n);
        link.inbox.drain(..n);
        let (client, conn) = (link.client, link.conn);
        self.clients[client].machine().handle_received(now, conn, rx);
        true
    }

    fn writable(&mut self, id: u32) {
        if let Some(client) = self.links.get(&id).map(|l| l.client) {
            self.write(id);
            self.pump(client);
        }
    }

    /// Writes as much of a frame as the socket takes.
    pub(crate) fn write(&mut self, id: u32) {
        let now = self.now;
        let Some(link) = self.links.get_mut(&id).filter(|l| l.end == End::Open) else { return };
        let Some(mut transmit) = link.transmit.take() else { return };
        let room = link.up.room().min(link.write_max);
        let mut bytes = Vec::new();
        for chunk in transmit.chunks() {
            let n = chunk.len().min(room - bytes.len());
            bytes.extend_from_slice(&chunk[..n]);
            if bytes.len() == room {
                break;
            }
        }
        let client = link.client;
        if bytes.is_empty() {
            link.transmit = Some(transmit);
            return;
        }
        transmit.advance(bytes.len());
        let done = transmit.is_done();
        let (arrival, cut) = link.up.send(now, &bytes);
        let blocked = link.up.room() == 0;
        self.wire.wrote(id, client, &bytes, &mut self.violations);
        self.comment_wire();
        if !done {
            if let Some(link) = self.links.get_mut(&id) {
                link.transmit = Some(transmit);
            }
            let pause = self.rng.between(1, 200);
            if !blocked {
                self.at(now + pause, Event::Writable(id));
            }
        } else {
            self.clients[client].machine().handle_written(Instant(now), transmit);
        }
        if let Some(at) = arrival {
            self.at(at, Event::Up(id));
        }
        if let Some(cut) = cut {
            self.cut_up(id, cut);
        }
    }

    /// Connections of a client that are open or being opened.
    pub fn connections_of(&self, client: usize) -> usize {
        self.links.values().filter(|l| l.client == client && l.end != End::Gone).count()
    }

    pub(crate) fn open_link(&self, client: usize, conn: ConnId) -> Option<u32> {
        self.clients[client].link_of(conn).filter(|id| self.links.get(id).is_some_and(|l| l.end != End::Gone))
    }
}
