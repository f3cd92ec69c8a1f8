//! Records out and back through the in-process broker, over lent and owned memory, whole and byte by byte.

mod support;

use kafka_broker::Config;
use kafka_client_core::config::{Acks, ClientConfig, ConsumerConfig, ProducerConfig};
use kafka_client_core::consumer::{Consumer, Decompressor, Start};
use kafka_client_core::metadata::TopicId;
use kafka_client_core::producer::{AppendError, Delivery, Outcome, Producer, TopicError};
use kafka_client_core::resources::{ConsumerMemory, ProducerMemory, Resources};
use kafka_client_core::time::{Duration, Instant};
use kafka_proto::record::{Codec, NewRecord};
use support::{Wire, collect};

const SECOND: Duration = Duration::from_millis(1000);
const FIVE_SECONDS: Duration = Duration::from_millis(5_000);
const FIVE_MINUTES: Duration = Duration::from_millis(301_000);
const MINUTE: Duration = Duration::from_millis(60_000);

fn cluster(nodes: i32) -> Config {
    Config { nodes, topics: vec![("t".into(), 3)], ..Config::default() }
}

/// Produces `count` records with back-pressure and returns the deliveries.
fn produce<'m>(wire: &mut Wire<'m>, producer: &mut Producer<'m>, count: u32) -> Vec<Delivery> {
    let mut out = Vec::new();
    let topic = producer.topic("t".into()).expect("a topic");
    let mut sent = 0;
    while sent < count {
        let value = format!("value {sent}");
        let record =
            NewRecord { value: Some(value.as_bytes()), timestamp: i64::from(sent), ..NewRecord::default() };
        match producer.append(wire.now, topic, None, &record) {
            Ok(_) => sent += 1,
            Err(AppendError::Full | AppendError::NoMetadata { .. }) => {
                let before = out.len();
                let mut deliveries = Vec::new();
                let room = wire.run_until(producer, SECOND, collect(&mut deliveries), |p| {
                    p.partitions(topic) > 0 && p.has_room()
                });
                out.append(&mut deliveries);
                assert!(room, "no room within a second; {before} delivered");
            }
            Err(error) => panic!("{error}"),
        }
    }
    producer.flush(wire.now);
    let mut rest = Vec::new();
    assert!(wire.run_until(producer, MINUTE, collect(&mut rest), |p| !p.unresolved()), "not flushed");
    out.append(&mut rest);
    out
}

fn all_acked(deliveries: &[Delivery], count: u32) {
    assert_eq!(deliveries.iter().map(|d| d.count).sum::<u32>(), count);
    for d in deliveries {
        assert!(matches!(d.outcome, Outcome::Acked { base_offset: Some(_), .. }), "{d:?}");
    }
}

fn consume(wire: &mut Wire<'static>, count: usize) -> Vec<(i32, i64, String)> {
    let (mut consumer, topic) = reader(ConsumerConfig::DEFAULT);
    for partition in 0..3 {
        consumer.assign(wire.now, topic, partition, Start::Earliest).expect("room");
    }
    let mut seen = Vec::new();
    let mut decompressor = Decompressor::owned(1 << 20);
    let got = std::cell::Cell::new(0);
    let each = |consumer: &mut Consumer<'static>, now: Instant| {
        while let Some(mut fetched) = consumer.poll_fetched(now) {
            while let Some(batch) = fetched.next_batch(&mut decompressor) {
                let batch = batch.expect("a readable batch");
                let partition = batch.partition;
                for record in batch.records() {
                    let record = record.expect("a readable record");
                    let text = String::from_utf8(record.value.expect("a value").to_vec()).expect("text");
                    seen.push((partition, record.offset, text));
                }
            }
            consumer.release(now, fetched);
        }
        got.set(seen.len());
    };
    assert!(wire.run_until(&mut consumer, SECOND, each, |_| got.get() >= count), "{} of {count}", got.get());
    seen
}

fn check_consumed(mut seen: Vec<(i32, i64, String)>, count: usize) {
    assert_eq!(seen.len(), count);
    seen.sort();
    for pair in seen.windows(2) {
        assert!(pair[0].0 != pair[1].0 || pair[0].1 + 1 == pair[1].1, "a gap: {pair:?}");
    }
    let mut values: Vec<_> = seen.into_iter().map(|s| s.2).collect();
    values.sort_by_key(|v| v["value ".len()..].parse::<u32>().expect("a number"));
    assert!(values.iter().enumerate().all(|(i, v)| *v == format!("value {i}")));
}

/// A consumer that knows the topic `t` by name.
fn reader(config: ConsumerConfig<'static>) -> (Consumer<'static>, TopicId) {
    let bootstrap = [("localhost".into(), 9092)];
    let consumer = Consumer::new(ClientConfig::DEFAULT, config, bootstrap, ConsumerMemory::owned());
    let mut consumer = consumer.expect("a consumer");
    let topic = consumer.topic("t".into()).expect("a topic");
    (consumer, topic)
}

fn owned(config: ProducerConfig) -> Producer<'static> {
    let memory = ProducerMemory::owned(config.batch_size, config.codec != Codec::None);
    Producer::new(ClientConfig::DEFAULT, config, [("localhost".into(), 9092)], memory).expect("a producer")
}

#[test]
fn owned_memory_three_brokers_none_and_lz4() {
    for codec in [Codec::None, Codec::Lz4] {
        let mut wire = Wire::new(cluster(3));
        let mut producer = owned(ProducerConfig { codec, ..ProducerConfig::DEFAULT });
        let deliveries = produce(&mut wire, &mut producer, 5_000);
        all_acked(&deliveries, 5_000);
        check_consumed(consume(&mut wire, 5_000), 5_000);
    }
}

#[test]
fn lent_memory_and_a_byte_at_a_time() {
    let config = ProducerConfig { batch_size: 512, ..ProducerConfig::DEFAULT };
    let mut resources: Resources<'_, 1, 3, 1, 3, 6, 512, 512, 256> = Resources::new();
    let bootstrap = [("localhost".into(), 9092)];
    let mut producer =
        Producer::new(ClientConfig::DEFAULT, config, bootstrap, resources.lend()).expect("a producer");
    let mut wire = Wire::new(cluster(1));
    wire.mtu = 1;
    let deliveries = produce(&mut wire, &mut producer, 300);
    all_acked(&deliveries, 300);
    let mut reader = Wire::new(cluster(1));
    std::mem::swap(&mut reader.cluster, &mut wire.cluster);
    reader.now = wire.now;
    reader.mtu = 1;
    check_consumed(consume(&mut reader, 300), 300);
}

#[test]
fn every_kind_of_acks() {
    for (acks, idempotence) in
        [(Acks::None, false), (Acks::Leader, false), (Acks::All, false), (Acks::All, true)]
    {
        let mut wire = Wire::new(cluster(1));
        let mut producer = owned(ProducerConfig { acks, idempotence, ..ProducerConfig::DEFAULT });
        let deliveries = produce(&mut wire, &mut producer, 100);
        assert_eq!(deliveries.iter().map(|d| d.count).sum::<u32>(), 100);
        for delivery in &deliveries {
            let Outcome::Acked { base_offset, .. } = delivery.outcome else { panic!("{delivery:?}") };
            assert_eq!(base_offset.is_some(), acks != Acks::None);
        }
        check_consumed(consume(&mut wire, 100), 100);
    }
}

#[test]
fn a_dead_bootstrap_address_and_a_dead_address_of_a_name_are_passed_over() {
    let mut wire = Wire::new(cluster(1));
    let config = ProducerConfig::DEFAULT;
    let bootstrap = [("nowhere".into(), 9092), ("two".into(), 9092)];
    let memory = ProducerMemory::owned(config.batch_size, false);
    let mut producer = Producer::new(ClientConfig::DEFAULT, config, bootstrap, memory).expect("a producer");
    all_acked(&produce(&mut wire, &mut producer, 10), 10);
    assert!(producer.troubles().any(|(host, _)| host.name == "nowhere"));
}

#[test]
fn where_there_is_one_connection_a_cut_one_is_replaced_in_time() {
    let config = ProducerConfig { batch_size: 512, ..ProducerConfig::DEFAULT };
    for seed in 0..20 {
        let mut resources: Resources<'_, 1, 3, 1, 3, 4, 512, 512, 256> = Resources::new();
        let bootstrap = [("localhost".into(), 9092)];
        let client = ClientConfig { seed, ..ClientConfig::DEFAULT };
        let mut producer = Producer::new(client, config, bootstrap, resources.lend()).expect("a producer");
        let mut wire = Wire::new(cluster(1));
        // Opening a connection takes as long as the backoff: another may become possible meanwhile.
        wire.tick = Duration::from_millis(10);
        let mut out = produce(&mut wire, &mut producer, 1);
        let topic = producer.topic("t".into()).expect("a topic");
        for round in 1..=10 {
            let record = NewRecord { value: Some(b"value"), ..NewRecord::default() };
            producer.append(wire.now, topic, None, &record).expect("room");
            wire.cut(&mut producer);
            producer.flush(wire.now);
            // Backoffs are a second at most; the delivery timeout, which would end the wait too, is two minutes.
            let flushed = wire.run_until(&mut producer, FIVE_SECONDS, collect(&mut out), |p| !p.unresolved());
            assert!(flushed, "seed {seed}: nothing happens after cut {round}");
        }
        all_acked(&out, 11);
    }
}

#[test]
fn connections_cut_again_and_again_lose_and_double_nothing() {
    let mut wire = Wire::new(cluster(3));
    let mut producer = owned(ProducerConfig { batch_size: 256, ..ProducerConfig::DEFAULT });
    let topic = producer.topic("t".into()).expect("a topic");
    let mut out = Vec::new();
    let mut sent = 0;
    for round in 0..200 {
        wire.mtu = 1 + round % 97;
        for _ in 0..10 {
            let value = format!("value {sent}");
            let record = NewRecord { value: Some(value.as_bytes()), ..NewRecord::default() };
            sent += producer.append(wire.now, topic, None, &record).is_ok() as u32;
        }
        let mut steps = round % 13;
        wire.run_until(&mut producer, Duration::from_millis(40), collect(&mut out), |_| {
            steps = steps.saturating_sub(1);
            steps == 0
        });
        wire.cut(&mut producer);
    }
    producer.flush(wire.now);
    wire.mtu = usize::MAX;
    let mut rest = Vec::new();
    assert!(
        wire.run_until(&mut producer, Duration::from_millis(100_000), collect(&mut rest), |p| !p
            .unresolved())
    );
    out.append(&mut rest);
    assert!(sent > 1000, "{sent}");
    all_acked(&out, sent);
    let logged: usize = (0..3).map(|p| wire.cluster.log("t", p).expect("a log").len()).sum();
    assert_eq!(logged, sent as usize);
}

#[test]
fn a_topic_that_is_created_again_is_written_to_from_its_start() {
    let mut wire = Wire::new(cluster(3));
    let mut producer = owned(ProducerConfig::DEFAULT);
    all_acked(&produce(&mut wire, &mut producer, 10), 10);
    assert!(wire.cluster.recreate_topic("t"));
    all_acked(&produce(&mut wire, &mut producer, 20), 20);
    let logs: Vec<_> = (0..3).flat_map(|p| wire.cluster.log("t", p).expect("a log")).collect();
    assert_eq!(logs.len(), 20, "only those sent to the new one");
}

#[test]
fn batches_that_compress_well_take_more_records() {
    let mut wire = Wire::new(cluster(1));
    let config = ProducerConfig { batch_size: 1024, codec: Codec::Lz4, ..ProducerConfig::DEFAULT };
    let mut producer = owned(config);
    all_acked(&produce(&mut wire, &mut producer, 2_000), 2_000);
    let before = *producer.metrics();
    // What the first batches taught is used for these.
    all_acked(&produce(&mut wire, &mut producer, 5_000), 5_000);
    let after = *producer.metrics();
    assert_eq!(after.records_acked, 7_000);
    let batches = after.batches - before.batches;
    let mean = (after.batch_bytes - before.batch_bytes) / batches;
    assert!(mean > 1_500, "{mean} bytes a batch before compression");
    assert!((after.sent_bytes - before.sent_bytes) / batches < 1_300, "{after:?}");
}

#[test]
fn a_batch_that_does_not_become_smaller_goes_as_it_is() {
    let mut wire = Wire::new(cluster(1));
    let mut producer = owned(ProducerConfig { codec: Codec::Lz4, ..ProducerConfig::DEFAULT });
    // The broker refuses a batch with a wrong checksum.
    all_acked(&produce(&mut wire, &mut producer, 1), 1);
    let sent = producer.metrics();
    assert_eq!((sent.sent_bytes, sent.retries), (sent.batch_bytes, 0), "not compressed");
    check_consumed(consume(&mut wire, 1), 1);
}

#[test]
fn a_batch_that_is_too_large_for_the_topic_is_sent_in_parts() {
    for codec in [Codec::None, Codec::Lz4] {
        let config = Config { max_message_bytes: 1024, ..cluster(1) };
        let mut wire = Wire::new(config);
        let mut producer = owned(ProducerConfig { codec, batch_size: 4096, ..ProducerConfig::DEFAULT });
        let deliveries = produce(&mut wire, &mut producer, 1_000);
        all_acked(&deliveries, 1_000);
        assert!(deliveries.iter().any(|d| d.first > 0), "some were split");
        // Each part says where its records are, and every record of a batch is told of once.
        for d in &deliveries {
            let Outcome::Acked { base_offset: Some(base), .. } = d.outcome else { panic!("{d:?}") };
            let log = wire.cluster.log("t", d.partition).expect("a log");
            let of_part: Vec<_> =
                log.iter().filter(|r| (base..base + i64::from(d.count)).contains(&r.offset)).collect();
            assert_eq!(of_part.len(), d.count as usize);
        }
        check_consumed(consume(&mut wire, 1_000), 1_000);
        assert_eq!(producer.slots_in_use(), 0, "every slot is free again");
    }
}

#[test]
fn a_record_that_is_too_large_for_the_topic_is_not_written() {
    let mut wire = Wire::new(Config { max_message_bytes: 1024, ..cluster(1) });
    let mut producer = owned(ProducerConfig::DEFAULT);
    let topic = producer.topic("t".into()).expect("a topic");
    let mut out = Vec::new();
    wire.run_until(&mut producer, SECOND, collect(&mut out), |p| p.partitions(topic) > 0);
    for len in [2000, 10, 2000, 10] {
        let record = NewRecord { value: Some(&[7; 2000][..len]), ..NewRecord::default() };
        producer.append(wire.now, topic, Some(0), &record).expect("taken");
    }
    producer.flush(wire.now);
    let mut out = Vec::new();
    assert!(wire.run_until(&mut producer, SECOND, collect(&mut out), |p| !p.unresolved()));
    out.sort_by_key(|d| d.first);
    let fates: Vec<_> =
        out.iter().map(|d| (d.first, d.count, matches!(d.outcome, Outcome::Acked { .. }))).collect();
    assert_eq!(fates, [(0, 1, false), (1, 1, true), (2, 1, false), (3, 1, true)]);
    assert_eq!(out.iter().filter(|d| d.parts_left == 0).count(), 1, "the end of the whole is told once");
}

/// What was fetched ends in a batch with a bad header, and is given back before that is reached.
#[test]
fn what_stands_before_a_damaged_batch_can_be_given_back() {
    let mut wire = Wire::new(Config { topics: vec![("t".into(), 1)], ..cluster(1) });
    let mut producer = owned(ProducerConfig::DEFAULT);
    for _ in 0..3 {
        all_acked(&produce(&mut wire, &mut producer, 1), 1);
    }
    // The version of the batch's format.
    assert!(wire.cluster.corrupt("t", 0, 2, 16));
    let (mut consumer, topic) = reader(ConsumerConfig::DEFAULT);
    consumer.assign(wire.now, topic, 0, Start::Earliest).expect("room");
    let (mut seen, mut decompressor) = (Vec::new(), Decompressor::owned(1 << 20));
    let damaged = std::cell::Cell::new(false);
    let each = |consumer: &mut Consumer<'static>, now: Instant| {
        while let Some(mut fetched) = consumer.poll_fetched(now) {
            match fetched.next_batch(&mut decompressor) {
                Some(Ok(batch)) => seen.push(batch.next_offset),
                other => damaged.set(other.is_some()),
            }
            consumer.release(now, fetched);
        }
    };
    let told = wire.run_until(&mut consumer, FIVE_SECONDS, each, |_| damaged.get());
    assert_eq!(seen, [1, 2]);
    assert!(told, "nobody was told of the damaged batch");
}

/// A batch is given up while its checksum is being computed, and its delivery comes back before it does.
#[test]
fn a_batch_that_is_given_up_while_it_is_sealed_leaves_its_slot() {
    let mut wire = Wire::new(cluster(1));
    let mut producer = owned(ProducerConfig::DEFAULT);
    all_acked(&produce(&mut wire, &mut producer, 1), 1);
    let topic = producer.topic("t".into()).expect("a topic");
    let record = NewRecord { value: Some(b"late"), ..NewRecord::default() };
    producer.append(wire.now, topic, Some(0), &record).expect("taken");
    producer.flush(wire.now);
    let mut seal = producer.poll_seal(wire.now).expect("a batch to be sealed");
    producer.abort();
    let delivery = producer.poll_delivery().expect("its end");
    assert!(matches!(delivery.outcome, Outcome::NotWritten(_)));
    producer.release(&delivery);
    seal.run();
    producer.handle_sealed(wire.now, seal);
    assert_eq!(producer.slots_in_use(), 0);
    assert_eq!(producer.poll_delivery(), None);
}

/// Paused when its records have arrived, a partition gives none of them; resumed, it gives all of them.
#[test]
fn a_paused_partition_gives_nothing_that_was_fetched_before() {
    let mut wire = Wire::new(Config { topics: vec![("t".into(), 1)], ..cluster(1) });
    let mut producer = owned(ProducerConfig::DEFAULT);
    all_acked(&produce(&mut wire, &mut producer, 20), 20);
    let (mut consumer, topic) = reader(ConsumerConfig::DEFAULT);
    consumer.assign(wire.now, topic, 0, Start::Earliest).expect("room");
    assert!(wire.run_until(&mut consumer, SECOND, |_, _| {}, |consumer| consumer.has_fetched()));
    consumer.pause(topic, 0);
    let seen = std::cell::Cell::new(0);
    let mut decompressor = Decompressor::owned(1 << 20);
    let mut read = |consumer: &mut Consumer<'static>, now: Instant| {
        while let Some(mut fetched) = consumer.poll_fetched(now) {
            while let Some(Ok(batch)) = fetched.next_batch(&mut decompressor) {
                seen.set(seen.get() + batch.records().count());
            }
            consumer.release(now, fetched);
        }
    };
    wire.run_until(&mut consumer, SECOND, &mut read, |_| false);
    assert_eq!(seen.get(), 0);
    consumer.resume(wire.now, topic, 0);
    assert!(wire.run_until(&mut consumer, SECOND, &mut read, |_| seen.get() >= 20), "{}", seen.get());
    assert_eq!(seen.get(), 20);
}

/// A pause ends with the assignment that it is about.
#[test]
fn a_partition_that_is_assigned_anew_is_not_paused() {
    let mut wire = Wire::new(Config { topics: vec![("t".into(), 1)], ..cluster(1) });
    let (mut consumer, topic) = reader(ConsumerConfig::DEFAULT);
    consumer.assign(wire.now, topic, 0, Start::Earliest).expect("room");
    consumer.pause(topic, 0);
    consumer.unassign(topic, 0);
    consumer.assign(wire.now, topic, 0, Start::Earliest).expect("room");
    let mut producer = owned(ProducerConfig::DEFAULT);
    let mut writer = Wire::new(cluster(1));
    std::mem::swap(&mut writer.cluster, &mut wire.cluster);
    all_acked(&produce(&mut writer, &mut producer, 1), 1);
    std::mem::swap(&mut writer.cluster, &mut wire.cluster);
    assert!(wire.run_until(&mut consumer, SECOND, |_, _| {}, |consumer| consumer.has_fetched()));
}

/// A duration that stands for "as long as it takes".
#[test]
fn a_fetch_may_wait_as_long_as_a_duration_can_say() {
    let mut wire = Wire::new(cluster(1));
    let config = ConsumerConfig { fetch_max_wait: Duration(u64::MAX), ..ConsumerConfig::DEFAULT };
    let (mut consumer, topic) = reader(config);
    consumer.assign(wire.now, topic, 0, Start::Earliest).expect("room");
    wire.run_until(&mut consumer, SECOND, |_, _| {}, |_| false);
    assert_eq!(consumer.troubles().count(), 0);
}

/// Ten records to a topic, all acknowledged.
fn ten_to<'m>(wire: &mut Wire<'m>, producer: &mut Producer<'m>, name: &'static str) {
    let topic = producer.topic(name.into()).expect("room for the topic");
    let mut out = Vec::new();
    assert!(wire.run_until(producer, SECOND, collect(&mut out), |p| p.partitions(topic) > 0), "no metadata");
    for _ in 0..10 {
        let record = NewRecord { value: Some(b"value"), ..NewRecord::default() };
        producer.append(wire.now, topic, Some(0), &record).expect("room");
    }
    producer.flush(wire.now);
    assert!(wire.run_until(producer, MINUTE, collect(&mut out), |p| !p.unresolved()), "not flushed");
    all_acked(&out, 10);
}

#[test]
fn a_topic_that_is_not_used_any_more_makes_room_for_another() {
    let topics = ["a", "b", "c"].map(|name| (name.to_owned(), 1)).to_vec();
    let mut wire = Wire::new(Config { nodes: 1, topics, ..Config::default() });
    let config = ProducerConfig { batch_size: 512, ..ProducerConfig::DEFAULT };
    let mut resources: Resources<'_, 1, 3, 2, 2, 6, 512, 512, 256> = Resources::new();
    let bootstrap = [("localhost".into(), 9092)];
    let mut producer =
        Producer::new(ClientConfig::DEFAULT, config, bootstrap, resources.lend()).expect("a producer");
    ten_to(&mut wire, &mut producer, "a");
    ten_to(&mut wire, &mut producer, "b");
    let a = producer.topic("a".into()).expect("known");
    assert_eq!(producer.topic("c".into()), Err(TopicError::NoRoom), "both are in use");
    // Metadata is asked for every five minutes; with the second answer after its last record a topic is idle.
    for _ in 0..3 {
        wire.run_until(&mut producer, FIVE_MINUTES, |_, _| {}, |_| false);
        ten_to(&mut wire, &mut producer, "b");
    }
    ten_to(&mut wire, &mut producer, "c");
    let record = NewRecord { value: Some(b"value"), ..NewRecord::default() };
    assert_eq!(producer.append(wire.now, a, Some(0), &record), Err(AppendError::Forgotten));
    assert_eq!((producer.topic_name(a), producer.partitions(a)), ("", 0));
    // The brokers remember the sequences of a topic that comes back.
    for _ in 0..3 {
        wire.run_until(&mut producer, FIVE_MINUTES, |_, _| {}, |_| false);
    }
    ten_to(&mut wire, &mut producer, "a");
    let logged = ["a", "b", "c"].map(|topic| wire.cluster.log(topic, 0).expect("a log").len());
    assert_eq!(logged, [20, 40, 10]);
}
