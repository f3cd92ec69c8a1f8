//! The directories in which brokers keep replicas.

use crate::ErrorCode;
use crate::wire::Array;

wire! {
    /// Moves replicas to other directories of the same broker.
    pub struct AlterReplicaLogDirsRequest<'a> {
        dirs: Array<'a, AlterReplicaLogDir<'a>>,
    }

    /// An element of [`AlterReplicaLogDirsRequest::dirs`].
    pub struct AlterReplicaLogDir<'a> {
        path:   &'a str,
        topics: Array<'a, AlterReplicaLogDirTopic<'a>>,
    }

    /// An element of [`AlterReplicaLogDir::topics`].
    pub struct AlterReplicaLogDirTopic<'a> {
        name:       &'a str,
        partitions: Array<'a, i32>,
    }
}

wire! {
    /// What came of each replica.
    pub struct AlterReplicaLogDirsResponse<'a> {
        throttle_time_ms: i32,
        results:          Array<'a, AlterReplicaLogDirTopicResult<'a>>,
    }

    /// An element of [`AlterReplicaLogDirsResponse::results`].
    pub struct AlterReplicaLogDirTopicResult<'a> {
        topic_name: &'a str,
        partitions: Array<'a, AlterReplicaLogDirPartitionResult>,
    }

    /// An element of [`AlterReplicaLogDirTopicResult::partitions`].
    pub struct AlterReplicaLogDirPartitionResult {
        partition_index: i32,
        error_code:      ErrorCode,
    }
}

wire! {
    /// Asks how full a broker's directories are, and which replicas lie there.
    pub struct DescribeLogDirsRequest<'a> {
        topics: Option<Array<'a, DescribableLogDirTopic<'a>>>,
    }

    /// An element of [`DescribeLogDirsRequest::topics`].
    pub struct DescribableLogDirTopic<'a> {
        topic:      &'a str,
        partitions: Array<'a, i32>,
    }
}

wire! {
    /// The directories, their space and their replicas.
    pub struct DescribeLogDirsResponse<'a> {
        throttle_time_ms: i32,
        error_code:       ErrorCode [3..],
        results:          Array<'a, DescribeLogDirsResult<'a>>,
    }

    /// An element of [`DescribeLogDirsResponse::results`].
    pub struct DescribeLogDirsResult<'a> {
        error_code:   ErrorCode,
        log_dir:      &'a str,
        topics:       Array<'a, DescribeLogDirsTopic<'a>>,
        total_bytes:  i64 = -1 [4..],
        usable_bytes: i64 = -1 [4..],
        is_cordoned:  bool     [5..],
    }

    /// An element of [`DescribeLogDirsResult::topics`].
    pub struct DescribeLogDirsTopic<'a> {
        name:       &'a str,
        partitions: Array<'a, DescribeLogDirsPartition>,
    }

    /// An element of [`DescribeLogDirsTopic::partitions`].
    pub struct DescribeLogDirsPartition {
        partition_index: i32,
        partition_size:  i64,
        offset_lag:      i64,
        is_future_key:   bool,
    }
}
