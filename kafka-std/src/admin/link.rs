//! One blocking connection that asks one thing at a time.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use kafka_client_core::net::Trouble;
use kafka_proto::messages::connection::{ApiVersionsRequest, ApiVersionsResponse};
use kafka_proto::{ApiKey, ErrorCode, Message, Request, frame};

use crate::error::{Error, Unavailable};
use crate::io::trouble;
use crate::producer::host_port;

#[derive(Debug)]
pub(super) struct Link {
    stream: TcpStream,
    broker: String,
    versions: Vec<(ApiKey, i16, i16)>,
    next_correlation: i32,
}

/// The largest response that is believed.
const RESPONSE_MAX: usize = 256 << 20;
/// Bytes of a response for which there is memory before they come.
const PIECE: usize = 64 << 10;

impl Link {
    /// Connects to the first of these hosts that works. Each gets an equal part of the time that is left when its turn
    /// comes.
    pub(super) fn to_any(hosts: &[(String, u16)], deadline: Instant) -> Result<Link, Error> {
        let begin = Instant::now();
        let mut brokers = Vec::new();
        for (index, (host, port)) in hosts.iter().enumerate() {
            match Link::to(host, *port, turn(hosts.len() - index, deadline)) {
                Ok(link) => return Ok(link),
                Err(trouble) => brokers.push((host_port(host, *port), Some(trouble))),
            }
        }
        let what = "the cluster".to_owned();
        Err(Unavailable { what, waited: begin.elapsed(), brokers, answer: None }.into())
    }

    fn to(host: &str, port: u16, deadline: Instant) -> Result<Link, Trouble> {
        Link::to_first(&resolve(host, port, deadline)?, &host_port(host, port), deadline)
    }

    /// Connects to the first address of a host that works, as [`to_any`](Self::to_any).
    fn to_first(addresses: &[SocketAddr], broker: &str, deadline: Instant) -> Result<Link, Trouble> {
        let mut last = Trouble::Unresolved;
        for (index, address) in addresses.iter().enumerate() {
            match Link::at(address, broker, turn(addresses.len() - index, deadline)) {
                Ok(link) => return Ok(link),
                Err(trouble) => last = trouble,
            }
        }
        Err(last)
    }

    fn at(address: &SocketAddr, broker: &str, deadline: Instant) -> Result<Link, Trouble> {
        let stream = TcpStream::connect_timeout(address, left(deadline)?).map_err(|error| of(&error))?;
        stream.set_nodelay(true).map_err(|error| of(&error))?;
        let mut link = Link { stream, broker: broker.to_owned(), versions: Vec::new(), next_correlation: 0 };
        link.negotiate(deadline)?;
        Ok(link)
    }

    fn negotiate(&mut self, deadline: Instant) -> Result<(), Trouble> {
        let request = ApiVersionsRequest {
            client_software_name: "kafka-std",
            client_software_version: env!("CARGO_PKG_VERSION"),
            ..ApiVersionsRequest::default()
        };
        for version in [4, 3, 0] {
            let body = self.exchange(version, &request, deadline)?;
            // Who does not know the version answers in that of 0.
            let code = body.first_chunk().map(|code| ErrorCode(i16::from_be_bytes(*code)));
            if code == Some(ErrorCode::UNSUPPORTED_VERSION) {
                continue;
            }
            let response = ApiVersionsResponse::decode(version, &body).map_err(Trouble::Malformed)?;
            let listed = response.api_keys.iter();
            self.versions = listed.map(|a| (ApiKey(a.api_key), a.min_version, a.max_version)).collect();
            return Ok(());
        }
        Err(Trouble::Unsupported)
    }

    /// Asks in the newest version that both sides have; the version and the body of the answer.
    pub(super) fn call<'a, R: Request<'a>>(
        &mut self,
        request: &R,
        deadline: Instant,
    ) -> Result<(i16, Vec<u8>), Trouble> {
        self.call_up_to(i16::MAX, request, deadline)
    }

    /// As [`call`](Self::call), in a version up to `max`.
    pub(super) fn call_up_to<'a, R: Request<'a>>(
        &mut self,
        max: i16,
        request: &R,
        deadline: Instant,
    ) -> Result<(i16, Vec<u8>), Trouble> {
        let listed = self.versions.iter().find(|(key, ..)| *key == R::KEY).ok_or(Trouble::Unsupported)?;
        let version = R::VERSIONS.max.min(listed.2).min(max);
        if version < R::VERSIONS.min.max(listed.1) {
            return Err(Trouble::Unsupported);
        }
        Ok((version, self.exchange(version, request, deadline)?))
    }

    fn exchange<'a, R: Request<'a>>(
        &mut self,
        version: i16,
        request: &R,
        deadline: Instant,
    ) -> Result<Vec<u8>, Trouble> {
        let correlation = self.next_correlation;
        self.next_correlation = correlation.wrapping_add(1) & i32::MAX;
        let mut out = vec![0; request.encoded_len(version) + 64];
        let header = (version, correlation, Some("kafka-std"));
        let encoded = frame::encode_request(&mut out, header, request, &mut []);
        let len = encoded.map_err(|_| Trouble::Unsupported)?.head_len;
        let limited = self.stream.set_write_timeout(Some(left(deadline)?));
        let written = limited.and_then(|()| self.stream.write_all(out.get(..len).unwrap_or_default()));
        written.map_err(|error| of(&error))?;
        let mut prefix = [0; frame::LENGTH_LEN];
        self.read(&mut prefix, deadline)?;
        let len = frame::frame_len(prefix, RESPONSE_MAX).map_err(|_| Trouble::NotKafka(prefix))?;
        let mut response = Vec::new();
        while response.len() < len {
            let from = response.len();
            response.resize(len.min(from + PIECE), 0);
            self.read(response.get_mut(from..).unwrap_or_default(), deadline)?;
        }
        let (answered, body) =
            frame::decode_response_header(R::KEY, version, &response).map_err(Trouble::Malformed)?;
        if answered != correlation {
            return Err(Trouble::NotKafka(prefix));
        }
        Ok(body.to_vec())
    }

    /// Fills all of it.
    fn read(&mut self, mut into: &mut [u8], deadline: Instant) -> Result<(), Trouble> {
        while !into.is_empty() {
            self.stream.set_read_timeout(Some(left(deadline)?)).map_err(|error| of(&error))?;
            match self.stream.read(into) {
                Ok(0) => return Err(Trouble::Lost),
                Ok(count) => into = into.get_mut(count..).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(of(&error)),
            }
        }
        Ok(())
    }

    pub(super) fn unavailable(&self, trouble: Trouble, waited: Duration) -> Unavailable {
        let brokers = vec![(self.broker.clone(), Some(trouble))];
        Unavailable { what: "the cluster".into(), waited, brokers, answer: None }
    }
}

/// When the first of so many turns ends that share the time until then equally.
fn turn(turns: usize, deadline: Instant) -> Instant {
    let turns = u32::try_from(turns).unwrap_or(u32::MAX).max(1);
    Instant::now() + deadline.saturating_duration_since(Instant::now()) / turns
}

/// The time until then, if there is some.
fn left(deadline: Instant) -> Result<Duration, Trouble> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(Trouble::TimedOut) } else { Ok(left) }
}

/// The operating system takes as long as it likes for that, so it is asked by a thread of its own.
fn resolve(host: &str, port: u16, deadline: Instant) -> Result<Vec<SocketAddr>, Trouble> {
    let (found, answer) = mpsc::channel();
    let host = host.to_owned();
    let asking = move || {
        let addresses = (host.as_str(), port).to_socket_addrs();
        found.send(addresses.map(Iterator::collect).unwrap_or_default())
    };
    std::thread::Builder::new()
        .name("kafka-resolve".into())
        .spawn(asking)
        .map_err(|_| Trouble::Unresolved)?;
    answer.recv_timeout(left(deadline)?).map_err(|_| Trouble::Unresolved)
}

/// A blocking socket says "would block" when its time is over.
fn of(error: &io::Error) -> Trouble {
    if error.kind() == ErrorKind::WouldBlock { Trouble::TimedOut } else { trouble(error) }
}

pub(super) fn decode<'a, M: Message<'a>>(version: i16, body: &'a [u8], what: &str) -> Result<M, Error> {
    M::decode(version, body).map_err(|error| {
        let brokers = vec![(what.to_owned(), Some(Trouble::Malformed(error)))];
        Unavailable { what: "the cluster".into(), waited: Duration::ZERO, brokers, answer: None }.into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_address_of_a_name_is_tried_where_the_first_says_nothing_or_is_no_broker() {
        let server = kafka_broker::Server::start(kafka_broker::Config::default()).unwrap();
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let closing = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let other = closing.local_addr().unwrap();
        std::thread::spawn(move || closing.incoming().for_each(drop));
        for first in [silent.local_addr().unwrap(), other] {
            let deadline = Instant::now() + Duration::from_secs(4);
            let link = Link::to_first(&[first, server.addrs[0]], "broker:9092", deadline);
            assert!(link.is_ok(), "{link:?}");
        }
    }
}
