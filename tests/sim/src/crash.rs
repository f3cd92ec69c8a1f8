//! A producer's process that dies, and its successor.

use kafka_client_core::producer::Producer;
use kafka_client_core::storage::Text;

use crate::client::{App, Client};
use crate::link::{End, host_name};
use crate::producer_app::ProducerApp;
use crate::run::{Run, owned, promise};
use crate::swarm::TOPICS;
use crate::world::{Event, World};

impl Run<'_> {
    /// A producer's process dies; another one, with another name, takes its place.
    pub(crate) fn crash(&mut self, client: usize) {
        let now = self.world.now;
        self.world.trace.note(now, 9, [1, client as u64, 0], format_args!("FAULT crash of client {client}"));
        self.count_outcomes(client);
        self.crashed_outcomes += self.world.bury(client);
        let app = self.world.producer(client);
        let next_id = app.next_id();
        let plan = app.plan.take();
        self.serial += 1;
        let spec = self.swarm.producers[client].clone();
        let name = format!("p{client}.{}", self.serial);
        let who = self.world.history.participant(&name);
        promise(&mut self.world, who, &spec, &self.swarm);
        let nodes = self.world.cluster.nodes().len() as i32;
        let hosts = (0..nodes).map(|n| (Text::from(host_name(n)), 9092));
        let mut config = spec.client;
        config.seed = self.rng.next();
        let producer = match Producer::new(config, spec.config, hosts, owned(&spec)) {
            Ok(producer) => producer,
            Err(error) => panic!("{error}"),
        };
        let mut app = ProducerApp::new(producer, who, next_id);
        for name in TOPICS {
            if let Ok(handle) = app.producer.topic(name.into()) {
                app.topics.push((handle, self.world.history.topic(name)));
            }
        }
        app.plan = plan;
        let frozen_until = self.world.clients[client].frozen_until;
        self.world.clients[client] = Client::new(App::Producer(Box::new(app)));
        self.world.clients[client].frozen_until = frozen_until;
        self.world.pump(client);
    }
}

impl World<'_> {
    /// The client's process is gone: its sockets are closed by the operating system.
    pub(crate) fn drop_links(&mut self, client: usize) {
        let now = self.now;
        let late = self.may_be_late(client);
        let mut gone = Vec::new();
        for (id, link) in self.links.iter_mut().filter(|(_, l)| l.client == client && l.end != End::Gone) {
            link.end = End::Gone;
            if !late {
                link.up.lose();
            }
            (link.transmit, link.rx) = (None, None);
            gone.push((*id, link.up.arrival(now)));
        }
        for (id, at) in gone {
            self.wire_closed(id, client);
            self.at(at, Event::ServerGone(id));
        }
    }
}
