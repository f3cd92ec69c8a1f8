//! Connections: one request of each is served at a time, in order, as a Kafka broker does; what else arrives waits.

use std::collections::{BTreeMap, VecDeque};

use kafka_proto::frame::encode_response;
use kafka_proto::{ApiKey, Message};

use crate::api::fetch::FetchWait;
use crate::api::produce::ProduceWait;
use crate::sasl::Login;

/// A connection, as [`crate::Cluster::handle_connect`] named it.
pub type ConnId = u64;

/// What the socket side has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Write these bytes (a whole frame, length included).
    Response {
        /// To whom.
        conn: ConnId,
        /// The frame.
        bytes: Vec<u8>,
    },
    /// Close the connection once what was written before is out; the cluster has forgotten it.
    Close {
        /// Which.
        conn: ConnId,
        /// For the log; empty where a fault was asked for.
        reason: String,
    },
    /// Stop listening for this node: it was killed.
    NodeDown(i32),
    /// Listen again for this node.
    NodeUp(i32),
}

/// What becomes of the answer to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Answer,
    /// Microseconds it is held back.
    Delay(u64),
    /// The connection is closed instead.
    Close,
    /// Nothing is ever said again on this connection.
    Swallow,
}

/// A request that is owed an answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ticket {
    pub conn: ConnId,
    pub serial: u64,
    pub key: ApiKey,
    pub version: i16,
    pub correlation: i32,
    pub fate: Fate,
}

/// A request that waits for records, for replication or for time.
#[derive(Debug)]
pub(crate) enum Waiting {
    Fetch(Box<FetchWait>),
    Produce(Box<ProduceWait>),
}

#[derive(Debug)]
pub(crate) struct Conn {
    pub node: i32,
    /// Serial of the request that is being served.
    pub busy: Option<u64>,
    pub waiting: Option<Waiting>,
    pub muted_until: u64,
    pub login: Login,
    pub backlog: VecDeque<Vec<u8>>,
}

/// Requests a client may have waiting behind the one that is served; the socket side stops reading long before.
const BACKLOG_MAX: usize = 1_000;

/// Length, correlation id and an empty list of tags.
const RESPONSE_HEADER_MAX: usize = 9;

/// All connections, and what is to be written.
#[derive(Debug, Default)]
pub(crate) struct Conns {
    conns: BTreeMap<ConnId, Conn>,
    output: VecDeque<Output>,
    held: BTreeMap<u64, (ConnId, Vec<u8>)>,
    /// Responses that were held back since the last look: delay in microseconds and number.
    pub newly_held: Vec<(u64, u64)>,
    /// Connections whose request was answered: their next one may be served.
    pub finished: VecDeque<ConnId>,
    spare: Vec<Vec<u8>>,
    serial: u64,
}

/// Writes the frame of an answer into `bytes`.
pub(crate) fn encode<'a, M: Message<'a>>(
    ticket: &Ticket,
    body: &M,
    mut bytes: Vec<u8>,
) -> Result<Vec<u8>, String> {
    let Ticket { key, version, correlation, .. } = *ticket;
    bytes.resize(body.encoded_len(version).saturating_add(RESPONSE_HEADER_MAX), 0);
    let len = encode_response(&mut bytes, key, version, correlation, body)
        .map_err(|error| format!("cannot answer {key} {version}: {error}"))?;
    bytes.truncate(len);
    Ok(bytes)
}

impl Conns {
    pub fn len(&self) -> usize {
        self.conns.len()
    }

    pub fn open(&mut self, node: i32) -> ConnId {
        self.serial += 1;
        let conn = Conn {
            node,
            busy: None,
            waiting: None,
            muted_until: 0,
            login: Login::Start,
            backlog: VecDeque::new(),
        };
        self.conns.insert(self.serial, conn);
        self.serial
    }

    pub fn get(&self, conn: ConnId) -> Option<&Conn> {
        self.conns.get(&conn)
    }

    pub fn get_mut(&mut self, conn: ConnId) -> Option<&mut Conn> {
        self.conns.get_mut(&conn)
    }

    pub fn forget(&mut self, conn: ConnId) {
        self.conns.remove(&conn);
    }

    pub fn ids_of(&self, node: i32) -> Vec<ConnId> {
        self.conns.iter().filter(|(_, c)| c.node == node).map(|(id, _)| *id).collect()
    }

    /// Begins a request on an idle connection.
    pub fn begin(&mut self, conn: ConnId) -> Option<u64> {
        self.serial += 1;
        let serial = self.serial;
        self.conns.get_mut(&conn)?.busy = Some(serial);
        Some(serial)
    }

    /// Puts a request behind the one that is served; false when there are too many.
    pub fn defer(&mut self, conn: ConnId, frame: &[u8]) -> bool {
        let Some(state) = self.conns.get_mut(&conn) else { return true };
        state.backlog.push_back(frame.to_vec());
        state.backlog.len() <= BACKLOG_MAX
    }

    pub fn close(&mut self, conn: ConnId, reason: String) {
        if self.conns.remove(&conn).is_some() {
            self.output.push_back(Output::Close { conn, reason });
        }
    }

    pub fn push(&mut self, output: Output) {
        self.output.push_back(output);
    }

    pub fn pop(&mut self) -> Option<Output> {
        self.output.pop_front()
    }

    /// Takes back the memory of a response that was written.
    pub fn recycle(&mut self, bytes: Vec<u8>) {
        if self.spare.len() < 16 && bytes.capacity() <= 4 << 20 {
            self.spare.push(bytes);
        }
    }

    /// Answers a request. A second answer, or one to a connection that is gone, is dropped.
    pub fn reply<'a, M: Message<'a>>(&mut self, ticket: &Ticket, body: &M) {
        let frame = encode(ticket, body, self.spare());
        self.send(ticket, frame);
    }

    /// Memory for [`encode`].
    pub fn spare(&mut self) -> Vec<u8> {
        self.spare.pop().unwrap_or_default()
    }

    /// Answers a request with what [`encode`] made.
    pub fn send(&mut self, ticket: &Ticket, frame: Result<Vec<u8>, String>) {
        if !self.finish(ticket) {
            return;
        }
        let conn = ticket.conn;
        let bytes = match frame {
            Ok(bytes) => bytes,
            Err(reason) => return self.close(conn, reason),
        };
        if let Fate::Delay(delay) = ticket.fate {
            self.newly_held.push((delay, ticket.serial));
            self.held.insert(ticket.serial, (conn, bytes));
        } else {
            self.output.push_back(Output::Response { conn, bytes });
            self.finished.push_back(conn);
        }
    }

    /// A request that has no answer (acks=0).
    pub fn no_reply(&mut self, ticket: &Ticket) {
        if self.finish(ticket) {
            self.finished.push_back(ticket.conn);
        }
    }

    /// Lets a response go that was held back; returns whose it was.
    pub fn release(&mut self, number: u64) -> Option<ConnId> {
        let (conn, bytes) = self.held.remove(&number)?;
        self.conns.get_mut(&conn)?.busy = None;
        self.output.push_back(Output::Response { conn, bytes });
        Some(conn)
    }

    /// Whether the ticket is still owed an answer and may have it; the connection stays busy when it is held back.
    fn finish(&mut self, ticket: &Ticket) -> bool {
        let Some(state) = self.conns.get_mut(&ticket.conn) else { return false };
        if state.busy != Some(ticket.serial) {
            return false;
        }
        state.waiting = None;
        match ticket.fate {
            Fate::Swallow => false,
            Fate::Delay(_) => true,
            Fate::Answer => {
                state.busy = None;
                true
            }
            Fate::Close => {
                self.close(ticket.conn, String::new());
                false
            }
        }
    }
}
