//! What happened, as a hash (always) and as text (when somebody wants to read it).

use std::fmt::Arguments;

/// The trace of a run.
#[derive(Debug, Default)]
pub struct Trace {
    hash: u64,
    events: u64,
    lines: Option<Vec<String>>,
}

impl Trace {
    /// A trace; with `readable` it keeps its text.
    pub fn new(readable: bool) -> Self {
        Trace { hash: 0xcbf2_9ce4_8422_2325, events: 0, lines: readable.then(Vec::new) }
    }

    /// Notes an event: numbers for the hash, text for people.
    pub fn note(&mut self, now: u64, tag: u8, numbers: [u64; 3], text: Arguments<'_>) {
        self.events += 1;
        for word in [now, u64::from(tag), numbers[0], numbers[1], numbers[2]] {
            self.hash = (self.hash ^ word).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(23);
        }
        if let Some(lines) = &mut self.lines {
            lines.push(format!("{:>4}.{:06} {text}", now / 1_000_000, now % 1_000_000));
        }
    }

    /// Whether somebody will read it.
    pub fn is_readable(&self) -> bool {
        self.lines.is_some()
    }

    /// Adds text for people; it does not count for the hash.
    pub fn comment(&mut self, now: u64, text: &str) {
        if let Some(lines) = &mut self.lines {
            lines.push(format!("{:>4}.{:06}     {text}", now / 1_000_000, now % 1_000_000));
        }
    }

    /// Notes bytes that passed: they count for the hash.
    pub fn bytes(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.hash =
                (self.hash ^ u64::from_le_bytes(word)).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(29);
        }
    }

    /// The hash so far.
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// How many events there were.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// The text, if it was kept.
    pub fn lines(&self) -> &[String] {
        self.lines.as_deref().unwrap_or_default()
    }
}
