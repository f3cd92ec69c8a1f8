//! The state of share groups, as brokers keep it among themselves (KIP-932).

use crate::ErrorCode;
use crate::wire::{Array, Uuid};

wire! {
    /// A group coordinator creates the state of partitions in a share group.
    pub struct InitializeShareGroupStateRequest<'a> {
        group_id: &'a str,
        topics:   Array<'a, InitializeStateData<'a>>,
    }

    /// An element of [`InitializeShareGroupStateRequest::topics`].
    pub struct InitializeStateData<'a> {
        topic_id:   Uuid,
        partitions: Array<'a, InitializeShareGroupStatePartitionData>,
    }

    /// An element of [`InitializeStateData::partitions`].
    pub struct InitializeShareGroupStatePartitionData {
        partition:    i32,
        state_epoch:  i32,
        start_offset: i64,
    }
}

wire! {
    /// What came of each partition.
    pub struct InitializeShareGroupStateResponse<'a> {
        results: Array<'a, InitializeStateResult<'a>>,
    }

    /// An element of [`InitializeShareGroupStateResponse::results`].
    pub struct InitializeStateResult<'a> {
        topic_id:   Uuid,
        partitions: Array<'a, InitializeShareGroupStatePartitionResult<'a>>,
    }

    /// An element of [`InitializeStateResult::partitions`].
    pub struct InitializeShareGroupStatePartitionResult<'a> {
        partition:     i32,
        error_code:    ErrorCode,
        error_message: Option<&'a str> = null,
    }
}

wire! {
    /// A share-partition leader reads the state it is to go on from.
    pub struct ReadShareGroupStateRequest<'a> {
        group_id: &'a str,
        topics:   Array<'a, ReadStateData<'a>>,
    }

    /// An element of [`ReadShareGroupStateRequest::topics`].
    pub struct ReadStateData<'a> {
        topic_id:   Uuid,
        partitions: Array<'a, ReadShareGroupStatePartitionData>,
    }

    /// An element of [`ReadStateData::partitions`].
    pub struct ReadShareGroupStatePartitionData {
        partition:    i32,
        leader_epoch: i32,
    }
}

wire! {
    /// Start and delivery states of each partition.
    pub struct ReadShareGroupStateResponse<'a> {
        results: Array<'a, ReadStateResult<'a>>,
    }

    /// An element of [`ReadShareGroupStateResponse::results`].
    pub struct ReadStateResult<'a> {
        topic_id:   Uuid,
        partitions: Array<'a, ReadShareGroupStatePartitionResult<'a>>,
    }

    /// An element of [`ReadStateResult::partitions`].
    pub struct ReadShareGroupStatePartitionResult<'a> {
        partition:     i32,
        error_code:    ErrorCode,
        error_message: Option<&'a str> = null,
        state_epoch:   i32,
        start_offset:  i64,
        state_batches: Array<'a, StateBatch>,
    }

    /// Used in [`ReadShareGroupStatePartitionResult::state_batches`] and
    /// [`WriteShareGroupStatePartitionData::state_batches`].
    pub struct StateBatch {
        first_offset:   i64,
        last_offset:    i64,
        delivery_state: i8,
        delivery_count: i16,
    }
}

wire! {
    /// A share-partition leader stores how delivery has moved on.
    pub struct WriteShareGroupStateRequest<'a> {
        group_id: &'a str,
        topics:   Array<'a, WriteStateData<'a>>,
    }

    /// An element of [`WriteShareGroupStateRequest::topics`].
    pub struct WriteStateData<'a> {
        topic_id:   Uuid,
        partitions: Array<'a, WriteShareGroupStatePartitionData<'a>>,
    }

    /// An element of [`WriteStateData::partitions`].
    pub struct WriteShareGroupStatePartitionData<'a> {
        partition:               i32,
        state_epoch:             i32,
        leader_epoch:            i32,
        start_offset:            i64,
        delivery_complete_count: i32 = -1 [1..],
        state_batches:           Array<'a, StateBatch>,
    }
}

wire! {
    /// What came of each partition.
    pub struct WriteShareGroupStateResponse<'a> {
        results: Array<'a, WriteStateResult<'a>>,
    }

    /// An element of [`WriteShareGroupStateResponse::results`].
    pub struct WriteStateResult<'a> {
        topic_id:   Uuid,
        partitions: Array<'a, WriteShareGroupStatePartitionResult<'a>>,
    }

    /// An element of [`WriteStateResult::partitions`].
    pub struct WriteShareGroupStatePartitionResult<'a> {
        partition:     i32,
        error_code:    ErrorCode,
        error_message: Option<&'a str> = null,
    }
}

wire! {
    /// A group coordinator deletes the state of partitions in a share group.
    pub struct DeleteShareGroupStateRequest<'a> {
        group_id: &'a str,
        topics:   Array<'a, DeleteStateData<'a>>,
    }

    /// An element of [`DeleteShareGroupStateRequest::topics`].
    pub struct DeleteStateData<'a> {
        topic_id:   Uuid,
        partitions: Array<'a, DeleteShareGroupStatePartitionData>,
    }

    /// An element of [`DeleteStateData::partitions`].
    pub struct DeleteShareGroupStatePartitionData {
        partition: i32,
    }
}

wire! {
    /// What came of each partition.
    pub struct DeleteShareGroupStateResponse<'a> {
        results: Array<'a, DeleteStateResult<'a>>,
    }

    /// An element of [`DeleteShareGroupStateResponse::results`].
    pub struct DeleteStateResult<'a> {
        topic_id:   Uuid,
        partitions: Array<'a, DeleteShareGroupStatePartitionResult<'a>>,
    }

    /// An element of [`DeleteStateResult::partitions`].
    pub struct DeleteShareGroupStatePartitionResult<'a> {
        partition:     i32,
        error_code:    ErrorCode,
        error_message: Option<&'a str> = null,
    }
}

wire! {
    /// A group coordinator reads where partitions start, without the states of single records.
    pub struct ReadShareGroupStateSummaryRequest<'a> {
        group_id: &'a str,
        topics:   Array<'a, ReadStateSummaryData<'a>>,
    }

    /// An element of [`ReadShareGroupStateSummaryRequest::topics`].
    pub struct ReadStateSummaryData<'a> {
        topic_id:   Uuid,
        partitions: Array<'a, ReadShareGroupStateSummaryPartitionData>,
    }

    /// An element of [`ReadStateSummaryData::partitions`].
    pub struct ReadShareGroupStateSummaryPartitionData {
        partition:    i32,
        leader_epoch: i32,
    }
}

wire! {
    /// Where each partition starts.
    pub struct ReadShareGroupStateSummaryResponse<'a> {
        results: Array<'a, ReadStateSummaryResult<'a>>,
    }

    /// An element of [`ReadShareGroupStateSummaryResponse::results`].
    pub struct ReadStateSummaryResult<'a> {
        topic_id:   Uuid,
        partitions: Array<'a, ReadShareGroupStateSummaryPartitionResult<'a>>,
    }

    /// An element of [`ReadStateSummaryResult::partitions`].
    pub struct ReadShareGroupStateSummaryPartitionResult<'a> {
        partition:               i32,
        error_code:              ErrorCode,
        error_message:           Option<&'a str> = null,
        state_epoch:             i32,
        leader_epoch:            i32,
        start_offset:            i64,
        delivery_complete_count: i32 = -1 [1..],
    }
}
