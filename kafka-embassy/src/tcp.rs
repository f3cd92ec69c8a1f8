//! embassy-net as the network.

use core::net::{IpAddr, SocketAddr};

use embassy_net::{IpAddress, IpEndpoint, Stack, tcp};
use embedded_io_async::{Read, Write};

use crate::connector::{Connector, Socket};

/// Opens TCP connections of an embassy-net stack, one at a time, over one socket with buffers that are lent to it.
///
/// The receive buffer bounds how much a broker sends before it waits; the client's own receive buffer is another.
pub struct Tcp<'d> {
    stack: Stack<'d>,
    socket: tcp::TcpSocket<'d>,
}

impl<'d> Tcp<'d> {
    /// A connector over `stack`. It receives into `rx` and sends from `tx`, which are at least one segment each for good
    /// throughput.
    pub fn new(stack: Stack<'d>, rx: &'d mut [u8], tx: &'d mut [u8]) -> Self {
        let mut socket = tcp::TcpSocket::new(stack, rx, tx);
        // A request leaves in one piece anyway, and waits for nothing.
        socket.set_nagle_enabled(false);
        Self { stack, socket }
    }
}

/// A TCP connection of embassy-net.
pub struct TcpSocket<'a, 'd>(&'a mut tcp::TcpSocket<'d>);

impl Drop for TcpSocket<'_, '_> {
    fn drop(&mut self) {
        // The socket stays in the stack, which sends the reset.
        self.0.abort();
    }
}

impl Socket for TcpSocket<'_, '_> {
    type Error = tcp::Error;

    fn split(&mut self) -> (impl Read<Error = tcp::Error> + '_, impl Write<Error = tcp::Error> + '_) {
        self.0.split()
    }

    // What is in the send buffer leaves by itself; `flush` waits until it was acknowledged.
    const NEEDS_FLUSH: bool = false;
}

impl<'d> Connector for Tcp<'d> {
    type Socket<'a>
        = TcpSocket<'a, 'd>
    where
        Self: 'a;
    type Error = tcp::ConnectError;

    async fn connect(&mut self, to: SocketAddr) -> Result<TcpSocket<'_, 'd>, tcp::ConnectError> {
        let address = match to.ip() {
            IpAddr::V4(address) => IpAddress::Ipv4(address),
            #[cfg(feature = "ipv6")]
            IpAddr::V6(address) => IpAddress::Ipv6(address),
            #[cfg(not(feature = "ipv6"))]
            IpAddr::V6(_) => return Err(tcp::ConnectError::NoRoute),
        };
        // Without an address of our own every connection fails at once; a retry would only spin.
        self.stack.wait_config_up().await;
        // Aborts what it began when it is dropped, or fails.
        let socket = TcpSocket(&mut self.socket);
        socket.0.connect(IpEndpoint::new(address, to.port())).await?;
        Ok(socket)
    }
}

/// Resolves names with the DNS servers of an embassy-net stack.
#[cfg(feature = "dns")]
pub struct Dns<'d>(pub Stack<'d>);

#[cfg(feature = "dns")]
impl crate::connector::Resolver for Dns<'_> {
    async fn resolve(&mut self, name: &str) -> crate::connector::Addresses {
        use embassy_net::dns::DnsQueryType;
        let mut addresses = crate::connector::Addresses::new();
        self.0.wait_config_up().await;
        let found = self.0.dns_query(name, DnsQueryType::A).await.unwrap_or_default();
        for address in found {
            // Addresses that find no room are not tried.
            let _ = addresses.push(address.into());
        }
        addresses
    }
}
