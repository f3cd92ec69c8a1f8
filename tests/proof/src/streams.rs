//! What is larger than the memory, and what is older than batches.

use kafka_proto::compress::Workspace;
use kafka_proto::record::legacy::messages;
use kafka_proto::stream::{MetadataItem, MetadataStream, RecordItem, RecordStream, StreamError};

#[unsafe(no_mangle)]
pub fn proof_stream_records(stream: &mut RecordStream, input: &[u8], window: &mut [u8]) -> usize {
    match stream.next(input, window) {
        Ok(step) => match step.item {
            RecordItem::More(need) => step.consumed ^ need,
            RecordItem::Batch(header) => header.batch_len(),
            RecordItem::Record(record) => {
                let record = record.unverified;
                let headers = record.headers.fold(0, |sum, header| sum ^ header.key.len());
                step.consumed ^ headers ^ record.value.map_or(1, <[u8]>::len)
            }
            RecordItem::Verified { next_offset } => next_offset as usize,
            RecordItem::Corrupt { handed_out, .. } => {
                stream.skip_batch();
                handed_out as usize ^ stream.left()
            }
        },
        Err(StreamError::WindowTooLarge { need }) => need,
        Err(_) => 0,
    }
}

#[unsafe(no_mangle)]
pub fn proof_stream_metadata(stream: &mut MetadataStream, input: &[u8]) -> usize {
    let Ok(step) = stream.next(input) else { return 0 };
    let seen = match step.item {
        MetadataItem::More(need) => need,
        MetadataItem::Broker(broker) => broker.host.len() ^ broker.port as usize,
        MetadataItem::Cluster { cluster_id, controller_id } => {
            cluster_id.map_or(0, str::len) ^ controller_id as usize
        }
        MetadataItem::Topic(topic) => topic.name.map_or(0, str::len) ^ topic.partitions as usize,
        MetadataItem::Partition(partition) => {
            partition.replica_nodes.iter().fold(partition.leader_id, |sum, replica| sum ^ replica) as usize
        }
        MetadataItem::TopicEnd => stream.left(),
        MetadataItem::End(code) => code.0 as usize,
    };
    step.consumed ^ seen
}

#[unsafe(no_mangle)]
pub fn proof_stream_legacy(bytes: &[u8], plain: &mut [u8], table: &mut [u16]) -> i64 {
    let mut work = Workspace::lent(table);
    let mut sum = 0;
    for message in messages(bytes) {
        let Ok(message) = message else { return -1 };
        if message.verify_crc().is_err() {
            return -2;
        }
        let Ok(len) = message.decompress(plain, &mut work) else { return -3 };
        let Ok(inner) = message.unpack(plain.get(..len).unwrap_or_default()) else { return -4 };
        sum ^= inner.flatten().fold(message.offset, |sum, message| sum ^ message.offset ^ message.timestamp);
    }
    sum
}
