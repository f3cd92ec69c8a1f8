//! The reading side: records become values again.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use kafka_examples::args::Failure;
use kafka_std::consumer::{Consumer, Record, Start};

use crate::report::Seen;
use crate::{PATIENCE, Run, sample};

/// A consumer that stands at the end of each partition: what is written from now on is what it reads.
pub fn at_the_end(run: &Run) -> Result<Consumer, Failure> {
    let consumer = Consumer::builder()
        .bootstrap_servers(&run.bootstrap)
        .client_id("quickstart")
        .api_timeout(PATIENCE)
        .build()?;
    let count = consumer.assign_all(&run.topic, Start::Latest)?;
    let deadline = Instant::now() + PATIENCE;
    while (0..count).any(|partition| consumer.position(&run.topic, partition).is_none()) {
        if Instant::now() > deadline {
            return Err(Failure::Failed(format!("the ends of topic {} could not be found", run.topic)));
        }
        // What others write there is not ours.
        drop(consumer.poll(Duration::from_millis(5))?);
    }
    Ok(consumer)
}

/// Reads until all records of the run are there, or nothing comes any more.
pub fn read(consumer: &Consumer, run: &Run) -> Result<Vec<Seen>, Failure> {
    let mut seen = Vec::new();
    let mut last = Instant::now();
    loop {
        let total = run.total.load(Ordering::Acquire);
        if seen.len() as u64 >= total || (total < u64::MAX && last.elapsed() > PATIENCE) {
            return Ok(seen);
        }
        let records = consumer.poll(Duration::from_millis(20))?;
        records.for_each(|_, partition, record| {
            let found = from_record(run, partition, record);
            if found.is_some() {
                last = Instant::now();
            }
            seen.extend(found);
        })?;
    }
}

/// `None` for records of others.
fn from_record(run: &Run, partition: i32, record: &Record<'_>) -> Option<Seen> {
    let ours = |value: Option<&[u8]>| value == Some(run.id.as_bytes());
    if !record.headers.into_iter().any(|header| header.key == "run" && ours(header.value)) {
        return None;
    }
    let (value, unit, number) = sample::from_json(record.value?)?;
    Some(Seen {
        sensor: String::from_utf8_lossy(record.key?).into_owned(),
        partition,
        offset: record.offset,
        value,
        unit,
        number,
        latency: run.latency(number)?,
    })
}
