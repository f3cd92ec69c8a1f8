//! Records out of lz4, block by block.

use super::super::Step;
use super::{Front, Open, RecordItem, StreamError};
use crate::compress::lz4::{Frame, Piece, block_len, expand};
use crate::record::{Codec, Get, RecordFault};

/// What was decompressed and not handed out yet lies in the caller's window.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    frame: Frame,
    /// 0 <= start <= end <= window.len()
    start: usize,
    end: usize,
    /// Blocks copy from those before: nothing may be moved or dropped.
    linked: bool,
}

/// A step, or none at the end of the records.
type Outcome<'b> = Result<Option<Step<RecordItem<'b>>>, RecordFault>;

impl Window {
    pub(super) const fn new() -> Self {
        Self { frame: Frame::Header, start: 0, end: 0, linked: false }
    }

    /// Hands out the next record where the window has it, and takes one piece of the frame where not.
    pub(super) fn next<'b>(
        &mut self,
        open: &mut Open,
        input: &[u8],
        window: &'b mut [u8],
    ) -> Result<Outcome<'b>, StreamError> {
        let ready = window.get(self.start..self.end).unwrap_or_default();
        let enough = if open.records == 0 { !ready.is_empty() } else { has_record(ready) };
        if !enough && self.frame != Frame::End {
            return self.fill(open, input, window);
        }
        // Nothing more comes before the record: what is cut now is wrong.
        let ready = window.get(self.start..self.end).unwrap_or_default();
        if open.records == 0 {
            // Another frame, or anything else, would hold records that the header does not count.
            let ended = ready.is_empty() && open.left == 0;
            return Ok(if ended { Ok(None) } else { Err(RecordFault::TrailingBytes) });
        }
        Ok(match open.front(ready, ready.len()) {
            Ok(Front::Record(record, len)) => {
                self.start = self.start.saturating_add(len);
                Ok(Some(Step { consumed: 0, item: open.hand_out(record) }))
            }
            Ok(Front::Need(_)) => Err(RecordFault::Truncated),
            Err(fault) => Err(fault),
        })
    }

    /// Takes a piece of the frame.
    fn fill<'b>(
        &mut self,
        open: &mut Open,
        input: &[u8],
        window: &mut [u8],
    ) -> Result<Outcome<'b>, StreamError> {
        const MALFORMED: RecordFault = RecordFault::Compressed(Codec::Lz4);
        let mut frame = self.frame;
        let Ok(piece) = frame.next(input) else { return Ok(Err(MALFORMED)) };
        let taken = match piece {
            // What the batch has not will not come.
            Piece::More(need) if need > open.left => return Ok(Err(MALFORMED)),
            Piece::More(need) => return Ok(Ok(Some(Step { consumed: 0, item: RecordItem::More(need) }))),
            Piece::Skip(len) => len,
            Piece::Block { block, stored, linked, consumed } => {
                let Some(len) = block_len(block, stored) else { return Ok(Err(MALFORMED)) };
                self.linked = linked;
                self.make_room(window);
                let need = self.end.saturating_add(len);
                if need > window.len() {
                    return Err(StreamError::WindowTooLarge { need });
                }
                let from = if linked { 0 } else { self.end };
                let Ok(end) = expand(block, stored, window, from, self.end) else {
                    return Ok(Err(MALFORMED));
                };
                self.end = end;
                consumed
            }
        };
        self.frame = frame;
        open.take(input.get(..taken).unwrap_or_default());
        Ok(Ok(Some(Step { consumed: taken, item: RecordItem::More(open.left.min(1)) })))
    }

    /// Moves what is left in the window to its front.
    fn make_room(&mut self, window: &mut [u8]) {
        if self.linked || self.start == 0 {
            return;
        }
        let len = self.end.saturating_sub(self.start);
        for i in 0..len {
            // Forward, so that the two may overlap.
            let byte = window.get(self.start.saturating_add(i)).copied().unwrap_or_default();
            if let Some(slot) = window.get_mut(i) {
                *slot = byte;
            }
        }
        self.start = 0;
        self.end = len;
    }
}

/// Whether a whole record stands at the front, as far as its length says.
fn has_record(bytes: &[u8]) -> bool {
    let mut get = Get::new(bytes);
    match get.varint().map(usize::try_from) {
        Ok(Ok(len)) => get.at.saturating_add(len) <= bytes.len(),
        // More would not mend it.
        Ok(Err(_)) | Err(RecordFault::VarintOverflow) => true,
        Err(_) => false,
    }
}
