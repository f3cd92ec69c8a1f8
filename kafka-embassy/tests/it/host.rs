//! Real TCP sockets of the host, as a microcontroller's driver would offer them.

use std::io::{Error as IoError, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use async_io::Async;
use embedded_io_async::{Error, ErrorKind, ErrorType, Read, Write};
use kafka_embassy::{Connector, Socket};

/// An error of the host's sockets.
#[derive(Debug)]
pub struct Failed(IoError);

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Failed {}

impl Error for Failed {
    fn kind(&self) -> ErrorKind {
        match self.0.kind() {
            std::io::ErrorKind::ConnectionRefused => ErrorKind::ConnectionRefused,
            std::io::ErrorKind::ConnectionReset => ErrorKind::ConnectionReset,
            std::io::ErrorKind::TimedOut => ErrorKind::TimedOut,
            _ => ErrorKind::Other,
        }
    }
}

/// A connection that moves at most so many bytes at a time.
pub struct Tcp(Async<TcpStream>, usize);

/// One half of it.
pub struct Half<'a>(&'a Async<TcpStream>, usize);

impl ErrorType for Half<'_> {
    type Error = Failed;
}

impl Read for Half<'_> {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Failed> {
        let len = buf.len().min(self.1);
        self.0.read_with(|mut stream| stream.read(&mut buf[..len])).await.map_err(Failed)
    }
}

impl Write for Half<'_> {
    async fn write(&mut self, buf: &[u8]) -> Result<usize, Failed> {
        let len = buf.len().min(self.1);
        self.0.write_with(|mut stream| stream.write(&buf[..len])).await.map_err(Failed)
    }

    async fn flush(&mut self) -> Result<(), Failed> {
        Ok(())
    }
}

impl Socket for Tcp {
    type Error = Failed;

    fn split(&mut self) -> (impl Read<Error = Failed> + '_, impl Write<Error = Failed> + '_) {
        (Half(&self.0, self.1), Half(&self.0, self.1))
    }
}

/// Connects with the host's sockets. Reads and writes move at most so many bytes at a time.
pub struct Host(pub usize);

impl Connector for Host {
    type Socket<'a> = Tcp;
    type Error = Failed;

    async fn connect(&mut self, to: SocketAddr) -> Result<Tcp, Failed> {
        let stream = Async::<TcpStream>::connect(to).await.map_err(Failed)?;
        stream.get_ref().set_nodelay(true).map_err(Failed)?;
        Ok(Tcp(stream, self.0))
    }
}
