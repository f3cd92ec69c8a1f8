//! rdkafka, the Rust face of librdkafka: its threaded producer with a delivery callback, its base consumer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use kafka_bench_peers::{
    Args, Arrivals, PARTITIONS, Section, Touched, WARM_UP, at_rate, batch, broker, linger, report_idle,
    report_produced, values,
};
use rdkafka::client::ClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};
use rdkafka::{Offset, TopicPartitionList};

#[derive(Clone, Default)]
struct Deliveries {
    done: Arc<AtomicUsize>,
    failed: Arc<AtomicUsize>,
    /// Told of each, where somebody waits for it.
    waiting: Option<Sender<()>>,
}

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();
    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        self.failed.fetch_add(usize::from(result.is_err()), Ordering::Relaxed);
        self.done.fetch_add(1, Ordering::Relaxed);
        if let Some(waiting) = &self.waiting {
            let _ = waiting.send(());
        }
    }
}

type Threaded = ThreadedProducer<Deliveries>;

fn producer(args: &Args, linger: Duration, deliveries: Deliveries) -> Threaded {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", broker())
        .set("compression.codec", &args.compression)
        .set("acks", &args.acks)
        .set("enable.idempotence", (args.acks == "all").to_string())
        .set("linger.ms", linger.as_millis().to_string())
        .set("batch.size", batch().to_string());
    let producer: Threaded = config.create_with_context(deliveries).expect("a producer");
    let metadata = producer.client().fetch_metadata(Some(&args.topic), Duration::from_secs(10));
    metadata.expect("the topic's metadata");
    producer
}

fn send(producer: &Threaded, topic: &str, value: &[u8]) {
    let mut record = BaseRecord::<(), [u8]>::to(topic).payload(value);
    loop {
        match producer.send(record) {
            Ok(()) => return,
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                record = back;
                std::thread::sleep(Duration::from_millis(1));
            }
            Err((error, _)) => panic!("{error}"),
        }
    }
}

fn consumer(topic: &str, from: Offset) -> BaseConsumer {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", broker()).set("group.id", "bench").set("enable.auto.commit", "false");
    let consumer: BaseConsumer = config.create().expect("a consumer");
    let mut partitions = TopicPartitionList::new();
    for partition in 0..PARTITIONS as i32 {
        partitions.add_partition_offset(topic, partition, from).expect("a partition");
    }
    consumer.assign(&partitions).expect("the assignment");
    consumer
}

fn each(consumer: &BaseConsumer, mut take: impl FnMut(&[u8]) -> bool) {
    loop {
        match consumer.poll(Duration::from_secs(10)) {
            Some(message) => {
                if take(message.expect("a record").payload().unwrap_or_default()) {
                    return;
                }
            }
            None => panic!("no more records"),
        }
    }
}

fn produce(args: &Args) {
    let deliveries = Deliveries::default();
    let producer = producer(args, linger(), deliveries.clone());
    let section = Section::start();
    for value in values(args.size).take(args.n) {
        send(&producer, &args.topic, value);
    }
    while deliveries.done.load(Ordering::Relaxed) < args.n {
        std::thread::sleep(Duration::from_millis(1));
    }
    report_produced(&section, args, deliveries.failed.load(Ordering::Relaxed));
}

fn latency(args: &Args) {
    let (sender, receiver) = channel();
    let deliveries = Deliveries { waiting: Some(sender), ..Deliveries::default() };
    let producer = producer(args, Duration::ZERO, deliveries);
    let mut values = values(args.size);
    let mut once = || {
        let start = Instant::now();
        send(&producer, &args.topic, values.next().unwrap_or_default());
        receiver.recv().expect("a delivery");
        start.elapsed()
    };
    for _ in 0..WARM_UP {
        once();
    }
    let section = Section::start();
    let latencies = (0..args.n).map(|_| once()).collect();
    section.report_latencies(latencies);
}

fn end_to_end(args: &Args) {
    let consumer = consumer(&args.topic, Offset::End);
    let producer = producer(args, Duration::ZERO, Deliveries::default());
    while consumer.poll(Duration::from_secs(2)).is_some() {}
    let (epoch, total) = (Instant::now(), args.n + WARM_UP);
    let mut arrivals = Arrivals::new(epoch, total);
    let section = Section::start();
    std::thread::scope(|scope| {
        scope.spawn(|| at_rate(total, args.size, epoch, |value| send(&producer, &args.topic, value)));
        each(&consumer, |value| arrivals.take(value));
    });
    arrivals.report(&section);
}

fn main() {
    let args = Args::parse();
    match args.mode.as_str() {
        "produce" => produce(&args),
        "latency" => latency(&args),
        "e2e" => end_to_end(&args),
        "consume" => {
            let section = Section::start();
            let mut touched = Touched::default();
            each(&consumer(&args.topic, Offset::Beginning), |value| {
                touched.value(value);
                touched.n >= args.n
            });
            touched.report(&section);
        }
        "idle" => {
            let deliveries = Deliveries::default();
            let producer = producer(&args, Duration::ZERO, deliveries.clone());
            send(&producer, &args.topic, &[b'x'; 100]);
            while deliveries.done.load(Ordering::Relaxed) == 0 {
                std::thread::sleep(Duration::from_millis(1));
            }
            report_idle();
        }
        _ => args.unknown_mode(),
    }
}
