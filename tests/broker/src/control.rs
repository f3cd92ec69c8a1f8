//! Control batches: the commit and abort markers that end a transaction on a partition.

use kafka_proto::record::crc32c;

use crate::log::BatchInfo;

/// The end of a transaction of one producer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marker {
    /// Whose transaction.
    pub producer_id: i64,
    /// The epoch that ends it.
    pub producer_epoch: i16,
    /// Commit or abort.
    pub commit: bool,
    /// Epoch of the transaction coordinator.
    pub coordinator_epoch: i32,
}

/// Header and the one record of a marker: 61 + 17 bytes.
const MARKER_LEN: usize = 78;

impl Marker {
    /// The batch, with base offset 0, and its index entry.
    pub fn batch(&self, timestamp: i64) -> ([u8; MARKER_LEN], BatchInfo) {
        let mut bytes = [0; MARKER_LEN];
        let mut at = 0;
        let mut put = |field: &[u8]| {
            bytes[at..at + field.len()].copy_from_slice(field);
            at += field.len();
        };
        put(&0i64.to_be_bytes());
        put(&(MARKER_LEN as i32 - 12).to_be_bytes());
        put(&0i32.to_be_bytes());
        put(&[2]);
        put(&0u32.to_be_bytes());
        put(&0x30i16.to_be_bytes()); // transactional and control
        put(&0i32.to_be_bytes());
        put(&timestamp.to_be_bytes());
        put(&timestamp.to_be_bytes());
        put(&self.producer_id.to_be_bytes());
        put(&self.producer_epoch.to_be_bytes());
        put(&(-1i32).to_be_bytes());
        put(&1i32.to_be_bytes());
        put(&[16 << 1, 0, 0, 0]); // length, attributes, timestamp delta, offset delta
        put(&[4 << 1, 0, 0, 0, u8::from(self.commit)]); // key: version 0, type
        put(&[6 << 1, 0, 0]); // value: version 0 and the coordinator's epoch
        put(&self.coordinator_epoch.to_be_bytes());
        put(&[0]);
        let crc = crc32c(&bytes[21..]);
        bytes[17..21].copy_from_slice(&crc.to_be_bytes());
        let info = BatchInfo {
            base_offset: 0,
            last_offset: 0,
            max_timestamp: timestamp,
            leader_epoch: -1,
            producer_id: self.producer_id,
            producer_epoch: self.producer_epoch,
            base_sequence: -1,
            control: true,
            transactional: true,
            position: 0,
            len: MARKER_LEN as u32,
        };
        (bytes, info)
    }

    /// Reads back what [`Self::batch`] wrote.
    pub fn parse(info: &BatchInfo, batch: &[u8]) -> Option<Self> {
        let kind = *batch.get(69)?;
        let epoch = batch.get(73..77)?.try_into().ok()?;
        Some(Self {
            producer_id: info.producer_id,
            producer_epoch: info.producer_epoch,
            commit: kind == 1,
            coordinator_epoch: i32::from_be_bytes(epoch),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_reads_back() {
        for commit in [true, false] {
            let marker = Marker { producer_id: 9, producer_epoch: 3, commit, coordinator_epoch: 0x0102_0304 };
            let (bytes, info) = marker.batch(1234);
            assert_eq!(Marker::parse(&info, &bytes), Some(marker));
            let batch = kafka_proto::record::batches(&bytes).next().unwrap().unwrap();
            batch.verify_crc().unwrap();
            assert!(batch.header().attributes.is_control() && batch.header().attributes.is_transactional());
            let record = batch.records().unwrap().next().unwrap().unwrap();
            assert_eq!(record.key, Some(&[0, 0, 0, u8::from(commit)][..]));
            assert_eq!(record.value, Some(&[0, 0, 1, 2, 3, 4][..]));
        }
    }
}
