//! Connections to the cluster: what producer and consumer share.
//!
//! `Net` knows brokers and connections, opens and closes them, negotiates versions, pairs answers with requests,
//! and keeps the cluster's metadata fresh. It does not know what a produce or fetch request means: its owner asks
//! for a connection with `Net::accepting`, begins a request with `Net::begin`, and gets the answer from
//! `Net::receive`.

pub(crate) mod api;
pub(crate) mod broker;
pub(crate) mod chain;
pub(crate) mod connection;
mod exchange;
pub(crate) mod leaders;
mod life;
pub(crate) mod receive;
mod refresh;
pub(crate) mod transmit;

use core::net::SocketAddr;
use core::ops::Range;

use kafka_proto::Request as RequestMessage;
use kafka_proto::frame;
use kafka_proto::messages::connection::ApiVersionsRequest;

pub use broker::{ADDRESSES_MAX, HOST_LEN_MAX, Trouble};
pub use connection::ConnId;
pub use receive::RxBuf;
pub use transmit::{Part, Transmit, TxFrame};

use crate::config::ClientConfig;
use crate::metadata::Topics;
use crate::random::Random;
use crate::storage::{Mem, NIL, Storage, Table};
use crate::time::{Duration, Instant};
use api::Api;
use broker::{Broker, Role};
use connection::{Connection, Request, State};
use refresh::Refresh;

/// Names a host to be resolved; [`Host`] has the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostId(pub(crate) u32);

/// A host name and port, as configured or as the cluster advertises it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Host<'a> {
    /// A name, or an address in text.
    pub name: &'a str,
    /// TCP port.
    pub port: u16,
}

/// What the adapter is asked to do about connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Find the addresses of a host; answer with `handle_resolved`.
    Resolve(HostId),
    /// Open a TCP connection, with `TCP_NODELAY`; answer with `handle_connected` or `handle_closed`.
    Connect(ConnId, SocketAddr),
    /// Close it; answer with `handle_closed`.
    Close(ConnId),
}

/// How a connection ended, as the adapter saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// The adapter closed it because it was asked to ([`Action::Close`]).
    Asked,
    /// It could not be opened, or broke, for this reason.
    Because(Trouble),
}

/// An answer that [`Net`] does not use itself.
pub(crate) struct Reply {
    pub(crate) request: Request,
    /// Where the body is in the receive buffer.
    pub(crate) body: Range<usize>,
    /// Where the frame ends in the receive buffer.
    pub(crate) end: usize,
}

/// What [`Net::receive`] found at the front of a receive buffer.
pub(crate) enum Inbound {
    /// Nothing more.
    Done,
    /// An answer that was dealt with; look again.
    Handled,
    /// The cluster's metadata changed; look again.
    Metadata,
    /// An answer for the owner.
    Reply(Reply),
}

/// Memory for connections and metadata.
pub struct NetMemory<'m> {
    pub(crate) brokers: Storage<'m, Broker<'m>>,
    pub(crate) conns: Storage<'m, Connection<'m>>,
    pub(crate) rx: Storage<'m, RxBuf<'m>>,
    pub(crate) tx: Storage<'m, TxFrame<'m>>,
    pub(crate) topics: Topics<'m>,
}

pub(crate) struct Net<'m> {
    pub(crate) config: ClientConfig<'m>,
    pub(crate) brokers: Table<'m, Broker<'m>>,
    pub(crate) conns: Table<'m, Connection<'m>>,
    /// Lent receive buffers that no connection uses.
    rx: Storage<'m, RxBuf<'m>>,
    /// Frames that are not being written.
    tx: Storage<'m, TxFrame<'m>>,
    pub(crate) topics: Topics<'m>,
    pub(crate) random: Random,
    pub(crate) refresh: Refresh,
    /// Connections whose receive buffer waits to be given to the adapter.
    idle_rx: u32,
    pub(crate) closing: bool,
    /// The finalized level of the cluster's feature `transaction.version` (KIP-890), and its epoch.
    pub(crate) transaction_version: i16,
    features_epoch: i64,
}

impl<'m> Net<'m> {
    pub(crate) fn new(config: ClientConfig<'m>, memory: NetMemory<'m>) -> Self {
        Net {
            random: Random::new(config.seed),
            config,
            brokers: Table::new(memory.brokers),
            conns: Table::new(memory.conns),
            rx: memory.rx,
            tx: memory.tx,
            topics: memory.topics,
            refresh: Refresh::default(),
            idle_rx: 0,
            closing: false,
            transaction_version: 0,
            features_epoch: -1,
        }
    }

    /// The entry of an open connection, or `None` for an id of the past.
    pub(crate) fn conn(&mut self, id: ConnId) -> Option<&mut Connection<'m>> {
        let conn = &mut self.conns[id.index];
        (conn.generation == id.generation && conn.state != State::Free).then_some(conn)
    }

    pub(crate) fn id(&self, index: u32) -> ConnId {
        ConnId { index, generation: self.conns[index].generation }
    }

    /// A buffer to read into, with the connection it is for.
    pub(crate) fn poll_read(&mut self) -> Option<(ConnId, RxBuf<'m>)> {
        if self.idle_rx == 0 {
            return None;
        }
        for index in self.conns.indices() {
            if self.conns[index].is_open()
                && let Some(rx) = self.conns[index].rx.take()
            {
                self.idle_rx = self.idle_rx.saturating_sub(1);
                return Some((self.id(index), rx));
            }
        }
        self.idle_rx = 0;
        None
    }

    /// Puts a receive buffer back for the next `poll_read`.
    pub(crate) fn keep_rx(&mut self, conn: ConnId, rx: RxBuf<'m>) {
        match self.conn(conn) {
            Some(entry) if entry.rx.is_none() => {
                entry.rx = Some(rx);
                self.idle_rx += 1;
            }
            _ => self.drop_rx(rx),
        }
    }

    /// A receive buffer is free for another connection. A few from the heap are kept: their size is what it takes.
    pub(crate) fn drop_rx(&mut self, mut rx: RxBuf<'m>) {
        rx.clear();
        if !rx.mem.is_owned() || self.rx.len() < RX_OWNED_KEPT {
            let _ = self.rx.push(rx);
        }
    }

    /// The application holds every receive buffer: the connection gets the next one that comes back.
    pub(crate) fn starve(&mut self, conn: ConnId) {
        if let Some(entry) = self.conn(conn) {
            entry.rx_starved = true;
        }
    }

    /// A receive buffer comes back from the application.
    pub(crate) fn feed(&mut self, mut rx: RxBuf<'m>) {
        let hungry = self.conns.position(|c| c.rx_starved && c.is_open());
        if hungry == NIL {
            self.drop_rx(rx);
            return;
        }
        rx.clear();
        self.conns[hungry].rx_starved = false;
        let conn = self.id(hungry);
        self.keep_rx(conn, rx);
    }

    /// A free receive buffer.
    pub(crate) fn take_rx(&mut self) -> Option<RxBuf<'m>> {
        #[cfg(feature = "alloc")]
        if self.rx.is_empty() && self.rx.room() == usize::MAX {
            return Some(RxBuf::new(crate::storage::Mem::owned(RX_OWNED_START)));
        }
        self.rx.pop()
    }

    /// A connection of this role to this broker that takes another request now, or `NIL`.
    pub(crate) fn accepting(&self, now: Instant, broker: u32, role: Role) -> u32 {
        let max = self.config.max_in_flight;
        self.conns.position(|c| c.broker == broker && c.role == role && c.accepts(now, max))
    }

    /// A connection to any broker that takes a request now, other than a fetch.
    pub(crate) fn accepting_any(&self, now: Instant) -> Option<u32> {
        let max = self.config.max_in_flight;
        Some(self.conns.position(|c| c.role == Role::Main && c.accepts(now, max))).filter(|conn| *conn != NIL)
    }

    /// Enters an encoded request into its connection: from here on an answer is due.
    pub(crate) fn enter(
        &mut self,
        now: Instant,
        conn: u32,
        request: Begin,
        frame: TxFrame<'m>,
        encoded: Encoded,
    ) -> Result<Transmit<'m>, TxFrame<'m>> {
        let entry = &mut self.conns[conn];
        if request.answered {
            let in_flight = Request {
                api: request.api,
                version: request.version,
                correlation: entry.next_correlation,
                deadline: now + request.timeout,
                token: request.token,
            };
            if entry.in_flight.push_back(in_flight).is_err() {
                return Err(frame);
            }
        }
        entry.next_correlation = entry.next_correlation.wrapping_add(1) & i32::MAX;
        entry.last_used = now;
        entry.writing = true;
        entry.deadline = now + request.timeout;
        let Encoded { head_len, frame_len } = encoded;
        Ok(Transmit { conn: self.id(conn), frame, head_len, total: frame_len, written: 0 })
    }

    /// Enters a request that was encoded, or puts its frame back when it was not.
    pub(crate) fn enter_if(
        &mut self,
        now: Instant,
        conn: u32,
        request: Begin,
        frame: TxFrame<'m>,
        encoded: Option<Encoded>,
    ) -> Option<Transmit<'m>> {
        let entered = match encoded {
            Some(encoded) => self.enter(now, conn, request, frame, encoded),
            None => Err(frame),
        };
        entered.map_err(|frame| self.keep_frame(frame)).ok()
    }

    /// A frame to encode a request into.
    pub(crate) fn take_frame(&mut self) -> Option<TxFrame<'m>> {
        #[cfg(feature = "alloc")]
        if self.tx.is_empty() && self.tx.room() == usize::MAX {
            return Some(TxFrame::owned());
        }
        self.tx.pop()
    }

    /// A frame is free again; its parts were taken out before.
    pub(crate) fn keep_frame(&mut self, frame: TxFrame<'m>) {
        let _ = self.tx.push(frame);
    }

    /// A request of [`Net`]'s own that may go now.
    pub(crate) fn poll_transmit(&mut self, now: Instant) -> Option<Transmit<'m>> {
        for index in self.conns.indices() {
            let conn = &self.conns[index];
            let Some(version) = conn.hello.filter(|_| conn.state == State::Negotiating && !conn.writing)
            else {
                continue;
            };
            let body = ApiVersionsRequest {
                client_software_name: "kafka-client-core",
                client_software_version: env!("CARGO_PKG_VERSION"),
                ..ApiVersionsRequest::default()
            };
            let mut frame = self.take_frame()?;
            let encoded =
                encode_for(&self.conns[index], &self.config, version, &mut frame.head, &body, &mut []);
            let sent = self.enter_if(now, index, self.own(Api::ApiVersions, version), frame, encoded);
            if sent.is_some() {
                self.conns[index].hello = None;
                return sent;
            }
        }
        self.poll_refresh(now)
    }

    fn own(&self, api: Api, version: i16) -> Begin {
        Begin { api, version, token: NIL, timeout: self.config.request_timeout, answered: true }
    }
}

/// Receive buffers from the heap that are kept for the next response.
const RX_OWNED_KEPT: usize = 4;

/// Bytes of a receive buffer from the heap before it knows what it will hold.
#[cfg(feature = "alloc")]
const RX_OWNED_START: usize = 4096;

/// The most batches in one produce request. On the heap, 64: as many of 16 KiB as `max.request.size` holds. Where
/// memory is lent, 8: their positions lie on the stack.
pub(crate) const PARTS_MAX: usize = if cfg!(feature = "alloc") { 64 } else { 8 };

/// What is remembered of a request that begins.
pub(crate) struct Begin {
    pub(crate) api: Api,
    pub(crate) version: i16,
    pub(crate) token: u32,
    pub(crate) timeout: Duration,
    /// False for acks=0, which the broker does not answer.
    pub(crate) answered: bool,
}

/// How long an encoded request is: in its head, and on the wire with the batches between.
#[derive(Clone, Copy)]
pub(crate) struct Encoded {
    head_len: u32,
    frame_len: u32,
}

/// Encodes a request as the next one of `conn`; `None` when `head` has too little room and cannot grow. Batches that
/// live elsewhere have their positions put into `gaps`.
///
/// Apart from [`Net::enter`] because a body borrows from the tables of [`Net`] while it is encoded.
pub(crate) fn encode_for<'r, R: RequestMessage<'r>>(
    conn: &Connection<'_>,
    config: &ClientConfig<'_>,
    version: i16,
    head: &mut Mem<'_>,
    body: &R,
    gaps: &mut [u32],
) -> Option<Encoded> {
    let header = (version, conn.next_correlation, Some(config.client_id));
    let encoded = match frame::encode_request(head, header, body, gaps) {
        Err(kafka_proto::EncodeError::TooSmall { need }) if cfg!(feature = "alloc") && head.grow(need, 0) => {
            frame::encode_request(head, header, body, gaps)
        }
        other => other,
    };
    let encoded = encoded.ok()?;
    let len = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Some(Encoded { head_len: len(encoded.head_len), frame_len: len(encoded.frame_len) })
}
