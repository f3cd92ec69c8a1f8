//! A connection in memory: two pipes, with everything in the test's hand that a network may do to them.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use embedded_io_async::{Error, ErrorKind, ErrorType, Read, Write};
use kafka_embassy::Socket;

/// The other side reset the connection.
#[derive(Debug)]
pub struct Reset;

impl std::fmt::Display for Reset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("connection reset")
    }
}

impl std::error::Error for Reset {}

impl Error for Reset {
    fn kind(&self) -> ErrorKind {
        ErrorKind::ConnectionReset
    }
}

#[derive(Default)]
struct Pipe {
    bytes: VecDeque<u8>,
    closed: bool,
    wakers: Vec<Waker>,
}

impl Pipe {
    fn wake(&mut self) {
        self.wakers.drain(..).for_each(Waker::wake);
    }
}

/// One end of a pair. Bytes beyond `ROOM` wait; at most `PIECE` pass at a time.
#[derive(Clone)]
pub struct End {
    from: Rc<RefCell<Pipe>>,
    to: Rc<RefCell<Pipe>>,
    /// The most bytes that one read or write moves.
    piece: usize,
}

/// Bytes on their way before a writer has to wait.
const ROOM: usize = 256;

/// Two ends that are connected; reads and writes move at most `piece` bytes.
pub fn pair(piece: usize) -> (End, End) {
    let (a, b) = (Rc::<RefCell<Pipe>>::default(), Rc::<RefCell<Pipe>>::default());
    (End { from: a.clone(), to: b.clone(), piece }, End { from: b, to: a, piece })
}

impl End {
    /// Closes both directions: reads end, writes fail.
    pub fn cut(&self) {
        for pipe in [&self.from, &self.to] {
            let mut pipe = pipe.borrow_mut();
            pipe.closed = true;
            pipe.wake();
        }
    }
}

impl ErrorType for End {
    type Error = Reset;
}

impl Read for End {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Reset> {
        poll_fn(|cx| {
            let mut pipe = self.from.borrow_mut();
            if pipe.bytes.is_empty() && !pipe.closed && !buf.is_empty() {
                pipe.wakers.push(cx.waker().clone());
                return Poll::Pending;
            }
            let n = buf.len().min(pipe.bytes.len()).min(self.piece);
            for (place, byte) in buf.iter_mut().zip(pipe.bytes.drain(..n)) {
                *place = byte;
            }
            pipe.wake();
            Poll::Ready(Ok(n))
        })
        .await
    }
}

impl Write for End {
    async fn write(&mut self, buf: &[u8]) -> Result<usize, Reset> {
        poll_fn(|cx| {
            let mut pipe = self.to.borrow_mut();
            if pipe.closed {
                return Poll::Ready(Err(Reset));
            }
            let n = buf.len().min(ROOM - pipe.bytes.len()).min(self.piece);
            if n == 0 && !buf.is_empty() {
                pipe.wakers.push(cx.waker().clone());
                return Poll::Pending;
            }
            pipe.bytes.extend(&buf[..n]);
            pipe.wake();
            Poll::Ready(Ok(n))
        })
        .await
    }

    async fn flush(&mut self) -> Result<(), Reset> {
        Ok(())
    }
}

impl Socket for End {
    type Error = Reset;

    fn split(&mut self) -> (impl Read<Error = Reset> + '_, impl Write<Error = Reset> + '_) {
        (self.clone(), self.clone())
    }

    async fn close(&mut self) {
        self.cut();
    }
}
