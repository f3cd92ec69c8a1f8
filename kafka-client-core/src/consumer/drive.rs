//! The consumer as its adapter drives it.

use core::net::SocketAddr;

use super::Consumer;
use super::cursor::Wait;
use super::fetch::AfterFetch;
use crate::list::{clear, delist};
use crate::machine::Machine;
use crate::net::api::Api;
use crate::net::broker::Role;
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

    /// Who waits for a broker that no longer leads it, and perhaps never comes back, waits for another one now.
    fn on_metadata(&mut self, now: Instant) {
        for broker in self.net.brokers.indices() {
            for (role, work) in [Role::Main, Role::Fetch].into_iter().zip(&mut self.net.brokers[broker].work)
            {
                clear(&mut self.cursors, work, role.into());
            }
        }
        self.touch_all(now);
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
        loop {
            match self.net.receive(now, conn, &mut rx) {
                Inbound::Done => break,
                Inbound::Handled => {}
                Inbound::Metadata => self.on_metadata(now),
                Inbound::Reply(reply) if reply.request.api == Api::Fetch => {
                    match self.on_fetch(now, conn, rx, reply) {
                        AfterFetch::ReadOn(next) => rx = next,
                        AfterFetch::Starved => {
                            self.net.starve(conn);
                            return;
                        }
                        AfterFetch::Failed(back, request, trouble) => {
                            rx = back;
                            self.net.abandon(conn, request, trouble);
                            break;
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
                        break;
                    }
                    rx.consume(reply.end);
                }
            }
        }
        self.net.keep_rx(conn, rx);
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
        loop {
            self.moved = false;
            let transmit = self.poll_lookup(now).or_else(|| self.poll_fetch(now));
            if transmit.is_some() || !self.moved {
                return transmit;
            }
        }
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
