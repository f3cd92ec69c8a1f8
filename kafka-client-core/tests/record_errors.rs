//! A broker that refuses a batch names the records it is for (KIP-467): those fail, the others were only beside them.

mod support;

use kafka_broker::Config;
use kafka_client_core::config::{ClientConfig, ProducerConfig};
use kafka_client_core::producer::{Delivery, Outcome, Producer, SendError};
use kafka_client_core::resources::{ProducerMemory, Resources};
use kafka_client_core::time::{Duration, Instant};
use kafka_proto::ErrorCode;
use kafka_proto::record::{NewRecord, batches};
use support::Wire;

const MINUTE: Duration = Duration::from_millis(60_000);
const ALIVE: SendError = SendError::BatchRefused;
const INVALID: SendError = SendError::Broker(ErrorCode::INVALID_RECORD);
const TIMESTAMP: SendError = SendError::Broker(ErrorCode::INVALID_TIMESTAMP);

/// A topic that takes no record without a key.
fn compacted<'m>() -> Wire<'m> {
    let mut wire = Wire::new(Config { topics: vec![("t".into(), 1)], ..Config::default() });
    assert!(wire.cluster.configure_topic("t", "cleanup.policy", "compact"));
    wire
}

fn owned() -> Producer<'static> {
    let config = ProducerConfig::DEFAULT;
    let memory = ProducerMemory::owned(config.batch_size, false);
    Producer::new(ClientConfig::DEFAULT, config, [("localhost".into(), 9092)], memory).expect("a producer")
}

/// Sends the records as one batch. What becomes of it is not released.
fn batch<'m>(wire: &mut Wire<'m>, producer: &mut Producer<'m>, records: &[NewRecord<'_>]) -> Vec<Delivery> {
    let topic = producer.topic("t".into()).expect("a topic");
    let mut none = Vec::new();
    assert!(wire.run_until(producer, MINUTE, collect(&mut none), |p| p.partitions(topic) > 0));
    for (index, record) in (0..).zip(records) {
        let ticket = producer.append(wire.now, topic, None, record).expect("taken").ticket;
        assert_eq!(ticket.index, index, "one batch");
    }
    producer.flush(wire.now);
    let mut told = Vec::new();
    assert!(wire.run_until(producer, MINUTE, collect(&mut told), |p| !p.unresolved()));
    told
}

fn collect(told: &mut Vec<Delivery>) -> impl FnMut(&mut Producer<'_>, Instant) + '_ {
    move |producer, now| {
        while let Some(mut seal) = producer.poll_seal(now) {
            seal.run();
            producer.handle_sealed(now, seal);
        }
        told.extend(std::iter::from_fn(|| producer.poll_delivery()));
    }
}

/// What each record of a delivery failed with.
fn fates(producer: &Producer<'_>, delivery: &Delivery) -> Vec<SendError> {
    let outcomes = (delivery.first..).take(delivery.count as usize);
    let fate = |index| match producer.outcome_of(delivery, index) {
        Outcome::NotWritten(error) => error,
        other => panic!("record {index}: {other:?}"),
    };
    outcomes.map(fate).collect()
}

fn with_keys(keys: &[bool]) -> Vec<NewRecord<'static>> {
    let key = |has: &bool| has.then_some(&b"k"[..]);
    keys.iter().map(|has| NewRecord { key: key(has), value: Some(b"v"), ..NewRecord::default() }).collect()
}

#[test]
fn the_named_record_fails_and_the_others_were_only_beside_it() {
    let (mut wire, mut producer) = (compacted(), owned());
    let records = with_keys(&[true, false, true]);
    let told = batch(&mut wire, &mut producer, &records);
    let [delivery] = told[..] else { panic!("{told:?}") };
    assert_eq!(delivery.outcome, Outcome::NotWritten(INVALID));
    assert_eq!(fates(&producer, &delivery), [ALIVE, INVALID, ALIVE]);
    let said = "Compacted topic cannot accept message without key in topic partition t-0";
    assert_eq!(producer.record_errors(&delivery).map(|e| e.message).collect::<Vec<_>>(), [Some(said)]);
    assert!(producer.refusal(&delivery).is_some_and(|text| text.starts_with("One or more records")));
    let back = producer.returned(&delivery).expect("the records come back").to_vec();
    assert_eq!(batches(&back).next().unwrap().unwrap().header().count, 3);

    // It is known until the release, and the next batch of the slot begins anew.
    producer.release(&delivery);
    assert_eq!((producer.record_errors(&delivery).count(), producer.refusal(&delivery)), (0, None));
    let told = batch(&mut wire, &mut producer, &with_keys(&[true, true]));
    assert_eq!(told[0].outcome, Outcome::Acked { base_offset: Some(0), log_append_time: None });
    assert_eq!(producer.outcome_of(&told[0], 1), told[0].outcome);
}

#[test]
fn one_named_record_has_the_code_of_the_batch_and_several_are_invalid() {
    let (mut wire, mut producer) = (compacted(), owned());
    assert!(wire.cluster.configure_topic("t", "message.timestamp.before.max.ms", "1000"));
    let mut records = with_keys(&[true, true, true]);
    records[2].timestamp = 1;
    let told = batch(&mut wire, &mut producer, &records);
    assert_eq!(fates(&producer, &told[0]), [ALIVE, ALIVE, TIMESTAMP]);
    records[0].key = None;
    let told = batch(&mut wire, &mut producer, &records);
    assert_eq!(told[0].outcome, Outcome::NotWritten(TIMESTAMP));
    assert_eq!(fates(&producer, &told[0]), [INVALID, ALIVE, INVALID]);
}

#[test]
fn lent_memory_names_four_records_and_else_none() {
    let mut resources: Resources<'_, 1, 2, 1, 1, 4, 512, 1024, 192> = Resources::new();
    let config = ProducerConfig { batch_size: 512, ..ProducerConfig::DEFAULT };
    let mut wire = compacted();
    let mut producer =
        Producer::new(ClientConfig::DEFAULT, config, [("localhost".into(), 9092)], resources.lend())
            .expect("a producer");
    let (more, four) = ([false, false, false, true, false, false], [false, false, false, true, false]);
    for _ in 0..3 {
        let told = batch(&mut wire, &mut producer, &with_keys(&more));
        assert_eq!(fates(&producer, &told[0]), [INVALID; 6]);
        producer.release(&told[0]);
        let told = batch(&mut wire, &mut producer, &with_keys(&four));
        assert_eq!(fates(&producer, &told[0]), [INVALID, INVALID, INVALID, ALIVE, INVALID]);
        let full = batch(&mut wire, &mut producer, &with_keys(&[false, true]));
        assert_eq!(fates(&producer, &full[0]), [INVALID; 2], "no room until the other is released");
        producer.release(&told[0]);
        producer.release(&full[0]);
    }
}

#[test]
fn a_record_of_a_part_is_named_by_its_place_in_the_whole() {
    let (mut wire, mut producer) = (compacted(), owned());
    assert!(wire.cluster.configure_topic("t", "max.message.bytes", "1100"));
    let mut records = with_keys(&[true, true, true, false]);
    records.iter_mut().for_each(|record| record.value = Some(&[b'v'; 400]));
    let mut told = batch(&mut wire, &mut producer, &records);
    told.sort_by_key(|delivery| delivery.first);
    assert_eq!(told.iter().map(|delivery| delivery.count).collect::<Vec<_>>(), [2, 2]);
    assert!(matches!(told[0].outcome, Outcome::Acked { .. }), "{told:?}");
    assert_eq!(fates(&producer, &told[1]), [ALIVE, INVALID]);
    assert_eq!(producer.record_errors(&told[1]).map(|e| e.index).collect::<Vec<_>>(), [3]);
}
