//! Faults at work: what each does to the world, and how it is undone.

use kafka_broker::Action;
use kafka_proto::{ApiKey, ErrorCode};

use crate::client::App;
use crate::faults::{ClientState, Fault};
use crate::history::What;
use crate::link::{End, Reach};
use crate::pipe::Cut;
use crate::rng::Rng;
use crate::swarm::TOPICS;
use crate::world::{Event, World};

/// What ends a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undo {
    /// The node starts again.
    Start(i32),
    /// The node dies (a step of a rolling restart).
    Kill(i32),
    /// The node can be connected to.
    Reach(i32),
    /// No more throttling.
    Unthrottle,
    /// The second topic is made anew, with so many partitions.
    Create(i32),
    /// The window of a connection opens.
    Window(u32),
    /// Another reset of a client's connections, and how many follow.
    Flap(usize, u32),
}

/// A fault that was set: whom it meets first, and what ends it when.
#[derive(Debug, Default)]
pub struct Set {
    /// The client that meets it, if it is about one.
    pub client: Option<usize>,
    /// What to do when.
    pub undo: Vec<(u64, Undo)>,
}

const MS: u64 = 1_000;
const S: u64 = 1_000_000;

/// What metadata says of a topic that is being created; without an error it says nothing of partitions.
const NO_TOPIC_YET: [ErrorCode; 3] =
    [ErrorCode::LEADER_NOT_AVAILABLE, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, ErrorCode::NONE];

/// How long brokers of the simulation remember a producer that writes nothing (`producer.id.expiration.ms`, in
/// microseconds). The client assumes that it is longer than the ten seconds for which it keeps several batches under way
/// after an acknowledgement, and the time that a batch may take to arrive or its answer to come back: here at most
/// a delivery's 25 s, a stopped process's 10 s, and 20 s on a stalled connection. Real brokers keep it for a day,
/// unless somebody configures less.
pub(crate) const PRODUCERS_KEPT: u64 = 70 * S;

impl World<'_> {
    /// What a client is doing.
    pub fn state_of(&mut self, client: usize) -> ClientState {
        let connected = self.links.values().any(|l| l.client == client && l.end == End::Open && !l.up.silent);
        let (known, busy) = match &self.clients[client].app {
            App::Producer(app) => {
                let known = app.topics.iter().any(|(topic, _)| app.producer.partitions(*topic) > 0);
                (known, app.producer.unresolved())
            }
            App::Consumer(app) => {
                (app.topics.iter().any(|(topic, ..)| app.consumer.partitions(*topic) > 0), true)
            }
        };
        match (known, connected, busy) {
            (false, ..) => ClientState::NoMetadata,
            (true, false, _) => ClientState::Disconnected,
            (true, true, true) => ClientState::Busy,
            (true, true, false) => ClientState::Idle,
        }
    }

    /// Sets a fault; `None` when there is nothing it could meet now.
    pub fn set_fault(&mut self, fault: Fault, rng: &mut Rng) -> Option<Set> {
        let set = match fault {
            Fault::ResetNow
            | Fault::ResetUpAtByte
            | Fault::ResetDownAtByte
            | Fault::FinUpAtByte
            | Fault::FinDownAtByte
            | Fault::HalfOpen
            | Fault::StallUp
            | Fault::LateResponse
            | Fault::ZeroWindow
            | Fault::Trickle
            | Fault::PartialWrites
            | Fault::BitFlip => self.on_link(fault, rng)?,
            Fault::LinkFlap => {
                let client = rng.below(self.clients.len() as u64) as usize;
                let again = rng.between(3, 30) as u32;
                Set { client: Some(client), undo: vec![(self.now, Undo::Flap(client, again))] }
            }
            Fault::ProcessStopped => {
                let client = rng.below(self.clients.len() as u64) as usize;
                self.clients[client].frozen_until = self.now + rng.between(100 * MS, 10 * S);
                Set { client: Some(client), undo: Vec::new() }
            }
            Fault::ProcessCrashed => return None,
            Fault::Refused
            | Fault::Unreachable
            | Fault::LeaderMoved
            | Fault::LeaderMovedManyTimes
            | Fault::NodeKilled
            | Fault::NodeVanished
            | Fault::RollingRestart
            | Fault::ConnectionsDropped
            | Fault::IsrShrunk
            | Fault::UncleanElection
            | Fault::RecordsDeleted
            | Fault::ProducersExpired
            | Fault::Throttled => self.on_cluster(fault, rng)?,
            Fault::CoordinatorsMoved
            | Fault::CoordinatorsLoading
            | Fault::LeaderMovedWaiting
            | Fault::TopicRecreated
            | Fault::TopicGrown
            | Fault::EndLate => self.on_transactions(fault, rng)?,
            _ if fault > Fault::ProcessCrashed => self.on_transactional_request(fault, rng),
            _ => self.on_request(fault, rng),
        };
        self.drain_cluster();
        Some(set)
    }

    fn on_link(&mut self, fault: Fault, rng: &mut Rng) -> Option<Set> {
        let open: Vec<u32> =
            self.links.iter().filter(|(_, l)| l.end == End::Open).map(|(id, _)| *id).collect();
        if open.is_empty() {
            return None;
        }
        let id = rng.pick(&open);
        let now = self.now;
        let link = self.links.get_mut(&id)?;
        let client = Some(link.client);
        let (sent_up, sent_down) = (link.up.sent, link.down.sent);
        let mut undo = Vec::new();
        match fault {
            Fault::ResetNow => self.cut_up(id, Cut::Reset),
            Fault::ResetUpAtByte => link.up.cut = Some((sent_up + rng.below(600), Cut::Reset)),
            Fault::ResetDownAtByte => link.down.cut = Some((sent_down + rng.below(200), Cut::Reset)),
            Fault::FinUpAtByte => link.up.cut = Some((sent_up + rng.below(600), Cut::Fin)),
            Fault::FinDownAtByte => link.down.cut = Some((sent_down + rng.below(200), Cut::Fin)),
            Fault::HalfOpen => {
                // One direction, the other, or both.
                let which = rng.below(3);
                link.up.silent |= which != 1;
                link.down.silent |= which != 0;
            }
            Fault::StallUp => link.up.pause(now, rng.between(10 * MS, 20 * S)),
            Fault::LateResponse => link.down.pause(now, rng.between(10 * MS, 20 * S)),
            Fault::ZeroWindow => {
                link.up.window = 0;
                undo.push((now + rng.between(10 * MS, 20 * S), Undo::Window(id)));
            }
            Fault::Trickle => {
                (link.up.chunk_max, link.down.chunk_max) = (1, 1);
            }
            Fault::PartialWrites => link.write_max = rng.between(1, 40) as usize,
            _ => link.flip = true,
        }
        Some(Set { client, undo })
    }

    /// A topic's name and a partition of it, by chance.
    pub(crate) fn some_partition(&self, rng: &mut Rng) -> Option<(String, i32)> {
        let all: Vec<(&str, usize)> =
            self.cluster.topics().map(|t| (t.name.as_str(), t.partitions.len())).collect();
        let (name, count) = *all.get(rng.below(all.len() as u64) as usize)?;
        Some((name.to_owned(), rng.below(count as u64) as i32))
    }

    fn on_cluster(&mut self, fault: Fault, rng: &mut Rng) -> Option<Set> {
        let now = self.now;
        let nodes = self.cluster.nodes().len() as i32;
        let node = rng.below(nodes as u64) as i32;
        let alive: Vec<i32> = self.cluster.nodes().iter().filter(|n| n.alive).map(|n| n.id).collect();
        let mut undo = Vec::new();
        match fault {
            Fault::Refused | Fault::Unreachable => {
                let reach = if fault == Fault::Refused { Reach::Refused } else { Reach::Silent };
                *self.reach.get_mut(node as usize)? = reach;
                undo.push((now + rng.between(S, 20 * S), Undo::Reach(node)));
            }
            Fault::LeaderMoved => {
                let (name, partition) = self.some_partition(rng)?;
                self.cluster.set_leader(&name, partition, node);
            }
            Fault::LeaderMovedManyTimes => {
                for _ in 0..rng.between(5, 30) {
                    let (name, partition) = self.some_partition(rng)?;
                    self.cluster.set_leader(&name, partition, rng.below(nodes as u64) as i32);
                }
            }
            Fault::NodeKilled | Fault::NodeVanished => {
                let node = *alive.get(rng.below(alive.len() as u64) as usize)?;
                if fault == Fault::NodeVanished {
                    for link in self.links.values_mut().filter(|l| l.node == node) {
                        (link.up.silent, link.down.silent) = (true, true);
                    }
                    *self.reach.get_mut(node as usize)? = Reach::Silent;
                }
                self.cluster.kill_node(node);
                let back = now + rng.between(100 * MS, 30 * S);
                undo.extend([(back, Undo::Start(node)), (back, Undo::Reach(node))]);
            }
            Fault::RollingRestart => {
                let step = rng.between(200 * MS, 5 * S);
                for node in 0..nodes {
                    let at = now + step * 2 * node as u64;
                    undo.extend([(at, Undo::Kill(node)), (at + step, Undo::Start(node))]);
                }
            }
            Fault::ConnectionsDropped => self.cluster.drop_connections(node),
            Fault::IsrShrunk => {
                let (name, partition) = self.some_partition(rng)?;
                self.cluster.shrink_isr(&name, partition);
            }
            Fault::UncleanElection => self.lose_records(rng)?,
            Fault::RecordsDeleted => {
                let (name, partition) = self.some_partition(rng)?;
                let mark = self.cluster.partition(&name, partition)?.high_watermark;
                let before = rng.below(mark.max(0) as u64 + 1) as i64;
                self.cluster.delete_records(&name, partition, before);
                let place = (self.history.topic(&name), partition);
                let who = self.history.participant("--");
                self.history.push(now, who, What::Gone { place, from: 0, to: before });
            }
            Fault::ProducersExpired => {
                if self.forgets_fences() {
                    return None;
                }
                self.cluster.expire_producers(PRODUCERS_KEPT);
            }
            _ => {
                self.cluster.throttle(rng.between(1, 2_000) as u32);
                undo.push((now + rng.between(S, 10 * S), Undo::Unthrottle));
            }
        }
        Some(Set { client: None, undo })
    }

    /// An unclean election: the last records of a partition are lost, also acknowledged ones.
    fn lose_records(&mut self, rng: &mut Rng) -> Option<()> {
        let (name, partition) = self.some_partition(rng)?;
        let found = self.cluster.partition(&name, partition)?;
        let (end, start) = (found.log.end_offset(), found.log.start_offset());
        let replicas = found.replicas.clone();
        let from = (end - rng.below(20) as i64).max(start);
        // Whole batches go.
        let first =
            found.log.batches().find(|(info, _)| info.last_offset >= from).map(|(info, _)| info.base_offset);
        self.cluster.unclean_election(&name, partition, rng.pick(&replicas), from);
        let from = first.unwrap_or(end);
        let place = (self.history.topic(&name), partition);
        let who = self.history.participant("--");
        self.history.push(self.now, who, What::Gone { place, from, to: end });
        Some(())
    }

    /// Some clusters have only begun to make their topics when the first clients come.
    pub(crate) fn delay_topics(&mut self, rng: &mut Rng) {
        let code = rng.pick(&NO_TOPIC_YET);
        if rng.percent(30) {
            let count = rng.between(1, 20) as u32;
            self.cluster.inject_many(ApiKey::METADATA, None, 0, count, Action::Error(code));
        }
    }

    fn on_request(&mut self, fault: Fault, rng: &mut Rng) -> Set {
        let retriable = [
            ErrorCode::NOT_LEADER_OR_FOLLOWER,
            ErrorCode::LEADER_NOT_AVAILABLE,
            ErrorCode::KAFKA_STORAGE_ERROR,
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
        ];
        let produce = [
            ErrorCode::NOT_ENOUGH_REPLICAS,
            ErrorCode::CORRUPT_MESSAGE,
            ErrorCode::NOT_LEADER_OR_FOLLOWER,
            ErrorCode::UNKNOWN_TOPIC_ID,
            ErrorCode::TOPIC_AUTHORIZATION_FAILED,
            ErrorCode::MESSAGE_TOO_LARGE,
            ErrorCode::INVALID_RECORD,
        ];
        let after = [ErrorCode::REQUEST_TIMED_OUT, ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND];
        let sequence = [
            ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER,
            ErrorCode::UNKNOWN_PRODUCER_ID,
            ErrorCode::INVALID_PRODUCER_EPOCH,
        ];
        let coordinator = [ErrorCode::COORDINATOR_LOAD_IN_PROGRESS, ErrorCode::COORDINATOR_NOT_AVAILABLE];
        let closed = [Action::CloseBefore, Action::CloseAfter];
        let slow = Action::Delay(rng.between(10 * MS, 8 * S));
        let (api, action) = match fault {
            Fault::ProduceError => (ApiKey::PRODUCE, Action::Error(rng.pick(&produce))),
            Fault::ProduceErrorAfter => (ApiKey::PRODUCE, Action::ErrorAfter(rng.pick(&after))),
            Fault::ProduceOutOfOrder => (ApiKey::PRODUCE, Action::Error(rng.pick(&sequence))),
            Fault::ProduceUnanswered => (ApiKey::PRODUCE, Action::Swallow),
            Fault::ProduceClosed => (ApiKey::PRODUCE, rng.pick(&closed)),
            Fault::ProduceSlow => (ApiKey::PRODUCE, slow),
            Fault::MetadataError => (ApiKey::METADATA, Action::Error(rng.pick(&NO_TOPIC_YET))),
            Fault::MetadataUnanswered => (ApiKey::METADATA, Action::Swallow),
            Fault::MetadataClosed => (ApiKey::METADATA, rng.pick(&closed)),
            Fault::IdentityError => (ApiKey::INIT_PRODUCER_ID, Action::Error(rng.pick(&coordinator))),
            Fault::IdentityClosed => (ApiKey::INIT_PRODUCER_ID, rng.pick(&closed)),
            Fault::VersionsUnanswered => (ApiKey::API_VERSIONS, Action::Swallow),
            Fault::VersionsClosed => (ApiKey::API_VERSIONS, rng.pick(&closed)),
            Fault::FetchError => (ApiKey::FETCH, Action::Error(rng.pick(&retriable))),
            Fault::FetchClosed => (ApiKey::FETCH, rng.pick(&closed)),
            Fault::FetchSlow => (ApiKey::FETCH, slow),
            Fault::OffsetsError => (ApiKey::LIST_OFFSETS, Action::Error(rng.pick(&retriable))),
            _ => (ApiKey::LIST_OFFSETS, rng.pick(&closed)),
        };
        let (skip, count) = (rng.below(3) as u32, rng.between(1, 4) as u32);
        self.cluster.inject_many(api, None, skip, count, action);
        Set::default()
    }

    /// Ends a fault, or goes on to its next step.
    pub fn undo(&mut self, undo: Undo, rng: &mut Rng) -> Option<(u64, Undo)> {
        let mut next = None;
        match undo {
            Undo::Start(node) => self.cluster.start_node(node),
            Undo::Kill(node) => self.cluster.kill_node(node),
            Undo::Reach(node) => {
                if let Some(reach) = self.reach.get_mut(node as usize) {
                    *reach = Reach::Open;
                }
            }
            Undo::Unthrottle => self.cluster.throttle(0),
            // It may have been made by itself meanwhile.
            Undo::Create(partitions) if !self.can_place_replicas() => {
                next = Some((self.now + S, Undo::Create(partitions)));
            }
            Undo::Create(partitions) => {
                let _ = self.cluster.create_topic(TOPICS[1], partitions);
            }
            Undo::Window(id) => {
                if let Some(link) = self.links.get_mut(&id) {
                    link.up.window = self.weather.window;
                    self.at(self.now, Event::Writable(id));
                }
            }
            Undo::Flap(client, again) => {
                let ids: Vec<u32> =
                    self.links.iter().filter(|(_, l)| l.client == client).map(|(id, _)| *id).collect();
                ids.into_iter().for_each(|id| self.cut_up(id, Cut::Reset));
                if again > 0 {
                    next = Some((self.now + rng.between(10 * MS, 500 * MS), Undo::Flap(client, again - 1)));
                }
            }
        }
        self.drain_cluster();
        next
    }

    /// Everything works again, from now on, except that a node may be dead for good.
    pub fn heal(&mut self, stays_dead: Option<i32>) {
        self.cluster.clear_injections();
        self.cluster.throttle(0);
        self.cluster.coordinators_loading(0);
        self.late_end_us = 0;
        self.reach.iter_mut().for_each(|reach| *reach = Reach::Open);
        let nodes = self.cluster.nodes().len() as i32;
        // A topic made when few others lived may have too few replicas without it.
        let stays_dead = stays_dead.filter(|node| {
            self.cluster.topics().all(|t| {
                let others = |replicas: &[i32]| replicas.iter().filter(|r| *r != node).count();
                t.partitions.iter().all(|p| others(&p.replicas) >= t.min_insync_replicas.max(1))
            })
        });
        (0..nodes).filter(|node| Some(*node) != stays_dead).for_each(|node| self.cluster.start_node(node));
        if let Some(node) = stays_dead {
            self.cluster.kill_node(node);
        }
        // It was deleted, and is to be made anew.
        if self.cluster.topic(TOPICS[1]).is_none() {
            let _ = self.cluster.create_topic(TOPICS[1], 3);
        }
        let all: Vec<(String, usize)> =
            self.cluster.topics().map(|t| (t.name.clone(), t.partitions.len())).collect();
        for (name, count) in all {
            for partition in 0..count as i32 {
                for node in 0..nodes {
                    self.cluster.set_leader(&name, partition, node);
                }
            }
        }
        let ids: Vec<u32> = self.links.keys().copied().collect();
        for id in ids {
            let _ = self.undo(Undo::Window(id), &mut Rng::new(0));
        }
        self.drain_cluster();
    }
}
