//! What a Kafka Streams application tells the broker of its topology.

use super::common::TopologyDescription;
use crate::ErrorCode;

wire! {
    /// Hands in the full description of an application's topology, for tools to show.
    pub struct StreamsGroupTopologyDescriptionUpdateRequest<'a> {
        group_id:             &'a str,
        member_id:            &'a str,
        topology_epoch:       i32,
        topology_description: TopologyDescription<'a>,
    }
}

wire! {
    /// Whether it was taken.
    pub struct StreamsGroupTopologyDescriptionUpdateResponse<'a> {
        throttle_time_ms: i32,
        error_code:       ErrorCode,
        error_message:    Option<&'a str> = null,
    }
}
