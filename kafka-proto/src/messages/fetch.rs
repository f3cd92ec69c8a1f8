//! Reading records: Fetch, and the requests that find an offset to start from.

use super::common::{LeaderIdAndEpoch, NodeEndpoint};
use crate::ErrorCode;
use crate::wire::{Array, Records, Uuid};

wire! {
    /// Asks for record batches from an offset on, partition by partition. A session (KIP-227) lets later
    /// requests name only what changed.
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

    /// The partitions of one topic: by name up to version 12, by id from 13 on.
    pub struct FetchTopic<'a> {
        topic:      &'a str [0..=12],
        topic_id:   Uuid    [13..],
        partitions: Array<'a, FetchPartition>,
    }

    /// Where to go on in one partition, and how many bytes to send at most.
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

    /// Partitions that leave the fetch session.
    pub struct FetchForgottenTopic<'a> {
        topic:      &'a str [7..=12],
        topic_id:   Uuid    [13..],
        partitions: Array<'a, i32>,
    }

    /// Which follower asks; a client does not set it.
    pub struct FetchReplicaState {
        replica_id:    i32 = -1,
        replica_epoch: i64 = -1,
    }
}

wire! {
    /// Record batches as they lie in the log: the first may begin before the offset that was asked for, the
    /// last may be cut off.
    pub struct FetchResponse<'a> {
        throttle_time_ms: i32,
        error_code:       ErrorCode [7..],
        session_id:       i32       [7..],
        responses:        Array<'a, FetchableTopicResponse<'a>>,
    } tagged {
        0 => node_endpoints: Array<'a, NodeEndpoint<'a>> [16..],
    }

    /// The records of one topic.
    pub struct FetchableTopicResponse<'a> {
        topic:      &'a str [0..=12],
        topic_id:   Uuid    [13..],
        partitions: Array<'a, FetchPartitionData<'a>>,
    }

    /// The records of one partition, and the offsets around them.
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

    /// A transaction whose records are to be skipped: from `first_offset` on, until the producer's abort
    /// marker.
    pub struct AbortedTransaction {
        producer_id:  i64,
        first_offset: i64,
    }

    /// Where the reader's log and the leader's part ways.
    pub struct FetchEpochEndOffset {
        epoch:      i32 = -1,
        end_offset: i64 = -1,
    }

    /// The snapshot to fetch instead, where a follower asks for what is gone.
    pub struct SnapshotId {
        end_offset: i64 = -1,
        epoch:      i32 = -1,
    }
}

wire! {
    /// Asks which offset belongs to a timestamp, or to a special place: −1 the end, −2 the start, −3 the
    /// largest timestamp.
    pub struct ListOffsetsRequest<'a> {
        replica_id:      i32,
        isolation_level: i8  [2..],
        topics:          Array<'a, ListOffsetsTopic<'a>>,
        timeout_ms:      i32 [10..],
    }

    /// The partitions asked about in one topic.
    pub struct ListOffsetsTopic<'a> {
        name:       &'a str,
        partitions: Array<'a, ListOffsetsPartition>,
    }

    /// The timestamp asked about, in ms, or −1 and below for a special place.
    pub struct ListOffsetsPartition {
        partition_index:      i32,
        current_leader_epoch: i32 = -1 [4..],
        timestamp:            i64,
    }
}

wire! {
    /// The offsets found.
    pub struct ListOffsetsResponse<'a> {
        throttle_time_ms: i32 [2..],
        topics:           Array<'a, ListOffsetsTopicResponse<'a>>,
    }

    /// The offsets found in one topic.
    pub struct ListOffsetsTopicResponse<'a> {
        name:       &'a str,
        partitions: Array<'a, ListOffsetsPartitionResponse>,
    }

    /// The offset found in one partition; −1 where there is none.
    pub struct ListOffsetsPartitionResponse {
        partition_index: i32,
        error_code:      ErrorCode,
        timestamp:       i64 = -1,
        offset:          i64 = -1,
        leader_epoch:    i32 = -1 [4..],
    }
}

wire! {
    /// Asks where leader epochs ended, to find out whether a log was truncated behind the reader's back
    /// (KIP-320).
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
    /// The end of each epoch.
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
