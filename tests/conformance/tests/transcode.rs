//! `cargo run -p kafka-proto --example transcode`, from the outside.

use kafka_conformance::{Judge, Release};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;

/// The example, built like this test.
fn example() -> PathBuf {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "-p", "kafka-proto", "--example", "transcode"]);
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    assert!(cargo.status().expect("cargo").success());
    let tests = std::env::current_exe().expect("a path");
    let profile = tests.ancestors().nth(2).expect("a profile's folder");
    let profile = profile.with_file_name(if cfg!(debug_assertions) { "debug" } else { "release" });
    profile.join("examples/transcode")
}

/// What it prints for these lines.
fn run(arguments: &[&str], input: String) -> Vec<String> {
    let mut example = Command::new(example());
    let child = example.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = child.expect("the example");
    let mut stdin = child.stdin.take().expect("a pipe");
    let writer = thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().expect("output");
    writer.join().expect("a writer").expect("all was read");
    assert!(output.status.success());
    String::from_utf8(output.stdout).expect("text").lines().map(str::to_owned).collect()
}

#[test]
fn each_message_of_apache_comes_out_as_it_went_in() {
    let judge = Judge::new(Release::V4_4).expect("a judge");
    let mut input = Vec::new();
    let each = |line: &str| {
        if !line.contains(" data ") {
            input.push(line.split('\t').next().unwrap_or_default().to_owned());
        }
    };
    judge.random(2, 3, each).expect("messages");
    let output = run(&[], input.join("\n"));
    assert_eq!(output.len(), input.len());
    for (output, input) in output.iter().zip(&input) {
        assert!(input.ends_with(&format!(" {output}")), "{input}\n{output}");
    }
}

#[test]
fn what_does_not_decode_is_said_and_the_run_goes_on() {
    let input = "3 1 request ffffffff\n\n3 0 request ffffffff\n4 0 request 00\n3 99 request 00\n3 1 sideways 00\n\
                 3 1 request 0\n3 1 request zz\nx\n18 0 request\n18 0 response 0000 00000001 001200000005";
    let output = run(&[], input.to_owned());
    let expected = [
        "ffffffff",
        "error: no api key",
        "error: null where none is allowed at byte 4",
        "error: the API key is unknown at byte 0",
        "error: the message does not exist in this version at byte 0",
        "error: neither request nor response: sideways",
        "error: an odd number of hex digits",
        "error: not a hex digit: 'z'",
        "error: the api key is not a 16-bit number",
        "",
        "000000000001001200000005",
    ];
    assert_eq!(output, expected);
    let shown = run(&["--show"], "12 0 response 001b\n".to_owned());
    assert_eq!(shown, ["HeartbeatResponse { throttle_time_ms: 0, error_code: REBALANCE_IN_PROGRESS }"]);
}
