//! Programs and brokers for tests.

use std::ffi::OsStr;
use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use kafka_broker::{Config, Server, StoredRecord};

/// No program here takes that long, however busy the machine.
const TIMEOUT: Duration = Duration::from_secs(60);

/// How a program ended.
#[derive(Debug)]
pub struct Ran {
    /// Its exit code.
    pub code: i32,
    /// Its standard output.
    pub out: String,
    /// Its standard error.
    pub err: String,
}

/// A cluster with one topic per name, of three partitions each, where no other topic can be created.
pub fn cluster(topics: &[&str]) -> Server {
    let topics = topics.iter().map(|name| ((*name).to_owned(), 3)).collect();
    Server::start(Config { topics, auto_create: false, ..Config::default() }).expect("a broker")
}

/// `kafka-cli` with these arguments and the cluster's address.
pub fn cli<S: AsRef<OsStr>>(server: &Server, command: &str, args: &[S]) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_kafka-cli"));
    program.args([command, "-b", &server.bootstrap()]).args(args);
    program
}

/// Runs a program to its end.
pub fn run(program: &mut Command, input: &[u8]) -> Ran {
    let mut child = start(program);
    let mut stdin = child.stdin.take().expect("a pipe");
    let input = input.to_owned();
    // A program that ends early does not read all of it.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let ran = finish(child);
    writer.join().expect("the writer ends");
    ran
}

/// Starts a program with pipes.
pub fn start(program: &mut Command) -> Child {
    program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts")
}

/// Waits for its end; a program that does not end is killed.
pub fn finish(child: Child) -> Ran {
    let pid = child.id().to_string();
    let (done, end) = mpsc::channel();
    std::thread::spawn(move || done.send(child.wait_with_output()));
    let Ok(output) = end.recv_timeout(TIMEOUT) else {
        let _ = Command::new("kill").arg(&pid).status();
        panic!("the program did not end within {TIMEOUT:?}");
    };
    let output = output.expect("its output");
    Ran {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The records of a topic's three partitions, one after the other.
pub fn records(server: &Server, topic: &str) -> Vec<StoredRecord> {
    server.with(|cluster| (0..3).flat_map(|p| cluster.log(topic, p).expect("a partition")).collect())
}

/// The values in a partition, as text.
pub fn values(server: &Server, topic: &str, partition: i32) -> Vec<String> {
    let log = server.with(|cluster| cluster.log(topic, partition).expect("a partition"));
    log.into_iter().map(|r| String::from_utf8(r.value.expect("a value")).expect("text")).collect()
}
