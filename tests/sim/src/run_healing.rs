//! The end of a life: everything works again, and so must everybody.

use kafka_client_core::producer::{Outcome, SendError};
use kafka_proto::ErrorCode;

use crate::client::App;
use crate::faults::Fault;
use crate::run::Run;
use crate::swarm::TOPICS;
use crate::world::World;

/// Time after healing in which everything must be well again: what was half open is found out by then.
pub(crate) const HEALED_WITHIN: u64 = 30_000_000;

/// A record that was not acknowledged, though everything is well.
struct Failed {
    client: usize,
    partition: i32,
    id: u64,
    outcome: Option<Outcome>,
}

impl Failed {
    /// The broker does not know what came before it.
    fn is_of_sequence(&self) -> bool {
        let lost = [ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, ErrorCode::UNKNOWN_PRODUCER_ID];
        match self.outcome {
            Some(Outcome::NotWritten(SendError::Broker(code)))
            | Some(Outcome::Indeterminate(SendError::Broker(code))) => lost.contains(&code),
            _ => false,
        }
    }
}

impl Run<'_> {
    /// S1: everything works again, and what is sent now is acknowledged.
    pub(crate) fn healed(&mut self) {
        let world = &mut self.world;
        world.trace.note(world.now, 9, [0; 3], format_args!("HEALED"));
        world.heal(self.swarm.stays_dead);
        let now = world.instant();
        for client in 0..world.clients.len() {
            world.clients[client].frozen_until = 0;
            match &mut world.clients[client].app {
                App::Producer(app) => {
                    app.plan = None;
                    if let Some(txn) = &mut app.txn {
                        txn.dawdles_until = 0;
                    }
                }
                App::Consumer(app) => app.calm(now),
            }
            world.pump(client);
        }
        world.run_until(world.now + HEALED_WITHIN);
        for client in 0..self.producers {
            for (topic, name) in TOPICS.iter().enumerate() {
                if self.world.producer(client).awaits(topic) {
                    let text = format!("S1: client {client} waits for topic {name} after healing");
                    self.world.violations.push(text);
                }
            }
        }
        self.last_transactions();
        let everywhere = (0..self.producers)
            .flat_map(|client| (0..self.swarm.partitions[0]).map(move |partition| (client, partition)));
        let everywhere = everywhere.collect();
        let failed = self.still_failing(everywhere);
        // The first record after brokers lost or forgot what they knew of its producer may be the one that finds it out;
        // the next begins anew.
        let forgotten = [Fault::UncleanElection, Fault::ProducersExpired].iter().any(|f| self.swarm.has(*f));
        let (found_a_loss, failed): (Vec<_>, Vec<_>) =
            failed.into_iter().partition(|f| forgotten && f.is_of_sequence());
        let again = self.still_failing(found_a_loss.iter().map(|f| (f.client, f.partition)).collect());
        for Failed { client, id, outcome, .. } in failed.iter().chain(&again) {
            let text = format!("S1: record {id} of client {client}, sent after healing: {outcome:?}");
            self.world.violations.push(text);
        }
    }

    /// Sends a record from each of these clients to its partition; those that are not acknowledged in time.
    fn still_failing(&mut self, places: Vec<(usize, i32)>) -> Vec<Failed> {
        let mut sent = Vec::new();
        for (client, partition) in places {
            let refused = self.world.producer(client).producer.refused();
            // Where the pool is full, open batches go at once, and without acknowledgements there is room at once.
            let send = |world: &mut World<'_>| world.try_send(client, 0, Some(partition as u32), 10);
            match send(&mut self.world).or_else(|_| send(&mut self.world)) {
                Ok(id) => sent.push((client, partition, id)),
                Err(_) if self.world.producer(client).producer.unresolved() => {}
                Err(error) => {
                    let text =
                        format!("S1: client {client} takes no record after healing: {error:?}, {refused:?}");
                    self.world.violations.push(text);
                }
            }
        }
        if sent.is_empty() {
            return Vec::new();
        }
        for client in 0..self.producers {
            let now = self.world.instant();
            self.world.producer(client).producer.flush(now);
            self.world.pump(client);
        }
        self.world.run_until(self.world.now + HEALED_WITHIN);
        // Who has hardly more time than one attempt may run out of it.
        sent.retain(|(client, ..)| !self.swarm.producers.get(*client).is_some_and(|p| p.is_tight));
        let ended = sent.into_iter().map(|(client, partition, id)| {
            let outcome = self.world.outcome(client, id);
            Failed { client, partition, id, outcome }
        });
        ended.filter(|f| !matches!(f.outcome, Some(Outcome::Acked { .. }))).collect()
    }

    /// Consumers read on for as long as they make progress.
    pub(crate) fn caught_up(&mut self) {
        let polled = |world: &World<'_>| {
            let apps = world.clients.iter().filter_map(|c| match &c.app {
                App::Consumer(app) => Some(app.records),
                App::Producer(_) => None,
            });
            apps.sum::<u64>()
        };
        let mut before = u64::MAX;
        while polled(&self.world) != before {
            before = polled(&self.world);
            self.world.run_until(self.world.now + HEALED_WITHIN);
        }
    }
}
