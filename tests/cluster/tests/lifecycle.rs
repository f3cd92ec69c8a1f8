//! Nodes that come back with what they had, and none that stays when its owner is gone.

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use kafka_cluster::judge::{self, Entry, Isolation};
use kafka_cluster::{Kafka, Settings, Version};

fn some(count: usize) -> Vec<Entry> {
    (0..count).map(|i| Entry::of(0, Some(b"k"), Some(format!("value {i}").as_bytes()))).collect()
}

/// Written before and after each way of going away, all is there in the end.
fn survives(kafka: &Kafka, topic: &str, go: impl Fn(&Kafka)) {
    let sent = some(50);
    judge::kcat_write(&kafka.bootstrap(), topic, "none", &sent).unwrap();
    go(kafka);
    let read = judge::kcat_read(&kafka.bootstrap(), topic, Isolation::ReadUncommitted).unwrap();
    judge::assert_same(&sent, &read, "kcat");
}

#[test]
fn a_node_comes_back_with_its_port_and_its_data() {
    let kafka = Kafka::start(Settings::new(Version::V4_3)).unwrap();
    kafka.create_topic("restarted", 1).unwrap();
    kafka.create_topic("paused", 1).unwrap();
    survives(&kafka, "restarted", |kafka| kafka.restart(1).unwrap());
    survives(&kafka, "paused", |kafka| {
        kafka.pause(1);
        assert!(kafka.is_running(1));
        kafka.resume(1);
    });
    let port = kafka.port(1);
    drop(kafka);
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "dropped, and yet it listens");
}

#[test]
fn no_broker_outlives_a_program_that_was_killed() {
    let (mut program, port) = program();
    // Child::kill is SIGKILL: nothing in that program runs any more.
    program.kill().unwrap();
    program.wait().unwrap();
    closes(port);
}

#[test]
fn no_broker_outlives_a_program_that_ends_by_itself() {
    let (mut program, port) = program();
    drop(program.stdin.take());
    assert!(program.wait().unwrap().success());
    closes(port);
}

/// The foreground program, and the port it printed.
fn program() -> (Child, u16) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_kafka-cluster"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(program.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let port = line.trim().rsplit(':').next().unwrap().parse().expect(&line);
    TcpStream::connect(("127.0.0.1", port)).unwrap();
    (program, port)
}

fn closes(port: u16) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while TcpStream::connect(("127.0.0.1", port)).is_ok() {
        assert!(Instant::now() < deadline, "a broker is still listening on {port}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The same small round trip on a release or a cluster that the plain command does not start.
fn round_trip(settings: Settings) {
    let kafka = Kafka::start(settings).unwrap();
    kafka.create_topic("round", 3).unwrap();
    let sent: Vec<Entry> = (0..30).map(|i| Entry::of(i % 3, Some(b"k"), Some(&[i as u8, 0, 255]))).collect();
    judge::kcat_write(&kafka.bootstrap(), "round", "snappy", &sent).unwrap();
    let kcat = judge::kcat_read(&kafka.bootstrap(), "round", Isolation::ReadCommitted).unwrap();
    judge::assert_same(&sent, &kcat, "kcat");
    let apache = judge::console_read(&kafka.bootstrap(), "round", 30, Isolation::ReadCommitted).unwrap();
    judge::assert_same(&sent, &apache, "the console consumer");
}

#[test]
#[ignore = "another release: cargo xtask test --all-brokers"]
fn kafka_3_9() {
    round_trip(Settings::new(Version::V3_9));
}

#[test]
#[ignore = "another release: cargo xtask test --all-brokers"]
fn kafka_2_8() {
    round_trip(Settings::new(Version::V2_8));
}

#[test]
#[ignore = "another release: cargo xtask test --all-brokers"]
fn kafka_2_1() {
    round_trip(Settings::new(Version::V2_1));
}

#[test]
#[ignore = "three nodes: cargo xtask test --all-brokers"]
fn three_nodes_of_the_newest() {
    let kafka = Kafka::start(Settings::new(Version::V4_3).nodes(3)).unwrap();
    kafka.create_topic_with("three", 1, 3, &[("min.insync.replicas", "2")]).unwrap();
    kafka.create_topic_with("three", 1, 3, &[]).expect_err("it exists");
    survives(&kafka, "three", |kafka| {
        for id in 1..=3 {
            kafka.kill(id);
            // What two have must be readable without the third.
            let read = judge::kcat_read(&kafka.bootstrap(), "three", Isolation::ReadUncommitted).unwrap();
            assert_eq!(read.len(), 50, "without node {id}");
            kafka.start_node(id).unwrap();
            kafka.wait_in_sync("three", 3).unwrap();
        }
    });
}

#[test]
#[ignore = "three nodes: cargo xtask test --all-brokers"]
fn three_nodes_with_zookeeper() {
    round_trip(Settings::new(Version::V2_8).nodes(3));
}
