//! The compressor alone, on the batches that the producer has just sent: what of its time was not its own.

use kafka_proto::compress::{Workspace, bound, compress_batch};
use kafka_proto::record::{BATCH_HEADER_LEN, BatchBuilder, Codec, NewRecord, Stamp};
use kafka_std::producer::ProducerMetrics;

use crate::measure::Section;

/// Batches of these payloads, as long as the producer's were on average before they were compressed; and how many records
/// they have together.
fn batches(mean: usize, size: usize, payloads: &[u8]) -> (Vec<Vec<u8>>, usize) {
    let (mut batches, mut records) = (Vec::new(), 0);
    let mut mem = vec![0; mean.max(size + 100)];
    let mut builder = BatchBuilder::new();
    for payload in payloads.chunks_exact(size) {
        let record = NewRecord { value: Some(payload), timestamp: 1_760_000_000_000, ..NewRecord::default() };
        if builder.append(&mut mem, &record).is_err() {
            let len = builder.finish(&mut mem, &Stamp::NONE);
            records += builder.count() as usize;
            batches.push(mem.get(..len).unwrap_or_default().to_vec());
            // This payload is left out: the next batch begins behind it.
            builder = BatchBuilder::new();
        }
    }
    (batches, records)
}

/// CPU time of the codec per record, in ns: `n` records or a few more, in batches like those that `metrics` counted.
/// `None` without compression, or where the payloads do not fill a batch.
pub fn alone(codec: &str, n: usize, size: usize, payloads: &[u8], metrics: &ProducerMetrics) -> Option<f64> {
    let codec = Codec::parse(codec).filter(|codec| *codec != Codec::None)?;
    let mean = usize::try_from(metrics.batch_bytes.checked_div(metrics.batches)?).ok()?;
    let (batches, records) = batches(mean, size, payloads);
    let rounds = n.checked_div(records)?.max(1);
    let longest = batches.iter().map(Vec::len).max()?;
    let mut out = vec![0; bound(codec, longest) + BATCH_HEADER_LEN];
    let mut work = Workspace::new();
    // The first use of the memory is not the codec's.
    compress_batch(batches.first()?, codec, None, &mut out, &mut work).ok()?;
    let section = Section::start();
    for batch in batches.iter().cycle().take(batches.len() * rounds) {
        compress_batch(batch, codec, None, &mut out, &mut work).ok()?;
        std::hint::black_box(&mut out);
    }
    Some(section.stop().cpu_ns() / (records * rounds) as f64)
}
