//! The topics the client works with: their partitions, and which broker leads each.
//!
//! A topic is resolved once, to a [`TopicId`]; a partition has an index for life, so what producer and consumer keep
//! per partition lies in tables beside this one. More partitions of a topic get new indices (an *extent*); nothing
//! moves.

use heapless::Vec;
use kafka_proto::messages::metadata::{MetadataResponse, MetadataResponseTopic};
use kafka_proto::{ApiKey, ErrorCode, Uuid};

use crate::recall::recalled;
use crate::storage::{NIL, Storage, Table, Text};
use crate::time::Instant;
pub use crate::topic::{TOPIC_LEN_MAX, TopicId, is_legal_topic_name};

/// How often the partitions of a topic may grow while the client lives. On the heap each extent doubles the one
/// before, so this is room for a factor of 64.
const EXTENTS_MAX: usize = 6;

/// On the heap, the least room that is made for partitions before the cluster has told of them.
const RESERVED_MIN: u32 = 64;

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
    /// The id before, which requests under way may have named.
    former: Uuid,
    /// Counts how often it was made anew.
    pub(crate) life: u8,
    extents: Vec<Extent, EXTENTS_MAX>,
    /// Partitions the topic has, as far as there was room for them.
    pub(crate) partitions: u32,
    /// The last answer about this topic; a topic known before stays usable when it is briefly reported missing.
    pub(crate) error: ErrorCode,
    /// Its id changed: it was deleted and created again (KIP-516). The producer starts its sequences anew.
    pub(crate) recreated: bool,
    /// Answers in a row that do not know it.
    unknown: u8,
    /// Answers in a row with older leader epochs than the ones known, and no id to tell whether it was made anew.
    rewinds: u8,
    /// How many topics had this place before.
    tenant: u32,
    /// The first answer since it was last used; [`Instant::NEVER`] while it is in use.
    pub(crate) quiet_since: Instant,
    /// It was not used for so long that metadata is not asked for it.
    pub(crate) idle: bool,
    /// Partitions for which the lent tables have no room.
    pub(crate) without_room: u32,
}

/// What the cluster says about a partition.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PartitionMeta {
    pub(crate) topic: u32,
    /// The partition's number within its topic.
    pub(crate) number: i32,
    /// Index of the broker that leads it, [`NIL`] when none is known. Changed by [`Topics::lead`].
    pub(crate) leader: u32,
    /// The leader for which those who wait for the partition's leader wait.
    pub(crate) followed: u32,
    pub(crate) leader_id: i32,
    pub(crate) epoch: i32,
}

impl Default for PartitionMeta {
    fn default() -> Self {
        PartitionMeta { topic: NIL, number: -1, leader: NIL, followed: NIL, leader_id: -1, epoch: -1 }
    }
}

/// From this version on, leader epochs in Metadata can be compared (KAFKA-9212).
const RELIABLE_EPOCHS_FROM: i16 = 9;

/// Whether this build speaks a version; what belongs to one that it does not speak is not linked.
pub(crate) const fn speaks(key: ApiKey, version: i16) -> bool {
    matches!(key.versions(), Some(spoken) if spoken.max >= version)
}

const HAS_RELIABLE_EPOCHS: bool = speaks(ApiKey::METADATA, RELIABLE_EPOCHS_FROM);

/// Whether topics have ids for this build.
pub(crate) const HAS_IDS: bool = speaks(ApiKey::METADATA, 10);

/// A topic made anew, of a cluster before 2.8, has no id that says so, only lower leader epochs, as has an answer that is
/// late. After so many in a row they are believed; a broker that is not the leader says so itself.
const REWINDS_MAX: u8 = 5;

/// So many answers in a row have to say that there is no such topic.
const UNKNOWN_MIN: u8 = 2;

/// All topics and their partitions.
pub(crate) struct Topics<'m> {
    pub(crate) topics: Table<'m, Topic<'m>>,
    pub(crate) partitions: Table<'m, PartitionMeta>,
    /// Some partition has another leader than the one that is `followed`.
    pub(crate) moved: bool,
}

impl<'m> Topics<'m> {
    pub(crate) fn new(topics: Storage<'m, Topic<'m>>, partitions: Storage<'m, PartitionMeta>) -> Self {
        Topics { topics: Table::new(topics), partitions: Table::new(partitions), moved: false }
    }

    /// The topic of this name.
    pub(crate) fn find(&self, name: &str) -> Option<TopicId> {
        let known = self.topics.position(|t| *t.name == *name);
        (known != NIL).then(|| self.id(known))
    }

    /// A new topic; its name comes back when there is no room.
    pub(crate) fn register(&mut self, name: Text<'m>) -> Result<TopicId, Text<'m>> {
        let new = Topic { name, quiet_since: Instant::NEVER, ..Topic::default() };
        self.topics.push(new).map(|index| self.id(index)).map_err(|new| new.name)
    }

    /// A new topic in the place of one that is not needed any more, and with the room that was made for its partitions.
    pub(crate) fn replace(&mut self, old: u32, name: Text<'m>) -> TopicId {
        self.forget_partitions(old);
        let place = &mut self.topics[old];
        let (extents, tenant) = (core::mem::take(&mut place.extents), place.tenant.wrapping_add(1));
        *place = Topic { name, extents, tenant, quiet_since: Instant::NEVER, ..Topic::default() };
        self.id(old)
    }

    /// The handle of the topic at this place.
    pub(crate) fn id(&self, index: u32) -> TopicId {
        TopicId { index, tenant: self.topics[index].tenant }
    }

    /// The place of a topic; [`NIL`] when another one has it by now.
    pub(crate) fn place(&self, topic: TopicId) -> u32 {
        if self.topics[topic.index].tenant == topic.tenant { topic.index } else { NIL }
    }

    /// The index of a partition, or [`NIL`].
    pub(crate) fn partition(&self, topic: u32, number: u32) -> u32 {
        // The last extent may have spare room that is not in use yet.
        if number < self.topics[topic].partitions { self.reserved(topic, number) } else { NIL }
    }

    /// The index of a partition that metadata or the application named before, or [`NIL`].
    pub(crate) fn reserved(&self, topic: u32, number: u32) -> u32 {
        let mut before = 0;
        for extent in &self.topics[topic].extents {
            if number.wrapping_sub(before) < extent.len {
                return extent.first + (number - before);
            }
            before += extent.len;
        }
        NIL
    }

    /// As [`Topics::reserved`]; makes room for the partition before the cluster has told of it.
    pub(crate) fn reserve(&mut self, topic: u32, number: u32) -> u32 {
        let usable = self.topics[topic].partitions;
        let count = number.saturating_add(1);
        let heap = self.partitions.room() == usize::MAX;
        // They come one by one, and perhaps several topics by turns.
        let count = if heap { count.max(RESERVED_MIN) } else { count };
        self.grow(topic, count);
        self.topics[topic].partitions = usable;
        self.topics[topic].without_room = 0;
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
                None if HAS_IDS => self.topics.position(|t| t.id == answer.topic_id && t.id != Uuid::ZERO),
                None => NIL,
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
            } else if answer.error_code == ErrorCode::UNKNOWN_TOPIC_OR_PARTITION {
                self.topics[topic].unknown = self.topics[topic].unknown.saturating_add(1);
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
        if HAS_IDS && answer.topic_id != Uuid::ZERO && answer.topic_id != known && !kept {
            self.renew(topic, answer.topic_id);
        }
        let count = answer.partitions.iter().map(|p| p.partition_index.saturating_add(1)).max().unwrap_or(0);
        // Partition numbers are dense; a number beyond the count of entries would be a lie worth no memory.
        let count =
            u32::try_from(count).unwrap_or(0).min(u32::try_from(answer.partitions.len()).unwrap_or(0));
        self.grow(topic, count);
        let rewinds = self.topics[topic].rewinds;
        // What was unknown and is back may be another one.
        let was_unknown = core::mem::take(&mut self.topics[topic].unknown) > 0;
        let believed = rewinds >= REWINDS_MAX || was_unknown;
        let reliable = HAS_RELIABLE_EPOCHS && version >= RELIABLE_EPOCHS_FROM;
        let mut rewound = false;
        for partition in answer.partitions.iter() {
            let Ok(number) = u32::try_from(partition.partition_index) else { continue };
            let index = self.partition(topic, number);
            let known = &mut self.partitions[index];
            let stale = reliable && partition.leader_epoch < known.epoch;
            let may_be_new = answer.topic_id == Uuid::ZERO && partition.leader_epoch >= 0;
            rewound |= stale && may_be_new && index != NIL;
            if index == NIL || stale && !(may_be_new && believed) {
                continue;
            }
            if reliable && partition.leader_epoch >= 0 {
                known.epoch = partition.leader_epoch;
            }
            known.leader_id = partition.leader_id;
            self.lead(index, broker(partition.leader_id));
        }
        self.topics[topic].rewinds = if rewound && !believed { rewinds + 1 } else { 0 };
    }

    /// The life of the partition's topic.
    pub(crate) fn life_of(&self, partition: u32) -> u8 {
        self.topics[self.partitions[partition].topic].life
    }

    /// Another broker leads the partition, or none ([`NIL`]).
    pub(crate) fn lead(&mut self, partition: u32, leader: u32) {
        let known = &mut self.partitions[partition];
        self.moved |= known.leader != leader;
        known.leader = leader;
    }

    /// The topic has this id. If it had another one, what was known of its partitions concerns another topic of the
    /// same name.
    pub(crate) fn renew(&mut self, topic: u32, id: Uuid) {
        let known = &mut self.topics[topic];
        let former = core::mem::replace(&mut known.id, id);
        if former == Uuid::ZERO {
            return;
        }
        (known.former, known.life) = (former, known.life.wrapping_add(1));
        (known.recreated, known.partitions) = (true, 0);
        self.forget_partitions(topic);
    }

    fn forget_partitions(&mut self, topic: u32) {
        for index in self.partitions.indices() {
            if self.partitions[index].topic == topic {
                let PartitionMeta { number, followed, .. } = self.partitions[index];
                self.partitions[index] =
                    PartitionMeta { topic, number, followed, ..PartitionMeta::default() };
                self.moved = true;
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

    /// Why the cluster will not serve a partition, if it says so: it has no such topic or partition, or refuses the topic.
    pub(crate) fn refusal(&self, partition: u32) -> ErrorCode {
        let meta = &self.partitions[partition];
        let topic = &self.topics[meta.topic];
        // What is created just now, or was a moment ago, is unknown to some broker for a moment.
        let lacks_topic = topic.unknown >= UNKNOWN_MIN;
        let count = topic.partitions + topic.without_room;
        // One that was registered since the request was made is not in the answer.
        let answered = topic.error == ErrorCode::NONE && count > 0;
        let lacks_partition = answered && meta.number.unsigned_abs() >= count;
        match topic.error {
            code if topic.error_is_final() => code,
            _ if lacks_topic || lacks_partition => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
            _ => ErrorCode::NONE,
        }
    }

    /// Whether some topic still has to be asked about.
    pub(crate) fn any_unknown(&self) -> bool {
        let told = |t: &Topic<'_>| recalled!(B4NoPartitionIsOk) && t.error == ErrorCode::NONE;
        let unknown = |t: &Topic<'_>| t.partitions == 0 && !t.error_is_final() && !told(t);
        self.topics.iter().any(|t| !t.is_idle() && (unknown(t) || t.rewinds > 0))
    }
}

impl Topic<'_> {
    /// The id it had in that life; zero for one that is long past.
    pub(crate) fn id_in(&self, life: u8) -> Uuid {
        match self.life.wrapping_sub(life) {
            0 => self.id,
            1 => self.former,
            _ => Uuid::ZERO,
        }
    }

    /// Whether metadata is not asked for it.
    pub(crate) fn is_idle(&self) -> bool {
        cfg!(feature = "idle") && self.idle
    }

    /// Whether asking again cannot help.
    pub(crate) fn error_is_final(&self) -> bool {
        matches!(self.error, ErrorCode::INVALID_TOPIC_EXCEPTION | ErrorCode::TOPIC_AUTHORIZATION_FAILED)
    }
}

#[cfg(all(test, feature = "alloc"))]
pub(crate) mod tests {
    use std::vec::Vec;

    use kafka_proto::messages::metadata::{
        MetadataResponse, MetadataResponsePartition, MetadataResponseTopic,
    };
    use kafka_proto::wire::Array;

    use super::*;
    use crate::net::Net;

    /// One topic, `t`, with this id.
    pub(crate) fn topics(id: Uuid, partitions: u32) -> Topics<'static> {
        let mut topics = Topics::new(Storage::owned(), Storage::owned());
        topics.register("t".into()).expect("room");
        topics.grow(0, partitions);
        topics.renew(0, id);
        topics
    }

    /// The cluster tells of the topic `t`: so many partitions, each with its leader, of brokers 0 to 2.
    pub(crate) fn answer(net: &mut Net<'_>, partitions: i32, leader: impl Fn(i32) -> i32) {
        let known: Vec<u32> = (0..3).map(|id| net.learn_broker(id, "node", 9093 + id)).collect();
        let listed = |partition_index| MetadataResponsePartition {
            partition_index,
            leader_id: leader(partition_index),
            leader_epoch: 1,
            ..Default::default()
        };
        let partitions: Vec<_> = (0..partitions).map(listed).collect();
        let topic = MetadataResponseTopic {
            name: Some("t"),
            partitions: Array::slice(&partitions),
            ..Default::default()
        };
        let topics = [topic];
        let response = MetadataResponse { topics: Array::slice(&topics), ..Default::default() };
        net.topics.apply(12, &response, |id| usize::try_from(id).map_or(NIL, |id| known[id]));
        net.topics.moved = true;
    }

    /// What an answer of a cluster before 2.8 makes of the topic's only partition: the leader, by its id.
    fn leader_after(topics: &mut Topics<'_>, code: ErrorCode, leader_id: i32, leader_epoch: i32) -> i32 {
        let partition = MetadataResponsePartition { leader_id, leader_epoch, ..Default::default() };
        let partitions = [partition];
        let listed = if code == ErrorCode::NONE { &partitions[..] } else { &[] };
        let topic = MetadataResponseTopic {
            name: Some("t"),
            error_code: code,
            partitions: Array::slice(listed),
            ..Default::default()
        };
        let answered = [topic];
        let response = MetadataResponse { topics: Array::slice(&answered), ..Default::default() };
        topics.apply(9, &response, |id| u32::try_from(id).unwrap_or(NIL));
        topics.partitions[0].leader_id
    }

    /// A topic that broker 1 leads since epoch 7.
    fn without_id() -> Topics<'static> {
        let mut topics = topics(Uuid::ZERO, 0);
        assert_eq!(leader_after(&mut topics, ErrorCode::NONE, 1, 7), 1);
        topics
    }

    #[test]
    fn lower_epochs_of_a_topic_without_an_id_are_believed_in_the_end() {
        let mut topics = without_id();
        for _ in 0..REWINDS_MAX {
            assert_eq!(leader_after(&mut topics, ErrorCode::NONE, 2, 0), 1, "a late answer");
            assert!(topics.any_unknown(), "to be asked again");
        }
        assert_eq!(leader_after(&mut topics, ErrorCode::NONE, 2, 0), 2, "made anew");
        assert!(!topics.any_unknown());
        assert_eq!(leader_after(&mut topics, ErrorCode::NONE, 0, 1), 0);
    }

    #[test]
    fn late_answers_now_and_then_are_not_believed() {
        let mut topics = without_id();
        for _ in 0..20 {
            assert_eq!(leader_after(&mut topics, ErrorCode::NONE, 2, 3), 1);
            assert_eq!(leader_after(&mut topics, ErrorCode::NONE, 1, 7), 1);
        }
    }

    #[test]
    fn a_topic_that_was_unknown_and_is_back_may_be_another() {
        let mut topics = without_id();
        leader_after(&mut topics, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, -1, -1);
        assert_eq!(leader_after(&mut topics, ErrorCode::NONE, 2, 0), 2);
    }

    #[test]
    fn that_there_is_no_leader_is_no_older_epoch() {
        let mut topics = without_id();
        for _ in 0..20 {
            leader_after(&mut topics, ErrorCode::NONE, -1, -1);
        }
        assert_eq!(topics.partitions[0].epoch, 7);
    }

    #[test]
    fn what_no_answer_was_about_is_not_refused() {
        let mut topics = topics(Uuid::ZERO, 0);
        let partitions = [0, 1].map(|number| topics.reserve(0, number));
        let refusals = |topics: &Topics<'_>| partitions.map(|partition| topics.refusal(partition));
        assert_eq!(refusals(&topics), [ErrorCode::NONE; 2]);
        leader_after(&mut topics, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, -1, -1);
        assert_eq!(refusals(&topics), [ErrorCode::NONE; 2], "it may be on its way");
        leader_after(&mut topics, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, -1, -1);
        assert_eq!(refusals(&topics), [ErrorCode::UNKNOWN_TOPIC_OR_PARTITION; 2]);
        leader_after(&mut topics, ErrorCode::NONE, 0, 0);
        assert_eq!(refusals(&topics), [ErrorCode::NONE, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION]);
    }
}
