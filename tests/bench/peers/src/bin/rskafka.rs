//! rskafka: batches made by hand, fifteen under way on three partitions. It has no partitioner and no idempotence, and
//! always asks for all acknowledgements.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::stream::{FuturesUnordered, StreamExt};
use kafka_bench_peers::{
    Args, Arrivals, PARTITIONS, Section, Touched, WARM_UP, at_rate, batch, broker, report_idle,
    report_produced, values,
};
use rskafka::client::ClientBuilder;
use rskafka::client::partition::{Compression, OffsetAt, PartitionClient, UnknownTopicHandling};
use rskafka::record::Record;

const UNDER_WAY: usize = 15;
/// What a fetch asks for, in bytes, and how long the broker may wait for it, in milliseconds.
const FETCH: (std::ops::Range<i32>, i32) = (1..1 << 20, 500);

fn record(value: &[u8]) -> Record {
    Record {
        key: None,
        value: Some(value.to_vec()),
        headers: Default::default(),
        timestamp: chrono::Utc::now(),
    }
}

async fn partitions(args: &Args) -> Vec<Arc<PartitionClient>> {
    let client = ClientBuilder::new(vec![broker()]).build().await.expect("a client");
    let mut all = Vec::new();
    for partition in 0..PARTITIONS as i32 {
        let one = client.partition_client(args.topic.clone(), partition, UnknownTopicHandling::Retry).await;
        all.push(Arc::new(one.expect("a partition")));
    }
    all
}

async fn produce(args: &Args, compression: Compression) {
    let partitions = partitions(args).await;
    let mut values = values(args.size);
    let per_batch = (batch() / (args.size + 8)).max(1);
    let section = Section::start();
    let mut under_way = FuturesUnordered::new();
    let (mut left, mut next, mut errors) = (args.n, 0, 0);
    while left > 0 {
        let count = per_batch.min(left);
        let records: Vec<Record> = (&mut values).take(count).map(record).collect();
        left -= count;
        if under_way.len() >= UNDER_WAY {
            errors += under_way.next().await.unwrap_or(0);
        }
        let partition = partitions[next % PARTITIONS].clone();
        next += 1;
        let task = tokio::spawn(async move { partition.produce(records, compression).await.is_err() });
        under_way.push(async move { if task.await.unwrap_or(true) { count } else { 0 } });
    }
    while let Some(failed) = under_way.next().await {
        errors += failed;
    }
    report_produced(&section, args, errors);
}

async fn consume(args: &Args) {
    let section = Section::start();
    let tasks = partitions(args).await.into_iter().map(|partition| {
        tokio::spawn(async move {
            let end = partition.get_offset(OffsetAt::Latest).await.expect("the end");
            let mut offset = partition.get_offset(OffsetAt::Earliest).await.expect("the beginning");
            let mut touched = Touched::default();
            while offset < end {
                let (records, _) = partition.fetch_records(offset, FETCH.0, FETCH.1).await.expect("records");
                for record in &records {
                    touched.value(record.record.value.as_deref().unwrap_or_default());
                    offset = record.offset + 1;
                }
            }
            touched
        })
    });
    let tasks: Vec<_> = tasks.collect();
    let mut touched = Touched::default();
    for task in tasks {
        touched.add(&task.await.expect("a task"));
    }
    touched.report(&section);
}

async fn latency(args: &Args, compression: Compression) {
    let partitions = partitions(args).await;
    let mut latencies = Vec::with_capacity(args.n);
    let mut section = Section::start();
    for (index, value) in values(args.size).take(args.n + WARM_UP).enumerate() {
        if index == WARM_UP {
            section = Section::start();
            latencies.clear();
        }
        let start = Instant::now();
        let done = partitions[index % PARTITIONS].produce(vec![record(value)], compression).await;
        done.expect("an acknowledgement");
        latencies.push(start.elapsed());
    }
    section.report_latencies(latencies);
}

async fn end_to_end(args: &Args) {
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    // A client of its own: fetches do not wait behind produce requests.
    for partition in partitions(args).await {
        let sender = sender.clone();
        let mut offset = partition.get_offset(OffsetAt::Latest).await.expect("the end");
        tokio::spawn(async move {
            loop {
                let (records, _) = partition.fetch_records(offset, FETCH.0, FETCH.1).await.expect("records");
                for record in records {
                    offset = record.offset + 1;
                    if sender.send(record.record.value.unwrap_or_default()).is_err() {
                        return;
                    }
                }
            }
        });
    }
    let producers = partitions(args).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (epoch, total, size) = (Instant::now(), args.n + WARM_UP, args.size);
    let mut arrivals = Arrivals::new(epoch, total);
    let section = Section::start();
    let runtime = tokio::runtime::Handle::current();
    std::thread::spawn(move || {
        let mut next = 0;
        at_rate(total, size, epoch, |value| {
            let (partition, records) = (producers[next % PARTITIONS].clone(), vec![record(value)]);
            next += 1;
            runtime.spawn(async move { partition.produce(records, Compression::NoCompression).await });
        });
    });
    while let Some(value) = receiver.recv().await {
        if arrivals.take(&value) {
            break;
        }
    }
    arrivals.report(&section);
}

async fn run() {
    let args = Args::parse();
    let compression = if args.compression == "lz4" { Compression::Lz4 } else { Compression::NoCompression };
    match args.mode.as_str() {
        "produce" => produce(&args, compression).await,
        "consume" => consume(&args).await,
        "latency" => latency(&args, compression).await,
        "e2e" => {
            end_to_end(&args).await;
            // The readers never end.
            std::process::exit(0);
        }
        "idle" => {
            let partitions = partitions(&args).await;
            let done = partitions[0].produce(vec![record(&[b'x'; 100])], compression).await;
            done.expect("an acknowledgement");
            report_idle();
        }
        _ => args.unknown_mode(),
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("a runtime").block_on(run());
}
