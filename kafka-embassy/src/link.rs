//! One connection at a time: opened when the client asks for it, read and written at once, closed.

use core::net::SocketAddr;

use embassy_futures::select::{Either, Either3, select, select3};
use embassy_sync::blocking_mutex::raw::RawMutex;
use embassy_time::{Duration, with_timeout};
use embedded_io_async::{Error, ErrorKind, Read, Write};
use kafka_client_core::machine::Machine;
use kafka_client_core::net::{Closed, ConnId, RxBuf, Transmit, Trouble};

use crate::connector::{Connector, Socket};
use crate::shared::Shared;

/// The longest that a socket may take to say goodbye.
const CLOSE_TIME_MAX: Duration = Duration::from_millis(500);

/// What passes between the client and one connection.
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

impl Default for Link<'_> {
    fn default() -> Self {
        Self::new()
    }
}

/// Serves the connections of one link, one after the other.
pub(crate) async fn run<'d, M: RawMutex, C: Connector>(
    shared: &Shared<'d, M>,
    index: usize,
    connector: &mut C,
) -> ! {
    loop {
        let (conn, to) = shared.wait_link(index, |link| link.connect.take()).await;
        // From here on the end of this connection is reported, also when the runner is dropped.
        let mut end = End { shared, index, conn, why: Closed::Because(Trouble::Lost) };
        end.why = match select(connector.connect(to), closing(shared, index)).await {
            Either::Second(()) => Closed::Asked,
            Either::First(Err(error)) => Closed::Because(trouble_of(error.kind())),
            Either::First(Ok(mut socket)) => {
                shared.with(|inner, now| inner.core.handle_connected(now, conn));
                let why = serve(shared, index, conn, &mut socket).await;
                let _ = with_timeout(CLOSE_TIME_MAX, socket.close()).await;
                why
            }
        };
    }
}

async fn closing<M: RawMutex>(shared: &Shared<'_, M>, index: usize) {
    shared.wait_link(index, |link| link.close.then_some(())).await;
}

/// Reads and writes until the connection breaks or is to be closed.
async fn serve<M: RawMutex, S: Socket>(
    shared: &Shared<'_, M>,
    index: usize,
    conn: ConnId,
    socket: &mut S,
) -> Closed {
    let (reader, writer) = socket.split();
    let receive = receive(shared, index, conn, reader);
    let send = send::<M, S>(shared, index, writer);
    match select3(receive, send, closing(shared, index)).await {
        Either3::First(()) | Either3::Second(()) => Closed::Because(Trouble::Lost),
        Either3::Third(()) => Closed::Asked,
    }
}

/// Ends when nothing more can be received.
async fn receive<M: RawMutex>(shared: &Shared<'_, M>, index: usize, conn: ConnId, mut reader: impl Read) {
    loop {
        let rx = shared.wait_link(index, |link| link.rx.take()).await;
        let mut held = Held { shared, index, item: Some(rx), back: |link, rx| link.rx = Some(rx) };
        let Some(rx) = held.item.as_mut() else { return };
        match reader.read(rx.spare_mut()).await {
            Ok(0) | Err(_) => return,
            Ok(n) => rx.advance(n),
        }
        if let Some(rx) = held.item.take() {
            shared.with(|inner, now| {
                inner.core.handle_received(now, conn, rx);
                // Somebody may wait for the topic's partitions.
                inner.users.wake();
            });
        }
    }
}

/// Ends when nothing more can be sent.
async fn send<M: RawMutex, S: Socket>(
    shared: &Shared<'_, M>,
    index: usize,
    mut writer: impl Write<Error = S::Error>,
) {
    loop {
        let tx = shared.wait_link(index, |link| link.tx.take()).await;
        let mut held = Held { shared, index, item: Some(tx), back: |link, tx| link.tx = Some(tx) };
        let Some(tx) = held.item.as_mut() else { return };
        while let Some(chunk) = first_chunk(tx) {
            match writer.write(chunk).await {
                Ok(0) | Err(_) => return,
                Ok(n) => tx.advance(n),
            }
        }
        if S::NEEDS_FLUSH && writer.flush().await.is_err() {
            return;
        }
        if let Some(tx) = held.item.take() {
            shared.with(|inner, now| Machine::handle_written(&mut inner.core, now, tx));
        }
    }
}

fn first_chunk<'a>(tx: &'a Transmit<'_>) -> Option<&'a [u8]> {
    tx.chunks().next()
}

/// Something of the link that a future holds while it reads or writes. A future that is dropped puts it back.
struct Held<'a, 'd, M: RawMutex, T> {
    shared: &'a Shared<'d, M>,
    index: usize,
    item: Option<T>,
    back: fn(&mut Link<'d>, T),
}

impl<M: RawMutex, T> Drop for Held<'_, '_, M, T> {
    fn drop(&mut self) {
        if let Some(item) = self.item.take() {
            self.shared.with_link(self.index, |link| (self.back)(link, item));
        }
    }
}

/// Reports the end of a connection when it is dropped, and gives back what the link held.
struct End<'a, 'd, M: RawMutex> {
    shared: &'a Shared<'d, M>,
    index: usize,
    conn: ConnId,
    why: Closed,
}

impl<M: RawMutex> Drop for End<'_, '_, M> {
    fn drop(&mut self) {
        let link = self.shared.with_link(self.index, core::mem::take).unwrap_or_default();
        self.shared.with(|inner, now| {
            Machine::handle_closed(&mut inner.core, now, self.conn, self.why, link.rx, link.tx);
        });
    }
}

fn trouble_of(kind: ErrorKind) -> Trouble {
    match kind {
        ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset => Trouble::Refused,
        ErrorKind::TimedOut => Trouble::TimedOut,
        _ => Trouble::Unreachable,
    }
}
