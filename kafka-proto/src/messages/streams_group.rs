//! Membership in groups of Kafka Streams applications (KIP-1071).

use super::common::{KeyValue, TaskIds, TaskOffset, TopicInfo, TopicPartition};
use crate::ErrorCode;
use crate::wire::Array;

wire! {
    /// Joins, stays in or leaves the group of a Kafka Streams application. A field that has not changed since
    /// the last heartbeat is null.
    pub struct StreamsGroupHeartbeatRequest<'a> {
        group_id:                   &'a str,
        member_id:                  &'a str,
        member_epoch:               i32,
        endpoint_information_epoch: i32,
        instance_id:                Option<&'a str> = null,
        rack_id:                    Option<&'a str> = null,
        rebalance_timeout_ms:       i32 = -1,
        topology:                   Option<StreamsGroupHeartbeatTopology<'a>> = null,
        active_tasks:               Option<Array<'a, TaskIds<'a>>> = null,
        standby_tasks:              Option<Array<'a, TaskIds<'a>>> = null,
        warmup_tasks:               Option<Array<'a, TaskIds<'a>>> = null,
        process_id:                 Option<&'a str> = null,
        user_endpoint:              Option<StreamsGroupHeartbeatEndpoint<'a>> = null,
        client_tags:                Option<Array<'a, KeyValue<'a>>> = null,
        task_offsets:               Option<Array<'a, TaskOffset<'a>>> = null,
        task_end_offsets:           Option<Array<'a, TaskOffset<'a>>> = null,
        shutdown_application:       bool,
    }

    /// What [`StreamsGroupHeartbeatRequest::topology`] holds.
    pub struct StreamsGroupHeartbeatTopology<'a> {
        epoch:         i32,
        subtopologies: Array<'a, StreamsGroupHeartbeatSubtopology<'a>>,
    }

    /// An element of [`StreamsGroupHeartbeatTopology::subtopologies`].
    pub struct StreamsGroupHeartbeatSubtopology<'a> {
        subtopology_id:            &'a str,
        source_topics:             Array<'a, &'a str>,
        source_topic_regex:        Array<'a, &'a str>,
        state_changelog_topics:    Array<'a, TopicInfo<'a>>,
        repartition_sink_topics:   Array<'a, &'a str>,
        repartition_source_topics: Array<'a, TopicInfo<'a>>,
        copartition_groups:        Array<'a, CopartitionGroup<'a>>,
    }

    /// An element of [`StreamsGroupHeartbeatSubtopology::copartition_groups`].
    pub struct CopartitionGroup<'a> {
        source_topics:             Array<'a, i16>,
        source_topic_regex:        Array<'a, i16>,
        repartition_source_topics: Array<'a, i16>,
    }

    /// Used in [`StreamsGroupHeartbeatRequest::user_endpoint`] and [`EndpointToPartitions::user_endpoint`].
    pub struct StreamsGroupHeartbeatEndpoint<'a> {
        host: &'a str,
        port: u16,
    }
}

wire! {
    /// The member's epoch and, when they changed, its tasks and the group's endpoints.
    pub struct StreamsGroupHeartbeatResponse<'a> {
        throttle_time_ms:               i32,
        error_code:                     ErrorCode,
        error_message:                  Option<&'a str> = null,
        member_id:                      &'a str,
        member_epoch:                   i32,
        heartbeat_interval_ms:          i32,
        acceptable_recovery_lag_legacy: i32      [0..=0],
        task_offset_interval_ms:        i32,
        acceptable_recovery_lag:        i64 = -1 [1..],
        status:                         Option<Array<'a, Status<'a>>>,
        active_tasks:                   Option<Array<'a, TaskIds<'a>>> = null,
        standby_tasks:                  Option<Array<'a, TaskIds<'a>>> = null,
        warmup_tasks:                   Option<Array<'a, TaskIds<'a>>> = null,
        topology_description_required:  bool     [1..],
        endpoint_information_epoch:     i32,
        partitions_by_user_endpoint:    Option<Array<'a, EndpointToPartitions<'a>>> = null,
    }

    /// An element of [`StreamsGroupHeartbeatResponse::status`].
    pub struct Status<'a> {
        status_code:   i8,
        status_detail: &'a str,
    }

    /// An element of [`StreamsGroupHeartbeatResponse::partitions_by_user_endpoint`].
    pub struct EndpointToPartitions<'a> {
        user_endpoint:      StreamsGroupHeartbeatEndpoint<'a>,
        active_partitions:  Array<'a, TopicPartition<'a>>,
        standby_partitions: Array<'a, TopicPartition<'a>>,
    }
}
