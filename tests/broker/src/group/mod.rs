//! Groups: who is in them, and the offsets they committed.

pub(crate) mod admin;
mod assignors;
pub(crate) mod classic;
mod consumer;
mod consumer_api;
mod consumer_describe;
pub(crate) mod join;
pub(crate) mod membership;
pub(crate) mod offset_api;
pub(crate) mod offset_fetch;
pub(crate) mod offsets;

use std::collections::BTreeMap;

use kafka_proto::ErrorCode;

use crate::cluster::Cluster;
use crate::conn::Conns;
use crate::rng::Rng;
use crate::timers::Timers;
use classic::Classic;
use consumer::ConsumerGroup;
use offsets::Offsets;

/// What a group needs of the cluster to change.
pub(crate) struct Ctx<'c> {
    pub conns: &'c mut Conns,
    pub timers: &'c mut Timers,
    pub rng: &'c mut Rng,
    pub now: u64,
    pub throttle_ms: i32,
}

/// The protocol that a group's members speak.
#[derive(Debug)]
pub(crate) enum Kind {
    /// Join and sync; also a group that only has offsets.
    Classic(Classic),
    /// KIP-848: heartbeats only.
    Consumer(ConsumerGroup),
}

/// A group.
#[derive(Debug)]
pub(crate) struct Group {
    pub kind: Kind,
    pub offsets: Offsets,
}

impl Group {
    pub fn new(name: &str) -> Self {
        Self { kind: Kind::Classic(Classic::new(name)), offsets: Offsets::default() }
    }

    /// Whether this member may read the group's offsets (OffsetFetch 9).
    pub fn check_reader(&self, member: &str, epoch: i32) -> Result<(), ErrorCode> {
        match &self.kind {
            Kind::Consumer(group) if epoch >= 0 => {
                let found = group.members.get(member).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?;
                if found.epoch == epoch { Ok(()) } else { Err(ErrorCode::STALE_MEMBER_EPOCH) }
            }
            _ => Ok(()),
        }
    }

    pub fn is_empty(&self) -> bool {
        match &self.kind {
            Kind::Classic(classic) => classic.members.is_empty() && classic.pending.is_empty(),
            Kind::Consumer(group) => group.members.is_empty(),
        }
    }
}

/// All groups, by name.
pub(crate) type Groups = BTreeMap<String, Group>;

impl Cluster {
    /// The groups, and what they need to change.
    pub(crate) fn groups(&mut self) -> (&mut Groups, Ctx<'_>) {
        let throttle_ms = self.throttle_ms();
        let Self { groups, conns, timers, rng, now, .. } = self;
        (groups, Ctx { conns, timers, rng, now: *now, throttle_ms })
    }

    /// What every group request checks first.
    pub(crate) fn check_group(&self, group: &str, rq: &crate::request::Rq<'_>) -> Result<(), ErrorCode> {
        if let Some(code) = rq.forced {
            return Err(code);
        }
        if group.is_empty() {
            return Err(ErrorCode::INVALID_GROUP_ID);
        }
        self.check_coordinator(group, rq.node)
    }

    /// The group, made if there is room for another.
    pub(crate) fn group_or_new(&mut self, name: &str) -> Result<&mut Group, ErrorCode> {
        if !self.groups.contains_key(name) {
            if self.groups.len() >= self.config.max_groups {
                return Err(ErrorCode::COORDINATOR_NOT_AVAILABLE);
            }
            self.groups.insert(name.to_owned(), Group::new(name));
        }
        self.groups.get_mut(name).ok_or(ErrorCode::COORDINATOR_NOT_AVAILABLE)
    }

    /// The coordinators of some groups died with `node`: what was under way there is lost, what was stable is not.
    pub(crate) fn coordinators_moved(&mut self, node: i32) {
        let moved: Vec<String> = self
            .groups
            .keys()
            .filter(|g| self.coordinator_of(g).is_some_and(|n| n.id == node))
            .cloned()
            .collect();
        let session_us = self.config.consumer_session_timeout_ms * 1000;
        let (groups, mut ctx) = self.groups();
        for name in moved {
            match groups.get_mut(&name).map(|g| &mut g.kind) {
                Some(Kind::Classic(classic)) => classic.reload(&mut ctx),
                Some(Kind::Consumer(group)) => {
                    // A new coordinator gives everybody a whole session.
                    let later = ctx.now.saturating_add(session_us);
                    group.members.values_mut().for_each(|m| m.deadline = later);
                }
                None => {}
            }
        }
    }
}
