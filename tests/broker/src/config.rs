//! What a cluster is made of and how large it may grow.

use std::fmt;

use crate::sasl::{MECHANISMS, Sasl};

/// The Kafka release whose versions and quirks are imitated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Release {
    /// Kafka 2.1: no static members, no KIP-360, names only.
    V2_1,
    /// Kafka 2.8: topic ids in Metadata, flexible versions.
    V2_8,
    /// Kafka 3.9: KRaft, leader hints, KIP-848 in preview.
    V3_9,
    /// Kafka 4.3: what KIP-896 removed is gone, transactions V2, KIP-848.
    #[default]
    V4_3,
}

impl Release {
    /// "2.1", "2.8", "3.9" or "4.3".
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "2.1" => Some(Self::V2_1),
            "2.8" => Some(Self::V2_8),
            "3.9" => Some(Self::V3_9),
            "4.3" => Some(Self::V4_3),
            _ => None,
        }
    }
}

/// Configuration of a whole cluster. Each limit holds against clients that mean harm, too.
#[derive(Debug, Clone)]
pub struct Config {
    /// Brokers, 1 to 100; their ids are 0, 1, ….
    pub nodes: i32,
    /// Rack of each node, in order; nodes without an entry have none.
    pub racks: Vec<String>,
    /// Which release to be.
    pub release: Release,
    /// Finalized level of the feature `transaction.version` (0 to 2); a release before 4.0 has none.
    pub transaction_version: i16,
    /// Topics that exist from the start, with their partitions.
    pub topics: Vec<(String, i32)>,
    /// Create a topic when Metadata asks for one that does not exist (`auto.create.topics.enable`).
    pub auto_create: bool,
    /// `num.partitions`.
    pub default_partitions: i32,
    /// `default.replication.factor`; at most `nodes` are used.
    pub replication_factor: i16,
    /// `min.insync.replicas`.
    pub min_insync_replicas: usize,
    /// Microseconds until the followers have what the leader appended: the high watermark follows that much later.
    pub replication_lag_us: u64,
    /// `max.message.bytes`: largest batch.
    pub max_message_bytes: usize,
    /// Segment size; retention frees whole segments.
    pub segment_bytes: usize,
    /// Bytes kept per partition, index included.
    pub retention_bytes: u64,
    /// Bytes kept over all partitions; beyond it the largest partitions lose their oldest segments.
    pub max_log_bytes: u64,
    /// Topics at most.
    pub max_topics: usize,
    /// Partitions at most, over all topics.
    pub max_partitions: usize,
    /// Producers remembered per partition.
    pub max_producers: usize,
    /// Groups at most.
    pub max_groups: usize,
    /// Members of a group at most (`group.max.size`).
    pub max_group_members: usize,
    /// Connections at most, over all nodes.
    pub max_connections: usize,
    /// `socket.request.max.bytes`: a larger frame closes the connection.
    pub max_request_bytes: usize,
    /// Fetch sessions at most (`max.incremental.fetch.session.cache.slots`).
    pub max_fetch_sessions: usize,
    /// `fetch.max.bytes` of the broker.
    pub max_fetch_bytes: usize,
    /// Wall clock when `now` is 0, in milliseconds since 1970.
    pub wall_clock_ms: i64,
    /// `producer.id.expiration.ms`.
    pub producer_id_expiration_ms: u64,
    /// `offsets.retention.minutes`, in milliseconds.
    pub offsets_retention_ms: u64,
    /// `transaction.max.timeout.ms`.
    pub transaction_max_timeout_ms: i32,
    /// Transactional ids at most; the one unused for longest goes.
    pub max_transactional_ids: usize,
    /// Microseconds from EndTxn to its markers: until then the next transaction is CONCURRENT_TRANSACTIONS.
    pub txn_marker_delay_us: u64,
    /// `group.initial.rebalance.delay.ms`.
    pub group_initial_rebalance_delay_ms: u64,
    /// `group.min.session.timeout.ms` and `group.max.session.timeout.ms`.
    pub group_session_timeout_ms: (i32, i32),
    /// `group.consumer.session.timeout.ms` (KIP-848).
    pub consumer_session_timeout_ms: u64,
    /// `group.consumer.heartbeat.interval.ms` (KIP-848).
    pub consumer_heartbeat_interval_ms: i32,
    /// Who may come in; without users anybody.
    pub sasl: Sasl,
    /// Fetch responses may end in the middle of a batch, as Kafka's do.
    pub cut_off_batches: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            nodes: 1,
            racks: Vec::new(),
            release: Release::default(),
            transaction_version: 2,
            topics: Vec::new(),
            auto_create: true,
            default_partitions: 1,
            replication_factor: 3,
            min_insync_replicas: 1,
            replication_lag_us: 0,
            max_message_bytes: 1_048_588,
            segment_bytes: 4 << 20,
            retention_bytes: 256 << 20,
            max_log_bytes: 8 << 30,
            max_topics: 2_000,
            max_partitions: 20_000,
            max_producers: 10_000,
            max_groups: 10_000,
            max_group_members: 1_000,
            max_connections: 1_000,
            max_request_bytes: 100 << 20,
            max_fetch_sessions: 1_000,
            max_fetch_bytes: 55 << 20,
            wall_clock_ms: 1_700_000_000_000,
            producer_id_expiration_ms: 86_400_000,
            offsets_retention_ms: 7 * 86_400_000,
            transaction_max_timeout_ms: 900_000,
            max_transactional_ids: 10_000,
            txn_marker_delay_us: 0,
            group_initial_rebalance_delay_ms: 0,
            group_session_timeout_ms: (6_000, 1_800_000),
            consumer_session_timeout_ms: 45_000,
            consumer_heartbeat_interval_ms: 5_000,
            sasl: Sasl::default(),
            cut_off_batches: true,
        }
    }
}

/// A configuration that cannot be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError(pub String);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ConfigError {}

impl Config {
    /// Checks what can be checked before the cluster starts.
    pub fn check(&self) -> Result<(), ConfigError> {
        let wrong = |text: String| Err(ConfigError(text));
        if !(1..=100).contains(&self.nodes) {
            return wrong(format!("nodes is {}, not 1 to 100", self.nodes));
        }
        if self.racks.len() > self.nodes as usize {
            return wrong(format!("{} racks for {} nodes", self.racks.len(), self.nodes));
        }
        if !(1..=100_000).contains(&self.default_partitions) {
            return wrong(format!("default partitions is {}, not 1 to 100000", self.default_partitions));
        }
        if self.replication_factor < 1 {
            return wrong(format!("replication factor is {}, not at least 1", self.replication_factor));
        }
        if !(0..=2).contains(&self.transaction_version) {
            return wrong(format!("transaction.version is {}, not 0 to 2", self.transaction_version));
        }
        if let Some(odd) = self.sasl.mechanisms.iter().find(|m| !MECHANISMS.contains(&m.as_str())) {
            return wrong(format!("SASL mechanism {odd:?} is none of {}", MECHANISMS.join(", ")));
        }
        if self.max_message_bytes < 1024 || self.segment_bytes < 1024 || self.segment_bytes > 1 << 30 {
            return wrong("message and segment bytes are at least 1024, a segment at most 1 GiB".into());
        }
        if self.max_request_bytes < 1024 || self.max_request_bytes > i32::MAX as usize {
            return wrong(format!("max request bytes is {}, not 1024 to 2^31-1", self.max_request_bytes));
        }
        let partitions: i64 = self.topics.iter().map(|(_, n)| i64::from(*n)).sum();
        if self.topics.len() > self.max_topics || partitions > self.max_partitions as i64 {
            return wrong("more topics or partitions than max topics and max partitions allow".into());
        }
        match self.topics.iter().find(|(name, n)| !crate::topics::valid_name(name) || *n < 1) {
            Some((name, n)) => wrong(format!("topic {name:?} with {n} partitions cannot be")),
            None => Ok(()),
        }
    }

    /// `transaction.version` that is in force.
    pub fn transactions_v2(&self) -> bool {
        self.release >= Release::V4_3 && self.transaction_version >= 2
    }
}
