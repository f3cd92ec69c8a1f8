//! Telemetry of the board to Kafka: keyed JSON records without a timestamp, because there is no wall clock. Ends with
//! exit code 0 when every one of them was acknowledged.
#![no_std]
#![no_main]

use embassy_executor::Spawner;
use embassy_net::Stack;
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_time::{Duration, Instant, with_timeout};
use kafka_embassy::core::config::{ClientConfig, ProducerConfig};
use kafka_embassy::core::producer::{Delivery, Outcome};
use kafka_embassy::core::time::Duration as CoreDuration;
use kafka_embassy::{Literals, Pair, Producer, Record, Resources, Runner, Tcp};
use kafka_firmware::board::Provisioned;
use kafka_firmware::sensors::{Digest, Line, Sensor};
use kafka_firmware::{board, error, info, net, sizes};
use static_cell::{ConstStaticCell, StaticCell};

const TOPIC: &str = "telemetry";
/// All records are acknowledged within this time, or the program fails.
const TIME_MAX: Duration = Duration::from_secs(60);

/// One connection; the bootstrap address and two more brokers; one topic of up to four partitions.
type Memory =
    Resources<'static, NoopRawMutex, 1, 3, 1, 4, { sizes::SLOTS }, { sizes::BATCH }, { sizes::RX }, 160>;
type Driver = Runner<'static, NoopRawMutex, Tcp<'static>, Literals, 1>;

static MEMORY: ConstStaticCell<Memory> = ConstStaticCell::new(Memory::new());

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    let stack = net::start(spawner);
    let to = board::provisioned(9092, 1000);
    let (producer, runner) = client(stack, to);
    spawner.spawn(board::must(drive(runner), "the Kafka task was started twice"));
    spawner.spawn(board::must(measure(stack, producer, to.count), "the task was started twice"));
}

/// The client in its memory. Not inlined, as is [`net::start`].
#[inline(never)]
fn client(stack: Stack<'static>, to: Provisioned) -> Pair<'static, NoopRawMutex, Tcp<'static>, Literals, 1> {
    static HOST: StaticCell<Line> = StaticCell::new();
    let host = HOST.init(Line::new());
    host.address(to.server);
    let client = ClientConfig { client_id: "board", ..ClientConfig::DEFAULT };
    let config = ProducerConfig { linger: CoreDuration::from_millis(20), ..ProducerConfig::DEFAULT };
    let bootstrap = [(host.as_str(), to.port)];
    let made = MEMORY.take().producer(client, config, &bootstrap, [net::tcp(stack)], Literals);
    board::must(made, "settings")
}

#[embassy_executor::task]
async fn drive(mut runner: Driver) {
    runner.run(report).await;
}

/// What became of a batch; only trouble is worth a line.
fn report(delivery: &Delivery) {
    match delivery.outcome {
        Outcome::Acked { .. } => {}
        Outcome::NotWritten(_) => error!("{=u32} records were not written", delivery.count),
        Outcome::Indeterminate(_) => error!("{=u32} records may have been written", delivery.count),
    }
}

#[embassy_executor::task]
async fn measure(stack: Stack<'static>, producer: Producer<'static, NoopRawMutex>, count: u16) {
    stack.wait_config_up().await;
    info!("up after {=u64} ms", Instant::now().as_millis());
    match with_timeout(TIME_MAX, send_all(producer, count)).await {
        Ok(()) if producer.tally().acked == u32::from(count) => board::exit_ok(),
        _ => board::exit_failed(),
    }
}

async fn send_all(producer: Producer<'static, NoopRawMutex>, count: u16) {
    let topic = board::must(producer.topic(TOPIC), "topic");
    let begun = Instant::now();
    let mut digest = Digest::new();
    let mut line = Line::new();
    for sequence in 0..count {
        let sensor = Sensor::of(sequence);
        let value = sensor.sample(sequence, &mut line);
        let record = Record { key: Some(sensor.key().as_bytes()), value: Some(value), ..Record::default() };
        board::must(producer.send(topic, &record).await, "not taken");
        digest.add(sensor.key(), value);
    }
    producer.flush().await;
    let (tally, took) = (producer.tally(), begun.elapsed().as_millis());
    info!("sent {=u16} records, CRC-32C {=u32:08x}", count, digest.value());
    info!(
        "acknowledged {=u32}, not written {=u32}, unknown {=u32}, in {=u64} ms",
        tally.acked, tally.not_written, tally.indeterminate, took
    );
}
