//! The benchmark's command line.

use std::process::{Command, Output};

use kafka_broker::{Config, Server};

fn bench(args: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_kafka-bench"));
    program.args(args).envs(environment.iter().copied()).output().expect("it runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn each_mode_prints_one_line_of_json() {
    let topics = vec![("t".into(), 3)];
    let server = Server::start(Config { topics, ..Config::default() }).expect("a broker");
    let broker = ("BROKER", server.bootstrap());
    for (mode, ways) in [
        ("produce", &["window", "all", "token"][..]),
        ("consume", &["window"]),
        ("latency", &["window"]),
        ("idle", &["window"]),
    ] {
        for way in ways {
            let environment = [(broker.0, broker.1.as_str()), ("SEND", way), ("THREADS", "2")];
            let output = bench(&[mode, "t", "500", "100", "lz4", "all"], &environment);
            let out = text(&output.stdout);
            assert!(output.status.success(), "{mode}: {}", text(&output.stderr));
            let line: serde_json::Value = serde_json::from_str(out.trim()).expect("JSON");
            assert!(line["n"].as_u64().is_some_and(|n| n > 0), "{mode}: {out}");
        }
    }
}

#[test]
fn large_records_need_no_memory_beyond_that_of_a_few() {
    let topics = vec![("t".into(), 1)];
    let server = Server::start(Config { topics, ..Config::default() }).expect("a broker");
    let output = bench(&["produce", "t", "20", "40000", "none", "all"], &[("BROKER", &server.bootstrap())]);
    let line: serde_json::Value = serde_json::from_str(text(&output.stdout).trim()).expect("JSON");
    assert!(line["maxrss_kb"].as_u64().is_some_and(|kb| kb < 200 << 10), "{line}");
}

#[test]
fn what_cannot_be_understood_is_named() {
    let good = ["produce", "t", "10", "100", "none", "all"];
    let with = |index: usize, value: &'static str| {
        let mut args = good;
        args[index] = value;
        args
    };
    for (args, environment, says) in [
        (&[][..], ("", ""), "MODE is missing"),
        (&good[..4], ("", ""), "CODEC is missing"),
        (&with(0, "prodcue"), ("", ""), "unknown mode prodcue; did you mean produce?"),
        (&with(2, "ten"), ("", ""), "N: \"ten\" is not a number"),
        (&with(3, "0"), ("", ""), "SIZE: a record has at least 1 byte"),
        (&with(4, "lz5"), ("", ""), "one of none, gzip, snappy, lz4, zstd"),
        (&with(5, "2"), ("", ""), "acks: \"2\""),
        (&good, ("LINGER", "soon"), "LINGER=soon: not a number"),
        (&good, ("SEND", "al"), "SEND=al: must be window, all or token"),
        (&good, ("BROKER", "nowhere"), "the port is missing"),
        (&["--thread", "2"], ("", ""), "unknown option --thread"),
    ] {
        let environment: Vec<_> =
            Some(environment).filter(|(name, _)| !name.is_empty()).into_iter().collect();
        let output = bench(args, &environment);
        let err = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {err}");
        assert!(err.contains(says), "{args:?}: {err}");
    }
    let output = bench(&good, &[("DATA", "no-such-file")]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("no-such-file: "), "{}", text(&output.stderr));
    assert!(
        text(&bench(&["--help"], &[]).stdout).contains("kafka-bench [OPTIONS] MODE TOPIC N SIZE CODEC ACKS")
    );
}
