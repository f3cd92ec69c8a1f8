//! Other clients' codecs, as their own users would call them.

use std::hint::black_box;

use bytes::{Bytes, BytesMut};

use crate::measure::Table;
use crate::{TIMESTAMP, check};

pub fn run<'a>(table: &mut Table<'a>, values: &[Vec<u8>], wire: &'a [u8]) {
    let values: Vec<Bytes> = values.iter().map(|v| Bytes::copy_from_slice(v)).collect();
    kafka_protocol(table, values.clone());
    krafka(table, values.clone(), wire);
    rskafka(table, values, wire);
}

fn kafka_protocol(table: &mut Table<'_>, values: Vec<Bytes>) {
    use kafka_protocol::records::*;
    let build = move || {
        let record = |(i, value): (usize, &Bytes)| Record {
            transactional: false,
            control: false,
            delete_horizon: false,
            partition_leader_epoch: 0,
            producer_id: -1,
            producer_epoch: -1,
            timestamp_type: TimestampType::Creation,
            offset: i as i64,
            sequence: i as i32 - 1,
            timestamp: TIMESTAMP,
            key: None,
            value: Some(value.clone()),
            headers: Default::default(),
        };
        let records: Vec<Record> = values.iter().enumerate().map(record).collect();
        let options = RecordEncodeOptions { version: 2, compression: Compression::None };
        let mut out = BytesMut::new();
        RecordBatchEncoder::encode(&mut out, black_box(&records), &options).unwrap();
        out
    };
    let encoded = build().freeze();
    table.add("build", "kafka-protocol 0.18", move || {
        black_box(build());
    });
    table.add("read", "kafka-protocol 0.18", move || {
        let mut bytes = encoded.clone();
        let set = RecordBatchDecoder::decode(black_box(&mut bytes)).unwrap();
        check(seen(set.records.iter().map(|r| r.value.as_deref().unwrap_or_default())));
    });
}

fn krafka(table: &mut Table<'_>, values: Vec<Bytes>, wire: &[u8]) {
    use krafka::__private::protocol::{Record, RecordBatch};
    let bytes = Bytes::copy_from_slice(wire);
    table.add("build", "krafka 0.28", move || {
        let mut batch = RecordBatch::new();
        batch.base_timestamp = TIMESTAMP;
        batch.max_timestamp = TIMESTAMP;
        for (i, value) in values.iter().enumerate() {
            batch.add_record(Record::new(None, Some(value.clone())).with_offset_delta(i as i32));
        }
        black_box(batch.encode().unwrap());
    });
    table.add("read", "krafka 0.28", move || {
        let batch = RecordBatch::decode(black_box(&mut bytes.clone())).unwrap();
        check(seen(batch.records.iter().map(|r| r.value.as_deref().unwrap_or_default())));
    });
}

fn rskafka<'a>(table: &mut Table<'a>, values: Vec<Bytes>, wire: &'a [u8]) {
    use rskafka::protocol::record::*;
    use rskafka::protocol::traits::{ReadType, WriteType};
    table.add("build", "rskafka 0.6", move || {
        let record = |(i, value): (usize, &Bytes)| Record {
            timestamp_delta: 0,
            offset_delta: i as i32,
            key: None,
            value: Some(value.to_vec()),
            headers: vec![],
        };
        let batch = RecordBatch {
            base_offset: 0,
            partition_leader_epoch: 0,
            last_offset_delta: values.len() as i32 - 1,
            first_timestamp: TIMESTAMP,
            max_timestamp: TIMESTAMP,
            producer_id: -1,
            producer_epoch: -1,
            base_sequence: -1,
            is_transactional: false,
            compression: RecordBatchCompression::NoCompression,
            timestamp_type: RecordBatchTimestampType::CreateTime,
            records: ControlBatchOrRecords::Records(values.iter().enumerate().map(record).collect()),
        };
        let mut out: Vec<u8> = vec![];
        batch.write(&mut out).unwrap();
        black_box(out);
    });
    table.add("read", "rskafka 0.6", move || {
        let batch = RecordBatch::read(&mut std::io::Cursor::new(black_box(wire))).unwrap();
        let ControlBatchOrRecords::Records(records) = &batch.records else { return };
        check(seen(records.iter().map(|r| r.value.as_deref().unwrap_or_default())));
    });
}

fn seen<'a>(values: impl Iterator<Item = &'a [u8]>) -> (usize, u64) {
    values.fold((0, 0), |(len, sum), v| (len + v.len(), sum + v.first().map_or(0, |b| u64::from(*b))))
}
