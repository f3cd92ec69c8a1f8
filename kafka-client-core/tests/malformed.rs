//! A record that is malformed in a batch whose checksum is right: its partition stops there, and goes on when it is told
//! where.

mod support;

use kafka_broker::Config;
use kafka_client_core::config::{ClientConfig, ConsumerConfig};
use kafka_client_core::consumer::{Consumer, Decompressor, Start, Unreadable};
use kafka_client_core::resources::ConsumerMemory;
use kafka_client_core::time::{Duration, Instant};
use kafka_proto::compress::{Workspace, compress_batch};
use kafka_proto::record::{BATCH_HEADER_LEN, BatchBuilder, Codec, NewRecord, Stamp, restamp};
use support::Wire;

const A_WHILE: Duration = Duration::from_millis(5_000);

/// A batch of three records; of the one at `wrong`, if any, the length of the key is not what is there.
fn batch(wrong: Option<usize>, codec: Codec) -> Vec<u8> {
    let mut mem = vec![0; 200];
    let mut builder = BatchBuilder::new();
    let mut ends = vec![BATCH_HEADER_LEN];
    for _ in 0..3 {
        let record = NewRecord { key: Some(b"key"), value: Some(b"value"), ..NewRecord::default() };
        builder.append(&mut mem, &record).expect("room");
        ends.push(builder.len());
    }
    if let Some(wrong) = wrong {
        // After the record's length, attributes, and the two deltas: 3 as a varint is 6, and -2 is 3.
        let at = ends[wrong] + 4;
        assert_eq!(std::mem::replace(&mut mem[at], 3), 6);
    }
    let len = builder.finish(&mut mem, &Stamp::NONE);
    if codec == Codec::None {
        return mem[..len].to_vec();
    }
    let mut out = vec![0; 1000];
    let len = compress_batch(&mem[..len], codec, None, &mut out, &mut Workspace::new()).expect("compressed");
    out.truncate(len);
    restamp(&mut out, &Stamp::NONE);
    out
}

/// Reads until nothing more comes: the places of all records, and what could not be read.
fn read(wire: &mut Wire<'static>, consumer: &mut Consumer<'static>) -> (Vec<(i32, i64)>, Vec<Unreadable>) {
    let (mut seen, mut errors) = (Vec::new(), Vec::new());
    let mut decompressor = Decompressor::owned(1 << 20);
    let each = |consumer: &mut Consumer<'static>, now: Instant| {
        while let Some(mut fetched) = consumer.poll_fetched(now) {
            while let Some(batch) = fetched.next_batch(&mut decompressor) {
                let Ok(batch) = batch.map_err(|error| errors.push(error)) else { continue };
                let partition = batch.partition;
                for record in batch.records() {
                    match record {
                        Ok(record) => seen.push((partition, record.offset)),
                        Err(error) => errors.push(error),
                    }
                }
            }
            consumer.release(now, fetched);
        }
    };
    wire.run_until(consumer, A_WHILE, each, |_| false);
    seen.sort_unstable();
    (seen, errors)
}

fn stops_at_the_record_and_goes_on_after_a_seek(wrong: usize, codec: Codec) {
    let mut wire = Wire::new(Config { topics: vec![("t".into(), 2)], ..Config::default() });
    for wrong in [None, Some(wrong), None] {
        assert!(wire.cluster.forge("t", 0, &batch(wrong, codec)));
        assert!(wire.cluster.forge("t", 1, &batch(None, codec)));
    }
    let bootstrap = [("localhost".into(), 9092)];
    let memory = ConsumerMemory::owned();
    let mut consumer =
        Consumer::new(ClientConfig::DEFAULT, ConsumerConfig::DEFAULT, bootstrap, memory).expect("a consumer");
    let topic = consumer.topic("t".into()).expect("a topic");
    for partition in 0..2 {
        consumer.assign(wire.now, topic, partition, Start::Earliest).expect("room");
    }
    // Everything before it, and all of the other partition.
    let stopped = 3 + wrong as i64;
    let before = (0..stopped).map(|offset| (0, offset));
    let expected: Vec<_> = before.chain((0..9).map(|offset| (1, offset))).collect();
    let (seen, errors) = read(&mut wire, &mut consumer);
    assert_eq!(seen, expected, "{codec:?}, record {wrong}");
    let [error] = errors[..] else { panic!("told once: {errors:?}") };
    assert_eq!((error.topic, error.partition, error.base, error.next), (topic, 0, stopped, 6));
    assert_eq!(consumer.position(topic, 0), Some(stopped), "a restart would begin with it again");

    // Asked for again it is the same; what was handed out does not come again.
    consumer.assign(wire.now, topic, 0, Start::Offset(error.base)).expect("known");
    assert_eq!(read(&mut wire, &mut consumer), (vec![], vec![error]));
    consumer.assign(wire.now, topic, 0, Start::Offset(error.next)).expect("known");
    assert_eq!(read(&mut wire, &mut consumer), (vec![(0, 6), (0, 7), (0, 8)], vec![]));
}

#[test]
fn a_partition_stops_at_a_malformed_record_and_goes_on_after_a_seek() {
    for wrong in 0..3 {
        stops_at_the_record_and_goes_on_after_a_seek(wrong, Codec::None);
        stops_at_the_record_and_goes_on_after_a_seek(wrong, Codec::Lz4);
    }
}

/// The broker sends whole batches: what stands before the position in one was not asked for.
#[test]
fn a_batch_that_cannot_be_read_moves_no_position_back() {
    let mut wire = Wire::new(Config { topics: vec![("t".into(), 1)], ..Config::default() });
    assert!(wire.cluster.forge("t", 0, &batch(None, Codec::None)));
    assert!(wire.cluster.corrupt("t", 0, 0, BATCH_HEADER_LEN + 3));
    let bootstrap = [("localhost".into(), 9092)];
    let memory = ConsumerMemory::owned();
    let mut consumer =
        Consumer::new(ClientConfig::DEFAULT, ConsumerConfig::DEFAULT, bootstrap, memory).expect("a consumer");
    let topic = consumer.topic("t".into()).expect("a topic");
    consumer.assign(wire.now, topic, 0, Start::Offset(2)).expect("room");
    let (seen, errors) = read(&mut wire, &mut consumer);
    let [error] = errors[..] else { panic!("told once: {errors:?}") };
    assert_eq!((seen, error.base, error.next), (vec![], 2, 3));
    assert_eq!(consumer.position(topic, 0), Some(2));
}
