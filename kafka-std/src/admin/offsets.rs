//! The committed offsets of a group, asked of its coordinator.

use std::time::{Duration, Instant};

use kafka_proto::ErrorCode;
use kafka_proto::messages::metadata::{FindCoordinatorRequest, FindCoordinatorResponse};
use kafka_proto::messages::offsets::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
    OffsetFetchResponse,
};
use kafka_proto::wire::Array;

use super::Admin;
use super::link::{self, Link};
use crate::error::Error;

/// How far a group has read a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedOffset {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The offset that the group reads next; `None` where it has committed none.
    pub offset: Option<i64>,
    /// The leader epoch of the record before it, where it was given.
    pub leader_epoch: Option<i32>,
    /// What was committed with it.
    pub metadata: String,
}

/// The newest version that names topics.
const BY_NAME_MAX: i16 = 9;
/// Between two tries, while the coordinator cannot say yet.
const BACKOFF: Duration = Duration::from_millis(50);

impl Admin {
    /// How far a group has read these partitions, or all of which it has committed something. Offsets of transactions
    /// that are not ended yet are waited for (KIP-447, brokers from 2.5 on): what is returned is what the group goes on
    /// with. Only partitions that are named are waited for: asked for all, brokers leave out those of which the first
    /// offset is in an open transaction.
    ///
    /// # Errors
    /// [`Error::Broker`] with the coordinator's answer, e.g. GROUP_AUTHORIZATION_FAILED, or UNSTABLE_OFFSET_COMMIT when
    /// a transaction stayed open for too long; [`Error::Unavailable`].
    pub fn committed(
        &mut self,
        group: &str,
        partitions: Option<&[(&str, i32)]>,
    ) -> Result<Vec<CommittedOffset>, Error> {
        let deadline = Instant::now() + self.timeout;
        loop {
            let code = match self.committed_once(group, partitions)? {
                Ok(found) => return Ok(found),
                Err(code) => code,
            };
            let later = code.is_retriable() || code == ErrorCode::UNSTABLE_OFFSET_COMMIT;
            if !later || Instant::now() >= deadline {
                let what = format!("committed offsets of group {group}");
                return Err(Error::Broker { what, code, message: None });
            }
            std::thread::sleep(BACKOFF);
        }
    }

    fn committed_once(
        &mut self,
        group: &str,
        partitions: Option<&[(&str, i32)]>,
    ) -> Result<Result<Vec<CommittedOffset>, ErrorCode>, Error> {
        let (begin, deadline) = (Instant::now(), super::deadline(self.timeout));
        let mut coordinator = match self.group_coordinator(group)? {
            Ok(link) => link,
            Err(code) => return Ok(Err(code)),
        };
        // By topic, in the order they were asked for.
        let mut asked: Vec<(&str, Vec<i32>)> = Vec::new();
        for (topic, partition) in partitions.unwrap_or_default() {
            match asked.iter_mut().find(|(name, _)| name == topic) {
                Some((_, known)) => known.push(*partition),
                None => asked.push((topic, vec![*partition])),
            }
        }
        let old: Vec<_> = asked
            .iter()
            .map(|(name, list)| OffsetFetchRequestTopic { name, partition_indexes: Array::slice(list) })
            .collect();
        let new: Vec<_> = asked
            .iter()
            .map(|(name, list)| OffsetFetchRequestTopics {
                name,
                partition_indexes: Array::slice(list),
                ..OffsetFetchRequestTopics::default()
            })
            .collect();
        let groups = [OffsetFetchRequestGroup {
            group_id: group,
            topics: partitions.map(|_| Array::slice(&new)),
            ..OffsetFetchRequestGroup::default()
        }];
        let request = OffsetFetchRequest {
            group_id: group,
            topics: partitions.map(|_| Array::slice(&old)),
            groups: Array::slice(&groups),
            require_stable: true,
        };
        let called = coordinator.call_up_to(BY_NAME_MAX, &request, deadline);
        let (version, body) = called.map_err(|trouble| coordinator.unavailable(trouble, begin.elapsed()))?;
        let response = link::decode::<OffsetFetchResponse<'_>>(version, &body, "committed offsets")?;
        Ok(found(&response))
    }

    /// A connection to the group's coordinator.
    fn group_coordinator(&mut self, group: &str) -> Result<Result<Link, ErrorCode>, Error> {
        let keys = [group];
        let request =
            FindCoordinatorRequest { key: group, key_type: 0, coordinator_keys: Array::slice(&keys) };
        let (version, body) = self.call(&request)?;
        let response = link::decode::<FindCoordinatorResponse<'_>>(version, &body, "coordinator")?;
        let (code, host, port) = match response.coordinators.first() {
            Some(found) => (found.error_code, found.host, found.port),
            None => (response.error_code, response.host, response.port),
        };
        match (code, u16::try_from(port)) {
            (ErrorCode::NONE, Ok(port)) => {
                Link::to_any(&[(host.to_owned(), port)], super::deadline(self.timeout)).map(Ok)
            }
            (ErrorCode::NONE, Err(_)) => Ok(Err(ErrorCode::COORDINATOR_NOT_AVAILABLE)),
            (code, _) => Ok(Err(code)),
        }
    }
}

fn found(response: &OffsetFetchResponse<'_>) -> Result<Vec<CommittedOffset>, ErrorCode> {
    let mut all = Vec::new();
    let mut failed = response.error_code;
    let mut add = |topic: &str, partition: i32, offset: i64, epoch: i32, metadata: Option<&str>| {
        all.push(CommittedOffset {
            topic: topic.to_owned(),
            partition,
            offset: (offset >= 0).then_some(offset),
            leader_epoch: (epoch >= 0).then_some(epoch),
            metadata: metadata.unwrap_or_default().to_owned(),
        });
    };
    let mut check = |code: ErrorCode| {
        if failed == ErrorCode::NONE {
            failed = code;
        }
    };
    for topic in response.topics.iter() {
        for p in topic.partitions.iter() {
            check(p.error_code);
            add(topic.name, p.partition_index, p.committed_offset, p.committed_leader_epoch, p.metadata);
        }
    }
    for group in response.groups.iter() {
        check(group.error_code);
        for topic in group.topics.iter() {
            for p in topic.partitions.iter() {
                check(p.error_code);
                add(topic.name, p.partition_index, p.committed_offset, p.committed_leader_epoch, p.metadata);
            }
        }
    }
    if failed == ErrorCode::NONE { Ok(all) } else { Err(failed) }
}
