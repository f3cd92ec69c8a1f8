//! The producer's id and epoch: what makes a retry recognizable (KIP-98, KIP-360).
//!
//! The broker keeps, per producer id and partition, the epoch and the last sequence numbers. When a sequence was lost
//! for good, an idempotent producer without transactions raises its epoch itself and each partition starts again at
//! sequence 0 as soon as nothing of the old epoch is under way there.

use kafka_proto::messages::produce::{InitProducerIdRequest, InitProducerIdResponse};
use kafka_proto::{ErrorCode, Message};

use super::Producer;
use super::batch::SendError;
use crate::net::api::Api;
use crate::net::broker::Trouble;
use crate::net::{Begin, Transmit, encode_for};
use crate::random::backoff;
use crate::recall::recalled;
use crate::storage::NIL;
use crate::time::Instant;
use crate::trace::note;

#[derive(Debug)]
pub(crate) struct Identity {
    /// −1 until the cluster has given one.
    pub(crate) id: i64,
    pub(crate) epoch: i16,
    asked: bool,
    retry_at: Instant,
    attempts: u32,
    /// The cluster refused for good.
    pub(crate) refused: Option<ErrorCode>,
}

impl Default for Identity {
    fn default() -> Self {
        Identity { id: -1, epoch: -1, asked: false, retry_at: Instant(0), attempts: 0, refused: None }
    }
}

impl Identity {
    pub(crate) fn is_known(&self) -> bool {
        self.id >= 0
    }

    /// A sequence was lost: the next epoch, or a new id when there is none.
    pub(crate) fn bump(&mut self) {
        note!("producer {}: a sequence was lost in epoch {}", self.id, self.epoch);
        match self.epoch.checked_add(1) {
            Some(epoch) => self.epoch = epoch,
            None if recalled!(B10EpochStays) => {}
            None => (self.id, self.epoch) = (-1, -1),
        }
    }
}

impl<'m> Producer<'m> {
    fn wants_identity(&self) -> bool {
        let identity = &self.identity;
        let own = self.config.idempotence && !self.txn.is_on();
        own && !identity.is_known() && !identity.asked && identity.refused.is_none()
    }

    /// A batch waits for a producer id: some connection is needed to ask on.
    pub(super) fn demand_identity(&mut self, now: Instant) {
        let waits = self.wants_identity() && self.identity.retry_at <= now && self.acc.pool.oldest() != NIL;
        if waits && !self.net.closing {
            self.net.demand_any(now);
        }
    }

    pub(super) fn identity_at(&self) -> Instant {
        // It is asked for when a batch waits for it, or when a connection is open anyway.
        let waiting = self.wants_identity() && !self.net.closing && self.acc.pool.oldest() != NIL;
        if waiting { self.net.broker_at(NIL, self.identity.retry_at) } else { Instant::NEVER }
    }

    /// The request for a producer id, when one is needed and a connection can take it.
    pub(super) fn poll_identity(&mut self, now: Instant) -> Option<Transmit<'m>> {
        if !self.wants_identity() || self.identity.retry_at > now || self.net.closing {
            return None;
        }
        let conn = self.net.accepting_any(now)?;
        let version = self.net.conns[conn].versions.of(Api::InitProducerId)?;
        let body = InitProducerIdRequest {
            transactional_id: None,
            transaction_timeout_ms: i32::MAX,
            ..InitProducerIdRequest::default()
        };
        let mut frame = self.net.take_frame()?;
        let encoded =
            encode_for(&self.net.conns[conn], &self.net.config, version, &mut frame.head, &body, &mut []);
        let timeout = self.net.config.request_timeout;
        let begin = Begin { api: Api::InitProducerId, version, token: NIL, timeout, answered: true };
        let sent = self.net.enter_if(now, conn, begin, frame, encoded);
        self.identity.asked = sent.is_some();
        sent
    }

    pub(super) fn on_identity(&mut self, now: Instant, version: i16, body: &[u8]) -> Result<(), Trouble> {
        let response = InitProducerIdResponse::decode(version, body).map_err(Trouble::Malformed);
        let response = response.inspect_err(|_| self.identity_failed(now))?;
        self.identity.asked = false;
        match response.error_code {
            ErrorCode::NONE if response.producer_id >= 0 => {
                self.identity.id = response.producer_id;
                self.identity.epoch = response.producer_epoch;
                if recalled!(NearLastEpoch) {
                    self.identity.epoch = i16::MAX - 1;
                }
                self.identity.attempts = 0;
                self.touch_all(now);
            }
            code if code.is_retriable() || code == ErrorCode::NONE => self.identity_failed(now),
            code => self.refuse_identity(now, code),
        }
        Ok(())
    }

    /// Looks whether the broker that would be asked for a producer id can be: after whatever makes it possible to ask,
    /// and not when it is asked, as an adapter may have looked for deliveries by then.
    pub(super) fn refuse_if_unsupported(&mut self, now: Instant) {
        if self.wants_identity()
            && let Some(conn) = self.net.accepting_any(now)
            && self.net.conns[conn].versions.of(Api::InitProducerId).is_none()
        {
            self.refuse_identity(now, ErrorCode::UNSUPPORTED_VERSION);
        }
    }

    /// There will be no producer id: what waits for one is told so, and nothing more is taken.
    fn refuse_identity(&mut self, now: Instant, code: ErrorCode) {
        self.identity.refused = Some(code);
        self.fail_unsent(now, SendError::Broker(code));
    }

    pub(super) fn identity_failed(&mut self, now: Instant) {
        let config = &self.net.config;
        let (base, max) = (config.retry_backoff, config.retry_backoff_max);
        self.identity.asked = false;
        self.identity.retry_at = now + backoff(base, max, self.identity.attempts, &mut self.net.random);
        self.identity.attempts = self.identity.attempts.saturating_add(1);
    }
}

#[cfg(all(test, feature = "alloc"))]
mod tests {
    use kafka_proto::ApiKey;
    use kafka_proto::frame::encode_response;
    use kafka_proto::messages::connection::{ApiVersion, ApiVersionsResponse};
    use kafka_proto::record::NewRecord;
    use kafka_proto::wire::Array;

    use super::*;
    use crate::config::{ClientConfig, ProducerConfig};
    use crate::machine::Machine;
    use crate::metadata::tests::answer;
    use crate::net::connection::{Connection, Request, State};
    use crate::producer::Outcome;
    use crate::resources::ProducerMemory;

    /// By the answer itself: what happens in a later poll may be seen by nobody before the next timer.
    #[test]
    fn what_waits_where_there_are_no_producer_ids_is_told_so_at_once() {
        let (config, bootstrap) = (ProducerConfig::DEFAULT, [("node".into(), 9092)]);
        let memory = ProducerMemory::owned(config.batch_size, false);
        let mut producer = Producer::new(ClientConfig::DEFAULT, config, bootstrap, memory).expect("sound");
        let topic = producer.topic("t".into()).expect("room");
        answer(&mut producer.net, 1, |_| 0);
        producer.append(Instant(0), topic, None, &NewRecord::default()).expect("room");
        let mut entry = Connection { state: State::Negotiating, broker: 0, ..Connection::default() };
        let request = Request { api: Api::ApiVersions, version: 3, token: NIL, ..Request::default() };
        entry.in_flight.push_back(request).expect("room");
        let index = producer.net.conns.push(entry).expect("room");
        let listed = [ApiKey::METADATA, ApiKey::PRODUCE].map(|key| ApiVersion {
            api_key: key.0,
            max_version: 9,
            ..ApiVersion::default()
        });
        let versions =
            ApiVersionsResponse { api_keys: Array::slice(&listed), ..ApiVersionsResponse::default() };
        let mut rx = producer.net.take_rx().expect("a buffer");
        let len = encode_response(rx.spare_mut(), ApiKey::API_VERSIONS, 3, 0, &versions).expect("room");
        rx.advance(len);
        let conn = producer.net.id(index);
        producer.handle_received(Instant(0), conn, rx);
        let delivery = producer.poll_delivery().expect("its end");
        let unsupported = SendError::Broker(ErrorCode::UNSUPPORTED_VERSION);
        assert_eq!(delivery.outcome, Outcome::NotWritten(unsupported));
    }

    #[test]
    fn after_the_last_epoch_comes_another_id() {
        let mut identity = Identity { id: 7, epoch: i16::MAX - 1, ..Identity::default() };
        identity.bump();
        assert_eq!((identity.id, identity.epoch), (7, i16::MAX));
        identity.bump();
        assert!(!identity.is_known() && identity.epoch == -1, "{identity:?}");
    }
}
