//! Writing records: Produce, and the producer id that makes it idempotent.

use super::common::{LeaderIdAndEpoch, NodeEndpoint};
use crate::ErrorCode;
use crate::wire::{Array, Records, Uuid};

wire! {
    /// The request of Produce.
    pub struct ProduceRequest<'a> {
        transactional_id: Option<&'a str> = null,
        acks:             i16,
        timeout_ms:       i32,
        topic_data:       Array<'a, TopicProduceData<'a>>,
    }

    /// An element of [`ProduceRequest::topic_data`].
    pub struct TopicProduceData<'a> {
        name:           &'a str [0..=12],
        topic_id:       Uuid    [13..],
        partition_data: Array<'a, PartitionProduceData<'a>>,
    }

    /// An element of [`TopicProduceData::partition_data`].
    pub struct PartitionProduceData<'a> {
        index:   i32,
        records: Records<'a>,
    }
}

wire! {
    /// The response of Produce.
    pub struct ProduceResponse<'a> {
        responses:        Array<'a, TopicProduceResponse<'a>>,
        throttle_time_ms: i32,
    } tagged {
        0 => node_endpoints: Array<'a, NodeEndpoint<'a>> [10..],
    }

    /// An element of [`ProduceResponse::responses`].
    pub struct TopicProduceResponse<'a> {
        name:                &'a str [0..=12],
        topic_id:            Uuid    [13..],
        partition_responses: Array<'a, PartitionProduceResponse<'a>>,
    }

    /// An element of [`TopicProduceResponse::partition_responses`].
    pub struct PartitionProduceResponse<'a> {
        index:              i32,
        error_code:         ErrorCode,
        base_offset:        i64,
        log_append_time_ms: i64 = -1,
        log_start_offset:   i64 = -1                                 [5..],
        record_errors:      Array<'a, BatchIndexAndErrorMessage<'a>> [8..],
        error_message:      Option<&'a str> = null                   [8..],
    } tagged {
        0 => current_leader: LeaderIdAndEpoch [10..],
    }

    /// An element of [`PartitionProduceResponse::record_errors`].
    pub struct BatchIndexAndErrorMessage<'a> {
        batch_index:               i32,
        batch_index_error_message: Option<&'a str> = null,
    }
}

wire! {
    /// The request of InitProducerId.
    pub struct InitProducerIdRequest<'a> {
        transactional_id:       Option<&'a str>,
        transaction_timeout_ms: i32,
        producer_id:            i64 = -1 [3..],
        producer_epoch:         i16 = -1 [3..],
        enable2_pc:             bool     [6..],
        keep_prepared_txn:      bool     [6..],
    }
}

wire! {
    /// The response of InitProducerId.
    pub struct InitProducerIdResponse {
        throttle_time_ms:           i32,
        error_code:                 ErrorCode,
        producer_id:                i64 = -1,
        producer_epoch:             i16,
        ongoing_txn_producer_id:    i64 = -1 [6..],
        ongoing_txn_producer_epoch: i16 = -1 [6..],
    }
}
