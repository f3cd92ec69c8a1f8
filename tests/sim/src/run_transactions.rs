//! A run's transactional producers: how they are added, and what they must be able to do in the end.

use kafka_broker::Release;
use kafka_client_core::resources::ProducerMemory;

use crate::history::What;
use crate::run::{Run, promise};
use crate::run_healing::HEALED_WITHIN;
use crate::swarm::{Swarm, TOPICS};
use crate::takeover::Transactional;
use crate::txn_app::Step;
use crate::world::World;

impl Run<'_> {
    /// P8: only a cluster before 2.5 leaves a producer with a lost sequence no way on.
    pub(crate) fn no_old_excuse(&mut self) {
        let gave_up = |what: &What| matches!(what, What::Fatal { why } if why == "UNSUPPORTED_VERSION");
        let any = self.world.history.entries.iter().any(|entry| gave_up(&entry.what));
        if any && self.swarm.cluster.release != Release::V2_1 {
            self.world.violations.push("P8: a producer gave up as if the cluster were an old one".into());
        }
    }

    /// S1: each transactional id has one more transaction that is committed. Who was fenced or gave up begins anew, and
    /// so does who finds out only now that a connection is dead.
    pub(crate) fn last_transactions(&mut self) {
        let mut missing: Vec<usize> = (0..self.swarm.txns.len()).collect();
        for _ in 0..3 {
            if missing.is_empty() {
                return;
            }
            self.revive();
            let until = self.world.now + HEALED_WITHIN;
            self.world.run_until(until);
            missing.iter().for_each(|txn| self.begin_last(*txn));
            let until = self.world.now + HEALED_WITHIN;
            self.world.run_until(until);
            missing.retain(|txn| !self.last_is_committed(*txn));
        }
        for txn in missing {
            let (active, _) = self.pair(txn);
            let app = self.world.producer(active);
            let (step, state, trouble) =
                (app.step(), app.producer.transaction(), app.producer.transaction_trouble());
            let id = &self.swarm.txns[txn].id;
            let text = format!("S1: no transaction of {id} after healing: {step:?}, {state:?}, {trouble}");
            self.world.violations.push(text);
        }
    }

    fn begin_last(&mut self, txn: usize) {
        let (active, _) = self.pair(txn);
        if self.world.producer(active).step() != Some(Step::Idle) {
            return;
        }
        self.world.with_producer(active, |app, now, history| app.begin(now, history, 0));
        for partition in 0..self.swarm.partitions[0] {
            let _ = self.world.try_send(active, 0, Some(partition as u32), 10);
        }
        // The other topic may be another one by now.
        let _ = self.world.try_send(active, 1, Some(0), 10);
        self.world.with_producer(active, |app, now, history| app.commit(now, history));
    }

    fn last_is_committed(&mut self, txn: usize) -> bool {
        let (active, _) = self.pair(txn);
        let app = self.world.producer(active);
        let (who, op) = (app.who, app.txn.as_ref().map_or(0, |t| t.op));
        let committed = What::TxnEnd { op, committed: Some(true) };
        self.world.history.entries.iter().rev().any(|e| e.who == who && e.what == committed)
    }
}

/// Adds both clients of each transactional id; they do not run yet.
pub(crate) fn add_transactional<'m>(
    world: &mut World<'m>,
    swarm: &Swarm,
    mut memory: impl Iterator<Item = ProducerMemory<'m>>,
) {
    for spec in &swarm.txns {
        for _ in 0..2 {
            let Some(memory) = memory.next() else { return };
            let index = world.clients.len();
            let (name, first_id) = (format!("x{index}"), (index as u64) << 40);
            let with = Transactional { id: &spec.id, timeout: spec.timeout, name: &name, first_id };
            let (client, config) = (spec.producer.client, spec.producer.config);
            let app = world.transactional(client, config, memory, &TOPICS, &with);
            promise(world, app.who, &spec.producer, swarm);
            world.add_app(app);
        }
    }
}
