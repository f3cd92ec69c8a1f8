//! The partitioner that grows with the number of topics.

use kafka_client_core::producer::{Partitioner, Partitions};
use kafka_proto::record::NewRecord;

/// One partition after the other, whatever the key, for each topic by itself: among those that can be written to, or
/// among all if none can. Java's `RoundRobinPartitioner`.
#[derive(Clone, Debug, Default)]
pub struct RoundRobin {
    /// By the number of the topic.
    next: Vec<u32>,
}

impl Partitioner for RoundRobin {
    fn partition(&mut self, _: &NewRecord<'_>, partitions: &Partitions<'_>) -> Option<u32> {
        let topic = partitions.topic_id().index();
        if self.next.len() <= topic {
            self.next.resize(topic + 1, 0);
        }
        self.next.get_mut(topic).map(|next| partitions.in_turn(next))
    }
}
