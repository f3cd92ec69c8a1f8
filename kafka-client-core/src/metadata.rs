//! The topics the client works with: their partitions, and which broker leads each.
//!
//! A topic is resolved once, to a [`TopicId`]; a partition has an index for life, so what producer and consumer keep
//! per partition lies in tables beside this one. More partitions of a topic get new indices (an *extent*); nothing
//! moves.

use heapless::Vec;
use kafka_proto::messages::metadata::{MetadataResponse, MetadataResponseTopic};
use kafka_proto::{ErrorCode, Uuid};

use crate::recall::recalled;
use crate::storage::{NIL, Storage, Table, Text};

/// A topic of this client: an index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicId(pub(crate) u32);

impl TopicId {
    /// The number of the topic: 0 for the first that was registered.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// How often the partitions of a topic may grow while the client lives. On the heap each extent doubles the one
/// before, so this is room for a factor of 64.
const EXTENTS_MAX: usize = 6;

/// On the heap, the least room that is made for partitions before the cluster has told of them.
const RESERVED_MIN: u32 = 64;

/// The longest topic name (Kafka's own limit, which keeps a log's file names legal).
pub const TOPIC_LEN_MAX: usize = 249;

/// A run of partitions with consecutive indices.
#[derive(Clone, Copy, Debug)]
struct Extent {
    first: u32,
    len: u32,
}

/// A topic.
#[derive(Debug, Default)]
pub(crate) struct Topic<'m> {
    pub(crate) name: Text<'m>,
    /// Zero until a broker that knows topic ids (2.8 and later) has answered.
    pub(crate) id: Uuid,
    extents: Vec<Extent, EXTENTS_MAX>,
    /// Partitions the topic has, as far as there was room for them.
    pub(crate) partitions: u32,
    /// The last answer about this topic; a topic known before stays usable when it is briefly reported missing.
    pub(crate) error: ErrorCode,
    /// Its id changed: it was deleted and created again (KIP-516). The producer starts its sequences anew.
    pub(crate) recreated: bool,
    /// Partitions for which the lent tables have no room.
    pub(crate) without_room: u32,
}

/// What the cluster says about a partition.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PartitionMeta {
    pub(crate) topic: u32,
    /// The partition's number within its topic.
    pub(crate) number: i32,
    /// Index of the broker that leads it, [`NIL`] when none is known.
    pub(crate) leader: u32,
    pub(crate) leader_id: i32,
    pub(crate) epoch: i32,
}

impl Default for PartitionMeta {
    fn default() -> Self {
        PartitionMeta { topic: NIL, number: -1, leader: NIL, leader_id: -1, epoch: -1 }
    }
}

/// From this version on, leader epochs in Metadata can be compared (KAFKA-9212).
const RELIABLE_EPOCHS_FROM: i16 = 9;

/// All topics and their partitions.
pub(crate) struct Topics<'m> {
    pub(crate) topics: Table<'m, Topic<'m>>,
    pub(crate) partitions: Table<'m, PartitionMeta>,
}

impl<'m> Topics<'m> {
    pub(crate) fn new(topics: Storage<'m, Topic<'m>>, partitions: Storage<'m, PartitionMeta>) -> Self {
        Topics { topics: Table::new(topics), partitions: Table::new(partitions) }
    }

    /// The topic of this name, registered if it is new; `None` when there is no room.
    pub(crate) fn register(&mut self, name: Text<'m>) -> Option<TopicId> {
        let known = self.topics.position(|t| *t.name == *name);
        if known != NIL {
            return Some(TopicId(known));
        }
        self.topics.push(Topic { name, ..Topic::default() }).ok().map(TopicId)
    }

    /// The index of a partition, or [`NIL`].
    pub(crate) fn partition(&self, topic: TopicId, number: u32) -> u32 {
        // The last extent may have spare room that is not in use yet.
        if number < self.topics[topic.0].partitions { self.reserved(topic, number) } else { NIL }
    }

    /// The index of a partition that metadata or the application named before, or [`NIL`].
    pub(crate) fn reserved(&self, topic: TopicId, number: u32) -> u32 {
        let mut before = 0;
        for extent in &self.topics[topic.0].extents {
            if number.wrapping_sub(before) < extent.len {
                return extent.first + (number - before);
            }
            before += extent.len;
        }
        NIL
    }

    /// As [`Topics::reserved`]; makes room for the partition before the cluster has told of it.
    pub(crate) fn reserve(&mut self, topic: TopicId, number: u32) -> u32 {
        let usable = self.topics[topic.0].partitions;
        let count = number.saturating_add(1);
        let heap = self.partitions.room() == usize::MAX;
        // They come one by one, and perhaps several topics by turns.
        let count = if heap { count.max(RESERVED_MIN) } else { count };
        self.grow(topic.0, count);
        self.topics[topic.0].partitions = usable;
        self.topics[topic.0].without_room = 0;
        self.reserved(topic, number)
    }

    /// Takes over what a Metadata response says about the topics registered here. `broker` finds a broker by id.
    pub(crate) fn apply(
        &mut self,
        version: i16,
        response: &MetadataResponse<'_>,
        broker: impl Fn(i32) -> u32,
    ) {
        for answer in response.topics.iter() {
            let topic = match answer.name {
                Some(name) => self.topics.position(|t| *t.name == *name),
                None => self.topics.position(|t| t.id == answer.topic_id && t.id != Uuid::default()),
            };
            if topic == NIL {
                continue;
            }
            self.topics[topic].error = answer.error_code;
            // "No error" without a partition is a topic still being created.
            if !recalled!(B4NoPartitionIsOk)
                && answer.error_code == ErrorCode::NONE
                && answer.partitions.is_empty()
            {
                self.topics[topic].error = ErrorCode::LEADER_NOT_AVAILABLE;
            }
            if answer.error_code == ErrorCode::NONE {
                self.apply_topic(version, topic, &answer, &broker);
            }
        }
    }

    fn apply_topic(
        &mut self,
        version: i16,
        topic: u32,
        answer: &MetadataResponseTopic<'_>,
        broker: &impl Fn(i32) -> u32,
    ) {
        let known = self.topics[topic].id;
        let kept = recalled!(B15OldTopicId) && known != Uuid::ZERO;
        if answer.topic_id != Uuid::ZERO && answer.topic_id != known && !kept {
            self.topics[topic].id = answer.topic_id;
            if known != Uuid::ZERO {
                self.recreate(topic);
            }
        }
        let count = answer.partitions.iter().map(|p| p.partition_index.saturating_add(1)).max().unwrap_or(0);
        // Partition numbers are dense; a number beyond the count of entries would be a lie worth no memory.
        let count =
            u32::try_from(count).unwrap_or(0).min(u32::try_from(answer.partitions.len()).unwrap_or(0));
        self.grow(topic, count);
        for partition in answer.partitions.iter() {
            let Ok(number) = u32::try_from(partition.partition_index) else { continue };
            let index = self.partition(TopicId(topic), number);
            let known = &mut self.partitions[index];
            let stale = version >= RELIABLE_EPOCHS_FROM && partition.leader_epoch < known.epoch;
            if index == NIL || stale {
                continue;
            }
            if version >= RELIABLE_EPOCHS_FROM && partition.leader_epoch >= 0 {
                known.epoch = partition.leader_epoch;
            }
            known.leader_id = partition.leader_id;
            known.leader = broker(partition.leader_id);
        }
    }

    /// What was known of the topic's partitions concerns another topic of the same name.
    fn recreate(&mut self, topic: u32) {
        self.topics[topic].recreated = true;
        self.topics[topic].partitions = 0;
        for index in self.partitions.indices() {
            if self.partitions[index].topic == topic {
                let number = self.partitions[index].number;
                self.partitions[index] = PartitionMeta { topic, number, ..PartitionMeta::default() };
            }
        }
    }

    /// Makes room for `count` partitions of a topic. Partitions never become fewer.
    fn grow(&mut self, topic: u32, count: u32) {
        let reserved: u32 = self.topics[topic].extents.iter().map(|e| e.len).sum();
        if count > reserved {
            let missing = count - reserved;
            let room = u32::try_from(self.partitions.room()).unwrap_or(u32::MAX);
            // Doubling on the heap; where memory is lent, exactly what is needed and there is.
            let wish = if room == u32::MAX && reserved > 0 { missing.max(reserved) } else { missing };
            let len = wish.min(room);
            let first = self.partitions.len();
            let extents = &mut self.topics[topic].extents;
            let grown = match extents.last_mut() {
                // No other topic took room since: the last run goes on.
                Some(last) if last.first + last.len == first => {
                    last.len += len;
                    true
                }
                _ => len > 0 && extents.push(Extent { first, len }).is_ok(),
            };
            if grown {
                for i in 0..len {
                    let number = i32::try_from(reserved + i).unwrap_or(i32::MAX);
                    let entry = PartitionMeta { topic, number, ..PartitionMeta::default() };
                    if self.partitions.push(entry).is_err() {
                        break;
                    }
                }
            }
        }
        let reserved: u32 = self.topics[topic].extents.iter().map(|e| e.len).sum();
        let usable = count.min(reserved);
        let known = &mut self.topics[topic];
        known.partitions = known.partitions.max(usable);
        known.without_room = count - usable;
    }

    /// Whether this is the id of no topic here: of one that was made anew since it was asked about (KIP-516), or it is
    /// none of ours.
    pub(crate) fn is_gone(&self, id: &Uuid) -> bool {
        *id != Uuid::ZERO && self.topics.iter().all(|t| t.id != *id)
    }

    /// Whether some topic still has to be asked about.
    pub(crate) fn any_unknown(&self) -> bool {
        let told = |t: &Topic<'_>| recalled!(B4NoPartitionIsOk) && t.error == ErrorCode::NONE;
        self.topics.iter().any(|t| t.partitions == 0 && !t.error_is_final() && !told(t))
    }
}

impl Topic<'_> {
    /// Whether asking again cannot help.
    pub(crate) fn error_is_final(&self) -> bool {
        matches!(self.error, ErrorCode::INVALID_TOPIC_EXCEPTION | ErrorCode::TOPIC_AUTHORIZATION_FAILED)
    }
}

/// Whether Kafka accepts this topic name: 1 to 249 of `[a-zA-Z0-9._-]`, but not `.` or `..`.
pub fn is_legal_topic_name(name: &str) -> bool {
    let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    (1..=TOPIC_LEN_MAX).contains(&name.len()) && name != "." && name != ".." && name.bytes().all(legal)
}
