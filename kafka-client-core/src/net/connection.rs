//! One connection: its life, the requests under way on it, and what its broker supports.

use heapless::Deque;

use crate::config::IN_FLIGHT_MAX;
use crate::net::api::{Api, Versions};
use crate::net::broker::Role;
use crate::net::receive::RxBuf;
use crate::recall::recalled;
use crate::storage::NIL;
use crate::time::Instant;

/// Names a connection. An id is never used for two connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ConnId {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

impl ConnId {
    /// A small number, unique among the connections open at one time: an index for the adapter's table of sockets.
    pub fn index(self) -> usize {
        self.index as usize
    }
}

/// The life of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum State {
    /// The entry is free.
    #[default]
    Free,
    /// The adapter is opening it.
    Connecting,
    /// Open; ApiVersions is asked first.
    Negotiating,
    /// Open; requests may be sent.
    Ready,
    /// To be closed; the adapter is told by the next `poll_action`.
    Closing,
    /// The adapter was told; it answers with `handle_closed`.
    Closed,
}

/// A request that was begun and has no answer yet.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Request {
    pub(crate) api: Api,
    pub(crate) version: i16,
    pub(crate) correlation: i32,
    pub(crate) deadline: Instant,
    /// What the sender of the request remembers it by.
    pub(crate) token: u32,
}

#[derive(Debug, Default)]
pub(crate) struct Connection<'m> {
    pub(crate) generation: u32,
    pub(crate) state: State,
    pub(crate) broker: u32,
    pub(crate) role: Role,
    /// While connecting, and while a frame is being written: when to give up.
    pub(crate) deadline: Instant,
    pub(crate) last_used: Instant,
    /// The broker asked for silence until then (KIP-219).
    pub(crate) muted_until: Instant,
    pub(crate) versions: Versions,
    /// Oldest first; a broker answers in this order.
    pub(crate) in_flight: Deque<Request, IN_FLIGHT_MAX>,
    pub(crate) next_correlation: i32,
    /// It is closed because it failed, not because nobody needs it.
    pub(crate) failed: bool,
    /// A frame is with the adapter, being written.
    pub(crate) writing: bool,
    /// The version for the ApiVersions request, when one is to be sent.
    pub(crate) hello: Option<i16>,
    /// It has no receive buffer: the application holds them all.
    pub(crate) rx_starved: bool,
    /// The receive buffer, when it is not with the adapter.
    pub(crate) rx: Option<RxBuf<'m>>,
}

impl Connection<'_> {
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.state, State::Negotiating | State::Ready)
    }

    /// Whether another request may be begun now.
    pub(crate) fn accepts(&self, now: Instant, in_flight_max: u8) -> bool {
        self.state == State::Ready
            && !self.writing
            && self.in_flight.len() < usize::from(in_flight_max)
            && self.muted_until <= now
    }

    /// When something must be done about this connection if nothing happens before.
    pub(crate) fn next_deadline(&self, idle_at: Instant) -> Instant {
        match self.state {
            State::Free | State::Closing | State::Closed => Instant::NEVER,
            State::Connecting => self.deadline,
            State::Negotiating | State::Ready => {
                let muted = if self.muted_until > Instant(0) { self.muted_until } else { Instant::NEVER };
                self.overdue_at().unwrap_or(idle_at).min(muted)
            }
        }
    }

    /// When the other side has kept this one waiting for too long: for an answer, or, where none is due, for room to
    /// write; `None` when nothing is under way.
    pub(crate) fn overdue_at(&self) -> Option<Instant> {
        let answer = self.in_flight.front().map(|oldest| oldest.deadline);
        answer.or((self.writing && !recalled!(F3EndlessWrite)).then_some(self.deadline))
    }

    pub(crate) fn reset(&mut self) {
        *self = Connection {
            generation: self.generation.wrapping_add(1),
            broker: NIL,
            rx: None,
            ..Connection::default()
        };
    }
}
