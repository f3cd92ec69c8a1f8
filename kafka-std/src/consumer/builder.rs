//! The consumer's settings, typed and by name over the same table.

use std::sync::{Arc, Condvar};
use std::time::Duration;

use kafka_client_core::config::{ConsumerConfig, Isolation, OffsetReset};
use kafka_client_core::consumer as core;
use kafka_client_core::resources::ConsumerMemory;
use kafka_client_core::storage::Text;

use super::state::{State, Work};
use super::{Consumer, Handle};
use crate::clock::Clock;
use crate::config::{COMMON, CONSUMER, Common, apply, bootstrap, names, properties, unknown};
use crate::error::{ConfigError, Error};
use crate::io::start;

/// What only consumers have.
pub(crate) struct ConsumerSettings {
    pub(crate) core: ConsumerConfig<'static>,
    pub(crate) api_timeout: Duration,
    pub(crate) rack: String,
}

impl Default for ConsumerSettings {
    fn default() -> Self {
        let api_timeout = Duration::from_secs(60);
        ConsumerSettings { core: ConsumerConfig::DEFAULT, api_timeout, rack: String::new() }
    }
}

/// Configures a [`Consumer`]. Defaults are the Java client's.
#[must_use = "call build()"]
#[derive(Default)]
pub struct ConsumerBuilder {
    common: Common,
    settings: ConsumerSettings,
    wrong: Option<ConfigError>,
}

impl ConsumerBuilder {
    /// Sets one setting by its name, e.g. `fetch.max.wait.ms`.
    ///
    /// # Errors
    /// See [`ConfigError`]: an unknown name is one, and a setting that this client does not have yet.
    pub fn set(mut self, key: &str, value: &str) -> Result<Self, ConfigError> {
        let set = apply(COMMON, &mut self.common, key, value)
            .or_else(|| apply(CONSUMER, &mut self.settings, key, value))
            .unwrap_or_else(|| Err(unknown(key, names(COMMON).chain(names(CONSUMER)))));
        set.map(|()| self)
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
        match bootstrap(servers) {
            Ok(hosts) => self.common.bootstrap = hosts,
            Err(allowed) => {
                let (key, value) = ("bootstrap.servers".to_owned(), servers.to_owned());
                self.wrong = Some(ConfigError::BadValue { key, value, allowed });
            }
        }
        self
    }

    /// `client.id`: shown in the brokers' logs and used for quotas.
    pub fn client_id(mut self, id: &str) -> Self {
        id.clone_into(&mut self.common.client_id);
        self
    }

    /// `isolation.level`.
    pub fn isolation(mut self, isolation: Isolation) -> Self {
        self.settings.core.isolation = isolation;
        self
    }

    /// `auto.offset.reset`: where to go on when a position is no longer in the log.
    pub fn offset_reset(mut self, reset: OffsetReset) -> Self {
        self.settings.core.offset_reset = reset;
        self
    }

    /// `fetch.max.bytes` of one response.
    pub fn fetch_max_bytes(mut self, bytes: u32) -> Self {
        self.settings.core.fetch_max_bytes = bytes;
        self
    }

    /// Starts the consumer. Does not wait for the cluster.
    ///
    /// # Errors
    /// [`Error::Config`]; [`Error::Io`] when the operating system has no thread or event queue left.
    pub fn build(self) -> Result<Consumer, Error> {
        if let Some(wrong) = self.wrong {
            return Err(wrong.into());
        }
        let Common { bootstrap, mut client, client_id, sockets } = self.common;
        let ConsumerSettings { mut core, api_timeout, rack } = self.settings;
        client.client_id = crate::intern(&client_id);
        core.rack = crate::intern(&rack);
        let names = bootstrap.iter().map(|(host, port)| crate::producer::host_port(host, *port)).collect();
        let hosts = bootstrap.into_iter().map(|(host, port)| (Text::Owned(host.into()), port));
        let core =
            core::Consumer::new(client, core, hosts, ConsumerMemory::owned()).map_err(ConfigError::from)?;
        let ready = Arc::new(Condvar::new());
        let work = Work::new(ready.clone());
        let shared = start(State::new(core), work, Clock::new(), sockets, "kafka-consumer")?;
        Ok(Consumer { handle: Arc::new(Handle { shared, ready, api_timeout, bootstrap: names }) })
    }
}
