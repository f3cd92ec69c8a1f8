//! The consumer's settings, typed and by name over the same table.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use kafka_client_core::config::{ConsumerConfig, OffsetReset};
use kafka_client_core::consumer as core;
use kafka_client_core::resources::ConsumerMemory;

use super::records::Returned;
use super::state::{State, Work};
use super::{Consumer, Handle};
use crate::clock::Clock;
use crate::config::{CONSUMER, Checked, Common, bootstrap_servers, properties};
use crate::error::{ConfigError, Error};
use crate::io::start;
use crate::sync::Seat;

/// What only consumers have.
pub(crate) struct ConsumerSettings {
    pub(crate) core: ConsumerConfig<'static>,
    pub(crate) api_timeout: Duration,
    pub(crate) rack: String,
}

/// Configures a [`Consumer`]. Defaults are the Java client's.
///
/// Each setting can be given by a typed method or by its dotted name, with [`set`](Self::set); the later one holds.
#[must_use = "call build()"]
pub struct ConsumerBuilder {
    common: Common,
    settings: ConsumerSettings,
}

impl ConsumerBuilder {
    pub(super) fn new() -> Self {
        ConsumerBuilder {
            common: Common::default(),
            settings: ConsumerSettings {
                core: ConsumerConfig::DEFAULT,
                api_timeout: Duration::from_secs(60),
                rack: String::new(),
            },
        }
    }

    /// Sets one setting by its name, e.g. `fetch.min.bytes`.
    ///
    /// # Errors
    /// See [`ConfigError`]: an unknown name is one, and a setting that this client does not have yet.
    pub fn set(mut self, key: &str, value: &str) -> Result<Self, ConfigError> {
        self.common.set(CONSUMER, &mut self.settings, key, value)?;
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

    /// `auto.offset.reset`: what happens when a position does not exist any more.
    pub fn offset_reset(mut self, reset: OffsetReset) -> Self {
        self.settings.core.offset_reset = reset;
        self
    }

    /// `isolation.level`: which records of transactions are seen.
    pub fn isolation(mut self, isolation: kafka_client_core::config::Isolation) -> Self {
        self.settings.core.isolation = isolation;
        self
    }

    /// `default.api.timeout.ms`: how long calls that wait for the cluster wait.
    pub fn api_timeout(mut self, timeout: Duration) -> Self {
        self.settings.api_timeout = timeout;
        self
    }

    /// Starts the consumer. Does not wait for the cluster.
    ///
    /// # Errors
    /// [`Error::Config`]; [`Error::Io`] when the operating system has no thread or event queue left.
    pub fn build(self) -> Result<Consumer, Error> {
        let Checked { bootstrap, hosts, client, sockets } = self.common.check()?;
        let ConsumerSettings { core: mut config, api_timeout, rack } = self.settings;
        config.rack = crate::intern(&rack);
        let core = core::Consumer::new(client, config, hosts, ConsumerMemory::owned());
        let core = core.map_err(ConfigError::from)?;
        let (clock, arrived) = (Clock::new(), Arc::new(Condvar::new()));
        let state = State::new(core, clock.now());
        let shared = start(state, Work::new(arrived.clone()), clock, sockets, "kafka-consumer")?;
        let returned = Arc::new(Mutex::new(Returned::default()));
        let handle = Handle { shared, arrived, returned, api_timeout, bootstrap };
        Ok(Consumer { handle: Arc::new(handle), seat: Seat::default() })
    }
}
