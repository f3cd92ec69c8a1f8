//! Not a client: the floor under the others. One thread, one blocking connection to the one broker, Produce v8 and Fetch
//! v4, batches made by hand in the request's buffer, three of them in a request and five requests under way, with
//! producer id and sequence numbers. No metadata, no partitioner, no linger, no retries, no result per record, no
//! compression.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use kafka_bench_peers::{
    Args, PARTITIONS, Section, Touched, WARM_UP, batch, broker, report_produced, values,
};

const IN_FLIGHT: usize = 5;
const HEADER: usize = 61;

struct Connection {
    stream: TcpStream,
    request: Vec<u8>,
    response: Vec<u8>,
    correlation: i32,
}

impl Connection {
    fn open() -> io::Result<Connection> {
        let stream = TcpStream::connect(broker())?;
        stream.set_nodelay(true)?;
        Ok(Connection { stream, request: Vec::with_capacity(4 << 20), response: Vec::new(), correlation: 0 })
    }

    fn begin(&mut self, key: i16, version: i16) {
        self.correlation += 1;
        self.request.clear();
        self.request.extend([0; 4]);
        self.put(&key.to_be_bytes());
        self.put(&version.to_be_bytes());
        self.put(&self.correlation.to_be_bytes());
        self.string("floor");
    }

    fn put(&mut self, bytes: &[u8]) {
        self.request.extend_from_slice(bytes);
    }

    fn int(&mut self, n: i32) {
        self.put(&n.to_be_bytes());
    }

    fn string(&mut self, text: &str) {
        self.put(&(text.len() as i16).to_be_bytes());
        self.put(text.as_bytes());
    }

    fn send(&mut self) -> io::Result<()> {
        let len = (self.request.len() - 4) as i32;
        self.request[..4].copy_from_slice(&len.to_be_bytes());
        self.stream.write_all(&self.request)
    }

    /// The next response, behind its length and correlation id.
    fn receive(&mut self) -> io::Result<&[u8]> {
        let mut len = [0; 4];
        self.stream.read_exact(&mut len)?;
        self.response.resize(i32::from_be_bytes(len) as usize, 0);
        self.stream.read_exact(&mut self.response)?;
        Ok(&self.response[4..])
    }
}

fn i16_at(bytes: &[u8], at: usize) -> i16 {
    i16::from_be_bytes([bytes[at], bytes[at + 1]])
}

fn i32_at(bytes: &[u8], at: usize) -> i32 {
    bytes[at..].first_chunk().map_or(0, |b| i32::from_be_bytes(*b))
}

fn i64_at(bytes: &[u8], at: usize) -> i64 {
    bytes[at..].first_chunk().map_or(0, |b| i64::from_be_bytes(*b))
}

fn put_varint(to: &mut Vec<u8>, n: i64) {
    let mut left = ((n << 1) ^ (n >> 63)) as u64;
    while left >= 128 {
        to.push(left as u8 | 128);
        left >>= 7;
    }
    to.push(left as u8);
}

fn varint_len(n: i64) -> i64 {
    let bits = 64 - (((n << 1) ^ (n >> 63)) as u64 | 1).leading_zeros();
    i64::from(bits.div_ceil(7))
}

#[inline(always)]
fn varint_at(bytes: &[u8], at: &mut usize) -> i64 {
    let (mut n, mut shift) = (0u64, 0);
    loop {
        let byte = bytes[*at];
        *at += 1;
        n |= u64::from(byte & 127) << shift;
        if byte < 128 {
            return (n >> 1) as i64 ^ -((n & 1) as i64);
        }
        shift += 7;
    }
}

/// Identity of an idempotent producer.
struct Identity {
    id: i64,
    sequences: [i32; PARTITIONS],
}

impl Identity {
    fn ask(connection: &mut Connection) -> io::Result<Identity> {
        connection.begin(22, 1);
        connection.put(&(-1i16).to_be_bytes());
        connection.int(60_000);
        connection.send()?;
        let answer = connection.receive()?;
        assert_eq!(i16_at(answer, 4), 0, "no producer id");
        Ok(Identity { id: i64_at(answer, 6), sequences: [0; PARTITIONS] })
    }

    /// A partition's part of a produce request: its number, and one batch of `count` records.
    fn batch(
        &mut self,
        to: &mut Vec<u8>,
        partition: usize,
        count: usize,
        values: &mut impl Iterator<Item = &'static [u8]>,
    ) {
        to.extend((partition as i32).to_be_bytes());
        let length_at = to.len();
        to.extend([0; 4 + HEADER]);
        for (index, value) in values.take(count).enumerate() {
            let (index, len) = (index as i64, value.len() as i64);
            put_varint(to, 4 + varint_len(index) - 1 + varint_len(len) + len + 1);
            to.extend([0, 0]);
            put_varint(to, index);
            to.push(1);
            put_varint(to, len);
            to.extend_from_slice(value);
            to.push(0);
        }
        let len = to.len() - length_at - 4;
        to[length_at..length_at + 4].copy_from_slice(&(len as i32).to_be_bytes());
        let batch = &mut to[length_at + 4..];
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as i64);
        batch[8..12].copy_from_slice(&(len as i32 - 12).to_be_bytes());
        batch[16] = 2;
        batch[23..27].copy_from_slice(&(count as i32 - 1).to_be_bytes());
        batch[27..35].copy_from_slice(&now.to_be_bytes());
        batch[35..43].copy_from_slice(&now.to_be_bytes());
        batch[43..51].copy_from_slice(&self.id.to_be_bytes());
        batch[53..57].copy_from_slice(&self.sequences[partition].to_be_bytes());
        batch[57..61].copy_from_slice(&(count as i32).to_be_bytes());
        let crc = crc32c::crc32c(&batch[21..]);
        batch[17..21].copy_from_slice(&crc.to_be_bytes());
        self.sequences[partition] += count as i32;
    }
}

fn begin_produce(connection: &mut Connection, topic: &str, partitions: usize) {
    connection.begin(0, 8);
    connection.put(&(-1i16).to_be_bytes());
    connection.put(&(-1i16).to_be_bytes());
    connection.int(30_000);
    connection.int(1);
    connection.string(topic);
    connection.int(partitions as i32);
}

/// Every partition of the response must have been written.
fn check(answer: &[u8], topic: &str) {
    let mut at = 4 + 2 + topic.len();
    let partitions = i32_at(answer, at);
    at += 4;
    for _ in 0..partitions {
        assert_eq!(i16_at(answer, at + 4), 0, "not written");
        at += 4 + 2 + 8 + 8 + 8 + 4 + 2;
    }
}

fn produce(args: &Args) -> io::Result<()> {
    let mut connection = Connection::open()?;
    let mut identity = Identity::ask(&mut connection)?;
    let mut values = values(args.size);
    let per_batch = ((batch() - HEADER) / (args.size + 9)).max(1);
    let section = Section::start();
    let (mut left, mut under_way) = (args.n, 0);
    while left > 0 {
        let partitions = left.div_ceil(per_batch).min(PARTITIONS);
        begin_produce(&mut connection, &args.topic, partitions);
        for partition in 0..partitions {
            let count = per_batch.min(left);
            identity.batch(&mut connection.request, partition, count, &mut values);
            left -= count;
        }
        connection.send()?;
        under_way += 1;
        if under_way == IN_FLIGHT {
            check(connection.receive()?, &args.topic);
            under_way -= 1;
        }
    }
    for _ in 0..under_way {
        check(connection.receive()?, &args.topic);
    }
    report_produced(&section, args, 0);
    Ok(())
}

fn latency(args: &Args) -> io::Result<()> {
    let mut connection = Connection::open()?;
    let mut identity = Identity::ask(&mut connection)?;
    let mut values = values(args.size);
    let mut latencies = Vec::with_capacity(args.n + WARM_UP);
    let mut section = Section::start();
    for index in 0..args.n + WARM_UP {
        if index == WARM_UP {
            section = Section::start();
            latencies.clear();
        }
        let start = Instant::now();
        begin_produce(&mut connection, &args.topic, 1);
        identity.batch(&mut connection.request, index % PARTITIONS, 1, &mut values);
        connection.send()?;
        check(connection.receive()?, &args.topic);
        latencies.push(start.elapsed());
    }
    section.report_latencies(latencies);
    Ok(())
}

fn consume(args: &Args) -> io::Result<()> {
    let mut connection = Connection::open()?;
    let section = Section::start();
    let mut touched = Touched::default();
    let mut offsets = [0i64; PARTITIONS];
    while touched.n < args.n {
        connection.begin(1, 4);
        connection.int(-1);
        connection.int(500);
        connection.int(1);
        connection.int(50 << 20);
        connection.put(&[0]);
        connection.int(1);
        connection.string(&args.topic);
        connection.int(PARTITIONS as i32);
        for (partition, offset) in offsets.iter().enumerate() {
            connection.int(partition as i32);
            connection.put(&offset.to_be_bytes());
            connection.int(1 << 20);
        }
        connection.send()?;
        let answer = connection.receive()?;
        let mut at = 4 + 4 + 2 + args.topic.len() + 4;
        for _ in 0..PARTITIONS {
            let partition = i32_at(answer, at) as usize;
            at += 4 + 2 + 8 + 8;
            at += 4 + 16 * i32_at(answer, at).max(0) as usize;
            let len = i32_at(answer, at).max(0) as usize;
            read_batches(&answer[at + 4..at + 4 + len], &mut offsets[partition], &mut touched);
            at += 4 + len;
        }
    }
    touched.report(&section);
    Ok(())
}

fn read_batches(mut bytes: &[u8], offset: &mut i64, touched: &mut Touched) {
    while bytes.len() >= HEADER {
        let len = i32_at(bytes, 8) as usize + 12;
        let Some((batch, rest)) = bytes.split_at_checked(len) else { return };
        bytes = rest;
        assert_eq!(crc32c::crc32c(&batch[21..]), i32_at(batch, 17) as u32, "checksum");
        let (base, mut at) = (i64_at(batch, 0), HEADER);
        for _ in 0..i32_at(batch, 57) {
            let len = varint_at(batch, &mut at) as usize;
            let end = at + len;
            at += 1;
            varint_at(batch, &mut at);
            let record = base + varint_at(batch, &mut at);
            at += varint_at(batch, &mut at).max(0) as usize;
            let len = varint_at(batch, &mut at) as usize;
            if record >= *offset {
                touched.value(&batch[at..at + len]);
            }
            at = end;
        }
        *offset = base + i64::from(i32_at(batch, 23)) + 1;
    }
}

fn main() -> io::Result<()> {
    let args = Args::parse();
    assert_eq!(args.compression, "none", "the floor does not compress");
    match args.mode.as_str() {
        "produce" => produce(&args),
        "latency" => latency(&args),
        "consume" => consume(&args),
        _ => args.unknown_mode(),
    }
}
