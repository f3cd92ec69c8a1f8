//! Partitioners over lent memory, and records that come back, without an adapter.

mod support;

use kafka_broker::Config;
use kafka_client_core::config::{ClientConfig, PartitionerConfig, ProducerConfig};
use kafka_client_core::producer::{
    AppendError, DefaultPartitioner, Outcome, Partitioner, Partitions, Producer, RoundRobin, SendError,
};
use kafka_client_core::resources::{ProducerMemory, Resources};
use kafka_client_core::time::Duration;
use kafka_proto::record::{NewRecord, batches};
use support::Wire;

const SECOND: Duration = Duration::from_millis(1000);

fn cluster() -> Config {
    Config { topics: vec![("t".into(), 4), ("u".into(), 2)], ..Config::default() }
}

/// Always this one.
struct Always(Option<u32>);

impl Partitioner for Always {
    fn partition(&mut self, record: &NewRecord<'_>, partitions: &Partitions<'_>) -> Option<u32> {
        assert_eq!((record.key, partitions.topic(), partitions.count()), (Some(&b"k"[..]), "t", 4));
        self.0
    }
}

#[test]
fn partitioners_work_over_lent_memory() {
    let mut resources: Resources<'_, 1, 2, 2, 6, 8, 512, 512, 192> = Resources::new();
    let config = ProducerConfig { batch_size: 512, ..ProducerConfig::DEFAULT };
    let host = [("localhost".into(), 9092)];
    let mut producer =
        Producer::new(ClientConfig::DEFAULT, config, host, resources.lend()).expect("a producer");
    let mut wire = Wire::new(cluster());
    let (t, u) = (producer.topic("t".into()).expect("room"), producer.topic("u".into()).expect("room"));
    let record = NewRecord { key: Some(b"k"), ..NewRecord::default() };
    // Not asked before there are partitions.
    let error = producer.append_with(wire.now, t, &record, &mut Always(Some(9)));
    assert!(matches!(error, Err(AppendError::NoMetadata { .. })), "{error:?}");
    assert!(wire.run_until(&mut producer, SECOND, |_, _| {}, |p| p.partitions(t) > 0 && p.partitions(u) > 0));
    let mut append = |topic, partitioner: &mut dyn Partitioner| {
        producer.append_with(wire.now, topic, &record, partitioner).map(|appended| appended.partition)
    };
    assert_eq!(append(t, &mut Always(Some(2))), Ok(2));
    assert_eq!(append(t, &mut Always(Some(4))), Err(AppendError::NoSuchPartition { partitions: 4 }));
    let by_key = append(t, &mut DefaultPartitioner);
    assert_eq!((append(t, &mut Always(None)), append(t, &mut DefaultPartitioner)), (by_key, by_key));
    // Topics take turns by themselves; those that share a counter do not.
    let mut turns = RoundRobin::<2>::default();
    let taken: Vec<_> = [t, u, t, u, t, u, t].iter().map(|topic| append(*topic, &mut turns)).collect();
    assert_eq!(taken, [0, 0, 1, 1, 2, 0, 3].map(Ok));
    let mut shared = RoundRobin::<1>::default();
    assert_eq!([t, u, t].map(|topic| append(topic, &mut shared)), [0, 1, 2].map(Ok));
}

#[test]
fn options_of_the_default_partitioner_are_obeyed() {
    let spread = |ignore_keys| {
        let partitioner = PartitionerConfig { ignore_keys, ..PartitionerConfig::DEFAULT };
        let config = ProducerConfig { batch_size: 128, partitioner, ..ProducerConfig::DEFAULT };
        let memory = ProducerMemory::owned(128, false);
        let host = [("localhost".into(), 9092)];
        let mut producer = Producer::new(ClientConfig::DEFAULT, config, host, memory).expect("a producer");
        let mut wire = Wire::new(cluster());
        let t = producer.topic("t".into()).expect("room");
        assert!(wire.run_until(&mut producer, SECOND, |_, _| {}, |p| p.partitions(t) > 0));
        let record = NewRecord { key: Some(b"k"), value: Some(&[7; 50]), ..NewRecord::default() };
        let mut used = [0; 4];
        for _ in 0..100 {
            used[producer.append(wire.now, t, None, &record).expect("room").partition as usize] += 1;
        }
        used.iter().filter(|count| **count > 0).count()
    };
    assert_eq!((spread(false), spread(true)), (1, 4));
}

#[test]
fn what_was_not_sent_can_be_read_until_it_is_released() {
    let memory = ProducerMemory::owned(1024, false);
    let host = [("localhost".into(), 9092)];
    let config = ProducerConfig::DEFAULT;
    let mut producer = Producer::new(ClientConfig::DEFAULT, config, host, memory).expect("a producer");
    let mut wire = Wire::new(cluster());
    let t = producer.topic("t".into()).expect("room");
    assert!(wire.run_until(&mut producer, SECOND, |_, _| {}, |p| p.partitions(t) > 0));
    for value in [&b"one"[..], b"two"] {
        let record = NewRecord { key: Some(b"k"), value: Some(value), timestamp: 5, ..NewRecord::default() };
        producer.append(wire.now, t, Some(1), &record).expect("room");
    }
    producer.abort();
    let delivery = producer.poll_delivery().expect("its end");
    assert_eq!((delivery.outcome, delivery.count), (Outcome::NotWritten(SendError::Closed), 2));
    let bytes = producer.returned(&delivery).expect("still there").to_vec();
    let batch = batches(&bytes).next().expect("a batch").expect("whole");
    batch.verify_crc().expect("its checksum");
    let values: Vec<_> = batch.records().expect("plain").map(|r| r.expect("a record").value).collect();
    assert_eq!(values, [Some(&b"one"[..]), Some(b"two")]);
    producer.release(&delivery);
    assert_eq!(producer.returned(&delivery), None, "the slot is free");
}
