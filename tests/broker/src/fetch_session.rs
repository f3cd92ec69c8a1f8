//! Fetch sessions (KIP-227): the broker remembers a consumer's partitions, and the consumer only says what changed.

use std::collections::BTreeMap;
use std::sync::Arc;

use kafka_proto::ErrorCode;

use crate::rng::Rng;
use crate::topics::TopicId;

/// One partition that a fetch asks for.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub name: Arc<str>,
    pub id: TopicId,
    pub partition: i32,
    pub leader_epoch: i32,
    pub offset: i64,
    pub last_fetched_epoch: i32,
    pub max_bytes: i32,
}

impl Wanted {
    fn same(&self, other: &Self) -> bool {
        self.partition == other.partition && self.id == other.id && self.name == other.name
    }
}

/// A partition in a session, and what the consumer was last told about it.
#[derive(Debug)]
struct Cached {
    wanted: Wanted,
    high_watermark: i64,
    log_start: i64,
}

#[derive(Debug)]
struct Session {
    node: i32,
    epoch: i32,
    by_id: bool,
    used: u64,
    parts: Vec<Cached>,
}

/// All sessions of the cluster.
#[derive(Debug)]
pub(crate) struct FetchSessions {
    sessions: BTreeMap<i32, Session>,
    max: usize,
}

/// What a fetch request turned out to ask for.
pub(crate) struct Opened {
    /// 0: none.
    pub session: i32,
    pub incremental: bool,
    pub parts: Vec<Wanted>,
}

/// The session epoch that means "no session".
const FINAL_EPOCH: i32 = -1;
/// `min.incremental.fetch.session.eviction.ms`.
const EVICTION_US: u64 = 120_000_000;

impl FetchSessions {
    pub fn new(max: usize) -> Self {
        Self { sessions: BTreeMap::new(), max }
    }

    /// Decides what a request with this session id and epoch means.
    #[allow(clippy::too_many_arguments)]
    pub fn open(
        &mut self,
        rng: &mut Rng,
        now: u64,
        node: i32,
        by_id: bool,
        (id, epoch): (i32, i32),
        wanted: Vec<Wanted>,
        forgotten: &[Wanted],
    ) -> Result<Opened, ErrorCode> {
        if epoch == FINAL_EPOCH || epoch == 0 {
            if id != 0 && self.sessions.get(&id).is_some_and(|s| s.node == node) {
                self.sessions.remove(&id);
            }
            let session = if epoch == 0 { self.create(rng, now, node, by_id, &wanted) } else { 0 };
            return Ok(Opened { session, incremental: false, parts: wanted });
        }
        let found = self.sessions.get_mut(&id).filter(|s| s.node == node);
        let session = found.ok_or(ErrorCode::FETCH_SESSION_ID_NOT_FOUND)?;
        if session.epoch != epoch {
            return Err(ErrorCode::INVALID_FETCH_SESSION_EPOCH);
        }
        if session.by_id != by_id {
            return Err(ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR);
        }
        session.epoch = if epoch == i32::MAX { 1 } else { epoch + 1 };
        session.used = now;
        session.parts.retain(|c| !forgotten.iter().any(|f| f.same(&c.wanted)));
        for new in wanted {
            match session.parts.iter_mut().find(|c| c.wanted.same(&new)) {
                Some(cached) => cached.wanted = new,
                None => session.parts.push(Cached { wanted: new, high_watermark: -1, log_start: -1 }),
            }
        }
        let parts = session.parts.iter().map(|c| c.wanted.clone()).collect();
        Ok(Opened { session: id, incremental: true, parts })
    }

    fn create(&mut self, rng: &mut Rng, now: u64, node: i32, by_id: bool, wanted: &[Wanted]) -> i32 {
        if self.sessions.len() >= self.max {
            let oldest = self.sessions.iter().min_by_key(|(_, s)| s.used).map(|(id, s)| (*id, s.used));
            match oldest {
                Some((id, used)) if used.saturating_add(EVICTION_US) <= now => {
                    drop(self.sessions.remove(&id))
                }
                _ => return 0,
            }
        }
        let mut id = 0;
        while id == 0 || self.sessions.contains_key(&id) {
            id = (rng.next() >> 33) as i32;
        }
        let cached = |w: &Wanted| Cached { wanted: w.clone(), high_watermark: -1, log_start: -1 };
        let parts = wanted.iter().map(cached).collect();
        self.sessions.insert(id, Session { node, epoch: 1, by_id, used: now, parts });
        id
    }

    /// Whether an incremental answer lists the partition; remembers what it says. `news`: it has records, an error or
    /// anything else the consumer must see.
    pub fn tell(
        &mut self,
        id: i32,
        wanted: &Wanted,
        high_watermark: i64,
        log_start: i64,
        news: bool,
    ) -> bool {
        let Some(session) = self.sessions.get_mut(&id) else { return true };
        let Some(cached) = session.parts.iter_mut().find(|c| c.wanted.same(wanted)) else { return true };
        let changed = cached.high_watermark != high_watermark || cached.log_start != log_start;
        cached.high_watermark = high_watermark;
        cached.log_start = log_start;
        changed || news
    }

    /// Puts the partitions that just had their turn behind the others, so that none starves.
    pub fn rotate(&mut self, id: i32, served: &[&Wanted]) {
        if let Some(session) = self.sessions.get_mut(&id) {
            session.parts.sort_by_key(|c| served.iter().any(|w| w.same(&c.wanted)));
        }
    }

    pub fn forget_node(&mut self, node: i32) {
        self.sessions.retain(|_, s| s.node != node);
    }

    /// Forgets every session, as a restarted or overloaded broker does.
    pub fn clear(&mut self) {
        self.sessions.clear();
    }
}
