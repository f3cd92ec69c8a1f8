//! Transactional producers in the world: how one begins, how its process dies, and how a successor takes its place.
//!
//! Each `transactional.id` of a run has two clients. One is active; a successor begins in the other, while the one
//! before may still run and must find out that it was fenced.

use kafka_broker::Release;
use kafka_client_core::config::{ClientConfig, ProducerConfig};
use kafka_client_core::producer::Producer;
use kafka_client_core::resources::ProducerMemory;
use kafka_client_core::storage::Text;
use kafka_client_core::time::Duration;

use crate::client::{App, Client};
use crate::history::What;
use crate::link::host_name;
use crate::producer_app::ProducerApp;
use crate::run::{Run, owned, promise};
use crate::swarm::TOPICS;
use crate::txn_app::{Step, TxnApp};
use crate::world::World;

/// What a transactional producer is made with.
pub struct Transactional<'a> {
    /// `transactional.id`.
    pub id: &'a str,
    /// `transaction.timeout.ms`.
    pub timeout: Duration,
    /// Its name in the history.
    pub name: &'a str,
    /// The id of its first record.
    pub first_id: u64,
}

impl<'m> World<'m> {
    /// The application of a transactional producer that does not run yet.
    pub fn transactional(
        &mut self,
        client: ClientConfig<'m>,
        config: ProducerConfig,
        memory: ProducerMemory<'m>,
        topics: &[&'static str],
        with: &Transactional<'_>,
    ) -> ProducerApp<'m> {
        let nodes = self.cluster.nodes().len() as i32;
        let hosts = (0..nodes).map(|n| (Text::from(host_name(n)), 9092));
        let producer = Producer::new(client, config, hosts, memory);
        let id = Text::from(with.id.to_owned());
        let producer = match producer.and_then(|p| p.transactional(id, with.timeout)) {
            Ok(producer) => producer,
            Err(error) => panic!("an impossible configuration: {error}"),
        };
        let who = self.history.participant(with.name);
        let mut app = ProducerApp::new(producer, who, with.first_id);
        for name in topics {
            match app.producer.topic((*name).into()) {
                Ok(handle) => app.topics.push((handle, self.history.topic(name))),
                Err(error) => panic!("topic {name}: {error}"),
            }
        }
        let id = self.history.participant(with.id);
        app.txn =
            Some(Box::new(TxnApp::new(id, u64::from(with.timeout.as_millis_i32().unsigned_abs()) * 1000)));
        app
    }

    /// Adds a client.
    pub fn add_app(&mut self, app: ProducerApp<'m>) -> usize {
        let index = self.clients.len();
        self.clients.push(Client::new(App::Producer(Box::new(app))));
        self.pump(index);
        index
    }

    /// Lets a producer's application do something, and its machine what follows.
    pub fn with_producer<T>(
        &mut self,
        client: usize,
        act: impl FnOnce(&mut ProducerApp<'m>, u64, &mut crate::history::History) -> T,
    ) -> T {
        let now = self.now;
        let mut history = std::mem::take(&mut self.history);
        let result = act(self.producer(client), now, &mut history);
        self.history = history;
        self.pump(client);
        result
    }

    /// A copier that was initialized, or wants to know it, finds out where its group stands.
    pub(crate) fn tell_input(&mut self, client: usize) {
        let App::Producer(app) = &mut self.clients[client].app else { return };
        let Some(txn) = &app.txn else { return };
        let Some(group) = txn.wants_input().map(str::to_owned) else { return };
        let at = self.committed(&group, TOPICS[0], 0);
        let App::Producer(app) = &mut self.clients[client].app else { return };
        if let Some(copier) = app.txn.as_mut().and_then(|txn| txn.copier.as_mut()) {
            copier.2 = at;
        }
    }

    /// A producer's process is gone: what nobody will be told any more.
    pub(crate) fn bury(&mut self, client: usize) -> u64 {
        let now = self.now;
        self.drop_links(client);
        let App::Producer(app) = &mut self.clients[client].app else { return 0 };
        let who = app.who;
        let open: Vec<u64> = app.accepted.keys().filter(|id| !app.told.contains_key(id)).copied().collect();
        let count = open.len() as u64;
        for id in open {
            self.history.push(now, who, What::Indeterminate { id, why: "crashed".into() });
        }
        if let Some(txn) = &mut app.txn
            && matches!(txn.step, Step::Open(_) | Step::Committing | Step::Aborting)
        {
            txn.ends[2] += 1;
            self.history.push(now, who, What::TxnEnd { op: txn.op, committed: None });
        }
        count
    }
}

/// A world with one transactional producer of `t`, initialized: the vocabulary of scenarios about transactions.
pub fn one_transactional(config: kafka_broker::Config) -> (World<'static>, usize) {
    let mut world = World::new(config, 1, true);
    let p = world.add_transactional("tx", "p0");
    world.with_producer(p, |app, now, history| app.init_transactions(now, history));
    world.reach_step(p, Step::Idle, 5_000);
    (world, p)
}

impl World<'static> {
    /// Adds a transactional producer of `t` that does not run yet; its transactions may take 30 seconds.
    pub fn add_transactional(&mut self, id: &str, name: &str) -> usize {
        let config = crate::scenario::quick_producer();
        let memory = ProducerMemory::owned(config.batch_size, false);
        let first_id = (self.clients.len() as u64) << 40;
        let with = Transactional { id, timeout: Duration::from_millis(30_000), name, first_id };
        let app = self.transactional(crate::scenario::quick_client(), config, memory, &["t"], &with);
        self.add_app(app)
    }
}

impl World<'_> {
    /// Begins a transaction.
    pub fn begin(&mut self, client: usize) {
        self.with_producer(client, |app, now, history| app.begin(now, history, 0));
    }

    /// Asks for the commit.
    pub fn commit(&mut self, client: usize) {
        self.with_producer(client, |app, now, history| app.commit(now, history));
    }

    /// Asks for the abort.
    pub fn abort(&mut self, client: usize) {
        self.with_producer(client, |app, now, history| app.abort(now, history));
    }

    /// Waits until a transactional application is where it should be; panics when that takes longer than `ms`.
    #[track_caller]
    pub fn reach_step(&mut self, client: usize, step: Step, ms: u64) {
        let until = self.now + ms * 1000;
        while self.producer(client).step() != Some(step) {
            if !self.step(until) {
                self.print_trace(60);
                let app = self.producer(client);
                panic!("{:?} and not {step:?} after {ms} ms: {:?}", app.step(), app.producer.transaction());
            }
        }
    }

    /// A transaction with a record in each of `partitions` that is committed.
    #[track_caller]
    pub fn transact(&mut self, client: usize, partitions: &[u32]) -> Vec<u64> {
        self.begin(client);
        let ids = partitions.iter().map(|n| self.send_one(client, Some(*n), 0)).collect();
        self.commit(client);
        self.reach_step(client, Step::Idle, 10_000);
        ids
    }

    /// Everything that the checker says about the history so far.
    pub fn verdict(&mut self) -> Vec<crate::checker::Violation> {
        self.read_logs();
        crate::checker::check(&self.history)
    }
}

impl Run<'_> {
    /// The clients of a transactional id: the active one, and the other.
    pub(crate) fn pair(&self, txn: usize) -> (usize, usize) {
        let first = self.producers + 2 * txn;
        let active = self.active.get(txn).copied().unwrap_or(0);
        (first + active, first + 1 - active)
    }

    /// A process of this transactional id begins in a client's place; what was there before is gone.
    pub(crate) fn begin_transactional(&mut self, txn: usize, client: usize) {
        self.count_outcomes(client);
        self.crashed_outcomes += self.world.bury(client);
        self.serial += 1;
        let spec = self.swarm.txns[txn].clone();
        let name = format!("x{client}.{}", self.serial);
        let mut config = spec.producer.client;
        config.seed = self.txn_rng.next();
        let first_id = self.world.producer(client).next_id();
        let with = Transactional { id: &spec.id, timeout: spec.timeout, name: &name, first_id };
        let memory = owned(&spec.producer);
        let app = self.world.transactional(config, spec.producer.config, memory, &TOPICS, &with);
        promise(&mut self.world, app.who, &spec.producer, &self.swarm);
        let before = self.world.producer(client).txn.as_mut().and_then(|t| t.plan.take());
        let frozen_until = self.world.clients[client].frozen_until;
        self.world.clients[client] = Client::new(App::Producer(Box::new(app)));
        self.world.clients[client].frozen_until = frozen_until;
        self.equip(txn, client, before);
        self.world.with_producer(client, |app, now, history| app.init_transactions(now, history));
    }

    /// Gives a transactional application its plan.
    pub(crate) fn equip(&mut self, txn: usize, client: usize, plan: Option<crate::txn_app::TxnPlan>) {
        let group = self.swarm.txns[txn].copies.clone();
        let group = group.map(|name| (self.world.history.participant(&name), name));
        // Older brokers cannot tell whether an offset may still change.
        let asks_again = self.swarm.cluster.release != Release::V2_1;
        if let Some(app) = &mut self.world.producer(client).txn {
            app.plan = plan;
            app.asks_again = asks_again;
            app.copier = group.map(|(number, name)| (name, number, None));
        }
    }

    /// Producers that can do nothing more are begun anew, as an application would.
    pub(crate) fn revive(&mut self) {
        for txn in 0..self.swarm.txns.len() {
            let (active, _) = self.pair(txn);
            if self.world.clients[active].frozen_until <= self.world.now
                && self.world.producer(active).step() == Some(Step::Dead)
            {
                self.begin_transactional(txn, active);
            }
        }
    }

    /// A successor takes the place of a producer that still runs.
    pub(crate) fn take_over(&mut self, txn: usize) {
        let (_, other) = self.pair(txn);
        if let Some(active) = self.active.get_mut(txn) {
            *active = 1 - *active;
        }
        self.begin_transactional(txn, other);
    }
}
