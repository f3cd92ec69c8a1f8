//! How connections begin and end: demand, name resolution, addresses, timeouts, backoff.

use core::net::SocketAddr;

use super::api::Api;
use super::broker::{BOOTSTRAP, Broker, HostName, ROLES, Resolution, Role, Trouble};
use super::connection::{ConnId, Request, State};
use super::{Action, Closed, Host, HostId, Net, NetMemory, RxBuf};
use crate::random::backoff;
use crate::recall::recalled;
use crate::storage::{NIL, Text};
use crate::time::Instant;
use crate::trace::note;

impl<'m> NetMemory<'m> {
    /// Adds the addresses of `bootstrap.servers`; false when there is none, or no room for any.
    pub(crate) fn add_bootstrap(&mut self, servers: impl IntoIterator<Item = (Text<'m>, u16)>) -> bool {
        let mut found = false;
        for (host, port) in servers {
            let host = HostName::Configured(host);
            found |= self.brokers.push(Broker::new(BOOTSTRAP, host, port)).is_ok();
        }
        found
    }
}

impl<'m> Net<'m> {
    pub(crate) fn host(&self, host: HostId) -> Host<'_> {
        let broker = &self.brokers[host.0];
        Host { name: &broker.host, port: broker.port }
    }

    /// The brokers that could not be used lately, and why.
    pub(crate) fn troubles(&self) -> impl Iterator<Item = (Host<'_>, Trouble)> {
        self.brokers.iter().filter_map(|b| Some((Host { name: &b.host, port: b.port }, b.trouble?)))
    }

    pub(crate) fn handle_resolved(&mut self, now: Instant, host: HostId, found: &[SocketAddr]) {
        self.brokers[host.0].resolved(found);
        if found.is_empty() {
            self.back_off(now, host.0, Trouble::Unresolved);
        }
    }

    pub(crate) fn handle_connected(&mut self, now: Instant, conn: ConnId) {
        let newest = Api::ApiVersions.newest();
        let timeout = self.config.request_timeout;
        let Some(entry) = self.conn(conn).filter(|c| c.state == State::Connecting) else { return };
        entry.state = State::Negotiating;
        entry.last_used = now;
        entry.deadline = now + timeout;
        let broker = entry.broker;
        // A broker that reset the connection on our newest version is asked with an older one.
        let version =
            [newest, newest.min(3), 0].get(usize::from(self.brokers[broker].hello)).copied().unwrap_or(0);
        self.conns[conn.index].hello = Some(version);
        match self.conns[conn.index].rx.is_some() {
            true => self.note_idle_rx(),
            false => self.fail(conn, Trouble::ResponseTooLarge { need: 0 }),
        }
    }

    /// The connection is gone. Its requests without an answer stay, to be taken with [`Net::take_unanswered`],
    /// until [`Net::forget`]. True when it failed: the broker may be gone, and others lead its partitions.
    pub(crate) fn handle_closed(
        &mut self,
        now: Instant,
        conn: ConnId,
        why: Closed,
        rx: Option<RxBuf<'m>>,
    ) -> bool {
        if let Some(rx) = rx {
            self.drop_rx(rx);
        }
        let Some(entry) = self.conn(conn) else { return false };
        let (state, broker, role, failed) = (entry.state, entry.broker, entry.role, entry.failed);
        if let Some(rx) = entry.rx.take() {
            self.drop_rx(rx);
        }
        if let Closed::Because(trouble) = why {
            if state == State::Negotiating && trouble == Trouble::Lost {
                let hello = &mut self.brokers[broker].hello;
                *hello = (*hello + 1) % 3;
            }
            if !matches!(state, State::Closing | State::Closed) {
                self.back_off(now, broker, trouble);
            }
        }
        self.brokers[broker].want(role, false);
        self.conns[conn.index].state = State::Closed;
        failed || why != Closed::Asked
    }

    /// The oldest request without an answer of a closed connection.
    pub(crate) fn take_unanswered(&mut self, now: Instant, conn: ConnId) -> Option<Request> {
        let entry = self.conn(conn).filter(|c| c.state == State::Closed)?;
        let request = entry.in_flight.pop_front()?;
        if request.api == Api::Metadata {
            self.refresh_failed(now);
        }
        Some(request)
    }

    /// Frees the entry of a closed connection.
    pub(crate) fn forget(&mut self, conn: ConnId) {
        if self.conn(conn).is_some_and(|c| c.state == State::Closed) {
            self.conns[conn.index].reset();
        }
    }

    /// Gives a connection up: the adapter is told to close it.
    pub(crate) fn fail(&mut self, conn: ConnId, trouble: Trouble) {
        let Some(entry) = self.conn(conn).filter(|c| !matches!(c.state, State::Closing | State::Closed))
        else {
            return;
        };
        entry.state = State::Closing;
        entry.failed = true;
        let (broker, now) = (entry.broker, entry.last_used);
        self.back_off(now, broker, trouble);
    }

    /// As [`Net::fail`], for a request that was taken off the queue and still has no answer.
    pub(crate) fn abandon(&mut self, conn: ConnId, request: Request, trouble: Trouble) {
        if let Some(entry) = self.conn(conn) {
            let _ = entry.in_flight.push_front(request);
        }
        self.fail(conn, trouble);
    }

    fn back_off(&mut self, now: Instant, broker: u32, trouble: Trouble) {
        let (base, max) = (self.config.reconnect_backoff, self.config.reconnect_backoff_max);
        let host = &self.brokers[broker];
        note!("{}:{}: not usable, attempt {}", &*host.host, host.port, host.failures);
        let wait = backoff(base, max, self.brokers[broker].failures, &mut self.random);
        let broker = &mut self.brokers[broker];
        broker.failures = broker.failures.saturating_add(1);
        broker.retry_at = now + wait;
        broker.trouble = Some(trouble);
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        let idle = self.config.connections_max_idle;
        for index in self.conns.indices() {
            let conn = &mut self.conns[index];
            if conn.muted_until <= now && !recalled!(F5MutedForEver) {
                conn.muted_until = Instant(0);
            }
            if conn.next_deadline(conn.last_used + idle) > now {
                continue;
            }
            let overdue = conn.overdue_at();
            if conn.state == State::Connecting || overdue.is_some_and(|at| at <= now) {
                conn.last_used = now;
                let id = self.id(index);
                self.fail(id, Trouble::TimedOut);
            } else if overdue.is_none() && conn.last_used + idle <= now {
                conn.state = State::Closing;
            }
        }
    }

    pub(crate) fn poll_timeout(&self) -> Instant {
        let idle = self.config.connections_max_idle;
        let mut next = self.refresh_at();
        for conn in self.conns.iter() {
            next = next.min(conn.next_deadline(conn.last_used + idle));
        }
        if self.may_open() {
            next = next.min(self.reconnect_at());
        }
        next
    }

    /// Whether a connection can be opened, or one be closed to make room for it.
    fn may_open(&self) -> bool {
        !self.closing
            && (self.conns.room() > 0 || self.conns.iter().any(|c| c.state == State::Free || self.is_idle(c)))
    }

    /// When the next broker that is in demand may be connected to again.
    fn reconnect_at(&self) -> Instant {
        let mut next = Instant::NEVER;
        for index in self.brokers.indices() {
            let broker = &self.brokers[index];
            if broker.failures == 0 || broker.resolution == Resolution::Asked {
                continue;
            }
            for role in [Role::Main, Role::Fetch].into_iter().take(ROLES) {
                if broker.demands(role) && !self.has_conn(index, role) {
                    next = next.min(broker.retry_at);
                }
            }
        }
        next
    }

    pub(super) fn has_conn(&self, broker: u32, role: Role) -> bool {
        self.conns.iter().any(|c| c.broker == broker && c.role == role && c.state != State::Free)
    }

    /// Whether nothing needs this connection.
    fn is_idle(&self, conn: &super::Connection<'_>) -> bool {
        let quiet = conn.state == State::Ready && conn.in_flight.is_empty() && !conn.writing;
        quiet && !self.brokers[conn.broker].demands(conn.role)
    }

    pub(crate) fn poll_action(&mut self, now: Instant) -> Option<Action> {
        let closing = self.conns.position(|c| c.state == State::Closing);
        if closing != NIL {
            return self.close(closing);
        }
        if self.closing && !recalled!(F4OpenAfterClose) {
            return None;
        }
        if self.refresh_is_due(now) {
            self.demand_any(now);
        }
        for index in self.brokers.indices() {
            for role in [Role::Main, Role::Fetch].into_iter().take(ROLES) {
                let broker = &self.brokers[index];
                if !broker.demands(role) || broker.retry_at > now || broker.resolution == Resolution::Asked {
                    continue;
                }
                if self.has_conn(index, role) {
                    continue;
                }
                if let Some(action) = self.open(now, index, role) {
                    return Some(action);
                }
            }
        }
        None
    }

    /// The adapter is to close this one, if there is one.
    fn close(&mut self, conn: u32) -> Option<Action> {
        if conn == NIL {
            return None;
        }
        self.conns[conn].state = State::Closed;
        Some(Action::Close(self.id(conn)))
    }

    fn open(&mut self, now: Instant, broker: u32, role: Role) -> Option<Action> {
        if self.brokers[broker].resolution == Resolution::Unknown {
            self.brokers[broker].resolution = Resolution::Asked;
            return Some(Action::Resolve(HostId(broker)));
        }
        let Some(index) = self.free_conn() else { return self.make_room() };
        let Some(address) = self.brokers[broker].next_address() else {
            self.brokers[broker].resolution = Resolution::Asked;
            return Some(Action::Resolve(HostId(broker)));
        };
        let rx = self.take_rx()?;
        let deadline = now + self.config.connection_setup_timeout;
        let conn = &mut self.conns[index];
        conn.state = State::Connecting;
        (conn.broker, conn.role, conn.deadline, conn.last_used) = (broker, role, deadline, now);
        conn.rx = Some(rx);
        Some(Action::Connect(self.id(index), address))
    }

    /// A free entry.
    fn free_conn(&mut self) -> Option<u32> {
        let free = self.conns.position(|c| c.state == State::Free);
        if free != NIL {
            return Some(free);
        }
        if self.conns.room() > 0 {
            return self.conns.push(super::Connection { broker: NIL, ..Default::default() }).ok();
        }
        None
    }

    /// Closes an idle connection, so that its entry can be had; one at a time, or all would go for the sake of one.
    fn make_room(&mut self) -> Option<Action> {
        if self.conns.position(|c| c.state == State::Closed) != NIL {
            return None;
        }
        let idle = self.conns.position(|c| self.is_idle(c));
        self.close(idle)
    }

    /// Asks for every connection to be closed; none is opened any more.
    pub(crate) fn shut_down(&mut self) {
        self.closing = true;
        for index in self.conns.indices() {
            let conn = &mut self.conns[index];
            if !matches!(conn.state, State::Free | State::Closing | State::Closed) {
                conn.state = State::Closing;
            }
        }
    }

    /// Whether no connection is left.
    pub(crate) fn is_shut_down(&self) -> bool {
        self.closing && self.conns.iter().all(|c| c.state == State::Free)
    }

    fn note_idle_rx(&mut self) {
        self.idle_rx += 1;
    }
}
