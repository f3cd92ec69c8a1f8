//! Creating, growing, emptying and deleting topics.

use crate::ErrorCode;
use crate::wire::{Array, Uuid};

wire! {
    /// Creates topics, or only checks whether they could be created.
    pub struct CreateTopicsRequest<'a> {
        topics:        Array<'a, CreatableTopic<'a>>,
        timeout_ms:    i32 = 60000,
        validate_only: bool,
    }

    /// An element of [`CreateTopicsRequest::topics`].
    pub struct CreatableTopic<'a> {
        name:               &'a str,
        num_partitions:     i32,
        replication_factor: i16,
        assignments:        Array<'a, CreatableReplicaAssignment<'a>>,
        configs:            Array<'a, CreatableTopicConfig<'a>>,
    }

    /// An element of [`CreatableTopic::assignments`].
    pub struct CreatableReplicaAssignment<'a> {
        partition_index: i32,
        broker_ids:      Array<'a, i32>,
    }

    /// An element of [`CreatableTopic::configs`].
    pub struct CreatableTopicConfig<'a> {
        name:  &'a str,
        value: Option<&'a str>,
    }
}

wire! {
    /// What came of each topic.
    pub struct CreateTopicsResponse<'a> {
        throttle_time_ms: i32,
        topics:           Array<'a, CreatableTopicResult<'a>>,
    }

    /// An element of [`CreateTopicsResponse::topics`].
    pub struct CreatableTopicResult<'a> {
        name:               &'a str,
        topic_id:           Uuid                                         [7..],
        error_code:         ErrorCode,
        error_message:      Option<&'a str>,
        num_partitions:     i32 = -1                                     [5..],
        replication_factor: i16 = -1                                     [5..],
        configs:            Option<Array<'a, CreatableTopicConfigs<'a>>> [5..],
    } tagged {
        0 => topic_config_error_code: ErrorCode [5..],
    }

    /// An element of [`CreatableTopicResult::configs`].
    pub struct CreatableTopicConfigs<'a> {
        name:          &'a str,
        value:         Option<&'a str>,
        read_only:     bool,
        config_source: i8 = -1,
        is_sensitive:  bool,
    }
}

wire! {
    /// Deletes topics by name or, from version 6 on, by id.
    pub struct DeleteTopicsRequest<'a> {
        topics:      Array<'a, DeleteTopicState<'a>> [6..],
        topic_names: Array<'a, &'a str>              [0..=5],
        timeout_ms:  i32,
    }

    /// An element of [`DeleteTopicsRequest::topics`].
    pub struct DeleteTopicState<'a> {
        name:     Option<&'a str> = null,
        topic_id: Uuid,
    }
}

wire! {
    /// What came of each topic.
    pub struct DeleteTopicsResponse<'a> {
        throttle_time_ms: i32,
        responses:        Array<'a, DeletableTopicResult<'a>>,
    }

    /// An element of [`DeleteTopicsResponse::responses`].
    pub struct DeletableTopicResult<'a> {
        name:          Option<&'a str>        [0.., null 6..],
        topic_id:      Uuid                   [6..],
        error_code:    ErrorCode,
        error_message: Option<&'a str> = null [5..],
    }
}

wire! {
    /// Moves the start of partitions up to an offset, which deletes what lies before it.
    pub struct DeleteRecordsRequest<'a> {
        topics:     Array<'a, DeleteRecordsTopic<'a>>,
        timeout_ms: i32,
    }

    /// An element of [`DeleteRecordsRequest::topics`].
    pub struct DeleteRecordsTopic<'a> {
        name:       &'a str,
        partitions: Array<'a, DeleteRecordsPartition>,
    }

    /// An element of [`DeleteRecordsTopic::partitions`].
    pub struct DeleteRecordsPartition {
        partition_index: i32,
        offset:          i64,
    }
}

wire! {
    /// The new start of each partition.
    pub struct DeleteRecordsResponse<'a> {
        throttle_time_ms: i32,
        topics:           Array<'a, DeleteRecordsTopicResult<'a>>,
    }

    /// An element of [`DeleteRecordsResponse::topics`].
    pub struct DeleteRecordsTopicResult<'a> {
        name:       &'a str,
        partitions: Array<'a, DeleteRecordsPartitionResult>,
    }

    /// An element of [`DeleteRecordsTopicResult::partitions`].
    pub struct DeleteRecordsPartitionResult {
        partition_index: i32,
        low_watermark:   i64,
        error_code:      ErrorCode,
    }
}

wire! {
    /// Gives topics more partitions.
    pub struct CreatePartitionsRequest<'a> {
        topics:        Array<'a, CreatePartitionsTopic<'a>>,
        timeout_ms:    i32,
        validate_only: bool,
    }

    /// An element of [`CreatePartitionsRequest::topics`].
    pub struct CreatePartitionsTopic<'a> {
        name:        &'a str,
        count:       i32,
        assignments: Option<Array<'a, CreatePartitionsAssignment<'a>>>,
    }

    /// An element of [`CreatePartitionsTopic::assignments`].
    pub struct CreatePartitionsAssignment<'a> {
        broker_ids: Array<'a, i32>,
    }
}

wire! {
    /// What came of each topic.
    pub struct CreatePartitionsResponse<'a> {
        throttle_time_ms: i32,
        results:          Array<'a, CreatePartitionsTopicResult<'a>>,
    }

    /// An element of [`CreatePartitionsResponse::results`].
    pub struct CreatePartitionsTopicResult<'a> {
        name:          &'a str,
        error_code:    ErrorCode,
        error_message: Option<&'a str> = null,
    }
}
