//! embassy-net as the network.

use core::net::{IpAddr, SocketAddr};

use embassy_net::{IpAddress, IpEndpoint, Stack, tcp};
use embassy_time::Duration;
use embedded_io_async::{Read, Write};

use crate::connector::{Connector, Socket};

/// Opens TCP connections of an embassy-net stack, one at a time, with buffers that are lent to it.
///
/// The receive buffer bounds how much a broker sends before it waits; the client's own receive buffer is another.
pub struct Tcp<'d> {
    stack: Stack<'d>,
    rx: &'d mut [u8],
    tx: &'d mut [u8],
}

/// A connection that says nothing for so long is looked after, and a peer that is gone is noticed.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// Unacknowledged bytes end the connection after this long.
const TIMEOUT: Duration = Duration::from_secs(60);

impl<'d> Tcp<'d> {
    /// A connector over `stack`. Its sockets receive into `rx` and send from `tx`, which are at least one segment each
    /// for good throughput.
    pub fn new(stack: Stack<'d>, rx: &'d mut [u8], tx: &'d mut [u8]) -> Self {
        Self { stack, rx, tx }
    }
}

/// A TCP connection of embassy-net.
pub struct TcpSocket<'a>(tcp::TcpSocket<'a>);

impl Socket for TcpSocket<'_> {
    type Error = tcp::Error;

    fn split(&mut self) -> (impl Read<Error = tcp::Error> + '_, impl Write<Error = tcp::Error> + '_) {
        self.0.split()
    }

    // What is in the send buffer leaves by itself; `flush` waits until it was acknowledged.
    const NEEDS_FLUSH: bool = false;

    async fn close(&mut self) {
        self.0.abort();
        // The reset leaves with the next poll of the stack.
        let _ = self.0.flush().await;
    }
}

impl<'d> Connector for Tcp<'d> {
    type Socket<'a>
        = TcpSocket<'a>
    where
        Self: 'a;
    type Error = tcp::ConnectError;

    async fn connect(&mut self, to: SocketAddr) -> Result<TcpSocket<'_>, tcp::ConnectError> {
        let address = match to.ip() {
            IpAddr::V4(address) => IpAddress::Ipv4(address),
            #[cfg(feature = "ipv6")]
            IpAddr::V6(address) => IpAddress::Ipv6(address),
            #[cfg(not(feature = "ipv6"))]
            IpAddr::V6(_) => return Err(tcp::ConnectError::NoRoute),
        };
        // Without an address of our own every connection fails at once; a retry would only spin.
        self.stack.wait_config_up().await;
        let mut socket = tcp::TcpSocket::new(self.stack, self.rx, self.tx);
        socket.set_nagle_enabled(false);
        socket.set_timeout(Some(TIMEOUT));
        socket.set_keep_alive(Some(KEEP_ALIVE));
        socket.connect(IpEndpoint::new(address, to.port())).await?;
        Ok(TcpSocket(socket))
    }
}

/// Resolves names with the DNS servers of an embassy-net stack.
#[cfg(feature = "dns")]
pub struct Dns<'d>(pub Stack<'d>);

#[cfg(feature = "dns")]
impl crate::connector::Resolver for Dns<'_> {
    async fn resolve(&mut self, host: &str) -> crate::connector::Addresses {
        use embassy_net::dns::DnsQueryType;
        let mut addresses = crate::connector::literal(host);
        if !addresses.is_empty() {
            return addresses;
        }
        self.0.wait_config_up().await;
        let found = self.0.dns_query(host, DnsQueryType::A).await.unwrap_or_default();
        for address in found {
            // Addresses that find no room are not tried.
            let _ = addresses.push(address.into());
        }
        addresses
    }
}
