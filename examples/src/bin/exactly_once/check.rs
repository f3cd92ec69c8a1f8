//! What is in the output.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use kafka_examples::args::Failure;
use kafka_std::consumer::Start;
use kafka_std::{Consumer, Isolation};

use crate::{PATIENCE, Run};

/// How often each value occurs.
#[derive(Debug, Default)]
pub struct Found(BTreeMap<String, u64>);

impl Found {
    /// All records.
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// Of what is made of the numbers below `records`: how many do not occur, and how many records there are too many.
    pub fn compare(&self, records: u64) -> (u64, u64) {
        let missing = (0..records).filter(|n| !self.0.contains_key(&format!("number {n}"))).count() as u64;
        (missing, self.total() + missing - records)
    }
}

/// Reads the output to its end, as a consumer with this isolation level sees it.
pub fn read(run: &Run, isolation: Isolation) -> Result<Found, Failure> {
    let consumer = Consumer::builder().bootstrap_servers(&run.bootstrap).isolation(isolation).build()?;
    let partitions = consumer.assign_all(&run.output(), Start::Earliest)?;
    let mut found = Found::default();
    let deadline = Instant::now() + PATIENCE;
    while !(0..partitions).all(|partition| consumer.is_at_end(&run.output(), partition)) {
        if Instant::now() > deadline {
            return Err(Failure::Failed("the output has no end".into()));
        }
        consumer.poll(Duration::from_millis(100))?.for_each(|_, _, record| {
            let value = String::from_utf8_lossy(record.value.unwrap_or_default()).into_owned();
            *found.0.entry(value).or_default() += 1;
        })?;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_and_what_is_there_twice_is_counted() {
        let found = |numbers: &[u64]| {
            let mut found = Found::default();
            numbers.iter().for_each(|n| *found.0.entry(format!("number {n}")).or_default() += 1);
            found
        };
        assert_eq!(found(&[0, 1, 2]).compare(3), (0, 0));
        assert_eq!(found(&[0, 2]).compare(3), (1, 0));
        assert_eq!(found(&[0, 1, 1, 2, 2, 2]).compare(3), (0, 3));
        assert_eq!(found(&[1, 1]).compare(3), (2, 1));
    }
}
