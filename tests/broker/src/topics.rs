//! All topics, by id and by name, and where their partitions go.

use std::collections::BTreeMap;

use kafka_proto::ErrorCode;

use crate::config::{Config, Release};
use crate::partition::Partition;
use crate::record_check::Demands;
use crate::rng::Rng;

/// A topic's identity; a recreated topic gets another.
pub type TopicId = [u8; 16];

/// The id that means "no id".
pub const NO_ID: TopicId = [0; 16];

/// One topic.
#[derive(Debug)]
pub struct Topic {
    /// Its id.
    pub id: TopicId,
    /// Its name.
    pub name: String,
    /// Its partitions.
    pub partitions: Vec<Partition>,
    /// Configuration that was set, by dotted name.
    pub config: BTreeMap<String, String>,
    /// Largest batch (`max.message.bytes`).
    pub max_message_bytes: usize,
    /// `message.timestamp.type=LogAppendTime`.
    pub log_append_time: bool,
    /// `min.insync.replicas`.
    pub min_insync_replicas: usize,
    pub(crate) demands: Demands,
}

impl Topic {
    /// The partition with this index.
    pub fn partition(&self, index: i32) -> Option<&Partition> {
        self.partitions.get(usize::try_from(index).ok()?)
    }

    /// The partition with this index.
    pub fn partition_mut(&mut self, index: i32) -> Option<&mut Partition> {
        self.partitions.get_mut(usize::try_from(index).ok()?)
    }

    /// Makes the settings in `config` effective; an impossible value is the name of its key.
    pub fn apply_config(&mut self, defaults: &Config) -> Result<(), String> {
        fn number<T: std::str::FromStr>(t: &Topic, key: &str, default: T) -> Result<T, String> {
            t.config.get(key).map_or(Ok(default), |v| v.parse().map_err(|_| key.to_owned()))
        }
        let max_message_bytes = number(self, "max.message.bytes", defaults.max_message_bytes)?;
        let min_insync_replicas = number(self, "min.insync.replicas", defaults.min_insync_replicas)?;
        let retention: i64 = number(self, "retention.bytes", -1)?;
        let log_append_time = match self.config.get("message.timestamp.type").map(String::as_str) {
            None | Some("CreateTime") => false,
            Some("LogAppendTime") => true,
            Some(_) => return Err("message.timestamp.type".into()),
        };
        let limit = |key: &str| match self.config.get(key).map(|v| v.parse::<i64>()) {
            None => Ok(None),
            Some(Ok(ms @ 0..)) => Ok(Some(ms)),
            Some(_) => Err(key.to_owned()),
        };
        let policy = self.config.get("cleanup.policy").map_or("delete", String::as_str);
        if !policy.split(',').all(|p| matches!(p.trim(), "delete" | "compact")) {
            return Err("cleanup.policy".into());
        }
        let demands = Demands {
            keys: policy.contains("compact"),
            before_ms_max: limit("message.timestamp.before.max.ms")?,
            after_ms_max: limit("message.timestamp.after.max.ms")?,
        };
        self.max_message_bytes = max_message_bytes;
        self.min_insync_replicas = min_insync_replicas;
        self.log_append_time = log_append_time;
        self.demands = demands;
        let retention = u64::try_from(retention).unwrap_or(u64::MAX).min(defaults.retention_bytes);
        self.partitions.iter_mut().for_each(|p| p.log.retention_bytes = retention);
        Ok(())
    }
}

/// Whether Kafka allows the name: 1 to 249 of `[a-zA-Z0-9._-]`, neither "." nor "..".
pub fn valid_name(name: &str) -> bool {
    let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    !matches!(name, "" | "." | "..") && name.len() <= 249 && name.bytes().all(legal)
}

/// The topics of the cluster.
#[derive(Debug, Default)]
pub struct Topics {
    by_id: BTreeMap<TopicId, Topic>,
    names: BTreeMap<String, TopicId>,
    partitions: usize,
    created: usize,
}

impl Topics {
    /// By id.
    pub fn get(&self, id: &TopicId) -> Option<&Topic> {
        self.by_id.get(id)
    }

    /// By id.
    pub fn get_mut(&mut self, id: &TopicId) -> Option<&mut Topic> {
        self.by_id.get_mut(id)
    }

    /// By name.
    pub fn id(&self, name: &str) -> Option<TopicId> {
        self.names.get(name).copied()
    }

    /// By name.
    pub fn named(&self, name: &str) -> Option<&Topic> {
        self.by_id.get(self.names.get(name)?)
    }

    /// By name.
    pub fn named_mut(&mut self, name: &str) -> Option<&mut Topic> {
        self.by_id.get_mut(self.names.get(name)?)
    }

    /// In the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &Topic> {
        self.names.values().filter_map(|id| self.by_id.get(id))
    }

    /// Every partition with its topic's id and its index.
    pub fn partitions_mut(&mut self) -> impl Iterator<Item = (TopicId, i32, &mut Partition)> {
        self.by_id
            .iter_mut()
            .flat_map(|(id, t)| t.partitions.iter_mut().enumerate().map(|(i, p)| (*id, i as i32, p)))
    }

    /// Creates a topic. `assignment` names the replicas of each partition; without it they are spread over `alive`.
    pub fn create(
        &mut self,
        config: &Config,
        rng: &mut Rng,
        alive: &[i32],
        name: &str,
        assignment: Vec<Vec<i32>>,
        settings: BTreeMap<String, String>,
    ) -> Result<TopicId, ErrorCode> {
        if !valid_name(name) {
            return Err(ErrorCode::INVALID_TOPIC_EXCEPTION);
        }
        if self.names.contains_key(name) {
            return Err(ErrorCode::TOPIC_ALREADY_EXISTS);
        }
        let total = self.partitions + assignment.len();
        if self.names.len() >= config.max_topics || total > config.max_partitions {
            return Err(ErrorCode::POLICY_VIOLATION);
        }
        let id = rng.bytes();
        let mut topic = Topic {
            id,
            name: name.to_owned(),
            partitions: assignment
                .into_iter()
                .map(|replicas| Partition::new(config, replicas, alive))
                .collect(),
            config: settings,
            max_message_bytes: config.max_message_bytes,
            log_append_time: false,
            min_insync_replicas: config.min_insync_replicas,
            demands: Demands::default(),
        };
        topic.apply_config(config).map_err(|_| ErrorCode::INVALID_CONFIG)?;
        self.partitions = total;
        self.created += 1;
        self.names.insert(name.to_owned(), id);
        self.by_id.insert(id, topic);
        Ok(id)
    }

    /// Replicas for `count` partitions from index `from` on, leaders spread over the nodes.
    pub fn spread(&self, nodes: &[i32], from: i32, count: i32, replication: i16) -> Vec<Vec<i32>> {
        if nodes.is_empty() {
            return Vec::new();
        }
        let width = usize::try_from(replication).unwrap_or(1).clamp(1, nodes.len().max(1));
        let first = self.created;
        (from..from.saturating_add(count))
            .map(|index| {
                let at = first.wrapping_add(index as usize);
                (0..width).filter_map(|r| nodes.get((at + r) % nodes.len()).copied()).collect()
            })
            .collect()
    }

    /// Adds partitions to a topic.
    pub fn grow(
        &mut self,
        config: &Config,
        alive: &[i32],
        id: &TopicId,
        assignment: Vec<Vec<i32>>,
    ) -> Result<(), ErrorCode> {
        if self.partitions + assignment.len() > config.max_partitions {
            return Err(ErrorCode::POLICY_VIOLATION);
        }
        let topic = self.by_id.get_mut(id).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
        self.partitions += assignment.len();
        topic
            .partitions
            .extend(assignment.into_iter().map(|replicas| Partition::new(config, replicas, alive)));
        topic.apply_config(config).map_err(|_| ErrorCode::INVALID_CONFIG)
    }

    /// Deletes a topic and returns what it was.
    pub fn delete(&mut self, name: &str) -> Option<Topic> {
        let topic = self.by_id.remove(&self.names.remove(name)?)?;
        self.partitions -= topic.partitions.len();
        Some(topic)
    }
}

/// The topic id as the emulated release shows it: none before 2.8.
pub fn visible_id(release: Release, id: TopicId) -> TopicId {
    if release < Release::V2_8 { NO_ID } else { id }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kafkas() {
        for good in ["a", "A.b_c-9", &"x".repeat(249)] {
            assert!(valid_name(good), "{good}");
        }
        for bad in ["", ".", "..", "a b", "ä", &"x".repeat(250)] {
            assert!(!valid_name(bad), "{bad}");
        }
    }

    #[test]
    fn leaders_are_spread_and_limits_hold() {
        let config = Config { nodes: 3, max_topics: 2, max_partitions: 8, ..Config::default() };
        let (mut topics, mut rng) = (Topics::default(), Rng::new(1));
        let nodes = [0, 1, 2];
        let spread = topics.spread(&nodes, 0, 6, 2);
        let leaders: Vec<i32> = spread.iter().map(|r| r[0]).collect();
        assert_eq!(leaders, [0, 1, 2, 0, 1, 2]);
        let create = |topics: &mut Topics, rng: &mut Rng, name: &str, count| {
            let spread = topics.spread(&nodes, 0, count, 2);
            topics.create(&config, rng, &nodes, name, spread, BTreeMap::new())
        };
        let first = create(&mut topics, &mut rng, "a", 6).unwrap();
        assert_eq!(create(&mut topics, &mut rng, "a", 1), Err(ErrorCode::TOPIC_ALREADY_EXISTS));
        assert_eq!(create(&mut topics, &mut rng, "b", 3), Err(ErrorCode::POLICY_VIOLATION));
        create(&mut topics, &mut rng, "b", 2).unwrap();
        assert_eq!(create(&mut topics, &mut rng, "c", 1), Err(ErrorCode::POLICY_VIOLATION));
        topics.delete("a").unwrap();
        assert_ne!(create(&mut topics, &mut rng, "a", 6).unwrap(), first);
    }
}
