//! SyncGroup, Heartbeat and LeaveGroup.

use kafka_proto::messages::{
    HeartbeatRequest, HeartbeatResponse, LeaveGroupRequest, LeaveGroupResponse, MemberResponse,
    SyncGroupRequest,
};
use kafka_proto::{Array, ErrorCode};

use super::classic::{Classic, State, sync_error};
use super::{Ctx, Kind};
use crate::cluster::Cluster;
use crate::conn::Ticket;
use crate::request::{Hangup, Rq};

impl Cluster {
    pub(crate) fn sync_group(&mut self, rq: &Rq<'_>) -> Result<(), Hangup> {
        let request: SyncGroupRequest<'_> = rq.decode()?;
        let checked = self.check_group(request.group_id, rq);
        let (groups, mut ctx) = self.groups();
        let outcome = checked.and_then(|()| match groups.get_mut(request.group_id).map(|g| &mut g.kind) {
            Some(Kind::Classic(classic)) => classic.sync(&mut ctx, rq.ticket, &request),
            _ => Err(ErrorCode::UNKNOWN_MEMBER_ID),
        });
        if let Err(code) = outcome {
            sync_error(&mut ctx, &rq.ticket, code);
        }
        Ok(())
    }

    pub(crate) fn heartbeat(&mut self, rq: &Rq<'_>) -> Result<(), Hangup> {
        let request: HeartbeatRequest<'_> = rq.decode()?;
        let checked = self.check_group(request.group_id, rq);
        let (groups, ctx) = self.groups();
        let outcome = checked.and_then(|()| match groups.get_mut(request.group_id).map(|g| &mut g.kind) {
            Some(Kind::Classic(classic)) => classic.heartbeat(ctx.now, &request),
            _ => Err(ErrorCode::UNKNOWN_MEMBER_ID),
        });
        let error_code = outcome.err().unwrap_or(ErrorCode::NONE);
        ctx.conns.reply(&rq.ticket, &HeartbeatResponse { throttle_time_ms: ctx.throttle_ms, error_code });
        Ok(())
    }

    pub(crate) fn leave_group(&mut self, rq: &Rq<'_>) -> Result<(), Hangup> {
        let request: LeaveGroupRequest<'_> = rq.decode()?;
        let checked = self.check_group(request.group_id, rq);
        let mut leaving: Vec<(&str, Option<&str>)> =
            request.members.iter().map(|m| (m.member_id, m.group_instance_id)).collect();
        if rq.version < 3 {
            leaving = vec![(request.member_id, None)];
        }
        let (groups, mut ctx) = self.groups();
        let mut rows = Vec::new();
        let mut error_code = checked.err().unwrap_or(ErrorCode::NONE);
        if error_code.is_ok() {
            for (member_id, instance) in leaving {
                let left = match groups.get_mut(request.group_id).map(|g| &mut g.kind) {
                    Some(Kind::Classic(classic)) => classic.leave(&mut ctx, member_id, instance),
                    _ => Err(ErrorCode::UNKNOWN_MEMBER_ID),
                };
                let code = left.err().unwrap_or(ErrorCode::NONE);
                rows.push(MemberResponse { member_id, group_instance_id: instance, error_code: code });
            }
        }
        if rq.version < 3 {
            error_code = rows.first().map_or(error_code, |r| r.error_code);
        }
        let answer = LeaveGroupResponse {
            throttle_time_ms: ctx.throttle_ms,
            error_code,
            members: Array::slice(&rows),
        };
        ctx.conns.reply(&rq.ticket, &answer);
        Ok(())
    }
}

impl Classic {
    /// What every request of a member of a generation has to get right.
    pub fn check_member(&self, id: &str, instance: Option<&str>, generation: i32) -> Result<(), ErrorCode> {
        if let Some(instance) = instance {
            match self.by_instance(instance) {
                None => return Err(ErrorCode::UNKNOWN_MEMBER_ID),
                Some(member) if member.id != id => return Err(ErrorCode::FENCED_INSTANCE_ID),
                Some(_) => {}
            }
        }
        if !self.members.iter().any(|m| m.id == id) {
            return Err(ErrorCode::UNKNOWN_MEMBER_ID);
        }
        if self.generation != generation {
            return Err(ErrorCode::ILLEGAL_GENERATION);
        }
        Ok(())
    }

    fn sync(
        &mut self,
        ctx: &mut Ctx<'_>,
        ticket: Ticket,
        request: &SyncGroupRequest<'_>,
    ) -> Result<(), ErrorCode> {
        let id = request.member_id;
        self.check_member(id, request.group_instance_id, request.generation_id)?;
        let differs =
            |theirs: Option<&str>, ours: &Option<String>| theirs.is_some() && theirs != ours.as_deref();
        if differs(request.protocol_type, &self.protocol_type)
            || differs(request.protocol_name, &self.protocol)
        {
            return Err(ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
        }
        let now = ctx.now;
        match self.state {
            State::Empty => return Err(ErrorCode::UNKNOWN_MEMBER_ID),
            State::PreparingRebalance => return Err(ErrorCode::REBALANCE_IN_PROGRESS),
            State::Stable => {
                if let Some(member) = self.member(id) {
                    member.alive_until(now);
                }
                let assignment = self.members.iter().find(|m| m.id == id).map_or(&[][..], |m| &m.assignment);
                self.answer_sync(ctx, &ticket, assignment);
            }
            State::CompletingRebalance => {
                if let Some(member) = self.member(id) {
                    member.syncing = Some(ticket);
                    member.alive_until(now);
                }
                if self.leader.as_deref() == Some(id) {
                    self.assign(ctx, request);
                }
            }
        }
        Ok(())
    }

    /// The leader's assignment is there: the generation is stable, and who waits for it gets its part.
    fn assign(&mut self, ctx: &mut Ctx<'_>, request: &SyncGroupRequest<'_>) {
        for member in &mut self.members {
            let part = request.assignments.iter().find(|a| a.member_id == member.id);
            member.assignment = part.map_or(Vec::new(), |a| a.assignment.to_vec());
            member.settled = true;
        }
        self.state = State::Stable;
        for index in 0..self.members.len() {
            let ticket = self.members.get_mut(index).and_then(|m| m.syncing.take());
            if let (Some(ticket), Some(member)) = (ticket, self.members.get(index)) {
                self.answer_sync(ctx, &ticket, &member.assignment);
            }
        }
    }

    fn heartbeat(&mut self, now: u64, request: &HeartbeatRequest<'_>) -> Result<(), ErrorCode> {
        self.check_member(request.member_id, request.group_instance_id, request.generation_id)?;
        if let Some(member) = self.member(request.member_id) {
            member.alive_until(now);
        }
        match self.state {
            State::Empty => Err(ErrorCode::UNKNOWN_MEMBER_ID),
            State::PreparingRebalance => Err(ErrorCode::REBALANCE_IN_PROGRESS),
            State::CompletingRebalance | State::Stable => Ok(()),
        }
    }

    fn leave(&mut self, ctx: &mut Ctx<'_>, id: &str, instance: Option<&str>) -> Result<(), ErrorCode> {
        if self.pending.remove(id).is_some() {
            self.try_complete_join(ctx);
            return Ok(());
        }
        let found = match instance {
            // An administrator removes a static member by its instance alone.
            Some(instance) => {
                let member = self.by_instance(instance).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?;
                if !id.is_empty() && member.id != id {
                    return Err(ErrorCode::FENCED_INSTANCE_ID);
                }
                member.id.clone()
            }
            None => id.to_owned(),
        };
        if !self.members.iter().any(|m| m.id == found) {
            return Err(ErrorCode::UNKNOWN_MEMBER_ID);
        }
        self.remove(ctx, &found);
        Ok(())
    }
}
