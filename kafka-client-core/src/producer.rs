//! The producer: records in, acknowledgements out.
//!
//! Its two halves meet in the partitions' queues of batches: the accumulator fills them, the sender empties
//! them. [`Producer`] joins them with the connections of [`net`](crate::net), and is what an adapter drives.

mod accumulator;
mod batch;
mod coordinator;
mod drive;
mod identity;
mod idle;
mod outcome;
mod partition;
mod partitioner;
mod pool;
mod rejected;
mod response;
mod rows;
mod seal;
mod sender;
mod split;
mod transaction;
mod transaction_answers;
mod transaction_rows;

use kafka_proto::ErrorCode;
use kafka_proto::compress::{check_level, is_built};
use kafka_proto::record::{Codec, NewRecord};

pub use accumulator::{AppendError, Appended, Progress};
pub use batch::{BatchId, Delivery, Outcome, SendError, Ticket};
pub use partitioner::{DefaultPartitioner, Partitioner, Partitions, RoundRobin, murmur2, partition_for_key};
pub use rejected::RecordError;
pub(crate) use rejected::Rejection;
pub(crate) use seal::Scratch;
pub use seal::Seal;
pub use transaction::{GroupMetadata, TransactionError, TransactionState};

use crate::config::{ClientConfig, ConfigError, ProducerConfig, check_producer};
use crate::metadata::{TopicId, is_legal_topic_name};
use crate::metrics::ProducerMetrics;
use crate::net::{Host, HostId, Net, Trouble};
use crate::resources::ProducerMemory;
use crate::storage::{NIL, Storage, Table, Text};
use crate::time::{Duration, Instant};
use accumulator::{Accumulator, Fill};
pub(crate) use batch::Batch;
use identity::Identity;
pub(crate) use partition::Partition;
use partitioner::Sticky;
use pool::Pool;
use transaction::Transaction;

pub use crate::topic::TopicError;

/// A Kafka producer without I/O. Drive it as the [crate's documentation](crate) shows.
///
/// * **Getters**: [`host`](Self::host), [`troubles`](Self::troubles), [`partitions`](Self::partitions),
///   [`unresolved`](Self::unresolved), [`resolved_to`](Self::resolved_to), [`is_closed`](Self::is_closed); of a delivery:
///   [`outcome_of`](Self::outcome_of), [`record_errors`](Self::record_errors), [`returned`](Self::returned).
/// * **What happened** (`handle_*`): [`Machine`](crate::machine::Machine)'s, and [`handle_sealed`](Self::handle_sealed).
/// * **Commands**: [`topic`](Self::topic), [`append`](Self::append), [`flush`](Self::flush),
///   [`release`](Self::release), [`close`](Self::close), [`abort`](Self::abort).
/// * **What to do next** (`poll_*`): [`Machine`](crate::machine::Machine)'s, [`poll_seal`](Self::poll_seal) and
///   [`poll_delivery`](Self::poll_delivery).
pub struct Producer<'m> {
    pub(crate) config: ProducerConfig,
    pub(crate) net: Net<'m>,
    pub(crate) acc: Accumulator<'m>,
    sticky: Table<'m, Sticky>,
    identity: Identity,
    txn: Transaction<'m>,
    metrics: ProducerMetrics,
    /// Which records brokers refused, of batches that are not released.
    rejections: Storage<'m, Rejection>,
    /// Where the next compressed batch goes; absent while a batch is being sealed.
    scratch: Option<Scratch<'m>>,
    closed: bool,
}

impl<'m> Producer<'m> {
    /// A producer that will connect to `bootstrap`, over the memory it is given.
    ///
    /// # Errors
    /// Settings that contradict each other; no bootstrap address; a codec without its feature or its memory.
    pub fn new(
        client: ClientConfig<'m>,
        config: ProducerConfig,
        bootstrap: impl IntoIterator<Item = (Text<'m>, u16)>,
        memory: ProducerMemory<'m>,
    ) -> Result<Self, ConfigError> {
        check_producer(&client, &config)?;
        let mut memory = memory;
        if !memory.net.add_bootstrap(bootstrap) {
            return Err(ConfigError { setting: "bootstrap.servers", rule: "at least one host:port" });
        }
        if !is_built(config.codec) || (config.codec != Codec::None && memory.scratch.is_none()) {
            return Err(ConfigError {
                setting: "compression.type",
                rule: "a codec of this build, with its memory",
            });
        }
        if check_level(config.codec, config.compression_level).is_err() {
            return Err(ConfigError {
                setting: "compression.level",
                rule: "a level that this build's codec has",
            });
        }
        let slot_size = memory.slot_size.min(config.batch_size.max(config.max_request_size) as usize);
        let slot_size = Pool::slot_size_of(&memory.batches, slot_size, config.buffer_memory);
        let fill = Fill::new(&config, slot_size);
        // All in one expression: each part that had a name would take its size of stack beside the whole.
        Ok(Producer {
            config,
            net: Net::new(client, memory.net),
            acc: Accumulator::new(
                Pool::new(memory.batches, slot_size, config.buffer_memory),
                memory.partitions,
                fill,
            ),
            sticky: Table::new(memory.sticky),
            identity: Identity::default(),
            txn: Transaction::new(None, 0),
            metrics: ProducerMetrics::default(),
            rejections: memory.rejections,
            scratch: memory.scratch,
            closed: false,
        })
    }

    /// Makes the producer transactional: `transactional.id`, and `transaction.timeout.ms` after which the coordinator
    /// aborts a transaction that was left open. To be called before anything else.
    ///
    /// # Errors
    /// Without idempotence, or with an empty id.
    pub fn transactional(mut self, id: Text<'m>, timeout: Duration) -> Result<Self, ConfigError> {
        if !cfg!(feature = "transactions") {
            return Err(ConfigError {
                setting: "transactional.id",
                rule: "unset in a build without transactions",
            });
        }
        if !self.config.idempotence || id.is_empty() {
            return Err(ConfigError {
                setting: "transactional.id",
                rule: "not empty, with enable.idempotence=true",
            });
        }
        if timeout.as_millis_i32() == 0 {
            return Err(ConfigError { setting: "transaction.timeout.ms", rule: "at least 1 ms" });
        }
        self.txn = Transaction::new(Some(id), timeout.as_millis_i32());
        Ok(self)
    }

    // ---- Getters ----

    /// The host that an [`Action::Resolve`](crate::net::Action::Resolve) names.
    pub fn host(&self, host: HostId) -> Host<'_> {
        self.net.host(host)
    }

    /// Brokers that could not be used lately, and why: what to tell a user who waits.
    pub fn troubles(&self) -> impl Iterator<Item = (Host<'_>, Trouble)> {
        self.net.troubles()
    }

    /// How many partitions the topic has; 0 while that is not known.
    pub fn partitions(&self, topic: TopicId) -> u32 {
        self.net.topics.topics[self.net.topics.place(topic)].partitions
    }

    /// What the cluster answered about the topic last.
    pub fn topic_error(&self, topic: TopicId) -> ErrorCode {
        self.net.topics.topics[self.net.topics.place(topic)].error
    }

    /// The name of a topic.
    pub fn topic_name(&self, topic: TopicId) -> &str {
        &self.net.topics.topics[self.net.topics.place(topic)].name
    }

    /// Why the cluster will not let this producer write, if so: nothing can be sent any more.
    pub fn refused(&self) -> Option<ErrorCode> {
        self.identity.refused
    }

    /// What the producer has done so far.
    pub fn metrics(&self) -> &ProducerMetrics {
        &self.metrics
    }

    /// Slots of the batch pool in use.
    pub fn slots_in_use(&self) -> usize {
        self.acc.pool.in_use as usize
    }

    /// Whether a batch has not been resolved yet.
    pub fn unresolved(&self) -> bool {
        self.acc.pool.oldest() != NIL
    }

    /// Up to where all batches are resolved: a [`flush`](Self::flush) that returned this mark or a smaller one is done.
    pub fn resolved_to(&self) -> Mark {
        match self.acc.pool.oldest() {
            NIL => Mark(self.acc.pool.serial()),
            oldest => Mark(self.acc.pool.batches[oldest].serial.saturating_sub(1)),
        }
    }

    /// Whether a delivery waits to be taken.
    pub fn has_resolved(&self) -> bool {
        self.acc.has_resolved()
    }

    /// Whether the pool has a free slot.
    pub fn has_room(&self) -> bool {
        self.acc.pool.has_room()
    }

    /// Whether an open batch waits for its linger to be over.
    pub fn lingers(&mut self) -> bool {
        self.acc.pool.lingering() != NIL
    }

    /// Whether [`close`](Self::close) or [`abort`](Self::abort) is complete: all resolved, no connection open.
    pub fn is_closed(&self) -> bool {
        self.closed && self.net.is_shut_down()
    }

    // ---- Commands ----

    /// The handle of a topic; its metadata is asked for when it is new. Where lent tables are full, it gets the place of
    /// one that was not written to for `metadata.max.idle.ms`, if there is any: see [`AppendError::Forgotten`].
    ///
    /// # Errors
    /// INVALID_TOPIC_EXCEPTION for a name Kafka does not allow, `None` as error code when there is no room for another.
    pub fn topic(&mut self, name: Text<'m>) -> Result<TopicId, TopicError> {
        if !is_legal_topic_name(&name) {
            return Err(TopicError::IllegalName);
        }
        if let Some(known) = self.net.topics.find(&name) {
            self.note_use(known.index);
            return Ok(known);
        }
        self.net.want_metadata_now();
        let registered = self.net.topics.register(name);
        let topic = registered.or_else(|name| self.replace_idle(name).ok_or(TopicError::NoRoom))?;
        while self.sticky.len() <= topic.index {
            if self.sticky.push(Sticky::default()).is_err() {
                return Err(TopicError::NoRoom);
            }
        }
        Ok(topic)
    }

    /// Takes a record: chooses its partition unless `partition` says, and encodes it into the batch pool.
    ///
    /// # Errors
    /// See [`AppendError`]. The record was not taken, and nothing was changed.
    #[inline]
    pub fn append(
        &mut self,
        now: Instant,
        topic: TopicId,
        partition: Option<u32>,
        record: &NewRecord<'_>,
    ) -> Result<Appended, AppendError> {
        if self.closed || self.identity.refused.is_some() {
            return Err(AppendError::Closed);
        }
        if self.txn.is_on() && self.txn.state != TransactionState::Open {
            return Err(AppendError::Transaction(self.txn.state));
        }
        if record.timestamp < -1 {
            return Err(AppendError::BadTimestamp(record.timestamp));
        }
        let topic = self.net.topics.place(topic);
        let partitions = self.net.topics.topics[topic].partitions;
        if partitions == 0 {
            return Err(self.no_partitions(topic));
        }
        let keyless = partition.is_none() && (record.key.is_none() || self.ignores_keys());
        let number = match (partition, record.key) {
            (Some(number), _) => number,
            (None, Some(key)) if !keyless => partition_for_key(key, partitions),
            _ => self.sticky_partition(now, topic, partitions),
        };
        let index = self.net.topics.partition(topic, number);
        if index == NIL {
            return Err(AppendError::NoSuchPartition { partitions });
        }
        let (ticket, progress) = match self.acc.join(index, record) {
            Some(ticket) => (ticket, Progress::Joined),
            None => self.append_elsewhere(now, topic, index, record, keyless)?,
        };
        if keyless {
            let bytes = record.value.map_or(0, <[u8]>::len).min(u32::MAX as usize) as u32;
            self.sticky[topic].took(bytes.saturating_add(8));
        }
        Ok(Appended { ticket, partition: number, progress })
    }

    #[inline]
    fn ignores_keys(&self) -> bool {
        cfg!(feature = "partitioner") && self.config.partitioner.ignore_keys
    }

    /// The record does not fit into an open batch.
    #[cold]
    fn append_elsewhere(
        &mut self,
        now: Instant,
        topic: u32,
        partition: u32,
        record: &NewRecord<'_>,
        keyless: bool,
    ) -> Result<(Ticket, Progress), AppendError> {
        let max = self.config.max_request_size as usize;
        let begun = self.acc.begin(now, partition, record, max);
        if matches!(begun, Ok((_, Progress::Filled)) | Err(_)) && keyless {
            self.sticky[topic].batch_closed();
        }
        if self.config.linger.0 == 0 {
            self.handle_linger(now);
        }
        self.note_use(topic);
        self.touch(now, partition);
        if matches!(begun, Err(AppendError::Full)) {
            // Batches that linger are what there is no room for.
            self.flush(now);
        }
        begun
    }

    #[cold]
    fn no_partitions(&mut self, topic: u32) -> AppendError {
        if topic == NIL {
            return AppendError::Forgotten;
        }
        let entry = &self.net.topics.topics[topic];
        if entry.error_is_final() {
            return AppendError::Topic(entry.error);
        }
        self.note_use(topic);
        self.net.want_metadata();
        AppendError::NoMetadata { last: self.net.topics.topics[topic].error }
    }

    /// Sends what was appended so far without waiting for linger. Done when [`resolved_to`](Self::resolved_to) has come
    /// to the mark, whatever is appended meanwhile.
    pub fn flush(&mut self, now: Instant) -> Mark {
        loop {
            let slot = self.acc.pool.lingering();
            if slot == NIL {
                break;
            }
            self.acc.pool.batches[slot].due = true;
            self.touch(now, self.acc.pool.batches[slot].partition);
        }
        Mark(self.acc.pool.serial())
    }

    /// Takes no more records and sends what is there. Done when [`is_closed`](Self::is_closed).
    pub fn close(&mut self, now: Instant) {
        self.closed = true;
        self.flush(now);
        self.close_when_done();
    }

    /// Gives up: what was never sent resolves `NotWritten`, what is under way `Indeterminate`; connections close.
    pub fn abort(&mut self) {
        self.closed = true;
        while self.acc.pool.oldest() != NIL {
            let slot = self.acc.pool.oldest();
            self.fail(slot, SendError::Closed);
        }
        self.close_when_done();
    }

    fn close_when_done(&mut self) {
        if self.closed && self.acc.pool.oldest() == NIL && !self.net.closing {
            self.net.shut_down();
        }
    }
}

/// A place in the order in which batches were begun: one of them, and all before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark(u64);

/// The memory of the sticky partitioner, one entry per topic.
pub(crate) type StickyMemory<'m> = Storage<'m, Sticky>;
pub(crate) use partitioner::Sticky as StickyEntry;
