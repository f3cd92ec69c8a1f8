//! A client in the world: its machine, and what its adapter and its application keep.

use kafka_client_core::machine::Machine;
use kafka_client_core::net::ConnId;
use kafka_client_core::time::Instant;

use crate::consumer_app::ConsumerApp;
use crate::history::History;
use crate::producer_app::ProducerApp;

/// A client.
pub struct Client<'m> {
    /// The application and its machine.
    pub app: App<'m>,
    /// Link of each connection, by its index.
    links: Vec<Option<(ConnId, u32)>>,
    pub(crate) wake: u64,
    pub(crate) hot: u32,
    /// Nothing reaches it before: its process does not run.
    pub frozen_until: u64,
}

/// What a client is.
pub enum App<'m> {
    /// Writes records.
    Producer(Box<ProducerApp<'m>>),
    /// Reads records.
    Consumer(Box<ConsumerApp<'m>>),
}

impl<'m> Client<'m> {
    /// A client that was not driven yet.
    pub fn new(app: App<'m>) -> Self {
        Client { app, links: Vec::new(), wake: u64::MAX, hot: 0, frozen_until: 0 }
    }

    /// What an adapter drives.
    pub fn machine(&mut self) -> &mut (dyn Machine<'m> + 'm) {
        match &mut self.app {
            App::Producer(app) => &mut app.producer,
            App::Consumer(app) => &mut app.consumer,
        }
    }

    /// What only this kind of client has to do; true if something was done.
    pub(crate) fn work(&mut self, now: Instant, history: &mut History) -> bool {
        match &mut self.app {
            App::Producer(app) => app.work(now, history),
            App::Consumer(app) => app.work(now, history),
        }
    }

    /// Takes note of what became of a transaction; true if something did.
    pub(crate) fn watch(&mut self, now: Instant, history: &mut History) -> bool {
        match &mut self.app {
            App::Producer(app) => app.watch_transaction(now.0, history),
            App::Consumer(_) => false,
        }
    }

    /// The application acts; when it wants to act next.
    pub(crate) fn act(&mut self, now: u64, history: &mut History) -> Option<u64> {
        match &mut self.app {
            App::Producer(app) => app.act(now, history),
            App::Consumer(app) => app.act(now, history),
        }
    }

    /// When the application's own work is done.
    pub(crate) fn busy_until(&self) -> Option<u64> {
        match &self.app {
            App::Producer(app) => app.sealed_at(),
            App::Consumer(_) => None,
        }
    }

    pub(crate) fn bind(&mut self, conn: ConnId, link: u32) {
        let index = conn.index();
        if self.links.len() <= index {
            self.links.resize(index + 1, None);
        }
        self.links[index] = Some((conn, link));
    }

    pub(crate) fn link_of(&self, conn: ConnId) -> Option<u32> {
        self.links.get(conn.index()).copied().flatten().filter(|(c, _)| *c == conn).map(|(_, link)| link)
    }
}
