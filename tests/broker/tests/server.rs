//! The cluster behind sockets: strangers, limits, nodes that come and go, an end without remains, and its speed.

mod common;

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use common::{Message, plain, produced, stamped};
use kafka_broker::{Config, Listen, Server};
use kafka_proto::frame::{decode_response_header, encode_request};
use kafka_proto::messages::*;
use kafka_proto::{ApiKey, Array, Records, Request};

const WAIT: Duration = Duration::from_secs(10);

struct Client(TcpStream);

impl Client {
    fn connect(addr: SocketAddr) -> Self {
        let stream = TcpStream::connect(addr).unwrap();
        stream.set_read_timeout(Some(WAIT)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self(stream)
    }

    fn send<'a, R: Request<'a>>(&mut self, version: i16, request: &R) {
        self.0.write_all(&frame(version, request)).unwrap();
    }

    fn answer(&mut self, key: ApiKey, version: i16) -> Vec<u8> {
        let mut len = [0; 4];
        self.0.read_exact(&mut len).unwrap();
        let mut frame = vec![0; u32::from_be_bytes(len) as usize];
        self.0.read_exact(&mut frame).unwrap();
        decode_response_header(key, version, &frame).unwrap().1.to_vec()
    }

    fn metadata(&mut self) -> usize {
        self.send(1, &MetadataRequest { topics: None, ..Default::default() });
        let body = self.answer(ApiKey::METADATA, 1);
        MetadataResponse::decode(1, &body).unwrap().brokers.len()
    }

    /// Whether the broker closed the connection.
    fn is_closed(&mut self) -> bool {
        match self.0.read(&mut [0; 1]) {
            Ok(n) => n == 0,
            Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    }
}

fn frame<'a, R: Request<'a>>(version: i16, request: &R) -> Vec<u8> {
    let mut out = vec![0; request.encoded_len(version) + 100];
    let len = encode_request(&mut out, (version, 1, Some("client")), request, &mut []).unwrap().head_len;
    out.truncate(len);
    out
}

fn produce_frame(records: &[u8], acks: i16) -> Vec<u8> {
    let data = [PartitionProduceData { index: 0, records: Records::Bytes(records) }];
    let topics = [TopicProduceData { name: "t", partition_data: Array::slice(&data), ..Default::default() }];
    let topic_data = Array::slice(&topics);
    frame(11, &ProduceRequest { acks, timeout_ms: 1000, topic_data, ..Default::default() })
}

fn config() -> Config {
    Config { topics: vec![("t".into(), 1)], ..Config::default() }
}

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn log(line: &str) {
    LINES.lock().unwrap().push(line.to_owned());
}

fn logged(what: &str) {
    let until = Instant::now() + WAIT;
    while !LINES.lock().unwrap().iter().any(|line| line.contains(what)) {
        assert!(Instant::now() < until, "no line with {what:?}: {:?}", LINES.lock().unwrap());
        std::thread::yield_now();
    }
}

#[test]
fn malformed_and_oversized_frames_close_their_connection_only() {
    let config = Config { max_request_bytes: 4096, max_connections: 3, ..config() };
    let server = Server::start_on(config, &Listen { log, ..Listen::default() }).unwrap();
    let addr = server.addrs[0];
    let mut good = Client::connect(addr);
    assert_eq!(good.metadata(), 1);
    for (bytes, line) in [
        (&b"GET / HTTP/1.1\r\n\r\n"[..], "frame"),
        (&[0xff, 0xff, 0xff, 0xff][..], "frame length"),
        (&[0, 0, 0, 10, 0, 3, 0, 1, 0, 0, 0, 1, 0, 9][..], "malformed request"),
        (&[0, 0, 0, 10, 0, 99, 0, 1, 0, 0, 0, 1, 0, 0][..], "malformed request"),
        (&[0, 0, 0, 10, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0][..], "unsupported request: Produce version 2"),
    ] {
        let mut bad = Client::connect(addr);
        bad.0.write_all(bytes).unwrap();
        assert!(bad.is_closed(), "{bytes:?}");
        logged(line);
    }
    logged("unsupported request: Produce version 2");
    assert_eq!(good.metadata(), 1);
    let mut others = [Client::connect(addr), Client::connect(addr)];
    others.iter_mut().for_each(|c| assert_eq!(c.metadata(), 1));
    assert!(Client::connect(addr).is_closed());
    logged("too many connections");
}

#[test]
fn one_byte_at_a_time_and_many_requests_at_once() {
    let server = Server::start(config()).unwrap();
    let mut client = Client::connect(server.addrs[0]);
    let frame = produce_frame(&plain(&["a"]), -1);
    for byte in &frame {
        client.0.write_all(std::slice::from_ref(byte)).unwrap();
    }
    assert_eq!(produced(&client.answer(ApiKey::PRODUCE, 11)).1, 0);
    client.0.write_all(&frame.repeat(500)).unwrap();
    for offset in 1..=500 {
        assert_eq!(produced(&client.answer(ApiKey::PRODUCE, 11)).1, offset);
    }
}

#[test]
fn what_came_before_the_end_of_a_connection_counts() {
    let server = Server::start(config()).unwrap();
    let mut client = Client::connect(server.addrs[0]);
    client.0.write_all(&produce_frame(&plain(&["a"]), 0).repeat(100)).unwrap();
    client.0.shutdown(Shutdown::Both).unwrap();
    let until = Instant::now() + WAIT;
    while server.with(|c| c.log("t", 0).unwrap().len() < 100 || c.connections() > 0) {
        assert!(Instant::now() < until);
        std::thread::yield_now();
    }
}

#[test]
fn a_client_that_leaves_during_a_long_poll_is_forgotten() {
    let server = Server::start(config()).unwrap();
    let mut client = Client::connect(server.addrs[0]);
    let parts = [FetchPartition { partition_max_bytes: 1000, ..Default::default() }];
    let topics = [FetchTopic { topic: "t", partitions: Array::slice(&parts), ..Default::default() }];
    let topics = Array::slice(&topics);
    let request =
        FetchRequest { max_wait_ms: 60_000, min_bytes: 1, session_epoch: -1, topics, ..Default::default() };
    client.send(11, &request);
    while server.with(|c| c.connections()) == 0 {
        std::thread::yield_now();
    }
    drop(client);
    let until = Instant::now() + WAIT;
    while server.with(|c| c.connections()) > 0 {
        assert!(Instant::now() < until);
        std::thread::yield_now();
    }
}

#[test]
fn a_killed_node_is_not_reachable_until_it_is_started() {
    let server = Server::start(Config { nodes: 2, ..config() }).unwrap();
    let mut clients = [Client::connect(server.addrs[0]), Client::connect(server.addrs[1])];
    clients.iter_mut().for_each(|c| assert_eq!(c.metadata(), 2));
    server.with(|c| c.kill_node(1));
    assert!(clients[1].is_closed());
    assert_eq!(clients[0].metadata(), 1);
    let refused = |addr| TcpStream::connect_timeout(&addr, WAIT).is_err();
    assert!(refused(server.addrs[1]));
    server.with(|c| c.start_node(1));
    let until = Instant::now() + WAIT;
    while refused(server.addrs[1]) {
        assert!(Instant::now() < until);
        std::thread::yield_now();
    }
    assert_eq!(Client::connect(server.addrs[1]).metadata(), 2);
}

#[test]
fn it_stops_when_it_is_dropped_and_its_port_is_free() {
    let server = Server::start(config()).unwrap();
    let addr = server.addrs[0];
    let mut client = Client::connect(addr);
    client.metadata();
    drop(server);
    assert!(client.is_closed());
    let again = Listen { address: addr.to_string(), ..Listen::default() };
    let server = Server::start_on(config(), &again).unwrap();
    assert_eq!(server.bootstrap(), addr.to_string());
    let error = Server::start_on(config(), &again).unwrap_err();
    assert!(error.to_string().contains(&addr.to_string()), "{error}");
}

/// A million records of 100 bytes a second is what the benchmarks lean on; far more fit through one core.
#[test]
fn a_million_records_a_second() {
    let server = Server::start(config()).unwrap();
    let value = "x".repeat(100);
    let values = vec![value.as_str(); 600];
    let mut client = Client::connect(server.addrs[0]);
    let rounds: i32 = if cfg!(debug_assertions) { 100 } else { 5_000 };
    // Sequences are checked too, as with a real producer.
    let frames: Vec<Vec<u8>> =
        (0..rounds).map(|n| produce_frame(&stamped(&values, 1, 0, n * 600), -1)).collect();
    let start = Instant::now();
    let mut answered = 0;
    for (sent, frame) in frames.iter().enumerate() {
        client.0.write_all(frame).unwrap();
        if sent >= 5 {
            client.answer(ApiKey::PRODUCE, 11);
            answered += 1;
        }
    }
    while answered < rounds {
        client.answer(ApiKey::PRODUCE, 11);
        answered += 1;
    }
    let rate = f64::from(rounds) * 600.0 / start.elapsed().as_secs_f64();
    println!("{rate:.0} records of 100 bytes a second");
    assert_eq!(server.with(|c| c.partition("t", 0).unwrap().log.end_offset()), i64::from(rounds) * 600);
    if !cfg!(debug_assertions) {
        assert!(rate > 1e6, "{rate:.0} records a second");
    }
}
