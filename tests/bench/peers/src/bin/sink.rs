//! A server that takes records and forgets them, so that the client is what a benchmark waits for: one broker, every
//! topic, of as many partitions as its name says (`bench-100`; three without a number), each batch acknowledged at once. It counts, and it checks sequence numbers.
//!
//! Prints its address, and a line of JSON at the end of each connection that produced. Ends with its standard input.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicI64, Ordering};

use kafka_bench_peers::PARTITIONS;
use kafka_proto::frame::{decode_request_header, encode_response};
use kafka_proto::messages::{
    ApiVersion, ApiVersionsResponse, FindCoordinatorResponse, InitProducerIdResponse, MetadataRequest,
    MetadataResponse, MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
    PartitionProduceResponse, ProduceRequest, ProduceResponse, TopicProduceResponse,
};
use kafka_proto::record::batches;
use kafka_proto::wire::{Array, Records};
use kafka_proto::{ApiKey, ErrorCode, Message};

/// Fetch and FindCoordinator are only named, never served: librdkafka concludes from them that it may use record batches
/// and lz4.
const APIS: [(ApiKey, i16, i16); 6] = [
    (ApiKey::PRODUCE, 3, 11),
    (ApiKey::FETCH, 4, 12),
    (ApiKey::METADATA, 1, 9),
    (ApiKey::FIND_COORDINATOR, 0, 2),
    (ApiKey::API_VERSIONS, 0, 4),
    (ApiKey::INIT_PRODUCER_ID, 0, 4),
];
static PRODUCERS: AtomicI64 = AtomicI64::new(1000);
/// The most partitions of a topic.
const PARTITIONS_MAX: usize = 1000;
static OFFSETS: [AtomicI64; PARTITIONS_MAX] = [const { AtomicI64::new(0) }; PARTITIONS_MAX];

#[derive(Default)]
struct Counts {
    requests: u64,
    batches: u64,
    records: u64,
    sequence_errors: u64,
    next: HashMap<(i64, i32), i32>,
}

impl Counts {
    /// The records of one partition's part of a request.
    fn take(&mut self, partition: i32, bytes: &[u8]) -> i64 {
        let mut records = 0;
        for batch in batches(bytes) {
            let Ok(batch) = batch else {
                self.sequence_errors += 1;
                break;
            };
            let header = batch.header();
            if header.producer_id >= 0 {
                let next = self.next.entry((header.producer_id, partition)).or_insert(0);
                self.sequence_errors += u64::from(*next != header.base_sequence);
                *next = header.base_sequence.wrapping_add(header.count);
            }
            self.batches += 1;
            records += i64::from(header.count);
        }
        self.records += records as u64;
        records
    }
}

struct Answer<'a> {
    out: &'a mut Vec<u8>,
    key: ApiKey,
    version: i16,
    correlation: i32,
}

impl Answer<'_> {
    /// Encodes a response behind those that are there; the buffer grows until it fits.
    fn put<'m>(&mut self, message: &impl Message<'m>) -> io::Result<()> {
        let start = self.out.len();
        let mut room = 4096;
        loop {
            self.out.resize(start + room, 0);
            match encode_response(&mut self.out[start..], self.key, self.version, self.correlation, message) {
                Ok(len) => {
                    self.out.truncate(start + len);
                    return Ok(());
                }
                Err(_) if room < 1 << 20 => room *= 4,
                Err(error) => return Err(io::Error::other(format!("{error:?}"))),
            }
        }
    }
}

fn wrong(what: impl std::fmt::Debug) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{what:?}"))
}

fn handle(frame: &[u8], port: u16, counts: &mut Counts, out: &mut Vec<u8>) -> io::Result<()> {
    let (header, body) = decode_request_header(frame).map_err(wrong)?;
    let (key, version) = (header.api_key, header.api_version);
    let mut answer = Answer { out, key, version, correlation: header.correlation_id };
    match key {
        ApiKey::PRODUCE => produce(body, counts, &mut answer),
        ApiKey::METADATA => metadata(body, port, &mut answer),
        ApiKey::API_VERSIONS => {
            let apis =
                APIS.map(|(key, min, max)| ApiVersion { api_key: key.0, min_version: min, max_version: max });
            // KIP-511: the answer to a version that is too new has the shape of version 0.
            let known = version <= 4;
            answer.version = if known { version } else { 0 };
            let error_code = if known { ErrorCode::NONE } else { ErrorCode::UNSUPPORTED_VERSION };
            answer.put(&ApiVersionsResponse {
                error_code,
                api_keys: Array::slice(&apis),
                ..ApiVersionsResponse::default()
            })
        }
        ApiKey::INIT_PRODUCER_ID => answer.put(&InitProducerIdResponse {
            producer_id: PRODUCERS.fetch_add(1, Ordering::Relaxed),
            producer_epoch: 0,
            ..InitProducerIdResponse::default()
        }),
        ApiKey::FIND_COORDINATOR => answer.put(&FindCoordinatorResponse {
            error_code: ErrorCode::COORDINATOR_NOT_AVAILABLE,
            ..FindCoordinatorResponse::default()
        }),
        _ => Err(wrong((key, version))),
    }
}

fn produce(body: &[u8], counts: &mut Counts, answer: &mut Answer<'_>) -> io::Result<()> {
    let request = ProduceRequest::decode(answer.version, body).map_err(wrong)?;
    counts.requests += 1;
    let mut rows = Vec::new();
    for topic in request.topic_data.iter() {
        let mut partitions = Vec::new();
        for partition in topic.partition_data.iter() {
            let Records::Bytes(bytes) = partition.records else { continue };
            let records = counts.take(partition.index, bytes);
            let log = &OFFSETS[partition.index.unsigned_abs() as usize % PARTITIONS_MAX];
            partitions.push(PartitionProduceResponse {
                index: partition.index,
                base_offset: log.fetch_add(records, Ordering::Relaxed),
                log_start_offset: 0,
                ..PartitionProduceResponse::default()
            });
        }
        rows.push((topic.name, partitions));
    }
    if request.acks == 0 {
        return Ok(());
    }
    let rows = rows.iter().map(|(name, partitions)| TopicProduceResponse {
        name,
        partition_responses: Array::slice(partitions),
        ..TopicProduceResponse::default()
    });
    let responses: Vec<_> = rows.collect();
    answer.put(&ProduceResponse { responses: Array::slice(&responses), ..ProduceResponse::default() })
}

fn partitions_of(topic: &str) -> i32 {
    let number = topic.rsplit('-').next().and_then(|number| number.parse().ok());
    number.unwrap_or(PARTITIONS as i32).clamp(1, PARTITIONS_MAX as i32)
}

fn metadata(body: &[u8], port: u16, answer: &mut Answer<'_>) -> io::Result<()> {
    let request = MetadataRequest::decode(answer.version, body).map_err(wrong)?;
    let broker = MetadataResponseBroker {
        node_id: 1,
        host: "127.0.0.1",
        port: i32::from(port),
        ..MetadataResponseBroker::default()
    };
    let partition = |index| MetadataResponsePartition {
        partition_index: index,
        leader_id: 1,
        leader_epoch: 0,
        replica_nodes: Array::slice(&[1]),
        isr_nodes: Array::slice(&[1]),
        ..MetadataResponsePartition::default()
    };
    let names = request.topics.iter().flat_map(|topics| topics.iter()).filter_map(|topic| topic.name);
    let named: Vec<(&str, Vec<_>)> =
        names.map(|name| (name, (0..partitions_of(name)).map(partition).collect())).collect();
    let topics: Vec<_> = named
        .iter()
        .map(|(name, partitions)| MetadataResponseTopic {
            name: Some(name),
            partitions: Array::slice(partitions),
            ..MetadataResponseTopic::default()
        })
        .collect();
    answer.put(&MetadataResponse {
        brokers: Array::slice(&[broker]),
        cluster_id: Some("sink"),
        controller_id: 1,
        topics: Array::slice(&topics),
        ..MetadataResponse::default()
    })
}

fn serve(mut stream: TcpStream, port: u16, counts: &mut Counts) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut buffer, mut out) = (vec![0; 1 << 20], Vec::new());
    let (mut start, mut end) = (0, 0);
    loop {
        while let Some(len) = buffer[start..end].first_chunk() {
            let len = 4 + u32::from_be_bytes(*len) as usize;
            if buffer.len() < len {
                buffer.resize(len, 0);
            }
            let Some(frame) = buffer[start..end].get(4..len) else { break };
            handle(frame, port, counts, &mut out)?;
            start += len;
            stream.write_all(&out)?;
            out.clear();
        }
        if start == end {
            (start, end) = (0, 0);
        } else if buffer.len() - end < 1 << 16 {
            buffer.copy_within(start..end, 0);
            (start, end) = (0, end - start);
        }
        match stream.read(&mut buffer[end..])? {
            0 => return Ok(()),
            n => end += n,
        }
    }
}

fn main() -> io::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let port = listener.local_addr()?.port();
    println!("127.0.0.1:{port}");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut counts = Counts::default();
                // Clients hang up in many ways.
                if let Err(error) = serve(stream, port, &mut counts)
                    && error.kind() != io::ErrorKind::ConnectionReset
                {
                    eprintln!("sink: {error}");
                }
                if counts.requests > 0 {
                    let Counts { requests, batches, records, sequence_errors, .. } = counts;
                    println!(
                        "{{\"requests\":{requests},\"batches\":{batches},\"records\":{records},\
                         \"sequence_errors\":{sequence_errors}}}"
                    );
                }
            });
        }
    });
    io::copy(&mut io::stdin().lock(), &mut io::sink())?;
    Ok(())
}
