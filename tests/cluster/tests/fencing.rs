//! One transactional id, two producers: ours, and Apache's with the jars of the broker's own release. Who comes later
//! fences the other, whoever is which, and a `read_committed` reader sees what the winners committed and nothing else.

mod ours;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use kafka_cluster::judge::{Entry, Isolation, console_read, kcat_read};
use kafka_cluster::{Kafka, Settings, Version};
use kafka_std::error::TransactionError;
use kafka_std::{ErrorCode, Producer};

const ID: &str = "contested";

/// Apache's producer, in a JVM of its own.
struct Rival {
    java: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Rival {
    fn start(kafka: &Kafka) -> Rival {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("java/Rival.java");
        let mut java = Command::new("java");
        java.args(["-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]);
        // Java compiles a source file that is named instead of a class.
        java.arg("-cp").arg(kafka.libs().join("*")).arg(source).args([&kafka.bootstrap(), ID]);
        let java = java.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut java = java.spawn().unwrap();
        let (orders, answers) = (java.stdin.take().unwrap(), java.stdout.take().unwrap());
        Rival { java, orders, answers: BufReader::new(answers) }
    }

    /// "ok", or the name of the exception.
    fn answer(&mut self, order: &str) -> String {
        writeln!(self.orders, "{order}").unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    #[track_caller]
    fn does(&mut self, orders: &[&str]) {
        for order in orders {
            assert_eq!(self.answer(order), "ok", "{order}");
        }
    }

    /// It is told that another has taken its place. Which of the two words is used differs between releases and calls.
    #[track_caller]
    fn is_fenced(&mut self, order: &str) {
        let answer = self.answer(order);
        let words = ["ProducerFencedException", "InvalidProducerEpochException"];
        assert!(words.contains(&answer.as_str()), "{order}: {answer}");
    }
}

impl Drop for Rival {
    fn drop(&mut self) {
        let _ = self.java.kill();
        let _ = self.java.wait();
    }
}

fn our_own(kafka: &Kafka) -> Producer {
    let producer = ours::producer(&kafka.bootstrap(), &[("transactional.id", ID), ("linger.ms", "0")]);
    producer.init_transactions().unwrap();
    producer.begin_transaction().unwrap();
    producer
}

fn record(value: &str) -> Entry {
    Entry::of(0, None, Some(value.as_bytes()))
}

#[track_caller]
fn are_fenced(result: Result<(), TransactionError>) {
    let words = [ErrorCode::PRODUCER_FENCED, ErrorCode::INVALID_PRODUCER_EPOCH];
    assert!(matches!(&result, Err(TransactionError::Failed(code)) if words.contains(code)), "{result:?}");
}

fn who_comes_later_fences_the_other(version: Version) {
    let kafka = Kafka::start(Settings::new(version)).unwrap();
    kafka.create_topic("t", 1).unwrap();
    let send = |producer: &Producer, value: &str| drop(ours::send_all(producer, "t", &[record(value)]));

    // Ours is open; theirs comes, and what ours had written is aborted.
    let first = our_own(&kafka);
    send(&first, "ours-lost-1");
    let mut rival = Rival::start(&kafka);
    rival.does(&["init", "begin", "send t theirs-1"]);
    are_fenced(first.commit_transaction());
    rival.does(&["commit"]);

    // Theirs is open; ours comes.
    rival.does(&["begin", "send t theirs-lost-2"]);
    let second = our_own(&kafka);
    send(&second, "ours-2");
    rival.is_fenced("commit");
    second.commit_transaction().unwrap();
    drop(rival);

    // The other way to learn of it: by a record that is refused.
    let mut rival = Rival::start(&kafka);
    rival.does(&["init", "begin", "send t theirs-3", "commit"]);
    let error = second.begin_transaction().and_then(|()| {
        let delivery = ours::send(&second, "t", &record("ours-lost-3")).unwrap();
        let error = delivery.wait().expect_err("a younger producer is there");
        assert!(!error.may_be_written(), "{error}");
        second.commit_transaction()
    });
    // Since KIP-588 a refused record only means that the transaction is lost; aborting it tells the rest.
    match error {
        Err(TransactionError::MustAbort(ErrorCode::INVALID_PRODUCER_EPOCH)) => {
            are_fenced(second.abort_transaction());
        }
        error => are_fenced(error),
    }
    rival.does(&["begin"]);
    let third = our_own(&kafka);
    rival.is_fenced("send t theirs-lost-4");
    send(&third, "ours-4");
    third.commit_transaction().unwrap();

    let expected = ["theirs-1", "ours-2", "theirs-3", "ours-4"];
    let values = |entries: Vec<Entry>| -> Vec<String> {
        entries.into_iter().map(|entry| String::from_utf8(entry.value.unwrap()).unwrap()).collect()
    };
    let (bootstrap, isolation) = (kafka.bootstrap(), Isolation::ReadCommitted);
    assert_eq!(values(kcat_read(&bootstrap, "t", isolation).unwrap()), expected, "kcat");
    // The last one is committed, so anything that should not be seen would take the place of one that should.
    let apache = console_read(&bootstrap, "t", expected.len(), isolation).unwrap();
    assert_eq!(values(apache), expected, "the console consumer");
}

#[test]
fn with_kafka_4_3() {
    who_comes_later_fences_the_other(Version::V4_3);
}

#[test]
#[ignore = "another release: cargo xtask test --all-brokers"]
fn with_kafka_3_9() {
    who_comes_later_fences_the_other(Version::V3_9);
}

#[test]
#[ignore = "another release: cargo xtask test --all-brokers"]
fn with_kafka_2_8() {
    who_comes_later_fences_the_other(Version::V2_8);
}

#[test]
#[ignore = "another release: cargo xtask test --all-brokers"]
fn with_kafka_2_1() {
    who_comes_later_fences_the_other(Version::V2_1);
}
