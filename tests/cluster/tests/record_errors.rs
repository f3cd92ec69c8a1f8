//! A batch that a broker refuses for some of its records (KIP-467): the same becomes of each record with real Kafka and
//! with the in-process broker.

mod ours;

use std::time::Duration;

use kafka_broker::{Config, Server};
use kafka_cluster::judge::{Isolation, kcat_read};
use kafka_cluster::{Kafka, Settings, Version};
use kafka_std::producer::Cause;
use kafka_std::{ErrorCode, Record};

const PATIENCE: Duration = Duration::from_secs(60);
/// A time long ago, which a topic may refuse.
const OLD: i64 = 1_000_000_000_000;

/// What became of a record: what it failed with, the broker's words, whether it may be sent again, whether it came back.
type Fate = (Cause, Option<String>, bool, bool);

/// Sends each of these as one batch to the topic, and says what became of each record: whether it has a key, and its time.
fn fates(bootstrap: &str, topic: &str, codec: &str, batches: &[&[(bool, i64)]]) -> Vec<Vec<Fate>> {
    let settings = [("linger.ms", "60000"), ("compression.type", codec)];
    let producer = ours::producer(bootstrap, &settings);
    let value = "v".repeat(100);
    let fates_of = |batch: &&[(bool, i64)]| {
        let send = |(keyed, time): &(bool, i64)| {
            let record = Record::to(topic).value(&value).timestamp(*time);
            producer.send(if *keyed { record.key("k") } else { record }).unwrap()
        };
        let deliveries: Vec<_> = batch.iter().map(send).collect();
        assert!(producer.flush(PATIENCE));
        let fate = |delivery: kafka_std::Delivery| {
            let error = delivery.wait().unwrap_err();
            assert!(!error.may_be_written(), "{error}");
            // Up to where a clock is read.
            let words = error.message().and_then(|text| text.split(" within [").next()).map(str::to_owned);
            (error.cause(), words, error.is_retriable(), error.record().is_some())
        };
        deliveries.into_iter().map(fate).collect()
    };
    batches.iter().map(fates_of).collect()
}

#[test]
fn real_kafka_and_the_one_in_the_process_name_the_same_records() {
    let limits = [("cleanup.policy", "compact"), ("message.timestamp.before.max.ms", "86400000")];
    let kafka = Kafka::start(Settings::new(Version::V4_3)).unwrap();
    kafka.create_topic_with("t", 1, 1, &limits).unwrap();
    let server = Server::start(Config { topics: vec![("t".into(), 1)], ..Config::default() }).unwrap();
    assert!(server.with(|c| limits.iter().all(|(key, value)| c.configure_topic("t", key, value))));

    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis() as i64;
    let batches: [&[(bool, i64)]; 5] = [
        &[(true, now), (false, now), (true, now)],
        &[(false, now)],
        &[(false, now), (true, now), (false, now), (false, now), (false, now), (false, now)],
        &[(true, now), (true, OLD)],
        &[(true, OLD), (false, now), (true, now), (false, OLD)],
    ];
    for codec in ["none", "lz4"] {
        let real = fates(&kafka.bootstrap(), "t", codec, &batches);
        assert_eq!(real, fates(&server.bootstrap(), "t", codec, &batches), "{codec}");
        let invalid = Cause::Broker(ErrorCode::INVALID_RECORD);
        let causes: Vec<Cause> = real[0].iter().map(|fate| fate.0).collect();
        assert_eq!(causes, [Cause::BatchRefused, invalid, Cause::BatchRefused], "{codec}");
        assert_eq!(real[3][1].0, Cause::Broker(ErrorCode::INVALID_TIMESTAMP), "{codec}");
    }
    assert_eq!(kcat_read(&kafka.bootstrap(), "t", Isolation::ReadUncommitted).unwrap().len(), 0);
    assert_eq!(server.with(|c| c.log("t", 0).unwrap().len()), 0);
}
