//! Reading records: Fetch, and the requests that find an offset to start from.

use super::common::{LeaderIdAndEpoch, NodeEndpoint};
use crate::ErrorCode;
use crate::wire::{Array, Records, Uuid};

wire! {
    /// The request of Fetch.
    pub struct FetchRequest<'a> {
        replica_id:            i32 = -1                           [0..=14],
        max_wait_ms:           i32,
        min_bytes:             i32,
        max_bytes:             i32 = 2147483647,
        isolation_level:       i8,
        session_id:            i32                                [7..],
        session_epoch:         i32 = -1                           [7..],
        topics:                Array<'a, FetchTopic<'a>>,
        forgotten_topics_data: Array<'a, FetchForgottenTopic<'a>> [7..],
        rack_id:               &'a str                            [11..],
    } tagged {
        0 => cluster_id:    Option<&'a str> = null [12..],
        1 => replica_state: FetchReplicaState      [15..],
    }

    /// An element of [`FetchRequest::topics`].
    pub struct FetchTopic<'a> {
        topic:      &'a str [0..=12],
        topic_id:   Uuid    [13..],
        partitions: Array<'a, FetchPartition>,
    }

    /// An element of [`FetchTopic::partitions`].
    pub struct FetchPartition {
        partition:            i32,
        current_leader_epoch: i32 = -1 [9..],
        fetch_offset:         i64,
        last_fetched_epoch:   i32 = -1 [12..],
        log_start_offset:     i64 = -1 [5..],
        partition_max_bytes:  i32,
    } tagged {
        0 => replica_directory_id: Uuid                      [17..],
        1 => high_watermark:       i64 = 9223372036854775807 [18..],
    }

    /// An element of [`FetchRequest::forgotten_topics_data`].
    pub struct FetchForgottenTopic<'a> {
        topic:      &'a str [7..=12],
        topic_id:   Uuid    [13..],
        partitions: Array<'a, i32>,
    }

    /// What [`FetchRequest::replica_state`] holds.
    pub struct FetchReplicaState {
        replica_id:    i32 = -1,
        replica_epoch: i64 = -1,
    }
}

wire! {
    /// The response of Fetch.
    pub struct FetchResponse<'a> {
        throttle_time_ms: i32,
        error_code:       ErrorCode [7..],
        session_id:       i32       [7..],
        responses:        Array<'a, FetchableTopicResponse<'a>>,
    } tagged {
        0 => node_endpoints: Array<'a, NodeEndpoint<'a>> [16..],
    }

    /// An element of [`FetchResponse::responses`].
    pub struct FetchableTopicResponse<'a> {
        topic:      &'a str [0..=12],
        topic_id:   Uuid    [13..],
        partitions: Array<'a, FetchPartitionData<'a>>,
    }

    /// An element of [`FetchableTopicResponse::partitions`].
    pub struct FetchPartitionData<'a> {
        partition_index:        i32,
        error_code:             ErrorCode,
        high_watermark:         i64,
        last_stable_offset:     i64 = -1,
        log_start_offset:       i64 = -1 [5..],
        aborted_transactions:   Option<Array<'a, AbortedTransaction>>,
        preferred_read_replica: i32 = -1 [11..],
        records:                Records<'a>,
    } tagged {
        0 => diverging_epoch: FetchEpochEndOffset [12..],
        1 => current_leader:  LeaderIdAndEpoch    [12..],
        2 => snapshot_id:     SnapshotId          [12..],
    }

    /// An element of [`FetchPartitionData::aborted_transactions`].
    pub struct AbortedTransaction {
        producer_id:  i64,
        first_offset: i64,
    }

    /// What [`FetchPartitionData::diverging_epoch`] holds.
    pub struct FetchEpochEndOffset {
        epoch:      i32 = -1,
        end_offset: i64 = -1,
    }

    /// What [`FetchPartitionData::snapshot_id`] holds.
    pub struct SnapshotId {
        end_offset: i64 = -1,
        epoch:      i32 = -1,
    }
}

wire! {
    /// The request of ListOffsets.
    pub struct ListOffsetsRequest<'a> {
        replica_id:      i32,
        isolation_level: i8  [2..],
        topics:          Array<'a, ListOffsetsTopic<'a>>,
        timeout_ms:      i32 [10..],
    }

    /// An element of [`ListOffsetsRequest::topics`].
    pub struct ListOffsetsTopic<'a> {
        name:       &'a str,
        partitions: Array<'a, ListOffsetsPartition>,
    }

    /// An element of [`ListOffsetsTopic::partitions`].
    pub struct ListOffsetsPartition {
        partition_index:      i32,
        current_leader_epoch: i32 = -1 [4..],
        timestamp:            i64,
    }
}

wire! {
    /// The response of ListOffsets.
    pub struct ListOffsetsResponse<'a> {
        throttle_time_ms: i32 [2..],
        topics:           Array<'a, ListOffsetsTopicResponse<'a>>,
    }

    /// An element of [`ListOffsetsResponse::topics`].
    pub struct ListOffsetsTopicResponse<'a> {
        name:       &'a str,
        partitions: Array<'a, ListOffsetsPartitionResponse>,
    }

    /// An element of [`ListOffsetsTopicResponse::partitions`].
    pub struct ListOffsetsPartitionResponse {
        partition_index: i32,
        error_code:      ErrorCode,
        timestamp:       i64 = -1,
        offset:          i64 = -1,
        leader_epoch:    i32 = -1 [4..],
    }
}

wire! {
    /// The request of OffsetForLeaderEpoch.
    pub struct OffsetForLeaderEpochRequest<'a> {
        replica_id: i32 = -2 [3..],
        topics:     Array<'a, OffsetForLeaderTopic<'a>>,
    }

    /// An element of [`OffsetForLeaderEpochRequest::topics`].
    pub struct OffsetForLeaderTopic<'a> {
        topic:      &'a str,
        partitions: Array<'a, OffsetForLeaderPartition>,
    }

    /// An element of [`OffsetForLeaderTopic::partitions`].
    pub struct OffsetForLeaderPartition {
        partition:            i32,
        current_leader_epoch: i32 = -1,
        leader_epoch:         i32,
    }
}

wire! {
    /// The response of OffsetForLeaderEpoch.
    pub struct OffsetForLeaderEpochResponse<'a> {
        throttle_time_ms: i32,
        topics:           Array<'a, OffsetForLeaderTopicResult<'a>>,
    }

    /// An element of [`OffsetForLeaderEpochResponse::topics`].
    pub struct OffsetForLeaderTopicResult<'a> {
        topic:      &'a str,
        partitions: Array<'a, OffsetForLeaderEpochEndOffset>,
    }

    /// An element of [`OffsetForLeaderTopicResult::partitions`].
    pub struct OffsetForLeaderEpochEndOffset {
        error_code:   ErrorCode,
        partition:    i32,
        leader_epoch: i32 = -1,
        end_offset:   i64 = -1,
    }
}
