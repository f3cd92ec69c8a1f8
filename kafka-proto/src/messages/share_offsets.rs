//! Where share groups begin to read.

use crate::ErrorCode;
use crate::wire::{Array, Uuid};

wire! {
    /// Asks where share groups start in each partition.
    pub struct DescribeShareGroupOffsetsRequest<'a> {
        groups: Array<'a, DescribeShareGroupOffsetsRequestGroup<'a>>,
    }

    /// An element of [`DescribeShareGroupOffsetsRequest::groups`].
    pub struct DescribeShareGroupOffsetsRequestGroup<'a> {
        group_id: &'a str,
        topics:   Option<Array<'a, DescribeShareGroupOffsetsRequestTopic<'a>>>,
    }

    /// An element of [`DescribeShareGroupOffsetsRequestGroup::topics`].
    pub struct DescribeShareGroupOffsetsRequestTopic<'a> {
        topic_name: &'a str,
        partitions: Array<'a, i32>,
    }
}

wire! {
    /// The start offsets.
    pub struct DescribeShareGroupOffsetsResponse<'a> {
        throttle_time_ms: i32,
        groups:           Array<'a, DescribeShareGroupOffsetsResponseGroup<'a>>,
    }

    /// An element of [`DescribeShareGroupOffsetsResponse::groups`].
    pub struct DescribeShareGroupOffsetsResponseGroup<'a> {
        group_id:      &'a str,
        topics:        Array<'a, DescribeShareGroupOffsetsResponseTopic<'a>>,
        error_code:    ErrorCode,
        error_message: Option<&'a str> = null,
    }

    /// An element of [`DescribeShareGroupOffsetsResponseGroup::topics`].
    pub struct DescribeShareGroupOffsetsResponseTopic<'a> {
        topic_name: &'a str,
        topic_id:   Uuid,
        partitions: Array<'a, DescribeShareGroupOffsetsResponsePartition<'a>>,
    }

    /// An element of [`DescribeShareGroupOffsetsResponseTopic::partitions`].
    pub struct DescribeShareGroupOffsetsResponsePartition<'a> {
        partition_index: i32,
        start_offset:    i64,
        leader_epoch:    i32,
        lag:             i64 = -1 [1..],
        error_code:      ErrorCode,
        error_message:   Option<&'a str> = null,
    }
}

wire! {
    /// Moves the start of a share group that has no members.
    pub struct AlterShareGroupOffsetsRequest<'a> {
        group_id: &'a str,
        topics:   Array<'a, AlterShareGroupOffsetsRequestTopic<'a>>,
    }

    /// An element of [`AlterShareGroupOffsetsRequest::topics`].
    pub struct AlterShareGroupOffsetsRequestTopic<'a> {
        topic_name: &'a str,
        partitions: Array<'a, AlterShareGroupOffsetsRequestPartition>,
    }

    /// An element of [`AlterShareGroupOffsetsRequestTopic::partitions`].
    pub struct AlterShareGroupOffsetsRequestPartition {
        partition_index: i32,
        start_offset:    i64,
    }
}

wire! {
    /// What came of each partition.
    pub struct AlterShareGroupOffsetsResponse<'a> {
        throttle_time_ms: i32,
        error_code:       ErrorCode,
        error_message:    Option<&'a str> = null,
        responses:        Array<'a, AlterShareGroupOffsetsResponseTopic<'a>>,
    }

    /// An element of [`AlterShareGroupOffsetsResponse::responses`].
    pub struct AlterShareGroupOffsetsResponseTopic<'a> {
        topic_name: &'a str,
        topic_id:   Uuid,
        partitions: Array<'a, AlterShareGroupOffsetsResponsePartition<'a>>,
    }

    /// An element of [`AlterShareGroupOffsetsResponseTopic::partitions`].
    pub struct AlterShareGroupOffsetsResponsePartition<'a> {
        partition_index: i32,
        error_code:      ErrorCode,
        error_message:   Option<&'a str> = null,
    }
}

wire! {
    /// Deletes the state of topics in a share group.
    pub struct DeleteShareGroupOffsetsRequest<'a> {
        group_id: &'a str,
        topics:   Array<'a, DeleteShareGroupOffsetsRequestTopic<'a>>,
    }

    /// An element of [`DeleteShareGroupOffsetsRequest::topics`].
    pub struct DeleteShareGroupOffsetsRequestTopic<'a> {
        topic_name: &'a str,
    }
}

wire! {
    /// What came of each topic.
    pub struct DeleteShareGroupOffsetsResponse<'a> {
        throttle_time_ms: i32,
        error_code:       ErrorCode,
        error_message:    Option<&'a str> = null,
        responses:        Array<'a, DeleteShareGroupOffsetsResponseTopic<'a>>,
    }

    /// An element of [`DeleteShareGroupOffsetsResponse::responses`].
    pub struct DeleteShareGroupOffsetsResponseTopic<'a> {
        topic_name:    &'a str,
        topic_id:      Uuid,
        error_code:    ErrorCode,
        error_message: Option<&'a str> = null,
    }
}
