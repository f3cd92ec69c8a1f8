//! A cursor: where the consumer is in a partition, and what it waits for.

use kafka_proto::ErrorCode;

use crate::list::{Link, Linked, List};
use crate::net::broker::{Broker, Role};
use crate::net::chain::Chained;
use crate::net::leaders::Follower;
use crate::recall::recalled;
use crate::storage::NIL;
use crate::time::Instant;

/// Where to start reading a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// The first record that is still there.
    Earliest,
    /// What is written from now on.
    Latest,
    /// This offset.
    Offset(i64),
    /// So many records before the end, or the first one if there are fewer.
    FromEnd(u32),
    /// The first record whose timestamp is this or later, ms since 1970; the end if there is none.
    Timestamp(i64),
}

impl Start {
    /// What ListOffsets is asked for.
    pub(crate) fn to_wire(self) -> i64 {
        match self {
            Start::Earliest => -2,
            Start::Latest | Start::FromEnd(_) | Start::Offset(_) => -1,
            Start::Timestamp(ms) => ms.max(0),
        }
    }
}

/// Something about a partition that the application should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// The broker refuses to serve the partition, e.g. TOPIC_AUTHORIZATION_FAILED. It is tried again after a backoff.
    /// With UNKNOWN_TOPIC_OR_PARTITION, which is told once, the cluster has no such topic, or not so many partitions of
    /// it; it is read as soon as there is.
    Refused(ErrorCode),
    /// The position is not in the log (any more), and reading went on elsewhere as `auto.offset.reset` says.
    Reset {
        /// The position that was lost.
        from: i64,
        /// Where reading goes on.
        to: i64,
    },
    /// The position is not in the log (any more), and `auto.offset.reset` is none: the partition waits for a seek.
    OutOfRange {
        /// The position that was lost.
        position: i64,
    },
    /// A batch is larger than the buffer that was lent. The partition waits for a seek.
    BatchTooLarge {
        /// Where the batch begins.
        position: i64,
        /// Bytes the batch has.
        need: u32,
    },
}

impl core::fmt::Display for Notice {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Notice::Refused(code) => write!(f, "the broker answers {code}"),
            Notice::Reset { from, to } => {
                write!(f, "offset {from} is not in the log; reading goes on at {to}")
            }
            Notice::OutOfRange { position } => {
                write!(
                    f,
                    "offset {position} is not in the log, and auto.offset.reset is none: assign it again"
                )
            }
            Notice::BatchTooLarge { position, need } => {
                write!(f, "the batch at offset {position} needs a buffer of {need} bytes")
            }
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Not assigned.
    #[default]
    Off,
    /// Its offset must be looked up: `Cursor::start` says which.
    Lookup,
    /// It reads on from its position.
    Reading,
    /// It waits for a seek.
    Parked,
}

#[derive(Debug)]
pub(crate) struct Cursor {
    pub(crate) phase: Phase,
    pub(crate) paused: bool,
    pub(crate) start: Start,
    /// The offset to fetch next.
    pub(crate) position: i64,
    /// A lookup because this position was lost; −1 otherwise.
    pub(crate) lost: i64,
    /// Goes up when the application moves or drops the cursor: what was asked for before no longer counts.
    pub(crate) version: u32,
    /// Its version when it was last asked about.
    pub(crate) asked_version: u32,
    /// The life of its topic then.
    pub(crate) asked_life: u8,
    /// It is part of a request that has no answer yet.
    pub(crate) asked: bool,
    /// Records of it wait to be taken by the application. Until then it is not fetched again: from another broker,
    /// after a change of leader, what comes later could be handed out earlier.
    pub(crate) buffered: bool,
    pub(crate) backoff_until: Instant,
    pub(crate) attempts: u32,
    /// The offset after the last record that consumers may see; −1 while unknown.
    pub(crate) high_watermark: i64,
    pub(crate) notice: Option<Notice>,
    /// Why the cluster will not serve it, as far as the application was told.
    pub(crate) refusal: ErrorCode,
    /// Next in the same request.
    pub(crate) chain: u32,
    lookup: Link,
    fetch: Link,
    delayed: Link,
}

impl Default for Cursor {
    fn default() -> Self {
        Cursor {
            phase: Phase::Off,
            paused: false,
            start: Start::Latest,
            position: -1,
            lost: -1,
            version: 0,
            asked_version: 0,
            asked_life: 0,
            asked: false,
            buffered: false,
            backoff_until: Instant(0),
            attempts: 0,
            high_watermark: -1,
            notice: None,
            refusal: ErrorCode::NONE,
            chain: NIL,
            lookup: Link::FREE,
            fetch: Link::FREE,
            delayed: Link::FREE,
        }
    }
}

/// The lists a cursor can wait in. It may stand in one that it no longer belongs in: who takes it off looks again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// For its offset to be looked up (a list per broker).
    Lookup,
    /// To be fetched (a list per broker).
    Fetch,
    /// For its backoff to pass.
    Delayed,
}

impl From<Role> for Wait {
    fn from(role: Role) -> Wait {
        match role {
            Role::Main => Wait::Lookup,
            Role::Fetch => Wait::Fetch,
        }
    }
}

impl Linked for Cursor {
    type Wait = Wait;

    fn link(&mut self, wait: Wait) -> &mut Link {
        match wait {
            Wait::Lookup => &mut self.lookup,
            Wait::Fetch => &mut self.fetch,
            Wait::Delayed => &mut self.delayed,
        }
    }
}

impl Chained for Cursor {
    fn chain(&mut self) -> &mut u32 {
        &mut self.chain
    }

    fn asked(&self, index: u32) -> (u32, u8) {
        (index, self.asked_life)
    }
}

impl Follower for Cursor {
    const WAITS: [Wait; 2] = [Wait::Lookup, Wait::Fetch];

    fn list<'b>(broker: &'b mut Broker<'_>, wait: Wait) -> &'b mut List {
        let [main, fetch] = &mut broker.work;
        if wait == Wait::Fetch { fetch } else { main }
    }
}

impl Cursor {
    /// The next one in the list of those that wait for their backoff.
    pub(crate) fn next_delayed(&self) -> u32 {
        self.delayed.next()
    }

    /// The connection that asks for it now: fetching may take long, looking up an offset does not.
    pub(crate) fn role(&self) -> Role {
        if self.phase == Phase::Reading { Role::Fetch } else { Role::Main }
    }

    /// Whether an answer to what was asked still concerns it.
    pub(crate) fn is_current(&self) -> bool {
        self.asked_version == self.version
    }

    /// The application starts or moves it.
    pub(crate) fn begin(&mut self, start: Start) {
        self.outdate();
        self.start = start;
        self.lost = -1;
        self.attempts = 0;
        self.backoff_until = Instant(0);
        (self.notice, self.refusal) = (None, ErrorCode::NONE);
        (self.phase, self.position) = match start {
            Start::Offset(offset) if offset >= 0 => (Phase::Reading, offset),
            _ => (Phase::Lookup, -1),
        };
    }

    /// What was asked for and fetched so far no longer counts.
    pub(crate) fn outdate(&mut self) {
        self.version = self.version.wrapping_add(1);
        self.buffered = false;
    }

    /// Whether it has a request to make.
    pub(crate) fn is_hungry(&self) -> bool {
        match self.phase {
            Phase::Lookup => !self.asked,
            Phase::Reading => {
                !self.asked && !self.paused && (!self.buffered || recalled!(F1OrderAcrossBrokers))
            }
            Phase::Off | Phase::Parked => false,
        }
    }
}
