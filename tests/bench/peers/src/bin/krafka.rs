//! krafka: every delivery handle awaited, a consumer without group.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use kafka_bench_peers::{
    Args, Arrivals, PARTITIONS, Section, Touched, WARM_UP, at_rate, batch, broker, linger, report_idle,
    report_produced, values,
};
use krafka::consumer::{AutoOffsetReset, Consumer};
use krafka::producer::{Acks, DeliveryHandle, Producer};
use krafka::{Compression, Kafka, Record};

/// Deliveries kept before the oldest is looked at.
const WINDOW: usize = 50_000;

async fn kafka() -> Kafka {
    Kafka::builder(broker()).client_id("bench").connect().await.expect("a connection")
}

async fn producer(args: &Args, linger: Duration) -> Producer {
    let compression = if args.compression == "lz4" { Compression::Lz4 } else { Compression::None };
    let acks = match args.acks.as_str() {
        "all" => Acks::All,
        "1" => Acks::Leader,
        _ => Acks::None,
    };
    let builder = kafka().await.producer().acks(acks).idempotent(args.acks == "all").compression(compression);
    let producer = builder.batch_size(batch()).linger(linger).build().await.expect("a producer");
    producer.partitions_for(&args.topic).await.expect("the topic's metadata");
    producer
}

async fn consumer(args: &Args, reset: AutoOffsetReset) -> Consumer {
    let builder = kafka().await.consumer_without_group().auto_offset_reset(reset).enable_auto_commit(false);
    let consumer = builder.build().await.expect("a consumer");
    let all = (0..PARTITIONS as i32).collect();
    consumer.assign(&args.topic, all).await.expect("the assignment");
    consumer
}

fn record(args: &Args, value: &'static [u8]) -> Record {
    Record::new(args.topic.as_str(), Bytes::from_static(value))
}

async fn produce(args: &Args) {
    let producer = producer(args, linger()).await;
    let section = Section::start();
    let (mut window, mut errors): (VecDeque<DeliveryHandle>, usize) = (VecDeque::with_capacity(WINDOW), 0);
    for value in values(args.size).take(args.n) {
        if window.len() == WINDOW
            && let Some(oldest) = window.pop_front()
        {
            errors += usize::from(oldest.await.is_err());
        }
        window.push_back(producer.enqueue(record(args, value)).await.expect("room"));
    }
    for delivery in window {
        errors += usize::from(delivery.await.is_err());
    }
    report_produced(&section, args, errors);
}

async fn consume(args: &Args) {
    let section = Section::start();
    let consumer = consumer(args, AutoOffsetReset::Earliest).await;
    for partition in 0..PARTITIONS as i32 {
        consumer.seek_to_beginning(&args.topic, partition).await.expect("the beginning");
    }
    let mut touched = Touched::default();
    while touched.n < args.n {
        let records = consumer.poll(Duration::from_secs(10)).await.expect("records");
        assert!(!records.is_empty(), "no more records after {}", touched.n);
        records.iter().for_each(|record| touched.value(record.value.as_deref().unwrap_or_default()));
    }
    touched.report(&section);
}

async fn latency(args: &Args) {
    let producer = producer(args, Duration::ZERO).await;
    let mut latencies = Vec::with_capacity(args.n);
    let mut section = Section::start();
    for (index, value) in values(args.size).take(args.n + WARM_UP).enumerate() {
        if index == WARM_UP {
            section = Section::start();
            latencies.clear();
        }
        let start = Instant::now();
        let _ = producer.send(record(args, value)).await.expect("an acknowledgement");
        latencies.push(start.elapsed());
    }
    section.report_latencies(latencies);
}

async fn end_to_end(args: &Args) {
    let consumer = consumer(args, AutoOffsetReset::Latest).await;
    for partition in 0..PARTITIONS as i32 {
        consumer.seek_to_end(&args.topic, partition).await.expect("the end");
    }
    let producer = Arc::new(producer(args, Duration::ZERO).await);
    while !consumer.poll(Duration::from_secs(1)).await.expect("records").is_empty() {}
    let (epoch, total, size, topic) = (Instant::now(), args.n + WARM_UP, args.size, args.topic.clone());
    let mut arrivals = Arrivals::new(epoch, total);
    let section = Section::start();
    let runtime = tokio::runtime::Handle::current();
    std::thread::spawn(move || {
        at_rate(total, size, epoch, |value| {
            let record = Record::new(topic.as_str(), value.to_vec());
            drop(runtime.block_on(producer.enqueue(record)).expect("room"));
        });
        runtime.block_on(producer.flush()).expect("a flush");
    });
    let mut done = false;
    while !done {
        let records = consumer.poll(Duration::from_secs(10)).await.expect("records");
        assert!(!records.is_empty(), "no more records");
        for record in &records {
            done |= arrivals.take(record.value.as_deref().unwrap_or_default());
        }
    }
    arrivals.report(&section);
}

async fn run() {
    let args = Args::parse();
    match args.mode.as_str() {
        "produce" => produce(&args).await,
        "consume" => consume(&args).await,
        "latency" => latency(&args).await,
        "e2e" => {
            end_to_end(&args).await;
            // Its tasks never end.
            std::process::exit(0);
        }
        "idle" => {
            let producer = producer(&args, Duration::ZERO).await;
            let _ = producer.send(record(&args, &[b'x'; 100])).await.expect("an acknowledgement");
            report_idle();
        }
        _ => args.unknown_mode(),
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("a runtime").block_on(run());
}
