//! What comes back: frames are paired with the requests they answer, and [`Net`]'s own are dealt with.

use kafka_proto::messages::connection::ApiVersionsResponse;
use kafka_proto::{ErrorCode, Message, frame};

use super::api::{Api, Versions};
use super::broker::Trouble;
use super::connection::{ConnId, Request, State};
use super::receive::{Front, RxBuf};
use super::{Inbound, Net, Reply};
use crate::time::{Duration, Instant};
use crate::trace::note;

impl<'m> Net<'m> {
    /// Takes the next answer off the front of `rx`, which came from `conn`.
    pub(crate) fn receive(&mut self, now: Instant, conn: ConnId, rx: &mut RxBuf<'m>) -> Inbound {
        let size_max = self.config.response_size_max;
        let Some(entry) = self.conn(conn).filter(|c| c.is_open()) else { return Inbound::Done };
        let end = match rx.front(size_max) {
            Front::Partial => return Inbound::Done,
            Front::Frame { end } => end,
            Front::BadLength(len) => {
                self.fail(conn, Trouble::NotKafka(len.to_be_bytes()));
                return Inbound::Done;
            }
            Front::NoRoom { need } => {
                self.fail(conn, Trouble::ResponseTooLarge { need: u32::try_from(need).unwrap_or(u32::MAX) });
                return Inbound::Done;
            }
        };
        entry.last_used = now;
        let whole = rx.mem.get(4..end).unwrap_or_default();
        let Some(request) = entry.in_flight.pop_front() else {
            self.fail(conn, Trouble::NotKafka(start_of(whole)));
            return Inbound::Done;
        };
        let (correlation, body) =
            match frame::decode_response_header(request.api.key(), request.version, whole) {
                Ok(header) => header,
                Err(error) => {
                    self.abandon(conn, request, Trouble::Malformed(error));
                    return Inbound::Done;
                }
            };
        if correlation != request.correlation {
            self.abandon(conn, request, Trouble::NotKafka(start_of(whole)));
            return Inbound::Done;
        }
        let body = end - body.len()..end;
        let bytes = rx.mem.get(body.clone()).unwrap_or_default();
        // Where it does not come first, who decodes the answer sees to it.
        if let Some(throttle) =
            bytes.first_chunk().filter(|_| !matches!(request.api, Api::ApiVersions | Api::Produce))
        {
            self.mute(now, conn, &request, i32::from_be_bytes(*throttle));
        }
        let outcome = match request.api {
            Api::ApiVersions => self.on_api_versions(now, conn, &request, bytes).map(|()| Inbound::Handled),
            Api::Metadata => self.on_metadata(now, conn, request.version, bytes).map(|()| Inbound::Metadata),
            _ => return Inbound::Reply(Reply { request, body, end }),
        };
        rx.consume(end);
        outcome.unwrap_or_else(|trouble| {
            self.fail(conn, trouble);
            Inbound::Done
        })
    }

    /// An answer asks for silence on its connection (KIP-219): nothing that is sent before that time is read, nor what
    /// is under way already, which has its time from then on. A negative time means nothing.
    pub(crate) fn mute(&mut self, now: Instant, conn: ConnId, answered: &Request, throttle_ms: i32) {
        // Nobody waits for longer than a connection may be unused.
        let longest = self.config.connections_max_idle;
        let asked = throttle_ms > 0 && answered.api.asks_for_silence(answered.version);
        if let Some(entry) = self.conn(conn).filter(|_| asked) {
            let silence = Duration::from_millis(throttle_ms.unsigned_abs());
            entry.muted_until = entry.muted_until.max(now + silence);
            for request in &mut entry.in_flight {
                request.deadline = request.deadline + silence.min(longest);
            }
        }
    }

    fn on_api_versions(
        &mut self,
        now: Instant,
        conn: ConnId,
        request: &Request,
        body: &[u8],
    ) -> Result<(), Trouble> {
        let version = request.version;
        // A broker that does not know our version answers with this error, in the format of version 0.
        let refused = body
            .first_chunk()
            .is_some_and(|code| ErrorCode(i16::from_be_bytes(*code)) == ErrorCode::UNSUPPORTED_VERSION);
        let format = if refused { 0 } else { version };
        let response = ApiVersionsResponse::decode(format, body).map_err(Trouble::Malformed)?;
        self.mute(now, conn, request, response.throttle_time_ms);
        let versions = Versions::negotiate(&response);
        if cfg!(feature = "transactions") && response.finalized_features_epoch > self.features_epoch {
            self.features_epoch = response.finalized_features_epoch;
            let feature = response.finalized_features.iter().find(|f| f.name == "transaction.version");
            self.transaction_version = feature.map_or(0, |f| f.max_version_level);
        }
        let Some(entry) = self.conn(conn) else { return Ok(()) };
        if refused && versions.of(Api::Metadata).is_none() {
            // It lists at most what it wants to be asked with; an old one lists nothing and knows version 0.
            let next = versions.of(Api::ApiVersions).filter(|v| *v < version).unwrap_or(0);
            if next == version {
                return Err(Trouble::Unsupported);
            }
            entry.hello = Some(next);
            return Ok(());
        }
        if !refused && response.error_code != ErrorCode::NONE || versions.of(Api::Metadata).is_none() {
            return Err(Trouble::Unsupported);
        }
        note!("connection {}: versions agreed", conn.index);
        entry.versions = versions;
        entry.state = State::Ready;
        let broker = entry.broker;
        let role = entry.role;
        self.brokers[broker].succeeded();
        self.brokers[broker].want(role, false);
        Ok(())
    }
}

fn start_of(bytes: &[u8]) -> [u8; 4] {
    bytes.first_chunk().copied().unwrap_or_default()
}
