//! The producer's settings, typed and by name over the same table.

use std::sync::{Arc, Condvar, Weak};
use std::time::Duration;

use kafka_client_core::config::{Acks, ProducerConfig};
use kafka_client_core::producer::{self as core, Partitioner};
use kafka_client_core::resources::ProducerMemory;
use kafka_proto::compress::{is_built, levels};
use kafka_proto::record::Codec;

use super::delivery::DeliveryResult;
use super::interceptor::{Chain, Interceptor};
use super::listeners::{Handler, Hooks};
use super::partitioning::RoundRobin;
use super::state::{State, ThePartitioner, Work};
use super::{Handle, Producer};
use crate::clock::{Clock, seed};
use crate::config::{Checked, Common, PRODUCER, bootstrap_servers, properties};
use crate::error::{ConfigError, Error};
use crate::io::{Drive, start};

/// What only producers have.
pub(crate) struct ProducerSettings {
    pub(crate) core: ProducerConfig,
    pub(crate) max_block: Duration,
    /// `None` lets it follow from `acks` and the like, as in Java.
    pub(crate) idempotence: Option<bool>,
    pub(crate) max_in_flight: Option<u8>,
    /// Empty for a producer without transactions.
    pub(crate) transactional_id: String,
    pub(crate) transaction_timeout: kafka_client_core::time::Duration,
    /// `partitioner.class` names the one that takes turns.
    pub(crate) round_robin: bool,
    pub(crate) levels: Levels,
}

/// `compression.<codec>.level`.
#[derive(Default)]
pub(crate) struct Levels {
    pub(crate) gzip: Option<i32>,
    pub(crate) lz4: Option<i32>,
    pub(crate) zstd: Option<i32>,
    /// Whatever the codec.
    typed: Option<i32>,
}

impl Levels {
    /// The level for this codec.
    ///
    /// # Errors
    /// A codec or a level that this build does not have.
    fn of(&self, codec: Codec) -> Result<Option<i32>, ConfigError> {
        let name = codec.name();
        let bad = |key: &str, value: &str, allowed| ConfigError::bad_value(key, value, allowed);
        if !is_built(codec) {
            let allowed = format!("built in: the feature `{name}` of kafka-std has it");
            return Err(bad("compression.type", name, allowed));
        }
        let named = match codec {
            Codec::Gzip => self.gzip,
            Codec::Lz4 => self.lz4,
            Codec::Zstd => self.zstd,
            Codec::None | Codec::Snappy => None,
        };
        let Some(level) = self.typed.or(named) else { return Ok(None) };
        let Some(levels) = levels(codec) else {
            return Err(bad("compression.type", name, "a codec that has levels".into()));
        };
        if levels.contains(&level) {
            return Ok(Some(level));
        }
        let mut allowed = match (levels.start(), levels.end()) {
            (only, end) if only == end => format!("{only}, the only level of this build"),
            (start, end) => format!("{start} to {end}"),
        };
        if codec == Codec::Zstd && !cfg!(feature = "zstd-c") {
            allowed.push_str("; the feature `zstd-c` of kafka-std has all");
        }
        Err(bad(&format!("compression.{name}.level"), &level.to_string(), allowed))
    }
}

/// Configures a [`Producer`]. Defaults are the Java client's.
///
/// Each setting can be given by a typed method or by its dotted name, with [`set`](Self::set); the later one holds.
#[must_use = "call build()"]
pub struct ProducerBuilder {
    common: Common,
    settings: ProducerSettings,
    handler: Option<Handler>,
    partitioner: Option<ThePartitioner>,
    interceptors: Vec<Box<dyn Interceptor>>,
}

impl ProducerBuilder {
    pub(super) fn new() -> Self {
        ProducerBuilder {
            common: Common::default(),
            settings: ProducerSettings {
                core: ProducerConfig::DEFAULT,
                max_block: Duration::from_secs(60),
                idempotence: None,
                max_in_flight: None,
                transactional_id: String::new(),
                transaction_timeout: kafka_client_core::time::Duration::from_millis(60_000),
                round_robin: false,
                levels: Levels::default(),
            },
            handler: None,
            partitioner: None,
            interceptors: Vec::new(),
        }
    }

    /// Sets one setting by its name, e.g. `linger.ms`.
    ///
    /// # Errors
    /// See [`ConfigError`]: an unknown name is one, and a setting that this client does not have yet.
    pub fn set(mut self, key: &str, value: &str) -> Result<Self, ConfigError> {
        self.common.set(PRODUCER, &mut self.settings, key, value)?;
        Ok(self)
    }

    /// Sets all settings in the text of a properties file.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn properties(self, text: &str) -> Result<Self, ConfigError> {
        properties(text)?.iter().try_fold(self, |builder, (key, value)| builder.set(key, value))
    }

    /// `bootstrap.servers`: `host:port` of some brokers, separated by commas. A wrong one is an error of
    /// [`build`](Self::build).
    pub fn bootstrap_servers(mut self, servers: &str) -> Self {
        self.common.bootstrap = bootstrap_servers(servers);
        self
    }

    /// `client.id`: shown in the brokers' logs and used for quotas.
    pub fn client_id(mut self, id: &str) -> Self {
        id.clone_into(&mut self.common.client_id);
        self
    }

    /// `acks`. Anything but [`Acks::All`] switches idempotence off, unless that is asked for.
    pub fn acks(mut self, acks: Acks) -> Self {
        self.settings.core.acks = acks;
        self
    }

    /// `enable.idempotence`.
    pub fn idempotence(mut self, on: bool) -> Self {
        self.settings.idempotence = Some(on);
        self
    }

    /// `linger.ms`: how long a batch that is not full waits for more records.
    pub fn linger(mut self, linger: Duration) -> Self {
        self.settings.core.linger = micros(linger);
        self
    }

    /// `batch.size` in bytes.
    pub fn batch_size(mut self, bytes: u32) -> Self {
        self.settings.core.batch_size = bytes;
        self
    }

    /// `buffer.memory` in bytes: what records that are not acknowledged yet may take.
    pub fn buffer_memory(mut self, bytes: u64) -> Self {
        self.settings.core.buffer_memory = bytes;
        self
    }

    /// `max.block.ms`: how long a call waits for room in `buffer.memory` and for a topic's partitions.
    pub fn max_block(mut self, longest: Duration) -> Self {
        self.settings.max_block = longest;
        self
    }

    /// `max.request.size` in bytes, of one record and of one request.
    pub fn max_request_size(mut self, bytes: u32) -> Self {
        self.settings.core.max_request_size = bytes;
        self
    }

    /// `compression.type`.
    pub fn compression(mut self, codec: Codec) -> Self {
        self.settings.core.codec = codec;
        self
    }

    /// `compression.<codec>.level` of the codec that is used.
    pub fn compression_level(mut self, level: i32) -> Self {
        self.settings.levels.typed = Some(level);
        self
    }

    /// `transactional.id`: makes the producer transactional. It names the producer across restarts.
    pub fn transactional_id(mut self, id: &str) -> Self {
        id.clone_into(&mut self.settings.transactional_id);
        self
    }

    /// `transaction.timeout.ms`: the coordinator aborts a transaction that was left open for so long.
    pub fn transaction_timeout(mut self, timeout: Duration) -> Self {
        self.settings.transaction_timeout = micros(timeout);
        self
    }

    /// `request.timeout.ms`: how long to wait for a broker's answer.
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.common.client.request_timeout = micros(timeout);
        self
    }

    /// `delivery.timeout.ms`: every record is acknowledged or has failed within this time.
    pub fn delivery_timeout(mut self, timeout: Duration) -> Self {
        self.settings.core.delivery_timeout = micros(timeout);
        self
    }

    /// The one handler of the results of records sent with a token. It runs on the producer's I/O thread: what
    /// [`send_then`](Producer::send_then) says of its callback holds here too.
    pub fn on_delivery(mut self, handler: impl Fn(u64, &DeliveryResult) + Send + Sync + 'static) -> Self {
        self.handler = Some(Arc::new(handler));
        self
    }

    /// `partitioner.class`: chooses the partition of every record that does not name one, in each way of sending.
    /// [`RoundRobin`] is one; without any, records go by their key, and those without a key where they fill batches.
    ///
    /// It is asked once per record, under the producer's lock: be brief, and do not use the producer. Its panic is the
    /// caller's of `send`, and the record was not taken then.
    pub fn partitioner(mut self, partitioner: impl Partitioner + Send + 'static) -> Self {
        self.partitioner = Some(Box::new(partitioner));
        self
    }

    /// `interceptor.classes`: sees every record before it is sent, after the interceptors given before, and every result.
    pub fn interceptor(mut self, interceptor: impl Interceptor + 'static) -> Self {
        self.interceptors.push(Box::new(interceptor));
        self
    }

    /// Starts the producer. Does not wait for the cluster.
    ///
    /// # Errors
    /// [`Error::Config`]; [`Error::Io`] when the operating system has no thread or event queue left.
    pub fn build(self) -> Result<Producer, Error> {
        let Checked { bootstrap, hosts, mut client, sockets } = self.common.check()?;
        let settings = self.settings;
        let ProducerSettings { core: mut config, max_block, idempotence, max_in_flight, .. } = settings;
        client.max_in_flight = max_in_flight.unwrap_or(client.max_in_flight);
        config.compression_level = settings.levels.of(config.codec)?;
        // Not asked for, it is on wherever the other settings allow it.
        config.idempotence = idempotence
            .unwrap_or(config.acks == Acks::All && config.retries > 0 && client.max_in_flight <= 5);
        let memory = ProducerMemory::owned(config.batch_size, config.codec != Codec::None);
        let core = core::Producer::new(client, config, hosts, memory).map_err(ConfigError::from)?;
        let core = match settings.transactional_id {
            id if id.is_empty() => core,
            id => core.transactional(id.into(), settings.transaction_timeout).map_err(ConfigError::from)?,
        };
        let partitioner = match self.partitioner {
            None if settings.round_robin => Some(Box::new(RoundRobin::default()) as ThePartitioner),
            given => given,
        };
        let room = Arc::new(Condvar::new());
        let interceptors = Chain::new(self.interceptors);
        let hooks = Hooks { handler: self.handler, interceptors: interceptors.clone() };
        let work = Work::new(hooks, room.clone());
        let shared = start(
            State::new(core, config.linger, partitioner),
            work,
            Clock::new(),
            sockets,
            "kafka-producer",
        )?;
        let drive: Weak<dyn Drive> = Arc::downgrade(&(shared.clone() as Arc<dyn Drive>));
        shared.lock().drive = Some(drive);
        let handle = Handle { shared, room, interceptors, max_block, bootstrap, number: seed() };
        Ok(Producer { handle: Arc::new(handle) })
    }
}

fn micros(time: Duration) -> kafka_client_core::time::Duration {
    kafka_client_core::time::Duration(u64::try_from(time.as_micros()).unwrap_or(u64::MAX))
}
