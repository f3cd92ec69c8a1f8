//! Fetch: what is asked for, and how long the answer waits for it.

use std::sync::Arc;

use kafka_proto::ErrorCode;
use kafka_proto::messages::{FetchRequest, FetchResponse};

use crate::cluster::Cluster;
use crate::conn::{Ticket, Waiting};
use crate::fetch_session::{Opened, Wanted};
use crate::request::{Hangup, Rq};
use crate::topics::NO_ID;

/// A fetch that waits for more records.
#[derive(Debug)]
pub(crate) struct FetchWait {
    pub ticket: Ticket,
    pub node: i32,
    pub deadline: u64,
    pub min_bytes: usize,
    pub max_bytes: usize,
    pub read_committed: bool,
    pub rack: String,
    pub session: i32,
    pub incremental: bool,
    pub forced: Option<ErrorCode>,
    pub parts: Vec<Wanted>,
}

impl Cluster {
    pub(crate) fn fetch(&mut self, rq: &Rq<'_>) -> Result<(), Hangup> {
        let request: FetchRequest<'_> = rq.decode()?;
        let by_id = rq.version >= 13;
        let wanted = self.wanted(&request, by_id);
        let forgotten = self.forgotten(&request, by_id);
        let (session, epoch) = (request.session_id, request.session_epoch);
        let Self { sessions, rng, now, .. } = self;
        let opened = sessions.open(rng, *now, rq.node, by_id, (session, epoch), wanted, &forgotten);
        let Opened { session, incremental, parts } = match opened {
            Ok(opened) => opened,
            Err(error_code) => {
                self.conns.reply(&rq.ticket, &FetchResponse { error_code, ..FetchResponse::default() });
                return Ok(());
            }
        };
        let positive = |v: i32| usize::try_from(v).unwrap_or(0);
        let max_bytes = positive(request.max_bytes).min(self.config.max_fetch_bytes);
        let wait_us = u64::try_from(request.max_wait_ms).unwrap_or(0) * 1000;
        let wait = FetchWait {
            ticket: rq.ticket,
            node: rq.node,
            deadline: self.now.saturating_add(wait_us),
            min_bytes: positive(request.min_bytes).min(max_bytes),
            max_bytes,
            read_committed: request.isolation_level == 1,
            rack: request.rack_id.to_owned(),
            session,
            incremental,
            forced: rq.forced,
            parts,
        };
        if !self.try_answer_fetch(&wait, wait_us == 0) {
            self.wait_for_records(wait, true);
        }
        Ok(())
    }

    pub(crate) fn retry_fetch(&mut self, wait: Box<FetchWait>, expired: bool) {
        if !self.try_answer_fetch(&wait, expired) {
            self.wait_for_records(*wait, false);
        }
    }

    fn wait_for_records(&mut self, wait: FetchWait, first: bool) {
        let (ticket, deadline) = (wait.ticket, wait.deadline);
        for part in &wait.parts {
            let found = self.topics.get_mut(&part.id).and_then(|t| t.partition_mut(part.partition));
            if let Some(p) = found
                && !p.watchers.contains(&ticket.conn)
            {
                p.watchers.push(ticket.conn);
            }
        }
        self.wait(&ticket, deadline, Waiting::Fetch(Box::new(wait)), first);
    }

    fn wanted(&self, request: &FetchRequest<'_>, by_id: bool) -> Vec<Wanted> {
        let mut parts = Vec::new();
        for topic in request.topics {
            let id = if by_id { topic.topic_id.0 } else { self.topics.id(topic.topic).unwrap_or(NO_ID) };
            let name: Arc<str> = topic.topic.into();
            parts.extend(topic.partitions.iter().map(|p| Wanted {
                name: name.clone(),
                id,
                partition: p.partition,
                leader_epoch: p.current_leader_epoch,
                offset: p.fetch_offset,
                last_fetched_epoch: p.last_fetched_epoch,
                max_bytes: p.partition_max_bytes,
            }));
        }
        parts
    }

    fn forgotten(&self, request: &FetchRequest<'_>, by_id: bool) -> Vec<Wanted> {
        let mut parts = Vec::new();
        for topic in request.forgotten_topics_data {
            let id = if by_id { topic.topic_id.0 } else { self.topics.id(topic.topic).unwrap_or(NO_ID) };
            let name: Arc<str> = topic.topic.into();
            parts.extend(topic.partitions.iter().map(|partition| Wanted {
                name: name.clone(),
                id,
                partition,
                leader_epoch: -1,
                offset: 0,
                last_fetched_epoch: -1,
                max_bytes: 0,
            }));
        }
        parts
    }
}
