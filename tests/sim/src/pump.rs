//! Driving a client: what an adapter does, in virtual time.

use kafka_client_core::time::Instant;

use crate::world::{Event, World};

/// More rounds than this without time passing is a loop that never ends.
const ROUNDS_MAX: u32 = 20_000;

/// So often in a row may a client ask to be woken at once.
const HOT_MAX: u32 = 20;

impl World<'_> {
    /// Drains a client until it waits.
    pub fn pump(&mut self, client: usize) {
        let now = self.instant();
        let mut rounds = 0;
        while self.pump_once(client, now) {
            rounds += 1;
            if rounds > ROUNDS_MAX {
                self.violations.push(format!("S2: client {client} never comes to rest at {}", self.now));
                break;
            }
        }
        let wake = self.clients[client].machine().poll_timeout();
        if let Some(at) = self.clients[client].busy_until() {
            let at = at.max(self.now + 1);
            if self.clients[client].wake > at {
                self.clients[client].wake = at;
                self.at(at, Event::Client(client));
            }
        }
        let state = &mut self.clients[client];
        // A client that is hot is slowed down, so that the run comes to an end.
        let wake = if state.hot >= HOT_MAX { Instant(self.now + 100_000) } else { wake };
        if wake != Instant::NEVER && wake.0 < state.wake {
            state.wake = wake.0.max(self.now);
            let at = state.wake;
            self.at(at, Event::Client(client));
        }
    }

    fn pump_once(&mut self, client: usize, now: Instant) -> bool {
        let mut progress = self.clients[client].work(now, &mut self.history);
        while let Some(action) = self.clients[client].machine().poll_action(now) {
            self.perform(client, action);
            progress = true;
        }
        while let Some((conn, rx)) = self.clients[client].machine().poll_read() {
            progress = true;
            match self.open_link(client, conn) {
                Some(id) => {
                    if let Some(link) = self.links.get_mut(&id) {
                        link.rx = Some(rx);
                    }
                    self.deliver(id);
                }
                None => {
                    self.violations.push(format!("client {client} reads from a connection that is closed"))
                }
            }
        }
        while let Some(transmit) = self.clients[client].machine().poll_transmit(now) {
            progress = true;
            let conn = transmit.conn();
            match self.open_link(client, conn) {
                Some(id) => {
                    let numbers = [u64::from(id), transmit.len() as u64, 0];
                    let len = transmit.len();
                    self.trace.note(
                        self.now,
                        4,
                        numbers,
                        format_args!("client {client}: frame of {len} on {id}"),
                    );
                    if let Some(link) = self.links.get_mut(&id)
                        && link.transmit.replace(transmit).is_some()
                    {
                        self.violations.push(format!("client {client} writes two frames at a time"));
                    }
                    self.write(id);
                }
                None => {
                    self.violations.push(format!("client {client} writes to a connection that is closed"))
                }
            }
        }
        // One that nobody heard of ends without an answer.
        progress | self.clients[client].watch(now, &mut self.history)
    }

    pub(crate) fn client_timeout(&mut self, client: usize) {
        let now = self.instant();
        self.clients[client].wake = u64::MAX;
        self.clients[client].machine().handle_timeout(now);
        self.pump(client);
        let again = self.clients[client].machine().poll_timeout() <= now;
        let state = &mut self.clients[client];
        state.hot = if again { state.hot + 1 } else { 0 };
        if state.hot == HOT_MAX {
            let text =
                format!("S2: client {client} asks to be woken at once, again and again, at {}", self.now);
            self.violations.push(text);
        }
    }
}
