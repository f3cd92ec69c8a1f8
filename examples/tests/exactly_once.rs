//! Consume, transform, produce: killed at any moment, the output is the input exactly once.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use kafka_broker::{Action, Config, Server};
use kafka_proto::ApiKey;
use kafka_std::consumer::Start;
use kafka_std::{Consumer, ErrorCode, Isolation, Producer, Record};

fn exactly_once(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_exactly_once")).args(args).output().expect("it runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The number at the end of the line that begins so.
fn number(out: &str, line: &str) -> u64 {
    let line = out.lines().find(|l| l.starts_with(line)).unwrap_or_else(|| panic!("no {line}: {out}"));
    line.rsplit(' ').next().and_then(|n| n.parse().ok()).unwrap_or_else(|| panic!("no number: {line}"))
}

#[test]
fn killed_workers_leave_nothing_that_is_seen_and_nothing_is_missing() {
    for transaction_version in [1, 2] {
        let server =
            Server::start(Config { nodes: 3, transaction_version, ..Config::default() }).expect("brokers");
        let output = exactly_once(&["-b", &server.bootstrap(), "--records", "2000", "--kills", "3"]);
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{out}{err}");
        assert_eq!(out.matches("killed in a transaction").count(), 3, "{out}");
        let all = number(&out, "records read by read_uncommitted");
        let aborted = number(&out, "of these");
        assert_eq!(number(&out, "records read by read_committed"), 2000);
        assert!(aborted > 0 && all == 2000 + aborted, "{out}");
        assert!(out.contains("0 missing, 0 twice."), "{out}");
        assert_eq!(
            server.with(|c| c.topics().filter(|t| t.name.starts_with("exactly")).count()),
            0,
            "it cleans up"
        );
    }
}

#[test]
fn it_needs_no_cluster_and_names_one_that_is_not_there() {
    let output = exactly_once(&["--records", "100", "--kills", "0"]);
    assert!(output.status.success() && text(&output.stdout).contains("0 missing, 0 twice."));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let nobody = listener.local_addr().expect("its address").to_string();
    drop(listener);
    let output = exactly_once(&["--bootstrap", &nobody]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains(&nobody), "{}", text(&output.stderr));
    assert_eq!(exactly_once(&["--records", "0"]).status.code(), Some(2));
}

fn worker(server: &Server) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_exactly_once"));
    command.args(["--bootstrap", &server.bootstrap(), "--work", "test"]);
    command.stdout(Stdio::piped()).spawn().expect("it runs")
}

/// What consumers see of the output: how often each value.
fn committed(server: &Server) -> BTreeMap<String, u32> {
    let topic = "exactly-once-out-test";
    let builder = Consumer::builder().bootstrap_servers(&server.bootstrap());
    let consumer = builder.isolation(Isolation::ReadCommitted).build().expect("a consumer");
    let partitions = consumer.assign_all(topic, Start::Earliest).expect("a topic");
    let (mut found, deadline) = (BTreeMap::new(), Instant::now() + Duration::from_secs(20));
    while !(0..partitions).all(|partition| consumer.is_at_end(topic, partition)) {
        assert!(Instant::now() < deadline, "no end: {found:?}");
        let records = consumer.poll(Duration::from_millis(100)).expect("records");
        let each = |_: &str, _: i32, record: &kafka_std::consumer::Record<'_>| {
            *found.entry(text(record.value.expect("a value"))).or_insert(0) += 1;
        };
        records.for_each(each).expect("readable");
    }
    found
}

#[test]
fn a_transaction_that_turns_out_to_be_lost_while_records_are_sent_is_done_again() {
    let topics = vec![("exactly-once-in-test".into(), 1), ("exactly-once-out-test".into(), 1)];
    let server = Server::start(Config { topics, ..Config::default() }).expect("a broker");
    // One batch with so many records that some of them are refused while the worker still sends the others.
    let producer = Producer::builder()
        .bootstrap_servers(&server.bootstrap())
        .batch_size(1 << 20)
        .linger(Duration::from_secs(60))
        .build()
        .expect("a producer");
    let values: Vec<String> = (0..60_000).map(|n| n.to_string()).collect();
    let records: Vec<_> = values.iter().map(|v| Record::to("exactly-once-in-test").value(v)).collect();
    producer.send_all(&records, &mut Vec::new()).expect("taken");
    assert!(producer.flush(Duration::from_secs(20)));
    server.with(|c| c.inject(ApiKey::PRODUCE, Action::Error(ErrorCode::TOPIC_AUTHORIZATION_FAILED)));
    let output = worker(&server).wait_with_output().expect("it ends");
    let out = text(&output.stdout);
    assert!(output.status.success(), "{out}");
    assert!(out.contains("transaction 1 aborted: ") && out.contains("takes no more records"), "{out}");
    let expected: BTreeMap<_, _> = values.iter().map(|v| (format!("number {v}"), 1)).collect();
    assert!(committed(&server) == expected, "lost or doubled");
}

#[test]
fn killed_at_any_moment_the_output_is_the_input_once() {
    let topics = vec![("exactly-once-in-test".into(), 2), ("exactly-once-out-test".into(), 3)];
    let server = Server::start(Config { nodes: 2, topics, ..Config::default() }).expect("brokers");
    let producer = Producer::builder()
        .bootstrap_servers(&server.bootstrap())
        .batch_size(512)
        .build()
        .expect("a producer");
    let values: Vec<String> = (0..3000).map(|n| n.to_string()).collect();
    let records: Vec<_> = values.iter().map(|v| Record::to("exactly-once-in-test").key(v).value(v)).collect();
    producer.send_all(&records, &mut Vec::new()).expect("taken");
    assert!(producer.flush(Duration::from_secs(20)));
    for life in 0..8u64 {
        let mut worker = worker(&server);
        let mut lines = BufReader::new(worker.stdout.take().expect("piped")).lines();
        // After so many transactions, and some microseconds of the next.
        let transactions = lines.by_ref().take(life as usize % 3 + 1).map_while(Result::ok).count();
        if transactions > 0 {
            let moment = Instant::now() + Duration::from_micros(life * 300);
            while Instant::now() < moment {
                std::hint::spin_loop();
            }
        }
        worker.kill().expect("killed");
        worker.wait().expect("dead");
    }
    assert!(worker(&server).wait().expect("it ends").success());
    let expected: BTreeMap<_, _> = values.iter().map(|v| (format!("number {v}"), 1)).collect();
    assert!(committed(&server) == expected, "lost or doubled");
    let group = |partition| {
        let end = server.with(|c| c.log("exactly-once-in-test", partition).expect("a log").len() as i64);
        let at = server.with(|c| c.committed_offset("exactly-once-test", "exactly-once-in-test", partition));
        (at, Some(end))
    };
    for partition in 0..2 {
        let (at, end) = group(partition);
        assert_eq!(at, end, "the group is at the end of partition {partition}");
    }
}
