//! Sockets: what an adapter is asked to do about connections, and bytes on their way through them.

use kafka_client_core::net::{Action, Closed, ConnId, HostId, Trouble};
use kafka_client_core::time::Instant;

use crate::client::App;
use crate::history::What;
use crate::link::{End, Link, Reach, node_at, resolve};
use crate::pipe::Pipe;
use crate::world::{Event, World};

impl World<'_> {
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

    pub(crate) fn resolved(&mut self, client: usize, host: HostId) {
        let name = self.clients[client].machine().host(host).name.to_owned();
        let found: Vec<_> = resolve(&name).into_iter().collect();
        let now = self.instant();
        self.clients[client].machine().handle_resolved(now, host, &found);
        self.pump(client);
    }

    pub(crate) fn connected(&mut self, id: u32) {
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

    pub(crate) fn client_gone(&mut self, id: u32, trouble: Trouble) {
        while self.links.get(&id).is_some_and(|l| l.down.next_at().is_some_and(|at| at <= self.now)) {
            self.arrived_down(id);
        }
        if self.links.get(&id).is_some_and(|l| l.end != End::Gone) {
            self.close_client_end(id, Closed::Because(trouble));
        }
    }

    /// Whether what a client wrote may arrive after its end of the connection was closed. Brokers before 3.6 let a
    /// late batch begin a transaction that nobody ends (KIP-890); no client can help that.
    pub(crate) fn may_be_late(&self, client: usize) -> bool {
        let transactional = matches!(&self.clients[client].app, App::Producer(app) if app.txn.is_some());
        !transactional || self.cluster.config().release >= kafka_broker::Release::V3_9
    }

    /// The client's end is closed, by it or under it.
    fn close_client_end(&mut self, id: u32, why: Closed) {
        let now = self.instant();
        let Some(link) = self.links.get_mut(&id).filter(|l| l.end != End::Gone) else { return };
        link.end = End::Gone;
        let (client, conn) = (link.client, link.conn);
        let (rx, transmit) = (link.rx.take(), link.transmit.take());
        let (at, silent) = (link.up.arrival(self.now), link.up.silent);
        if !self.may_be_late(client)
            && let Some(link) = self.links.get_mut(&id)
        {
            link.up.lose();
        }
        self.trace.note(self.now, 3, [u64::from(id), 0, 0], format_args!("link {id} closed: {why:?}"));
        self.wire_closed(id, client);
        if self.links[&id].broker.is_some() {
            // A broker that hears nothing finds out some day.
            self.at(if silent { self.now + 60_000_000 } else { at }, Event::ServerGone(id));
        }
        self.forget_if_done(id);
        self.clients[client].machine().handle_closed(now, conn, why, rx, transmit);
        self.pump(client);
    }

    /// Tells who watches the wire.
    pub(crate) fn wire_closed(&mut self, id: u32, client: usize) {
        let asked = self.wire.closed(id, client);
        if asked
            && let App::Producer(app) = &self.clients[client].app
            && app.txn.is_some()
        {
            self.history.push(self.now, app.who, What::InitUnheard);
        }
    }

    fn comment_wire(&mut self) {
        for note in self.wire.notes.as_mut().map(std::mem::take).unwrap_or_default() {
            self.trace.comment(self.now, &note);
        }
    }

    // ---- Bytes at the client ----

    pub(crate) fn arrived_down(&mut self, id: u32) {
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

    pub(crate) fn writable(&mut self, id: u32) {
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
        // Never after the client is gone where the broker could not tell.
        if self.late_end_us > 0 && bytes.get(4..6) == Some(&[0, 26]) && bytes.len() == transmit.len() {
            link.up.pause(now, std::mem::take(&mut self.late_end_us));
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
