//! Writing records: Produce, and the producer id that makes it idempotent.

use super::common::{LeaderIdAndEpoch, NodeEndpoint};
use crate::ErrorCode;
use crate::wire::{Array, Records, Uuid};

wire! {
    /// Appends record batches to partitions. There is no response at all when `acks` is 0.
    pub struct ProduceRequest<'a> {
        transactional_id: Option<&'a str> = null,
        acks:             i16,
        timeout_ms:       i32,
        topic_data:       Array<'a, TopicProduceData<'a>>,
    }

    /// The batches for one topic: by name up to version 12, by id from 13 on.
    pub struct TopicProduceData<'a> {
        name:           &'a str [0..=12],
        topic_id:       Uuid    [13..],
        partition_data: Array<'a, PartitionProduceData<'a>>,
    }

    /// The batches for one partition. Brokers take exactly one batch here.
    pub struct PartitionProduceData<'a> {
        index:   i32,
        records: Records<'a>,
    }
}

wire! {
    /// Where the batches were appended, or why one was not, partition by partition.
    pub struct ProduceResponse<'a> {
        responses:        Array<'a, TopicProduceResponse<'a>>,
        throttle_time_ms: i32,
    } tagged {
        0 => node_endpoints: Array<'a, NodeEndpoint<'a>> [10..],
    }

    /// What came of the batches for one topic.
    pub struct TopicProduceResponse<'a> {
        name:                &'a str [0..=12],
        topic_id:            Uuid    [13..],
        partition_responses: Array<'a, PartitionProduceResponse<'a>>,
    }

    /// What came of the batch for one partition. `log_append_time_ms` is −1 unless the topic stamps records
    /// itself.
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

    /// A record that made the broker refuse its whole batch.
    pub struct BatchIndexAndErrorMessage<'a> {
        batch_index:               i32,
        batch_index_error_message: Option<&'a str> = null,
    }
}

wire! {
    /// Asks for a producer id and epoch. With a transactional id it also ends that id's open transaction and
    /// fences its older producers.
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
    /// The producer id and epoch to stamp batches with.
    pub struct InitProducerIdResponse {
        throttle_time_ms:           i32,
        error_code:                 ErrorCode,
        producer_id:                i64 = -1,
        producer_epoch:             i16,
        ongoing_txn_producer_id:    i64 = -1 [6..],
        ongoing_txn_producer_epoch: i16 = -1 [6..],
    }
}
