//! What goes wrong, and what the caller is told: in time, with names, and with the record still in hand.

mod common;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use common::server;
use kafka_broker::Action;
use kafka_proto::ApiKey;
use kafka_std::{Error, ErrorCode, Producer, ProducerBuilder, Record, SendError, Trouble, Unavailable};

const SECONDS: Duration = Duration::from_secs(20);
const MOMENT: Duration = Duration::from_millis(400);

fn builder(servers: &str) -> ProducerBuilder {
    Producer::builder().bootstrap_servers(servers)
}

/// An address where nobody listens.
fn closed() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A server that does `serve` with each connection; its address, and how many there were.
fn fake(serve: fn(&mut std::net::TcpStream)) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let connections = count.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            connections.fetch_add(1, Ordering::SeqCst);
            std::thread::spawn(move || serve(&mut stream.unwrap()));
        }
    });
    (address, count)
}

fn unavailable(result: Result<kafka_std::Delivery, SendError>) -> Unavailable {
    match result {
        Err(SendError::Unavailable(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn nobody_there_is_an_error_in_time_that_names_each_host() {
    let (first, second) = (closed(), closed());
    let producer = builder(&format!("{first},{second}")).max_block(MOMENT).build().unwrap();
    let begin = Instant::now();
    let mut error = unavailable(producer.send(Record::to("readings").value("v")));
    assert!((MOMENT..SECONDS).contains(&begin.elapsed()), "{:?}", begin.elapsed());
    // On a busy machine it takes longer until both were tried.
    while error.brokers.iter().any(|(_, trouble)| trouble.is_none()) && begin.elapsed() < SECONDS {
        error = unavailable(producer.send(Record::to("readings").value("v")));
    }
    for host in [first, second] {
        assert!(error.brokers.contains(&(host.to_string(), Some(Trouble::Refused))), "{error}");
        assert!(error.to_string().contains(&format!("{host}: connection refused: nothing listens there")));
    }
    let error = unavailable(producer.try_send(Record::to("readings").value("v")));
    assert!(error.waited.is_zero());
}

#[test]
fn an_unresolvable_name_is_named() {
    let producer = builder("no-such-host.invalid:9092").max_block(Duration::from_secs(2)).build().unwrap();
    let error = unavailable(producer.send(Record::to("readings").value("v")));
    assert_eq!(error.brokers, [("no-such-host.invalid:9092".to_owned(), Some(Trouble::Unresolved))]);
}

#[test]
fn a_web_server_is_not_kafka() {
    let (address, connections) = fake(|stream| {
        let _ = stream.read(&mut [0; 1024]);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
    });
    let producer = builder(&address.to_string()).max_block(Duration::from_secs(1)).build().unwrap();
    let error = unavailable(producer.send(Record::to("readings").value("v")));
    assert_eq!(error.brokers, [(address.to_string(), Some(Trouble::NotKafka(*b"HTTP")))], "{error}");
    assert!(error.to_string().contains("not a Kafka server"), "{error}");
    let count = connections.load(Ordering::SeqCst);
    assert!(count < 30, "{count} connections in a second");
}

#[test]
fn half_a_frame_and_silence_end_with_a_new_connection() {
    let (address, connections) = fake(|stream| {
        let _ = stream.read(&mut [0; 1024]);
        let _ = stream.write_all(&[0, 0, 1, 0, 0, 0]);
        // Until the client gives up.
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let producer = builder(&address.to_string())
        .request_timeout(Duration::from_millis(200))
        .max_block(Duration::from_secs(2))
        .build()
        .unwrap();
    let error = unavailable(producer.send(Record::to("readings").value("v")));
    assert_eq!(error.brokers, [(address.to_string(), Some(Trouble::TimedOut))], "{error}");
    assert!(connections.load(Ordering::SeqCst) >= 2);
}

#[test]
fn one_of_two_servers_is_enough() {
    let server = server(&[("readings", 1)]);
    // The name may have an IPv6 address too, where nobody listens.
    for servers in [
        format!("{},{}", closed(), server.bootstrap()),
        format!("localhost:{}", server.addrs[0].port()),
        format!("[::1]:{},{}", closed().port(), server.bootstrap()),
    ] {
        let producer = builder(&servers).build().unwrap();
        producer.send(Record::to("readings").value("v")).unwrap().wait().unwrap();
    }
}

#[test]
fn a_full_pool_pushes_back_and_the_record_can_be_sent_again() {
    let server = server(&[("readings", 1)]);
    server.with(|c| c.inject_many(ApiKey::PRODUCE, None, 0, 1000, Action::Delay(3_600_000_000)));
    let producer = builder(&server.bootstrap())
        .batch_size(1024)
        .buffer_memory(4096)
        .max_block(MOMENT)
        .linger(Duration::ZERO)
        .request_timeout(Duration::from_secs(2))
        .build()
        .unwrap();
    producer.topic("readings").unwrap();
    let value = [b'x'; 900];
    let record = Record::to("readings").value(&value);
    let mut deliveries = Vec::new();
    let full = loop {
        match producer.send(record) {
            Ok(delivery) => deliveries.push(delivery),
            Err(error) => break error,
        }
        assert!(deliveries.len() <= 4, "more than buffer.memory");
    };
    assert!(matches!(full, SendError::Full { waited, .. } if waited >= MOMENT), "{full}");
    assert!(full.is_retriable());
    assert!(matches!(producer.try_send(record), Err(SendError::Full { waited, .. }) if waited.is_zero()));
    assert_eq!(deliveries.len(), 4);

    // The broker answers again: the same record goes through, and those before it.
    server.with(|c| {
        c.clear_injections();
        c.drop_connections(0);
    });
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| deliveries.into_iter().for_each(|d| drop(d.wait().unwrap())));
        waiting.join().unwrap();
    });
    producer.send(record).unwrap().wait().unwrap();
    assert_eq!(server.with(|c| c.log("readings", 0).unwrap().len()), 5);
}

#[test]
fn memory_that_ordinary_batches_had_is_there_for_a_larger_record() {
    let server = server(&[("readings", 1)]);
    let builder = builder(&server.bootstrap()).batch_size(1024).buffer_memory(64 << 10);
    let producer = builder.linger(SECONDS).max_block(Duration::from_secs(2)).build().unwrap();
    let small = [b'x'; 900];
    drop(producer.send(Record::to("readings").value(&small)).unwrap());
    // Held, the cluster acknowledges nothing.
    let taken = server.with(|_| {
        (0..100).take_while(|_| producer.try_send(Record::to("readings").value(&small)).is_ok()).count()
    });
    assert_eq!(taken, 63, "all of buffer.memory is in use");
    assert!(producer.flush(SECONDS));
    let large = vec![b'x'; 40_000];
    for _ in 0..3 {
        drop(producer.send(Record::to("readings").value(&large)).unwrap());
        drop(producer.send(Record::to("readings").value(&small)).unwrap());
        assert!(producer.flush(SECONDS));
    }
    assert_eq!(server.with(|c| c.log("readings", 0).unwrap().len()), 1 + 63 + 6);
}

#[test]
fn who_finds_no_room_does_not_wait_for_batches_that_linger() {
    let server = server(&[("readings", 9)]);
    let producer = builder(&server.bootstrap())
        .batch_size(1024)
        .buffer_memory(4096)
        .linger(Duration::from_secs(60))
        .max_block(SECONDS)
        .build()
        .unwrap();
    for partition in [0, 1, 2, 3, 4, 5, 6, 7, 8, 0] {
        drop(producer.send(Record::to("readings").partition(partition).value("v")).unwrap());
    }
    assert!(producer.flush(SECONDS));
}

#[test]
fn a_record_that_is_refused_says_why() {
    let server = server(&[("readings", 2)]);
    let producer = builder(&server.bootstrap()).max_request_size(1000).max_block(MOMENT).build().unwrap();
    let send = |record: Record<'_>| producer.send(record).expect_err("accepted");
    let value = [0; 1000];
    assert!(matches!(send(Record::to("readings").value(&value)), SendError::TooLarge { max: 1000, .. }));
    assert_eq!(
        send(Record::to("readings").partition(2)),
        SendError::NoSuchPartition { topic: "readings".into(), partition: 2, partitions: 2 }
    );
    assert_eq!(send(Record::to("no/slash")), SendError::IllegalTopicName("no/slash".into()));
    assert_eq!(send(Record::to("readings").timestamp(-2)), SendError::BadTimestamp(-2));
    let missing = unavailable(producer.send(Record::to("missing")));
    assert_eq!(missing.answer, Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
    assert!(missing.to_string().contains("create the topic"), "{missing}");
    let other = builder(&server.bootstrap()).build().unwrap();
    let foreign = other.topic("readings").unwrap();
    assert_eq!(send(Record::to(&foreign)), SendError::ForeignTopic("readings".into()));
    // Nothing of this was queued, and the producer is as good as before.
    producer.send(Record::to("readings").value("fits")).unwrap().wait().unwrap();
}

#[test]
fn a_record_larger_than_a_batch_has_one_of_its_own() {
    let server = server(&[("readings", 1)]);
    let producer = builder(&server.bootstrap()).batch_size(1000).build().unwrap();
    let value = vec![b'x'; 500_000];
    producer.send(Record::to("readings").value(&value)).unwrap().wait().unwrap();
    assert_eq!(server.with(|c| c.log("readings", 0).unwrap()[0].value.as_ref().unwrap().len()), 500_000);
}

#[test]
fn a_broker_that_stops_and_starts_loses_and_doubles_nothing() {
    let server = server(&[("readings", 3)]);
    let producer =
        builder(&server.bootstrap()).batch_size(512).linger(Duration::from_millis(1)).build().unwrap();
    let topic = producer.topic("readings").unwrap();
    let mut deliveries = Vec::new();
    for i in 0..6000u32 {
        let key = i.to_be_bytes();
        deliveries.push(producer.send(Record::to(&topic).key(&key).value("v")).unwrap());
        match i % 2000 {
            500 => server.with(|c| c.inject(ApiKey::PRODUCE, Action::CloseAfter)),
            1000 => server.with(|c| c.kill_node(0)),
            1500 => server.with(|c| c.start_node(0)),
            _ => {}
        }
    }
    deliveries.into_iter().for_each(|delivery| drop(delivery.wait().unwrap()));
    let mut keys: Vec<_> =
        server.with(|c| (0..3).flat_map(|p| c.log("readings", p).unwrap()).map(|r| r.key.unwrap()).collect());
    keys.sort_unstable();
    let expected: Vec<_> = (0..6000u32).map(|i| i.to_be_bytes().to_vec()).collect();
    assert_eq!(keys, expected);
}

#[test]
fn dropping_never_hangs_and_every_delivery_ends() {
    for servers in [closed().to_string(), server(&[("readings", 1)]).bootstrap()] {
        // The second broker is gone already, too.
        let producer = builder(&servers).build().unwrap();
        producer.topic("readings").unwrap();
        let begin = Instant::now();
        drop(producer);
        assert!(begin.elapsed() < Duration::from_secs(1));
    }
    let server = server(&[("readings", 1)]);
    let (sender, ended) = mpsc::channel();
    let producer = builder(&server.bootstrap())
        .linger(Duration::from_secs(60))
        .set("delivery.timeout.ms", "100000")
        .unwrap()
        .on_delivery(move |token, result| sender.send((token, result.clone())).unwrap())
        .build()
        .unwrap();
    let delivery = producer.send(Record::to("readings").value("lingers")).unwrap();
    producer.send_with(Record::to("readings").value("lingers"), 1).unwrap();
    let begin = Instant::now();
    drop(producer);
    let error = delivery.wait().expect_err("was sent");
    assert!(!error.may_be_written(), "{error}");
    let (token, result) = ended.recv_timeout(SECONDS).unwrap();
    assert_eq!((token, result.is_err()), (1, true));
    assert!(begin.elapsed() < Duration::from_secs(5));
    // The thread has ended, and with it the handler.
    assert_eq!(ended.recv_timeout(SECONDS).err(), Some(mpsc::RecvTimeoutError::Disconnected));
}

#[test]
fn closing_sends_what_is_there_and_keeps_its_deadline() {
    let server = server(&[("readings", 1)]);
    let lingering = |server: &kafka_broker::Server| {
        let builder = builder(&server.bootstrap()).linger(Duration::from_secs(60));
        builder.delivery_timeout(Duration::from_secs(100)).build().unwrap()
    };
    let producer = lingering(&server);
    let delivery = producer.send(Record::to("readings").value("v")).unwrap();
    assert!(producer.close(SECONDS));
    assert_eq!(delivery.wait().unwrap().offset(), Some(0));
    assert_eq!(producer.send(Record::to("readings").value("v")).unwrap_err(), SendError::Closed);
    assert!(producer.close(SECONDS), "twice is once");

    let producer = lingering(&server);
    let delivery = producer.send(Record::to("readings").value("v")).unwrap();
    server.with(|c| c.kill_node(0));
    let begin = Instant::now();
    assert!(!producer.close(MOMENT));
    // A tenth of the time is for telling.
    assert!((MOMENT * 9 / 10..SECONDS).contains(&begin.elapsed()));
    delivery.wait().unwrap_err();
}

#[test]
fn closing_in_vain_tells_the_handler_before_it_returns() {
    let server = server(&[("readings", 1)]);
    let (sender, told) = mpsc::channel();
    let producer = builder(&server.bootstrap())
        .linger(Duration::from_secs(60))
        .delivery_timeout(Duration::from_secs(100))
        .on_delivery(move |token, result| sender.send((token, result.is_ok())).unwrap())
        .build()
        .unwrap();
    producer.send_with(Record::to("readings").value("v"), 7).unwrap();
    server.with(|c| c.kill_node(0));
    // A tenth of it is for telling: enough on a busy machine, too.
    assert!(!producer.close(Duration::from_secs(8)));
    assert_eq!(told.try_recv(), Ok((7, false)));
}

#[test]
fn closing_does_not_wait_longer_for_a_callback_than_it_may() {
    let server = server(&[("readings", 1)]);
    let (entered, busy) = mpsc::channel();
    let (release, held) = mpsc::channel::<()>();
    let producer = builder(&server.bootstrap()).build().unwrap();
    let callback = move |_| {
        entered.send(()).unwrap();
        let _ = held.recv();
    };
    producer.send_then(Record::to("readings").value("v"), callback).unwrap();
    busy.recv_timeout(SECONDS).unwrap();
    let begin = Instant::now();
    producer.close(Duration::from_secs(1));
    assert!(begin.elapsed() < SECONDS, "{:?}", begin.elapsed());
    drop(release);
}

#[test]
fn an_answer_that_never_comes_is_indeterminate() {
    let server = server(&[("readings", 1)]);
    let producer = builder(&server.bootstrap())
        .linger(Duration::ZERO)
        .request_timeout(Duration::from_secs(1))
        .delivery_timeout(Duration::from_secs(3))
        .build()
        .unwrap();
    producer.send(Record::to("readings").value("arrives")).unwrap().wait().unwrap();
    server.with(|c| c.inject_many(ApiKey::PRODUCE, None, 0, 1000, Action::Swallow));
    let begin = Instant::now();
    let error = producer.send(Record::to("readings").value("who knows")).unwrap().wait().unwrap_err();
    assert!(begin.elapsed() < SECONDS);
    assert!(error.may_be_written() && error.is_retriable(), "{error}");
    assert!(error.to_string().contains("delivery.timeout.ms; it may have been written"), "{error}");
    server.with(|c| c.clear_injections());
    producer.send(Record::to("readings").value("goes on")).unwrap().wait().unwrap();
}

#[test]
fn settings_that_cannot_be_are_errors_that_name_them() {
    let error = |text: &str| Producer::from_properties(text).expect_err(text).to_string();
    let with = |text: &str| error(&format!("bootstrap.servers=127.0.0.1:1\n{text}"));
    assert_eq!(error("acks=all"), "bootstrap.servers: must be at least one host:port");
    assert!(error("bootstrap.servers=broker").contains("the port is missing"));
    assert_eq!(with("linger.msec=5"), "linger.msec: no such setting; did you mean linger.ms?");
    assert_eq!(with("acks=2"), "acks: \"2\" is not allowed: must be one of 0, 1, all (or -1, which is all)");
    assert!(with("partitioner.class=org.x.P").contains("give the builder a Partitioner"));
    assert!(with("security.protocol=SASL_SSL").contains("only PLAINTEXT"));
    assert!(with("acks=1\nenable.idempotence=true").starts_with("acks: must be all"));
    assert!(with("delivery.timeout.ms=100").starts_with("delivery.timeout.ms: must be at least linger.ms"));
    assert!(with("compression.type=brotli").contains("one of none, gzip, snappy, lz4, zstd"));
    assert!(matches!(Producer::from_properties("nonsense"), Err(Error::Config(_))));
    let fine = "metadata.broker.list=127.0.0.1:1\nqueue.buffering.max.ms=7\nacks=1\nmax.in.flight=8\nsecurity.protocol=plaintext";
    Producer::from_properties(fine).unwrap();
}
