//! A KIP-848 group: the broker assigns, and each member gets there in its own time.

use std::collections::{BTreeMap, BTreeSet};

use kafka_proto::ErrorCode;

use super::assignors::{self, Assignment};
use crate::topics::{TopicId, Topics};

/// Epochs that mean something else than an epoch.
pub(crate) const JOIN: i32 = 0;
pub(crate) const LEAVE: i32 = -1;
pub(crate) const LEAVE_STATIC: i32 = -2;

/// How far a member is on its way to its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    Stable,
    /// It has to give up partitions before it goes on.
    Unrevoked,
    /// Others have to give up partitions that it is to get.
    Unreleased,
}

/// One member.
#[derive(Debug)]
pub(crate) struct ConsumerMember {
    pub id: String,
    pub instance_id: Option<String>,
    pub rack_id: Option<String>,
    pub client_id: String,
    pub epoch: i32,
    pub previous_epoch: i32,
    pub topics: BTreeSet<String>,
    pub regex: Option<String>,
    pub assignor: Option<String>,
    pub rebalance_timeout_ms: i32,
    pub assigned: Assignment,
    pub revoking: Assignment,
    pub progress: Progress,
    /// When it is taken for dead.
    pub deadline: u64,
    /// Number of the timer that looks after it; 0: none yet.
    pub timer: u64,
    /// When it has to have given up its partitions.
    pub revoke_by: Option<u64>,
}

impl ConsumerMember {
    pub fn new(id: &str, client_id: &str) -> Self {
        Self {
            id: id.to_owned(),
            instance_id: None,
            rack_id: None,
            client_id: client_id.to_owned(),
            epoch: 0,
            previous_epoch: -1,
            topics: BTreeSet::new(),
            regex: None,
            assignor: None,
            rebalance_timeout_ms: -1,
            assigned: Assignment::new(),
            revoking: Assignment::new(),
            progress: Progress::Stable,
            deadline: 0,
            timer: 0,
            revoke_by: None,
        }
    }

    /// Whether the member may come with this epoch; `owned` is what it says it has.
    pub fn check_epoch(&self, epoch: i32, owned: Option<&Assignment>) -> Result<(), ErrorCode> {
        if epoch == self.epoch {
            return Ok(());
        }
        // The answer that raised the epoch was lost: fine, as long as it holds nothing it should not.
        let subset = |owned: &Assignment| {
            owned.iter().all(|(topic, parts)| {
                self.assigned.get(topic).is_some_and(|have| parts.is_subset(have)) || parts.is_empty()
            })
        };
        if epoch == self.previous_epoch && owned.is_some_and(subset) {
            return Ok(());
        }
        Err(ErrorCode::FENCED_MEMBER_EPOCH)
    }
}

/// A KIP-848 group.
#[derive(Debug)]
pub(crate) struct ConsumerGroup {
    /// Raised with each change of members, subscriptions and topics.
    pub epoch: i32,
    /// The group epoch that `target` was made for.
    pub target_epoch: i32,
    pub target: BTreeMap<String, Assignment>,
    pub members: BTreeMap<String, ConsumerMember>,
    /// Members or subscriptions changed since the epoch was raised.
    pub changed: bool,
    /// Subscribed topics and their partitions when the epoch was last raised for them.
    seen: BTreeMap<TopicId, i32>,
}

impl ConsumerGroup {
    pub fn new() -> Self {
        Self {
            epoch: 0,
            target_epoch: 0,
            target: BTreeMap::new(),
            members: BTreeMap::new(),
            changed: false,
            seen: BTreeMap::new(),
        }
    }

    pub fn state_name(&self) -> &'static str {
        let settled = |m: &ConsumerMember| m.progress == Progress::Stable && m.epoch == self.target_epoch;
        if self.members.is_empty() {
            "Empty"
        } else if self.epoch > self.target_epoch {
            "Assigning"
        } else if self.members.values().all(settled) {
            "Stable"
        } else {
            "Reconciling"
        }
    }

    pub fn by_instance(&self, instance: &str) -> Option<&ConsumerMember> {
        self.members.values().find(|m| m.instance_id.as_deref() == Some(instance))
    }

    /// The assignor that most members ask for.
    pub fn assignor(&self) -> &'static str {
        let votes =
            |name: &str| self.members.values().filter(|m| m.assignor.as_deref() == Some(name)).count();
        if votes(assignors::RANGE) > votes(assignors::UNIFORM) {
            assignors::RANGE
        } else {
            assignors::UNIFORM
        }
    }

    /// Removes a member; what it had is free.
    pub fn remove(&mut self, id: &str) {
        if self.members.remove(id).is_some() {
            self.target.remove(id);
            self.epoch += 1;
        }
    }

    /// Raises the epoch if members, subscriptions or topics changed, and makes a new target if the epoch was raised.
    pub fn update_target(&mut self, topics: &Topics) {
        let wanted: BTreeMap<String, BTreeMap<TopicId, i32>> =
            self.members.values().map(|m| (m.id.clone(), subscribed(m, topics))).collect();
        let seen: BTreeMap<TopicId, i32> =
            wanted.values().flatten().map(|(id, count)| (*id, *count)).collect();
        // One heartbeat raises the epoch once, whatever it brings.
        if std::mem::take(&mut self.changed) || seen != self.seen {
            self.seen = seen;
            self.epoch += 1;
        }
        if self.epoch > self.target_epoch {
            self.target = match self.assignor() {
                assignors::RANGE => assignors::range(&wanted),
                _ => assignors::uniform(&wanted, &self.target),
            };
            self.target_epoch = self.epoch;
        }
    }

    /// Takes a member as far towards its target as it can go now. `owned`: what it says it still has.
    pub fn reconcile(&mut self, id: &str, owned: Option<&Assignment>, now: u64) {
        let Some(member) = self.members.get(id) else { return };
        let holds = |parts: &Assignment| match owned {
            None => true,
            Some(owned) => intersects(owned, parts),
        };
        let base = match member.progress {
            Progress::Stable if member.epoch == self.target_epoch => return,
            Progress::Unrevoked if holds(&member.revoking) => return,
            Progress::Unrevoked => member.epoch + 1,
            Progress::Stable | Progress::Unreleased => member.epoch,
        };
        let target = self.target.get(id).cloned().unwrap_or_default();
        let others: Vec<&ConsumerMember> = self.members.values().filter(|m| m.id != id).collect();
        let taken = |topic: &TopicId, p: i32| {
            others.iter().any(|m| [&m.assigned, &m.revoking].iter().any(|a| has(a, topic, p)))
        };
        let (mut kept, mut free, mut unreleased) = (Assignment::new(), Assignment::new(), false);
        for (topic, p) in pairs(&target) {
            if has(&member.assigned, &topic, p) {
                kept.entry(topic).or_default().insert(p);
            } else if taken(&topic, p) {
                unreleased = true;
            } else {
                free.entry(topic).or_default().insert(p);
            }
        }
        let mut revoking = Assignment::new();
        for (topic, p) in pairs(&member.assigned).filter(|(topic, p)| !has(&target, topic, *p)) {
            revoking.entry(topic).or_default().insert(p);
        }
        let target_epoch = self.target_epoch;
        let Some(member) = self.members.get_mut(id) else { return };
        let before = member.epoch;
        if !revoking.is_empty() && holds(&revoking) {
            let timeout = u64::try_from(member.rebalance_timeout_ms).unwrap_or(0) * 1000;
            member.progress = Progress::Unrevoked;
            member.revoke_by = Some(now.saturating_add(timeout));
            member.epoch = base;
            member.assigned = kept;
            member.revoking = revoking;
        } else {
            for (topic, parts) in free {
                kept.entry(topic).or_default().extend(parts);
            }
            member.progress = if unreleased { Progress::Unreleased } else { Progress::Stable };
            member.revoke_by = None;
            member.epoch = target_epoch;
            member.assigned = kept;
            member.revoking = Assignment::new();
        }
        if member.epoch != before {
            member.previous_epoch = before;
        }
    }
}

/// Topics that a member wants and that exist, with their partitions.
fn subscribed(member: &ConsumerMember, topics: &Topics) -> BTreeMap<TopicId, i32> {
    let regex = member.regex.as_deref().and_then(|r| compile(r).ok());
    let wants = |name: &str| member.topics.contains(name) || regex.as_ref().is_some_and(|r| r.is_match(name));
    topics.iter().filter(|t| wants(&t.name)).map(|t| (t.id, t.partitions.len() as i32)).collect()
}

/// A subscription's pattern has to match the whole name.
pub(crate) fn compile(pattern: &str) -> Result<regex_lite::Regex, ErrorCode> {
    let whole = format!("^(?:{pattern})$");
    let built = regex_lite::RegexBuilder::new(&whole).size_limit(1 << 20).build();
    built.map_err(|_| ErrorCode::INVALID_REGULAR_EXPRESSION)
}

pub(crate) fn has(assignment: &Assignment, topic: &TopicId, partition: i32) -> bool {
    assignment.get(topic).is_some_and(|parts| parts.contains(&partition))
}

pub(crate) fn pairs(assignment: &Assignment) -> impl Iterator<Item = (TopicId, i32)> {
    assignment.iter().flat_map(|(topic, parts)| parts.iter().map(|p| (*topic, *p)))
}

fn intersects(a: &Assignment, b: &Assignment) -> bool {
    pairs(a).any(|(topic, p)| has(b, &topic, p))
}
