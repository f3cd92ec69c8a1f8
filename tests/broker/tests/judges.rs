//! Clients nobody here wrote, against this broker: kcat, Apache's Java clients in both group protocols, franz-go.
//!
//! Each scenario takes nothing but the address, and says what has to be seen. `--ignored` runs the same scenarios
//! against real Kafka 4.3.1: what they see there has to be what they see here.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use kafka_broker::{Config, MECHANISMS, Release, Sasl, Server};
use kafka_cluster::judge::{
    Isolation, assert_same, console_read, console_write, kcat_read, kcat_write, plain,
};
use kafka_cluster::kcat::{kcat, produce};
use kafka_cluster::tools::{
    CONSUMER_GROUPS, PRODUCER_PERFORMANCE, TOPICS, TRANSACTIONAL_COPIER, VERIFIABLE_CONSUMER,
    VERIFIABLE_PRODUCER, end_offsets, tool, tool_at,
};
use kafka_cluster::{Kafka, Settings, Version, cache_dir, run};

/// Every scenario, once against ours and once against Kafka.
macro_rules! scenarios {
    ($($name:ident;)*) => {
        mod ours {
            $(#[test] fn $name() { super::$name(&super::ours(super::Release::V4_3).bootstrap()); })*
        }
        mod kafka {
            $(
                #[test]
                #[ignore = "against real Kafka: with --ignored"]
                fn $name() {
                    let settings = super::Settings::new(super::Version::V4_3);
                    super::$name(&super::Kafka::start(settings).unwrap().bootstrap());
                }
            )*
        }
    };
}

scenarios! {
    kcat_writes_and_reads_every_codec;
    kcat_group_goes_on_where_it_stopped;
    java_console_writes_and_reads;
    java_groups_share_in_both_protocols;
    java_performance_producer_counts;
    java_verifiable_clients_agree;
    java_transactional_copy_is_exact;
    java_admin_sees_groups_and_topics;
    franz_go_groups_share_in_both_protocols;
    franz_go_transactional_copy_is_exact;
}

fn ours(release: Release) -> Server {
    Server::start(Config { nodes: 3, release, ..Config::default() }).unwrap()
}

fn make_topic(bootstrap: &str, name: &str, partitions: i32) {
    let partitions = partitions.to_string();
    let args = ["--create", "--topic", name, "--partitions", &partitions, "--replication-factor", "1"];
    tool_at(TOPICS, bootstrap, &args, &[]).unwrap();
}

fn lines(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !line.is_empty()).collect()
}

fn numbers(from: usize, to: usize) -> String {
    (from..to).map(|n| format!("{n}:{n}\n")).collect()
}

fn kcat_writes_and_reads_every_codec(bootstrap: &str) {
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let topic = format!("codec-{codec}");
        make_topic(bootstrap, &topic, 3);
        let entries = plain(500, 3);
        kcat_write(bootstrap, &topic, codec, &entries).unwrap();
        let read = kcat_read(bootstrap, &topic, Isolation::ReadUncommitted).unwrap();
        assert_same(&entries, &read, codec);
    }
}

fn kcat_group_goes_on_where_it_stopped(bootstrap: &str) {
    make_topic(bootstrap, "grouped", 3);
    let read = |count: &str| {
        let args = ["-G", "kcat-group", "-c", count, "-X", "auto.offset.reset=earliest", "grouped"];
        let out = kcat(bootstrap, &args, &[]).unwrap().checked("kcat -G").unwrap().stdout_text();
        lines(&out).iter().map(|l| l.parse().unwrap()).collect::<BTreeSet<usize>>()
    };
    produce(bootstrap, "grouped", &["-K:"], numbers(0, 100).as_bytes()).unwrap();
    assert_eq!(read("100"), (0..100).collect());
    produce(bootstrap, "grouped", &["-K:"], numbers(100, 150).as_bytes()).unwrap();
    assert_eq!(read("50"), (100..150).collect(), "what was committed does not come again");
}

fn java_console_writes_and_reads(bootstrap: &str) {
    make_topic(bootstrap, "console", 1);
    let entries = plain(300, 1);
    console_write(bootstrap, "console", "zstd", &entries).unwrap();
    let read = console_read(bootstrap, "console", 300, Isolation::ReadUncommitted).unwrap();
    assert_same(&entries, &read, "console consumer");
}

/// Runs Apache's VerifiableConsumer until it read `max` records; the "partition offset" pairs it reports.
fn verifiable(bootstrap: &str, topic: &str, group: &str, protocol: &str, max: usize) -> Vec<(i64, i64, i64)> {
    let max = max.to_string();
    let mut args =
        vec!["--topic", topic, "--group-id", group, "--max-messages", &max, "--reset-policy", "earliest"];
    args.extend(["--group-protocol", protocol]);
    let out = tool_at(VERIFIABLE_CONSUMER, bootstrap, &args, &[]).unwrap().stdout_text();
    let mut ranges = Vec::new();
    for line in lines(&out).into_iter().filter(|l| l.contains("\"records_consumed\"")) {
        for part in line.split("{\"topic\"").skip(1) {
            let field = |name: &str| -> i64 {
                let (_, rest) = part.split_once(&format!("\"{name}\":")).unwrap();
                rest.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()
            };
            ranges.push((field("partition"), field("minOffset"), field("maxOffset")));
        }
    }
    ranges
}

fn java_groups_share_in_both_protocols(bootstrap: &str) {
    for protocol in ["classic", "consumer"] {
        let (topic, group) = (format!("shared-{protocol}"), format!("group-{protocol}"));
        make_topic(bootstrap, &topic, 4);
        produce(bootstrap, &topic, &["-K:"], numbers(0, 400).as_bytes()).unwrap();
        // Two members at once; between them they have to read all there is. Each stops on its own count.
        let both = std::thread::scope(|scope| {
            let one = scope.spawn(|| verifiable(bootstrap, &topic, &group, protocol, 200));
            let two = scope.spawn(|| verifiable(bootstrap, &topic, &group, protocol, 200));
            [one.join().unwrap(), two.join().unwrap()].concat()
        });
        let mut offsets = BTreeSet::new();
        for (partition, from, to) in both {
            offsets.extend((from..=to).map(|offset| (partition, offset)));
        }
        assert!(offsets.len() >= 200, "{protocol}: {} offsets", offsets.len());
        let rest = 400 - offsets.len();
        if rest > 0 {
            for (partition, from, to) in verifiable(bootstrap, &topic, &group, protocol, rest) {
                offsets.extend((from..=to).map(|offset| (partition, offset)));
            }
        }
        assert_eq!(offsets.len(), 400, "{protocol}");
    }
}

fn java_performance_producer_counts(bootstrap: &str) {
    make_topic(bootstrap, "perf", 3);
    let args = ["--topic", "perf", "--num-records", "100000", "--record-size", "100", "--throughput", "-1"];
    let out = tool_at(PRODUCER_PERFORMANCE, bootstrap, &args, &[]).unwrap().stdout_text();
    assert!(out.contains("100000 records sent"), "{out}");
    let ends = end_offsets(bootstrap, "perf").unwrap();
    assert_eq!(ends.iter().map(|e| e.1).sum::<i64>(), 100_000);
}

fn java_verifiable_clients_agree(bootstrap: &str) {
    make_topic(bootstrap, "verified", 1);
    let args = ["--topic", "verified", "--max-messages", "2000", "--throughput", "-1"];
    let out = tool_at(VERIFIABLE_PRODUCER, bootstrap, &args, &[]).unwrap().stdout_text();
    assert!(out.contains("\"acked\":2000"), "{out}");
    let ranges = verifiable(bootstrap, "verified", "verifiers", "classic", 2000);
    assert_eq!(ranges.iter().map(|(_, from, to)| to - from + 1).sum::<i64>(), 2000);
}

fn java_transactional_copy_is_exact(bootstrap: &str) {
    make_topic(bootstrap, "source", 1);
    make_topic(bootstrap, "copy", 2);
    produce(bootstrap, "source", &["-K:"], numbers(0, 1000).as_bytes()).unwrap();
    let args = ["--broker-list", bootstrap, "--input-topic", "source", "--input-partition", "0"];
    let more = ["--output-topic", "copy", "--consumer-group", "copiers", "--transactional-id", "copier"];
    let last = ["--max-messages", "1000", "--transaction-size", "64", "--enable-random-aborts"];
    tool(TRANSACTIONAL_COPIER, &[&args[..], &more, &last].concat(), &[]).unwrap().checked("copier").unwrap();
    is_exact_copy(bootstrap, "copy", 1000);
}

/// Committed records are exactly 0 to `count`, whoever reads.
fn is_exact_copy(bootstrap: &str, topic: &str, count: usize) {
    for read in [
        kcat_read(bootstrap, topic, Isolation::ReadCommitted).unwrap(),
        console_read(bootstrap, topic, count, Isolation::ReadCommitted).unwrap(),
    ] {
        let mut values: Vec<usize> = read
            .iter()
            .map(|e| {
                String::from_utf8(e.value.clone().unwrap()).unwrap().trim_start_matches('v').parse().unwrap()
            })
            .collect();
        values.sort_unstable();
        assert_eq!(values, (0..count).collect::<Vec<_>>());
    }
}

fn java_admin_sees_groups_and_topics(bootstrap: &str) {
    make_topic(bootstrap, "admin", 2);
    produce(bootstrap, "admin", &["-K:"], numbers(0, 50).as_bytes()).unwrap();
    for protocol in ["classic", "consumer"] {
        let group = format!("admin-{protocol}");
        verifiable(bootstrap, "admin", &group, protocol, 50);
        let described = tool_at(CONSUMER_GROUPS, bootstrap, &["--describe", "--group", &group], &[])
            .unwrap()
            .stdout_text();
        let lags: Vec<&str> = lines(&described)
            .into_iter()
            .filter(|l| l.starts_with(&group))
            .filter_map(|l| l.split_whitespace().nth(5))
            .collect();
        assert_eq!(lags, ["0", "0"], "{described}");
    }
    tool_at(TOPICS, bootstrap, &["--alter", "--topic", "admin", "--partitions", "5"], &[]).unwrap();
    let shown = tool_at(TOPICS, bootstrap, &["--describe", "--topic", "admin"], &[]).unwrap().stdout_text();
    assert!(shown.contains("PartitionCount: 5"), "{shown}");
    for group in ["admin-classic", "admin-consumer"] {
        tool_at(CONSUMER_GROUPS, bootstrap, &["--delete", "--group", group], &[]).unwrap();
    }
    tool_at(TOPICS, bootstrap, &["--delete", "--topic", "admin"], &[]).unwrap();
    let left = tool_at(TOPICS, bootstrap, &["--list", "--exclude-internal"], &[]).unwrap().stdout_text();
    assert!(!left.contains("admin"), "{left}");
}

/// The `go` of the path, or the one where its own installer puts it.
fn go_program() -> &'static str {
    let installed = "/usr/local/go/bin/go";
    if Path::new(installed).exists() { installed } else { "go" }
}

/// Builds the Go program once into the cache and runs it.
fn franz(args: &[&str]) -> String {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/franz");
    let binary = cache_dir().join("franz-judge");
    let mut build = Command::new(go_program());
    build.current_dir(&source).arg("build").arg("-o").arg(&binary).arg(".");
    run(&mut build, &[], Duration::from_secs(300)).unwrap().checked("go build").unwrap();
    let mut judge = Command::new(&binary);
    judge.args(args);
    run(&mut judge, &[], Duration::from_secs(90)).unwrap().checked("franz-go").unwrap().stdout_text()
}

fn franz_go_groups_share_in_both_protocols(bootstrap: &str) {
    for protocol in ["classic", "consumer"] {
        let (topic, group) = (format!("franz-{protocol}"), format!("franz-group-{protocol}"));
        make_topic(bootstrap, &topic, 4);
        let out = franz(&["group", bootstrap, &topic, &group, protocol, "400"]);
        let rows: BTreeSet<&str> = lines(&out).into_iter().filter_map(|l| l.split(' ').next()).collect();
        assert_eq!(rows.len(), 2, "both members read");
        assert_eq!(lines(&out).len(), 400);
    }
}

fn franz_go_transactional_copy_is_exact(bootstrap: &str) {
    make_topic(bootstrap, "franz-in", 1);
    make_topic(bootstrap, "franz-out", 3);
    produce(bootstrap, "franz-in", &["-K:"], numbers(0, 500).as_bytes()).unwrap();
    let out = franz(&["copy", bootstrap, "franz-in", "franz-out", "franz-copiers", "500"]);
    assert!(out.contains("false"), "some were aborted: {out}");
    is_exact_copy(bootstrap, "franz-out", 500);
}

/// Java's newest clients speak to 2.1 and later; kcat to all of them.
#[test]
fn older_releases_are_understood_too() {
    for release in [Release::V2_1, Release::V2_8, Release::V3_9] {
        let server = ours(release);
        let bootstrap = server.bootstrap();
        make_topic(&bootstrap, "old", 2);
        let entries = plain(200, 2);
        kcat_write(&bootstrap, "old", "lz4", &entries).unwrap();
        assert_same(&entries, &kcat_read(&bootstrap, "old", Isolation::ReadCommitted).unwrap(), "kcat");
        assert_same(
            &entries,
            &console_read(&bootstrap, "old", 200, Isolation::ReadCommitted).unwrap(),
            "java",
        );
        make_topic(&bootstrap, "source", 1);
        make_topic(&bootstrap, "copy", 1);
        produce(&bootstrap, "source", &["-K:"], numbers(0, 300).as_bytes()).unwrap();
        let args = ["--broker-list", &bootstrap, "--input-topic", "source", "--input-partition", "0"];
        let more = ["--output-topic", "copy", "--consumer-group", "copiers", "--transactional-id", "copier"];
        let last = ["--max-messages", "300", "--transaction-size", "64", "--enable-random-aborts"];
        tool(TRANSACTIONAL_COPIER, &[&args[..], &more, &last].concat(), &[])
            .unwrap()
            .checked("copier")
            .unwrap();
        is_exact_copy(&bootstrap, "copy", 300);
    }
}

#[test]
fn kcat_and_java_authenticate() {
    let sasl = Sasl { users: vec![("ann".into(), "se,cr=et".into())], ..Sasl::default() };
    let server =
        Server::start(Config { sasl, topics: vec![("guarded".into(), 1)], ..Config::default() }).unwrap();
    let bootstrap = server.bootstrap();
    for mechanism in MECHANISMS {
        let name = format!("sasl.mechanism={mechanism}");
        let with = |password| {
            ["-X", "security.protocol=SASL_PLAINTEXT", "-X", &name, "-X", "sasl.username=ann", "-X", password]
                .map(str::to_owned)
        };
        let [good, bad] = ["sasl.password=se,cr=et", "sasl.password=wrong"].map(with);
        let args: Vec<&str> = good.iter().map(String::as_str).collect();
        produce(&bootstrap, "guarded", &args, mechanism.as_bytes()).unwrap();
        let args: Vec<&str> = ["-L", "-m", "2"].into_iter().chain(bad.iter().map(String::as_str)).collect();
        assert!(!kcat(&bootstrap, &args, &[]).unwrap().ok(), "{mechanism} with a wrong password");
        let module = match mechanism {
            "PLAIN" => "plain.PlainLoginModule",
            _ => "scram.ScramLoginModule",
        };
        std::fs::create_dir_all(cache_dir()).unwrap();
        let file = cache_dir().join("judge-sasl.properties");
        let jaas = format!(
            "security.protocol=SASL_PLAINTEXT\nsasl.mechanism={mechanism}\nsasl.jaas.config=\
             org.apache.kafka.common.security.{module} required username=\"ann\" password=\"se,cr=et\";\n"
        );
        std::fs::write(&file, jaas).unwrap();
        let args = ["--list", "--command-config", file.to_str().unwrap()];
        let listed = tool_at(TOPICS, &bootstrap, &args, &[]).unwrap().stdout_text();
        assert!(listed.contains("guarded"), "{listed}");
    }
    assert_eq!(server.with(|c| c.log("guarded", 0).unwrap().len()), MECHANISMS.len());
}
