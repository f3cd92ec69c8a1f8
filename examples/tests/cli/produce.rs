//! What `kafka-cli produce` puts in the log.

use std::path::PathBuf;

use kafka_broker::{Action, Server};
use kafka_proto::{ApiKey, ErrorCode};

use crate::support::{cli, cluster, records, run, start, values};

/// A file for a test, removed at its end.
struct Temporary(PathBuf);

impl Temporary {
    fn new(name: &str, content: &[u8]) -> Self {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{name}", std::process::id()));
        std::fs::write(&path, content).expect("a file");
        Temporary(path)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

type KeyAndValue<'a> = (Option<&'a [u8]>, Option<&'a [u8]>);

/// The keys and values that `input` becomes with these options, all sent to partition 0.
#[track_caller]
fn assert_becomes(options: &[&str], input: &str, expected: &[KeyAndValue<'_>]) {
    let server = cluster(&["t"]);
    let ran = run(cli(&server, "produce", options).args(["-t", "t", "-p", "0"]), input.as_bytes());
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (0, "", ""));
    let found = records(&server, "t");
    let found: Vec<_> = found.iter().map(|r| (r.key.as_deref(), r.value.as_deref())).collect();
    assert_eq!(found, expected);
}

#[test]
fn every_line_is_a_record_and_empty_lines_are_none() {
    assert_becomes(&[], "a\n\nb\n", &[(None, Some(b"a")), (None, Some(b"b"))]);
    assert_becomes(&[], "no newline", &[(None, Some(b"no newline"))]);
    assert_becomes(&[], "", &[]);
}

#[test]
fn keys_stand_before_their_delimiter_or_are_fixed() {
    let input = "k1:v1\nnone\n:empty\nk2:\n:\na:b:c";
    let (empty, none): (Option<&[u8]>, Option<&[u8]>) = (Some(b""), None);
    let expected: [KeyAndValue<'_>; 6] = [
        (Some(b"k1"), Some(b"v1")),
        (none, Some(b"none")),
        (empty, Some(b"empty")),
        (Some(b"k2"), empty),
        (empty, empty),
        (Some(b"a"), Some(b"b:c")),
    ];
    assert_becomes(&["-K", ":"], input, &expected);
    let as_null = expected.map(|(k, v)| (k.filter(|k| !k.is_empty()), v.filter(|v| !v.is_empty())));
    assert_becomes(&["-K", ":", "-Z"], input, &as_null);
    assert_becomes(&["-k", "fixed"], "x", &[(Some(b"fixed"), Some(b"x"))]);
    assert_becomes(
        &["-k", "fixed", "-K", r"\t"],
        "x\ny\tz",
        &[(Some(b"fixed"), Some(b"x")), (Some(b"y"), Some(b"z"))],
    );
    assert_becomes(
        &["-D", "--", "-K", r"\x3d\x3e"],
        "a=>1\n--b=>2",
        &[(Some(b"a"), Some(b"1\n")), (Some(b"b"), Some(b"2"))],
    );
}

#[test]
fn headers_keep_order_duplicates_and_nulls() {
    let server = cluster(&["t"]);
    let headers = ["-t", "t", "-H", "a=1", "-H", "b=", "-H", "a=x=y", "-H", "null"];
    assert_eq!(run(&mut cli(&server, "produce", &headers), b"x\n").code, 0);
    let expected = [("a", Some("1")), ("b", Some("")), ("a", Some("x=y")), ("null", None)];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.map(|v| v.as_bytes().to_vec())));
    assert_eq!(records(&server, "t")[0].headers, expected);
}

#[test]
fn a_file_is_streamed_and_keeps_its_order_per_partition() {
    let server = cluster(&["t"]);
    let lines: Vec<String> = (0..50_000).map(|i| format!("line {i} of many, each a record")).collect();
    let file = Temporary::new("lines", lines.join("\n").as_bytes());
    let path = file.0.to_str().expect("a path");
    let small = ["-t", "t", "-X", "buffer.memory=65536", "-X", "batch.size=4096", path];
    let ran = run(&mut cli(&server, "produce", &small), b"");
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let mut all = Vec::new();
    for partition in 0..3 {
        let values = values(&server, "t", partition);
        let number =
            |line: &String| line.split(' ').nth(1).expect("a number").parse::<u32>().expect("a number");
        assert!(values.iter().map(number).is_sorted());
        all.extend(values);
    }
    all.sort_unstable();
    let mut expected = lines;
    expected.sort_unstable();
    assert!(all == expected, "{} of {} lines", all.len(), expected.len());
}

/// Waits until a partition of topic `t` has a record.
fn await_value(server: &Server, partition: i32) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while values(server, "t", partition).is_empty() {
        assert!(std::time::Instant::now() < deadline, "the line was not sent");
        std::thread::yield_now();
    }
}

#[test]
fn lines_that_are_typed_are_sent_before_the_input_ends() {
    use std::io::Write;
    let server = cluster(&["t"]);
    let mut child = start(&mut cli(&server, "produce", &["-t", "t", "-p", "1"]));
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(b"first\n").expect("it reads");
    await_value(&server, 1);
    drop(stdin);
    assert_eq!(crate::support::finish(child).code, 0);
}

#[test]
fn each_codec_compresses() {
    let input = "the same line again and again\n".repeat(1000);
    let size = |codec: &str| {
        let server = cluster(&["t"]);
        let ran = run(&mut cli(&server, "produce", &["-t", "t", "-p", "0", "-z", codec]), input.as_bytes());
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{codec}");
        server.with(|cluster| {
            cluster.partition("t", 0).expect("a partition").log.batches().map(|(_, b)| b.len()).sum::<usize>()
        })
    };
    let plain = size("none");
    for codec in ["gzip", "snappy", "lz4", "zstd"] {
        assert!(size(codec) * 4 < plain, "{codec}");
    }
}

#[test]
fn a_record_that_is_too_large_fails_alone() {
    let server = cluster(&["t"]);
    let input = ["small", &"x".repeat(2000), "after", &"y".repeat(100_000)].join("\n");
    let ran = run(
        &mut cli(&server, "produce", &["-t", "t", "-p", "0", "-X", "max.request.size=1500"]),
        input.as_bytes(),
    );
    assert_eq!(ran.code, 1);
    assert_eq!(values(&server, "t", 0), ["small", "after"]);
    assert!(ran.err.contains("record 2: ") && ran.err.contains("record 4: "), "{}", ran.err);
    assert!(ran.err.contains("max.request.size") && ran.err.contains("2 of 4 records failed"), "{}", ran.err);
}

#[test]
fn a_record_that_the_broker_refuses_is_named() {
    let server = cluster(&["t"]);
    server.with(|cluster| cluster.inject(ApiKey::PRODUCE, Action::Error(ErrorCode::INVALID_RECORD)));
    let ran = run(&mut cli(&server, "produce", &["-t", "t"]), b"x\n");
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("record 1: ") && ran.err.contains("INVALID_RECORD"), "{}", ran.err);
    assert!(ran.err.contains("1 of 1 records failed"), "{}", ran.err);
}

#[test]
fn a_cluster_that_goes_away_ends_it() {
    use std::io::Write;
    let server = cluster(&["t"]);
    let limits = [
        "-X",
        "buffer.memory=65536",
        "-X",
        "linger.ms=0",
        "-X",
        "request.timeout.ms=300",
        "-X",
        "delivery.timeout.ms=900",
    ];
    let mut child = start(cli(&server, "produce", &["-t", "t", "-p", "0"]).args(limits));
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(b"arrives\n").expect("it reads");
    await_value(&server, 0);
    drop(server);
    // Its complaints are read while it is given more: the input ends only because nobody takes it.
    let end = std::thread::spawn(move || crate::support::finish(child));
    while stdin.write_all(b"does not arrive\n").is_ok() {}
    let ran = end.join().expect("it ended");
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("record 2: ") && ran.err.contains("delivery.timeout.ms"), "{:.500}", ran.err);
    assert!(ran.err.contains("and all after it were not sent"), "{:.500}", ran.err);
}

#[test]
fn a_connection_that_breaks_costs_no_record() {
    let server = cluster(&["t"]);
    server.with(|cluster| cluster.inject(ApiKey::PRODUCE, Action::CloseAfter));
    let input: String = (0..1000).map(|i| format!("{i}\n")).collect();
    let ran = run(&mut cli(&server, "produce", &["-t", "t", "-p", "2"]), input.as_bytes());
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert_eq!(values(&server, "t", 2), (0..1000).map(|i| i.to_string()).collect::<Vec<_>>());
}
