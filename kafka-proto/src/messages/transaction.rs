//! Transactions: their partitions, offsets, ends and markers.

use crate::ErrorCode;
use crate::wire::{Array, Uuid};

wire! {
    /// Adds partitions to a transaction before the first record goes there. Brokers send versions 4 and up
    /// among themselves; clients stop at 3.
    pub struct AddPartitionsToTxnRequest<'a> {
        transactions:                  Array<'a, AddPartitionsToTxnTransaction<'a>> [4..],
        v3_and_below_transactional_id: &'a str                                      [0..=3],
        v3_and_below_producer_id:      i64                                          [0..=3],
        v3_and_below_producer_epoch:   i16                                          [0..=3],
        v3_and_below_topics:           Array<'a, AddPartitionsToTxnTopic<'a>>       [0..=3],
    }

    /// An element of [`AddPartitionsToTxnRequest::transactions`].
    pub struct AddPartitionsToTxnTransaction<'a> {
        transactional_id: &'a str,
        producer_id:      i64,
        producer_epoch:   i16,
        verify_only:      bool,
        topics:           Array<'a, AddPartitionsToTxnTopic<'a>>,
    }

    /// Used in [`AddPartitionsToTxnTransaction::topics`] and
    /// [`AddPartitionsToTxnRequest::v3_and_below_topics`].
    pub struct AddPartitionsToTxnTopic<'a> {
        name:       &'a str,
        partitions: Array<'a, i32>,
    }
}

wire! {
    /// Whether each partition is part of the transaction now.
    pub struct AddPartitionsToTxnResponse<'a> {
        throttle_time_ms:              i32,
        error_code:                    ErrorCode                                    [4..],
        results_by_transaction:        Array<'a, AddPartitionsToTxnResult<'a>>      [4..],
        results_by_topic_v3_and_below: Array<'a, AddPartitionsToTxnTopicResult<'a>> [0..=3],
    }

    /// An element of [`AddPartitionsToTxnResponse::results_by_transaction`].
    pub struct AddPartitionsToTxnResult<'a> {
        transactional_id: &'a str,
        topic_results:    Array<'a, AddPartitionsToTxnTopicResult<'a>>,
    }

    /// Used in [`AddPartitionsToTxnResult::topic_results`] and
    /// [`AddPartitionsToTxnResponse::results_by_topic_v3_and_below`].
    pub struct AddPartitionsToTxnTopicResult<'a> {
        name:                 &'a str,
        results_by_partition: Array<'a, AddPartitionsToTxnPartitionResult>,
    }

    /// An element of [`AddPartitionsToTxnTopicResult::results_by_partition`].
    pub struct AddPartitionsToTxnPartitionResult {
        partition_index:      i32,
        partition_error_code: ErrorCode,
    }
}

wire! {
    /// Adds a group's offsets to a transaction before TxnOffsetCommit.
    pub struct AddOffsetsToTxnRequest<'a> {
        transactional_id: &'a str,
        producer_id:      i64,
        producer_epoch:   i16,
        group_id:         &'a str,
    }
}

wire! {
    /// Whether they are part of the transaction now.
    pub struct AddOffsetsToTxnResponse {
        throttle_time_ms: i32,
        error_code:       ErrorCode,
    }
}

wire! {
    /// Commits or aborts a transaction.
    pub struct EndTxnRequest<'a> {
        transactional_id: &'a str,
        producer_id:      i64,
        producer_epoch:   i16,
        committed:        bool,
    }
}

wire! {
    /// Whether that was done; from version 5 on with the producer id and epoch for the next transaction
    /// (KIP-890).
    pub struct EndTxnResponse {
        throttle_time_ms: i32,
        error_code:       ErrorCode,
        producer_id:      i64 = -1 [5..],
        producer_epoch:   i16 = -1 [5..],
    }
}

wire! {
    /// A transaction coordinator has partition leaders write the marker that ends a transaction.
    pub struct WriteTxnMarkersRequest<'a> {
        markers: Array<'a, WritableTxnMarker<'a>>,
    }

    /// An element of [`WriteTxnMarkersRequest::markers`].
    pub struct WritableTxnMarker<'a> {
        producer_id:         i64,
        producer_epoch:      i16,
        transaction_result:  bool,
        topics:              Array<'a, WritableTxnMarkerTopic<'a>>,
        coordinator_epoch:   i32,
        transaction_version: i8 [2..],
    }

    /// An element of [`WritableTxnMarker::topics`].
    pub struct WritableTxnMarkerTopic<'a> {
        name:              &'a str,
        partition_indexes: Array<'a, i32>,
    }
}

wire! {
    /// Whether each marker was written.
    pub struct WriteTxnMarkersResponse<'a> {
        markers: Array<'a, WritableTxnMarkerResult<'a>>,
    }

    /// An element of [`WriteTxnMarkersResponse::markers`].
    pub struct WritableTxnMarkerResult<'a> {
        producer_id: i64,
        topics:      Array<'a, WritableTxnMarkerTopicResult<'a>>,
    }

    /// An element of [`WritableTxnMarkerResult::topics`].
    pub struct WritableTxnMarkerTopicResult<'a> {
        name:       &'a str,
        partitions: Array<'a, WritableTxnMarkerPartitionResult>,
    }

    /// An element of [`WritableTxnMarkerTopicResult::partitions`].
    pub struct WritableTxnMarkerPartitionResult {
        partition_index: i32,
        error_code:      ErrorCode,
    }
}

wire! {
    /// Stores how far a group has read, to become visible when the transaction commits.
    pub struct TxnOffsetCommitRequest<'a> {
        transactional_id:              &'a str,
        group_id:                      &'a str,
        producer_id:                   i64,
        producer_epoch:                i16,
        generation_id_or_member_epoch: i32 = -1               [3..],
        member_id:                     &'a str                [3..],
        group_instance_id:             Option<&'a str> = null [3..],
        topics:                        Array<'a, TxnOffsetCommitRequestTopic<'a>>,
    }

    /// An element of [`TxnOffsetCommitRequest::topics`].
    pub struct TxnOffsetCommitRequestTopic<'a> {
        name:       &'a str [0..=5],
        topic_id:   Uuid    [6..],
        partitions: Array<'a, TxnOffsetCommitRequestPartition<'a>>,
    }

    /// An element of [`TxnOffsetCommitRequestTopic::partitions`].
    pub struct TxnOffsetCommitRequestPartition<'a> {
        partition_index:        i32,
        committed_offset:       i64,
        committed_leader_epoch: i32 = -1 [2..],
        committed_metadata:     Option<&'a str>,
    }
}

wire! {
    /// Whether each offset was stored.
    pub struct TxnOffsetCommitResponse<'a> {
        throttle_time_ms: i32,
        topics:           Array<'a, TxnOffsetCommitResponseTopic<'a>>,
    }

    /// An element of [`TxnOffsetCommitResponse::topics`].
    pub struct TxnOffsetCommitResponseTopic<'a> {
        name:       &'a str [0..=5],
        topic_id:   Uuid    [6..],
        partitions: Array<'a, TxnOffsetCommitResponsePartition>,
    }

    /// An element of [`TxnOffsetCommitResponseTopic::partitions`].
    pub struct TxnOffsetCommitResponsePartition {
        partition_index: i32,
        error_code:      ErrorCode,
    }
}
