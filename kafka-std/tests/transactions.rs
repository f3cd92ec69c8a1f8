//! Transactions through the adapter, against the in-process broker.

use std::time::Duration;

use kafka_broker::{Action, Config, Server};
use kafka_proto::ApiKey;
use kafka_std::consumer::Start;
use kafka_std::{
    Consumer, ConsumerGroup, Error, ErrorCode, Isolation, Producer, Record, SendError, TransactionError,
};

const SOON: Duration = Duration::from_secs(10);

fn server() -> Server {
    let topics = vec![("t".into(), 3), ("in".into(), 1)];
    Server::start(Config { nodes: 3, topics, ..Config::default() }).expect("a broker")
}

fn producer(server: &Server, id: &str) -> Producer {
    let builder = Producer::builder().bootstrap_servers(&server.bootstrap()).transactional_id(id);
    builder.build().expect("a producer")
}

/// Everything a consumer sees up to the end, sorted.
fn read(server: &Server, isolation: Isolation) -> Vec<String> {
    let builder = Consumer::builder().bootstrap_servers(&server.bootstrap()).isolation(isolation);
    let consumer = builder.build().expect("a consumer");
    let count = consumer.assign_all("t", Start::Earliest).expect("a topic");
    let mut seen = Vec::new();
    let end = std::time::Instant::now() + SOON;
    while !(0..count).all(|p| consumer.is_at_end("t", p)) || seen.is_empty() {
        assert!(std::time::Instant::now() < end, "not at the end: {seen:?}");
        let records = consumer.poll(Duration::from_millis(100)).expect("records");
        let each = |_: &str, _: i32, r: &kafka_std::consumer::Record<'_>| {
            seen.push(String::from_utf8_lossy(r.value.expect("a value")).into_owned());
        };
        records.for_each(each).expect("readable");
    }
    seen.sort();
    seen
}

#[test]
fn committed_is_seen_aborted_is_not_and_misuse_is_an_error() {
    let server = server();
    let producer = producer(&server, "a");
    assert!(matches!(producer.begin_transaction(), Err(TransactionError::WrongState(_))));
    producer.init_transactions().expect("a coordinator");
    assert!(matches!(producer.send(Record::to("t").value("outside")), Err(SendError::WrongState(_))));
    for round in 0..4 {
        producer.begin_transaction().expect("ready");
        assert!(matches!(producer.begin_transaction(), Err(TransactionError::WrongState(_))));
        for partition in 0..3 {
            let value = format!("{round}/{partition}");
            let sent =
                producer.send(Record::to("t").partition(partition).value(value.as_bytes())).expect("taken");
            if round == 1 {
                sent.wait().expect("acknowledged");
            }
        }
        match round {
            1 | 3 => producer.abort_transaction().expect("aborted"),
            _ => producer.commit_transaction().expect("committed"),
        }
    }
    let expected = ["0/0", "0/1", "0/2", "2/0", "2/1", "2/2"];
    assert_eq!(read(&server, Isolation::ReadCommitted), expected);
    assert!(read(&server, Isolation::ReadUncommitted).len() >= 9, "the acknowledged ones of round 1 too");
}

#[test]
fn a_record_for_a_transaction_that_cannot_be_committed_is_refused_with_the_reason() {
    let server = server();
    let producer = producer(&server, "a");
    producer.init_transactions().expect("a coordinator");
    producer.begin_transaction().expect("ready");
    let refused = ErrorCode::TOPIC_AUTHORIZATION_FAILED;
    server.with(|c| c.inject(ApiKey::PRODUCE, Action::Error(refused)));
    let record = Record::to("t").partition(0).value("v");
    producer.send(record).expect("taken").wait().expect_err("refused");
    let error = producer.send(record).expect_err("taken");
    assert_eq!(error, SendError::MustAbort(refused));
    assert!(Error::from(error).must_abort());
    let offsets = producer.send_offsets(&ConsumerGroup::new("g"), &[("in", 0, 1)]);
    assert!(Error::from(offsets.expect_err("taken")).must_abort());
    producer.abort_transaction().expect("aborted");
    producer.begin_transaction().expect("ready");
    drop(producer.send(record).expect("taken"));
    let newer = self::producer(&server, "a");
    newer.init_transactions().expect("a coordinator");
    producer.commit_transaction().expect_err("fenced");
    // The partition's leader knew of an old epoch only; why it is old, the coordinator says.
    let _ = producer.abort_transaction();
    let error = producer.send(record).expect_err("taken");
    assert_eq!(error, SendError::Refused(ErrorCode::PRODUCER_FENCED));
    assert!(!Error::from(error).must_abort());
}

#[test]
fn a_newer_producer_fences_an_older_one_and_offsets_go_with_the_commit() {
    let server = server();
    let first = producer(&server, "a");
    first.init_transactions().expect("a coordinator");
    first.begin_transaction().expect("ready");
    first.send(Record::to("t").value("lost")).expect("taken").wait().expect("acknowledged");
    let second = producer(&server, "a");
    second.init_transactions().expect("a coordinator");
    assert!(matches!(first.commit_transaction(), Err(TransactionError::Failed(_))));
    second.begin_transaction().expect("ready");
    drop(second.send(Record::to("t").value("kept")).expect("taken"));
    second.send_offsets(&ConsumerGroup::new("g"), &[("in", 0, 42)]).expect("open");
    second.commit_transaction().expect("committed");
    assert_eq!(read(&server, Isolation::ReadCommitted), ["kept"]);
    assert_eq!(server.with(|cluster| cluster.committed_offset("g", "in", 0)), Some(42));
}

#[test]
fn a_task_can_wait_and_a_coordinator_that_is_not_there_is_an_error_in_time() {
    let server = server();
    let producer = producer(&server, "a");
    block_on(producer.init_transactions_async()).expect("a coordinator");
    producer.begin_transaction().expect("ready");
    drop(producer.send(Record::to("t").value("x")).expect("taken"));
    block_on(producer.commit_transaction_async()).expect("committed");
    let nobody = Producer::builder().bootstrap_servers("127.0.0.1:1").transactional_id("b");
    let nobody = nobody.max_block(Duration::from_millis(300)).build().expect("a producer");
    let error = nobody.init_transactions().expect_err("nobody there").to_string();
    assert!(error.contains("127.0.0.1:1") && error.contains("connection refused"), "{error}");
}

/// The smallest executor.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = std::sync::Arc::new(Unpark(std::thread::current())).into();
    let mut future = std::pin::pin!(future);
    loop {
        if let std::task::Poll::Ready(done) =
            future.as_mut().poll(&mut std::task::Context::from_waker(&waker))
        {
            return done;
        }
        std::thread::park_timeout(Duration::from_secs(1));
    }
}

#[test]
fn committed_offsets_can_be_read_and_those_of_an_open_transaction_are_waited_for() {
    let server = server();
    let mut admin =
        kafka_std::Admin::connect_within(&server.bootstrap(), Duration::from_secs(5)).expect("a broker");
    let offsets = |admin: &mut kafka_std::Admin, asked: Option<&[(&str, i32)]>| {
        let found = admin.committed("g", asked).expect("an answer");
        found.into_iter().map(|o| (o.topic, o.partition, o.offset)).collect::<Vec<_>>()
    };
    let in_0 = |offset| ("in".to_owned(), 0, offset);
    assert_eq!(offsets(&mut admin, None), []);
    let asked = [("in", 0), ("t", 2), ("in", 1)];
    let none = [in_0(None), ("in".to_owned(), 1, None), ("t".to_owned(), 2, None)];
    assert_eq!(offsets(&mut admin, Some(&asked)), none);

    let producer = producer(&server, "a");
    let group = ConsumerGroup::new("g");
    producer.init_transactions().expect("a coordinator");
    producer.begin_transaction().expect("ready");
    producer.send_offsets(&group, &[("in", 0, 7), ("t", 1, 3)]).expect("open");
    producer.commit_transaction().expect("committed");
    assert_eq!(offsets(&mut admin, Some(&[("in", 0)])), [in_0(Some(7))]);
    assert_eq!(offsets(&mut admin, None), [in_0(Some(7)), ("t".to_owned(), 1, Some(3))]);

    // The offsets are at the group's coordinator, and the transaction does not end.
    let loading = kafka_broker::Action::Error(kafka_std::ErrorCode::COORDINATOR_LOAD_IN_PROGRESS);
    server.with(|c| c.inject_many(kafka_proto::ApiKey::END_TXN, None, 0, 1_000_000, loading));
    producer.begin_transaction().expect("ready");
    producer.send_offsets(&group, &[("in", 0, 9)]).expect("open");
    std::thread::scope(|scope| {
        let committing = scope.spawn(|| producer.commit_transaction());
        let until = std::time::Instant::now() + SOON;
        let mut hasty =
            kafka_std::Admin::connect_within(&server.bootstrap(), Duration::from_secs(1)).expect("a broker");
        loop {
            match hasty.committed("g", Some(&[("in", 0)])) {
                Err(kafka_std::Error::Broker {
                    code: kafka_std::ErrorCode::UNSTABLE_OFFSET_COMMIT, ..
                }) => break,
                other => assert!(std::time::Instant::now() < until, "never unstable: {other:?}"),
            }
        }
        let waiting = scope.spawn(|| offsets(&mut admin, Some(&[("in", 0)])));
        server.with(|c| c.clear_injections());
        assert_eq!(waiting.join().expect("offsets"), [in_0(Some(9))]);
        committing.join().expect("a commit").expect("committed");
    });
}

#[test]
fn a_task_that_waits_for_the_coordinator_keeps_max_block() {
    // Takes connections, and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let builder =
        Producer::builder().bootstrap_servers(&silent.local_addr().expect("an address").to_string());
    let builder = builder.transactional_id("t").max_block(Duration::from_millis(300));
    let producer = builder.build().expect("a producer");
    let initialised = producer.init_transactions_async();
    // Once the first request is there the thread sleeps, until `request.timeout.ms` if nobody wakes it.
    silent.accept().expect("a connection").0.peek(&mut [0]).expect("a request");
    std::thread::sleep(Duration::from_millis(50));
    let begin = std::time::Instant::now();
    block_on(initialised).expect_err("no coordinator");
    assert!(begin.elapsed() < SOON, "{:?}", begin.elapsed());
}

#[test]
fn who_waits_for_a_commit_hears_of_it_although_the_next_transaction_is_open() {
    let server = server();
    let builder = Producer::builder().bootstrap_servers(&server.bootstrap()).transactional_id("t");
    let producer = builder.max_block(SOON).build().expect("a producer");
    producer.init_transactions().expect("a coordinator");
    producer.begin_transaction().expect("ready");
    drop(producer.send(Record::to("t").value("v")).expect("taken"));
    let committed = producer.commit_transaction_async();
    let until = std::time::Instant::now() + SOON / 2;
    while producer.begin_transaction().is_err() {
        assert!(std::time::Instant::now() < until, "never committed");
        std::thread::yield_now();
    }
    block_on(committed).expect("committed");
}
