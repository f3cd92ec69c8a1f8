//! One connection at a time: opened when the client asks for it, read and written at once, closed.

use core::net::SocketAddr;

use embassy_futures::select::{Either, select};
use embassy_sync::blocking_mutex::raw::RawMutex;
use embedded_io_async::{Error, ErrorKind, Read, Write};
use kafka_client_core::machine::Machine;
use kafka_client_core::net::{Closed, ConnId, RxBuf, Transmit, Trouble};

use crate::connector::{Connector, Socket};
use crate::shared::Shared;

/// What the client has for one connection.
pub(crate) struct Link<'d> {
    /// A connection to open.
    pub(crate) connect: Option<(ConnId, SocketAddr)>,
    /// The connection is to be closed.
    pub(crate) close: bool,
    /// A buffer to read into.
    pub(crate) rx: Option<RxBuf<'d>>,
    /// A frame to write.
    pub(crate) tx: Option<Transmit<'d>>,
}

impl Link<'_> {
    /// No connection.
    pub(crate) const fn new() -> Self {
        Self { connect: None, close: false, rx: None, tx: None }
    }
}

/// Serves the connections of one link, one after the other.
pub(crate) async fn run<M: RawMutex, C: Connector>(
    shared: &Shared<'_, M>,
    index: usize,
    connector: &mut C,
) -> ! {
    loop {
        let (conn, to) = shared.wait(index, |link| link.connect.take()).await;
        // From here on the end of this connection is reported, also when the runner is dropped.
        let why = Closed::Because(Trouble::Lost);
        let mut at = Connection { shared, index, conn, why, rx: None, tx: None };
        let closing = shared.wait(index, |link| core::mem::take(&mut link.close).then_some(()));
        at.why = match select(at.live(connector, to), closing).await {
            Either::First(trouble) => Closed::Because(trouble),
            Either::Second(()) => Closed::Asked,
        };
    }
}

/// A connection, from its opening to its end, which is reported when this is dropped.
struct Connection<'a, 'd, M: RawMutex> {
    shared: &'a Shared<'d, M>,
    index: usize,
    conn: ConnId,
    why: Closed,
    /// What is being read into.
    rx: Option<RxBuf<'d>>,
    /// What is being written.
    tx: Option<Transmit<'d>>,
}

impl<M: RawMutex> Connection<'_, '_, M> {
    /// Opens it, reads and writes until it breaks; why it did.
    async fn live<C: Connector>(&mut self, connector: &mut C, to: SocketAddr) -> Trouble {
        let mut socket = match connector.connect(to).await {
            Ok(socket) => socket,
            Err(error) => return trouble_of(error.kind()),
        };
        let (shared, index, conn) = (self.shared, self.index, self.conn);
        shared.with(|inner, now| inner.core.handle_connected(now, conn));
        let (reader, writer) = socket.split();
        let receive = receive(shared, index, conn, &mut self.rx, reader);
        select(receive, send::<M, C::Socket<'_>>(shared, index, &mut self.tx, writer)).await;
        Trouble::Lost
    }
}

impl<M: RawMutex> Drop for Connection<'_, '_, M> {
    fn drop(&mut self) {
        let (rx, tx) = (self.rx.take(), self.tx.take());
        self.shared.with(|inner, now| {
            let (mut rx, mut tx) = (rx, tx);
            if let Some(link) = inner.links.get_mut(self.index) {
                (rx, tx) = (rx.or(link.rx.take()), tx.or(link.tx.take()));
                link.close = false;
            }
            Machine::handle_closed(inner.core, now, self.conn, self.why, rx, tx);
        });
    }
}

/// Ends when nothing more can be received.
async fn receive<'d, M: RawMutex>(
    shared: &Shared<'d, M>,
    index: usize,
    conn: ConnId,
    held: &mut Option<RxBuf<'d>>,
    mut reader: impl Read,
) {
    loop {
        let rx = held.insert(shared.wait(index, |link| link.rx.take()).await);
        match reader.read(rx.spare_mut()).await {
            Ok(0) | Err(_) => return,
            Ok(n) => rx.advance(n),
        }
        let Some(rx) = held.take() else { return };
        shared.with(|inner, now| {
            inner.core.handle_received(now, conn, rx);
            // Somebody may wait for the topic's partitions.
            inner.users.wake();
        });
    }
}

/// Ends when nothing more can be sent.
async fn send<'d, M: RawMutex, S: Socket>(
    shared: &Shared<'d, M>,
    index: usize,
    held: &mut Option<Transmit<'d>>,
    mut writer: impl Write<Error = S::Error>,
) {
    loop {
        let tx = held.insert(shared.wait(index, |link| link.tx.take()).await);
        while let Some(chunk) = first_chunk(tx) {
            match writer.write(chunk).await {
                Ok(0) | Err(_) => return,
                Ok(n) => tx.advance(n),
            }
        }
        if S::NEEDS_FLUSH && writer.flush().await.is_err() {
            return;
        }
        let Some(tx) = held.take() else { return };
        shared.with(|inner, now| Machine::handle_written(inner.core, now, tx));
    }
}

fn first_chunk<'a>(tx: &'a Transmit<'_>) -> Option<&'a [u8]> {
    tx.chunks().next()
}

fn trouble_of(kind: ErrorKind) -> Trouble {
    match kind {
        ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset => Trouble::Refused,
        ErrorKind::TimedOut => Trouble::TimedOut,
        _ => Trouble::Unreachable,
    }
}
