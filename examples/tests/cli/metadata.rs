//! What `kafka-cli metadata` prints.

use kafka_broker::{Config, Server};

use crate::support::{cli, cluster, run};

#[test]
fn brokers_topics_and_partitions_are_listed() {
    let topics = vec![("alpha".into(), 2), ("beta".into(), 1)];
    let server = Server::start(Config { nodes: 3, topics, ..Config::default() }).expect("a broker");
    let ran = run(&mut cli(&server, "metadata", &[] as &[&str]), b"");
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    for expected in [
        " 3 brokers:",
        "(controller)",
        " 2 topics:",
        "topic \"alpha\" with 2 partitions:",
        "partition 1, leader ",
    ] {
        assert!(ran.out.contains(expected), "{expected}: {}", ran.out);
    }
    for addr in &server.addrs {
        assert!(ran.out.contains(&addr.to_string()), "{}", ran.out);
    }
    let one = run(&mut cli(&server, "metadata", &["-t", "beta"]), b"");
    assert!(one.out.contains("beta") && !one.out.contains("alpha"), "{}", one.out);
}

#[test]
fn a_topic_that_does_not_exist_is_an_error_and_is_not_created() {
    let server = cluster(&["t", "readings"]);
    let ran = run(&mut cli(&server, "metadata", &["-t", "tt", "-t", "reading"]), b"");
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("topic tt: UNKNOWN_TOPIC_OR_PARTITION\n"), "{}", ran.err);
    assert!(
        ran.err.contains("topic reading: UNKNOWN_TOPIC_OR_PARTITION; did you mean readings?"),
        "{}",
        ran.err
    );
    assert!(server.with(|cluster| cluster.topic("tt").is_none()));
}
