//! Reads captured messages and writes them again: a check of the codec, and a help with captures.
//!
//! Standard input has one message per line, `<api key> <version> <request|response> <hex body>`, the body without
//! length and header. For each line one line comes out: the body encoded again, in hex, or `error: …`. With the
//! argument `--show` it is the message's fields instead.
//!
//! ```text
//! $ echo '18 0 response 0000000000010012 00000005' | cargo run -q -p kafka-proto --example transcode
//! 000000000001001200000005
//! ```

use kafka_proto::api::{self, Direction, TranscodeError};
use kafka_proto::{ApiKey, EncodeError};
use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, BufWriter, Write};

fn main() -> io::Result<()> {
    let show = std::env::args().any(|argument| argument == "--show");
    let mut input = BufReader::with_capacity(1 << 16, io::stdin().lock());
    let mut output = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let (mut line, mut answer, mut memory) = (Vec::new(), String::new(), Vec::new());
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line)? == 0 {
            return output.flush();
        }
        answer.clear();
        if let Err(error) = answer_line(&line, show, &mut memory, &mut answer) {
            answer.clear();
            answer.push_str("error: ");
            answer.push_str(&error);
        }
        answer.push('\n');
        output.write_all(answer.as_bytes())?;
        // Whoever waits for an answer before the next line gets it.
        if input.buffer().is_empty() {
            output.flush()?;
        }
    }
}

fn answer_line(line: &[u8], show: bool, memory: &mut Vec<u8>, answer: &mut String) -> Result<(), String> {
    let line = str::from_utf8(line).map_err(|_| "the line is not UTF-8")?;
    let mut words = line.split_ascii_whitespace();
    let mut word = |name: &str| words.next().ok_or(format!("no {name}"));
    let key = ApiKey(word("api key")?.parse().map_err(|_| "the api key is not a 16-bit number")?);
    let version = word("version")?.parse().map_err(|_| "the version is not a 16-bit number")?;
    let direction = match word("direction")? {
        "request" => Direction::Request,
        "response" => Direction::Response,
        other => return Err(format!("neither request nor response: {other}")),
    };
    let mut body = Vec::new();
    for word in words {
        unhex(word, &mut body)?;
    }
    if show {
        return api::show(key, version, direction, &body, answer).map_err(|error| error.to_string());
    }
    let len = transcode(key, version, direction, &body, memory).map_err(|error| error.to_string())?;
    for byte in &memory[..len] {
        let _ = write!(answer, "{byte:02x}");
    }
    Ok(())
}

fn transcode(
    key: ApiKey,
    version: i16,
    direction: Direction,
    body: &[u8],
    memory: &mut Vec<u8>,
) -> Result<usize, TranscodeError> {
    memory.resize(memory.len().max(body.len()), 0);
    match api::transcode(key, version, direction, body, memory) {
        Err(TranscodeError::Encode(EncodeError::TooSmall { need })) => {
            memory.resize(need, 0);
            api::transcode(key, version, direction, body, memory)
        }
        result => result,
    }
}

fn unhex(word: &str, bytes: &mut Vec<u8>) -> Result<(), String> {
    let mut digits = word.chars().map(|c| c.to_digit(16).ok_or(format!("not a hex digit: {c:?}")));
    while let Some(high) = digits.next() {
        let low = digits.next().ok_or("an odd number of hex digits")?;
        bytes.push((high? << 4 | low?) as u8);
    }
    Ok(())
}
