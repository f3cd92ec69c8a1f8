//! A TCP connection between a client and a node: two pipes, and what each end knows.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use kafka_client_core::net::{ConnId, RxBuf, Transmit};

use crate::pipe::Pipe;

/// How connections made from now on behave.
#[derive(Clone, Debug)]
pub struct Weather {
    /// One-way delay in microseconds, lowest and highest; each connection draws its own.
    pub delay_us: (u64, u64),
    /// Bytes a socket takes before it blocks.
    pub window: usize,
    /// The largest piece that arrives at once.
    pub chunk_max: usize,
    /// The largest piece a write takes at once.
    pub write_max: usize,
    /// Percent of the connections that `chunk_max` and `write_max` hold for.
    pub share: u64,
}

impl Default for Weather {
    fn default() -> Self {
        let (chunk_max, write_max) = (usize::MAX, usize::MAX);
        Weather { delay_us: (200, 2_000), window: 256 * 1024, chunk_max, write_max, share: 100 }
    }
}

/// What happens to an attempt to connect to a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// It connects, if the node lives.
    #[default]
    Open,
    /// It is refused.
    Refused,
    /// Nobody ever answers.
    Silent,
}

/// The client's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The connection is being opened.
    Connecting,
    /// Open.
    Open,
    /// Closed.
    Gone,
}

/// A connection.
#[derive(Debug)]
pub struct Link<'m> {
    /// Index of the client.
    pub client: usize,
    /// The client's name for it.
    pub conn: ConnId,
    /// The node it leads to; −1 for an address where there is none.
    pub node: i32,
    /// The client's end.
    pub end: End,
    /// The broker's name for it, while it is open there.
    pub broker: Option<u64>,
    /// From the client to the broker.
    pub up: Pipe,
    /// From the broker to the client.
    pub down: Pipe,
    /// The frame being written.
    pub transmit: Option<Transmit<'m>>,
    /// The buffer the client reads into.
    pub rx: Option<RxBuf<'m>>,
    /// Arrived at the client, not read yet.
    pub inbox: Vec<u8>,
    /// Arrived at the broker, not a whole frame yet.
    pub assembly: Vec<u8>,
    /// The largest piece a write takes at once.
    pub write_max: usize,
    /// The next produce request arrives with a flipped bit.
    pub flip: bool,
}

/// The address of a node: 10.0.0.1 is node 0.
pub fn address(node: i32) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, (node + 1) as u8)), 9092)
}

/// The node at an address, −1 for none.
pub fn node_at(address: SocketAddr) -> i32 {
    match address.ip() {
        IpAddr::V4(ip) if ip.octets()[..3] == [10, 0, 0] => i32::from(ip.octets()[3]) - 1,
        _ => -1,
    }
}

/// The host name of a node.
pub fn host_name(node: i32) -> String {
    format!("node{node}")
}

/// The address behind a name; names that start with `dead` have an address where nobody is, `nowhere` has none.
pub fn resolve(name: &str) -> Option<SocketAddr> {
    if let Some(number) = name.strip_prefix("node") {
        return number.parse().ok().map(address);
    }
    name.starts_with("dead").then(|| SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 9, 9, 9)), 9092))
}
