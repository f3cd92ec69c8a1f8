//! A million records into three nodes whose leaders are killed, frozen, restarted and moved, judged by the checker of the
//! simulation: each acknowledged record is there once, in order, at its offset; one of which nobody knows, at most once.
//!
//! `KAFKA_CHAOS_RECORDS` says how many. What happens is told on standard error; a history that does not hold is kept.

mod books;
mod moves;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use kafka_cluster::judge::{Isolation, kcat_read};
use kafka_cluster::{Kafka, Settings, Version, cache_dir};
use kafka_sim::checker::check;
use kafka_sim::record::value;
use kafka_std::{Admin, Producer, Record};

use books::{Books, Reader, Sends};

const TOPIC: &str = "chaos";
const PARTITIONS: u32 = 6;
const NODES: i32 = 3;
/// Bytes of a record's value beyond those that say which it is.
const FILLING: usize = 84;
/// While there is trouble, so many are sent at once, and then there is a pause.
const BURST: u64 = 150;
const PAUSE: Duration = Duration::from_millis(10);

#[test]
#[ignore = "three nodes: cargo xtask test --all-brokers"]
fn what_three_nodes_in_trouble_acknowledge_is_there_once_in_order_and_at_its_offset() {
    let count =
        std::env::var("KAFKA_CHAOS_RECORDS").map_or(1_000_000, |text| text.parse().expect("a number"));
    let kafka = Kafka::start(Settings::new(Version::V4_3).nodes(NODES as usize)).unwrap();
    kafka.create_topic_with(TOPIC, PARTITIONS, NODES as usize, &[("min.insync.replicas", "2")]).unwrap();
    let bootstrap = kafka.bootstrap();

    let books = Books::new();
    let producer = producer(&bootstrap, &books);
    let reader = Reader::start(&bootstrap, TOPIC, &books);
    let sent = AtomicU64::new(0);
    let begin = Instant::now();
    let sends = std::thread::scope(|scope| {
        let trouble = scope.spawn(|| all_troubles(&kafka, &|what| say(begin, &sent, &books, what)));
        let mut sends = Sends::default();
        while sends.len() < count || !trouble.is_finished() {
            let hurry = trouble.is_finished();
            for _ in 0..BURST {
                send(&producer, &books, &mut sends);
            }
            sent.store(sends.len(), Ordering::Relaxed);
            if !hurry {
                std::thread::sleep(PAUSE);
            }
        }
        trouble.join().expect("the troubles themselves");
        sends
    });
    say(begin, &sent, &books, "no more is sent");
    assert!(producer.flush(Duration::from_secs(180)), "not all records have an outcome");
    drop(producer);

    let log = kcat_read(&bootstrap, TOPIC, Isolation::ReadUncommitted).unwrap();
    say(begin, &sent, &books, "read by kcat");
    let polls = reader.finish(log.len());
    say(begin, &sent, &books, "read by our consumer");
    let history = books.history(TOPIC, sends, &polls, &log);
    let violations = check(&history);
    let tally = books.tally();
    eprintln!("{tally:?}, {} in the log, {} read on the way", log.len(), polls.len());
    if !violations.is_empty() {
        let path = cache_dir().join("chaos-history.txt");
        std::fs::write(&path, history.to_text()).unwrap();
        panic!("{} violations, the history is {}: {violations:#?}", violations.len(), path.display());
    }
    assert!(tally.acked >= count * 999 / 1000, "{tally:?}: brokers were always there again within seconds");
}

fn producer(bootstrap: &str, books: &Books) -> Producer {
    let listener = books.listener();
    let settings = [
        ("acks", "all"),
        ("enable.idempotence", "true"),
        ("linger.ms", "5"),
        ("compression.type", "lz4"),
        ("request.timeout.ms", "10000"),
    ];
    let builder = Producer::builder().bootstrap_servers(bootstrap);
    let builder = settings.iter().fold(builder, |builder, (name, value)| builder.set(name, value).unwrap());
    builder.on_delivery(listener).build().unwrap()
}

fn send(producer: &Producer, books: &Books, sends: &mut Sends) {
    let id = sends.len();
    let partition = id % u64::from(PARTITIONS);
    // The time before the call: nobody reads a record before it was sent.
    let at = books.now();
    let body = value(id, 0, FILLING);
    let refused = producer.send_with(Record::to(TOPIC).partition(partition as u32).value(&body), id);
    sends.note(at, partition as i32, &body);
    if let Err(error) = refused {
        books.refused(id, &error);
    }
}

fn say(begin: Instant, sent: &AtomicU64, books: &Books, what: &str) {
    let (sent, resolved) = (sent.load(Ordering::Relaxed), books.tally().resolved());
    eprintln!("{:6.1} s  {sent:8} sent  {resolved:8} resolved  {what}", begin.elapsed().as_secs_f64());
}

/// Everything that happens to a cluster, one after the other; between two of them all copies are in sync again.
fn all_troubles(kafka: &Kafka, say: &dyn Fn(&str)) {
    let healed = || kafka.wait_in_sync(TOPIC, NODES as usize).unwrap();
    for id in 1..=NODES {
        say(&format!("kill -9 of node {id}, leader of {} partitions", led_by(kafka, id)));
        kafka.kill(id as usize);
        kafka.start_node(id as usize).unwrap();
        healed();
    }
    for id in 1..=NODES {
        say(&format!("node {id} is restarted"));
        kafka.restart(id as usize).unwrap();
        healed();
    }
    // Every partition loses a copy, and gets it back elsewhere in the order: its leader moves.
    say("each partition moves to two of the nodes");
    moves::reassign(&kafka.bootstrap(), TOPIC, PARTITIONS, |p| vec![1 + p % NODES, 1 + (p + 1) % NODES]);
    say("each partition moves back to all three, in another order");
    moves::reassign(&kafka.bootstrap(), TOPIC, PARTITIONS, |p| {
        vec![1 + (p + 2) % NODES, 1 + (p + 1) % NODES, 1 + p % NODES]
    });
    healed();
    let frozen = leader(kafka);
    say(&format!("node {frozen} freezes"));
    kafka.pause(frozen as usize);
    wait_for(|| others_lead(kafka, frozen));
    say(&format!("others lead; node {frozen} wakes up and does not know"));
    kafka.resume(frozen as usize);
    healed();
    say("two nodes are killed at once: no quorum");
    kafka.kill(1);
    kafka.kill(2);
    kafka.start_node(2).unwrap();
    kafka.start_node(1).unwrap();
    healed();
    say("all is well again");
}

/// The leaders of all partitions, as one of the nodes sees them; −1 for none.
fn leaders(bootstrap: &str) -> Option<Vec<i32>> {
    let cluster = Admin::connect(bootstrap).ok()?.metadata(Some(&[TOPIC])).ok()?;
    Some(cluster.topics.first()?.partitions.iter().map(|p| p.leader.unwrap_or(-1)).collect())
}

fn led_by(kafka: &Kafka, id: i32) -> usize {
    let leads = |leaders: &[i32]| leaders.iter().filter(|leader| **leader == id).count();
    let mut count = 0;
    wait_for(|| {
        count = leaders(&kafka.bootstrap()).map_or(0, |all| leads(&all));
        count > 0
    });
    count
}

fn leader(kafka: &Kafka) -> i32 {
    let mut found = -1;
    wait_for(|| {
        found = leaders(&kafka.bootstrap()).map_or(-1, |all| all[0]);
        found > 0
    });
    found
}

fn others_lead(kafka: &Kafka, frozen: i32) -> bool {
    let other = 1 + frozen % NODES;
    let seen = leaders(&format!("127.0.0.1:{}", kafka.port(other as usize)));
    seen.is_some_and(|all| all.iter().all(|leader| *leader > 0 && *leader != frozen))
}

fn wait_for(mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < deadline, "it does not come to be so");
        std::thread::sleep(Duration::from_millis(100));
    }
}
