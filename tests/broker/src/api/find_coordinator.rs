//! FindCoordinator: the node that looks after a group or a transactional id.

use kafka_proto::ErrorCode;
use kafka_proto::messages::{Coordinator, FindCoordinatorRequest, FindCoordinatorResponse};
use kafka_proto::wire::Array;

use crate::cluster::{Cluster, Node};
use crate::conn::encode;
use crate::request::{Hangup, Rq};

/// Partitions of the internal topics that Kafka spreads its coordinators over.
const COORDINATOR_PARTITIONS: u32 = 50;

impl Cluster {
    pub(crate) fn find_coordinator(&mut self, rq: &Rq<'_>) -> Result<(), Hangup> {
        let request: FindCoordinatorRequest<'_> = rq.decode()?;
        let found = |key: &str| -> Result<&Node, ErrorCode> {
            if let Some(code) = rq.forced {
                return Err(code);
            }
            if !(0..=1).contains(&request.key_type) {
                return Err(ErrorCode::INVALID_REQUEST);
            }
            self.coordinator_of(key).ok_or(ErrorCode::COORDINATOR_NOT_AVAILABLE)
        };
        let rows: Vec<Coordinator<'_>> = request
            .coordinator_keys
            .iter()
            .map(|key| match found(key) {
                Ok(node) => Coordinator {
                    key,
                    node_id: node.id,
                    host: &node.host,
                    port: node.port,
                    ..Coordinator::default()
                },
                Err(error_code) => {
                    Coordinator { key, node_id: -1, port: -1, error_code, ..Coordinator::default() }
                }
            })
            .collect();
        let mut answer = FindCoordinatorResponse {
            throttle_time_ms: self.throttle_ms(),
            error_message: None,
            coordinators: Array::slice(&rows),
            ..FindCoordinatorResponse::default()
        };
        if rq.version < 4 {
            match found(request.key) {
                Ok(node) => {
                    (answer.node_id, answer.host, answer.port) = (node.id, &node.host, node.port);
                }
                Err(code) => (answer.error_code, answer.node_id, answer.port) = (code, -1, -1),
            }
        }
        let frame = encode(&rq.ticket, &answer, Vec::new());
        self.conns.send(&rq.ticket, frame);
        Ok(())
    }

    /// The coordinator of a group or transactional id: it moves when its node dies, and back when it returns.
    pub(crate) fn coordinator_of(&self, key: &str) -> Option<&Node> {
        let partition = (java_hash(key) & 0x7fff_ffff) % COORDINATOR_PARTITIONS;
        let n = self.nodes.len();
        let partition = partition as usize + self.faults.coordinators_shift;
        (0..n).filter_map(|i| self.nodes.get((partition + i) % n)).find(|node| node.alive)
    }

    /// Whether this node may answer for `key` now.
    pub(crate) fn check_coordinator(&self, key: &str, node: i32) -> Result<(), ErrorCode> {
        if self.coordinator_of(key).is_none_or(|c| c.id != node) {
            Err(ErrorCode::NOT_COORDINATOR)
        } else if self.now < self.faults.coordinators_loading_until {
            Err(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS)
        } else {
            Ok(())
        }
    }
}

/// `String.hashCode` of Java.
fn java_hash(text: &str) -> u32 {
    text.encode_utf16().fold(0, |hash: u32, unit| hash.wrapping_mul(31).wrapping_add(u32::from(unit)))
}
