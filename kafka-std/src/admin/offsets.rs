//! The committed offsets of a group, asked of its coordinator.

use std::time::{Duration, Instant};

use kafka_client_core::offsets::{self, Committed, Partitions, Unknown};
use kafka_proto::ErrorCode;
use kafka_proto::messages::metadata::{FindCoordinatorRequest, FindCoordinatorResponse};
use kafka_proto::messages::offsets::OffsetFetchResponse;
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

impl From<Committed<'_>> for CommittedOffset {
    fn from(committed: Committed<'_>) -> Self {
        CommittedOffset {
            topic: committed.topic.to_owned(),
            partition: committed.partition,
            offset: committed.offset,
            leader_epoch: committed.leader_epoch,
            metadata: committed.metadata.to_owned(),
        }
    }
}

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
        let deadline = super::deadline(self.timeout);
        let refused = |code| {
            let what = format!("committed offsets of group {group}");
            Error::Broker { what, code, message: None }
        };
        let mut last = None;
        loop {
            let code = match self.committed_once(group, partitions, deadline) {
                Ok(Ok(found)) => return Ok(found),
                Ok(Err(Unknown::Refused(code))) => return Err(refused(code)),
                Ok(Err(Unknown::Later(code))) => code,
                // What was answered before says more than that the time is over.
                Err(error) => match last.filter(|_| Instant::now() >= deadline) {
                    Some(code) => code,
                    None => return Err(error),
                },
            };
            if Instant::now() + BACKOFF >= deadline {
                return Err(refused(code));
            }
            last = Some(code);
            std::thread::sleep(BACKOFF);
        }
    }

    fn committed_once(
        &mut self,
        group: &str,
        partitions: Option<&[(&str, i32)]>,
        deadline: Instant,
    ) -> Result<Result<Vec<CommittedOffset>, Unknown>, Error> {
        let begin = Instant::now();
        let mut coordinator = match self.group_coordinator(group, deadline)? {
            Ok(link) => link,
            Err(unknown) => return Ok(Err(unknown)),
        };
        // By topic, in the order they were asked for.
        let mut by_topic: Vec<(&str, Vec<i32>)> = Vec::new();
        for (topic, partition) in partitions.unwrap_or_default() {
            match by_topic.iter_mut().find(|(name, _)| name == topic) {
                Some((_, known)) => known.push(*partition),
                None => by_topic.push((topic, vec![*partition])),
            }
        }
        let asked: Vec<_> =
            by_topic.iter().map(|(topic, partitions)| Partitions { topic, partitions }).collect();
        let asked = partitions.map(|_| asked.as_slice());
        let called =
            offsets::ask(group, asked, |request| coordinator.call_up_to(offsets::NEWEST, request, deadline));
        let (version, body) = called.map_err(|trouble| coordinator.unavailable(trouble, begin.elapsed()))?;
        let response = link::decode::<OffsetFetchResponse<'_>>(version, &body, "committed offsets")?;
        let mut all = Vec::new();
        let found = offsets::read(&response, |committed| all.push(CommittedOffset::from(committed)));
        Ok(found.map(|()| all))
    }

    /// A connection to the group's coordinator.
    fn group_coordinator(&mut self, group: &str, deadline: Instant) -> Result<Result<Link, Unknown>, Error> {
        let keys = [group];
        let request =
            FindCoordinatorRequest { key: group, key_type: 0, coordinator_keys: Array::slice(&keys) };
        let (version, body) = self.call(&request, deadline)?;
        let response = link::decode::<FindCoordinatorResponse<'_>>(version, &body, "coordinator")?;
        let (code, host, port) = match response.coordinators.first() {
            Some(found) => (found.error_code, found.host, found.port),
            None => (response.error_code, response.host, response.port),
        };
        match (code, u16::try_from(port)) {
            (ErrorCode::NONE, Ok(port)) => Link::to_any(&[(host.to_owned(), port)], deadline).map(Ok),
            (ErrorCode::NONE, Err(_)) => Ok(Err(Unknown::Later(ErrorCode::COORDINATOR_NOT_AVAILABLE))),
            (code, _) if code.is_retriable() => Ok(Err(Unknown::Later(code))),
            (code, _) => Ok(Err(Unknown::Refused(code))),
        }
    }
}
