//! The event loop of `own_loop` delivers every line, in at most 100 lines of its own.

use std::io::Write;
use std::process::{Command, Stdio};

use kafka_broker::{Action, Cluster, Config, Server};
use kafka_proto::ApiKey;

#[test]
fn every_line_is_delivered() {
    deliver(|_| {});
}

#[test]
fn connections_that_end_take_nothing_with_them() {
    // Each ends while its answer is waited for.
    deliver(|cluster| cluster.inject_many(ApiKey::PRODUCE, None, 0, 12, Action::CloseBefore));
}

fn deliver(prepare: fn(&mut Cluster)) {
    let topics = vec![("lines".into(), 3)];
    let server = Server::start(Config { nodes: 2, topics, ..Config::default() }).expect("a broker");
    server.with(prepare);
    let mut program = Command::new(env!("CARGO_BIN_EXE_own_loop"))
        .args([server.bootstrap().split(',').next().expect("an address"), "lines"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let input: String = (0..5_000).map(|i| format!("line {i}\n")).collect();
    program.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("it reads");
    let output = program.wait_with_output().expect("it ends");
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 5_000);
    let logged: Vec<Vec<u8>> = server.with(|cluster| {
        let logs = (0..3).flat_map(|p| cluster.log("lines", p).expect("a partition"));
        logs.map(|r| r.value.expect("a value")).collect()
    });
    let mut numbers: Vec<u32> =
        logged.iter().map(|v| String::from_utf8_lossy(v)[5..].parse().expect("a number")).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..5_000).collect::<Vec<_>>());
}

/// What an adapter of one's own costs: `turn` and `exchange`.
#[test]
fn the_loop_is_short() {
    let source = include_str!("../src/bin/own_loop.rs");
    let (start, end) = (source.find("fn turn").expect("turn"), source.find("fn main").expect("main"));
    let lines = source[start..end].lines().count();
    assert!(lines <= 100, "{lines} lines");
}
