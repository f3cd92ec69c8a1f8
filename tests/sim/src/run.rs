//! One seed from beginning to end: the faults, the healing, the end, the verdict.

use std::collections::BTreeMap;

use kafka_client_core::config::{Acks, Isolation};
use kafka_client_core::producer::Outcome;
use kafka_client_core::resources::{ConsumerMemory, ProducerMemory};
use kafka_proto::record::Codec;

use crate::checker::check;
use crate::client::App;
use crate::consumer_app::Reading;
use crate::faults::{Counters, Fault};
use crate::history::What;
use crate::inject::Undo;
use crate::producer_app::{Naps, Plan};
use crate::rng::Rng;
use crate::run_transactions::add_transactional;
use crate::scenario::Small;
use crate::swarm::{Life, ProducerSpec, Swarm, TOPICS};
use crate::txn_app::TxnPlan;
use crate::world::{Event, World};

/// What came of a seed.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// The hash of its trace.
    pub hash: u64,
    /// Virtual microseconds.
    pub virtual_us: u64,
    /// Events.
    pub events: u64,
    /// Records accepted.
    pub records: u64,
    /// Of these: acknowledged, not written, indeterminate.
    pub outcomes: [u64; 3],
    /// Transactions that were committed, aborted, and of which nobody was told.
    pub transactions: [u64; 3],
    /// Records given to consumers.
    pub polled: u64,
    /// Faults that were set.
    pub fired: Counters,
    /// What is wrong.
    pub violations: Vec<String>,
    /// The trace, if it was asked for.
    pub trace: Vec<String>,
    /// The history, if the trace was asked for.
    pub history: String,
}

const S: u64 = 1_000_000;

pub(crate) struct Run<'m> {
    pub(crate) world: World<'m>,
    pub(crate) swarm: Swarm,
    pub(crate) rng: Rng,
    undo: BTreeMap<(u64, u64), Undo>,
    pub(crate) serial: u64,
    next_fault: u64,
    faults_until: u64,
    fired: Counters,
    pub(crate) producers: usize,
    /// Which client of each transactional id is the active one.
    pub(crate) active: Vec<usize>,
    /// Chance, for what only transactions need.
    pub(crate) txn_rng: Rng,
    transactions: [u64; 3],
    pub(crate) crashed_outcomes: u64,
    outcomes: [u64; 3],
    records: u64,
}

/// Runs a seed for so many virtual microseconds of faults.
pub fn run_seed(seed: u64, virtual_us: u64, readable: bool) -> Report {
    run_life(seed, Life::Plain, virtual_us, readable)
}

/// Runs a seed's life of this kind for so many virtual microseconds of faults.
pub fn run_life(seed: u64, life: Life, virtual_us: u64, readable: bool) -> Report {
    let swarm = Swarm::of(seed, life);
    let specs: Vec<ProducerSpec> = swarm.producers.iter().cloned().chain(swarm.pairs()).collect();
    let mut lent: Vec<Box<Small<'_>>> = specs.iter().map(|_| Box::new(Small::new())).collect();
    let mut memory: Vec<ProducerMemory<'_>> = Vec::new();
    for (lent, spec) in lent.iter_mut().zip(&specs) {
        memory.push(if spec.lent { lent.lend() } else { owned(spec) });
    }
    let mut run = Run::new(seed, swarm, memory, virtual_us, readable);
    run.with_faults();
    run.healed();
    run.caught_up();
    run.closed();
    run.verdict(seed)
}

pub(crate) fn owned<'m>(spec: &ProducerSpec) -> ProducerMemory<'m> {
    ProducerMemory::owned(spec.config.batch_size, spec.config.codec != Codec::None)
}

impl<'m> Run<'m> {
    fn new(
        seed: u64,
        swarm: Swarm,
        memory: Vec<ProducerMemory<'m>>,
        virtual_us: u64,
        readable: bool,
    ) -> Self {
        let mut world = World::new(swarm.cluster.clone(), seed, readable);
        world.weather = swarm.weather.clone();
        if swarm.has(Fault::MetadataError) {
            world.delay_topics(&mut Rng::stream(seed, "young topics"));
        }
        let mut rng = Rng::stream(seed, "faults");
        let first_fault = rng.around(swarm.fault_every_us);
        let mut memory = memory.into_iter();
        for (spec, memory) in swarm.producers.iter().zip(memory.by_ref()) {
            let client = world.add_producer(spec.client, spec.config, memory, &TOPICS);
            let who = world.producer(client).who;
            promise(&mut world, who, spec, &swarm);
            let mut plan = plan(spec, Rng::stream(seed + client as u64, "app"), virtual_us);
            plan.naps = naps(&swarm, Rng::stream(seed + client as u64, "naps"));
            world.producer(client).plan = Some(plan);
        }
        let producers = swarm.producers.len();
        add_transactional(&mut world, &swarm, memory);
        for (client, config) in &swarm.consumers {
            let restless = !swarm.txns.is_empty();
            let pause_us = if restless { 100_000 } else { 300_000 };
            let topics = [(TOPICS[0], swarm.partitions[0] as u32), (TOPICS[1], swarm.partitions[1] as u32)];
            let at = world.add_consumer(*client, *config, ConsumerMemory::owned(), &topics);
            let rng = Rng::stream(seed + at as u64, "app");
            world.consumer(at).plan = Some(Reading { rng, pause_us, until: virtual_us, hold: 10, restless });
            if config.isolation == Isolation::ReadUncommitted {
                let who = world.consumer(at).who;
                world.history.push(0, who, What::ReadsUncommitted);
            }
        }
        world.wire.in_flight_allowed = swarm
            .producers
            .iter()
            .cloned()
            .chain(swarm.pairs())
            .map(|p| u32::from(p.client.max_in_flight))
            .max();
        world.start_plans();
        world.at(first_fault, Event::Fault);
        let txns = swarm.txns.len();
        let mut run = Run {
            world,
            swarm,
            rng,
            undo: BTreeMap::new(),
            serial: 0,
            next_fault: first_fault,
            faults_until: virtual_us,
            fired: Counters::default(),
            producers,
            active: vec![0; txns],
            txn_rng: Rng::stream(seed, "transactional clients"),
            transactions: [0; 3],
            crashed_outcomes: 0,
            outcomes: [0; 3],
            records: 0,
        };
        for txn in 0..txns {
            run.first_transactional(txn, virtual_us);
        }
        run
    }

    /// Both clients of a transactional id get their plans, and the first begins.
    fn first_transactional(&mut self, txn: usize, until: u64) {
        let (active, other) = self.pair(txn);
        let spec = self.swarm.txns[txn].clone();
        for client in [active, other] {
            let plan = TxnPlan {
                rng: Rng::new(self.txn_rng.next()),
                pause_us: spec.producer.pause_us,
                records: spec.records,
                filling: spec.producer.filling,
                aborts: spec.aborts,
                until,
            };
            self.equip(txn, client, Some(plan));
        }
        self.world.with_producer(active, |app, now, history| app.init_transactions(now, history));
    }

    fn with_faults(&mut self) {
        while self.world.now < self.faults_until && self.world.step(self.faults_until) {
            if std::mem::take(&mut self.world.fault_due) {
                self.tick();
            }
        }
        self.world.now = self.world.now.max(self.faults_until);
    }

    /// Something about faults is due.
    fn tick(&mut self) {
        let now = self.world.now;
        while let Some((&(at, serial), &undo)) = self.undo.first_key_value() {
            if at > now {
                break;
            }
            self.undo.remove(&(at, serial));
            let next = self.world.undo(undo, &mut self.rng);
            self.remember(next);
        }
        self.revive();
        if self.next_fault <= now && !self.swarm.faults.is_empty() {
            let fault = self.rng.pick(&self.swarm.faults);
            self.fire(fault);
            self.next_fault = now + 1 + self.rng.around(self.swarm.fault_every_us);
        }
        let next = self.undo.first_key_value().map_or(u64::MAX, |((at, _), _)| *at).min(self.next_fault);
        self.world.at(next.max(now + 1), Event::Fault);
    }

    fn remember(&mut self, undo: Option<(u64, Undo)>) {
        if let Some((at, undo)) = undo {
            self.serial += 1;
            self.undo.insert((at, self.serial), undo);
        }
    }

    fn fire(&mut self, fault: Fault) {
        let any = self.rng.below(self.world.clients.len() as u64) as usize;
        let now = self.world.now;
        if fault == Fault::ProcessCrashed {
            if self.producers == 0 {
                return;
            }
            let client = self.rng.below(self.producers as u64) as usize;
            let state = self.world.state_of(client);
            self.fired.count(fault, state);
            self.crash(client);
            return;
        }
        if (Fault::TransactionalCrashed..=Fault::TransactionDawdles).contains(&fault) {
            self.fire_transactional(fault);
            return;
        }
        let before: Vec<_> = (0..self.world.clients.len()).map(|c| self.world.state_of(c)).collect();
        let Some(set) = self.world.set_fault(fault, &mut self.rng) else { return };
        let client = set.client.unwrap_or(any);
        self.world.trace.note(
            now,
            9,
            [fault as u64, client as u64, 0],
            format_args!("FAULT {fault:?} ({client})"),
        );
        self.fired.count(fault, before[client]);
        set.undo.into_iter().for_each(|undo| self.remember(Some(undo)));
    }

    /// What happens to the producers of a transactional id.
    fn fire_transactional(&mut self, fault: Fault) {
        let txn = self.txn_rng.below(self.swarm.txns.len() as u64) as usize;
        let (active, _) = self.pair(txn);
        let now = self.world.now;
        self.world.trace.note(
            now,
            9,
            [fault as u64, active as u64, 0],
            format_args!("FAULT {fault:?} ({active})"),
        );
        let state = self.world.state_of(active);
        self.fired.count(fault, state);
        match fault {
            Fault::TransactionalCrashed => self.begin_transactional(txn, active),
            Fault::TransactionalTakenOver => self.take_over(txn),
            _ => {
                let timeout = self.swarm.txns[txn].timeout.0;
                if let Some(app) = &mut self.world.producer(active).txn {
                    app.dawdles_until = now + timeout + self.txn_rng.between(0, 5 * S);
                }
            }
        }
    }

    pub(crate) fn count_outcomes(&mut self, client: usize) {
        let app = self.world.producer(client);
        let mut counts = [0; 3];
        for told in app.told.values() {
            counts[match told.outcome {
                Outcome::Acked { .. } => 0,
                Outcome::NotWritten(_) => 1,
                Outcome::Indeterminate(_) => 2,
            }] += 1;
        }
        let records = app.accepted.len() as u64;
        let mut wrong = std::mem::take(&mut app.wrong);
        if let Some(txn) = &app.txn {
            self.transactions.iter_mut().zip(txn.ends).for_each(|(all, n)| *all += n);
        }
        self.world.violations.append(&mut wrong);
        self.records += records;
        self.outcomes.iter_mut().zip(counts).for_each(|(all, n)| *all += n);
    }

    fn closed(&mut self) {
        self.world.read_logs();
        for client in 0..self.world.clients.len() {
            let now = self.world.instant();
            match &mut self.world.clients[client].app {
                App::Producer(app) => app.producer.close(now),
                App::Consumer(app) => {
                    let who = app.who;
                    app.consumer.close();
                    self.world.history.push(now.0, who, What::ReadsAll);
                }
            }
            self.world.pump(client);
        }
        let until = self.world.now + 40 * S;
        self.world.run_until(until);
        for client in 0..self.world.clients.len() {
            let (closed, slots) = match &self.world.clients[client].app {
                App::Producer(app) => (app.producer.is_closed(), app.producer.slots_in_use()),
                App::Consumer(app) => (app.consumer.is_closed(), 0),
            };
            if !closed || slots > 0 {
                let text = format!("S9: client {client} after close: closed {closed}, {slots} slots in use");
                self.world.violations.push(text);
            }
        }
    }

    fn verdict(mut self, seed: u64) -> Report {
        let producers = self.producers + 2 * self.swarm.txns.len();
        (0..producers).for_each(|client| self.count_outcomes(client));
        self.outcomes[2] += self.crashed_outcomes;
        let mut polled = 0;
        for client in &self.world.clients {
            if let App::Consumer(app) = &client.app {
                polled += app.records;
                let text = app.unreadable.iter().map(|e| format!("C2: a consumer cannot read: {e}"));
                self.world.violations.extend(text);
            }
        }
        self.no_old_excuse();
        let mut violations = std::mem::take(&mut self.world.violations);
        violations.extend(check(&self.world.history).into_iter().map(|v| format!("{}: {}", v.rule, v.text)));
        let readable = !self.world.trace.lines().is_empty();
        Report {
            seed,
            hash: self.world.trace.hash(),
            virtual_us: self.world.now,
            events: self.world.trace.events(),
            records: self.records,
            outcomes: self.outcomes,
            transactions: self.transactions,
            polled,
            fired: self.fired,
            violations,
            trace: self.world.trace.lines().to_vec(),
            history: if readable { self.world.history.to_text() } else { String::new() },
        }
    }
}

/// Some producers are idle for long where brokers forget such.
fn naps(swarm: &Swarm, mut rng: Rng) -> Option<Naps> {
    let sleeps = swarm.has(Fault::ProducersExpired) && rng.percent(30);
    let awake_until = rng.between(5 * S, 60 * S);
    sleeps.then_some(Naps { rng, awake_until })
}

fn plan(spec: &ProducerSpec, rng: Rng, until: u64) -> Plan {
    Plan {
        rng,
        pause_us: spec.pause_us,
        burst: spec.burst,
        filling: spec.filling,
        slow_seal: spec.slow_seal,
        until,
        naps: None,
    }
}

/// What a producer with these settings promises.
pub(crate) fn promise(world: &mut World<'_>, who: u16, spec: &ProducerSpec, swarm: &Swarm) {
    let lag = swarm.cluster.replication_lag_us > 0;
    // A process that does not run cannot say anything in time.
    let stopped = if swarm.has(Fault::ProcessStopped) { 60 * S } else { 0 };
    let what = What::Is {
        exactly_once: spec.config.idempotence,
        durable: spec.config.acks == Acks::All || (spec.config.acks == Acks::Leader && !lag),
        timeout_us: spec.config.delivery_timeout.0 + stopped,
    };
    world.history.push(world.now, who, what);
}
