//! Consuming: as much as possible, and from producer to consumer.

use std::time::{Duration, Instant};

use kafka_std::consumer::{Consumer, Start};
use kafka_std::{Error, Record};

use crate::Args;
use crate::measure::Section;

/// Without a record for so long the rest will not come.
const PATIENCE: Duration = Duration::from_secs(30);

/// All partitions from their beginning until `n` records were touched.
pub fn throughput(args: &Args) -> Result<(), Error> {
    let section = Section::start();
    let consumer = Consumer::builder().bootstrap_servers(&args.broker).build()?;
    consumer.assign_all(&args.topic, Start::Earliest)?;
    let (mut n, mut bytes, mut touched) = (0, 0u64, 0u64);
    while n < args.n {
        let mut records = consumer.poll(PATIENCE)?;
        if records.is_empty() {
            eprintln!("no more records after {n}");
            break;
        }
        while let Some(batch) = records.next_batch() {
            for record in batch? {
                let value = record?.value.unwrap_or_default();
                n += 1;
                bytes += value.len() as u64;
                touched += u64::from(value.first().copied().unwrap_or(0));
            }
        }
    }
    section.report(n, bytes, &format!(",\"x\":{touched}"));
    Ok(())
}

/// Records before those that count.
const WARM_UP: usize = 300;

/// From just before `send` to the hands of a consumer, `RATE` records per second.
pub fn end_to_end(args: &Args) -> Result<(), Error> {
    let consumer = Consumer::builder().bootstrap_servers(&args.broker).build()?;
    consumer.assign_all(&args.topic, Start::Latest)?;
    let producer = args.producer(Duration::ZERO)?.build()?;
    let topic = producer.topic(&args.topic)?;
    let epoch = Instant::now();
    let total = args.n + WARM_UP;
    // Where the consumer begins is only known when it has asked.
    while !consumer.poll(Duration::from_secs(1))?.is_empty() {}
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| read(&consumer, epoch, total));
        let period = Duration::from_secs(1) / args.rate;
        let mut value = vec![b'x'; args.size.max(8)];
        let mut due = Instant::now();
        for _ in 0..total {
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            let sent = u64::try_from(epoch.elapsed().as_nanos()).unwrap_or(u64::MAX);
            value[..8].copy_from_slice(&sent.to_le_bytes());
            drop(producer.send(Record::to(&topic).value(&value))?);
            due += period;
        }
        producer.flush(PATIENCE);
        match reader.join() {
            Ok(done) => done,
            Err(_) => Ok(()),
        }
    })
}

fn read(consumer: &Consumer, epoch: Instant, total: usize) -> Result<(), Error> {
    let mut latencies = Vec::with_capacity(total);
    let mut section = Section::start();
    let mut seen = 0;
    while seen < total {
        let mut records = consumer.poll(PATIENCE)?;
        if records.is_empty() {
            eprintln!("no more records after {seen}");
            break;
        }
        let now = epoch.elapsed();
        while let Some(batch) = records.next_batch() {
            for record in batch? {
                let Some(sent) = record?.value.and_then(|value| value.first_chunk::<8>().copied()) else {
                    continue;
                };
                seen += 1;
                if seen == WARM_UP {
                    section = Section::start();
                }
                if seen > WARM_UP {
                    latencies.push(now.saturating_sub(Duration::from_nanos(u64::from_le_bytes(sent))));
                }
            }
        }
    }
    section.report_latencies(latencies);
    Ok(())
}
