//! A cluster whose brokers are all gone is looked for at the bootstrap servers again (KIP-899).

mod common;

use std::time::Duration;

use common::server;
use kafka_std::{Producer, Record};

#[test]
fn when_all_brokers_are_gone_the_bootstrap_servers_are_asked_again() {
    // Two clusters that know nothing of each other stand for one that moved.
    let (old, new) = (server(&[("t", 1)]), server(&[("t", 1)]));
    let producer = Producer::builder()
        .bootstrap_servers(&format!("{},{}", old.bootstrap(), new.bootstrap()))
        .linger(Duration::ZERO)
        .build()
        .unwrap();
    producer.send(Record::to("t").value("before")).unwrap().wait().unwrap();
    let count = |server: &kafka_broker::Server| server.with(|c| c.log("t", 0).unwrap().len());
    let (at_old, at_new) = (count(&old), count(&new));
    assert_eq!(at_old + at_new, 1);
    let (gone, left, there) = if at_old == 1 { (old, new, at_new) } else { (new, old, at_old) };
    drop(gone);
    let result = producer.send(Record::to("t").value("after")).unwrap().wait_timeout(Duration::from_secs(20));
    assert!(result.unwrap().is_ok());
    assert_eq!(count(&left), there + 1);
}
