//! A machine on a wire of no length: the in-process broker is at the other end, and time is a number.
#![allow(dead_code)]

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use kafka_broker::{Cluster, Config, Output};
use kafka_client_core::machine::Machine;
use kafka_client_core::net::{Action, Closed, ConnId, RxBuf, Transmit, Trouble};
use kafka_client_core::producer::{Delivery, Producer};
use kafka_client_core::time::{Duration, Instant};

/// Seals what is to be sealed, and takes and releases deliveries into `out`: what an adapter of a producer does besides.
pub fn collect(out: &mut Vec<Delivery>) -> impl FnMut(&mut Producer<'_>, Instant) + '_ {
    move |producer, now| {
        while let Some(mut seal) = producer.poll_seal(now) {
            seal.run();
            producer.handle_sealed(now, seal);
        }
        while let Some(delivery) = producer.poll_delivery() {
            producer.release(&delivery);
            out.push(delivery);
        }
    }
}

/// One end of a connection to the cluster.
struct Socket<'m> {
    conn: ConnId,
    peer: kafka_broker::ConnId,
    outgoing: Vec<u8>,
    incoming: VecDeque<u8>,
    rx: Option<RxBuf<'m>>,
}

pub struct Wire<'m> {
    pub cluster: Cluster,
    pub now: Instant,
    /// Bytes that move per step; 1 shows every partial read and write.
    pub mtu: usize,
    /// What each step takes.
    pub tick: Duration,
    sockets: BTreeMap<usize, Socket<'m>>,
    writing: BTreeMap<usize, Transmit<'m>>,
}

impl<'m> Wire<'m> {
    pub fn new(config: Config) -> Self {
        let cluster = Cluster::new(config, 1).expect("a possible cluster");
        let (sockets, writing) = Default::default();
        Wire { cluster, now: Instant(1_000_000), mtu: usize::MAX, tick: Duration(0), sockets, writing }
    }

    /// Does what can be done at this moment.
    pub fn settle<M: Machine<'m>>(&mut self, machine: &mut M, mut each: impl FnMut(&mut M, Instant)) {
        for _ in 0..1_000_000 {
            machine.handle_timeout(self.now);
            each(machine, self.now);
            let acted = self.act(machine) | self.write(machine) | self.serve() | self.read(machine);
            if !acted {
                return;
            }
            self.now = self.now + self.tick;
        }
        panic!("the machine never rests");
    }

    /// Lets time pass, `step` by `step` or to the machine's next deadline, until `done`.
    pub fn run_until<M: Machine<'m>>(
        &mut self,
        machine: &mut M,
        limit: Duration,
        mut each: impl FnMut(&mut M, Instant),
        mut done: impl FnMut(&mut M) -> bool,
    ) -> bool {
        let end = self.now + limit;
        loop {
            self.settle(machine, &mut each);
            if done(machine) {
                return true;
            }
            let broker = self.cluster.next_deadline().map_or(Instant::NEVER, Instant);
            let next = machine.poll_timeout().min(broker);
            if next > end {
                return false;
            }
            assert!(next > self.now, "a deadline in the past: the machine would spin");
            self.now = next;
        }
    }

    fn act<M: Machine<'m>>(&mut self, machine: &mut M) -> bool {
        let mut acted = false;
        while let Some(action) = machine.poll_action(self.now) {
            acted = true;
            match action {
                Action::Resolve(host) => {
                    let port = machine.host(host).port;
                    let found: &[SocketAddr] = match machine.host(host).name {
                        "nowhere" => &[],
                        "two" => &[([127, 0, 0, 9], port).into(), ([127, 0, 0, 1], port).into()],
                        _ => &[([127, 0, 0, 1], port).into()],
                    };
                    machine.handle_resolved(self.now, host, found);
                }
                Action::Connect(conn, address) => {
                    let node = i32::from(address.port()) - 9092;
                    let dead = address.ip() != std::net::Ipv4Addr::LOCALHOST;
                    match self.cluster.handle_connect(self.now.0, node) {
                        Ok(peer) if !dead => {
                            let socket =
                                Socket { conn, peer, outgoing: vec![], incoming: VecDeque::new(), rx: None };
                            self.sockets.insert(conn.index(), socket);
                            machine.handle_connected(self.now, conn);
                        }
                        _ => {
                            let why = Closed::Because(Trouble::Refused);
                            machine.handle_closed(self.now, conn, why, None, None);
                        }
                    }
                }
                Action::Close(conn) => self.hang_up(machine, conn, Closed::Asked),
            }
        }
        acted
    }

    fn hang_up<M: Machine<'m>>(&mut self, machine: &mut M, conn: ConnId, why: Closed) {
        let socket = self.sockets.remove(&conn.index());
        let transmit = self.writing.remove(&conn.index());
        if let Some(socket) = &socket {
            self.cluster.handle_disconnect(self.now.0, socket.peer);
        }
        machine.handle_closed(self.now, conn, why, socket.and_then(|s| s.rx), transmit);
    }

    /// Cuts every connection, as a restarted router would.
    pub fn cut<M: Machine<'m>>(&mut self, machine: &mut M) {
        let open: Vec<ConnId> = self.sockets.values().map(|s| s.conn).collect();
        for conn in open {
            self.hang_up(machine, conn, Closed::Because(Trouble::Lost));
        }
    }

    fn write<M: Machine<'m>>(&mut self, machine: &mut M) -> bool {
        let mut acted = false;
        while let Some(transmit) = machine.poll_transmit(self.now) {
            acted = true;
            assert!(self.writing.insert(transmit.conn().index(), transmit).is_none(), "two frames at once");
        }
        for index in self.writing.keys().copied().collect::<Vec<_>>() {
            acted = true;
            let Some(mut transmit) = self.writing.remove(&index) else { continue };
            let socket = self.sockets.get_mut(&index).expect("an open connection");
            let chunk: Vec<u8> = transmit.chunks().flatten().copied().take(self.mtu).collect();
            socket.outgoing.extend(&chunk);
            transmit.advance(chunk.len());
            if transmit.is_done() {
                machine.handle_written(self.now, transmit);
            } else {
                self.writing.insert(index, transmit);
            }
        }
        acted
    }

    fn serve(&mut self) -> bool {
        let mut acted = false;
        for socket in self.sockets.values_mut() {
            while let Some(prefix) = socket.outgoing.first_chunk::<4>() {
                let end = 4 + u32::from_be_bytes(*prefix) as usize;
                if socket.outgoing.len() < end {
                    break;
                }
                acted = true;
                let frame: Vec<u8> = socket.outgoing.drain(..end).collect();
                self.cluster.handle_request(self.now.0, socket.peer, &frame[4..]);
            }
        }
        self.cluster.poll(self.now.0);
        while let Some(output) = self.cluster.poll_output() {
            acted = true;
            if let Output::Response { conn, bytes } = output {
                if let Some(socket) = self.sockets.values_mut().find(|s| s.peer == conn) {
                    socket.incoming.extend(bytes);
                }
            } else if let Output::Close { conn, .. } = output {
                // The end of a stream is what the machine's side sees next.
                if let Some(socket) = self.sockets.values_mut().find(|s| s.peer == conn) {
                    socket.peer = u64::MAX;
                }
            }
        }
        acted
    }

    fn read<M: Machine<'m>>(&mut self, machine: &mut M) -> bool {
        let mut acted = false;
        while let Some((conn, rx)) = machine.poll_read() {
            self.sockets.get_mut(&conn.index()).expect("an open connection").rx = Some(rx);
        }
        for index in self.sockets.keys().copied().collect::<Vec<_>>() {
            let Some(socket) = self.sockets.get_mut(&index) else { continue };
            if socket.incoming.is_empty() && socket.peer == u64::MAX {
                acted = true;
                let conn = socket.conn;
                self.hang_up(machine, conn, Closed::Because(Trouble::Lost));
                continue;
            }
            if socket.incoming.is_empty() {
                continue;
            }
            let Some(mut rx) = socket.rx.take() else { continue };
            acted = true;
            let room = rx.spare_mut();
            assert!(!room.is_empty(), "a buffer to read into without room");
            let n = room.len().min(self.mtu).min(socket.incoming.len());
            for (to, from) in room.iter_mut().zip(socket.incoming.drain(..n)) {
                *to = from;
            }
            rx.advance(n);
            machine.handle_received(self.now, socket.conn, rx);
        }
        acted
    }
}
