//! The memory of a client, and how it begins.

use core::mem::MaybeUninit;

use embassy_sync::blocking_mutex::raw::RawMutex;
use heapless::Vec;
use kafka_client_core::config::{ClientConfig, ConfigError, ProducerConfig};
use kafka_client_core::producer;
use kafka_client_core::resources as memory;
use kafka_client_core::storage::Text;

use crate::connector::{Connector, Resolver};
use crate::link::Link;
use crate::producer::Producer;
use crate::runner::Runner;
use crate::shared::Shared;

/// The handle, and the runner that does its work.
pub type Pair<'d, M, C, R, const CONNS: usize> = (Producer<'d, M>, Runner<'d, M, C, R, CONNS>);

/// Everything a producer needs, for a `static`. The parameters are those of the core's
/// [`Resources`](memory::Resources), after the mutex: `NoopRawMutex` where runner and senders share an executor.
pub struct Resources<
    'd,
    M: RawMutex,
    const CONNS: usize,
    const BROKERS: usize,
    const TOPICS: usize,
    const PARTITIONS: usize,
    const SLOTS: usize,
    const BATCH: usize,
    const RX: usize,
    const HEAD: usize,
> {
    memory: memory::Resources<'d, CONNS, BROKERS, TOPICS, PARTITIONS, SLOTS, BATCH, RX, HEAD>,
    // None of them has a value yet, which as part of a `static` is zeros and costs no flash.
    links: Vec<Link<'d>, CONNS>,
    core: MaybeUninit<producer::Producer<'d>>,
    shared: MaybeUninit<Shared<'d, M>>,
}

impl<
    'd,
    M: RawMutex,
    const CONNS: usize,
    const BROKERS: usize,
    const TOPICS: usize,
    const PARTITIONS: usize,
    const SLOTS: usize,
    const BATCH: usize,
    const RX: usize,
    const HEAD: usize,
> Resources<'d, M, CONNS, BROKERS, TOPICS, PARTITIONS, SLOTS, BATCH, RX, HEAD>
{
    /// Memory that is not in use yet.
    pub const fn new() -> Self {
        Self {
            memory: memory::Resources::new(),
            links: Vec::new(),
            core: MaybeUninit::uninit(),
            shared: MaybeUninit::uninit(),
        }
    }

    /// A producer in this memory: the handle, and the runner that does its work.
    ///
    /// There is a connector per connection that may be open at a time; one is enough, and is then closed and opened
    /// as leaders require. `config.batch_size` is made to fit the lent slots.
    ///
    /// # Errors
    /// Settings that contradict each other.
    pub fn producer<C: Connector, R: Resolver>(
        &'d mut self,
        client: ClientConfig<'d>,
        config: ProducerConfig,
        bootstrap: &[(&'d str, u16)],
        connectors: [C; CONNS],
        resolver: R,
    ) -> Result<Pair<'d, M, C, R, CONNS>, ConfigError> {
        let bootstrap = bootstrap.iter().map(|(host, port)| (Text::Lent(host), *port));
        let core = self.core.write(producer::Producer::new(client, config, bootstrap, self.memory.lend())?);
        while self.links.push(Link::new()).is_ok() {}
        let shared: &'d Shared<'d, M> = self.shared.write(Shared::new(core, &mut self.links));
        Ok((Producer { shared }, Runner { shared, connectors, resolver }))
    }
}

impl<
    M: RawMutex,
    const CONNS: usize,
    const BROKERS: usize,
    const TOPICS: usize,
    const PARTITIONS: usize,
    const SLOTS: usize,
    const BATCH: usize,
    const RX: usize,
    const HEAD: usize,
> Default for Resources<'_, M, CONNS, BROKERS, TOPICS, PARTITIONS, SLOTS, BATCH, RX, HEAD>
{
    fn default() -> Self {
        Self::new()
    }
}
