//! Every option of the producer does what its name says. `docs/PRODUCER.md` says where each is shown.

mod common;

use std::io::Read;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::server;
use kafka_broker::{Action, Config, Server};
use kafka_proto::ApiKey;
use kafka_std::{ErrorCode, Producer, Record, SendError, TransactionError};

const SECONDS: Duration = Duration::from_secs(20);

fn producer(server: &Server, settings: &[(&str, &str)]) -> Producer {
    at(&server.bootstrap(), settings)
}

fn at(servers: &str, settings: &[(&str, &str)]) -> Producer {
    let builder = Producer::builder().bootstrap_servers(servers);
    settings.iter().fold(builder, |b, (name, value)| b.set(name, value).unwrap()).build().unwrap()
}

/// A server that reads and never answers; what it has read, and how many connections there were.
fn silent() -> (SocketAddr, Arc<Mutex<Vec<u8>>>, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (heard, count) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicUsize::new(0)));
    let (log, connections) = (heard.clone(), count.clone());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            connections.fetch_add(1, Ordering::SeqCst);
            let log = log.clone();
            std::thread::spawn(move || {
                let (mut stream, mut bytes) = (stream.unwrap(), [0; 4096]);
                while let Ok(n @ 1..) = stream.read(&mut bytes) {
                    log.lock().unwrap().extend(&bytes[..n]);
                }
            });
        }
    });
    (address, heard, count)
}

/// Waits for something that is going to be.
fn until(what: &str, mut is: impl FnMut() -> bool) {
    let deadline = Instant::now() + SECONDS;
    while !is() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn the_client_id_is_in_the_requests() {
    let (address, heard, _) = silent();
    let producer = at(&address.to_string(), &[("client.id", "kiln-3-gateway")]);
    producer.topic("t").unwrap();
    until("the client id", || heard.lock().unwrap().windows(14).any(|w| w == b"kiln-3-gateway"));
}

#[test]
fn brokers_are_told_who_asks() {
    let (address, heard, _) = silent();
    let producer = at(&address.to_string(), &[]);
    producer.topic("t").unwrap();
    // KIP-511: in a compact string, its length plus one before it.
    let (name, version) = ("kafka-client-core", env!("CARGO_PKG_VERSION"));
    let words: Vec<u8> =
        [name, version].iter().flat_map(|w| [&[w.len() as u8 + 1], w.as_bytes()].concat()).collect();
    until("name and version", || heard.lock().unwrap().windows(words.len()).any(|w| w == words));
}

/// Produce requests that a broker refuses for now until the record is given up or has gone; how many were sent.
fn attempts(settings: &[(&str, &str)]) -> (u32, Duration) {
    let server = server(&[("t", 1)]);
    let producer = producer(&server, settings);
    producer.send(Record::to("t").value("first")).unwrap().wait().unwrap();
    let not_now = Action::Error(ErrorCode::NOT_ENOUGH_REPLICAS);
    // One injection each, so that those that were not met can be counted.
    server.with(|c| (0..6).for_each(|_| c.inject(ApiKey::PRODUCE, not_now)));
    let begin = Instant::now();
    let result = producer.send(Record::to("t").value("v")).unwrap().wait();
    let left = server.with(|c| c.clear_injections());
    if let Err(error) = &result {
        assert_eq!(error.code(), Some(ErrorCode::NOT_ENOUGH_REPLICAS));
    }
    (6 - left as u32 + u32::from(result.is_ok()), begin.elapsed())
}

#[test]
fn retries_are_counted_and_spaced() {
    let quick = [("retry.backoff.ms", "1"), ("retry.backoff.max.ms", "1"), ("linger.ms", "0")];
    let with = |more: &[(&'static str, &'static str)]| -> Vec<(&str, &str)> {
        quick.iter().chain(more).copied().collect()
    };
    assert_eq!(attempts(&with(&[])).0, 7, "retries is as good as endless");
    assert_eq!(attempts(&with(&[("retries", "2")])).0, 3);
    let none = [("retries", "0"), ("enable.idempotence", "false")];
    assert_eq!(attempts(&with(&none)).0, 1);
    // 60, 120, 240, … with a jitter of a fifth; the greatest wait is what the other setting says.
    let (_, growing) = attempts(&with(&[("retry.backoff.ms", "60"), ("retry.backoff.max.ms", "10000")]));
    let (_, capped) = attempts(&with(&[("retry.backoff.ms", "60"), ("retry.backoff.max.ms", "60")]));
    let ms = Duration::from_millis;
    assert!(growing >= ms(63 * 60 * 8 / 10) && capped >= ms(6 * 60 * 8 / 10), "{growing:?} {capped:?}");
    assert!(capped < growing, "{growing:?} {capped:?}");
}

#[test]
fn connections_are_tried_again_as_often_as_the_backoff_says() {
    let tries = |backoff: &str, max: &str| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let count = Arc::new(AtomicUsize::new(0));
        let closed = count.clone();
        // Each connection is closed at once.
        std::thread::spawn(move || {
            listener.incoming().for_each(|_| _ = closed.fetch_add(1, Ordering::SeqCst))
        });
        let settings =
            [("reconnect.backoff.ms", backoff), ("reconnect.backoff.max.ms", max), ("max.block.ms", "700")];
        at(&address.to_string(), &settings).send(Record::to("t")).unwrap_err();
        count.load(Ordering::SeqCst)
    };
    let (often, growing, seldom) = (tries("20", "20"), tries("20", "10000"), tries("400", "400"));
    assert!(seldom <= 3 && growing > seldom && often > growing, "{often} {growing} {seldom}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_connection_that_does_not_open_is_given_up() {
    use socket2::{Domain, Socket, Type};
    // Nobody accepts, and the queue of those who wait is full: further ones get no answer at all.
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    listener.listen(0).unwrap();
    let address = listener.local_addr().unwrap().as_socket().unwrap();
    let mut waiting = Vec::new();
    while let Ok(stream) = std::net::TcpStream::connect_timeout(&address, Duration::from_millis(50)) {
        waiting.push(stream);
        assert!(waiting.len() < 100, "the queue has no end");
    }
    let settings = [("socket.connection.setup.timeout.ms", "100"), ("max.block.ms", "900")];
    let error = at(&address.to_string(), &settings).send(Record::to("t")).unwrap_err();
    let SendError::Unavailable(error) = error else { panic!("{error}") };
    assert_eq!(error.brokers, [(address.to_string(), Some(kafka_std::Trouble::TimedOut))], "{error}");
    let settings = [("socket.connection.setup.timeout.ms", "10000"), ("max.block.ms", "300")];
    let error = at(&address.to_string(), &settings).send(Record::to("t")).unwrap_err();
    let SendError::Unavailable(error) = error else { panic!("{error}") };
    assert_eq!(error.brokers, [(address.to_string(), None)], "it still waits: {error}");
}

#[test]
fn idle_connections_are_closed() {
    let server = server(&[("t", 1)]);
    let idle = [("connections.max.idle.ms", "100")];
    let (closing, keeping) = (producer(&server, &idle), producer(&server, &[]));
    for producer in [&closing, &keeping] {
        producer.send(Record::to("t").value("v")).unwrap().wait().unwrap();
    }
    until("one connection", || server.with(|c| c.connections()) == 1);
    // And opened again when there is something to send.
    closing.send(Record::to("t").value("v")).unwrap().wait().unwrap();
}

#[test]
fn metadata_is_asked_for_again_when_it_is_old() {
    let left = |settings: &[(&str, &str)], patience: Duration| {
        let server = server(&[("t", 1)]);
        let producer = producer(&server, settings);
        producer.send(Record::to("t").value("v")).unwrap().wait().unwrap();
        server.with(|c| (0..3).for_each(|_| c.inject(ApiKey::METADATA, Action::Delay(1))));
        let deadline = Instant::now() + patience;
        loop {
            std::thread::sleep(Duration::from_millis(20));
            let left = server.with(|c| {
                let left = c.clear_injections();
                (0..left).for_each(|_| c.inject(ApiKey::METADATA, Action::Delay(1)));
                left
            });
            if left == 0 || Instant::now() > deadline {
                return left;
            }
        }
    };
    assert_eq!(left(&[("metadata.max.age.ms", "20")], SECONDS), 0);
    // One more may follow what was asked first.
    assert!(left(&[("metadata.max.age.ms", "60000")], Duration::from_millis(500)) >= 2);
}

/// A topic that is deleted is made again by whoever asks for it.
#[test]
fn topics_that_are_not_written_to_are_asked_for_no_more() {
    let is_back = |idle: &str, patience: Duration| {
        let server = Server::start(Config::default()).unwrap();
        let settings = [("metadata.max.age.ms", "20"), ("metadata.max.idle.ms", idle)];
        let producer = producer(&server, &settings);
        let send = |topic| producer.send(Record::to(topic).value("v")).unwrap().wait().unwrap();
        send("u");
        let quiet = Instant::now() + Duration::from_millis(500);
        while Instant::now() < quiet {
            send("t");
        }
        assert!(server.with(|c| c.delete_topic("u")));
        let deadline = Instant::now() + patience;
        while server.with(|c| c.topic("u").is_none()) && Instant::now() < deadline {
            send("t");
        }
        server.with(|c| c.topic("u").is_some())
    };
    assert!(is_back("300000", SECONDS), "it is in use");
    assert!(!is_back("100", Duration::from_millis(500)), "it is idle");
}

/// The sizes of the buffers of this process's sockets that are connected to `peer`, as the operating system has them.
#[cfg(target_os = "linux")]
fn buffers(peer: SocketAddr) -> Vec<(usize, usize)> {
    use std::os::fd::BorrowedFd;
    let open = std::fs::read_dir("/proc/self/fd").unwrap();
    let numbers = open.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    let mut found = Vec::new();
    for number in numbers {
        // SAFETY: it is only asked about, by calls that give an error for what is no socket or was closed meanwhile.
        let fd = unsafe { BorrowedFd::borrow_raw(number) };
        let socket = socket2::SockRef::from(&fd);
        if socket.peer_addr().ok().and_then(|a| a.as_socket()) == Some(peer) {
            let sizes = socket.send_buffer_size().and_then(|s| Ok((s, socket.recv_buffer_size()?)));
            found.extend(sizes);
        }
    }
    found
}

#[cfg(target_os = "linux")]
#[test]
fn socket_buffers_have_the_size_asked_for() {
    let server = server(&[("t", 1)]);
    let settings = [("send.buffer.bytes", "30000"), ("receive.buffer.bytes", "40000")];
    let producer = producer(&server, &settings);
    producer.send(Record::to("t").value("v")).unwrap().wait().unwrap();
    // Linux reserves as much again for itself.
    assert!(buffers(server.addrs[0]).contains(&(60_000, 80_000)), "{:?}", buffers(server.addrs[0]));
    let other = common::server(&[("t", 1)]);
    let producer = at(&other.bootstrap(), &[("send.buffer.bytes", "-1"), ("receive.buffer.bytes", "-1")]);
    producer.send(Record::to("t").value("v")).unwrap().wait().unwrap();
    let sizes = buffers(other.addrs[0]);
    assert!(!sizes.is_empty() && !sizes.contains(&(60_000, 80_000)), "{sizes:?}");
}

#[test]
fn topics_are_created_only_if_that_is_allowed() {
    let server = Server::start(Config::default()).unwrap();
    let settings = [("allow.auto.create.topics", "false"), ("max.block.ms", "200")];
    let error = producer(&server, &settings).send(Record::to("new")).unwrap_err();
    assert!(matches!(error, SendError::Unavailable(_)), "{error}");
    assert!(server.with(|c| c.topic("new").is_none()));
    producer(&server, &[]).send(Record::to("new")).unwrap().wait().unwrap();
}

#[test]
fn acks_says_whose_word_counts() {
    let config = Config {
        nodes: 2,
        replication_factor: 2,
        min_insync_replicas: 2,
        topics: vec![("t".into(), 1)],
        ..Config::default()
    };
    let server = Server::start(config).unwrap();
    let offset = |acks: &str| {
        let producer = producer(&server, &[("acks", acks), ("retries", "1"), ("linger.ms", "0")]);
        let result = producer.send(Record::to("t").value("v")).unwrap().wait();
        result.map(|record| record.offset()).map_err(|error| error.code())
    };
    assert_eq!(offset("all"), Ok(Some(0)));
    server.with(|c| c.shrink_isr("t", 0));
    assert_eq!(offset("all"), Err(Some(ErrorCode::NOT_ENOUGH_REPLICAS)));
    assert_eq!(offset("1"), Ok(Some(1)), "the leader alone");
    assert_eq!(offset("0"), Ok(None), "nobody says where it is");
    until("the record of nobody's word", || server.with(|c| c.log("t", 0).unwrap().len()) == 3);
}

#[test]
fn idempotence_gives_batches_a_producer_id() {
    for (settings, idempotent) in [
        (&[][..], true),
        (&[("enable.idempotence", "false")], false),
        // Where other settings do not allow it, it is off, unless it is asked for.
        (&[("acks", "1")], false),
        (&[("retries", "0")], false),
        (&[("max.in.flight.requests.per.connection", "6")], false),
    ] {
        let server = server(&[("t", 1)]);
        producer(&server, settings).send(Record::to("t").value("v")).unwrap().wait().unwrap();
        let id = server.with(|c| c.batches("t", 0)[0].producer_id);
        assert_eq!(id >= 0, idempotent, "{settings:?}");
    }
}

/// Stands between a producer and the broker at `to`, from where it passes on everything; towards it, nothing from the
/// second produce request on. Counts those.
#[cfg(target_os = "linux")]
fn count_produce_requests(from: SocketAddr, to: SocketAddr) -> Arc<AtomicUsize> {
    use std::io::Write;
    let listener = TcpListener::bind(from).unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (mut client, mut broker) = (client.unwrap(), std::net::TcpStream::connect(to).unwrap());
            let (mut answers, mut back) = (broker.try_clone().unwrap(), client.try_clone().unwrap());
            std::thread::spawn(move || std::io::copy(&mut answers, &mut back));
            let counted = counted.clone();
            std::thread::spawn(move || {
                let mut len = [0; 4];
                while client.read_exact(&mut len).is_ok() {
                    let mut frame = vec![0; u32::from_be_bytes(len) as usize];
                    client.read_exact(&mut frame).unwrap();
                    let produce = frame.starts_with(&[0, 0]);
                    if !produce || counted.fetch_add(1, Ordering::SeqCst) == 0 {
                        broker.write_all(&len).and_then(|()| broker.write_all(&frame)).unwrap();
                    }
                }
            });
        }
    });
    count
}

#[cfg(target_os = "linux")]
#[test]
fn so_many_requests_are_under_way_and_no_more() {
    for (setting, expected) in [("1", 1), ("3", 3)] {
        let listen = kafka_broker::Listen { advertise: Some("127.0.0.2".into()), ..Default::default() };
        let config = Config { topics: vec![("t".into(), 1)], ..Config::default() };
        let server = Server::start_on(config, &listen).unwrap();
        let to = server.addrs[0];
        let count = count_produce_requests(([127, 0, 0, 2], to.port()).into(), to);
        let settings = [
            ("max.in.flight.requests.per.connection", setting),
            ("enable.idempotence", "false"),
            ("linger.ms", "0"),
            ("batch.size", "200"),
        ];
        let producer = at(&to.to_string(), &settings);
        producer.send(Record::to("t").value("first")).unwrap().wait().unwrap();
        for _ in 0..10 {
            drop(producer.send(Record::to("t").value(&[0; 150])).unwrap());
        }
        until("as many as may be", || count.load(Ordering::SeqCst) == 1 + expected);
        std::thread::sleep(Duration::from_millis(100));
        assert_eq!(count.load(Ordering::SeqCst), 1 + expected);
    }
}

#[test]
fn batches_take_so_many_bytes() {
    let largest = |batch_size: &str| {
        let server = server(&[("t", 1)]);
        let producer = producer(&server, &[("batch.size", batch_size), ("linger.ms", "10000")]);
        let records = [Record::to("t").value(&[1; 90]); 100];
        producer.send_all(&records, &mut Vec::new()).unwrap();
        assert!(producer.flush(SECONDS));
        server.with(|c| c.batches("t", 0).iter().map(|batch| batch.len).max().unwrap())
    };
    assert!((900..=1000).contains(&largest("1000")));
    assert!((3900..=4000).contains(&largest("4000")));
    assert!(largest("0") < 200, "no batching, as in Java");
}

#[test]
fn a_batch_lingers() {
    let server = server(&[("t", 1)]);
    let time = |linger: &str| {
        let producer = producer(&server, &[("linger.ms", linger)]);
        producer.send(Record::to("t").value("connects")).unwrap().wait().unwrap();
        let begin = Instant::now();
        producer.send(Record::to("t").value("v")).unwrap().wait().unwrap();
        begin.elapsed()
    };
    assert!(time("300") >= Duration::from_millis(300));
    assert!(time("0") < Duration::from_millis(300));
}

#[test]
fn the_pool_in_kilobytes_is_the_same_pool() {
    let server = server(&[("t", 1)]);
    let settings = [("queue.buffering.max.kbytes", "4"), ("batch.size", "1024"), ("linger.ms", "10000")];
    let producer = producer(&server, &settings);
    producer.send(Record::to("t").value("connects")).map(drop).unwrap();
    assert!(producer.flush(SECONDS));
    server.with(|c| c.kill_node(0));
    let taken = (0..100).take_while(|_| producer.try_send(Record::to("t").value(&[0; 900])).is_ok()).count();
    assert_eq!(taken, 4);
}

#[test]
fn a_transaction_left_open_is_aborted_by_the_coordinator() {
    let server = server(&[("t", 1)]);
    let open = |timeout: &str, id: &str| {
        let producer = producer(&server, &[("transactional.id", id), ("transaction.timeout.ms", timeout)]);
        producer.init_transactions().unwrap();
        producer.begin_transaction().unwrap();
        producer.send(Record::to("t").value("v")).unwrap().wait().unwrap();
        producer
    };
    let (short, long) = (open("100", "short"), open("60000", "long"));
    let markers = || server.with(|c| c.batches("t", 0).iter().filter(|batch| batch.control).count());
    until("the coordinator's abort", || markers() == 1);
    let error = short.commit_transaction().unwrap_err();
    assert!(matches!(error, TransactionError::MustAbort(_) | TransactionError::Failed(_)), "{error:?}");
    long.commit_transaction().unwrap();
}
