//! What is said when something is wrong, and with which exit code.

use std::io::{Read, Write};
use std::process::Command;

use crate::support::{Ran, cli, cluster, run};

fn bare(args: &[&str]) -> Ran {
    run(Command::new(env!("CARGO_BIN_EXE_kafka-cli")).args(args), b"x\n")
}

/// A port of this machine on which nobody listens.
fn nobody() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("its address").to_string()
}

#[test]
fn a_wrong_command_line_names_what_was_meant() {
    for (args, says) in [
        (&["produc"][..], "unknown command produc; did you mean produce?"),
        (&[], "produce, consume or metadata"),
        (&["produce", "--topik", "t"], "unknown option --topik; did you mean --topic?"),
        (&["produce", "-b", "h:1"], "--topic is missing"),
        (&["produce", "-t", "t"], "--bootstrap is missing"),
        (&["produce", "-b", "h", "-t", "t"], "the port is missing"),
        (&["produce", "-b", "h:1", "-t", "t", "-X", "linger.msec=5"], "did you mean linger.ms?"),
        (&["produce", "-b", "h:1", "-t", "t", "-X", "linger.ms=soon"], "linger.ms: \"soon\" is not allowed"),
        (&["produce", "-b", "h:1", "-t", "t", "-X", "linger.ms"], "not of the form NAME=VALUE"),
        (&["produce", "-b", "h:1", "-t", "t", "-z", "lz5"], "one of none, gzip, snappy, lz4, zstd"),
        (&["produce", "-b", "h:1", "-t", "t", "-p", "x"], "--partition: \"x\" is not a number"),
        (&["produce", "-b", "h:1", "-t", "t", "-D", ""], "--delimiter is empty"),
        (&["produce", "-b", "h:1", "-t", "t", "-K", r"\q"], "is no escape"),
        (&["consume", "-b", "h:1", "-t", "t", "-o", "begin"], "none of beginning, end, N, -N"),
        (&["consume", "-b", "h:1", "-t", "t", "-f", "%t %q"], "\"%q\" in column 4 of the format"),
        (
            &["consume", "-b", "h:1", "-t", "t", "-X", "auto.offset.rest=none"],
            "did you mean auto.offset.reset?",
        ),
        (&["consume", "-b", "h:1", "-t", "t", "-c", "-1"], "--count: \"-1\" is not a number"),
    ] {
        let ran = bare(args);
        assert_eq!(ran.code, 2, "{args:?}: {}", ran.err);
        assert!(ran.err.contains(says), "{args:?}: {}", ran.err);
    }
}

#[test]
fn help_is_no_error() {
    for args in [&["--help"][..], &["produce", "-h"], &["consume", "--help"], &["metadata", "--help"]] {
        let ran = bare(args);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""));
        assert!(ran.out.contains("Usage: kafka-cli"), "{}", ran.out);
    }
}

#[test]
fn hosts_that_cannot_be_used_are_named_with_the_reason() {
    let (first, second) = (nobody(), nobody());
    let hosts = format!("{first},{second},no-such-host.invalid:9092");
    let ran = bare(&["produce", "-b", &hosts, "-t", "t", "-X", "max.block.ms=1500"]);
    assert_eq!(ran.code, 1);
    for expected in [first.as_str(), &second, "refused", "no-such-host.invalid:9092", "does not resolve"] {
        assert!(ran.err.contains(expected), "{expected}: {}", ran.err);
    }
    for args in [
        &["metadata", "-b", &first][..],
        &["consume", "-b", &first, "-t", "t", "-X", "default.api.timeout.ms=700"],
    ] {
        let ran = bare(args);
        assert_eq!(ran.code, 1);
        assert!(ran.err.contains(&first) && ran.err.contains("refused"), "{}", ran.err);
    }
}

#[test]
fn a_server_that_is_no_kafka_is_named() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address").to_string();
    // Ends with the test's process.
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        }
    });
    for args in [
        &["metadata", "-b", &address][..],
        &["produce", "-b", &address, "-t", "t", "-X", "max.block.ms=700"],
        &["consume", "-b", &address, "-t", "t", "-X", "default.api.timeout.ms=700"],
    ] {
        let ran = bare(args);
        assert_eq!(ran.code, 1);
        assert!(ran.err.contains(&address) && ran.err.contains("not a Kafka server"), "{}", ran.err);
    }
}

#[test]
fn a_topic_that_cannot_be_created_is_named() {
    let server = cluster(&["t"]);
    let ran = run(&mut cli(&server, "produce", &["-t", "other", "-X", "max.block.ms=700"]), b"x\n");
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("other") && ran.err.contains("UNKNOWN_TOPIC_OR_PARTITION"), "{}", ran.err);
}

#[test]
fn a_partition_or_a_file_that_does_not_exist_is_named() {
    let server = cluster(&["t"]);
    let ran = run(&mut cli(&server, "produce", &["-t", "t", "-p", "3"]), b"x\n");
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("topic t has no partition 3"), "{}", ran.err);
    let ran = run(&mut cli(&server, "consume", &["-t", "t", "-p", "3"]), b"");
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("topic t has no partition 3"), "{}", ran.err);
    let ran = run(&mut cli(&server, "produce", &["-t", "t", "no-such-file"]), b"");
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("no-such-file: "), "{}", ran.err);
}
