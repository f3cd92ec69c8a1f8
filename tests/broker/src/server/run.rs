//! The thread: accepts, reads, serves, writes, sleeps until the cluster's next deadline.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token};

use super::Shared;
use super::link::{Link, ReadEnd};
use crate::cluster::{Cluster, Refused};
use crate::conn::{ConnId, Output};

pub(super) const WAKER: Token = Token(usize::MAX);
/// Connections are named by their id on top of this, listeners by their node.
const FIRST_LINK: usize = 1 << 16;
/// Reads per connection before the others have their turn.
const READS_MAX: usize = 4;
/// Between attempts to listen again for a node whose port somebody holds.
const REBIND_EVERY: Duration = Duration::from_millis(20);

pub(super) struct Runner {
    poll: Poll,
    shared: Arc<Shared>,
    listeners: Vec<Option<TcpListener>>,
    addrs: Vec<SocketAddr>,
    /// Nodes that are up and have no listener yet.
    rebinding: Vec<usize>,
    links: BTreeMap<ConnId, Link>,
    log: fn(&str),
}

impl Runner {
    pub fn new(
        poll: Poll,
        shared: Arc<Shared>,
        mut listeners: Vec<TcpListener>,
        addrs: Vec<SocketAddr>,
        log: fn(&str),
    ) -> io::Result<Self> {
        for (node, listener) in listeners.iter_mut().enumerate() {
            poll.registry().register(listener, Token(node), Interest::READABLE)?;
        }
        let listeners = listeners.into_iter().map(Some).collect();
        Ok(Self { poll, shared, listeners, addrs, rebinding: Vec::new(), links: BTreeMap::new(), log })
    }

    pub fn run(&mut self) {
        let mut events = Events::with_capacity(1024);
        let mut busy = false;
        while !self.shared.stop.load(Ordering::Acquire) {
            let timeout = self.timeout(busy);
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return (self.log)(&format!("poll failed, the broker stops: {error}")),
                Ok(()) => {}
            }
            let shared = self.shared.clone();
            let mut cluster = shared.cluster();
            let now = shared.now();
            cluster.poll(now);
            for event in &events {
                match event.token() {
                    WAKER => {}
                    Token(node) if node < FIRST_LINK => self.accept(&mut cluster, now, node),
                    Token(id) => {
                        let conn = (id - FIRST_LINK) as ConnId;
                        if let Some(link) = self.links.get_mut(&conn) {
                            link.peer_closed |= event.is_read_closed() || event.is_error();
                            link.readable |= event.is_readable() || link.peer_closed;
                            if event.is_writable() && link.flush(|b| cluster.recycle(b)).is_err() {
                                self.hang_up(&mut cluster, now, conn);
                            }
                        }
                    }
                }
            }
            self.rebind();
            self.deliver(&mut cluster, now);
            busy = self.read_all(&mut cluster);
        }
    }

    fn timeout(&self, busy: bool) -> Option<Duration> {
        if busy {
            return Some(Duration::ZERO);
        }
        let deadline = self.shared.cluster().next_deadline();
        // Rounded up to the millisecond that epoll counts in, or a deadline would be polled for in a circle.
        let until = deadline.map(|at| Duration::from_micros(at.saturating_sub(self.shared.now()).max(1)));
        match self.rebinding.is_empty() {
            true => until,
            false => Some(until.map_or(REBIND_EVERY, |until| until.min(REBIND_EVERY))),
        }
    }

    fn accept(&mut self, cluster: &mut Cluster, now: u64, node: usize) {
        while let Some(listener) = self.listeners.get(node).and_then(Option::as_ref) {
            let (mut stream, peer) = match listener.accept() {
                Ok(accepted) => accepted,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
                // Out of file descriptors: the others go on, and the next event tries again.
                Err(error) => return (self.log)(&format!("cannot accept: {error}")),
            };
            let conn = match cluster.handle_connect(now, node as i32) {
                Ok(conn) => conn,
                Err(Refused::NodeDown) => continue,
                Err(Refused::TooMany) => {
                    (self.log)(&format!("{peer} refused: too many connections"));
                    continue;
                }
            };
            let token = Token(FIRST_LINK + conn as usize);
            let _ = stream.set_nodelay(true);
            let interest = Interest::READABLE | Interest::WRITABLE;
            match self.poll.registry().register(&mut stream, token, interest) {
                Ok(()) => drop(self.links.insert(conn, Link::new(stream, conn))),
                Err(error) => {
                    (self.log)(&format!("{peer} refused: {error}"));
                    cluster.handle_disconnect(now, conn);
                }
            }
        }
    }

    /// Reads and serves every connection that has something; true when one may have more.
    fn read_all(&mut self, cluster: &mut Cluster) -> bool {
        let ids: Vec<ConnId> = self.links.values().filter(|l| l.readable).map(|l| l.conn).collect();
        let mut more = false;
        for conn in ids {
            more |= self.read_one(cluster, conn);
        }
        more
    }

    fn read_one(&mut self, cluster: &mut Cluster, conn: ConnId) -> bool {
        let max = cluster.config().max_request_bytes;
        for _ in 0..READS_MAX {
            let now = self.shared.now();
            if !self.serve(cluster, now, conn, max) {
                return false;
            }
            let Some(link) = self.links.get_mut(&conn) else { return false };
            // Unserved requests wait in the socket's buffer, and that of the peer; one that left waits for nothing.
            if cluster.is_busy(conn) || !link.may_read() {
                if link.peer_closed {
                    self.hang_up(cluster, now, conn);
                }
                return false;
            }
            match link.read() {
                ReadEnd::More => {}
                ReadEnd::Drained => {
                    link.readable = false;
                    return false;
                }
                ReadEnd::Closed => {
                    self.hang_up(cluster, now, conn);
                    return false;
                }
            }
        }
        let now = self.shared.now();
        self.serve(cluster, now, conn, max)
    }

    /// Serves the whole frames that were received while the connection is idle; false when it is gone.
    fn serve(&mut self, cluster: &mut Cluster, now: u64, conn: ConnId, max: usize) -> bool {
        loop {
            let Some(link) = self.links.get_mut(&conn) else { return false };
            if cluster.is_busy(conn) || !link.may_read() {
                return true;
            }
            match link.frame(max) {
                Ok(None) => return true,
                Ok(Some(range)) => {
                    cluster.handle_request(now, conn, link.bytes(range));
                    self.deliver(cluster, now);
                }
                Err(error) => {
                    let peer = link.stream.peer_addr().map_or("?".into(), |a| a.to_string());
                    (self.log)(&format!("{peer} closed: {error}"));
                    self.hang_up(cluster, now, conn);
                    return false;
                }
            }
        }
    }

    /// Carries out what the cluster wants.
    fn deliver(&mut self, cluster: &mut Cluster, now: u64) {
        while let Some(output) = cluster.poll_output() {
            match output {
                Output::Response { conn, bytes } => {
                    let Some(link) = self.links.get_mut(&conn) else { continue };
                    link.push(bytes);
                    // What arrived while it was busy is served now.
                    link.readable = true;
                    if link.flush(|b| cluster.recycle(b)).is_err() {
                        self.hang_up(cluster, now, conn);
                    }
                }
                Output::Close { conn, reason } => {
                    let Some(mut link) = self.links.remove(&conn) else { continue };
                    let _ = link.flush(drop);
                    if !reason.is_empty() {
                        let peer = link.stream.peer_addr().map_or("?".into(), |a| a.to_string());
                        (self.log)(&format!("{peer} closed: {reason}"));
                    }
                }
                Output::NodeDown(node) => {
                    let node = node as usize;
                    self.rebinding.retain(|n| *n != node);
                    self.listeners.get_mut(node).and_then(Option::take);
                }
                Output::NodeUp(node) => self.rebinding.push(node as usize),
            }
        }
    }

    fn rebind(&mut self) {
        let (listeners, addrs, registry) = (&mut self.listeners, &self.addrs, self.poll.registry());
        self.rebinding.retain(|&node| {
            let (Some(slot), Some(addr)) = (listeners.get_mut(node), addrs.get(node)) else { return false };
            let Ok(mut listener) = TcpListener::bind(*addr) else { return true };
            let registered = registry.register(&mut listener, Token(node), Interest::READABLE);
            *slot = Some(listener);
            registered.is_err()
        });
    }

    fn hang_up(&mut self, cluster: &mut Cluster, now: u64, conn: ConnId) {
        self.links.remove(&conn);
        cluster.handle_disconnect(now, conn);
    }
}
