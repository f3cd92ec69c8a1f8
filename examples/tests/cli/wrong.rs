//! What is said when something is wrong, and with which exit code.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

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
        (&["metadata", "-b", "h:1", "-m", "0"], "--timeout: 0 seconds"),
        (&["metadata", "-b", "h:1", "-m", "soon"], "--timeout: \"soon\" is not a number"),
        (&["metadata", "-b", "h:1", "-X", "request.timeout=5"], "did you mean request.timeout.ms?"),
        (&["metadata", "-b", "h:1", "-X", "security.protocol=SSL"], "only PLAINTEXT"),
        (&["metadata", "--topics"], "did you mean --topic?"),
    ] {
        let ran = bare(args);
        assert_eq!(ran.code, 2, "{args:?}: {}", ran.err);
        assert!(ran.err.contains(says), "{args:?}: {}", ran.err);
    }
}

#[test]
fn what_cannot_be_printed_is_an_error() {
    let server = cluster(&["t"]);
    let address = server.bootstrap();
    let full = || std::fs::File::options().write(true).open("/dev/full");
    if full().is_err() {
        return; // Not every system has it.
    }
    for args in [&["--help"][..], &["consume", "--help"], &["--version"], &["metadata", "-b", &address]] {
        let mut program = Command::new(env!("CARGO_BIN_EXE_kafka-cli"));
        let output = program.args(args).stdout(full().expect("it is there")).output().expect("it runs");
        let err = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {err}");
        assert!(err.contains("standard output: "), "{args:?}: {err}");
    }
}

#[test]
fn brokers_that_say_nothing_are_named_in_time() {
    let silent: Vec<_> =
        (0..3).map(|_| std::net::TcpListener::bind("127.0.0.1:0").expect("a port")).collect();
    let names: Vec<_> = silent.iter().map(|l| l.local_addr().expect("its address").to_string()).collect();
    let all = names.join(",");
    let (begin, allowed) = (Instant::now(), Duration::from_secs(2));
    let short = ["-X", "max.block.ms=2000"];
    for args in [
        &["metadata", "-b", &all, "-m", "2"][..],
        &["metadata", "-b", &all, "-X", "request.timeout.ms=2000"],
        &[&["produce", "-b", &all, "-t", "t"][..], &short].concat(),
        &["consume", "-b", &all, "-t", "t", "-X", "default.api.timeout.ms=2000"],
    ] {
        let ran = bare(args);
        assert_eq!(ran.code, 1, "{args:?}");
        assert!(names.iter().all(|name| ran.err.contains(name)), "{args:?}: {}", ran.err);
    }
    assert!(begin.elapsed() < 4 * allowed * 3 / 2, "{:?}", begin.elapsed());
}

#[test]
fn on_a_terminal_it_says_what_it_waits_for() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = silent.local_addr().expect("its address").to_string();
    let short = ["-X", "max.block.ms=2500"];
    for (args, says) in [
        (&["metadata", "-b", &address, "-m", "3"][..], address.as_str()),
        (&[&["produce", "-b", &address, "-t", "t"][..], &short].concat(), "the cluster"),
        (&["consume", "-b", &address, "-t", "t", "-X", "default.api.timeout.ms=2500"], "the cluster"),
    ] {
        let terminal = nix::pty::openpty(None, None).expect("a terminal");
        let mut program = Command::new(env!("CARGO_BIN_EXE_kafka-cli"));
        program.args(args).env("TERM", "xterm").stderr(terminal.slave);
        let mut child = start_on(program, b"x\n");
        let mut seen = Vec::new();
        // The terminal is gone with its last user, which is an error to read.
        let _ = std::fs::File::from(terminal.master).read_to_end(&mut seen);
        assert_eq!(child.wait().expect("it ends").code(), Some(1));
        let seen = String::from_utf8_lossy(&seen);
        assert!(seen.contains(&format!("waiting for {says}: 1 s")), "{args:?}: {seen}");
        assert!(seen.contains("\x1b[K") && seen.contains("not available after"), "{args:?}: {seen}");
    }
}

/// Starts a program whose standard error is somewhere already. What belongs to it is not kept open here.
fn start_on(mut program: Command, input: &[u8]) -> Child {
    let mut child = program.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("it starts");
    let _ = child.stdin.take().expect("a pipe").write_all(input);
    child
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
        assert!(ran.err.contains("Check that the broker is running"), "{}", ran.err);
    }
}

/// A server that says this to whoever says something, until the test's process ends; where it is.
fn answering(with: &'static [u8]) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address").to_string();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(with);
        }
    });
    address
}

/// Each command fails there, and says where and why.
fn every_command_fails_at(address: &str, says: &str) {
    for args in [
        &["metadata", "-b", address][..],
        &["produce", "-b", address, "-t", "t", "-X", "max.block.ms=700"],
        &["consume", "-b", address, "-t", "t", "-X", "default.api.timeout.ms=700"],
    ] {
        let ran = bare(args);
        assert_eq!(ran.code, 1);
        assert!(ran.err.contains(address) && ran.err.contains(says), "{args:?}: {}", ran.err);
    }
}

#[test]
fn a_server_that_is_no_kafka_is_named() {
    let address = answering(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    every_command_fails_at(&address, "not a Kafka server");
}

#[test]
fn a_listener_for_tls_is_recognised_where_it_answers_and_suspected_where_it_does_not() {
    // A fatal alert, as OpenSSL sends to who does not begin with a handshake; and a connection that is just closed.
    every_command_fails_at(&answering(b"\x15\x03\x03\x00\x02\x02\x50"), "That is TLS");
    every_command_fails_at(&answering(b""), "a listener for TLS or SASL");
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
