//! Consume, transform, produce: what is written and how far was read become visible together, or not at all.

use std::collections::BTreeMap;
use std::time::Duration;

use kafka_examples::args::{Failure, print_out};
use kafka_std::consumer::{Records, Start};
use kafka_std::{Admin, Consumer, ConsumerGroup, Error, Isolation, Producer, Record, TransactionError};

use crate::{PATIENCE, Run};

/// What a worker says when it waits to be killed.
pub const STOPPED: &str = "stopped in a transaction";

/// Copies the input to its end. In transaction number `stop_in` it writes records and never commits them.
pub fn work(run: &Run, stop_in: Option<u32>) -> Result<(), Failure> {
    let producer =
        Producer::builder().bootstrap_servers(&run.bootstrap).transactional_id(&run.name()).build()?;
    // Whoever had this transactional.id before is fenced from here on, and what he left open is aborted.
    producer.init_transactions()?;
    // The smaller a fetch, the more transactions; by default they are larger.
    let consumer = Consumer::builder()
        .bootstrap_servers(&run.bootstrap)
        .isolation(Isolation::ReadCommitted)
        .set("fetch.max.bytes", "4096")?
        .build()?;
    let partitions = go_on(run, &consumer)?;
    let mut transaction = 0;
    while !(0..partitions).all(|partition| consumer.is_at_end(&run.input(), partition)) {
        let records = consumer.poll(Duration::from_secs(1))?;
        if records.is_empty() {
            continue;
        }
        transaction += 1;
        producer.begin_transaction()?;
        let copied = transform(run, &producer, records).and_then(|offsets| {
            if stop_in == Some(transaction) {
                producer.flush(PATIENCE);
                print_out(&format!("{STOPPED}\n"));
                std::thread::sleep(Duration::MAX);
            }
            Ok(commit(run, &producer, &offsets)?)
        });
        match copied {
            Ok(()) => print_out(&format!("transaction {transaction} committed\n")),
            // Whichever call found it out, nothing of it will be seen: the same records again.
            Err(error) if error.must_abort() => {
                print_out(&format!("transaction {transaction} aborted: {error}\n"));
                producer.abort_transaction()?;
                go_on(run, &consumer)?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    producer.close(PATIENCE);
    Ok(())
}

/// Reads each partition from where the group's committed offsets say; how many there are.
fn go_on(run: &Run, consumer: &Consumer) -> Result<u32, Error> {
    let partitions = consumer.assign_all(&run.input(), Start::Earliest)?;
    let mut admin = Admin::connect_within(&run.bootstrap, PATIENCE)?;
    // By name: an offset whose transaction is just ending is waited for then.
    let input = run.input();
    let wanted: Vec<_> = (0..partitions).map(|p| (input.as_str(), p.cast_signed())).collect();
    for committed in admin.committed(&run.name(), Some(&wanted))? {
        if let (Ok(partition), Some(offset)) = (u32::try_from(committed.partition), committed.offset) {
            consumer.assign(&committed.topic, partition, Start::Offset(offset))?;
        }
    }
    Ok(partitions)
}

/// Writes what is made of the records; where to go on after them, by partition.
fn transform(run: &Run, producer: &Producer, mut records: Records) -> Result<BTreeMap<i32, i64>, Error> {
    let output = producer.topic(&run.output())?;
    let mut offsets = BTreeMap::new();
    while let Some(batch) = records.next_batch() {
        let batch = batch?;
        let (partition, next) = (batch.partition(), batch.next_offset());
        for record in batch {
            let record = record?;
            let number = String::from_utf8_lossy(record.value.unwrap_or_default()).into_owned();
            let copy = format!("number {number}");
            // What became of it shows in the commit.
            drop(producer.send(Record::to(&output).key(record.key.unwrap_or_default()).value(&copy))?);
        }
        offsets.insert(partition, next);
    }
    Ok(offsets)
}

fn commit(run: &Run, producer: &Producer, offsets: &BTreeMap<i32, i64>) -> Result<(), TransactionError> {
    let input = run.input();
    let offsets: Vec<_> = offsets.iter().map(|(p, next)| (input.as_str(), *p, *next)).collect();
    producer.send_offsets(&ConsumerGroup::new(&run.name()), &offsets)?;
    producer.commit_transaction()
}
