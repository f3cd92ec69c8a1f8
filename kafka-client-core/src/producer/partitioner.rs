//! Which partition a record goes to when its sender does not say.
//!
//! A record with a key goes where Java's client sends it: `murmur2(key) & 0x7fffffff % partitions`. A record without
//! one goes to the partition that is the topic's at the moment, until a batch's worth of bytes went there (KIP-480,
//! KIP-794): that fills batches, and spreads evenly over time.
//!
//! An application that wants it otherwise names the partition itself, or gives [`append_with`](Producer::append_with) a
//! [`Partitioner`]. What is not used of this is not linked.

use kafka_proto::record::NewRecord;

use super::Producer;
use super::accumulator::{AppendError, Appended};
use crate::metadata::TopicId;
use crate::random::Random;
use crate::storage::NIL;
use crate::time::Instant;

/// Chooses the partition of a record that does not name one.
///
/// It is asked once per record, when the topic's partitions are known. A number that the topic does not have is an
/// error at the call, [`AppendError::NoSuchPartition`]; the record is not queued then.
pub trait Partitioner {
    /// The partition for this record; `None` leaves the choice to the default: by key where there is one.
    fn partition(&mut self, record: &NewRecord<'_>, partitions: &Partitions<'_>) -> Option<u32>;
}

/// The default, as a partitioner: the hash of the key, and for records without one a partition that fills a batch.
#[derive(Clone, Copy, Debug, Default)]
pub struct DefaultPartitioner;

impl Partitioner for DefaultPartitioner {
    fn partition(&mut self, _: &NewRecord<'_>, _: &Partitions<'_>) -> Option<u32> {
        None
    }
}

/// One partition after the other, whatever the key: among those that can be written to, or among all if none can. Each
/// of the first `TOPICS` topics has a turn of its own; more share the last.
#[derive(Clone, Copy, Debug)]
pub struct RoundRobin<const TOPICS: usize = 1> {
    next: [u32; TOPICS],
}

impl<const TOPICS: usize> Default for RoundRobin<TOPICS> {
    fn default() -> Self {
        RoundRobin { next: [0; TOPICS] }
    }
}

impl<const TOPICS: usize> Partitioner for RoundRobin<TOPICS> {
    fn partition(&mut self, _: &NewRecord<'_>, partitions: &Partitions<'_>) -> Option<u32> {
        let turn = partitions.topic_id().index().min(TOPICS.saturating_sub(1));
        let next = self.next.get_mut(turn)?;
        Some(partitions.in_turn(next))
    }
}

/// What a [`Partitioner`] sees of a topic: its partitions as they are now.
pub struct Partitions<'a> {
    topic: TopicId,
    live: &'a dyn Live,
}

/// A producer without its lifetime.
trait Live {
    fn name(&self, topic: TopicId) -> &str;
    fn count(&self, topic: TopicId) -> u32;
    fn is_available(&self, topic: TopicId, number: u32) -> bool;
    fn queued(&self, topic: TopicId, number: u32) -> u32;
}

impl Live for Producer<'_> {
    fn name(&self, topic: TopicId) -> &str {
        self.topic_name(topic)
    }

    fn count(&self, topic: TopicId) -> u32 {
        self.partitions(topic)
    }

    fn is_available(&self, topic: TopicId, number: u32) -> bool {
        let topics = &self.net.topics;
        topics.partitions[topics.partition(topics.place(topic), number)].leader != NIL
    }

    fn queued(&self, topic: TopicId, number: u32) -> u32 {
        let topics = &self.net.topics;
        self.acc.partitions[topics.partition(topics.place(topic), number)].queued
    }
}

impl<'a> Partitions<'a> {
    /// The topic's name.
    pub fn topic(&self) -> &'a str {
        self.live.name(self.topic)
    }

    /// The topic: its [`index`](TopicId::index) is the same for every record.
    pub fn topic_id(&self) -> TopicId {
        self.topic
    }

    /// How many partitions the topic has, at least one: 0 to this minus one can be chosen.
    pub fn count(&self) -> u32 {
        self.live.count(self.topic)
    }

    /// Whether the partition has a leader. Records for one without a leader wait for it.
    pub fn is_available(&self, number: u32) -> bool {
        number < self.count() && self.live.is_available(self.topic, number)
    }

    /// The partitions that have a leader.
    pub fn available(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.count()).filter(|number| self.is_available(*number))
    }

    /// Batches that wait to be sent to the partition or acknowledged by its broker.
    pub fn queued(&self, number: u32) -> u32 {
        if number < self.count() { self.live.queued(self.topic, number) } else { 0 }
    }

    /// The partition whose turn it is, of those that have a leader, or of all if none has. Those without one lose their
    /// turn; `next` is the caller's to keep.
    pub fn in_turn(&self, next: &mut u32) -> u32 {
        let count = self.count();
        let mut turn = || {
            let at = next.checked_rem(count).unwrap_or(0);
            *next = at + 1;
            at
        };
        let first = turn();
        let mut at = first;
        for _ in 1..count {
            if self.is_available(at) {
                return at;
            }
            at = turn();
        }
        if self.is_available(at) { at } else { first }
    }
}

impl core::fmt::Debug for Partitions<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Partitions").field("topic", &self.topic()).field("count", &self.count()).finish()
    }
}

impl Producer<'_> {
    /// As [`append`](Self::append), to the partition that the partitioner chooses.
    ///
    /// # Errors
    /// As [`append`](Self::append), and [`AppendError::NoSuchPartition`] for a choice that the topic does not have.
    pub fn append_with(
        &mut self,
        now: Instant,
        topic: TopicId,
        record: &NewRecord<'_>,
        partitioner: &mut (impl Partitioner + ?Sized),
    ) -> Result<Appended, AppendError> {
        let chosen = self.choose(topic, record, partitioner);
        self.append(now, topic, chosen, record)
    }

    /// What the partitioner chooses; `None` when it has no opinion, or the topic's partitions are not known yet.
    pub fn choose(
        &self,
        topic: TopicId,
        record: &NewRecord<'_>,
        partitioner: &mut (impl Partitioner + ?Sized),
    ) -> Option<u32> {
        let partitions = Partitions { topic, live: self };
        if partitions.count() == 0 { None } else { partitioner.partition(record, &partitions) }
    }

    /// The topic's partition of the moment for records without a key.
    #[inline]
    pub(super) fn sticky_partition(&mut self, now: Instant, topic: u32, partitions: u32) -> u32 {
        let size = u32::try_from(self.acc.fill.limit()).unwrap_or(u32::MAX);
        let (topics, acc) = (&self.net.topics, &self.acc);
        let options = &self.config.partitioner;
        let load = |number: u32| {
            let index = topics.partition(topic, number);
            let queue = &acc.partitions[index];
            if topics.partitions[index].leader == NIL {
                u32::MAX
            } else if !cfg!(feature = "partitioner") {
                queue.queued
            } else if !options.adaptive {
                0
            } else if options.availability_timeout.0 > 0
                && queue.waiting_since(&acc.pool.batches) + self.config.linger + options.availability_timeout
                    <= now
            {
                // It could have gone long ago, and has not.
                UNAVAILABLE
            } else {
                queue.queued
            }
        };
        self.sticky[topic].current(partitions, size, &mut self.net.random, load)
    }
}

/// From this load on, a partition is taken only if all have it.
const UNAVAILABLE: u32 = u32::MAX - 1;

/// Austin Appleby's MurmurHash2 with the seed Kafka uses, as in Java's `Utils.murmur2`.
pub fn murmur2(key: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let mut h = 0x9747_b28c ^ (key.len() as u32);
    let mut words = key.chunks_exact(4);
    for word in &mut words {
        let mut k = word.first_chunk().map_or(0, |w| u32::from_le_bytes(*w)).wrapping_mul(M);
        k ^= k >> 24;
        h = h.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        for (i, byte) in rest.iter().enumerate() {
            h ^= u32::from(*byte) << (8 * i);
        }
        h = h.wrapping_mul(M);
    }
    h ^= h >> 13;
    h = h.wrapping_mul(M);
    h ^ (h >> 15)
}

/// The partition of a key among `partitions`.
pub fn partition_for_key(key: &[u8], partitions: u32) -> u32 {
    (murmur2(key) & 0x7fff_ffff).checked_rem(partitions).unwrap_or(0)
}

/// A topic's partition of the moment for records without a key.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sticky {
    partition: u32,
    /// Bytes it still takes; 0 at the start, so that the first partition is drawn too.
    left: u32,
}

impl Sticky {
    /// The partition of the moment, among `partitions`. `load` says how much waits in one: of two that are drawn and the
    /// last one the least loaded is taken, so that a slow broker gets fewer records (KIP-794) at the same cost for any
    /// number of them.
    pub(crate) fn current(
        &mut self,
        partitions: u32,
        batch_size: u32,
        random: &mut Random,
        load: impl Fn(u32) -> u32,
    ) -> u32 {
        if self.left == 0 || self.partition >= partitions {
            // Never the same one twice in a row where there is another, unless that other has more to do.
            let step = 1 + random.below(partitions.saturating_sub(1));
            let one = (self.partition + step).checked_rem(partitions).unwrap_or(0);
            let other = random.below(partitions);
            let mut drawn = one;
            for known in [other, self.partition] {
                if load(known) < load(drawn) {
                    drawn = known;
                }
            }
            self.partition = match load(drawn) {
                UNAVAILABLE.. => (0..partitions).min_by_key(|p| (load(*p), *p < drawn)).unwrap_or(drawn),
                _ => drawn,
            };
            self.left = batch_size;
        }
        self.partition
    }

    /// So many bytes went to it.
    pub(crate) fn took(&mut self, bytes: u32) {
        self.left = self.left.saturating_sub(bytes);
    }

    /// Its batch was closed: the next record may go elsewhere.
    pub(crate) fn batch_closed(&mut self) {
        self.left = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by `org.apache.kafka.common.utils.Utils.murmur2` of the Java client.
    #[test]
    fn murmur2_is_javas() {
        for (key, hash) in [
            (&b"21"[..], -973_932_308),
            (b"foobar", -790_332_482),
            (b"a-little-bit-long-string", -985_981_536),
            (b"a-little-bit-longer-string", -1_486_304_829),
            (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            (b"abc", 479_470_107),
        ] {
            assert_eq!(murmur2(key) as i32, hash, "{key:?}");
        }
    }

    /// Made by `Utils.murmur2` and `Utils.toPositive(…) % 12` of the Java client 4.3.1, keys as UTF-8.
    #[test]
    fn keys_of_any_bytes_go_where_java_sends_them() {
        for (key, hash, of_12) in [
            (&b""[..], 275_646_681, 9),
            (b"a", -1_563_381_124, 4),
            (b"ab", 316_155_434, 2),
            (b"abcd", -1_323_649_548, 8),
            ("Grüße".as_bytes(), 1_190_824_359, 3),
            ("ключ-42".as_bytes(), -1_352_945_481, 11),
            ("温度センサー".as_bytes(), -1_710_155_855, 9),
            ("\u{1f321}\u{fe0f}".as_bytes(), 1_800_036_460, 4),
            ("naïve café".as_bytes(), 1_338_837_213, 9),
            (b"sensor-7", 1_648_233_316, 4),
            (b"user:1234567890", 1_084_400_573, 5),
            (&[0xff, 0x80, 0x7f, 0], -1_059_522_114, 2),
            (&[0xff, 0xff, 0xff], 1_548_199_422, 6),
            (&[0x80], 857_690_492, 8),
            (&[0, 0, 0, 0, 0xfe], 1_530_199_821, 9),
            (&[0xc3, 0x28, 0xf0, 0x9f, 0x92, 0xa9, 0x81], 1_521_276_467, 11),
        ] {
            assert_eq!((murmur2(key) as i32, partition_for_key(key, 12)), (hash, of_12), "{key:?}");
        }
    }

    #[test]
    fn what_cannot_be_written_to_is_not_drawn_while_there_is_another() {
        let mut random = Random::new(1);
        for available in 0..9 {
            let mut sticky = Sticky::default();
            for _ in 0..50 {
                let load = |p| if p == available { 7 } else { u32::MAX - p % 2 };
                assert_eq!(sticky.current(9, 1, &mut random, load), available);
                sticky.took(1);
            }
        }
    }

    #[test]
    fn keyless_records_fill_a_batch_and_move_on() {
        let mut random = Random::new(1);
        let mut sticky = Sticky::default();
        let mut seen = [0u32; 3];
        let mut last = None;
        for _ in 0..300 {
            let p = sticky.current(3, 100, &mut random, |_| 0);
            assert_ne!(last, Some(p), "moves on after a batch");
            for _ in 0..10 {
                assert_eq!(sticky.current(3, 100, &mut random, |_| 0), p);
                sticky.took(10);
            }
            last = Some(p);
            seen[p as usize] += 1;
        }
        assert!(seen.iter().all(|n| (70..130).contains(n)), "{seen:?}");
        assert_eq!(Sticky::default().current(1, 100, &mut random, |_| 0), 0);
    }

    #[test]
    fn a_loaded_partition_gets_fewer() {
        let mut random = Random::new(1);
        let mut sticky = Sticky::default();
        let mut seen = [0u32; 4];
        for _ in 0..1000 {
            seen[sticky.current(4, 1, &mut random, |p| u32::from(p == 2)) as usize] += 1;
            sticky.took(1);
        }
        assert!(seen[2] < 150 && [0, 1, 3].iter().all(|p| seen[*p] > 220), "{seen:?}");
    }
}
