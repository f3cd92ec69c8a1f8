//! The README's first command.

use std::process::{Command, Output};
use std::time::{Duration, Instant};

use kafka_broker::{Config, Server};

fn quickstart(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_quickstart")).args(args).output().expect("it runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn it_shows_telemetry_that_went_through_a_broker_of_its_own() {
    let begin = Instant::now();
    let output = quickstart(&["--seconds", "1"]);
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
    assert_eq!(err, "", "no progress where there is no terminal");
    for expected in
        ["cpu.total", "memory.used", "partition", "offsets", "send to acknowledgement", "send to application"]
    {
        assert!(out.contains(expected), "{expected}: {out}");
    }
    assert!(out.contains("0 missing, 0 twice."), "{out}");
    assert!(begin.elapsed() < Duration::from_secs(10));
}

#[test]
fn it_uses_a_cluster_that_it_is_given_and_reads_only_its_own_records() {
    let topics = vec![("mine".into(), 2)];
    let server = Server::start(Config { nodes: 3, topics, auto_create: false, ..Config::default() })
        .expect("a broker");
    for topic in ["mine", "new", "mine"] {
        let output = quickstart(&["-b", &server.bootstrap(), "-t", topic, "-s", "1"]);
        let out = text(&output.stdout);
        assert!(output.status.success(), "{out}{}", text(&output.stderr));
        assert!(out.contains("through the cluster at") && out.contains("0 missing, 0 twice."), "{out}");
    }
    let count = |topic: &str| server.with(|cluster| cluster.topic(topic).map(|t| t.partitions.len()));
    assert_eq!((count("mine"), count("new")), (Some(2), Some(3)));
    // Records of one key are in one partition.
    let log = |partition| server.with(|cluster| cluster.log("mine", partition).expect("a partition"));
    let keys = |partition| {
        log(partition).into_iter().map(|r| r.key.expect("a key")).collect::<std::collections::BTreeSet<_>>()
    };
    assert!(keys(0).is_disjoint(&keys(1)));
}

#[test]
fn a_cluster_that_is_not_there_is_named() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let nobody = listener.local_addr().expect("its address").to_string();
    drop(listener);
    let begin = Instant::now();
    let output = quickstart(&["--bootstrap", &nobody]);
    let err = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(err.contains(&nobody) && err.contains("refused"), "{err}");
    assert!(begin.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_wrong_option_names_the_one_that_was_meant() {
    for (args, says) in [
        (&["--bootsrap", "x"][..], "did you mean --bootstrap?"),
        (&["--seconds", "0"], "0 is not 1 to 3600"),
        (&["--bootstrap", "somewhere"], "the port is missing"),
    ] {
        let output = quickstart(args);
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains(says), "{}", text(&output.stderr));
    }
}
