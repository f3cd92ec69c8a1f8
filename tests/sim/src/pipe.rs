//! One direction of a TCP connection: bytes in order, with a delay, until somebody cuts it.

use std::collections::VecDeque;

/// Cuts of a connection, upwards and downwards: after how many bytes, and how.
pub type Cuts = (Option<(u64, Cut)>, Option<(u64, Cut)>);

/// What happens when a given number of bytes has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Both ends see a reset; what is in transit is lost.
    Reset,
    /// The sender appears to have closed: the other end reads an end of stream after the last byte.
    Fin,
    /// Nothing passes any more, and nobody is told (half-open).
    Silence,
    /// Nothing passes for so many microseconds.
    Pause(u64),
}

/// Bytes that arrive together.
#[derive(Debug)]
struct Segment {
    at: u64,
    bytes: Vec<u8>,
}

/// One direction of a connection.
#[derive(Debug)]
pub struct Pipe {
    segments: VecDeque<Segment>,
    /// When the youngest segment arrives: what is sent later never arrives earlier.
    last_at: u64,
    /// Microseconds a byte travels.
    pub delay_us: u64,
    /// Bytes accepted so far.
    pub sent: u64,
    /// What happens after so many bytes.
    pub cut: Option<(u64, Cut)>,
    /// Nothing gets through any more, and nobody notices.
    pub silent: bool,
    /// It was cut: what is sent from now on is lost.
    ended: bool,
    /// Bytes that may be under way before a write is refused (socket buffers and window).
    pub window: usize,
    in_transit: usize,
    /// The largest piece that arrives at once.
    pub chunk_max: usize,
}

impl Pipe {
    /// An empty pipe.
    pub fn new(delay_us: u64, window: usize, chunk_max: usize) -> Self {
        Pipe {
            segments: VecDeque::new(),
            last_at: 0,
            delay_us,
            sent: 0,
            cut: None,
            silent: false,
            ended: false,
            window,
            in_transit: 0,
            chunk_max: chunk_max.max(1),
        }
    }

    /// How many more bytes a write may put in.
    pub fn room(&self) -> usize {
        self.window.saturating_sub(self.in_transit)
    }

    /// Puts bytes in; returns when they arrive (if they do), and the cut they ran into.
    pub fn send(&mut self, now: u64, bytes: &[u8]) -> (Option<u64>, Option<Cut>) {
        let end = self.sent + bytes.len() as u64;
        let mut cut = None;
        let mut through = bytes;
        if let Some((at, kind)) = self.cut.filter(|(at, _)| *at <= end) {
            through = &bytes[..(at.saturating_sub(self.sent)) as usize];
            self.cut = None;
            cut = Some(kind);
        }
        self.sent = end;
        self.in_transit += bytes.len();
        let mut arrival = None;
        if !self.silent && !self.ended {
            arrival = self.push(now, through);
        }
        match cut {
            Some(Cut::Silence) => self.silent = true,
            Some(Cut::Pause(us)) => {
                self.last_at = self.last_at.max(now) + us;
                let late = self.push(now, &bytes[through.len()..]);
                arrival = arrival.or(late);
            }
            Some(Cut::Reset | Cut::Fin) => self.ended = true,
            None => {}
        }
        (arrival, cut)
    }

    fn push(&mut self, now: u64, bytes: &[u8]) -> Option<u64> {
        if bytes.is_empty() {
            return None;
        }
        let at = self.last_at.max(now + self.delay_us);
        self.last_at = at;
        self.segments.push_back(Segment { at, bytes: bytes.to_vec() });
        Some(at)
    }

    /// Delays everything in transit and to come by `us`.
    pub fn pause(&mut self, now: u64, us: u64) {
        self.last_at = self.last_at.max(now) + us;
        for segment in &mut self.segments {
            segment.at = segment.at.max(now + us);
        }
    }

    /// When a byte that is put in now would arrive.
    pub fn arrival(&self, now: u64) -> u64 {
        self.last_at.max(now + self.delay_us)
    }

    /// When the next bytes arrive.
    pub fn next_at(&self) -> Option<u64> {
        self.segments.front().map(|s| s.at)
    }

    /// Takes bytes that have arrived: at most `chunk_max` of them.
    pub fn receive(&mut self, now: u64) -> Option<Vec<u8>> {
        let front = self.segments.front_mut().filter(|s| s.at <= now)?;
        let bytes = if front.bytes.len() > self.chunk_max {
            let rest = front.bytes.split_off(self.chunk_max);
            std::mem::replace(&mut front.bytes, rest)
        } else {
            self.segments.pop_front()?.bytes
        };
        self.in_transit = self.in_transit.saturating_sub(bytes.len());
        Some(bytes)
    }

    /// Loses what is in transit.
    pub fn lose(&mut self) {
        self.segments.clear();
        self.silent = true;
    }
}
