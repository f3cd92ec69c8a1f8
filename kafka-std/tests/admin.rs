//! What an operator can ask of the cluster.

mod common;

use std::time::{Duration, Instant};

use common::server;
use kafka_broker::Action;
use kafka_proto::ApiKey;
use kafka_std::{Admin, Error, ErrorCode};

#[test]
fn topics_are_created_listed_and_deleted() {
    let server = server(&[("first", 2)]);
    let mut admin = Admin::connect(&server.bootstrap()).unwrap();
    admin.create_topic("second", 3, 1).unwrap();
    let Err(Error::Broker { code, .. }) = admin.create_topic("second", 3, 1) else { panic!("created twice") };
    assert_eq!(code, ErrorCode::TOPIC_ALREADY_EXISTS);

    let cluster = admin.metadata(None).unwrap();
    assert_eq!(cluster.brokers.len(), 1);
    assert_eq!(cluster.brokers[0].port, server.addrs[0].port());
    let names: Vec<_> = cluster.topics.iter().map(|t| (t.name.as_str(), t.partitions.len())).collect();
    assert_eq!(names, [("first", 2), ("second", 3)]);
    assert_eq!(cluster.topics[1].partitions[2].leader, Some(cluster.brokers[0].id));

    let missing = admin.metadata(Some(&["third"])).unwrap();
    assert_eq!(missing.topics[0].error, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    admin.delete_topic("first").unwrap();
    assert_eq!(admin.metadata(None).unwrap().topics.len(), 1);
}

#[test]
fn brokers_that_say_nothing_take_no_longer_than_the_call_may_whatever_their_number() {
    let silent: Vec<_> = (0..4).map(|_| std::net::TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let names: Vec<_> = silent.iter().map(|l| l.local_addr().unwrap().to_string()).collect();
    let (begin, allowed) = (Instant::now(), Duration::from_secs(2));
    let error = Admin::connect_within(&names.join(","), allowed).unwrap_err().to_string();
    assert!(begin.elapsed() < allowed * 3 / 2, "{:?}", begin.elapsed());
    assert!(names.iter().all(|name| error.contains(&format!("{name}: no answer in time"))), "{error}");
    let error = Admin::connect_within(&names[0], Duration::ZERO).unwrap_err().to_string();
    assert!(error.contains("no answer in time"), "{error}");
    // One that works is found behind those that do not.
    let server = server(&[("first", 1)]);
    let all = format!("{},{}", names[0], server.bootstrap());
    assert_eq!(Admin::connect_within(&all, allowed).unwrap().metadata(None).unwrap().topics.len(), 1);
}

#[test]
fn nobody_there_is_an_error_that_names_each_host() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = Admin::connect(&format!("{closed},no-such-host.invalid:9092")).unwrap_err().to_string();
    assert!(error.contains(&format!("{closed}: connection refused: nothing listens there")), "{error}");
    assert!(error.contains("no-such-host.invalid:9092: the name does not resolve"), "{error}");
}

#[test]
fn a_connection_that_fell_silent_is_not_asked_again() {
    let server = server(&[("first", 1)]);
    let mut admin = Admin::connect_within(&server.bootstrap(), Duration::from_secs(2)).unwrap();
    server.with(|c| c.inject(ApiKey::METADATA, Action::Swallow));
    let error = admin.metadata(None).unwrap_err();
    assert!(matches!(error, Error::Unavailable(_)), "{error}");
    // The broker answers; only that connection stays silent, as one to a machine that is gone.
    assert_eq!(admin.metadata(None).unwrap().topics.len(), 1);
}

#[test]
fn a_call_of_several_requests_takes_no_longer_than_a_call_may() {
    let server = server(&[("first", 1)]);
    let allowed = Duration::from_secs(2);
    let mut admin = Admin::connect_within(&server.bootstrap(), allowed).unwrap();
    server.with(|c| {
        c.inject(ApiKey::FIND_COORDINATOR, Action::Delay(1_500_000));
        c.inject(ApiKey::OFFSET_FETCH, Action::Swallow);
    });
    let begin = Instant::now();
    let error = admin.committed("g", None).unwrap_err();
    assert!(matches!(error, Error::Unavailable(_)), "{error}");
    assert!(begin.elapsed() < allowed * 3 / 2, "{:?}", begin.elapsed());
}

#[test]
fn a_call_may_take_for_ever() {
    let server = server(&[("first", 1)]);
    let mut admin = Admin::connect_within(&server.bootstrap(), Duration::MAX).unwrap();
    assert_eq!(admin.metadata(None).unwrap().topics.len(), 1);
    admin.create_topic("second", 1, 1).unwrap();
    assert_eq!(admin.committed("g", None).unwrap(), []);
}
