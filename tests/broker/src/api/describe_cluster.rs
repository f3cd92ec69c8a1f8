//! DescribeCluster (KIP-700).

use kafka_proto::ErrorCode;
use kafka_proto::messages::{DescribeClusterBroker, DescribeClusterRequest, DescribeClusterResponse};
use kafka_proto::wire::Array;

use crate::cluster::Cluster;
use crate::request::{Hangup, Rq};

/// `EndpointType`: brokers.
const BROKERS: i8 = 1;

impl Cluster {
    pub(crate) fn describe_cluster(&mut self, rq: &Rq<'_>) -> Result<(), Hangup> {
        let request: DescribeClusterRequest = rq.decode()?;
        let brokers: Vec<DescribeClusterBroker<'_>> = self
            .nodes
            .iter()
            .filter(|n| n.alive)
            .map(|n| DescribeClusterBroker {
                broker_id: n.id,
                host: &n.host,
                port: n.port,
                rack: n.rack.as_deref(),
                ..DescribeClusterBroker::default()
            })
            .collect();
        let mut answer = DescribeClusterResponse {
            throttle_time_ms: self.throttle_ms(),
            error_code: rq.forced.unwrap_or(ErrorCode::NONE),
            cluster_id: &self.cluster_id,
            controller_id: self.controller(),
            brokers: Array::slice(&brokers),
            ..DescribeClusterResponse::default()
        };
        if rq.version >= 1 && request.endpoint_type != BROKERS {
            answer = DescribeClusterResponse {
                error_code: ErrorCode::MISMATCHED_ENDPOINT_TYPE,
                ..DescribeClusterResponse::default()
            };
        }
        self.conns.reply(&rq.ticket, &answer);
        Ok(())
    }
}
