//! The writing side: samples become records.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use kafka_examples::args::Failure;
use kafka_examples::progress::Progress;
use kafka_std::{Header, Producer, Record};

use crate::sample::{INTERVAL_MIN, Sensors};
use crate::{PATIENCE, Run};

/// What was written.
pub struct Written {
    /// How often the sensors were asked.
    pub rounds: u64,
    /// How many there are.
    pub sensors: usize,
    /// Records.
    pub sent: u64,
    /// From the call that sent a record until its acknowledgement, for each.
    pub acknowledged: Vec<Duration>,
}

/// What the producer's thread has to say.
#[derive(Default)]
struct Results {
    acknowledged: Vec<Duration>,
    failures: Vec<String>,
}

/// Takes samples for `time` and sends them; ends when each is acknowledged.
pub fn write(run: &Arc<Run>, time: Duration) -> Result<Written, Failure> {
    let results = Arc::new(Mutex::new(Results::default()));
    let producer = producer(run, &results)?;
    let topic = producer.topic(&run.topic)?;
    let headers = [Header { key: "run", value: Some(run.id.as_bytes()) }];
    let progress = Progress::new(true);
    let mut sensors = Sensors::new();
    let (begin, mut rounds, mut count, mut number) = (Instant::now(), 0, 0, 0);
    while begin.elapsed() < time {
        // CPU time is only counted between two samples.
        std::thread::sleep(INTERVAL_MIN);
        let samples = sensors.sample();
        (rounds, count) = (rounds + 1, samples.len());
        for sample in samples {
            let value = sample.to_json(number);
            let record = Record::to(&topic).key(&sample.sensor).value(&value).headers(&headers);
            run.sent.lock().unwrap_or_else(PoisonError::into_inner).push(Instant::now());
            producer.send_with(record, number)?;
            number += 1;
        }
        let (done, total) = (begin.elapsed().as_millis() as u64, time.as_millis() as u64);
        progress.update(|| (done, Some(total), format!("{number} records")));
    }
    // Waits for what is not acknowledged yet.
    producer.close(Duration::from_secs(20));
    let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(first) = results.failures.first() {
        return Err(Failure::Failed(format!(
            "{} of {number} records failed; the first: {first}",
            results.failures.len()
        )));
    }
    let acknowledged = std::mem::take(&mut results.acknowledged);
    Ok(Written { rounds, sensors: count, sent: number, acknowledged })
}

fn producer(run: &Arc<Run>, results: &Arc<Mutex<Results>>) -> Result<Producer, Failure> {
    let (run, results) = (run.clone(), results.clone());
    let producer = Producer::builder()
        .bootstrap_servers(&run.bootstrap)
        .client_id("quickstart")
        // A sample is sent at once: it matters how soon it arrives, not how many arrive.
        .linger(Duration::ZERO)
        .max_block(PATIENCE)
        .on_delivery(move |number, result| {
            let latency = run.latency(number);
            let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
            match result {
                Ok(_) => results.acknowledged.extend(latency),
                Err(error) => results.failures.push(error.to_string()),
            }
        })
        .build()?;
    Ok(producer)
}
