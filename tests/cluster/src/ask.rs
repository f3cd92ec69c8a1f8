//! The few requests the harness makes itself, as bytes over a plain socket: it must not stand on what it is going
//! to test, and a tool in a JVM takes over a second.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
const METADATA: i16 = 3;
const CREATE_TOPICS: i16 = 19;

/// What a Metadata response says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Metadata {
    /// The brokers that are alive.
    pub(crate) brokers: Vec<i32>,
    /// Of the topic asked for: its partitions that have a leader.
    pub(crate) partitions_with_leader: usize,
    /// The least number of replicas in sync of any of them, 0 where there is no partition.
    pub(crate) in_sync_min: usize,
}

/// Asks the broker on `port` for the brokers and, if named, one topic.
pub(crate) fn metadata(port: u16, topic: Option<&str>) -> io::Result<Metadata> {
    let mut body = Vec::new();
    body.extend((topic.iter().len() as i32).to_be_bytes());
    topic.into_iter().for_each(|name| string(&mut body, name));
    let answer = ask(port, METADATA, 1, &body)?;
    read_metadata(&answer).ok_or_else(short)
}

/// Asks the broker on `port` to create a topic; the error code of its answer (0, 41 for "not the controller", …).
pub(crate) fn create_topic(
    port: u16,
    name: &str,
    partitions: u32,
    copies: usize,
    config: &[(&str, &str)],
) -> io::Result<i16> {
    let mut body = 1_i32.to_be_bytes().to_vec();
    string(&mut body, name);
    body.extend(partitions.to_be_bytes());
    body.extend((copies as i16).to_be_bytes());
    body.extend(0_i32.to_be_bytes()); // assignments: the broker's choice
    body.extend((config.len() as i32).to_be_bytes());
    for (name, value) in config {
        string(&mut body, name);
        string(&mut body, value);
    }
    body.extend(9000_i32.to_be_bytes()); // timeout in ms
    body.push(0); // not only validated
    let answer = ask(port, CREATE_TOPICS, 2, &body)?;
    read_created(&answer).ok_or_else(short)
}

fn ask(port: u16, key: i16, version: i16, body: &[u8]) -> io::Result<Vec<u8>> {
    let address = ([127, 0, 0, 1], port).into();
    let mut socket = TcpStream::connect_timeout(&address, ANSWER_TIMEOUT)?;
    socket.set_read_timeout(Some(ANSWER_TIMEOUT))?;
    let mut frame = Vec::new();
    frame.extend((10 + body.len() as u32).to_be_bytes());
    frame.extend(key.to_be_bytes());
    frame.extend(version.to_be_bytes());
    frame.extend(7_i32.to_be_bytes()); // correlation id
    frame.extend((-1_i16).to_be_bytes()); // no client id
    frame.extend(body);
    socket.write_all(&frame)?;
    let mut length = [0; 4];
    socket.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length) as usize;
    if length > 1 << 20 {
        return Err(io::Error::other("this is not a Kafka broker"));
    }
    let mut answer = vec![0; length];
    socket.read_exact(&mut answer)?;
    Ok(answer)
}

/// Version 1: brokers, controller, topics with their partitions.
fn read_metadata(answer: &[u8]) -> Option<Metadata> {
    let mut rest = answer.get(4..)?;
    let mut brokers = Vec::new();
    for _ in 0..int(&mut rest)? {
        brokers.push(int(&mut rest)?);
        skip_string(&mut rest)?; // host
        int(&mut rest)?; // port
        skip_string(&mut rest)?; // rack
    }
    int(&mut rest)?; // controller
    let (mut partitions_with_leader, mut in_sync_min) = (0, usize::MAX);
    for _ in 0..int(&mut rest)? {
        take::<2>(&mut rest)?; // error
        skip_string(&mut rest)?; // name
        take::<1>(&mut rest)?; // internal
        for _ in 0..int(&mut rest)? {
            take::<2>(&mut rest)?; // error
            int(&mut rest)?; // partition
            partitions_with_leader += usize::from(int(&mut rest)? >= 0);
            skip_ints(&mut rest)?; // replicas
            in_sync_min = in_sync_min.min(skip_ints(&mut rest)?);
        }
    }
    let in_sync_min = if in_sync_min == usize::MAX { 0 } else { in_sync_min };
    Some(Metadata { brokers, partitions_with_leader, in_sync_min })
}

/// Version 2: throttle time, then per topic a name, an error code and a message.
fn read_created(answer: &[u8]) -> Option<i16> {
    let mut rest = answer.get(4 + 4 + 4..)?;
    skip_string(&mut rest)?;
    Some(i16::from_be_bytes(take(&mut rest)?))
}

fn string(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as i16).to_be_bytes());
    out.extend(text.as_bytes());
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk::<N>()?;
    *rest = tail;
    Some(*head)
}

fn int(rest: &mut &[u8]) -> Option<i32> {
    take(rest).map(i32::from_be_bytes)
}

/// How many there were.
fn skip_ints(rest: &mut &[u8]) -> Option<usize> {
    let count = int(rest)?.max(0) as usize;
    *rest = rest.get(4 * count..)?;
    Some(count)
}

fn skip_string(rest: &mut &[u8]) -> Option<()> {
    let length = i16::from_be_bytes(take(rest)?).max(0) as usize;
    *rest = rest.get(length..)?;
    Some(())
}

fn short() -> io::Error {
    io::Error::other("a response that ends too early")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_metadata_and_survives_short_answers() {
        let body = [
            0, 0, 0, 7, 0, 0, 0, 2, // correlation id, two brokers
            0, 0, 0, 5, 0, 1, b'a', 0, 0, 0, 9, 0xff, 0xff, // 5, "a", 9, no rack
            0, 0, 0, 6, 0, 1, b'b', 0, 0, 0, 9, 0, 1, b'r', // 6, "b", 9, "r"
            0, 0, 0, 5, 0, 0, 0, 1, // controller, one topic
            0, 0, 0, 1, b't', 0, 0, 0, 0, 2, // no error, "t", not internal, two partitions
            0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 1, 0, 0, 0, 5, 0, 0, 0, 1, 0, 0, 0, 5, // led by 5
            0, 5, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, // led by nobody
        ];
        let expected = Metadata { brokers: vec![5, 6], partitions_with_leader: 1, in_sync_min: 0 };
        assert_eq!(read_metadata(&body), Some(expected));
        for end in 0..body.len() {
            assert_eq!(read_metadata(&body[..end]), None, "cut at {end}");
        }
    }
}
