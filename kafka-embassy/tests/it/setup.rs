//! A broker, a client, and the records that the one has of the other.

use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use kafka_broker::{Config, Server};
use kafka_embassy::core::config::{ClientConfig, ProducerConfig};
use kafka_embassy::core::time::Duration;
use kafka_embassy::{Literals, Producer, Record, Resources, Runner};

use crate::host::Host;

/// The topic of all tests, and its partitions.
pub const TOPIC: &str = "readings";
pub const PARTITIONS: i32 = 3;
/// Bytes of a batch and their number: small, so that the pool is often full.
const BATCH: usize = 512;
const SLOTS: usize = 4;

type Memory<const CONNS: usize, const SLOTS: usize> =
    Resources<'static, NoopRawMutex, CONNS, 4, 1, 4, SLOTS, BATCH, 1024, 160>;
pub type Handle = Producer<'static, NoopRawMutex>;
pub type Driver<const CONNS: usize> = Runner<'static, NoopRawMutex, Host, Literals, CONNS>;

/// A broker of `nodes` nodes.
pub fn broker(nodes: i32) -> Server {
    let topics = vec![(TOPIC.to_owned(), PARTITIONS)];
    Server::start(Config { nodes, topics, ..Config::default() }).expect("free ports")
}

/// A client of `bootstrap` with `CONNS` connections that move at most `piece` bytes at a time. Its memory is leaked, as
/// that of firmware is static.
pub fn client<const CONNS: usize>(bootstrap: &str, piece: usize) -> (Handle, Driver<CONNS>) {
    let config = ProducerConfig { linger: Duration::from_millis(1), ..ProducerConfig::DEFAULT };
    client_of::<CONNS, SLOTS>(bootstrap, piece, config)
}

/// A client with room for two batches, which linger for longer than anybody waits.
pub fn lingering_client(bootstrap: &str) -> (Handle, Driver<1>) {
    let hour = Duration::from_millis(3_600_000);
    let config =
        ProducerConfig { linger: hour, delivery_timeout: Duration(2 * hour.0), ..ProducerConfig::DEFAULT };
    client_of::<1, 2>(bootstrap, usize::MAX, config)
}

fn client_of<const CONNS: usize, const SLOTS: usize>(
    bootstrap: &str,
    piece: usize,
    config: ProducerConfig,
) -> (Handle, Driver<CONNS>) {
    let (host, port) =
        bootstrap.split(',').next().and_then(|first| first.rsplit_once(':')).expect("host:port");
    let host: &'static str = host.to_owned().leak();
    let memory: &'static mut Memory<CONNS, SLOTS> = Box::leak(Box::new(Memory::new()));
    let client = ClientConfig { client_id: "board", ..ClientConfig::DEFAULT };
    let port = port.parse().expect("a port");
    let connectors = std::array::from_fn(|_| Host(piece));
    memory.producer(client, config, &[(host, port)], connectors, Literals).expect("valid settings")
}

/// Sends records `from..to`, each keyed by its number modulo 7, and waits for all.
pub async fn send(producer: Handle, from: u32, to: u32) {
    let topic = producer.topic(TOPIC).expect("a legal name");
    for number in from..to {
        let (key, value) = (format!("key {}", number % 7), format!("value {number}"));
        let record = Record { key: Some(key.as_bytes()), value: Some(value.as_bytes()), ..Record::default() };
        producer.send(topic, &record).await.expect("taken");
    }
    producer.flush().await;
}

/// Panics unless the broker has exactly the records `0..count` that [`send`] sent, and those of a key in the order of
/// sending.
pub fn assert_log(server: &Server, count: u32) {
    let mut all = Vec::new();
    for partition in 0..PARTITIONS {
        let stored = server.with(|cluster| cluster.log(TOPIC, partition)).expect("the topic");
        let mut last = [None; 7];
        for record in stored {
            let text = |bytes: Option<Vec<u8>>| String::from_utf8(bytes.expect("not null")).expect("text");
            let (key, value) = (text(record.key), text(record.value));
            let number: u32 = value.strip_prefix("value ").and_then(|n| n.parse().ok()).expect("a number");
            assert_eq!(key, format!("key {}", number % 7));
            assert_eq!(record.timestamp, -1, "no wall clock, no timestamp");
            let before = last[number as usize % 7].replace(number);
            assert!(before < Some(number), "{before:?} before {number}");
            all.push(number);
        }
    }
    all.sort_unstable();
    assert_eq!(all, (0..count).collect::<Vec<_>>(), "each record exactly once");
}
