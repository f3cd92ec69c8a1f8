//! Committed offsets of groups.

use crate::ErrorCode;
use crate::wire::{Array, Uuid};

wire! {
    /// Stores how far a group has read.
    pub struct OffsetCommitRequest<'a> {
        group_id:                      &'a str,
        generation_id_or_member_epoch: i32 = -1,
        member_id:                     &'a str,
        group_instance_id:             Option<&'a str> = null [7..],
        retention_time_ms:             i64 = -1               [2..=4],
        topics:                        Array<'a, OffsetCommitRequestTopic<'a>>,
    }

    /// An element of [`OffsetCommitRequest::topics`].
    pub struct OffsetCommitRequestTopic<'a> {
        name:       &'a str [0..=9],
        topic_id:   Uuid    [10..],
        partitions: Array<'a, OffsetCommitRequestPartition<'a>>,
    }

    /// An element of [`OffsetCommitRequestTopic::partitions`].
    pub struct OffsetCommitRequestPartition<'a> {
        partition_index:        i32,
        committed_offset:       i64,
        committed_leader_epoch: i32 = -1 [6..],
        committed_metadata:     Option<&'a str>,
    }
}

wire! {
    /// Whether each offset was stored.
    pub struct OffsetCommitResponse<'a> {
        throttle_time_ms: i32 [3..],
        topics:           Array<'a, OffsetCommitResponseTopic<'a>>,
    }

    /// An element of [`OffsetCommitResponse::topics`].
    pub struct OffsetCommitResponseTopic<'a> {
        name:       &'a str [0..=9],
        topic_id:   Uuid    [10..],
        partitions: Array<'a, OffsetCommitResponsePartition>,
    }

    /// An element of [`OffsetCommitResponseTopic::partitions`].
    pub struct OffsetCommitResponsePartition {
        partition_index: i32,
        error_code:      ErrorCode,
    }
}

wire! {
    /// Asks how far groups have read. One group up to version 7, several from version 8 on.
    pub struct OffsetFetchRequest<'a> {
        group_id:       &'a str                                        [0..=7],
        topics:         Option<Array<'a, OffsetFetchRequestTopic<'a>>> [0..=7, null 2..],
        groups:         Array<'a, OffsetFetchRequestGroup<'a>>         [8..],
        require_stable: bool                                           [7..],
    }

    /// An element of [`OffsetFetchRequest::topics`].
    pub struct OffsetFetchRequestTopic<'a> {
        name:              &'a str,
        partition_indexes: Array<'a, i32>,
    }

    /// An element of [`OffsetFetchRequest::groups`].
    pub struct OffsetFetchRequestGroup<'a> {
        group_id:     &'a str,
        member_id:    Option<&'a str> = null [9..],
        member_epoch: i32 = -1               [9..],
        topics:       Option<Array<'a, OffsetFetchRequestTopics<'a>>>,
    }

    /// An element of [`OffsetFetchRequestGroup::topics`].
    pub struct OffsetFetchRequestTopics<'a> {
        name:              &'a str [8..=9],
        topic_id:          Uuid    [10..],
        partition_indexes: Array<'a, i32>,
    }
}

wire! {
    /// The committed offsets; −1 where there is none.
    pub struct OffsetFetchResponse<'a> {
        throttle_time_ms: i32                                     [3..],
        topics:           Array<'a, OffsetFetchResponseTopic<'a>> [0..=7],
        error_code:       ErrorCode                               [2..=7],
        groups:           Array<'a, OffsetFetchResponseGroup<'a>> [8..],
    }

    /// An element of [`OffsetFetchResponse::topics`].
    pub struct OffsetFetchResponseTopic<'a> {
        name:       &'a str,
        partitions: Array<'a, OffsetFetchResponsePartition<'a>>,
    }

    /// An element of [`OffsetFetchResponseTopic::partitions`].
    pub struct OffsetFetchResponsePartition<'a> {
        partition_index:        i32,
        committed_offset:       i64,
        committed_leader_epoch: i32 = -1 [5..],
        metadata:               Option<&'a str>,
        error_code:             ErrorCode,
    }

    /// An element of [`OffsetFetchResponse::groups`].
    pub struct OffsetFetchResponseGroup<'a> {
        group_id:   &'a str,
        topics:     Array<'a, OffsetFetchResponseTopics<'a>>,
        error_code: ErrorCode,
    }

    /// An element of [`OffsetFetchResponseGroup::topics`].
    pub struct OffsetFetchResponseTopics<'a> {
        name:       &'a str [8..=9],
        topic_id:   Uuid    [10..],
        partitions: Array<'a, OffsetFetchResponsePartitions<'a>>,
    }

    /// An element of [`OffsetFetchResponseTopics::partitions`].
    pub struct OffsetFetchResponsePartitions<'a> {
        partition_index:        i32,
        committed_offset:       i64,
        committed_leader_epoch: i32 = -1,
        metadata:               Option<&'a str>,
        error_code:             ErrorCode,
    }
}

wire! {
    /// Deletes committed offsets of a group for topics that it no longer reads.
    pub struct OffsetDeleteRequest<'a> {
        group_id: &'a str,
        topics:   Array<'a, OffsetDeleteRequestTopic<'a>>,
    }

    /// An element of [`OffsetDeleteRequest::topics`].
    pub struct OffsetDeleteRequestTopic<'a> {
        name:       &'a str,
        partitions: Array<'a, OffsetDeleteRequestPartition>,
    }

    /// An element of [`OffsetDeleteRequestTopic::partitions`].
    pub struct OffsetDeleteRequestPartition {
        partition_index: i32,
    }
}

wire! {
    /// What came of each partition.
    pub struct OffsetDeleteResponse<'a> {
        error_code:       ErrorCode,
        throttle_time_ms: i32,
        topics:           Array<'a, OffsetDeleteResponseTopic<'a>>,
    }

    /// An element of [`OffsetDeleteResponse::topics`].
    pub struct OffsetDeleteResponseTopic<'a> {
        name:       &'a str,
        partitions: Array<'a, OffsetDeleteResponsePartition>,
    }

    /// An element of [`OffsetDeleteResponseTopic::partitions`].
    pub struct OffsetDeleteResponsePartition {
        partition_index: i32,
        error_code:      ErrorCode,
    }
}
