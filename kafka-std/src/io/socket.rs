//! One TCP connection: opened without blocking, written from batch slots, read into the core's buffer.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::SocketAddr;

use kafka_client_core::net::{ConnId, RxBuf, Transmit, Trouble};
use mio::net::TcpStream;

/// Pieces of a frame per system call: 64 batches and the bytes between them.
const PIECES_MAX: usize = 130;

/// Whether a read that does not fill its buffer has emptied the socket, so that the next event may be waited for.
/// True of epoll and kqueue with stream sockets; elsewhere only an error says so.
const SHORT_READ_EMPTIES: bool = cfg!(unix);

/// Sizes of the kernel's socket buffers; `None` leaves them to the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SocketOptions {
    pub(crate) send_buffer: Option<usize>,
    pub(crate) receive_buffer: Option<usize>,
}

pub(super) struct Socket {
    pub(super) conn: ConnId,
    pub(super) stream: TcpStream,
    connected: bool,
    /// With the adapter from `poll_read` until bytes were received.
    pub(super) rx: Option<RxBuf<'static>>,
    /// With the adapter from `poll_transmit` until the last byte was written.
    pub(super) transmit: Option<Transmit<'static>>,
    /// The socket may have bytes, or room for some: true until a system call says otherwise.
    pub(super) readable: bool,
    pub(super) writable: bool,
    /// The other side has closed: read to the end, no event will come for it again.
    pub(super) hung_up: bool,
}

/// What one turn of a socket led to.
#[derive(Default)]
pub(super) struct Progress {
    pub(super) connected: bool,
    pub(super) written: Option<Transmit<'static>>,
    pub(super) received: Option<RxBuf<'static>>,
}

impl Socket {
    /// Begins to open a connection.
    pub(super) fn open(conn: ConnId, address: SocketAddr, options: SocketOptions) -> io::Result<Socket> {
        let stream = match options {
            SocketOptions { send_buffer: None, receive_buffer: None } => TcpStream::connect(address)?,
            sized => connect_sized(address, sized)?,
        };
        Ok(Socket {
            conn,
            stream,
            connected: false,
            rx: None,
            transmit: None,
            readable: false,
            writable: false,
            hung_up: false,
        })
    }

    /// Whether [`turn`](Self::turn) can do something.
    pub(super) fn is_ready(&self) -> bool {
        let reads = self.readable && self.rx.is_some();
        let writes = self.writable && (!self.connected || self.transmit.is_some());
        reads || writes
    }

    /// Does what can be done without waiting: at most one frame written and one buffer read. After an error all that the
    /// socket was given is in `rx` and `transmit`, to go back with the connection's end.
    pub(super) fn turn(&mut self) -> Result<Progress, Trouble> {
        let mut progress = Progress::default();
        if !self.connected {
            progress.connected = self.finish_connecting().map_err(|error| trouble(&error))?;
        }
        if !self.connected {
            return Ok(progress);
        }
        if self.writable && self.transmit.is_some() {
            progress.written = self.write().map_err(|error| trouble(&error))?;
        }
        if self.readable && self.rx.is_some() {
            match self.read() {
                Ok(received) => progress.received = received,
                Err(error) => {
                    self.transmit = progress.written.or(self.transmit.take());
                    return Err(trouble(&error));
                }
            }
        }
        Ok(progress)
    }

    /// A connection is open once it is writable, has no error and has a peer.
    fn finish_connecting(&mut self) -> io::Result<bool> {
        if let Some(error) = self.stream.take_error()? {
            return Err(error);
        }
        match self.stream.peer_addr() {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotConnected => {
                self.writable = false;
                return Ok(false);
            }
            Err(error) => return Err(error),
        }
        // Each frame is written with one call, so Nagle's algorithm could only delay it.
        self.stream.set_nodelay(true)?;
        self.connected = true;
        Ok(true)
    }

    fn write(&mut self) -> io::Result<Option<Transmit<'static>>> {
        let Some(transmit) = self.transmit.as_mut() else { return Ok(None) };
        while !transmit.is_done() {
            let mut pieces = [IoSlice::new(&[]); PIECES_MAX];
            let mut count = 0;
            for (place, piece) in pieces.iter_mut().zip(transmit.chunks()) {
                *place = IoSlice::new(piece);
                count += 1;
            }
            match self.stream.write_vectored(pieces.get(..count).unwrap_or_default()) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(n) => transmit.advance(n),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.writable = false;
                    return Ok(None);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(self.transmit.take())
    }

    fn read(&mut self) -> io::Result<Option<RxBuf<'static>>> {
        let Some(rx) = self.rx.as_mut() else { return Ok(None) };
        loop {
            let spare = rx.spare_mut();
            let room = spare.len();
            match self.stream.read(spare) {
                Ok(0) if room > 0 => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(n) => {
                    rx.advance(n);
                    if SHORT_READ_EMPTIES && n < room && !self.hung_up {
                        self.readable = false;
                    }
                    return Ok(self.rx.take());
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.readable = false;
                    return Ok(None);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// The buffers must be set before connecting: they decide which window TCP announces.
fn connect_sized(address: SocketAddr, options: SocketOptions) -> io::Result<TcpStream> {
    let kind = socket2::Type::STREAM;
    let socket =
        socket2::Socket::new(socket2::Domain::for_address(address), kind, Some(socket2::Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    if let Some(bytes) = options.send_buffer {
        socket.set_send_buffer_size(bytes)?;
    }
    if let Some(bytes) = options.receive_buffer {
        socket.set_recv_buffer_size(bytes)?;
    }
    match socket.connect(&address.into()) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::WouldBlock || is_in_progress(&error) => {}
        Err(error) => return Err(error),
    }
    Ok(TcpStream::from_std(socket.into()))
}

/// `EINPROGRESS` has no [`ErrorKind`] of its own in stable Rust; its number is 115 on Linux, 36 on the BSDs.
fn is_in_progress(error: &io::Error) -> bool {
    cfg!(unix) && matches!(error.raw_os_error(), Some(115 | 36))
}

/// What an error of the operating system means for the core.
pub(crate) fn trouble(error: &io::Error) -> Trouble {
    match error.kind() {
        ErrorKind::ConnectionRefused => Trouble::Refused,
        ErrorKind::TimedOut => Trouble::TimedOut,
        ErrorKind::HostUnreachable
        | ErrorKind::NetworkUnreachable
        | ErrorKind::NetworkDown
        | ErrorKind::AddrNotAvailable
        | ErrorKind::PermissionDenied
        | ErrorKind::Unsupported => Trouble::Unreachable,
        _ => Trouble::Lost,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafka_client_core::config::{ClientConfig, ProducerConfig};
    use kafka_client_core::machine::Machine;
    use kafka_client_core::net::Action;
    use kafka_client_core::producer::Producer;
    use kafka_client_core::resources::ProducerMemory;
    use kafka_client_core::time::Instant;

    #[test]
    fn a_frame_that_was_written_just_before_the_connection_broke_is_not_lost() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let (now, config) = (Instant(0), ProducerConfig::DEFAULT);
        let hosts = [("broker".into(), 9092)];
        let memory = ProducerMemory::owned(config.batch_size, false);
        let mut core = Producer::new(ClientConfig::DEFAULT, config, hosts, memory).unwrap();
        core.topic("t".into()).unwrap();
        let (conn, address) = loop {
            match core.poll_action(now).unwrap() {
                Action::Resolve(host) => core.handle_resolved(now, host, &[listener.local_addr().unwrap()]),
                Action::Connect(conn, address) => break (conn, address),
                Action::Close(_) => panic!("nothing is open"),
            }
        };
        let mut socket = Socket::open(conn, address, SocketOptions::default()).unwrap();
        drop(listener.accept().unwrap());
        // The end of the connection has arrived.
        while !matches!(socket.stream.peek(&mut [0]), Ok(0)) {
            std::thread::yield_now();
        }
        core.handle_connected(now, conn);
        socket.transmit = core.poll_transmit(now);
        socket.rx = core.poll_read().map(|(_, rx)| rx);
        (socket.readable, socket.writable) = (true, true);
        assert!(socket.transmit.is_some() && socket.rx.is_some());
        assert_eq!(socket.turn().err(), Some(Trouble::Lost));
        assert!(
            socket.transmit.is_some_and(|transmit| transmit.is_done()),
            "with it goes the memory of its batches"
        );
    }
}
