//! Batches that are larger than the topic allows.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use kafka_broker::{Config, Server};
use kafka_std::{Producer, Record};

const SOON: Duration = Duration::from_secs(20);

#[test]
fn every_record_of_a_split_batch_has_its_own_offset_and_fate() {
    let topics = vec![("t".into(), 1)];
    let config = Config { topics, max_message_bytes: 2048, ..Config::default() };
    let server = Server::start(config).expect("a broker");
    let told = Arc::new(Mutex::new(Vec::new()));
    let handler = told.clone();
    let builder =
        Producer::builder().bootstrap_servers(&server.bootstrap()).linger(Duration::from_millis(50));
    let builder = builder.on_delivery(move |token, result| {
        let offset = result.as_ref().ok().map(|r| r.offset());
        handler.lock().expect("whole").push((token, offset));
    });
    let producer = builder.build().expect("a producer");
    let mut deliveries = Vec::new();
    for i in 0..200u64 {
        // Every tenth is too large by itself.
        let value = vec![i as u8; if i % 10 == 3 { 3_000 } else { 50 }];
        match i % 2 {
            0 => producer.send_with(Record::to("t").value(&value), i).expect("taken"),
            _ => deliveries.push((i, producer.send(Record::to("t").value(&value)).expect("taken"))),
        }
    }
    assert!(producer.flush(SOON));
    let mut fates: Vec<(u64, Option<Option<i64>>)> = std::mem::take(&mut *told.lock().expect("whole"));
    fates.extend(deliveries.into_iter().map(|(i, d)| (i, d.wait().ok().map(|r| r.offset()))));
    fates.sort();
    assert_eq!(fates.len(), 200, "each is told of once");
    let log = server.with(|cluster| cluster.log("t", 0).expect("a log"));
    assert_eq!(log.len(), 180);
    for (i, fate) in fates {
        match fate {
            None => assert_eq!(i % 10, 3, "record {i} failed"),
            Some(offset) => {
                let at = log.iter().find(|r| Some(r.offset) == offset).expect("in the log");
                assert_eq!(at.value.as_deref(), Some(&[i as u8; 50][..]), "record {i} is at its offset");
            }
        }
    }
}
