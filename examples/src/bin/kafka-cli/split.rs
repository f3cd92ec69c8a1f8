//! Cuts an input of any size into records, with memory for one record and a block of the input.

use std::io::{self, Read};

use memchr::memmem::Finder;

/// Read at a time.
const BLOCK: usize = 64 * 1024;

/// Pieces of an input between delimiters.
pub struct Split<R> {
    from: R,
    delimiter: Finder<'static>,
    /// The longest piece, in bytes; of a longer one nothing is kept.
    piece_len_max: usize,
    /// `bytes[start..]` was read and not handed out.
    bytes: Vec<u8>,
    start: usize,
    /// `bytes[start..scanned]` has no delimiter in it. `start <= scanned <= bytes.len()`
    scanned: usize,
    /// The current piece is too long; its bytes so far are gone.
    is_too_long: bool,
    is_at_end: bool,
    read: u64,
}

/// What stands between two delimiters.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Its bytes.
    Whole(&'a [u8]),
    /// It has more bytes than are allowed.
    TooLong,
}

impl<R: Read> Split<R> {
    /// Cuts at `delimiter`, which is not empty.
    pub fn new(from: R, delimiter: &[u8], piece_len_max: usize) -> Self {
        let delimiter = Finder::new(delimiter).into_owned();
        let bytes = Vec::with_capacity(BLOCK);
        Split {
            from,
            delimiter,
            piece_len_max,
            bytes,
            start: 0,
            scanned: 0,
            is_too_long: false,
            is_at_end: false,
            read: 0,
        }
    }

    /// Bytes read so far.
    pub fn read(&self) -> u64 {
        self.read
    }

    /// The next piece; `None` at the end. What follows the last delimiter is a piece unless it is empty.
    pub fn next(&mut self) -> io::Result<Option<Piece<'_>>> {
        let (from, to) = loop {
            let width = self.delimiter.needle().len();
            if let Some(at) = self.delimiter.find(&self.bytes[self.scanned..]) {
                let piece = (self.start, self.scanned + at);
                self.start = piece.1 + width;
                self.scanned = self.start;
                break piece;
            }
            // The delimiter may have begun in the last bytes.
            self.scanned = self.bytes.len().saturating_sub(width - 1).max(self.start);
            if self.scanned - self.start > self.piece_len_max {
                self.is_too_long = true;
                self.start = self.scanned;
            }
            if self.is_at_end {
                let piece = (self.start, self.bytes.len());
                if piece.0 == piece.1 && !self.is_too_long {
                    return Ok(None);
                }
                (self.start, self.scanned) = (piece.1, piece.1);
                break piece;
            }
            self.fill()?;
        };
        if std::mem::take(&mut self.is_too_long) || to - from > self.piece_len_max {
            return Ok(Some(Piece::TooLong));
        }
        Ok(Some(Piece::Whole(&self.bytes[from..to])))
    }

    fn fill(&mut self) -> io::Result<()> {
        self.bytes.drain(..self.start);
        self.scanned -= self.start;
        self.start = 0;
        let len = self.bytes.len();
        self.bytes.resize(len + BLOCK, 0);
        let read = loop {
            match self.from.read(&mut self.bytes[len..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result,
            }
        };
        let count = *read.as_ref().unwrap_or(&0);
        self.bytes.truncate(len + count);
        self.read += count as u64;
        self.is_at_end = read? == 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hands out a few bytes at a time.
    struct Drip<'a>(&'a [u8], usize);

    impl Read for Drip<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(self.0.len()).min(out.len());
            let (now, later) = self.0.split_at(count);
            out[..count].copy_from_slice(now);
            self.0 = later;
            Ok(count)
        }
    }

    fn pieces(text: &str, delimiter: &str, max: usize, drip: usize) -> Vec<Option<String>> {
        let mut split = Split::new(Drip(text.as_bytes(), drip), delimiter.as_bytes(), max);
        let mut all = Vec::new();
        while let Some(piece) = split.next().expect("memory") {
            all.push(match piece {
                Piece::Whole(bytes) => Some(String::from_utf8(bytes.to_vec()).expect("text")),
                Piece::TooLong => None,
            });
        }
        assert_eq!(split.read(), text.len() as u64);
        all
    }

    #[test]
    fn it_cuts_at_delimiters_however_the_bytes_arrive() {
        for drip in [1, 2, 3, 7, 1000] {
            for (text, delimiter, expected) in [
                ("", "\n", &[][..]),
                ("\n", "\n", &[""]),
                ("a\nb", "\n", &["a", "b"]),
                ("a\n\nb\n", "\n", &["a", "", "b"]),
                ("one--two-three--", "--", &["one", "two-three"]),
                ("x-", "--", &["x-"]),
            ] {
                let found: Vec<_> = pieces(text, delimiter, 100, drip).into_iter().flatten().collect();
                assert_eq!(found, expected, "{text:?} by {drip}");
            }
        }
    }

    #[test]
    fn what_is_too_long_is_left_out_and_the_rest_is_not() {
        let long = "x".repeat(50);
        for drip in [1, 5, 1000] {
            let found = pieces(&format!("a\n{long}\nb\n{long}"), "\n", 10, drip);
            assert_eq!(found, [Some("a".to_owned()), None, Some("b".to_owned()), None]);
            assert_eq!(pieces("0123456789\n", "\n", 10, drip), [Some("0123456789".to_owned())]);
        }
    }

    #[test]
    fn an_endless_line_needs_no_endless_memory() {
        let mut split = Split::new(io::repeat(b'x').take(50 << 20), b"\n", 1 << 20);
        assert_eq!(split.next().expect("memory"), Some(Piece::TooLong));
        assert_eq!(split.next().expect("memory"), None);
        assert!(split.bytes.capacity() < 4 << 20, "{}", split.bytes.capacity());
    }
}
