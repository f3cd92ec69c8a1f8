//! The vocabulary of named scenarios: a world with a producer, a few verbs, and what must hold in the end.

use kafka_broker::Config;
use kafka_client_core::config::{ClientConfig, ConsumerConfig, ProducerConfig};
use kafka_client_core::consumer::Consumer;
use kafka_client_core::producer::{AppendError, Outcome, Producer, SendError};
use kafka_client_core::resources::{ConsumerMemory, ProducerMemory, Resources};
use kafka_client_core::storage::Text;
use kafka_client_core::time::{Duration, Instant};

use crate::client::{App, Client};
use crate::consumer_app::ConsumerApp;
use crate::link::host_name;
use crate::producer_app::ProducerApp;
use crate::record::identify;
use crate::world::{Event, World};

/// The memory of a small device.
pub type Small<'m> = Resources<'m, 3, 6, 4, 16, 8, 1024, 4096, 512>;

/// Which kind of memory a scenario's producer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// The heap.
    Owned,
    /// Lent, as on a device.
    Lent,
}

/// Both kinds: a scenario runs with each.
pub const BOTH: [Memory; 2] = [Memory::Owned, Memory::Lent];

/// Settings with which a scenario is over soon: a second to wait for an answer, six for a delivery.
pub fn quick_client() -> ClientConfig<'static> {
    ClientConfig {
        client_id: "sim",
        request_timeout: Duration::from_millis(1_000),
        connection_setup_timeout: Duration::from_millis(1_000),
        seed: 7,
        ..ClientConfig::DEFAULT
    }
}

/// Settings with which a scenario is over soon.
pub fn quick_producer() -> ProducerConfig {
    ProducerConfig {
        delivery_timeout: Duration::from_millis(6_000),
        batch_size: 1024,
        buffer_memory: 8 * 1024,
        ..ProducerConfig::DEFAULT
    }
}

/// A cluster of `nodes` with one topic, `t`.
pub fn cluster(nodes: i32, partitions: i32) -> Config {
    Config {
        nodes,
        topics: vec![("t".into(), partitions)],
        auto_create: false,
        segment_bytes: 64 << 10,
        ..Config::default()
    }
}

/// Memory for a producer with these settings.
pub fn memory(kind: Memory, config: &ProducerConfig) -> ProducerMemory<'static> {
    let compressed = config.codec != kafka_proto::record::Codec::None;
    match kind {
        Memory::Owned => ProducerMemory::owned(config.batch_size, compressed),
        // A test's process ends soon; a device lends from a `static` as well.
        Memory::Lent => Box::leak(Box::new(Small::new())).lend(),
    }
}

impl<'m> World<'m> {
    /// Adds a producer that bootstraps from every node, and writes to the topics named.
    pub fn add_producer(
        &mut self,
        client: ClientConfig<'m>,
        config: ProducerConfig,
        memory: ProducerMemory<'m>,
        topics: &[&'static str],
    ) -> usize {
        let nodes = self.cluster.nodes().len() as i32;
        let bootstrap: Vec<String> = (0..nodes).map(host_name).collect();
        let names: Vec<&str> = bootstrap.iter().map(String::as_str).collect();
        self.add_producer_at(client, config, memory, topics, &names)
    }

    /// Adds a producer with these bootstrap hosts.
    pub fn add_producer_at(
        &mut self,
        client: ClientConfig<'m>,
        config: ProducerConfig,
        memory: ProducerMemory<'m>,
        topics: &[&'static str],
        bootstrap: &[&str],
    ) -> usize {
        let index = self.clients.len();
        let hosts: Vec<_> = bootstrap.iter().map(|name| (Text::from((*name).to_owned()), 9092)).collect();
        let producer = match Producer::new(client, config, hosts, memory) {
            Ok(producer) => producer,
            Err(error) => panic!("an impossible configuration: {error}"),
        };
        let who = self.history.participant(&format!("p{index}"));
        let mut app = ProducerApp::new(producer, who, (index as u64) << 40);
        for name in topics {
            match app.producer.topic((*name).into()) {
                Ok(handle) => app.topics.push((handle, self.history.topic(name))),
                Err(error) => panic!("topic {name}: {error}"),
            }
        }
        self.clients.push(Client::new(App::Producer(Box::new(app))));
        self.pump(index);
        index
    }

    /// A producer's application.
    pub fn producer(&mut self, client: usize) -> &mut ProducerApp<'m> {
        match &mut self.clients[client].app {
            App::Producer(app) => app,
            App::Consumer(_) => panic!("client {client} is a consumer"),
        }
    }

    /// A consumer's application.
    pub fn consumer(&mut self, client: usize) -> &mut ConsumerApp<'m> {
        match &mut self.clients[client].app {
            App::Consumer(app) => app,
            App::Producer(_) => panic!("client {client} is a producer"),
        }
    }

    /// Adds a consumer that reads all partitions of a topic from the beginning.
    pub fn add_consumer(
        &mut self,
        client: ClientConfig<'m>,
        config: ConsumerConfig<'m>,
        memory: ConsumerMemory<'m>,
        topics: &[(&'static str, u32)],
    ) -> usize {
        let index = self.clients.len();
        let nodes = self.cluster.nodes().len() as i32;
        let hosts: Vec<_> = (0..nodes).map(|n| (Text::from(host_name(n)), 9092)).collect();
        let consumer = match Consumer::new(client, config, hosts, memory) {
            Ok(consumer) => consumer,
            Err(error) => panic!("an impossible configuration: {error}"),
        };
        let who = self.history.participant(&format!("c{index}"));
        let mut app = ConsumerApp::new(consumer, who);
        let now = self.instant();
        for (at, (name, partitions)) in topics.iter().enumerate() {
            match app.consumer.topic((*name).into()) {
                Ok(handle) => app.topics.push((handle, self.history.topic(name), *partitions)),
                Err(error) => panic!("topic {name}: {error}"),
            }
            for partition in 0..*partitions {
                app.seek(now, &mut self.history, at, partition, 0);
            }
        }
        self.clients.push(Client::new(App::Consumer(Box::new(app))));
        self.pump(index);
        index
    }

    /// Appends one record, without waiting.
    ///
    /// # Errors
    /// As the producer says.
    pub fn try_send(
        &mut self,
        client: usize,
        topic: usize,
        partition: Option<u32>,
        filling: usize,
    ) -> Result<u64, AppendError> {
        let now = self.instant();
        let mut history = std::mem::take(&mut self.history);
        let app = self.producer(client);
        let id = app.next_id();
        let result = app.send(now, &mut history, topic, partition, filling);
        self.history = history;
        self.pump(client);
        result.map(|_| id)
    }

    /// Appends records of 16 bytes, waiting for room and for metadata; their ids.
    pub fn send(&mut self, client: usize, partition: Option<u32>, count: usize) -> Vec<u64> {
        (0..count).map(|_| self.send_one(client, partition, 0)).collect()
    }

    /// Appends one record, waiting for room and for metadata; its id.
    pub fn send_one(&mut self, client: usize, partition: Option<u32>, filling: usize) -> u64 {
        for _ in 0..100_000 {
            match self.try_send(client, 0, partition, filling) {
                Ok(id) => return id,
                Err(AppendError::Full | AppendError::NoMetadata { .. }) => self.run_ms(1),
                Err(error) => panic!("the record was refused: {error}"),
            }
        }
        panic!("the record was not accepted within 100 s")
    }

    /// Waits until everything is resolved; panics when that takes longer than `ms`.
    #[track_caller]
    pub fn settle(&mut self, client: usize, ms: u64) {
        let now = self.instant();
        self.producer(client).producer.flush(now);
        self.pump(client);
        let until = self.now + ms * 1000;
        while self.producer(client).producer.unresolved() {
            if !self.step(until) {
                let open = self.producer(client).accepted.len() - self.producer(client).told.len();
                self.print_trace(60);
                panic!("{open} records are not resolved after {ms} ms");
            }
        }
    }

    /// Bytes that passed on the first connection, up and down.
    pub fn bytes_of_first_link(&self) -> (u64, u64) {
        self.bytes_of_link(0)
    }

    /// Bytes that passed on a connection, up and down.
    pub fn bytes_of_link(&self, id: u32) -> (u64, u64) {
        self.links.get(&id).map_or((0, 0), |link| (link.up.sent, link.down.sent))
    }

    /// Cuts a connection when so many more bytes were written to it.
    pub fn cut_link(&mut self, id: u32, after: u64, cut: crate::pipe::Cut) -> bool {
        let link = self.links.get_mut(&id);
        link.map(|link| link.up.cut = Some((link.up.sent + after, cut))).is_some()
    }

    /// What a client writes to a node from now on arrives only after so many microseconds.
    pub fn hold_up(&mut self, client: usize, node: i32, us: u64) {
        for link in self.links.values_mut().filter(|l| l.client == client && l.node == node) {
            link.up.cut = Some((link.up.sent, crate::pipe::Cut::Pause(us)));
        }
    }

    /// Nothing passes on a client's connections any more, and nobody is told.
    pub fn make_silent(&mut self, client: usize) {
        for link in self.links.values_mut().filter(|l| l.client == client) {
            (link.up.silent, link.down.silent) = (true, true);
        }
    }

    /// Connections that were begun so far.
    pub fn connections_begun(&self) -> u32 {
        self.next_link
    }

    /// Records that consumers were given.
    pub fn history_polls(&self) -> usize {
        let polls = |e: &&crate::history::Entry| matches!(e.what, crate::history::What::Poll { .. });
        self.history.entries.iter().filter(polls).count()
    }

    /// The last lines of the trace, for whoever reads a failure.
    pub fn print_trace(&self, lines: usize) {
        let all = self.trace.lines();
        all[all.len().saturating_sub(lines)..].iter().for_each(|line| eprintln!("{line}"));
    }

    /// What became of a record.
    pub fn outcome(&mut self, client: usize, id: u64) -> Option<Outcome> {
        self.producer(client).told.get(&id).map(|told| told.outcome)
    }

    /// Whether each of `ids` was acknowledged.
    pub fn all_acked(&mut self, client: usize, ids: &[u64]) -> bool {
        ids.iter().all(|id| matches!(self.outcome(client, *id), Some(Outcome::Acked { .. })))
    }

    /// The ids in a partition's log, in order.
    pub fn logged(&self, topic: &str, partition: i32) -> Vec<u64> {
        let records = self.cluster.log(topic, partition).unwrap_or_default();
        records.iter().filter_map(|r| identify(r.value.as_deref()?).map(|(id, _)| id)).collect()
    }

    /// Fails when something happened that must never happen: whatever the scenario is about.
    #[track_caller]
    pub fn assert_sound(&mut self) {
        let mut wrong = std::mem::take(&mut self.violations);
        for client in 0..self.clients.len() {
            if let App::Producer(app) = &mut self.clients[client].app {
                wrong.append(&mut app.wrong);
            }
        }
        if !wrong.is_empty() {
            self.print_trace(80);
            panic!("{wrong:#?}");
        }
    }

    /// Closes a producer and waits until its last connection is gone.
    #[track_caller]
    pub fn close(&mut self, client: usize) {
        let now = self.instant();
        self.producer(client).producer.close(now);
        self.pump(client);
        let until = self.now + 20_000_000;
        while !self.producer(client).producer.is_closed() {
            if !self.step(until) {
                self.print_trace(60);
                panic!("the producer does not close");
            }
        }
        let slots = self.producer(client).producer.slots_in_use();
        assert_eq!(slots, 0, "slots are in use after close");
        assert_eq!(self.connections_of(client), 0, "connections are open after close");
    }

    /// Starts the applications that have a plan.
    pub fn start_plans(&mut self) {
        for client in 0..self.clients.len() {
            let now = self.now;
            self.at(now, Event::App(client));
        }
    }
}

/// Whether an outcome is acked with this base offset.
pub fn acked_at(outcome: Option<Outcome>, offset: i64) -> bool {
    matches!(outcome, Some(Outcome::Acked { base_offset: Some(base), .. }) if base == offset)
}

/// Whether an outcome is "never written", and why.
pub fn not_written(outcome: Option<Outcome>) -> Option<SendError> {
    match outcome {
        Some(Outcome::NotWritten(error)) => Some(error),
        _ => None,
    }
}

/// Whether an outcome is "nobody knows", and why.
pub fn indeterminate(outcome: Option<Outcome>) -> Option<SendError> {
    match outcome {
        Some(Outcome::Indeterminate(error)) => Some(error),
        _ => None,
    }
}

/// A world with one producer that writes to `t`.
pub fn one_producer(kind: Memory, nodes: i32, partitions: i32) -> (World<'static>, usize) {
    with_config(kind, nodes, partitions, quick_client(), quick_producer())
}

/// The same with settings of its own.
pub fn with_config(
    kind: Memory,
    nodes: i32,
    partitions: i32,
    client: ClientConfig<'static>,
    config: ProducerConfig,
) -> (World<'static>, usize) {
    let mut world = World::new(cluster(nodes, partitions), 1, true);
    let memory = memory(kind, &config);
    let producer = world.add_producer(client, config, memory, &["t"]);
    (world, producer)
}

/// Virtual time in milliseconds.
pub fn ms(instant: Instant) -> u64 {
    instant.0 / 1000
}
