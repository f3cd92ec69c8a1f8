//! What the runner needs of a network: addresses, connections, and both halves of a connection at once.
//!
//! With the feature `embassy-net`, `Tcp` is a connector. A modem or a Wi-Fi coprocessor is connected by implementing
//! these traits over its driver's sockets.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use embedded_io_async::{Read, Write};

/// Addresses of one name, as many as are tried.
pub type Addresses = heapless::Vec<IpAddr, 4>;

/// An open connection. Dropping it closes it.
pub trait Socket {
    /// What goes wrong with it. The runner closes the connection, whatever it is.
    type Error: embedded_io_async::Error;

    /// The receiving and the sending half.
    ///
    /// Both are used at the same time: a broker that waits for its response to be read accepts no request. A read or
    /// a write is dropped only when the connection is closed, so neither has to be cancel-safe.
    fn split(&mut self) -> (impl Read<Error = Self::Error> + '_, impl Write<Error = Self::Error> + '_);

    /// Whether what was written leaves only after a `flush`, as with TLS. Where it is false none is called, because a
    /// `flush` may wait for the other side's acknowledgement.
    const NEEDS_FLUSH: bool = true;
}

/// Opens connections, one at a time: each connection of a client has a connector of its own, which owns what its
/// socket needs (for embassy-net: the buffers).
pub trait Connector {
    /// A connection; it borrows from the connector until it is dropped.
    type Socket<'a>: Socket
    where
        Self: 'a;
    /// Why there is none.
    type Error: embedded_io_async::Error;

    /// Opens a connection. The runner drops the future when the client's `socket.connection.setup.timeout.ms` is over.
    fn connect(&mut self, to: SocketAddr) -> impl Future<Output = Result<Self::Socket<'_>, Self::Error>>;
}

/// Finds the addresses of names that are not IPv4 literals.
pub trait Resolver {
    /// The addresses of a name; an empty list when there are none.
    fn resolve(&mut self, name: &str) -> impl Future<Output = Addresses>;

    /// False where there is no such thing, which then costs nothing.
    const KNOWS_NAMES: bool = true;
}

/// Without DNS: only IPv4 literals have an address.
pub struct Literals;

impl Resolver for Literals {
    fn resolve(&mut self, _: &str) -> impl Future<Output = Addresses> {
        core::future::ready(Addresses::new())
    }

    const KNOWS_NAMES: bool = false;
}

/// The address that an IPv4 literal is. A parser of its own, because the standard library's costs ten times the flash.
pub fn literal(host: &str) -> Addresses {
    let mut addresses = Addresses::new();
    let mut address = 0_u32;
    let (mut value, mut digits, mut dots) = (0_u32, 0_u32, 0_u32);
    for byte in host.bytes() {
        match byte {
            // As in the standard library, no octet begins with a zero that it could do without.
            b'0'..=b'9' if digits == 0 || value > 0 => {
                value = value * 10 + u32::from(byte - b'0');
                digits += 1;
            }
            b'.' if digits > 0 => {
                address = address << 8 | value;
                (value, digits, dots) = (0, 0, dots + 1);
            }
            _ => return addresses,
        }
        if value > 255 || dots > 3 {
            return addresses;
        }
    }
    if dots == 3 && digits > 0 {
        // One address fits into an empty list.
        let _ = addresses.push(IpAddr::V4(Ipv4Addr::from(address << 8 | value)));
    }
    addresses
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_what_the_standard_library_says() {
        for text in [
            "10.0.2.2",
            "255.255.255.255",
            "0.0.0.0",
            "1.2.3",
            "1.2.3.4.5",
            "256.1.1.1",
            "a.b.c.d",
            "",
            "1..2.3",
            "-1.2.3.4",
            "1.2.3.+4",
            "01.2.3.4",
            "1.2.3.00",
            "1.2.3.",
            ".1.2.3",
            "1.2.3.4.",
            "1.2.3.0",
            "4294967297.1.1.1",
        ] {
            let expected: Option<Ipv4Addr> = text.parse().ok();
            assert_eq!(literal(text).first().copied(), expected.map(IpAddr::V4), "{text}");
        }
    }
}
