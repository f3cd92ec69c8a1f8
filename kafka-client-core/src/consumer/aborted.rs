//! What a `read_committed` consumer must not see: the records of aborted transactions.
//!
//! A fetch response lists, per partition, the aborted transactions that touch what it returns: a producer id and the
//! transaction's first offset. It ends at that producer's next abort marker. The list is not relied on to be sorted,
//! nor to name each transaction only once.

use kafka_proto::messages::fetch::AbortedTransaction;
use kafka_proto::record::Batch;

use crate::recall::recalled;
use crate::storage::Storage;

/// A transaction to be left out.
#[derive(Clone, Copy, Debug)]
pub struct Aborted {
    /// Which chunk of the response it concerns.
    chunk: u32,
    producer_id: i64,
    first_offset: i64,
    /// Its abort marker was passed.
    over: bool,
}

impl Aborted {
    pub(crate) fn new(chunk: usize, listed: &AbortedTransaction) -> Aborted {
        Aborted {
            chunk: u32::try_from(chunk).unwrap_or(u32::MAX),
            producer_id: listed.producer_id,
            first_offset: listed.first_offset,
            over: false,
        }
    }

    /// Whether it concerns this chunk.
    pub(crate) fn is_of(&self, chunk: usize) -> bool {
        self.chunk as usize == chunk
    }
}

/// Whether a batch of records belongs to an aborted transaction.
pub(super) fn is_aborted(list: &Storage<'_, Aborted>, chunk: usize, batch: &Batch<'_>) -> bool {
    let header = batch.header();
    let sorted = |a: &&Aborted| !recalled!(B20ListIsSorted) || a.first_offset <= header.last_offset();
    header.attributes.is_transactional()
        && list
            .iter()
            .filter(|a| a.is_of(chunk))
            .take_while(sorted)
            .any(|a| !a.over && a.producer_id == header.producer_id && a.first_offset <= header.last_offset())
}

/// Takes note of a control batch: an abort marker ends the oldest transaction of its producer that began before it.
pub(super) fn pass_marker(list: &mut Storage<'_, Aborted>, chunk: usize, batch: &Batch<'_>) {
    let header = *batch.header();
    let key = batch.records().ok().and_then(|mut records| records.next()).and_then(Result::ok);
    // The key is a version and a type; 0 is an abort marker.
    let kind = key
        .and_then(|record| record.key)
        .and_then(|key| key.get(2..4))
        .and_then(|t| t.first_chunk().copied());
    if kind != Some([0, 0]) {
        return;
    }
    let ends = |a: &&mut Aborted| {
        !a.over
            && a.is_of(chunk)
            && a.producer_id == header.producer_id
            && a.first_offset <= header.base_offset
    };
    if recalled!(B21OneMarkerEndsAll) {
        list.iter_mut().filter(|a| a.producer_id == header.producer_id).for_each(|a| a.over = true);
    }
    if let Some(ended) = list.iter_mut().filter(ends).min_by_key(|a| a.first_offset) {
        ended.over = true;
    } else if recalled!(B19MarkerHides) {
        let chunk = u32::try_from(chunk).unwrap_or(u32::MAX);
        let (producer_id, first_offset) = (header.producer_id, header.base_offset);
        let _ = list.push(Aborted { chunk, producer_id, first_offset, over: false });
    }
}
