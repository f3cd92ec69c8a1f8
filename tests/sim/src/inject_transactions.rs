//! Faults that concern transactions, their coordinators, and topics that do not stay as they are.

use kafka_broker::{Action, Release};
use kafka_proto::{ApiKey, ErrorCode};

use crate::client::{App, Client};
use crate::faults::Fault;
use crate::history::What;
use crate::inject::{Set, Undo};
use crate::rng::Rng;
use crate::swarm::TOPICS;
use crate::world::World;

const MS: u64 = 1_000;
const S: u64 = 1_000_000;

/// A topic grows to so many partitions at most.
const PARTITIONS_MAX: usize = 8;

impl World<'_> {
    pub(crate) fn on_transactions(&mut self, fault: Fault, rng: &mut Rng) -> Option<Set> {
        let mut undo = Vec::new();
        match fault {
            Fault::CoordinatorsMoved => self.cluster.move_coordinators(),
            Fault::CoordinatorsLoading => {
                self.cluster.coordinators_loading(self.now + rng.between(100 * MS, 10 * S));
            }
            Fault::EndLate => self.late_end_us = rng.between(300 * MS, 6 * S),
            Fault::LeaderMovedWaiting => self.move_while_waiting(rng)?,
            Fault::TopicRecreated => undo.extend(self.recreate(rng)?),
            _ => {
                let name = rng.pick(&TOPICS);
                let have = self.cluster.topic(name)?.partitions.len();
                let refused = have >= PARTITIONS_MAX || !self.can_place_replicas();
                if refused || !self.cluster.grow_topic(name, have as i32 + 1) {
                    return None;
                }
            }
        }
        Some(Set { client: None, undo })
    }

    /// A partition with a batch that waits for its replicas gets another leader, and produce requests are refused for
    /// a while: whether the batch is in the log cannot be found out soon.
    fn move_while_waiting(&mut self, rng: &mut Rng) -> Option<()> {
        let waiting: Vec<(String, i32, i32)> = self
            .cluster
            .topics()
            .flat_map(|t| (0..).zip(&t.partitions).map(|(n, p)| (t.name.clone(), n, p)))
            .filter(|(_, _, p)| p.high_watermark < p.log.end_offset())
            .filter_map(|(name, n, p)| Some((name, n, *p.replicas.iter().find(|r| **r != p.leader)?)))
            .collect();
        if waiting.is_empty() {
            return None;
        }
        let (name, partition, node) = waiting.get(rng.below(waiting.len() as u64) as usize)?;
        if !self.cluster.set_leader(name, *partition, *node) {
            return None;
        }
        let refused = Action::Error(ErrorCode::NOT_ENOUGH_REPLICAS);
        self.cluster.inject_many(ApiKey::PRODUCE, Some(*node), 0, rng.between(3, 30) as u32, refused);
        Some(())
    }

    /// Whether a partition that forgets its producers lets an older one in: before 3.6 nobody asks the coordinator, and
    /// what an older one wrote stays open for ever (KIP-890).
    pub(crate) fn forgets_fences(&self) -> bool {
        let transactional = |c: &Client<'_>| matches!(&c.app, App::Producer(app) if app.txn.is_some());
        self.cluster.config().release < Release::V3_9 && self.clients.iter().any(transactional)
    }

    /// Whether enough nodes live for the replicas of a partition: with fewer, Kafka makes none.
    pub(crate) fn can_place_replicas(&self) -> bool {
        let nodes = self.cluster.nodes();
        nodes.iter().filter(|n| n.alive).count() >= nodes.len().min(3)
    }

    /// The second topic is deleted, and made anew at once or a little later.
    fn recreate(&mut self, rng: &mut Rng) -> Option<Option<(u64, Undo)>> {
        let name = TOPICS[1];
        if self.forgets_fences() || !self.can_place_replicas() {
            return None;
        }
        let ends: Vec<i64> =
            self.cluster.topic(name)?.partitions.iter().map(|p| p.log.end_offset()).collect();
        let (topic, who) = (self.history.topic(name), self.history.participant("--"));
        for (partition, to) in (0..).zip(&ends) {
            let place = (topic, partition);
            self.history.push(self.now, who, What::Gone { place, from: 0, to: *to });
        }
        self.cluster.delete_topic(name);
        let count = ends.len() as i32;
        // Left alone a broker that creates topics would make one with another number of partitions.
        let later = rng.percent(50) && !self.cluster.config().auto_create;
        if later {
            return Some(Some((self.now + rng.between(100 * MS, 5 * S), Undo::Create(count))));
        }
        self.cluster.create_topic(name, count).ok()?;
        Some(None)
    }

    pub(crate) fn on_transactional_request(&mut self, fault: Fault, rng: &mut Rng) -> Set {
        let coordinator = [
            ErrorCode::COORDINATOR_LOAD_IN_PROGRESS,
            ErrorCode::COORDINATOR_NOT_AVAILABLE,
            ErrorCode::NOT_COORDINATOR,
        ];
        let busy = [ErrorCode::CONCURRENT_TRANSACTIONS, ErrorCode::NOT_COORDINATOR];
        let join = [
            ErrorCode::CONCURRENT_TRANSACTIONS,
            ErrorCode::NOT_COORDINATOR,
            ErrorCode::COORDINATOR_LOAD_IN_PROGRESS,
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
            ErrorCode::TRANSACTION_ABORTABLE,
        ];
        let after = [ErrorCode::COORDINATOR_NOT_AVAILABLE, ErrorCode::NOT_COORDINATOR];
        let closed = [Action::CloseBefore, Action::CloseAfter];
        let slow = Action::Delay(rng.between(10 * MS, 8 * S));
        let joining = rng.pick(&[ApiKey::ADD_PARTITIONS_TO_TXN, ApiKey::ADD_OFFSETS_TO_TXN]);
        let (api, action) = match fault {
            Fault::FindError => {
                (ApiKey::FIND_COORDINATOR, Action::Error(ErrorCode::COORDINATOR_NOT_AVAILABLE))
            }
            Fault::FindClosed => (ApiKey::FIND_COORDINATOR, rng.pick(&closed)),
            Fault::InitError => (ApiKey::INIT_PRODUCER_ID, Action::Error(rng.pick(&busy))),
            Fault::InitClosed => (ApiKey::INIT_PRODUCER_ID, rng.pick(&closed)),
            Fault::JoinError => (joining, Action::Error(rng.pick(&join))),
            Fault::JoinClosed => (joining, rng.pick(&closed)),
            Fault::JoinSlow => (joining, slow),
            Fault::TxnOffsetsError => (ApiKey::TXN_OFFSET_COMMIT, Action::Error(rng.pick(&coordinator))),
            Fault::TxnOffsetsClosed => (ApiKey::TXN_OFFSET_COMMIT, rng.pick(&closed)),
            Fault::EndError => (ApiKey::END_TXN, Action::Error(rng.pick(&coordinator))),
            Fault::EndErrorAfter => (ApiKey::END_TXN, Action::ErrorAfter(rng.pick(&after))),
            Fault::EndClosed => (ApiKey::END_TXN, rng.pick(&closed)),
            Fault::EndUnanswered => (ApiKey::END_TXN, Action::Swallow),
            _ => (ApiKey::END_TXN, slow),
        };
        let (skip, count) = (rng.below(3) as u32, rng.between(1, 3) as u32);
        self.cluster.inject_many(api, None, skip, count, action);
        Set::default()
    }
}
