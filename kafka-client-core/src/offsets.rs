//! How far a group has read, asked by somebody who does not belong to it: an operator, or a producer that goes on with
//! the group's work.
//!
//! Here is what is asked of the group's coordinator, and what its answer means. Who the coordinator is, and the connection
//! to it, are the adapter's.

use kafka_proto::ErrorCode;
use kafka_proto::messages::offsets::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
    OffsetFetchResponse,
};
use kafka_proto::wire::{Array, Source, Wire, Writer};

use crate::recall::recalled;

/// The newest version of OffsetFetch in which topics have names.
pub const NEWEST: i16 = 9;

/// Partitions of a topic.
#[derive(Clone, Copy, Debug)]
pub struct Partitions<'a> {
    /// The topic's name.
    pub topic: &'a str,
    /// Their numbers.
    pub partitions: &'a [i32],
}

/// How far a group has read a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed<'a> {
    /// The topic's name.
    pub topic: &'a str,
    /// The partition's number.
    pub partition: i32,
    /// The offset that the group reads next; `None` where it has committed none.
    pub offset: Option<i64>,
    /// The leader epoch of the record before it, where it was given.
    pub leader_epoch: Option<i32>,
    /// What was committed with it.
    pub metadata: &'a str,
}

/// Why an answer does not say how far the group has read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// To be asked again after a while: it is another's group by now, or a transaction with offsets of it is open.
    Later(ErrorCode),
    /// Asking again does not help.
    Refused(ErrorCode),
}

/// Hands the request to `send`: for these partitions, or for all of which the group has committed something.
///
/// Offsets in transactions that have not ended are to be waited for (KIP-447, version 7): the one before would be read
/// twice if the transaction is committed.
pub fn ask<T>(
    group: &str,
    topics: Option<&[Partitions<'_>]>,
    send: impl FnOnce(&OffsetFetchRequest<'_>) -> T,
) -> T {
    let (old, new) = (Old(topics.unwrap_or_default()), New(topics.unwrap_or_default()));
    let groups = [OffsetFetchRequestGroup {
        group_id: group,
        topics: topics.map(|_| Array::source(&new)),
        ..OffsetFetchRequestGroup::default()
    }];
    send(&OffsetFetchRequest {
        group_id: group,
        topics: topics.map(|_| Array::source(&old)),
        groups: Array::slice(&groups),
        require_stable: !recalled!(B17UnstableOffsets),
    })
}

/// Hands what an answer says of each partition to `take`.
///
/// # Errors
/// One of the answer's error codes; then `take` was not called.
pub fn read<'a>(
    response: &OffsetFetchResponse<'a>,
    mut take: impl FnMut(Committed<'a>),
) -> Result<(), Unknown> {
    each(response, |code, _| match code {
        ErrorCode::NONE => Ok(()),
        code if code.is_retriable() || code == ErrorCode::UNSTABLE_OFFSET_COMMIT => Err(Unknown::Later(code)),
        code => Err(Unknown::Refused(code)),
    })?;
    each(response, |_, found| {
        found.into_iter().for_each(&mut take);
        Ok(())
    })
}

/// Every error code of an answer, with the partition that it is about.
fn each<'a>(
    response: &OffsetFetchResponse<'a>,
    mut see: impl FnMut(ErrorCode, Option<Committed<'a>>) -> Result<(), Unknown>,
) -> Result<(), Unknown> {
    let committed = |topic, partition, offset: i64, epoch: i32, metadata: Option<&'a str>| {
        let (offset, leader_epoch) = ((offset >= 0).then_some(offset), (epoch >= 0).then_some(epoch));
        Some(Committed { topic, partition, offset, leader_epoch, metadata: metadata.unwrap_or_default() })
    };
    see(response.error_code, None)?;
    for topic in response.topics.iter() {
        for p in topic.partitions.iter() {
            let (offset, epoch) = (p.committed_offset, p.committed_leader_epoch);
            see(p.error_code, committed(topic.name, p.partition_index, offset, epoch, p.metadata))?;
        }
    }
    for group in response.groups.iter() {
        see(group.error_code, None)?;
        for topic in group.topics.iter() {
            for p in topic.partitions.iter() {
                let (offset, epoch) = (p.committed_offset, p.committed_leader_epoch);
                see(p.error_code, committed(topic.name, p.partition_index, offset, epoch, p.metadata))?;
            }
        }
    }
    Ok(())
}

/// The topics of a request for one group, up to version 7.
struct Old<'a>(&'a [Partitions<'a>]);

/// The topics of a group, from version 8 on.
struct New<'a>(&'a [Partitions<'a>]);

impl Source for Old<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn write(&self, index: usize, w: &mut Writer<'_>) {
        let Some(asked) = self.0.get(index) else { return };
        let partition_indexes = Array::slice(asked.partitions);
        OffsetFetchRequestTopic { name: asked.topic, partition_indexes }.write(w);
    }
}

impl Source for New<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn write(&self, index: usize, w: &mut Writer<'_>) {
        let Some(asked) = self.0.get(index) else { return };
        let partition_indexes = Array::slice(asked.partitions);
        let name = asked.topic;
        OffsetFetchRequestTopics { name, partition_indexes, ..OffsetFetchRequestTopics::default() }.write(w);
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use kafka_proto::Message;
    use kafka_proto::messages::offsets::{OffsetFetchResponsePartition, OffsetFetchResponseTopic};

    use super::*;

    #[test]
    fn every_version_asks_for_the_same() {
        let asked =
            [Partitions { topic: "t", partitions: &[0, 2] }, Partitions { topic: "u", partitions: &[1] }];
        for version in 1..=NEWEST {
            let mut out = [0; 128];
            let len = ask("g", Some(&asked), |request| request.encode(version, &mut out)).expect("room");
            let read = OffsetFetchRequest::decode(version, &out[..len]).expect("a request");
            assert_eq!(read.require_stable, version >= 7, "version {version}");
            let mut found: Vec<(&str, Vec<i32>)> = Vec::new();
            for topic in read.topics.iter().flat_map(|topics| topics.iter()) {
                found.push((topic.name, topic.partition_indexes.iter().collect()));
            }
            for topic in read.groups.iter().filter_map(|g| g.topics).flat_map(|topics| topics.iter()) {
                found.push((topic.name, topic.partition_indexes.iter().collect()));
            }
            assert_eq!(found, [("t", [0, 2].to_vec()), ("u", [1].to_vec())], "version {version}");
        }
    }

    #[test]
    fn one_partition_that_cannot_be_told_is_an_error_for_all() {
        let of = |partition_index, committed_offset, error_code| OffsetFetchResponsePartition {
            partition_index,
            committed_offset,
            error_code,
            ..OffsetFetchResponsePartition::default()
        };
        for (code, expected) in [
            (ErrorCode::NONE, Ok(())),
            (ErrorCode::UNSTABLE_OFFSET_COMMIT, Err(Unknown::Later(ErrorCode::UNSTABLE_OFFSET_COMMIT))),
            (ErrorCode::NOT_COORDINATOR, Err(Unknown::Later(ErrorCode::NOT_COORDINATOR))),
            (
                ErrorCode::GROUP_AUTHORIZATION_FAILED,
                Err(Unknown::Refused(ErrorCode::GROUP_AUTHORIZATION_FAILED)),
            ),
        ] {
            let partitions = [of(0, 7, ErrorCode::NONE), of(1, -1, code)];
            let topics = [OffsetFetchResponseTopic { name: "t", partitions: Array::slice(&partitions) }];
            let response =
                OffsetFetchResponse { topics: Array::slice(&topics), ..OffsetFetchResponse::default() };
            let mut offsets = Vec::new();
            assert_eq!(read(&response, |c| offsets.push((c.partition, c.offset))), expected);
            let told: &[_] = if code == ErrorCode::NONE { &[(0, Some(7)), (1, None)] } else { &[] };
            assert_eq!(offsets, told);
        }
    }
}
