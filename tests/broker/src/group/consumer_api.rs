//! ConsumerGroupHeartbeat: joins, leaves, and everything between.

use std::collections::BTreeSet;

use kafka_proto::messages::{
    ConsumerGroupHeartbeatAssignment, ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse,
    ConsumerGroupHeartbeatTopicPartitions,
};
use kafka_proto::{Array, ErrorCode, Uuid};

use super::assignors::{Assignment, RANGE, UNIFORM};
use super::consumer::{ConsumerGroup, ConsumerMember, JOIN, LEAVE, LEAVE_STATIC, compile};
use super::{Group, Kind};
use crate::cluster::Cluster;
use crate::request::{Hangup, Rq};
use crate::timers::Timer;
use crate::topics::TopicId;

type Refusal = (ErrorCode, &'static str);

/// What a member is told.
struct Told {
    member_id: String,
    epoch: i32,
    assignment: Option<Vec<(TopicId, Vec<i32>)>>,
}

impl Cluster {
    pub(crate) fn consumer_group_heartbeat(&mut self, rq: &Rq<'_>) -> Result<(), Hangup> {
        let request: ConsumerGroupHeartbeatRequest<'_> = rq.decode()?;
        let outcome = self.beat(rq, &request);
        let mut answer = ConsumerGroupHeartbeatResponse {
            throttle_time_ms: self.throttle_ms(),
            heartbeat_interval_ms: self.config.consumer_heartbeat_interval_ms,
            ..ConsumerGroupHeartbeatResponse::default()
        };
        match &outcome {
            Err((code, message)) => {
                answer.error_code = *code;
                answer.error_message = (!message.is_empty()).then_some(*message);
                answer.heartbeat_interval_ms = 0;
                self.conns.reply(&rq.ticket, &answer);
            }
            Ok(told) => {
                let rows: Vec<ConsumerGroupHeartbeatTopicPartitions<'_>> = told
                    .assignment
                    .iter()
                    .flatten()
                    .map(|(id, parts)| ConsumerGroupHeartbeatTopicPartitions {
                        topic_id: Uuid(*id),
                        partitions: Array::slice(parts),
                    })
                    .collect();
                answer.member_id = Some(&told.member_id);
                answer.member_epoch = told.epoch;
                answer.assignment = told
                    .assignment
                    .as_ref()
                    .map(|_| ConsumerGroupHeartbeatAssignment { topic_partitions: Array::slice(&rows) });
                self.conns.reply(&rq.ticket, &answer);
            }
        }
        Ok(())
    }

    fn beat(&mut self, rq: &Rq<'_>, request: &ConsumerGroupHeartbeatRequest<'_>) -> Result<Told, Refusal> {
        self.check_group(request.group_id, rq).map_err(|code| (code, ""))?;
        check_shape(rq.version, request)?;
        let (name, epoch) = (request.group_id, request.member_epoch);
        if epoch == JOIN {
            self.group_or_new(name).map_err(|code| (code, ""))?;
        }
        let (now, max) = (self.now, self.config.max_group_members);
        let session_us = self.config.consumer_session_timeout_ms * 1000;
        let Self { groups, topics, timers, rng, .. } = self;
        let missing = (ErrorCode::GROUP_ID_NOT_FOUND, "there is no such consumer group");
        let found = groups.get_mut(name).ok_or(missing)?;
        found.offsets.used = now;
        let group = found.consumer_or_empty(epoch == JOIN).ok_or(missing)?;
        if epoch == LEAVE || epoch == LEAVE_STATIC {
            group.leave(request)?;
            let member_id = request.member_id.to_owned();
            return Ok(Told { member_id, epoch, assignment: None });
        }
        let owned = request.topic_partitions.map(owned_of);
        let id = match epoch {
            JOIN => {
                // Before version 1 the broker chooses the member's id.
                let fresh =
                    if request.member_id.is_empty() { rng.uuid_text() } else { request.member_id.to_owned() };
                group.join(request, fresh, rq.client_id, max)?
            }
            _ => group.go_on(request, owned.as_ref())?,
        };
        let before = group.members.get(&id).map(|m| (m.assigned.clone(), m.revoke_by));
        group.changed |= group.update_member(&id, request)?;
        group.update_target(topics);
        group.reconcile(&id, owned.as_ref(), now);
        let member = group.members.get_mut(&id).ok_or((ErrorCode::UNKNOWN_MEMBER_ID, ""))?;
        member.deadline = now.saturating_add(session_us);
        if member.timer == 0 {
            member.timer = rng.next() | 1;
            timers.set(member.deadline, Timer::ConsumerMember(name.to_owned(), id.clone(), member.timer));
        }
        let (assigned_before, revoke_before) = before.unwrap_or_default();
        if let Some(at) = member.revoke_by.filter(|_| member.revoke_by != revoke_before) {
            timers.set(at, Timer::ConsumerRevoke(name.to_owned(), id.clone()));
        }
        let full = request.subscribed_topic_names.is_some() && request.topic_partitions.is_some();
        let news = epoch == JOIN || full || assigned_before != member.assigned;
        let rows =
            || member.assigned.iter().map(|(id, parts)| (*id, parts.iter().copied().collect())).collect();
        Ok(Told { member_id: id, epoch: member.epoch, assignment: news.then(rows) })
    }

    /// A KIP-848 member may have gone silent.
    pub(crate) fn consumer_session(&mut self, name: &str, id: &str, number: u64) {
        let now = self.now;
        let Some(Kind::Consumer(group)) = self.groups.get_mut(name).map(|g| &mut g.kind) else { return };
        let Some(member) = group.members.get(id).filter(|m| m.timer == number) else { return };
        if member.deadline <= now {
            group.remove(id);
        } else {
            self.timers.set(member.deadline, Timer::ConsumerMember(name.to_owned(), id.to_owned(), number));
        }
    }

    /// A KIP-848 member may not have given up in time what it was told to.
    pub(crate) fn consumer_revoke(&mut self, name: &str, id: &str) {
        let now = self.now;
        let Some(Kind::Consumer(group)) = self.groups.get_mut(name).map(|g| &mut g.kind) else { return };
        if group.members.get(id).is_some_and(|m| m.revoke_by.is_some_and(|at| at <= now)) {
            group.remove(id);
        }
    }
}

fn check_shape(version: i16, request: &ConsumerGroupHeartbeatRequest<'_>) -> Result<(), Refusal> {
    let wrong = |why| Err((ErrorCode::INVALID_REQUEST, why));
    let epoch = request.member_epoch;
    if request.member_id.is_empty() && (epoch != JOIN || version >= 1) {
        return wrong("the member id is empty");
    }
    if epoch < LEAVE_STATIC {
        return wrong("the member epoch is invalid");
    }
    if epoch == LEAVE_STATIC && request.instance_id.is_none() {
        return wrong("only a static member leaves for a while");
    }
    if epoch == JOIN {
        if request.rebalance_timeout_ms < 0 {
            return wrong("a member that joins says its rebalance timeout");
        }
        if request.subscribed_topic_names.is_none() && request.subscribed_topic_regex.is_none() {
            return wrong("a member that joins says its subscription");
        }
        if request.topic_partitions.is_none_or(|owned| !owned.is_empty()) {
            return wrong("a member that joins owns nothing");
        }
    }
    match request.server_assignor {
        None | Some(UNIFORM | RANGE) => Ok(()),
        Some(_) => Err((ErrorCode::UNSUPPORTED_ASSIGNOR, "the assignors are uniform and range")),
    }
}

fn owned_of(parts: Array<'_, ConsumerGroupHeartbeatTopicPartitions<'_>>) -> Assignment {
    parts.iter().map(|t| (t.topic_id.0, t.partitions.iter().collect::<BTreeSet<i32>>())).collect()
}

impl Group {
    /// The consumer group that this is, or (for who joins) that it becomes because nobody is in it.
    fn consumer_or_empty(&mut self, joins: bool) -> Option<&mut ConsumerGroup> {
        if joins && matches!(self.kind, Kind::Classic(_)) && self.is_empty() {
            self.kind = Kind::Consumer(ConsumerGroup::new());
        }
        match &mut self.kind {
            Kind::Consumer(group) => Some(group),
            Kind::Classic(_) => None,
        }
    }
}

impl ConsumerGroup {
    fn leave(&mut self, request: &ConsumerGroupHeartbeatRequest<'_>) -> Result<(), Refusal> {
        let id = request.member_id;
        let unknown = (ErrorCode::UNKNOWN_MEMBER_ID, "");
        let member = self.members.get_mut(id).ok_or(unknown)?;
        if request.instance_id.is_some() && member.instance_id.as_deref() != request.instance_id {
            return Err((ErrorCode::FENCED_INSTANCE_ID, ""));
        }
        if request.member_epoch == LEAVE_STATIC {
            // It is expected back: its partitions stay its own until its session ends.
            member.epoch = LEAVE_STATIC;
        } else {
            self.remove(id);
        }
        Ok(())
    }

    fn join(
        &mut self,
        request: &ConsumerGroupHeartbeatRequest<'_>,
        id: String,
        client_id: &str,
        max: usize,
    ) -> Result<String, Refusal> {
        if let Some(instance) = request.instance_id
            && let Some(old) = self.by_instance(instance).filter(|m| m.id != id)
        {
            if old.epoch != LEAVE_STATIC {
                return Err((ErrorCode::UNRELEASED_INSTANCE_ID, "another member has this instance id"));
            }
            let old = old.id.clone();
            if let Some(mut member) = self.members.remove(&old) {
                let target = self.target.remove(&old).unwrap_or_default();
                member.id.clone_from(&id);
                (member.epoch, member.previous_epoch) = (self.target_epoch, -1);
                member.timer = 0;
                self.target.insert(id.clone(), target);
                self.members.insert(id.clone(), member);
            }
            return Ok(id);
        }
        if !self.members.contains_key(&id) {
            if self.members.len() >= max {
                return Err((ErrorCode::GROUP_MAX_SIZE_REACHED, ""));
            }
            self.members.insert(id.clone(), ConsumerMember::new(&id, client_id));
            self.changed = true;
        } else if let Some(member) = self.members.get_mut(&id) {
            // Who joins again starts without partitions.
            member.epoch = 0;
            member.assigned.clear();
            member.revoking.clear();
            member.progress = super::consumer::Progress::Stable;
        }
        Ok(id)
    }

    fn go_on(
        &mut self,
        request: &ConsumerGroupHeartbeatRequest<'_>,
        owned: Option<&Assignment>,
    ) -> Result<String, Refusal> {
        let member = self.members.get(request.member_id).ok_or((ErrorCode::UNKNOWN_MEMBER_ID, ""))?;
        if request.instance_id.is_some() && member.instance_id.as_deref() != request.instance_id {
            return Err((ErrorCode::FENCED_INSTANCE_ID, ""));
        }
        member
            .check_epoch(request.member_epoch, owned)
            .map_err(|code| (code, "the member epoch is not current"))?;
        Ok(member.id.clone())
    }

    /// Takes over what the request says anew; true when it is about the subscription.
    fn update_member(
        &mut self,
        id: &str,
        request: &ConsumerGroupHeartbeatRequest<'_>,
    ) -> Result<bool, Refusal> {
        let regex = request.subscribed_topic_regex;
        if let Some(pattern) = regex {
            compile(pattern).map_err(|code| (code, "the pattern is not a regular expression"))?;
        }
        let member = self.members.get_mut(id).ok_or((ErrorCode::UNKNOWN_MEMBER_ID, ""))?;
        let mut changed = false;
        if let Some(names) = request.subscribed_topic_names {
            let names: BTreeSet<String> = names.iter().map(str::to_owned).collect();
            changed |= member.topics != names;
            member.topics = names;
        }
        if let Some(pattern) = regex {
            let pattern = (!pattern.is_empty()).then(|| pattern.to_owned());
            changed |= member.regex != pattern;
            member.regex = pattern;
        }
        if let Some(assignor) = request.server_assignor {
            changed |= member.assignor.as_deref() != Some(assignor);
            member.assignor = Some(assignor.to_owned());
        }
        if request.rebalance_timeout_ms >= 0 {
            member.rebalance_timeout_ms = request.rebalance_timeout_ms;
        }
        if request.instance_id.is_some() {
            member.instance_id = request.instance_id.map(str::to_owned);
        }
        if request.rack_id.is_some() {
            member.rack_id = request.rack_id.map(str::to_owned);
        }
        Ok(changed)
    }
}
