//! Bytes that arrive in pieces, as from a socket.

/// How much arrives each time: these sizes, over and over.
pub struct Feed<'a> {
    bytes: &'a [u8],
    sizes: &'a [u8],
    turn: usize,
    start: usize,
    end: usize,
}

impl<'a> Feed<'a> {
    /// Nothing has arrived. Without `sizes` all arrives at once.
    pub fn new(bytes: &'a [u8], sizes: &'a [u8]) -> Feed<'a> {
        Feed { bytes, sizes, turn: 0, start: 0, end: 0 }
    }

    /// What has arrived and was not taken.
    pub fn ready(&self) -> &'a [u8] {
        &self.bytes[self.start..self.end]
    }

    /// `len` bytes are done with.
    pub fn take(&mut self, len: usize) {
        self.start += len;
        assert!(self.start <= self.end, "more was taken than there was");
    }

    /// Waits until there are `need` bytes; at the end there may be fewer. False where nothing has come.
    pub fn wait(&mut self, need: usize) -> bool {
        let before = self.end;
        while self.end - self.start < need {
            if self.end == self.bytes.len() {
                return self.end > before;
            }
            let size = self.sizes.get(self.turn % self.sizes.len().max(1));
            self.turn += 1;
            let size = size.map_or(usize::MAX, |size| usize::from(*size).max(1));
            self.end = self.end.saturating_add(size).min(self.bytes.len());
        }
        true
    }

    /// More rounds than a reader that goes on can need.
    pub fn rounds(&self) -> usize {
        8 * self.bytes.len() + 1_000
    }
}
