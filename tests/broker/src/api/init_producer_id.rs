//! InitProducerId: ids and epochs for idempotent producers.

use kafka_proto::ErrorCode;
use kafka_proto::messages::{InitProducerIdRequest, InitProducerIdResponse};

use crate::cluster::Cluster;
use crate::request::{Hangup, Rq};

impl Cluster {
    pub(crate) fn init_producer_id(&mut self, rq: &Rq<'_>) -> Result<(), Hangup> {
        let request: InitProducerIdRequest<'_> = rq.decode()?;
        let mut answer = InitProducerIdResponse {
            throttle_time_ms: self.throttle_ms(),
            producer_epoch: -1,
            ..InitProducerIdResponse::default()
        };
        let outcome = match (rq.forced, request.transactional_id) {
            (Some(code), _) => Err(code),
            (None, None) => Ok((self.new_producer_id(), 0)),
            (None, Some(_)) => Err(ErrorCode::COORDINATOR_NOT_AVAILABLE),
        };
        match outcome {
            Ok((id, epoch)) => (answer.producer_id, answer.producer_epoch) = (id, epoch),
            Err(code) => answer.error_code = code,
        }
        self.conns.reply(&rq.ticket, &answer);
        Ok(())
    }

    pub(crate) fn new_producer_id(&mut self) -> i64 {
        self.next_producer_id += 1;
        self.next_producer_id
    }
}
