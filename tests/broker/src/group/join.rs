//! JoinGroup.

use kafka_proto::ErrorCode;
use kafka_proto::messages::JoinGroupRequest;

use super::classic::{Classic, Member, State, arm_session, join_error, micros};
use super::{Ctx, Group, Kind};
use crate::cluster::Cluster;
use crate::conn::Ticket;
use crate::request::{Hangup, Rq};
use crate::timers::Timer;

/// A JoinGroup, taken apart.
struct Join {
    ticket: Ticket,
    member_id: String,
    instance_id: Option<String>,
    client_id: String,
    protocol_type: String,
    protocols: Vec<(String, Vec<u8>)>,
    session_timeout_ms: i32,
    rebalance_timeout_ms: i32,
    /// JoinGroup 4: who has no id gets one and joins again.
    id_first: bool,
    initial_delay_us: u64,
    max_members: usize,
}

impl Cluster {
    pub(crate) fn join_group(&mut self, rq: &Rq<'_>) -> Result<(), Hangup> {
        let request: JoinGroupRequest<'_> = rq.decode()?;
        let group = request.group_id;
        let outcome = self.check_join(rq, &request).and_then(|()| {
            let known = !request.member_id.is_empty();
            if known && !self.groups.contains_key(group) {
                return Err(ErrorCode::UNKNOWN_MEMBER_ID);
            }
            self.group_or_new(group).map(|_| ())
        });
        let join = Join {
            ticket: rq.ticket,
            member_id: request.member_id.to_owned(),
            instance_id: request.group_instance_id.map(str::to_owned),
            client_id: rq.client_id.to_owned(),
            protocol_type: request.protocol_type.to_owned(),
            protocols: request.protocols.iter().map(|p| (p.name.to_owned(), p.metadata.to_vec())).collect(),
            session_timeout_ms: request.session_timeout_ms,
            // Before version 1 there is one timeout for both.
            rebalance_timeout_ms: if rq.version == 0 {
                request.session_timeout_ms
            } else {
                request.rebalance_timeout_ms
            },
            id_first: rq.version >= 4,
            initial_delay_us: self.config.group_initial_rebalance_delay_ms * 1000,
            max_members: self.config.max_group_members,
        };
        let (groups, mut ctx) = self.groups();
        let outcome = outcome.and_then(|()| match groups.get_mut(group) {
            Some(found) => match found.classic_if_empty(group) {
                Kind::Classic(classic) => classic.join(&mut ctx, join),
                Kind::Consumer(_) => Err(ErrorCode::INCONSISTENT_GROUP_PROTOCOL),
            },
            None => Err(ErrorCode::UNKNOWN_MEMBER_ID),
        });
        if let Err(code) = outcome {
            join_error(&mut ctx, &rq.ticket, code, request.member_id);
        }
        Ok(())
    }

    fn check_join(&self, rq: &Rq<'_>, request: &JoinGroupRequest<'_>) -> Result<(), ErrorCode> {
        self.check_group(request.group_id, rq)?;
        let (min, max) = self.config.group_session_timeout_ms;
        if !(min..=max).contains(&request.session_timeout_ms) {
            return Err(ErrorCode::INVALID_SESSION_TIMEOUT);
        }
        Ok(())
    }
}

impl Group {
    /// The group's kind; one of KIP-848 without members becomes a classic one for who joins it so.
    fn classic_if_empty(&mut self, name: &str) -> &mut Kind {
        if matches!(self.kind, Kind::Consumer(_)) && self.is_empty() {
            self.kind = Kind::Classic(Classic::new(name));
        }
        &mut self.kind
    }
}

impl Classic {
    fn join(&mut self, ctx: &mut Ctx<'_>, join: Join) -> Result<(), ErrorCode> {
        if !self.accepts(&join.protocol_type, &join.protocols, &join.member_id) {
            return Err(ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
        }
        if join.member_id.is_empty() { self.join_unknown(ctx, join) } else { self.join_known(ctx, join) }
    }

    fn join_unknown(&mut self, ctx: &mut Ctx<'_>, join: Join) -> Result<(), ErrorCode> {
        let prefix = join.instance_id.as_deref().unwrap_or(&join.client_id);
        let id = format!("{prefix}-{}", ctx.rng.uuid_text());
        if let Some(instance) = &join.instance_id
            && let Some(old) = self.by_instance(instance).map(|m| m.id.clone())
        {
            return self.replace_static(ctx, &old, id, join);
        }
        if self.members.len() + self.pending.len() >= join.max_members {
            return Err(ErrorCode::GROUP_MAX_SIZE_REACHED);
        }
        if join.id_first && join.instance_id.is_none() {
            let until = ctx.now.saturating_add(micros(join.session_timeout_ms));
            self.pending.insert(id.clone(), until);
            ctx.timers.set(until, Timer::Member(self.name.clone(), id.clone()));
            join_error(ctx, &join.ticket, ErrorCode::MEMBER_ID_REQUIRED, &id);
            return Ok(());
        }
        self.add(ctx, id, join);
        Ok(())
    }

    fn join_known(&mut self, ctx: &mut Ctx<'_>, join: Join) -> Result<(), ErrorCode> {
        if self.pending.remove(&join.member_id).is_some() {
            let id = join.member_id.clone();
            self.add(ctx, id, join);
            return Ok(());
        }
        if let Some(instance) = &join.instance_id {
            match self.by_instance(instance) {
                None => return Err(ErrorCode::UNKNOWN_MEMBER_ID),
                Some(member) if member.id != join.member_id => return Err(ErrorCode::FENCED_INSTANCE_ID),
                Some(_) => {}
            }
        }
        let leads = self.leader.as_deref() == Some(join.member_id.as_str());
        let state = self.state;
        let Some(member) = self.member(&join.member_id) else { return Err(ErrorCode::UNKNOWN_MEMBER_ID) };
        let same = member.protocols == join.protocols;
        let stays = match state {
            State::CompletingRebalance => same,
            State::Stable => same && !leads,
            State::PreparingRebalance => false,
            State::Empty => return Err(ErrorCode::UNKNOWN_MEMBER_ID),
        };
        member.update(ctx.now, &join);
        if stays {
            let id = join.member_id.as_str();
            if let Some(member) = self.members.iter().find(|m| m.id == id) {
                self.answer_join(ctx, &join.ticket, member, false);
            }
            return Ok(());
        }
        member.await_join(join.ticket);
        self.prepare_rebalance(ctx, 0);
        Ok(())
    }

    fn add(&mut self, ctx: &mut Ctx<'_>, id: String, join: Join) {
        if self.members.is_empty() {
            self.protocol_type = Some(join.protocol_type.clone());
        }
        let mut member = Member {
            id,
            instance_id: join.instance_id.clone(),
            client_id: join.client_id.clone(),
            session_timeout_ms: join.session_timeout_ms,
            rebalance_timeout_ms: join.rebalance_timeout_ms,
            protocols: join.protocols,
            assignment: Vec::new(),
            joining: Some(join.ticket),
            syncing: None,
            deadline: 0,
            armed: false,
            settled: false,
        };
        member.alive_until(ctx.now);
        arm_session(ctx, &self.name, &mut member);
        self.members.push(member);
        self.prepare_rebalance(ctx, join.initial_delay_us);
    }

    /// KIP-345: a static member that comes back takes its old place under a new id; the old id is fenced.
    fn replace_static(
        &mut self,
        ctx: &mut Ctx<'_>,
        old: &str,
        id: String,
        join: Join,
    ) -> Result<(), ErrorCode> {
        let led = self.leader.as_deref() == Some(old);
        let (state, protocol) = (self.state, self.protocol.clone());
        let Some(member) = self.member(old) else { return Err(ErrorCode::UNKNOWN_MEMBER_ID) };
        let (joining, syncing) = (member.joining.take(), member.syncing.take());
        let same = member.metadata(protocol.as_deref())
            == join.protocols.iter().find(|p| Some(&p.0) == protocol.as_ref()).map_or(&[][..], |p| &p.1);
        member.id = id.clone();
        member.update(ctx.now, &join);
        if led {
            self.leader = Some(id.clone());
        }
        joining.iter().for_each(|t| join_error(ctx, t, ErrorCode::FENCED_INSTANCE_ID, old));
        syncing.iter().for_each(|t| super::classic::sync_error(ctx, t, ErrorCode::FENCED_INSTANCE_ID));
        if let Some(member) = self.members.iter_mut().find(|m| m.id == id) {
            member.armed = false;
            arm_session(ctx, &self.name, member);
        }
        if state == State::Stable && same {
            if led && join.ticket.version < 9 {
                // Before KIP-814 the leader must not assign again: it is told that somebody else leads.
                self.answer_as_follower(ctx, &join.ticket, &id, old);
            } else if let Some(member) = self.members.iter().find(|m| m.id == id) {
                self.answer_join(ctx, &join.ticket, member, led);
            }
            return Ok(());
        }
        if let Some(member) = self.member(&id) {
            member.await_join(join.ticket);
        }
        self.prepare_rebalance(ctx, 0);
        Ok(())
    }

    fn answer_as_follower(&self, ctx: &mut Ctx<'_>, ticket: &Ticket, id: &str, leader: &str) {
        let answer = kafka_proto::messages::JoinGroupResponse {
            throttle_time_ms: ctx.throttle_ms,
            generation_id: self.generation,
            protocol_type: self.protocol_type.as_deref(),
            protocol_name: Some(self.protocol.as_deref().unwrap_or_default()),
            leader,
            member_id: id,
            ..kafka_proto::messages::JoinGroupResponse::default()
        };
        ctx.conns.reply(ticket, &answer);
    }
}

impl Member {
    fn update(&mut self, now: u64, join: &Join) {
        self.protocols.clone_from(&join.protocols);
        self.session_timeout_ms = join.session_timeout_ms;
        self.rebalance_timeout_ms = join.rebalance_timeout_ms;
        self.client_id.clone_from(&join.client_id);
        self.alive_until(now);
    }

    /// A second JoinGroup takes the place of the first, whose connection is gone or will be.
    fn await_join(&mut self, ticket: Ticket) {
        self.joining = Some(ticket);
    }
}
