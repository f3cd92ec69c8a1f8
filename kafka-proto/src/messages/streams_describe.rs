//! Looking at groups of Kafka Streams applications (KIP-1071).

use super::common::{KeyValue, TaskIds, TaskOffset, TopicInfo, TopologyDescription};
use crate::ErrorCode;
use crate::wire::Array;

wire! {
    /// Asks for the state, topology and members of Streams groups.
    pub struct StreamsGroupDescribeRequest<'a> {
        group_ids:                     Array<'a, &'a str>,
        include_authorized_operations: bool,
        include_topology_description:  bool [1..],
    }
}

wire! {
    /// State, topology, members and tasks of each group.
    pub struct StreamsGroupDescribeResponse<'a> {
        throttle_time_ms: i32,
        groups:           Array<'a, StreamsGroupDescribeDescribedGroup<'a>>,
    }

    /// An element of [`StreamsGroupDescribeResponse::groups`].
    pub struct StreamsGroupDescribeDescribedGroup<'a> {
        error_code:                  ErrorCode,
        error_message:               Option<&'a str> = null,
        group_id:                    &'a str,
        group_state:                 &'a str,
        group_epoch:                 i32,
        assignment_epoch:            i32,
        topology:                    Option<StreamsGroupDescribeTopology<'a>> = null,
        members:                     Array<'a, StreamsGroupDescribeMember<'a>>,
        authorized_operations:       i32 = -2147483648,
        topology_description:        Option<TopologyDescription<'a>> = null [1..],
        topology_description_status: i8                                     [1..],
        assignor_name:               Option<&'a str> = null                 [1..],
    }

    /// What [`StreamsGroupDescribeDescribedGroup::topology`] holds.
    pub struct StreamsGroupDescribeTopology<'a> {
        epoch:         i32,
        subtopologies: Option<Array<'a, StreamsGroupDescribeSubtopology<'a>>> = null,
    }

    /// An element of [`StreamsGroupDescribeTopology::subtopologies`].
    pub struct StreamsGroupDescribeSubtopology<'a> {
        subtopology_id:            &'a str,
        source_topics:             Array<'a, &'a str>,
        repartition_sink_topics:   Array<'a, &'a str>,
        state_changelog_topics:    Array<'a, TopicInfo<'a>>,
        repartition_source_topics: Array<'a, TopicInfo<'a>>,
    }

    /// An element of [`StreamsGroupDescribeDescribedGroup::members`].
    pub struct StreamsGroupDescribeMember<'a> {
        member_id:         &'a str,
        member_epoch:      i32,
        instance_id:       Option<&'a str> = null,
        rack_id:           Option<&'a str> = null,
        client_id:         &'a str,
        client_host:       &'a str,
        topology_epoch:    i32,
        process_id:        &'a str,
        user_endpoint:     Option<StreamsGroupDescribeEndpoint<'a>> = null,
        client_tags:       Array<'a, KeyValue<'a>>,
        task_offsets:      Array<'a, TaskOffset<'a>>,
        task_end_offsets:  Array<'a, TaskOffset<'a>>,
        assignment:        StreamsGroupDescribeAssignment<'a>,
        target_assignment: StreamsGroupDescribeAssignment<'a>,
        is_classic:        bool,
    }

    /// What [`StreamsGroupDescribeMember::user_endpoint`] holds.
    pub struct StreamsGroupDescribeEndpoint<'a> {
        host: &'a str,
        port: u16,
    }

    /// Used in [`StreamsGroupDescribeMember::assignment`] and
    /// [`StreamsGroupDescribeMember::target_assignment`].
    pub struct StreamsGroupDescribeAssignment<'a> {
        active_tasks:  Array<'a, TaskIds<'a>>,
        standby_tasks: Array<'a, TaskIds<'a>>,
        warmup_tasks:  Array<'a, TaskIds<'a>>,
    }
}
