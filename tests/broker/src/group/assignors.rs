//! The two assignors of the broker: uniform (balanced and sticky) and range.

use std::collections::{BTreeMap, BTreeSet};

use crate::topics::TopicId;

/// Names that clients ask for.
pub(crate) const UNIFORM: &str = "uniform";
pub(crate) const RANGE: &str = "range";

/// Partitions by topic.
pub(crate) type Assignment = BTreeMap<TopicId, BTreeSet<i32>>;

/// What each member wants: topics and how many partitions they have.
pub(crate) type Wanted = BTreeMap<String, BTreeMap<TopicId, i32>>;

/// Each topic's partitions in contiguous runs, over its subscribers in the order of their ids.
pub(crate) fn range(wanted: &Wanted) -> BTreeMap<String, Assignment> {
    let mut made: BTreeMap<String, Assignment> =
        wanted.keys().map(|id| (id.clone(), Assignment::new())).collect();
    for (topic, count) in all_topics(wanted) {
        let subscribers: Vec<&String> =
            wanted.iter().filter(|(_, topics)| topics.contains_key(&topic)).map(|(id, _)| id).collect();
        let members = subscribers.len() as i32;
        let mut next = 0;
        for (index, id) in subscribers.into_iter().enumerate() {
            let share = count / members + i32::from((index as i32) < count % members);
            if let Some(assignment) = made.get_mut(id).filter(|_| share > 0) {
                assignment.insert(topic, (next..next + share).collect());
            }
            next += share;
        }
    }
    made
}

/// As even as subscriptions allow, and nobody loses a partition without need.
pub(crate) fn uniform(
    wanted: &Wanted,
    before: &BTreeMap<String, Assignment>,
) -> BTreeMap<String, Assignment> {
    let mut owner: BTreeMap<(TopicId, i32), Option<String>> = BTreeMap::new();
    for (topic, count) in all_topics(wanted) {
        owner.extend((0..count).map(|p| ((topic, p), None)));
    }
    let mut load: BTreeMap<String, usize> = wanted.keys().map(|id| (id.clone(), 0)).collect();
    for (id, assignment) in before.iter().filter(|(id, _)| wanted.contains_key(*id)) {
        for (topic, p) in super::consumer::pairs(assignment) {
            let wants = wanted.get(id).is_some_and(|topics| topics.contains_key(&topic));
            if let Some(slot) = owner.get_mut(&(topic, p)).filter(|slot| wants && slot.is_none()) {
                *slot = Some(id.clone());
                *load.entry(id.clone()).or_default() += 1;
            }
        }
    }
    let lightest = |load: &BTreeMap<String, usize>, topic: &TopicId| {
        let subscribers =
            load.iter().filter(|(id, _)| wanted.get(*id).is_some_and(|t| t.contains_key(topic)));
        subscribers.min_by_key(|(_, n)| **n).map(|(id, n)| (id.clone(), *n))
    };
    for ((topic, _), slot) in owner.iter_mut().filter(|(_, slot)| slot.is_none()) {
        if let Some((id, _)) = lightest(&load, topic) {
            *load.entry(id.clone()).or_default() += 1;
            *slot = Some(id);
        }
    }
    // Each pass moves partitions from who has two more than somebody who could have them.
    let mut moved = true;
    while moved {
        moved = false;
        for ((topic, _), slot) in &mut owner {
            let (Some(from), Some((to, least))) = (slot.clone(), lightest(&load, topic)) else { continue };
            if load.get(&from).copied().unwrap_or(0) > least + 1 {
                *load.entry(from).or_default() -= 1;
                *load.entry(to.clone()).or_default() += 1;
                *slot = Some(to);
                moved = true;
            }
        }
    }
    let mut made: BTreeMap<String, Assignment> =
        wanted.keys().map(|id| (id.clone(), Assignment::new())).collect();
    for ((topic, p), slot) in owner {
        if let Some(assignment) = slot.and_then(|id| made.get_mut(&id)) {
            assignment.entry(topic).or_default().insert(p);
        }
    }
    made
}

fn all_topics(wanted: &Wanted) -> BTreeMap<TopicId, i32> {
    wanted.values().flatten().map(|(topic, count)| (*topic, *count)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(members: &[(&str, &[(u8, i32)])]) -> Wanted {
        let topics = |t: &[(u8, i32)]| t.iter().map(|(id, count)| ([*id; 16], *count)).collect();
        members.iter().map(|(id, t)| ((*id).to_owned(), topics(t))).collect()
    }

    fn sizes(made: &BTreeMap<String, Assignment>) -> Vec<usize> {
        made.values().map(|a| a.values().map(BTreeSet::len).sum()).collect()
    }

    #[test]
    fn range_gives_runs_per_topic() {
        let made = range(&wanted(&[("a", &[(1, 5), (2, 1)]), ("b", &[(1, 5)])]));
        assert_eq!(made["a"][&[1; 16]], BTreeSet::from([0, 1, 2]));
        assert_eq!(made["b"][&[1; 16]], BTreeSet::from([3, 4]));
        assert_eq!(made["a"][&[2; 16]], BTreeSet::from([0]));
    }

    #[test]
    fn uniform_is_balanced_and_sticky() {
        let one = wanted(&[("a", &[(1, 7)])]);
        let first = uniform(&one, &BTreeMap::new());
        assert_eq!(sizes(&first), [7]);
        let three = wanted(&[("a", &[(1, 7)]), ("b", &[(1, 7)]), ("c", &[(1, 7)])]);
        let second = uniform(&three, &first);
        let mut shares = sizes(&second);
        shares.sort_unstable();
        assert_eq!(shares, [2, 2, 3]);
        let kept = second["a"][&[1; 16]].intersection(&first["a"][&[1; 16]]).count();
        assert_eq!(kept, sizes(&second)[0], "the first member only gives away");
        assert_eq!(uniform(&three, &second), second, "nothing moves without need");
        let two = wanted(&[("a", &[(1, 7)]), ("c", &[(1, 7)])]);
        let third = uniform(&two, &second);
        assert!(second["c"][&[1; 16]].is_subset(&third["c"][&[1; 16]]));
    }

    #[test]
    fn uniform_respects_different_subscriptions() {
        let made = uniform(&wanted(&[("a", &[(1, 4)]), ("b", &[(1, 4), (2, 4)])]), &BTreeMap::new());
        assert_eq!(sizes(&made), [4, 4]);
        assert!(!made["a"].contains_key(&[2; 16]));
    }
}
