//! Settings of the client, in the units the core works with. Names and defaults are the Java client's; the dotted
//! names themselves (`linger.ms`, …) are known to the adapters.

use kafka_proto::record::Codec;

use crate::time::Duration;

/// What producer and consumer have in common.
#[derive(Clone, Copy, Debug)]
pub struct ClientConfig<'m> {
    /// `client.id`: named in every request, shown in the broker's logs and quotas.
    pub client_id: &'m str,
    /// `request.timeout.ms`: how long to wait for an answer before the connection is given up.
    pub request_timeout: Duration,
    /// `retry.backoff.ms`: the first wait before a request is tried again.
    pub retry_backoff: Duration,
    /// `retry.backoff.max.ms`: the longest such wait.
    pub retry_backoff_max: Duration,
    /// `reconnect.backoff.ms`: the first wait before a broker is connected to again.
    pub reconnect_backoff: Duration,
    /// `reconnect.backoff.max.ms`: the longest such wait.
    pub reconnect_backoff_max: Duration,
    /// `socket.connection.setup.timeout.ms`: how long a TCP connection may take to open.
    pub connection_setup_timeout: Duration,
    /// `connections.max.idle.ms`: an unused connection is closed after this long.
    pub connections_max_idle: Duration,
    /// `metadata.max.age.ms`: leaders are asked for again after this long, even if nothing failed.
    pub metadata_max_age: Duration,
    /// `allow.auto.create.topics`: whether asking for a topic may create it.
    pub allow_auto_create_topics: bool,
    /// `max.in.flight.requests.per.connection`, 1 to [`IN_FLIGHT_MAX`].
    pub max_in_flight: u8,
    /// The largest response accepted where the receive buffer can grow, in bytes.
    pub response_size_max: u32,
    /// Seeds backoff jitter and the first sticky partition; two clients should differ.
    pub seed: u64,
}

/// The most requests a connection can have under way. Five keep order with idempotence and fill any link; more only
/// widens what is lost with a connection.
pub const IN_FLIGHT_MAX: usize = if cfg!(feature = "alloc") { 8 } else { 5 };

impl ClientConfig<'_> {
    /// Java's defaults.
    pub const DEFAULT: ClientConfig<'static> = ClientConfig {
        client_id: "",
        request_timeout: Duration::from_millis(30_000),
        retry_backoff: Duration::from_millis(100),
        retry_backoff_max: Duration::from_millis(1_000),
        reconnect_backoff: Duration::from_millis(50),
        reconnect_backoff_max: Duration::from_millis(1_000),
        connection_setup_timeout: Duration::from_millis(10_000),
        connections_max_idle: Duration::from_millis(540_000),
        metadata_max_age: Duration::from_millis(300_000),
        allow_auto_create_topics: true,
        max_in_flight: 5,
        response_size_max: 100 * 1024 * 1024,
        seed: 0,
    };
}

impl Default for ClientConfig<'_> {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// `acks`: whose word counts as an acknowledgement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Acks {
    /// Nobody's: a record counts as sent when its last byte was written to the socket.
    None,
    /// The partition leader's.
    Leader,
    /// That of all in-sync replicas.
    #[default]
    All,
}

impl Acks {
    /// The value on the wire.
    pub fn to_wire(self) -> i16 {
        match self {
            Acks::None => 0,
            Acks::Leader => 1,
            Acks::All => -1,
        }
    }
}

/// The producer's settings.
#[derive(Clone, Copy, Debug)]
pub struct ProducerConfig {
    /// `acks`.
    pub acks: Acks,
    /// `enable.idempotence`: no duplicates and no reordering on retry; needs [`Acks::All`] and at most 5 in flight.
    pub idempotence: bool,
    /// `batch.size` in bytes: the size of a slot of the batch pool.
    pub batch_size: u32,
    /// `buffer.memory` in bytes: the batch pool grows to this where memory can be allocated.
    pub buffer_memory: u64,
    /// `linger.ms`: how long a batch that is not full waits for more records.
    pub linger: Duration,
    /// `delivery.timeout.ms`: every record is resolved within this time of `append`.
    pub delivery_timeout: Duration,
    /// `metadata.max.idle.ms`: metadata is not asked for a topic that was not written to for so long.
    pub metadata_max_idle: Duration,
    /// `max.request.size` in bytes, of one record batch and of one request.
    pub max_request_size: u32,
    /// `retries`: how often a batch is tried again before it fails.
    pub retries: u32,
    /// `compression.type`.
    pub codec: Codec,
    /// `compression.<codec>.level`, where the codec has levels.
    pub compression_level: Option<i32>,
    /// `partitioner.*`.
    pub partitioner: PartitionerConfig,
}

/// How the default partitioner chooses (KIP-794).
#[derive(Clone, Copy, Debug)]
pub struct PartitionerConfig {
    /// `partitioner.ignore.keys`: records with a key are spread like those without one.
    pub ignore_keys: bool,
    /// `partitioner.adaptive.partitioning.enable`: a partition whose batches pile up gets fewer records without a key.
    pub adaptive: bool,
    /// `partitioner.availability.timeout.ms`: with `adaptive`, a partition of which a batch could not be sent for so
    /// long gets none, if there is another; 0 switches that off.
    pub availability_timeout: Duration,
}

impl PartitionerConfig {
    /// Java's defaults.
    pub const DEFAULT: PartitionerConfig =
        PartitionerConfig { ignore_keys: false, adaptive: true, availability_timeout: Duration(0) };
}

impl Default for PartitionerConfig {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl ProducerConfig {
    /// Java's defaults.
    pub const DEFAULT: ProducerConfig = ProducerConfig {
        acks: Acks::All,
        idempotence: true,
        batch_size: 16_384,
        buffer_memory: 32 * 1024 * 1024,
        linger: Duration::from_millis(5),
        delivery_timeout: Duration::from_millis(120_000),
        metadata_max_idle: Duration::from_millis(300_000),
        max_request_size: 1_048_576,
        retries: i32::MAX as u32,
        codec: Codec::None,
        compression_level: None,
        partitioner: PartitionerConfig::DEFAULT,
    };
}

impl Default for ProducerConfig {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Where a partition is read from when there is no position to go on from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OffsetReset {
    /// `earliest`: the first record that is still there.
    Earliest,
    /// `latest`: only what is written from now on.
    #[default]
    Latest,
    /// `none`: an error.
    None,
}

/// `isolation.level`: which records of transactions a consumer sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Isolation {
    /// All, also those of open and aborted transactions.
    #[default]
    ReadUncommitted,
    /// Only those of committed transactions, and those outside transactions, up to the first open one.
    ReadCommitted,
}

impl Isolation {
    /// The value on the wire.
    pub fn to_wire(self) -> i8 {
        i8::from(self == Isolation::ReadCommitted)
    }
}

/// The consumer's settings.
#[derive(Clone, Copy, Debug)]
pub struct ConsumerConfig<'m> {
    /// `fetch.min.bytes`: the broker answers a fetch when it has so much.
    pub fetch_min_bytes: u32,
    /// `fetch.max.wait.ms`: or when this time has passed.
    pub fetch_max_wait: Duration,
    /// `fetch.max.bytes` of one response, except that a first batch that is larger still comes whole.
    pub fetch_max_bytes: u32,
    /// `max.partition.fetch.bytes`, likewise.
    pub partition_fetch_bytes: u32,
    /// `auto.offset.reset`: used when a position no longer exists.
    pub offset_reset: OffsetReset,
    /// `isolation.level`.
    pub isolation: Isolation,
    /// `check.crcs`.
    pub check_crcs: bool,
    /// `client.rack` (KIP-392). The brokers are not told of it yet: records are read from the leader.
    pub rack: &'m str,
}

impl ConsumerConfig<'_> {
    /// Java's defaults.
    pub const DEFAULT: ConsumerConfig<'static> = ConsumerConfig {
        fetch_min_bytes: 1,
        fetch_max_wait: Duration::from_millis(500),
        fetch_max_bytes: 52_428_800,
        partition_fetch_bytes: 1_048_576,
        offset_reset: OffsetReset::Latest,
        isolation: Isolation::ReadUncommitted,
        check_crcs: true,
        rack: "",
    };
}

impl Default for ConsumerConfig<'_> {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Two settings that contradict each other, named as in Java's configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The setting to change, e.g. `delivery.timeout.ms`.
    pub setting: &'static str,
    /// What it must satisfy, e.g. "at least linger.ms + request.timeout.ms".
    pub rule: &'static str,
}

impl core::fmt::Display for ConfigError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}: must be {}", self.setting, self.rule)
    }
}

impl core::error::Error for ConfigError {}

/// Checks the producer's settings against each other; the first rule broken is the error.
pub fn check_producer(client: &ClientConfig<'_>, producer: &ProducerConfig) -> Result<(), ConfigError> {
    // One `if` per rule, not a table: a caller that does not show the error does not pay for its words.
    let broken = |setting, rule| Err(ConfigError { setting, rule });
    let in_flight = usize::from(client.max_in_flight);
    if in_flight == 0 || in_flight > IN_FLIGHT_MAX {
        return broken("max.in.flight.requests.per.connection", "between 1 and 8, or 5 without a heap");
    }
    if producer.idempotence && in_flight > 5 {
        return broken("max.in.flight.requests.per.connection", "at most 5 with enable.idempotence=true");
    }
    if producer.idempotence && producer.acks != Acks::All {
        return broken("acks", "all with enable.idempotence=true");
    }
    if producer.idempotence && producer.retries == 0 {
        return broken("retries", "at least 1 with enable.idempotence=true");
    }
    if producer.delivery_timeout.0 < producer.linger.0.saturating_add(client.request_timeout.0) {
        return broken("delivery.timeout.ms", "at least linger.ms + request.timeout.ms");
    }
    if client.request_timeout.0 == 0 {
        return broken("request.timeout.ms", "greater than 0");
    }
    if producer.batch_size < 128 {
        return broken("batch.size", "at least 128 bytes");
    }
    if producer.buffer_memory < u64::from(producer.batch_size) {
        return broken("buffer.memory", "at least batch.size");
    }
    if producer.max_request_size < 256 {
        return broken("max.request.size", "at least 256 bytes");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_contradiction_names_its_setting() {
        let ok = (ClientConfig::DEFAULT, ProducerConfig::DEFAULT);
        assert_eq!(check_producer(&ok.0, &ok.1), Ok(()));
        let broken = |change: fn(&mut ClientConfig<'static>, &mut ProducerConfig)| {
            let mut both = ok;
            change(&mut both.0, &mut both.1);
            check_producer(&both.0, &both.1).expect_err("accepted").setting
        };
        assert_eq!(broken(|_, p| p.acks = Acks::Leader), "acks");
        assert_eq!(broken(|_, p| p.retries = 0), "retries");
        assert_eq!(broken(|c, _| c.max_in_flight = 6), "max.in.flight.requests.per.connection");
        assert_eq!(broken(|c, _| c.max_in_flight = 0), "max.in.flight.requests.per.connection");
        assert_eq!(broken(|_, p| p.delivery_timeout = Duration::from_millis(30_001)), "delivery.timeout.ms");
        assert_eq!(broken(|_, p| p.buffer_memory = 1), "buffer.memory");
    }
}
