//! Producing: as much as possible, one at a time, and not at all.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use kafka_std::{Delivery, Error, Producer, Record};

use crate::measure::{Section, rss_kb};
use crate::{Args, Way, codec};

/// Deliveries kept before the oldest is looked at.
const WINDOW: usize = 50_000;
/// How long to wait for what is under way.
const PATIENCE: Duration = Duration::from_secs(120);

/// From the first record to the last acknowledgement.
pub fn throughput(args: &Args) -> Result<(), Error> {
    let failed = Arc::new(AtomicUsize::new(0));
    let count = failed.clone();
    let producer = args
        .producer(args.linger)?
        .on_delivery(move |_, result| {
            if result.is_err() {
                count.fetch_add(1, Ordering::Relaxed);
            }
        })
        .build()?;
    let payloads = args.payloads()?;
    let section = Section::start();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..args.threads)
            .map(|thread| {
                let n = args.n / args.threads + usize::from(thread < args.n % args.threads);
                let (producer, payloads) = (&producer, &payloads);
                scope.spawn(move || match args.way {
                    Way::Window => window(producer, args, n, payloads),
                    Way::All => all(producer, args, n, payloads),
                    Way::Token => token(producer, args, n, payloads),
                })
            })
            .collect();
        workers.into_iter().try_for_each(|worker| {
            let errors = worker.join().unwrap_or(Ok(1))?;
            failed.fetch_add(errors, Ordering::Relaxed);
            Ok::<(), Error>(())
        })
    })?;
    if !producer.flush(PATIENCE) {
        failed.fetch_add(1, Ordering::Relaxed);
    }
    let (measured, errors) = (section.stop(), failed.load(Ordering::Relaxed));
    let codec = codec::alone(&args.compression, args.n, args.size, &payloads, &producer.metrics());
    let codec = codec.map_or(String::new(), |ns| format!(",\"codec_ns_rec\":{ns:.1}"));
    measured.report(args.n, (args.n * args.size) as u64, &format!(",\"errors\":{errors}{codec}"));
    Ok(())
}

/// A delivery per record; returns how many failed.
fn window(producer: &Producer, args: &Args, n: usize, payloads: &[u8]) -> Result<usize, Error> {
    let topic = producer.topic(&args.topic)?;
    let mut window: VecDeque<Delivery> = VecDeque::with_capacity(WINDOW);
    let mut errors = 0;
    for payload in payloads.chunks_exact(args.size).cycle().take(n) {
        if window.len() == WINDOW {
            errors += window.pop_front().map_or(0, |delivery| usize::from(delivery.wait().is_err()));
        }
        window.push_back(producer.send(Record::to(&topic).value(payload))?);
    }
    Ok(errors + window.into_iter().map(|d| usize::from(d.wait().is_err())).sum::<usize>())
}

/// Sixty-four records per call, a delivery each.
fn all(producer: &Producer, args: &Args, n: usize, payloads: &[u8]) -> Result<usize, Error> {
    let topic = producer.topic(&args.topic)?;
    let (mut window, mut fresh) = (VecDeque::with_capacity(WINDOW + 64), Vec::with_capacity(64));
    let (mut errors, mut left) = (0, n);
    let mut values = payloads.chunks_exact(args.size).cycle();
    while left > 0 {
        let mut records = [Record::to(&topic); 64];
        let count = left.min(64);
        for (record, value) in records.iter_mut().zip(&mut values) {
            *record = record.value(value);
        }
        producer.send_all(&records[..count], &mut fresh)?;
        left -= count;
        window.extend(fresh.drain(..));
        while window.len() > WINDOW {
            errors += window.pop_front().map_or(0, |d: Delivery| usize::from(d.wait().is_err()));
        }
    }
    Ok(errors + window.into_iter().map(|d| usize::from(d.wait().is_err())).sum::<usize>())
}

/// The results go to the producer's handler.
fn token(producer: &Producer, args: &Args, n: usize, payloads: &[u8]) -> Result<usize, Error> {
    let topic = producer.topic(&args.topic)?;
    for (token, payload) in payloads.chunks_exact(args.size).cycle().take(n).enumerate() {
        producer.send_with(Record::to(&topic).value(payload), token as u64)?;
    }
    Ok(0)
}

/// One record at a time, each waited for.
pub fn latency(args: &Args) -> Result<(), Error> {
    let producer = args.producer(Duration::ZERO)?.build()?;
    let topic = producer.topic(&args.topic)?;
    let payloads = args.payloads()?;
    for payload in payloads.chunks_exact(args.size).cycle().take(200) {
        producer.send(Record::to(&topic).value(payload))?.wait()?;
    }
    let section = Section::start();
    let mut latencies = Vec::with_capacity(args.n);
    for payload in payloads.chunks_exact(args.size).cycle().take(args.n) {
        let start = Instant::now();
        producer.send(Record::to(&topic).value(payload))?.wait()?;
        latencies.push(start.elapsed());
    }
    section.report_latencies(latencies);
    Ok(())
}

/// Resident memory of a producer that has sent one record and waits.
pub fn idle(args: &Args) -> Result<(), Error> {
    let producer = args.producer(Duration::ZERO)?.build()?;
    producer.send(Record::to(&args.topic).value(&vec![b'x'; 100]))?.wait()?;
    // Not waiting for anything: three seconds of rest are what is measured.
    std::thread::sleep(Duration::from_secs(3));
    println!("{{\"n\":1,\"idle_rss_kb\":{}}}", rss_kb());
    Ok(())
}
