//! A cluster on a bench: requests go in as structures, answers come out as bodies, time is moved by hand.
#![allow(dead_code, reason = "each test program uses its part")]

use std::collections::BTreeMap;

use kafka_broker::{Cluster, Config, ConnId, Output};
use kafka_proto::frame::{decode_response_header, encode_request};
use kafka_proto::messages::*;
use kafka_proto::record::{BatchBuilder, NewRecord, Stamp};
use kafka_proto::{Array, ErrorCode, Records, Request};

pub struct Bench {
    pub cluster: Cluster,
    pub now: u64,
    conns: BTreeMap<i32, ConnId>,
    /// Bodies that arrived, by connection.
    inbox: BTreeMap<ConnId, Vec<Vec<u8>>>,
    /// What requests still owe: key and version, by connection.
    owed: BTreeMap<ConnId, Vec<(kafka_proto::ApiKey, i16)>>,
    pub closed: Vec<(ConnId, String)>,
}

impl Bench {
    pub fn new(config: Config) -> Self {
        let cluster = Cluster::new(config, 7).unwrap();
        let (conns, inbox, owed) = Default::default();
        Self { cluster, now: 1_000_000, conns, inbox, owed, closed: Vec::new() }
    }

    /// One node and the topic "t" with one partition.
    pub fn single() -> Self {
        Self::new(Config { topics: vec![("t".into(), 1)], ..Config::default() })
    }

    /// Three nodes and the topic "t" with three partitions, led by nodes 0, 1 and 2.
    pub fn three() -> Self {
        Self::new(Config { nodes: 3, topics: vec![("t".into(), 3)], ..Config::default() })
    }

    pub fn connect(&mut self, node: i32) -> ConnId {
        self.cluster.handle_connect(self.now, node).unwrap()
    }

    /// The connection to `node` that [`Self::ask`] uses.
    pub fn conn(&mut self, node: i32) -> ConnId {
        match self.conns.get(&node).copied() {
            Some(conn) if !self.closed.iter().any(|c| c.0 == conn) => conn,
            _ => {
                let conn = self.connect(node);
                self.conns.insert(node, conn);
                conn
            }
        }
    }

    /// Sends a request and does not wait.
    pub fn send<'a, R: Request<'a>>(&mut self, conn: ConnId, version: i16, request: &R) {
        let mut out = vec![0; request.encoded_len(version) + 100];
        let frame = encode_request(&mut out, (version, 99, Some("bench")), request, &mut []).unwrap();
        self.owed.entry(conn).or_default().push((R::KEY, version));
        self.cluster.handle_request(self.now, conn, &out[4..frame.head_len]);
        self.drain();
    }

    pub fn send_raw(&mut self, conn: ConnId, frame: &[u8]) {
        self.cluster.handle_request(self.now, conn, frame);
        self.drain();
    }

    /// The next body that came for a connection.
    pub fn take(&mut self, conn: ConnId) -> Option<Vec<u8>> {
        let inbox = self.inbox.get_mut(&conn)?;
        (!inbox.is_empty()).then(|| inbox.remove(0))
    }

    /// Sends a request to a node and returns the answer's body.
    pub fn ask<'a, R: Request<'a>>(&mut self, node: i32, version: i16, request: &R) -> Vec<u8> {
        let conn = self.conn(node);
        self.send(conn, version, request);
        self.take(conn).unwrap_or_else(|| panic!("no answer to {:?} {version}: {:?}", R::KEY, self.closed))
    }

    /// Moves time and lets the cluster do what is due.
    pub fn pass(&mut self, micros: u64) {
        let until = self.now + micros;
        while let Some(at) = self.cluster.next_deadline().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.cluster.poll(self.now);
            self.drain();
        }
        self.now = until;
        self.cluster.poll(self.now);
        self.drain();
    }

    pub fn drain(&mut self) {
        while let Some(output) = self.cluster.poll_output() {
            match output {
                Output::Response { conn, bytes } => {
                    let (key, version) = self.owed.get_mut(&conn).unwrap().remove(0);
                    let (correlation, body) = decode_response_header(key, version, &bytes[4..]).unwrap();
                    assert_eq!(correlation, 99);
                    assert_eq!(u32::from_be_bytes(bytes[..4].try_into().unwrap()) as usize, bytes.len() - 4);
                    self.inbox.entry(conn).or_default().push(body.to_vec());
                }
                Output::Close { conn, reason } => self.closed.push((conn, reason)),
                Output::NodeDown(_) | Output::NodeUp(_) => {}
            }
        }
    }

    /// Produces to "t" and returns error and base offset.
    pub fn produce(&mut self, node: i32, partition: i32, acks: i16, batch: &[u8]) -> (ErrorCode, i64) {
        self.produce_as(node, partition, acks, batch, None)
    }

    pub fn produce_as(
        &mut self,
        node: i32,
        partition: i32,
        acks: i16,
        batch: &[u8],
        id: Option<&str>,
    ) -> (ErrorCode, i64) {
        let conn = self.conn(node);
        self.send_produce(conn, partition, acks, batch, id);
        produced(&self.take(conn).expect("an answer to Produce"))
    }

    pub fn send_produce(
        &mut self,
        conn: ConnId,
        partition: i32,
        acks: i16,
        batch: &[u8],
        transactional_id: Option<&str>,
    ) {
        let data = [PartitionProduceData { index: partition, records: Records::Bytes(batch) }];
        let topics =
            [TopicProduceData { name: "t", partition_data: Array::slice(&data), ..Default::default() }];
        let topic_data = Array::slice(&topics);
        let request = ProduceRequest { transactional_id, acks, timeout_ms: 1_000, topic_data };
        self.send(conn, 11, &request);
    }

    /// Fetches one partition of "t" at once.
    pub fn fetch(&mut self, node: i32, partition: i32, offset: i64) -> Fetched {
        let conn = self.conn(node);
        self.send_fetch(conn, 12, &Fetch { partition, offset, ..Fetch::default() });
        fetched(12, &self.take(conn).expect("an answer to Fetch"))
    }

    pub fn send_fetch(&mut self, conn: ConnId, version: i16, fetch: &Fetch) {
        let partitions = [FetchPartition {
            partition: fetch.partition,
            fetch_offset: fetch.offset,
            current_leader_epoch: fetch.leader_epoch,
            last_fetched_epoch: fetch.last_fetched_epoch,
            partition_max_bytes: fetch.max_bytes,
            ..Default::default()
        }];
        let topics = [FetchTopic { topic: "t", partitions: Array::slice(&partitions), ..Default::default() }];
        let request = FetchRequest {
            max_wait_ms: fetch.wait_ms,
            min_bytes: fetch.min_bytes,
            max_bytes: fetch.max_bytes,
            isolation_level: i8::from(fetch.committed),
            session_epoch: -1,
            topics: Array::slice(&topics),
            ..Default::default()
        };
        self.send(conn, version, &request);
    }
}

/// A fetch of one partition of "t".
pub struct Fetch {
    pub partition: i32,
    pub offset: i64,
    pub leader_epoch: i32,
    pub last_fetched_epoch: i32,
    pub max_bytes: i32,
    pub min_bytes: i32,
    pub wait_ms: i32,
    pub committed: bool,
}

impl Default for Fetch {
    fn default() -> Self {
        Self {
            partition: 0,
            offset: 0,
            leader_epoch: -1,
            last_fetched_epoch: -1,
            max_bytes: 1 << 20,
            min_bytes: 1,
            wait_ms: 0,
            committed: false,
        }
    }
}

/// The one partition of a fetch response.
#[derive(Debug)]
pub struct Fetched {
    pub code: ErrorCode,
    pub high_watermark: i64,
    pub last_stable: i64,
    pub bytes: Vec<u8>,
    pub aborted: Option<Vec<(i64, i64)>>,
    pub diverging: (i32, i64),
    pub preferred: i32,
    pub leader: (i32, i32),
}

impl Fetched {
    /// Values of the records in it, markers left out.
    pub fn values(&self) -> Vec<String> {
        let mut values = Vec::new();
        for batch in kafka_proto::record::batches(&self.bytes).map(Result::unwrap) {
            batch.verify_crc().unwrap();
            if !batch.header().attributes.is_control() {
                let text = |v: Option<&[u8]>| String::from_utf8(v.unwrap().to_vec()).unwrap();
                values.extend(batch.records().unwrap().map(|r| text(r.unwrap().value)));
            }
        }
        values
    }
}

pub fn produced(body: &[u8]) -> (ErrorCode, i64) {
    let response = ProduceResponse::decode(11, body).unwrap();
    let row = response.responses.first().unwrap().partition_responses.first().unwrap();
    (row.error_code, row.base_offset)
}

pub fn fetched(version: i16, body: &[u8]) -> Fetched {
    let response = FetchResponse::decode(version, body).unwrap();
    assert_eq!(response.error_code, ErrorCode::NONE);
    let row = response.responses.first().expect("a topic").partitions.first().expect("a partition");
    Fetched {
        code: row.error_code,
        high_watermark: row.high_watermark,
        last_stable: row.last_stable_offset,
        bytes: row.records.bytes().to_vec(),
        aborted: row
            .aborted_transactions
            .map(|a| a.iter().map(|a| (a.producer_id, a.first_offset)).collect()),
        diverging: (row.diverging_epoch.epoch, row.diverging_epoch.end_offset),
        preferred: row.preferred_read_replica,
        leader: (row.current_leader.leader_id, row.current_leader.leader_epoch),
    }
}

/// A batch of these values, at timestamps 1000, 1001, ….
pub fn batch(values: &[&str], stamp: &Stamp) -> Vec<u8> {
    let mut memory = vec![0; 100 + values.iter().map(|v| v.len() + 30).sum::<usize>()];
    let mut builder = BatchBuilder::new();
    for (n, value) in values.iter().enumerate() {
        let timestamp = 1000 + n as i64;
        let record = NewRecord { key: None, value: Some(value.as_bytes()), headers: &[], timestamp };
        builder.append(&mut memory, &record).unwrap();
    }
    let len = builder.finish(&mut memory, stamp);
    memory.truncate(len);
    memory
}

/// A batch without idempotence.
pub fn plain(values: &[&str]) -> Vec<u8> {
    batch(values, &Stamp::NONE)
}

/// A batch of an idempotent producer.
pub fn stamped(values: &[&str], producer_id: i64, producer_epoch: i16, base_sequence: i32) -> Vec<u8> {
    batch(values, &Stamp { producer_id, producer_epoch, base_sequence, ..Stamp::NONE })
}

pub use kafka_proto::Message;
