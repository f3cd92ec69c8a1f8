//! What an adapter drives.

use core::net::SocketAddr;

use crate::net::{Action, Closed, ConnId, Host, HostId, RxBuf, Transmit};
use crate::time::Instant;

/// A client without I/O, as its adapter sees it.
///
/// After any `handle_*` or command the adapter drains the `poll_*` methods until each says that there is nothing to
/// do, then waits for the network or for [`poll_timeout`](Self::poll_timeout). Each call does a bounded amount of
/// work. Polling too early does nothing; polling too late costs only time.
///
/// Buffers and frames are values: what a `poll_*` gives out belongs to the adapter until it brings it back, and the
/// client goes on meanwhile.
pub trait Machine<'m> {
    /// The name behind an [`Action::Resolve`].
    fn host(&self, host: HostId) -> Host<'_>;

    /// The addresses of a host, best first; none when the name does not resolve.
    fn handle_resolved(&mut self, now: Instant, host: HostId, found: &[SocketAddr]);

    /// The connection is open.
    fn handle_connected(&mut self, now: Instant, conn: ConnId);

    /// The connection is gone, or could not be opened. Exactly one call ends each connection, also one that the client
    /// asked to close, and brings back the buffer and the frame that the adapter holds for it.
    fn handle_closed(
        &mut self,
        now: Instant,
        conn: ConnId,
        why: Closed,
        rx: Option<RxBuf<'m>>,
        transmit: Option<Transmit<'m>>,
    );

    /// Bytes were received into the buffer that [`poll_read`](Self::poll_read) gave out for this connection.
    fn handle_received(&mut self, now: Instant, conn: ConnId, rx: RxBuf<'m>);

    /// A frame was written to its last byte. To be called before what is received afterwards on that connection is
    /// handed in.
    fn handle_written(&mut self, now: Instant, transmit: Transmit<'m>);

    /// The time that [`poll_timeout`](Self::poll_timeout) named has come. Harmless at any other time.
    fn handle_timeout(&mut self, now: Instant);

    /// A connection to open or close, or a name to resolve.
    fn poll_action(&mut self, now: Instant) -> Option<Action>;

    /// A buffer to read into, and the connection to read from. The adapter keeps it until something was received.
    fn poll_read(&mut self) -> Option<(ConnId, RxBuf<'m>)>;

    /// A frame to write. A connection has at most one at a time.
    fn poll_transmit(&mut self, now: Instant) -> Option<Transmit<'m>>;

    /// When to call [`handle_timeout`](Self::handle_timeout) at the latest; [`Instant::NEVER`] for no need.
    fn poll_timeout(&mut self) -> Instant;
}
