//! A classic group: its members, its generation, and the rebalance that makes the next one.

use std::collections::BTreeMap;

use kafka_proto::messages::{JoinGroupResponse, JoinGroupResponseMember, SyncGroupResponse};
use kafka_proto::{Array, ErrorCode};

use super::Ctx;
use crate::conn::Ticket;
use crate::timers::Timer;

/// Where a group is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Empty,
    /// Waits until all members have joined again.
    PreparingRebalance,
    /// Waits for the leader's assignment.
    CompletingRebalance,
    Stable,
}

impl State {
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::PreparingRebalance => "PreparingRebalance",
            Self::CompletingRebalance => "CompletingRebalance",
            Self::Stable => "Stable",
        }
    }
}

/// One member.
#[derive(Debug)]
pub(crate) struct Member {
    pub id: String,
    pub instance_id: Option<String>,
    pub client_id: String,
    pub session_timeout_ms: i32,
    pub rebalance_timeout_ms: i32,
    /// Assignors it can use with its subscription, in its order of preference.
    pub protocols: Vec<(String, Vec<u8>)>,
    pub assignment: Vec<u8>,
    /// Its JoinGroup that waits for the others.
    pub joining: Option<Ticket>,
    /// Its SyncGroup that waits for the leader.
    pub syncing: Option<Ticket>,
    /// When it is taken for dead (monotonic microseconds).
    pub deadline: u64,
    /// A timer looks after the deadline; there is never more than one.
    pub armed: bool,
    /// It was in a generation that became stable.
    pub settled: bool,
}

impl Member {
    pub fn metadata(&self, protocol: Option<&str>) -> &[u8] {
        let found = self.protocols.iter().find(|(name, _)| Some(name.as_str()) == protocol);
        found.map_or(&[], |(_, metadata)| metadata)
    }

    pub fn alive_until(&mut self, now: u64) {
        self.deadline = now.saturating_add(micros(self.session_timeout_ms));
    }
}

pub(crate) fn micros(ms: i32) -> u64 {
    u64::try_from(ms).unwrap_or(0) * 1000
}

/// A classic group.
#[derive(Debug)]
pub(crate) struct Classic {
    pub name: String,
    pub state: State,
    pub generation: i32,
    pub protocol_type: Option<String>,
    pub protocol: Option<String>,
    pub leader: Option<String>,
    /// In the order in which they came.
    pub members: Vec<Member>,
    /// Ids that were given out (JoinGroup 4) and not used yet, and until when they can be.
    pub pending: BTreeMap<String, u64>,
    /// Counts rebalances, so that an old timer does not end a new one.
    pub rebalance: u64,
}

impl Classic {
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            state: State::Empty,
            generation: 0,
            protocol_type: None,
            protocol: None,
            leader: None,
            members: Vec::new(),
            pending: BTreeMap::new(),
            rebalance: 0,
        }
    }

    pub fn member(&mut self, id: &str) -> Option<&mut Member> {
        self.members.iter_mut().find(|m| m.id == id)
    }

    pub fn by_instance(&self, instance: &str) -> Option<&Member> {
        self.members.iter().find(|m| m.instance_id.as_deref() == Some(instance))
    }

    /// Whether a member with these protocols may be in the group.
    pub fn accepts(&self, protocol_type: &str, protocols: &[(String, Vec<u8>)], but: &str) -> bool {
        if protocol_type.is_empty() || protocols.is_empty() {
            return false;
        }
        let others: Vec<&Member> = self.members.iter().filter(|m| m.id != but).collect();
        if others.is_empty() {
            return true;
        }
        self.protocol_type.as_deref() == Some(protocol_type)
            && protocols
                .iter()
                .any(|(name, _)| others.iter().all(|m| m.protocols.iter().any(|p| p.0 == *name)))
    }

    /// Starts a rebalance, unless one is being prepared; ends it if nobody is missing.
    pub fn prepare_rebalance(&mut self, ctx: &mut Ctx<'_>, initial_delay_us: u64) {
        if self.state != State::PreparingRebalance {
            for member in &mut self.members {
                member.assignment.clear();
                if let Some(ticket) = member.syncing.take() {
                    sync_error(ctx, &ticket, ErrorCode::REBALANCE_IN_PROGRESS);
                    member.alive_until(ctx.now);
                }
            }
            let initial = self.state == State::Empty;
            self.state = State::PreparingRebalance;
            self.rebalance += 1;
            let longest = self.members.iter().map(|m| m.rebalance_timeout_ms).max().unwrap_or(0);
            let wait = if initial { initial_delay_us } else { micros(longest) };
            ctx.timers.set(ctx.now.saturating_add(wait), Timer::Rebalance(self.name.clone(), self.rebalance));
            if initial && initial_delay_us > 0 {
                return;
            }
        }
        self.try_complete_join(ctx);
    }

    pub fn try_complete_join(&mut self, ctx: &mut Ctx<'_>) {
        let all = self.members.iter().all(|m| m.joining.is_some()) && self.pending.is_empty();
        if self.state == State::PreparingRebalance && all {
            self.complete_join(ctx);
        }
    }

    /// The time for joining is over: who is not there is out, unless it is static; the others get a generation.
    pub fn complete_join(&mut self, ctx: &mut Ctx<'_>) {
        self.members.retain(|m| m.joining.is_some() || m.instance_id.is_some());
        self.pending.clear();
        if !self.members.is_empty() && self.members.iter().all(|m| m.joining.is_none()) {
            // Only static members that are away: they keep their places until their sessions end.
            self.rebalance += 1;
            let longest = self.members.iter().map(|m| m.rebalance_timeout_ms).max().unwrap_or(0);
            let at = ctx.now.saturating_add(micros(longest));
            return ctx.timers.set(at, Timer::Rebalance(self.name.clone(), self.rebalance));
        }
        self.generation = self.generation.wrapping_add(1).max(1);
        if self.members.is_empty() {
            self.state = State::Empty;
            self.protocol = None;
            self.leader = None;
            return;
        }
        self.state = State::CompletingRebalance;
        self.protocol = self.elect_protocol();
        let present = |id: &String| self.members.iter().any(|m| m.id == *id && m.joining.is_some());
        if !self.leader.as_ref().is_some_and(present) {
            self.leader = self.members.iter().find(|m| m.joining.is_some()).map(|m| m.id.clone());
        }
        self.rebalance += 1;
        let longest = self.members.iter().map(|m| m.rebalance_timeout_ms).max().unwrap_or(0);
        let at = ctx.now.saturating_add(micros(longest));
        ctx.timers.set(at, Timer::Rebalance(self.name.clone(), self.rebalance));
        let now = ctx.now;
        for index in 0..self.members.len() {
            let ticket = self.members.get_mut(index).and_then(|m| {
                m.alive_until(now);
                m.joining.take()
            });
            if let (Some(ticket), Some(member)) = (ticket, self.members.get(index)) {
                self.answer_join(ctx, &ticket, member, false);
            }
        }
    }

    /// The assignor that all can use and most prefer.
    fn elect_protocol(&self) -> Option<String> {
        let common = |name: &str| self.members.iter().all(|m| m.protocols.iter().any(|p| p.0 == name));
        let mut votes: Vec<(&str, usize)> = Vec::new();
        for member in &self.members {
            let Some((choice, _)) = member.protocols.iter().find(|p| common(&p.0)) else { continue };
            match votes.iter_mut().find(|v| v.0 == choice) {
                Some(vote) => vote.1 += 1,
                None => votes.push((choice, 1)),
            }
        }
        let most = votes.iter().map(|v| v.1).max()?;
        votes.iter().find(|v| v.1 == most).map(|v| v.0.to_owned())
    }

    /// Tells a member the generation it is in; the leader also learns the members.
    pub fn answer_join(&self, ctx: &mut Ctx<'_>, ticket: &Ticket, member: &Member, skip_assignment: bool) {
        let leads = self.leader.as_deref() == Some(member.id.as_str());
        let protocol = self.protocol.as_deref();
        let rows: Vec<JoinGroupResponseMember<'_>> = self
            .members
            .iter()
            .filter(|_| leads)
            .map(|m| JoinGroupResponseMember {
                member_id: &m.id,
                group_instance_id: m.instance_id.as_deref(),
                metadata: m.metadata(protocol),
            })
            .collect();
        let answer = JoinGroupResponse {
            throttle_time_ms: ctx.throttle_ms,
            generation_id: self.generation,
            protocol_type: self.protocol_type.as_deref(),
            protocol_name: Some(protocol.unwrap_or_default()),
            leader: self.leader.as_deref().unwrap_or_default(),
            skip_assignment,
            member_id: &member.id,
            members: Array::slice(&rows),
            ..JoinGroupResponse::default()
        };
        ctx.conns.reply(ticket, &answer);
    }

    /// Answers a SyncGroup with the member's assignment.
    pub fn answer_sync(&self, ctx: &mut Ctx<'_>, ticket: &Ticket, assignment: &[u8]) {
        let answer = SyncGroupResponse {
            throttle_time_ms: ctx.throttle_ms,
            protocol_type: self.protocol_type.as_deref(),
            protocol_name: self.protocol.as_deref(),
            assignment,
            ..SyncGroupResponse::default()
        };
        ctx.conns.reply(ticket, &answer);
    }

    /// A member is gone.
    pub fn remove(&mut self, ctx: &mut Ctx<'_>, id: &str) {
        let Some(at) = self.members.iter().position(|m| m.id == id) else { return };
        let gone = self.members.remove(at);
        for ticket in gone.joining.iter() {
            join_error(ctx, ticket, ErrorCode::UNKNOWN_MEMBER_ID, "");
        }
        for ticket in gone.syncing.iter() {
            sync_error(ctx, ticket, ErrorCode::UNKNOWN_MEMBER_ID);
        }
        if self.leader.as_deref() == Some(id) {
            self.leader = None;
        }
        match self.state {
            State::Stable | State::CompletingRebalance => self.prepare_rebalance(ctx, 0),
            State::PreparingRebalance => self.try_complete_join(ctx),
            State::Empty => {}
        }
    }

    /// A timer of this group rang: `rebalance` says which step it was for.
    pub fn rebalance_expired(&mut self, ctx: &mut Ctx<'_>, rebalance: u64) {
        if self.rebalance != rebalance {
            return;
        }
        match self.state {
            State::PreparingRebalance => self.complete_join(ctx),
            State::CompletingRebalance => {
                let silent = |m: &Member| m.syncing.is_none();
                let gone: Vec<String> =
                    self.members.iter().filter(|m| silent(m)).map(|m| m.id.clone()).collect();
                gone.iter().for_each(|id| self.remove(ctx, id));
            }
            State::Stable | State::Empty => {}
        }
    }

    /// A member's session may be over.
    pub fn session_expired(&mut self, ctx: &mut Ctx<'_>, id: &str) {
        if self.pending.get(id).is_some_and(|until| *until <= ctx.now) {
            self.pending.remove(id);
            return self.try_complete_join(ctx);
        }
        let Some(member) = self.members.iter_mut().find(|m| m.id == id) else { return };
        member.armed = false;
        let waits = member.joining.is_some() || member.syncing.is_some();
        if waits || member.deadline > ctx.now {
            return arm_session(ctx, &self.name, member);
        }
        self.remove(ctx, id);
    }

    /// Another node took over: members of a stable generation are still there, requests under way are not.
    pub fn reload(&mut self, ctx: &mut Ctx<'_>) {
        self.members.retain(|m| m.settled);
        self.pending.clear();
        for member in &mut self.members {
            (member.joining, member.syncing) = (None, None);
            member.alive_until(ctx.now);
        }
        self.state = if self.members.is_empty() { State::Empty } else { State::Stable };
        self.rebalance += 1;
        let name = &self.name;
        self.members.iter_mut().for_each(|m| arm_session(ctx, name, m));
    }
}

/// Looks at a member again when its session would end.
pub(crate) fn arm_session(ctx: &mut Ctx<'_>, group: &str, member: &mut Member) {
    if std::mem::replace(&mut member.armed, true) {
        return;
    }
    let waits = member.joining.is_some() || member.syncing.is_some();
    let at = if waits { ctx.now.saturating_add(micros(member.session_timeout_ms)) } else { member.deadline };
    ctx.timers.set(at.max(ctx.now + 1), Timer::Member(group.to_owned(), member.id.clone()));
}

pub(crate) fn join_error(ctx: &mut Ctx<'_>, ticket: &Ticket, error_code: ErrorCode, member_id: &str) {
    let answer = JoinGroupResponse {
        throttle_time_ms: ctx.throttle_ms,
        error_code,
        protocol_name: (ticket.version < 7).then_some(""),
        member_id,
        ..JoinGroupResponse::default()
    };
    ctx.conns.reply(ticket, &answer);
}

pub(crate) fn sync_error(ctx: &mut Ctx<'_>, ticket: &Ticket, error_code: ErrorCode) {
    let answer =
        SyncGroupResponse { throttle_time_ms: ctx.throttle_ms, error_code, ..SyncGroupResponse::default() };
    ctx.conns.reply(ticket, &answer);
}
