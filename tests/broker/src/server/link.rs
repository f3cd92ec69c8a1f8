//! One socket: bytes in, frames out of them; responses in, bytes out.

use std::collections::VecDeque;
use std::io::{self, IoSlice, Read, Write};

use kafka_proto::frame::frame_len;
use mio::net::TcpStream;

use crate::conn::ConnId;

/// Read at a time, and what an idle connection's buffer shrinks to.
const CHUNK: usize = 256 << 10;
/// A larger buffer is given back when all of it is served.
const IDLE_MAX: usize = 4 << 20;
/// With more than this unwritten the connection is not read.
const UNWRITTEN_MAX: usize = 8 << 20;

/// What reading brought.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ReadEnd {
    /// There may be more.
    More,
    /// Wait for the next event.
    Drained,
    /// The peer closed or reset the connection.
    Closed,
}

pub(super) struct Link {
    pub stream: TcpStream,
    pub conn: ConnId,
    /// An event said there is something to read, and reading has not come to its end since.
    pub readable: bool,
    /// The peer will send nothing more; what it sent may still be unread.
    pub peer_closed: bool,
    input: Vec<u8>,
    /// `start <= end <= input.len()`: what was received and not served.
    start: usize,
    end: usize,
    output: VecDeque<Vec<u8>>,
    /// Bytes of the first of `output` that are written.
    written: usize,
    unwritten: usize,
}

impl Link {
    pub fn new(stream: TcpStream, conn: ConnId) -> Self {
        Self {
            stream,
            conn,
            readable: true,
            peer_closed: false,
            input: Vec::new(),
            start: 0,
            end: 0,
            output: VecDeque::new(),
            written: 0,
            unwritten: 0,
        }
    }

    /// Whether it may be read: the peer takes its answers.
    pub fn may_read(&self) -> bool {
        self.unwritten <= UNWRITTEN_MAX
    }

    /// Reads once.
    pub fn read(&mut self) -> ReadEnd {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
            if self.input.len() > IDLE_MAX {
                self.input = Vec::new();
            }
        }
        if self.input.len() - self.end < CHUNK / 2 {
            self.make_room();
        }
        match self.stream.read(&mut self.input[self.end..]) {
            Ok(0) => ReadEnd::Closed,
            Ok(n) => {
                self.end += n;
                ReadEnd::More
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => ReadEnd::Drained,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => ReadEnd::More,
            Err(_) => ReadEnd::Closed,
        }
    }

    /// Room grows with what was received, never with what a length field promises.
    fn make_room(&mut self) {
        let kept = self.end - self.start;
        self.input.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, kept);
        let wanted = kept.saturating_mul(2).max(CHUNK);
        self.input.resize(wanted, 0);
    }

    /// The next whole frame, without its length; an error for a length that cannot be.
    pub fn frame(&mut self, max: usize) -> Result<Option<(usize, usize)>, kafka_proto::DecodeError> {
        let received = self.input.get(self.start..self.end).unwrap_or_default();
        let Some((prefix, rest)) = received.split_first_chunk::<4>() else { return Ok(None) };
        let len = frame_len(*prefix, max)?;
        if rest.len() < len {
            return Ok(None);
        }
        let from = self.start + 4;
        self.start = from + len;
        Ok(Some((from, self.start)))
    }

    /// The bytes of a frame that [`Self::frame`] found.
    pub fn bytes(&self, (from, to): (usize, usize)) -> &[u8] {
        self.input.get(from..to).unwrap_or_default()
    }

    pub fn push(&mut self, bytes: Vec<u8>) {
        self.unwritten += bytes.len();
        self.output.push_back(bytes);
    }

    /// Writes what the socket takes; what is done with goes to `done`.
    pub fn flush(&mut self, mut done: impl FnMut(Vec<u8>)) -> io::Result<()> {
        while !self.output.is_empty() {
            let mut slices = [IoSlice::new(&[]); 8];
            let mut used = 0;
            for (slot, bytes) in slices.iter_mut().zip(&self.output) {
                let from = if used == 0 { self.written } else { 0 };
                *slot = IoSlice::new(&bytes[from..]);
                used += 1;
            }
            match self.stream.write_vectored(&slices[..used]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => self.advance(n, &mut done),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn advance(&mut self, mut n: usize, done: &mut impl FnMut(Vec<u8>)) {
        self.unwritten -= n;
        while let Some(first) = self.output.front() {
            let left = first.len() - self.written;
            if n < left {
                self.written += n;
                return;
            }
            n -= left;
            self.written = 0;
            self.output.pop_front().into_iter().for_each(&mut *done);
        }
    }
}
