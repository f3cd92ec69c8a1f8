//! The firmware's log: defmt frames, decoded with the table in the ELF file.

use std::fs;
use std::path::Path;

use defmt_decoder::{DecodeError, Table};

use super::Result;

/// The lines in `frames`, oldest first. A frame that is not whole is said to be so, never dropped.
pub fn decode(elf: &Path, frames: &[u8]) -> Result<Vec<String>> {
    let table = Table::parse(&fs::read(elf)?)?.ok_or("no defmt table in the firmware")?;
    let mut decoder = table.new_stream_decoder();
    decoder.received(frames);
    let mut lines = Vec::new();
    loop {
        match decoder.decode() {
            Ok(frame) => lines.push(frame.display(false).to_string()),
            Err(DecodeError::UnexpectedEof) => return Ok(lines),
            Err(DecodeError::Malformed) => lines.push("(a frame that cannot be decoded)".to_owned()),
        }
    }
}
