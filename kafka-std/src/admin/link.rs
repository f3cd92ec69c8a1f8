//! One blocking connection that asks one thing at a time.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
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

impl Link {
    /// Connects to the first of these hosts that works.
    pub(super) fn to_any(hosts: &[(String, u16)], timeout: Duration) -> Result<Link, Error> {
        let begin = Instant::now();
        let mut brokers = Vec::new();
        for (host, port) in hosts {
            match Link::to(host, *port, timeout) {
                Ok(link) => return Ok(link),
                Err(trouble) => brokers.push((host_port(host, *port), Some(trouble))),
            }
        }
        let what = "the cluster".to_owned();
        Err(Unavailable { what, waited: begin.elapsed(), brokers, answer: None }.into())
    }

    fn to(host: &str, port: u16, timeout: Duration) -> Result<Link, Trouble> {
        let mut last = Trouble::Unresolved;
        for address in (host, port).to_socket_addrs().map_err(|_| Trouble::Unresolved)? {
            match TcpStream::connect_timeout(&address, timeout) {
                Ok(stream) => {
                    let prepared = stream
                        .set_nodelay(true)
                        .and_then(|()| stream.set_read_timeout(Some(timeout)))
                        .and_then(|()| stream.set_write_timeout(Some(timeout)));
                    prepared.map_err(|error| of(&error))?;
                    let broker = host_port(host, port);
                    let mut link = Link { stream, broker, versions: Vec::new(), next_correlation: 0 };
                    link.negotiate()?;
                    return Ok(link);
                }
                Err(error) => last = of(&error),
            }
        }
        Err(last)
    }

    fn negotiate(&mut self) -> Result<(), Trouble> {
        let request = ApiVersionsRequest {
            client_software_name: "kafka-std",
            client_software_version: env!("CARGO_PKG_VERSION"),
            ..ApiVersionsRequest::default()
        };
        for version in [4, 3, 0] {
            let body = self.exchange(version, &request)?;
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
    pub(super) fn call<'a, R: Request<'a>>(&mut self, request: &R) -> Result<(i16, Vec<u8>), Trouble> {
        self.call_up_to(i16::MAX, request)
    }

    /// As [`call`](Self::call), in a version up to `max`.
    pub(super) fn call_up_to<'a, R: Request<'a>>(
        &mut self,
        max: i16,
        request: &R,
    ) -> Result<(i16, Vec<u8>), Trouble> {
        let listed = self.versions.iter().find(|(key, ..)| *key == R::KEY).ok_or(Trouble::Unsupported)?;
        let version = R::VERSIONS.max.min(listed.2).min(max);
        if version < R::VERSIONS.min.max(listed.1) {
            return Err(Trouble::Unsupported);
        }
        Ok((version, self.exchange(version, request)?))
    }

    fn exchange<'a, R: Request<'a>>(&mut self, version: i16, request: &R) -> Result<Vec<u8>, Trouble> {
        let correlation = self.next_correlation;
        self.next_correlation = correlation.wrapping_add(1) & i32::MAX;
        let mut out = vec![0; request.encoded_len(version) + 64];
        let header = (version, correlation, Some("kafka-std"));
        let encoded = frame::encode_request(&mut out, header, request, &mut []);
        let len = encoded.map_err(|_| Trouble::Unsupported)?.head_len;
        self.stream.write_all(out.get(..len).unwrap_or_default()).map_err(|error| of(&error))?;
        let mut prefix = [0; frame::LENGTH_LEN];
        self.stream.read_exact(&mut prefix).map_err(|error| of(&error))?;
        let len = frame::frame_len(prefix, RESPONSE_MAX).map_err(|_| Trouble::NotKafka(prefix))?;
        let mut response = Vec::new();
        let read =
            (&mut self.stream).take(len as u64).read_to_end(&mut response).map_err(|error| of(&error))?;
        if read < len {
            return Err(Trouble::Lost);
        }
        let (answered, body) =
            frame::decode_response_header(R::KEY, version, &response).map_err(Trouble::Malformed)?;
        if answered != correlation {
            return Err(Trouble::NotKafka(prefix));
        }
        Ok(body.to_vec())
    }

    pub(super) fn unavailable(&self, trouble: Trouble, waited: Duration) -> Unavailable {
        let brokers = vec![(self.broker.clone(), Some(trouble))];
        Unavailable { what: "the cluster".into(), waited, brokers, answer: None }
    }
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
