//! Membership in share groups (KIP-932).

use crate::ErrorCode;
use crate::wire::{Array, Uuid};

wire! {
    /// Joins, stays in or leaves a share group.
    pub struct ShareGroupHeartbeatRequest<'a> {
        group_id:               &'a str,
        member_id:              &'a str,
        member_epoch:           i32,
        rack_id:                Option<&'a str> = null,
        subscribed_topic_names: Option<Array<'a, &'a str>> = null,
    }
}

wire! {
    /// The member's epoch and, when it changed, its assignment.
    pub struct ShareGroupHeartbeatResponse<'a> {
        throttle_time_ms:      i32,
        error_code:            ErrorCode,
        error_message:         Option<&'a str> = null,
        member_id:             Option<&'a str> = null,
        member_epoch:          i32,
        heartbeat_interval_ms: i32,
        assignment:            Option<ShareGroupHeartbeatAssignment<'a>> = null,
    }

    /// What [`ShareGroupHeartbeatResponse::assignment`] holds.
    pub struct ShareGroupHeartbeatAssignment<'a> {
        topic_partitions: Array<'a, ShareGroupHeartbeatTopicPartitions<'a>>,
    }

    /// An element of [`ShareGroupHeartbeatAssignment::topic_partitions`].
    pub struct ShareGroupHeartbeatTopicPartitions<'a> {
        topic_id:   Uuid,
        partitions: Array<'a, i32>,
    }
}

wire! {
    /// Asks for the state and members of share groups.
    pub struct ShareGroupDescribeRequest<'a> {
        group_ids:                     Array<'a, &'a str>,
        include_authorized_operations: bool,
    }
}

wire! {
    /// State, members and assignments of each group.
    pub struct ShareGroupDescribeResponse<'a> {
        throttle_time_ms: i32,
        groups:           Array<'a, ShareGroupDescribeDescribedGroup<'a>>,
    }

    /// An element of [`ShareGroupDescribeResponse::groups`].
    pub struct ShareGroupDescribeDescribedGroup<'a> {
        error_code:            ErrorCode,
        error_message:         Option<&'a str> = null,
        group_id:              &'a str,
        group_state:           &'a str,
        group_epoch:           i32,
        assignment_epoch:      i32,
        assignor_name:         &'a str,
        members:               Array<'a, ShareGroupDescribeMember<'a>>,
        authorized_operations: i32 = -2147483648,
    }

    /// An element of [`ShareGroupDescribeDescribedGroup::members`].
    pub struct ShareGroupDescribeMember<'a> {
        member_id:              &'a str,
        rack_id:                Option<&'a str> = null,
        member_epoch:           i32,
        client_id:              &'a str,
        client_host:            &'a str,
        subscribed_topic_names: Array<'a, &'a str>,
        assignment:             ShareGroupDescribeAssignment<'a>,
    }

    /// What [`ShareGroupDescribeMember::assignment`] holds.
    pub struct ShareGroupDescribeAssignment<'a> {
        topic_partitions: Array<'a, ShareGroupDescribeTopicPartitions<'a>>,
    }

    /// An element of [`ShareGroupDescribeAssignment::topic_partitions`].
    pub struct ShareGroupDescribeTopicPartitions<'a> {
        topic_id:   Uuid,
        topic_name: &'a str,
        partitions: Array<'a, i32>,
    }
}
