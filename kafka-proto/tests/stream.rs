//! The streaming readers: through any memory that is large enough, in pieces of any size, they say what the readers of
//! whole messages say.

use kafka_proto::compress::{Workspace, bound};
use kafka_proto::messages::*;
use kafka_proto::record::*;
use kafka_proto::stream::*;
use kafka_proto::{Array, Fault, Message};

/// Miri is a hundred times slower: of what is done for each bit it does every so-manyth.
const STEP: usize = if cfg!(miri) { 37 } else { 1 };

/// A buffer of `size` bytes that is filled from `input` in pieces of at most `piece`, as a socket fills it.
struct Feed<'a> {
    input: &'a [u8],
    memory: Vec<u8>,
    size: usize,
    piece: usize,
}

impl<'a> Feed<'a> {
    fn new(input: &'a [u8], size: usize, piece: usize) -> Self {
        Self { input, memory: Vec::new(), size, piece }
    }

    /// False where the input has ended or the buffer is full.
    fn fill(&mut self) -> bool {
        let len = self.piece.min(self.input.len()).min(self.size - self.memory.len());
        let (now, later) = self.input.split_at(len);
        self.memory.extend(now);
        self.input = later;
        len > 0
    }
}

#[derive(Debug, PartialEq)]
enum Seen {
    Batch(i64, i32),
    Record(i64, i64, Option<Vec<u8>>, usize),
    Verified(i64),
    Corrupt(i64, u32, RecordFault),
    TooLarge(usize),
    End,
}

fn stream(input: &[u8], size: usize, piece: usize, window: usize) -> (Vec<Seen>, Option<StreamError>) {
    let mut feed = Feed::new(input, size, piece);
    let mut window = vec![0xa5; window];
    let mut stream = RecordStream::new();
    let mut seen = Vec::new();
    loop {
        let Step { consumed, item } = match stream.next(&feed.memory, &mut window) {
            Ok(step) => step,
            Err(error) => return (seen, Some(error)),
        };
        let mut more = None;
        match item {
            RecordItem::More(need) => more = Some(need),
            RecordItem::Batch(header) => seen.push(Seen::Batch(header.base_offset, header.count)),
            RecordItem::Record(Unverified { unverified: r }) => {
                seen.push(Seen::Record(r.offset, r.timestamp, r.value.map(<[u8]>::to_vec), r.headers.len()))
            }
            RecordItem::Verified { next_offset } => seen.push(Seen::Verified(next_offset)),
            RecordItem::Corrupt { base_offset, handed_out, fault, .. } => {
                seen.push(Seen::Corrupt(base_offset, handed_out, fault))
            }
        }
        feed.memory.drain(..consumed);
        if let Some(need) = more
            && feed.memory.len() < need
            && !feed.fill()
        {
            seen.push(if need > size { Seen::TooLarge(need) } else { Seen::End });
            return (seen, None);
        }
    }
}

fn log(codec: Codec, batches: usize, records: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let mut memory = vec![0; 1 << 20];
    for b in 0..batches {
        let mut builder = BatchBuilder::new();
        for i in 0..records {
            let value = format!("{{\"room\":{},\"temperature\":{}}}", i % 7, (b * 31 + i * 17) % 1013);
            let headers = [Header { key: "n", value: None }];
            let record = NewRecord {
                key: Some(b"k"),
                value: Some(value.as_bytes()),
                headers: &headers[..i % 2],
                timestamp: i as i64,
            };
            builder.append(&mut memory, &record).unwrap();
        }
        let len = builder.finish(&mut memory, &Stamp::NONE);
        let mut batch = vec![0; len + bound(codec, len)];
        let len = compress_batch(&memory[..len], codec, None, &mut batch, &mut Workspace::new()).unwrap();
        batch.truncate(len);
        restamp(&mut batch, &Stamp::NONE);
        set_base_offset(&mut batch, (b * records) as i64);
        out.extend(batch);
    }
    out
}

/// What the reader of whole batches says.
fn whole(input: &[u8]) -> Vec<Seen> {
    let mut seen = Vec::new();
    let mut plain = vec![0; 1 << 20];
    for batch in batches(input) {
        let batch = batch.unwrap();
        batch.verify_crc().unwrap();
        seen.push(Seen::Batch(batch.header().base_offset, batch.header().count));
        let len = batch.decompress(&mut plain, &mut Workspace::new()).unwrap();
        for r in batch.records_from(&plain[..len]) {
            let r = r.unwrap();
            seen.push(Seen::Record(r.offset, r.timestamp, r.value.map(<[u8]>::to_vec), r.headers.len()));
        }
        seen.push(Seen::Verified(batch.next_offset()));
    }
    seen.push(Seen::End);
    seen
}

#[test]
#[cfg_attr(miri, ignore = "the flipped bits go the same ways")]
fn plain_batches_stream_through_the_memory_of_a_record() {
    let input = log(Codec::None, 3, 200);
    let expected = whole(&input);
    for size in [61, 64, 100, 4096, 1 << 20] {
        for piece in [1, 7, 61, 1000, 1 << 20] {
            assert_eq!(stream(&input, size, piece, 0), (whole(&input), None), "{size} {piece}");
        }
    }
    assert_eq!(expected.len(), 3 * 202 + 1);
}

#[test]
#[cfg_attr(miri, ignore = "the flipped bits go the same ways")]
fn lz4_streams_where_block_and_window_fit() {
    let input = log(Codec::Lz4, 2, 5_000);
    let expected = whole(&input);
    let first_block = u32::from_le_bytes(input[68..72].try_into().unwrap()) as usize;
    for (size, piece, window) in
        [(1 << 17, 1 << 17, 1 << 17), (1 << 17, 999, 70_000), (first_block + 4, 333, 66_000)]
    {
        let (seen, error) = stream(&input, size, piece, window);
        assert_eq!(error, None);
        assert!(seen == expected, "{size} {piece} {window}");
    }
    let (seen, error) = stream(&input, 1 << 17, 1 << 17, 50_000);
    assert_eq!(error, Some(StreamError::WindowTooLarge { need: 65_536 }));
    assert_eq!(seen.len(), 1, "only the batch's header");
    let (seen, error) = stream(&input, first_block + 3, 333, 1 << 17);
    assert_eq!((seen.last(), error), (Some(&Seen::TooLarge(first_block + 4)), None));
}

#[test]
fn codecs_that_do_not_stream_say_what_they_need() {
    let mut input = log(Codec::None, 1, 10);
    for codec in [Codec::Gzip, Codec::Snappy, Codec::Zstd] {
        input[22] = codec.id();
        let need = input.len();
        let (_, error) = stream(&input, 64, 64, 0);
        assert_eq!(error, Some(StreamError::WindowTooLarge { need }));
    }
}

#[test]
fn a_flipped_bit_is_corrupt_whatever_it_does_to_the_records() {
    for codec in [Codec::None, Codec::Lz4] {
        let good = log(codec, 2, 20);
        let first = batches(&good).next().unwrap().unwrap().bytes().len();
        for bit in (21 * 8..first * 8).step_by(STEP * STEP) {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            let (seen, error) = stream(&bad, 1 << 17, 100, 1 << 17);
            if error.is_some() {
                assert!(bit < 61 * 8 || codec == Codec::Lz4, "bit {bit}: {error:?}");
                continue;
            }
            let verdict = seen.iter().position(|s| matches!(s, Seen::Verified(_) | Seen::Corrupt(..)));
            let Some(verdict) = verdict else { panic!("bit {bit}: no verdict in {seen:?}") };
            let handed_out = seen[..verdict].iter().filter(|s| matches!(s, Seen::Record(..))).count();
            assert_eq!(seen[verdict], Seen::Corrupt(0, handed_out as u32, RecordFault::Crc), "bit {bit}");
            // And the reader goes on with the next.
            assert!(
                matches!(seen.last(), Some(Seen::End)) && seen.contains(&Seen::Verified(40)),
                "bit {bit}"
            );
        }
    }
}

#[test]
fn a_senders_mistake_is_named() {
    let mut input = log(Codec::None, 1, 3);
    input[61] = 1; // the first record's length: -1
    restamp(&mut input, &Stamp::NONE);
    let (seen, _) = stream(&input, 1000, 10, 0);
    assert_eq!(seen[1], Seen::Corrupt(0, 0, RecordFault::BadLength));
    let mut input = log(Codec::None, 1, 3);
    input[57..61].copy_from_slice(&2i32.to_be_bytes());
    restamp(&mut input, &Stamp::NONE);
    let (seen, _) = stream(&input, 1000, 10, 0);
    assert_eq!(seen[3], Seen::Corrupt(0, 2, RecordFault::TrailingBytes));
}

#[test]
fn a_record_larger_than_the_memory_can_be_passed_over() {
    let mut memory = vec![0; 100_000];
    let mut builder = BatchBuilder::new();
    for len in [10, 50_000, 10] {
        let value = vec![b'x'; len];
        builder.append(&mut memory, &NewRecord { value: Some(&value), ..Default::default() }).unwrap();
    }
    let len = builder.finish(&mut memory, &Stamp::NONE);
    let mut feed = Feed::new(&memory[..len], 1_000, 1_000);
    let mut stream = RecordStream::new();
    let (mut records, mut verdict) = (0, None);
    while verdict.is_none() {
        let Step { consumed, item } = stream.next(&feed.memory, &mut []).unwrap();
        let mut need = 0;
        match item {
            RecordItem::More(more) => need = more,
            RecordItem::Record(_) => records += 1,
            RecordItem::Batch(_) => {}
            other => verdict = Some(matches!(other, RecordItem::Verified { next_offset: 3 })),
        }
        feed.memory.drain(..consumed);
        if need > 1_000 {
            assert_eq!(need, 50_000 + 11);
            stream.skip_batch();
        } else if feed.memory.len() < need {
            assert!(feed.fill());
        }
    }
    assert_eq!((records, verdict), (1, Some(true)));
}

#[test]
fn a_cut_last_batch_and_an_old_one() {
    let input = log(Codec::None, 2, 20);
    let (seen, error) = stream(&input[..input.len() - 1], 1 << 17, 50, 0);
    assert_eq!(error, None);
    assert_eq!(seen.last(), Some(&Seen::End));
    assert_eq!(seen.iter().filter(|s| matches!(s, Seen::Verified(_))).count(), 1);
    let mut old = vec![0; 40];
    old[16] = 1;
    let (_, error) = stream(&old, 64, 64, 0);
    let fault = RecordFault::OldMagic(1);
    assert_eq!(error, Some(StreamError::Record(RecordError { fault, at: 16 })));
}

fn metadata(version: i16, hosts: &[String], topics: usize, partitions: usize) -> Vec<u8> {
    let brokers: Vec<_> = hosts
        .iter()
        .enumerate()
        .map(|(i, host)| MetadataResponseBroker { node_id: i as i32, host, port: 9092, rack: Some("rack-a") })
        .collect();
    let replicas = [1, 2, 3];
    let parts: Vec<_> = (0..partitions as i32)
        .map(|i| MetadataResponsePartition {
            partition_index: i,
            leader_id: i % 100,
            leader_epoch: 5,
            replica_nodes: Array::slice(&replicas),
            isr_nodes: Array::slice(&replicas),
            ..Default::default()
        })
        .collect();
    let names: Vec<_> = (0..topics).map(|i| format!("topic-{i}")).collect();
    let topics: Vec<_> = names
        .iter()
        .map(|name| MetadataResponseTopic {
            name: Some(name),
            partitions: Array::slice(&parts),
            ..Default::default()
        })
        .collect();
    let response = MetadataResponse {
        brokers: Array::slice(&brokers),
        cluster_id: Some("cluster"),
        controller_id: 7,
        topics: Array::slice(&topics),
        ..Default::default()
    };
    let mut out = vec![0; response.encoded_len(version)];
    let len = response.encode(version, &mut out).unwrap();
    out.truncate(len);
    out
}

/// Everything through `size` bytes of memory, as text; or what failed.
fn walk(version: i16, input: &[u8], size: usize, piece: usize) -> Result<Vec<String>, String> {
    let mut stream = MetadataStream::new(version, input.len()).map_err(|e| e.to_string())?;
    let mut feed = Feed::new(input, size, piece);
    let mut seen = Vec::new();
    loop {
        let Step { consumed, item } = stream.next(&feed.memory).map_err(|e| e.to_string())?;
        let mut need = 0;
        match item {
            MetadataItem::More(more) => need = more,
            MetadataItem::End(error) => {
                assert_eq!(stream.left(), 0);
                seen.push(format!("{error:?}"));
                return Ok(seen);
            }
            item => seen.push(format!("{item:?}")),
        }
        feed.memory.drain(..consumed);
        if feed.memory.len() < need && !feed.fill() {
            return Err(format!("stuck at {need} of {size}"));
        }
    }
}

/// The same out of the message as a whole.
fn decoded(version: i16, input: &[u8]) -> Vec<String> {
    let response = MetadataResponse::decode(version, input).unwrap();
    let mut seen: Vec<_> =
        response.brokers.iter().map(|b| format!("{:?}", MetadataItem::Broker(b))).collect();
    let (cluster_id, controller_id) = (response.cluster_id, response.controller_id);
    seen.push(format!("{:?}", MetadataItem::Cluster { cluster_id, controller_id }));
    for topic in response.topics.iter() {
        let head = TopicHead {
            error_code: topic.error_code,
            name: topic.name,
            topic_id: topic.topic_id,
            is_internal: topic.is_internal,
            partitions: topic.partitions.len() as u32,
        };
        seen.push(format!("{:?}", MetadataItem::Topic(head)));
        seen.extend(topic.partitions.iter().map(|p| format!("{:?}", MetadataItem::Partition(p))));
        seen.push(format!("{:?}", MetadataItem::TopicEnd));
    }
    seen.push(format!("{:?}", response.error_code));
    seen
}

#[test]
#[cfg_attr(miri, ignore = "the malformed ones go the same ways")]
fn a_hundred_brokers_and_a_thousand_partitions_through_a_kilobyte() {
    let hosts: Vec<_> = (0..100).map(|i| format!("broker-{i}.eu-central-1.example.com")).collect();
    for version in 0..=13 {
        let input = metadata(version, &hosts, 10, 100);
        assert!(input.len() > 30_000);
        let expected = decoded(version, &input);
        assert_eq!(walk(version, &input, 1024, 300).as_ref(), Ok(&expected), "version {version}");
        assert_eq!(walk(version, &input, 1024, 1).as_ref(), Ok(&expected), "version {version}");
        assert!(walk(version, &input, 40, 40).unwrap_err().starts_with("stuck"));
    }
    assert!(MetadataStream::new(14, 10).is_err());
}

#[test]
fn empty_and_malformed_metadata() {
    for version in [0, 1, 7, 9, 12, 13].into_iter().skip(if cfg!(miri) { 5 } else { 0 }) {
        let empty = metadata(version, &[], 0, 0);
        assert_eq!(walk(version, &empty, 64, 1).unwrap(), decoded(version, &empty));
        let input = metadata(version, &["host".into()], 1, 1);
        let mut longer = input.clone();
        longer.push(0);
        assert!(walk(version, &longer, 1024, 1024).unwrap_err().contains(Fault::Trailing.as_str()));
        for cut in (0..input.len()).step_by(STEP) {
            assert!(walk(version, &input[..cut], 1024, 3).is_err(), "version {version}, {cut} bytes");
        }
        for at in (0..input.len()).step_by(STEP) {
            for byte in [0, 1, 0x7f, 0x80, 0xff] {
                let mut bad = input.clone();
                bad[at] = byte;
                let whole = MetadataResponse::decode(version, &bad).is_ok();
                let streamed = walk(version, &bad, 1024, 1024);
                assert_eq!(whole, streamed.is_ok(), "version {version}, byte {at} = {byte}: {streamed:?}");
                if whole {
                    assert_eq!(streamed.unwrap(), decoded(version, &bad));
                }
            }
        }
    }
}
