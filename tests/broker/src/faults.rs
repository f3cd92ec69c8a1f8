//! Faults on demand: leaders that move, nodes that die, requests that fail, producers that are forgotten.

use kafka_proto::{ApiKey, ErrorCode};

use crate::cluster::Cluster;
use crate::conn::Output;
use crate::partition::Partition;
use crate::timers::Timer;
use crate::topics::TopicId;

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It is answered with this error wherever the answer has a place for it; nothing is done.
    Error(ErrorCode),
    /// As [`Action::Error`], and the answer to Produce names the record at this index of each batch (KIP-467).
    ErrorOfRecord(ErrorCode, i32),
    /// It is done, and answered with this error (Produce and EndTxn; elsewhere as [`Action::Error`]).
    ErrorAfter(ErrorCode),
    /// The connection closes before anything is done.
    CloseBefore,
    /// It is done, and the connection closes instead of the answer.
    CloseAfter,
    /// It is done, and the answer held back for so many microseconds.
    Delay(u64),
    /// It is done, and the connection never says anything again.
    Swallow,
}

#[derive(Debug)]
struct Injection {
    api: ApiKey,
    node: Option<i32>,
    skip: u32,
    count: u32,
    action: Action,
}

/// The faults that are set.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    injections: Vec<Injection>,
    pub throttle_ms: u32,
    pub coordinators_loading_until: u64,
    /// How far all coordinators have moved on from where they were at first.
    pub coordinators_shift: usize,
}

impl Faults {
    pub fn take(&mut self, api: ApiKey, node: i32) -> Option<Action> {
        let at = self.injections.iter().position(|i| i.api == api && i.node.is_none_or(|n| n == node))?;
        let found = self.injections.get_mut(at)?;
        if found.skip > 0 {
            found.skip -= 1;
            return None;
        }
        let action = found.action;
        found.count -= 1;
        if found.count == 0 {
            self.injections.remove(at);
        }
        Some(action)
    }
}

impl Cluster {
    /// The next request of `api` on any node meets `action`.
    pub fn inject(&mut self, api: ApiKey, action: Action) {
        self.inject_many(api, None, 0, 1, action);
    }

    /// After `skip` requests of `api` (on `node`, if given) the following `count` meet `action`.
    pub fn inject_many(&mut self, api: ApiKey, node: Option<i32>, skip: u32, count: u32, action: Action) {
        if count > 0 {
            self.faults.injections.push(Injection { api, node, skip, count, action });
        }
    }

    /// Forgets all injections that were not met yet, and returns how many there were.
    pub fn clear_injections(&mut self) -> usize {
        std::mem::take(&mut self.faults.injections).len()
    }

    /// From now on answers carry this throttle time, and a connection's next request waits for it (KIP-219).
    pub fn throttle(&mut self, ms: u32) {
        self.faults.throttle_ms = ms;
    }

    /// Moves the leader of a partition: a clean election, nothing is lost. False when there is no such partition or
    /// the node is not a living replica.
    pub fn set_leader(&mut self, topic: &str, partition: i32, node: i32) -> bool {
        let alive = self.is_alive(node);
        let Some(p) = self.partition_of(topic, partition) else { return false };
        if !alive || !p.replicas.contains(&node) {
            return false;
        }
        if !p.isr.contains(&node) {
            p.isr.push(node);
        }
        p.elect(node);
        self.woken_by(topic, partition);
        true
    }

    /// Unclean election: `node` leads and everything from `offset` on is lost, also what was acknowledged.
    pub fn unclean_election(&mut self, topic: &str, partition: i32, node: i32, offset: i64) -> bool {
        let (now, lag, wall_ms) = (self.now, self.config.replication_lag_us, self.wall_ms());
        let Some(id) = self.topics.id(topic) else { return false };
        let Some(p) = self.partition_of(topic, partition) else { return false };
        if !p.replicas.contains(&node) {
            return false;
        }
        p.elect(node);
        if let Some(at) = p.truncate(offset, now, lag, wall_ms) {
            self.timers.set(at, Timer::Replicate(id, partition));
        }
        self.woken_by(topic, partition);
        true
    }

    /// Stops a node at once: its connections close, its partitions elect another leader out of the in-sync replicas.
    /// What was above the high watermark may be lost (how much of it the seed decides), what was below survives.
    pub fn kill_node(&mut self, node: i32) {
        if !self.is_alive(node) {
            return;
        }
        self.coordinators_moved(node);
        self.nodes.iter_mut().filter(|n| n.id == node).for_each(|n| n.alive = false);
        for conn in self.conns.ids_of(node) {
            self.conns.close(conn, String::new());
        }
        self.conns.push(Output::NodeDown(node));
        self.sessions.forget_node(node);
        let (now, lag, wall_ms) = (self.now, self.config.replication_lag_us, self.wall_ms());
        let rng = &mut self.rng;
        for (id, index, p) in self.topics.partitions_mut().filter(|(_, _, p)| p.replicas.contains(&node)) {
            let survivor = p.isr.iter().copied().find(|n| *n != node);
            if survivor.is_some() {
                p.isr.retain(|n| *n != node);
            }
            if p.leader == node {
                p.elect(survivor.unwrap_or(-1));
                let tail = p.log.end_offset() - p.high_watermark;
                if tail > 0 && survivor.is_some() {
                    let kept = rng.below(tail as u64 + 1) as i64;
                    if let Some(at) = p.truncate(p.high_watermark + kept, now, lag, wall_ms) {
                        self.timers.set(at, Timer::Replicate(id, index));
                    }
                }
            }
            p.in_sync(now);
            self.woken.append(&mut p.watchers);
        }
        self.settle();
    }

    /// Starts a killed node again: it rejoins the in-sync replicas, and leads what has no leader.
    pub fn start_node(&mut self, node: i32) {
        let Some(found) = self.nodes.iter_mut().find(|n| n.id == node && !n.alive) else { return };
        found.alive = true;
        self.coordinators_moved(node);
        self.conns.push(Output::NodeUp(node));
        for (_, _, p) in self.topics.partitions_mut().filter(|(_, _, p)| p.replicas.contains(&node)) {
            if !p.isr.contains(&node) {
                p.isr.push(node);
            }
            if p.leader < 0 && p.isr.contains(&node) {
                p.elect(node);
            }
        }
    }

    /// Closes all connections of a node, which goes on living.
    pub fn drop_connections(&mut self, node: i32) {
        for conn in self.conns.ids_of(node) {
            self.conns.close(conn, String::new());
        }
    }

    /// Every partition forgets the idempotent producers that wrote nothing to it for `idle_us` microseconds, as after a
    /// `producer.id.expiration.ms` of that length; never one with an open transaction.
    pub fn expire_producers(&mut self, idle_us: u64) {
        let Some(before) = self.now.checked_sub(idle_us) else { return };
        self.topics.partitions_mut().for_each(|(_, _, p)| p.producers.expire(before));
    }

    /// Deletes a topic. False: there is none.
    pub fn delete_topic(&mut self, name: &str) -> bool {
        let found = self.forget_topic(name);
        self.settle();
        found
    }

    /// Deletes a topic and wakes who waits for it.
    pub(crate) fn forget_topic(&mut self, name: &str) -> bool {
        let Some(mut gone) = self.topics.delete(name) else { return false };
        self.groups.values_mut().for_each(|g| g.offsets.forget_topic(name));
        for partition in &mut gone.partitions {
            self.woken.append(&mut partition.watchers);
        }
        true
    }

    /// Deletes a topic and creates it again: same name and partitions, another id, no records.
    pub fn recreate_topic(&mut self, name: &str) -> bool {
        let count = self.topics.named(name).map_or(0, |t| t.partitions.len());
        self.delete_topic(name) && self.create_topic(name, count as i32).is_ok()
    }

    /// Shrinks the in-sync replicas of a partition to its leader.
    pub fn shrink_isr(&mut self, topic: &str, partition: i32) {
        let now = self.now;
        if let Some(p) = self.partition_of(topic, partition) {
            let leader = p.leader;
            p.isr.retain(|n| *n == leader);
            p.in_sync(now);
        }
        self.woken_by(topic, partition);
    }

    /// Every fetch session is forgotten: incremental fetches get FETCH_SESSION_ID_NOT_FOUND.
    pub fn forget_fetch_sessions(&mut self) {
        self.sessions.clear();
    }

    /// All coordinators answer COORDINATOR_LOAD_IN_PROGRESS until `until` (monotonic microseconds).
    pub fn coordinators_loading(&mut self, until: u64) {
        self.faults.coordinators_loading_until = until;
    }

    /// The feature `transaction.version` is finalized at this level, 0 to 2; it only goes up.
    pub fn upgrade_transactions(&mut self, level: i16) {
        self.config.transaction_version = level.clamp(self.config.transaction_version, 2);
    }

    /// All coordinators move on to the next node.
    pub fn move_coordinators(&mut self) {
        self.nodes
            .iter()
            .map(|n| n.id)
            .collect::<Vec<_>>()
            .into_iter()
            .for_each(|n| self.coordinators_moved(n));
        self.faults.coordinators_shift += 1;
    }

    /// Gives a topic more partitions. False: there is no such topic, or it has as many.
    pub fn grow_topic(&mut self, name: &str, count: i32) -> bool {
        let Some(topic) = self.topics.named(name) else { return false };
        let (id, have) = (topic.id, topic.partitions.len() as i32);
        let width = topic.partitions.first().map_or(1, |p| p.replicas.len() as i16);
        if count <= have {
            return false;
        }
        let (assignment, alive) = (self.spread(have, count - have, width), self.alive_nodes());
        self.topics.grow(&self.config, &alive, &id, assignment).is_ok()
    }

    /// Removes the batches of a partition for which `keep` says no, as compaction does.
    pub fn compact(
        &mut self,
        topic: &str,
        partition: i32,
        keep: impl FnMut(&crate::BatchInfo, &[u8]) -> bool,
    ) {
        if let Some(p) = self.partition_of(topic, partition) {
            p.log.compact(keep);
        }
    }

    /// Moves the start of a partition's log, as DeleteRecords or retention does.
    pub fn delete_records(&mut self, topic: &str, partition: i32, before: i64) {
        if let Some(p) = self.partition_of(topic, partition) {
            p.delete_before(before);
        }
        self.woken_by(topic, partition);
    }

    /// Flips a bit in the stored batch that holds `offset`; `byte` counts from the start of the batch.
    pub fn corrupt(&mut self, topic: &str, partition: i32, offset: i64, byte: usize) -> bool {
        let bytes = self.partition_of(topic, partition).and_then(|p| p.log.batch_bytes_mut(offset));
        let found = bytes.and_then(|bytes| bytes.get_mut(byte));
        found.map(|b| *b ^= 1).is_some()
    }

    /// Appends a batch as it is, whatever is in it: only its header has to be right.
    pub fn forge(&mut self, topic: &str, partition: i32, bytes: &[u8]) -> bool {
        let (now, lag) = (self.now, self.config.replication_lag_us);
        let Some(Ok(batch)) = kafka_proto::record::batches(bytes).next() else { return false };
        let forged = self.partition_of(topic, partition).map(|p| p.append(bytes, batch.header(), now, lag));
        self.woken_by(topic, partition);
        if let (Some((_, Some(at))), Some(id)) = (forged, self.topics.id(topic)) {
            self.timers.set(at, Timer::Replicate(id, partition));
        }
        forged.is_some()
    }

    fn partition_of(&mut self, topic: &str, partition: i32) -> Option<&mut Partition> {
        self.topics.named_mut(topic)?.partition_mut(partition)
    }

    fn woken_by(&mut self, topic: &str, partition: i32) {
        let id: Option<TopicId> = self.topics.id(topic);
        let found = id.and_then(|id| self.topics.get_mut(&id)).and_then(|t| t.partition_mut(partition));
        if let Some(p) = found {
            self.woken.append(&mut p.watchers);
        }
        self.settle();
    }
}
