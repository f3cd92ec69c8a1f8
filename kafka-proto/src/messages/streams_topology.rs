//! What a Kafka Streams application tells the broker of its topology.

use super::common::TopologyDescription;
use crate::ErrorCode;

wire! {
    /// The request of StreamsGroupTopologyDescriptionUpdate.
    pub struct StreamsGroupTopologyDescriptionUpdateRequest<'a> {
        group_id:             &'a str,
        member_id:            &'a str,
        topology_epoch:       i32,
        topology_description: TopologyDescription<'a>,
    }
}

wire! {
    /// The response of StreamsGroupTopologyDescriptionUpdate.
    pub struct StreamsGroupTopologyDescriptionUpdateResponse<'a> {
        throttle_time_ms: i32,
        error_code:       ErrorCode,
        error_message:    Option<&'a str> = null,
    }
}
