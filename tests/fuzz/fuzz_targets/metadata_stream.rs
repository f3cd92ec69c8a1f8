//! A metadata response, right or spoiled: an element at a time it says what it says as a whole.
#![no_main]

use kafka_fuzz::messages::{metadata, stream};
use kafka_proto::Message;
use kafka_proto::messages::MetadataResponse;
use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;

fn check(u: &mut Unstructured<'_>) -> Result<()> {
    let (version, body) = metadata(u)?;
    let (items, end) = stream(version, &body, u.bytes(2.min(u.len()))?);
    let Ok(response) = MetadataResponse::decode(version, &body) else {
        assert!(end.is_err(), "read to its end, and as a whole it is refused");
        return Ok(());
    };
    assert_eq!(end, Ok(()));
    let brokers = response.brokers.iter().map(|broker| format!("Broker({broker:?})"));
    let partitions = response.topics.iter().flat_map(|topic| topic.partitions);
    let partitions = partitions.map(|partition| format!("Partition({partition:?})"));
    let kept = |item: &&String| item.starts_with("Broker") || item.starts_with("Partition");
    assert!(items.iter().filter(kept).eq(&brokers.chain(partitions).collect::<Vec<_>>()));
    let topics = items.iter().filter(|item| item.starts_with("TopicEnd")).count();
    assert_eq!(topics, response.topics.len());
    assert_eq!(items.last(), Some(&format!("End({:?})", response.error_code)));
    Ok(())
}

fuzz_target!(|data: &[u8]| {
    let _ = check(&mut Unstructured::new(data));
});
