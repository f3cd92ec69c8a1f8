//! What the logs hold in the end, for the checker: records with what became of their transaction, and committed offsets.

use std::collections::BTreeMap;

use kafka_broker::{Marker, Partition};

use crate::history::What;
use crate::record::{digest, identify};
use crate::world::World;

/// First offsets of the transactional batches that were not committed, up to their last, and those that are open.
struct Ends {
    not_committed: Vec<(i64, i64)>,
    open: Option<i64>,
}

/// How the transactions in a log ended: each producer's next marker decides.
fn ends_of(partition: &Partition) -> Ends {
    let mut open: BTreeMap<i64, Vec<(i64, i64)>> = BTreeMap::new();
    let mut not_committed = Vec::new();
    for (info, bytes) in partition.log.batches() {
        if let Some(marker) = Marker::parse(info, bytes).filter(|_| info.control) {
            let ended = open.remove(&info.producer_id).unwrap_or_default();
            if !marker.commit {
                not_committed.extend(ended);
            }
        } else if info.transactional && !info.control {
            open.entry(info.producer_id).or_default().push((info.base_offset, info.last_offset));
        }
    }
    let first = open.values().flatten().map(|(first, _)| *first).min();
    not_committed.extend(open.into_values().flatten());
    not_committed.sort_unstable();
    Ends { not_committed, open: first }
}

impl World<'_> {
    /// Notes the logs in the history, for the checker.
    pub fn read_logs(&mut self) {
        let observer = self.history.participant("--");
        let topics: Vec<(String, i32)> =
            self.cluster.topics().map(|t| (t.name.clone(), t.partitions.len() as i32)).collect();
        for (name, partitions) in topics {
            let topic = self.history.topic(&name);
            for partition in 0..partitions {
                let place = (topic, partition);
                let Some(ends) = self.cluster.partition(&name, partition).map(ends_of) else { continue };
                for record in self.cluster.log(&name, partition).unwrap_or_default() {
                    let Some((id, _)) = record.value.as_deref().and_then(identify) else {
                        self.violations.push(format!("P1: bytes nobody sent in {name}/{partition}"));
                        continue;
                    };
                    let digest = digest(record.key.as_deref(), record.value.as_deref());
                    let offset = record.offset;
                    let at = ends.not_committed.partition_point(|(_, last)| *last < offset);
                    let committed = ends.not_committed.get(at).is_none_or(|(first, _)| *first > offset);
                    let what = What::Log { place, offset, id, digest, committed };
                    self.history.push(self.now, observer, what);
                }
                let state = self.cluster.partition(&name, partition);
                let stuck = state.filter(|p| p.last_stable_offset() < p.high_watermark);
                if let Some(offset) = ends.open.or(stuck.map(Partition::last_stable_offset)) {
                    self.history.push(self.now, observer, What::Hanging { place, offset });
                }
            }
        }
        self.read_group_offsets(observer);
    }

    /// What each group that was copied for has committed.
    fn read_group_offsets(&mut self, observer: u16) {
        let mut groups = std::collections::BTreeSet::new();
        for entry in &self.history.entries {
            if let What::Copies { group, place, .. } = entry.what {
                groups.insert((group, place));
            }
        }
        for (group, place) in groups {
            let name = self.history.who.get(usize::from(group)).cloned().unwrap_or_default();
            let topic = self.history.topics.get(usize::from(place.0)).cloned().unwrap_or_default();
            let offset = self.cluster.committed_offset(&name, &topic, place.1).unwrap_or(0);
            self.history.push(self.now, observer, What::GroupOffset { group, place, offset });
        }
    }
}
