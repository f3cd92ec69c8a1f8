//! Consumer groups whose assignment the broker makes (KIP-848).

use crate::ErrorCode;
use crate::wire::{Array, Uuid};

wire! {
    /// Joins, stays in or leaves a consumer group whose assignment the broker makes. A field that has not
    /// changed since the last heartbeat is null.
    pub struct ConsumerGroupHeartbeatRequest<'a> {
        group_id:               &'a str,
        member_id:              &'a str,
        member_epoch:           i32,
        instance_id:            Option<&'a str> = null,
        rack_id:                Option<&'a str> = null,
        rebalance_timeout_ms:   i32 = -1,
        subscribed_topic_names: Option<Array<'a, &'a str>> = null,
        subscribed_topic_regex: Option<&'a str> = null [1..],
        server_assignor:        Option<&'a str> = null,
        topic_partitions:       Option<Array<'a, ConsumerGroupHeartbeatTopicPartitions<'a>>> = null,
    }

    /// Used in [`ConsumerGroupHeartbeatRequest::topic_partitions`] and
    /// [`ConsumerGroupHeartbeatAssignment::topic_partitions`].
    pub struct ConsumerGroupHeartbeatTopicPartitions<'a> {
        topic_id:   Uuid,
        partitions: Array<'a, i32>,
    }
}

wire! {
    /// The member's epoch and, when it changed, its assignment.
    pub struct ConsumerGroupHeartbeatResponse<'a> {
        throttle_time_ms:      i32,
        error_code:            ErrorCode,
        error_message:         Option<&'a str> = null,
        member_id:             Option<&'a str> = null,
        member_epoch:          i32,
        heartbeat_interval_ms: i32,
        assignment:            Option<ConsumerGroupHeartbeatAssignment<'a>> = null,
    }

    /// What [`ConsumerGroupHeartbeatResponse::assignment`] holds.
    pub struct ConsumerGroupHeartbeatAssignment<'a> {
        topic_partitions: Array<'a, ConsumerGroupHeartbeatTopicPartitions<'a>>,
    }
}

wire! {
    /// Asks for the state and members of consumer groups.
    pub struct ConsumerGroupDescribeRequest<'a> {
        group_ids:                     Array<'a, &'a str>,
        include_authorized_operations: bool,
    }
}

wire! {
    /// State, epochs, members and assignments of each group.
    pub struct ConsumerGroupDescribeResponse<'a> {
        throttle_time_ms: i32,
        groups:           Array<'a, ConsumerGroupDescribeDescribedGroup<'a>>,
    }

    /// An element of [`ConsumerGroupDescribeResponse::groups`].
    pub struct ConsumerGroupDescribeDescribedGroup<'a> {
        error_code:            ErrorCode,
        error_message:         Option<&'a str> = null,
        group_id:              &'a str,
        group_state:           &'a str,
        group_epoch:           i32,
        assignment_epoch:      i32,
        assignor_name:         &'a str,
        members:               Array<'a, ConsumerGroupDescribeMember<'a>>,
        authorized_operations: i32 = -2147483648,
    }

    /// An element of [`ConsumerGroupDescribeDescribedGroup::members`].
    pub struct ConsumerGroupDescribeMember<'a> {
        member_id:              &'a str,
        instance_id:            Option<&'a str> = null,
        rack_id:                Option<&'a str> = null,
        member_epoch:           i32,
        client_id:              &'a str,
        client_host:            &'a str,
        subscribed_topic_names: Array<'a, &'a str>,
        subscribed_topic_regex: Option<&'a str> = null,
        assignment:             ConsumerGroupDescribeAssignment<'a>,
        target_assignment:      ConsumerGroupDescribeAssignment<'a>,
        member_type:            i8 = -1 [1..],
    }

    /// Used in [`ConsumerGroupDescribeMember::assignment`] and
    /// [`ConsumerGroupDescribeMember::target_assignment`].
    pub struct ConsumerGroupDescribeAssignment<'a> {
        topic_partitions: Array<'a, ConsumerGroupDescribeTopicPartitions<'a>>,
    }

    /// An element of [`ConsumerGroupDescribeAssignment::topic_partitions`].
    pub struct ConsumerGroupDescribeTopicPartitions<'a> {
        topic_id:   Uuid,
        topic_name: &'a str,
        partitions: Array<'a, i32>,
    }
}
