//! What a seed decides before anything happens: the cluster, the clients, and which faults there are. Each seed has
//! a few of everything, never all of it: rare combinations come up that way.

use kafka_broker::{Config, Release};
use kafka_client_core::config::{Acks, ClientConfig, ConsumerConfig, Isolation, OffsetReset, ProducerConfig};
use kafka_client_core::time::Duration;
use kafka_proto::record::Codec;

use crate::faults::{CATALOGUE, Fault};
use crate::link::Weather;
use crate::rng::Rng;

/// Topics and their partitions.
pub const TOPICS: [&str; 2] = ["t", "u"];

/// A producer, before it exists.
#[derive(Clone, Debug)]
pub struct ProducerSpec {
    /// Its settings.
    pub client: ClientConfig<'static>,
    /// Its settings.
    pub config: ProducerConfig,
    /// Whether its memory is lent.
    pub lent: bool,
    /// Microseconds between bursts.
    pub pause_us: u64,
    /// Records in a burst.
    pub burst: u64,
    /// Bytes of filling.
    pub filling: u64,
    /// Percent of batches that are sealed slowly.
    pub slow_seal: u64,
    /// Its deliveries may run out of time even where nothing is wrong.
    pub is_tight: bool,
}

/// A transactional id, before its producers exist.
#[derive(Clone, Debug)]
pub struct TxnSpec {
    /// Settings of its producers.
    pub producer: ProducerSpec,
    /// `transactional.id`.
    pub id: String,
    /// `transaction.timeout.ms`.
    pub timeout: Duration,
    /// Records in a transaction, at most.
    pub records: u64,
    /// Percent of transactions that are aborted.
    pub aborts: u64,
    /// The group whose input it copies, if it does.
    pub copies: Option<String>,
}

/// Which kind of life a seed's cluster has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Life {
    /// Producers without transactions, and topics that stay as they are.
    #[default]
    Plain,
    /// The same cluster with transactional producers, consumers of committed records, and topics that grow or are made
    /// anew.
    Transactions,
}

/// Everything a seed decides.
#[derive(Clone, Debug)]
pub struct Swarm {
    /// The cluster.
    pub cluster: Config,
    /// The producers.
    pub producers: Vec<ProducerSpec>,
    /// The transactional ids.
    pub txns: Vec<TxnSpec>,
    /// The consumers.
    pub consumers: Vec<(ClientConfig<'static>, ConsumerConfig<'static>)>,
    /// The network.
    pub weather: Weather,
    /// The faults.
    pub faults: Vec<Fault>,
    /// Microseconds between faults, on average.
    pub fault_every_us: u64,
    /// Partitions of each topic.
    pub partitions: [i32; 2],
    /// The node that is dead for good when everything else works again.
    pub stays_dead: Option<i32>,
}

fn client(rng: &mut Rng, name: &'static str) -> ClientConfig<'static> {
    let request_ms = rng.between(300, 4_000) as u32;
    ClientConfig {
        client_id: name,
        request_timeout: Duration::from_millis(request_ms),
        retry_backoff: Duration::from_millis(rng.between(5, 200) as u32),
        retry_backoff_max: Duration::from_millis(rng.between(200, 1_500) as u32),
        reconnect_backoff: Duration::from_millis(rng.between(5, 100) as u32),
        reconnect_backoff_max: Duration::from_millis(rng.between(100, 1_500) as u32),
        connection_setup_timeout: Duration::from_millis(rng.between(200, 3_000) as u32),
        connections_max_idle: Duration::from_millis(rng.pick(&[2_000, 30_000, 540_000])),
        metadata_max_age: Duration::from_millis(rng.pick(&[1_000, 30_000, 3_600_000])),
        seed: rng.next(),
        ..ClientConfig::DEFAULT
    }
}

fn producer(rng: &mut Rng) -> ProducerSpec {
    let mut client = client(rng, "sim-producer");
    let lent = rng.percent(40);
    let idempotence = rng.percent(80);
    let acks = if idempotence { Acks::All } else { rng.pick(&[Acks::None, Acks::Leader, Acks::All]) };
    client.max_in_flight = rng.pick(&[1, 2, 5, 5]);
    let linger = Duration::from_millis(rng.pick(&[0, 1, 5, 50, 500]));
    let batch_size = if lent { 1024 } else { rng.pick(&[256, 1024, 16_384]) };
    // Lent memory in this simulation has no buffer for compression.
    let compressed = !lent && rng.percent(30);
    let config = ProducerConfig {
        acks,
        idempotence,
        batch_size,
        buffer_memory: u64::from(batch_size) * rng.between(2, 64),
        linger,
        // Long enough for the slowest link, so that what is sent after healing must arrive.
        delivery_timeout: Duration(linger.0 + client.request_timeout.0 + rng.between(3_000_000, 20_000_000)),
        retries: if rng.percent(10) { rng.between(1, 5) as u32 } else { ProducerConfig::DEFAULT.retries },
        codec: if compressed { Codec::Lz4 } else { Codec::None },
        ..ProducerConfig::DEFAULT
    };
    ProducerSpec {
        client,
        config,
        lent,
        pause_us: rng.between(50_000, 1_000_000),
        burst: rng.pick(&[1, 4, 20]),
        filling: rng.pick(&[0, 50, 300]),
        slow_seal: rng.pick(&[0, 0, 20]),
        is_tight: false,
    }
}

fn consumer(rng: &mut Rng) -> (ClientConfig<'static>, ConsumerConfig<'static>) {
    let config = ConsumerConfig {
        fetch_min_bytes: rng.pick(&[1, 1, 500]),
        fetch_max_wait: Duration::from_millis(rng.between(10, 500) as u32),
        fetch_max_bytes: rng.pick(&[2_000, 100_000, 52_428_800]),
        partition_fetch_bytes: rng.pick(&[500, 20_000, 1_048_576]),
        offset_reset: OffsetReset::Earliest,
        ..ConsumerConfig::DEFAULT
    };
    (client(rng, "sim-consumer"), config)
}

impl ProducerSpec {
    /// Its deliveries have hardly more time than one attempt.
    fn tighten(&mut self, rng: &mut Rng) {
        let least = self.config.linger.0 + self.client.request_timeout.0;
        self.config.delivery_timeout = Duration(least + rng.pick(&[0, 0, 100_000, 1_000_000]));
        self.is_tight = true;
    }
}

impl Swarm {
    /// What `seed` decides.
    pub fn new(seed: u64) -> Self {
        let rng = &mut Rng::stream(seed, "swarm");
        let nodes = rng.pick(&[1, 3, 3, 3, 3, 5]);
        let partitions = [rng.between(1, 6) as i32, rng.between(1, 3) as i32];
        let releases = [Release::V2_1, Release::V2_8, Release::V3_9, Release::V4_3, Release::V4_3];
        let cluster = Config {
            nodes,
            release: rng.pick(&releases),
            topics: TOPICS.iter().zip(partitions).map(|(name, n)| ((*name).to_owned(), n)).collect(),
            auto_create: rng.percent(50),
            min_insync_replicas: if nodes > 1 { rng.pick(&[1, 1, 2]) } else { 1 },
            replication_lag_us: rng.pick(&[0, 500, 5_000, 50_000]),
            segment_bytes: 64 << 10,
            ..Config::default()
        };
        let producers = (0..rng.between(1, 3)).map(|_| producer(rng)).collect();
        let consumers = (0..rng.between(1, 2)).map(|_| consumer(rng)).collect();
        let low = rng.pick(&[50, 500, 5_000]);
        let weather = Weather {
            delay_us: (low, low * rng.between(1, 20)),
            window: rng.pick(&[200, 4_096, 262_144]),
            // Bytes one at a time cost time; a few connections of them do.
            chunk_max: rng.pick(&[1, 100, 1_460, usize::MAX]),
            write_max: rng.pick(&[10, 1_460, usize::MAX]),
            share: rng.pick(&[3, 20]),
        };
        let share = rng.pick(&[15, 30, 60, 100]);
        let rare = |fault| matches!(fault, Fault::UncleanElection | Fault::RecordsDeleted);
        let faults = CATALOGUE
            .iter()
            .map(|row| row.fault)
            .take_while(|fault| fault.is_plain())
            .filter(|fault| rng.percent(if rare(*fault) { share / 3 } else { share }))
            .collect();
        Swarm {
            cluster,
            producers,
            txns: Vec::new(),
            consumers,
            weather,
            faults,
            fault_every_us: rng.pick(&[1_000_000, 4_000_000, 15_000_000]),
            partitions,
            stays_dead: None,
        }
    }

    /// What `seed` decides for this kind of life. What is more than in a plain life comes from a stream of its own, so
    /// that the rest is the same.
    pub fn of(seed: u64, life: Life) -> Self {
        let mut swarm = Swarm::new(seed);
        if life == Life::Transactions {
            swarm.with_transactions(&mut Rng::stream(seed, "transactions"));
        }
        swarm
    }

    fn with_transactions(&mut self, rng: &mut Rng) {
        self.cluster.transaction_version = rng.pick(&[0, 1, 2, 2, 2]);
        self.cluster.txn_marker_delay_us = rng.pick(&[0, 0, 1_000, 50_000]);
        self.producers.truncate(rng.below(3) as usize);
        if rng.percent(50) {
            self.producers.iter_mut().for_each(|p| p.tighten(rng));
        }
        for n in 0..rng.between(1, 3) {
            let mut spec = producer(rng);
            spec.config.acks = Acks::All;
            spec.config.idempotence = true;
            self.txns.push(TxnSpec {
                producer: spec,
                id: format!("tx-{n}"),
                timeout: Duration::from_millis(rng.pick(&[3_000, 10_000, 60_000])),
                records: rng.pick(&[1, 5, 20]),
                aborts: rng.pick(&[0, 20, 50]),
                copies: rng.percent(40).then(|| format!("group-{n}")),
            });
        }
        for (_, config) in &mut self.consumers {
            if rng.percent(75) {
                config.isolation = Isolation::ReadCommitted;
            }
        }
        let nodes = self.cluster.nodes;
        // All partitions have three replicas, and at most two have to be in sync.
        self.stays_dead = (nodes >= 3 && rng.percent(30)).then(|| rng.below(nodes as u64) as i32);
        let share = rng.pick(&[15, 30, 60, 100]);
        let more = CATALOGUE.iter().map(|row| row.fault).filter(|fault| !fault.is_plain());
        self.faults.extend(more.filter(|_| rng.percent(share)));
    }

    /// The specification of each transactional client: two for each transactional id.
    pub fn pairs(&self) -> impl Iterator<Item = ProducerSpec> + '_ {
        self.txns.iter().flat_map(|txn| [txn.producer.clone(), txn.producer.clone()])
    }

    /// Whether a fault is in it.
    pub fn has(&self, fault: Fault) -> bool {
        self.faults.contains(&fault)
    }
}
