//! Who chooses the partition: the key, turns, the application, in each of the ways to send.

mod common;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use common::{block_on, server};
use kafka_broker::{Action, Config, Server};
use kafka_proto::ApiKey;
use kafka_std::{NewRecord, Partitioner, Partitions, Producer, Record, RoundRobin, SendError};

const SECONDS: Duration = Duration::from_secs(20);

/// How many records each partition has.
fn counts(server: &Server, topic: &str, partitions: i32) -> Vec<usize> {
    server.with(|c| (0..partitions).map(|p| c.log(topic, p).unwrap().len()).collect())
}

/// A topic, a key and a number of partitions.
type Seen = (String, Option<Vec<u8>>, u32);

/// Takes the partition from the value, and notes what it saw.
#[derive(Clone, Default)]
struct ByValue {
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Partitioner for ByValue {
    fn partition(&mut self, record: &NewRecord<'_>, partitions: &Partitions<'_>) -> Option<u32> {
        assert_eq!(partitions.available().collect::<Vec<_>>(), (0..partitions.count()).collect::<Vec<_>>());
        let seen = (partitions.topic().to_owned(), record.key.map(<[u8]>::to_vec), partitions.count());
        self.seen.lock().unwrap().push(seen);
        match record.value? {
            b"default" => None,
            b"panic" => panic!("the application's own fault"),
            value => Some(u32::from(*value.first()? - b'0')),
        }
    }
}

#[test]
fn a_partitioner_sees_the_record_and_is_obeyed_in_every_way_of_sending() {
    let server = server(&[("readings", 5)]);
    let (sender, results) = mpsc::channel();
    let by_value = ByValue::default();
    let producer = Producer::builder()
        .bootstrap_servers(&server.bootstrap())
        .partitioner(by_value.clone())
        .on_delivery(move |token, result| {
            assert_eq!(result.as_ref().unwrap().partition() as u64, token % 10);
        })
        .transactional_id("partitioner")
        .build()
        .unwrap();
    producer.init_transactions().unwrap();
    producer.begin_transaction().unwrap();
    let to = |value: &'static str| Record::to("readings").key("always the same").value(value);
    assert_eq!(producer.send(to("3")).unwrap().wait().unwrap().partition(), 3);
    assert_eq!(producer.try_send(to("1")).unwrap().wait().unwrap().partition(), 1);
    let awaited = block_on(async { producer.send_async(to("4")).await.unwrap().await });
    assert_eq!(awaited.unwrap().partition(), 4);
    producer.send_with(to("2"), 12).unwrap();
    producer.send_then(to("0"), move |result| sender.send(result.unwrap().partition()).unwrap()).unwrap();
    producer.send_all_with(&[to("3"), to("4")], 23).unwrap();
    let mut deliveries = Vec::new();
    producer.send_all(&[to("1"), to("2")], &mut deliveries).unwrap();
    producer.commit_transaction().unwrap();
    assert_eq!(results.recv_timeout(SECONDS), Ok(0));
    let partitions: Vec<_> = deliveries.into_iter().map(|d| d.wait().unwrap().partition()).collect();
    assert_eq!(partitions, [1, 2]);
    let by_partition: Vec<_> = (0..5)
        .map(|p| server.with(|c| c.log("readings", p).unwrap().iter().filter(|r| r.key.is_some()).count()))
        .collect();
    assert_eq!(by_partition.iter().sum::<usize>(), 9);
    let seen = by_value.seen.lock().unwrap();
    let expected = ("readings".to_owned(), Some(b"always the same".to_vec()), 5);
    assert_eq!(*seen, vec![expected; 9], "asked once per record, with all there is to know");
}

#[test]
fn named_partitions_are_not_asked_for_and_no_opinion_is_the_default() {
    let server = server(&[("readings", 12)]);
    let by_value = ByValue::default();
    let builder = Producer::builder().bootstrap_servers(&server.bootstrap()).partitioner(by_value.clone());
    let producer = builder.build().unwrap();
    let record = Record::to("readings").key("ключ-42").value("default");
    assert_eq!(producer.send(record).unwrap().wait().unwrap().partition(), 11, "where Java sends this key");
    assert_eq!(producer.send(record.partition(2)).unwrap().wait().unwrap().partition(), 2);
    assert_eq!(by_value.seen.lock().unwrap().len(), 1);
}

#[test]
fn nonsense_is_an_error_at_the_call_and_nothing_is_queued_or_lost() {
    let server = server(&[("readings", 3)]);
    let builder = Producer::builder().bootstrap_servers(&server.bootstrap()).linger(SECONDS);
    let producer = builder.partitioner(ByValue::default()).build().unwrap();
    let to = |value: &'static str| Record::to("readings").value(value);
    let before = producer.send(to("0")).unwrap();
    let nonsense = SendError::NoSuchPartition { topic: "readings".into(), partition: 7, partitions: 3 };
    assert_eq!(producer.send(to("7")).unwrap_err(), nonsense);
    assert_eq!(producer.try_send(to("7")).unwrap_err(), nonsense);
    assert_eq!(producer.send_with(to("7"), 1).unwrap_err(), nonsense);
    assert_eq!(producer.send_then(to("7"), |_| panic!("called")).unwrap_err(), nonsense);
    assert_eq!(block_on(producer.send_async(to("7"))).unwrap_err(), nonsense);
    let mut deliveries = Vec::new();
    let all = [to("1"), to("7"), to("2")];
    assert_eq!(producer.send_all(&all, &mut deliveries).unwrap_err(), nonsense);
    assert_eq!(deliveries.len(), 1, "those before it were taken");
    assert_eq!(producer.send_all_with(&[to("7"), to("2")], 1).unwrap_err(), nonsense);
    // A panic is the caller's, and the producer goes on.
    assert!(catch_unwind(AssertUnwindSafe(|| producer.send(to("panic")))).is_err());
    let after = producer.send(to("0")).unwrap();
    assert!(producer.flush(SECONDS));
    assert_eq!((before.wait().unwrap().offset(), after.wait().unwrap().offset()), (Some(0), Some(1)));
    assert_eq!(counts(&server, "readings", 3), [2, 1, 0]);
}

#[test]
fn turns_are_even_for_each_topic_by_itself_and_pass_over_what_is_down() {
    let topics = vec![("a".into(), 4), ("b".into(), 2)];
    let config = Config { nodes: 2, replication_factor: 1, auto_create: false, topics, ..Config::default() };
    let server = Server::start(config).unwrap();
    for by_name in [false, true] {
        let builder = Producer::builder().bootstrap_servers(&server.bootstrap());
        let builder = match by_name {
            false => builder.partitioner(RoundRobin::default()),
            true => builder
                .set("partitioner.class", "org.apache.kafka.clients.producer.RoundRobinPartitioner")
                .unwrap(),
        };
        let builder = builder.set("metadata.max.age.ms", "50").unwrap();
        let producer = builder.build().unwrap();
        let before = (counts(&server, "a", 4), counts(&server, "b", 2));
        for _ in 0..20 {
            drop(producer.send(Record::to("a").key("same").value("v")).unwrap());
            drop(producer.send(Record::to("b").value("v")).unwrap());
        }
        assert!(producer.flush(SECONDS));
        let after = (counts(&server, "a", 4), counts(&server, "b", 2));
        let grown = |before: &[usize], after: &[usize]| -> Vec<usize> {
            before.iter().zip(after).map(|(b, a)| a - b).collect()
        };
        assert_eq!((grown(&before.0, &after.0), grown(&before.1, &after.1)), (vec![5; 4], vec![10; 2]));
        if !by_name {
            continue;
        }
        server.with(|c| c.kill_node(1));
        // Until the producer has heard that half of the partitions have no leader, some wait there.
        let deadline = Instant::now() + SECONDS;
        let mut in_a_row = 0;
        while in_a_row < 20 {
            assert!(Instant::now() < deadline, "still sends to a partition without a leader");
            let delivery = producer.send(Record::to("a").value("v")).unwrap();
            in_a_row = match delivery.wait_timeout(Duration::from_millis(100)) {
                Ok(result) => result.map(|_| in_a_row + 1).unwrap(),
                Err(_) => 0,
            };
        }
    }
}

#[test]
fn keys_can_be_ignored_and_loads_too() {
    let server = server(&[("keys", 4), ("spread", 4)]);
    let builder = |name: &str, value: &str| {
        let builder = Producer::builder().bootstrap_servers(&server.bootstrap()).batch_size(256);
        builder.set("linger.ms", "1").unwrap().set(name, value).unwrap().build().unwrap()
    };
    let used = |producer: &Producer, topic: &str| {
        let records = [Record::to(topic).key("one key").value("some value"); 400];
        producer.send_all(&records, &mut Vec::new()).unwrap();
        assert!(producer.flush(SECONDS));
        counts(&server, topic, 4).into_iter().filter(|count| *count > 0).count()
    };
    assert_eq!(used(&builder("partitioner.ignore.keys", "false"), "keys"), 1);
    assert_eq!(used(&builder("partitioner.ignore.keys", "true"), "spread"), 4);
}

/// Sends records without a key for a second while one of two brokers does not answer; how many went to its partition.
fn to_the_slow_one(settings: &[(&str, &str)]) -> usize {
    let config = Config {
        nodes: 2,
        replication_factor: 1,
        auto_create: false,
        topics: vec![("t".into(), 2)],
        ..Config::default()
    };
    let server = Server::start(config).unwrap();
    let slow = 1;
    server.with(|c| c.inject_many(ApiKey::PRODUCE, Some(slow), 0, 1_000_000, Action::Delay(3_600_000_000)));
    let builder = Producer::builder().bootstrap_servers(&server.bootstrap()).batch_size(512);
    let builder = settings.iter().fold(builder, |b, (name, value)| b.set(name, value).unwrap());
    let producer = builder.linger(Duration::ZERO).build().unwrap();
    let mut by_partition = BTreeMap::<u32, usize>::new();
    let value = [7; 300];
    for _ in 0..400 {
        let mut records = Vec::new();
        producer.send_all(&[Record::to("t").value(&value)], &mut records).unwrap();
        let mut delivery = records.pop().unwrap();
        let partition = format!("{delivery:?}");
        let partition = u32::from(partition.contains("partition: 1"));
        *by_partition.entry(partition).or_default() += 1;
        // Long enough that a batch of the quick broker is answered.
        for _ in 0..3 {
            match delivery.wait_timeout(Duration::from_millis(1)) {
                Ok(_) => break,
                Err(later) => delivery = later,
            }
        }
    }
    let slow_partition =
        server.with(|c| (0..2).find(|p| c.partition("t", *p as i32).unwrap().leader == slow));
    by_partition.get(&slow_partition.unwrap()).copied().unwrap_or(0)
}

#[test]
fn a_broker_that_does_not_keep_up_gets_less_unless_that_is_switched_off() {
    let even = to_the_slow_one(&[("partitioner.adaptive.partitioning.enable", "false")]);
    let adaptive = to_the_slow_one(&[("partitioner.adaptive.partitioning.enable", "true")]);
    assert!(even > 100 && adaptive < 60, "{even} without, {adaptive} with");
}

/// How many of two hundred batches that are sent at once go to a partition of which one could not be sent for a while.
fn to_the_stuck_one(timeout: &str) -> usize {
    let config =
        Config { nodes: 2, replication_factor: 1, topics: vec![("t".into(), 2)], ..Config::default() };
    let server = Server::start(config).unwrap();
    let stuck = server.with(|c| (0..2).find(|p| c.partition("t", *p).unwrap().leader == 1)).unwrap();
    server.with(|c| c.inject_many(ApiKey::PRODUCE, Some(1), 0, 1_000_000, Action::Delay(3_600_000_000)));
    let builder = Producer::builder().bootstrap_servers(&server.bootstrap()).batch_size(512);
    let builder = builder.set("max.in.flight.requests.per.connection", "1").unwrap();
    let builder = builder.set("partitioner.availability.timeout.ms", timeout).unwrap();
    let producer = builder.linger(Duration::ZERO).build().unwrap();
    let value = [7; 300];
    // The first is under way, the second waits.
    for _ in 0..2 {
        drop(producer.send(Record::to("t").partition(stuck as u32).value(&value)).unwrap());
        std::thread::sleep(Duration::from_millis(60));
    }
    let mut deliveries = Vec::new();
    producer.send_all(&[Record::to("t").value(&value); 200], &mut deliveries).unwrap();
    let to_it = format!("partition: {stuck}");
    deliveries.iter().filter(|delivery| format!("{delivery:?}").contains(&to_it)).count()
}

#[test]
fn a_partition_that_cannot_be_sent_to_gets_nothing() {
    let (loaded, unavailable) = (to_the_stuck_one("0"), to_the_stuck_one("50"));
    assert!(loaded > 20 && unavailable == 0, "{loaded} without, {unavailable} with");
}
