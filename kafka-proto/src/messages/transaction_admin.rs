//! Looking at producers and transactions (KIP-664).

use crate::ErrorCode;
use crate::wire::Array;

wire! {
    /// Asks which producers have written to partitions of late.
    pub struct DescribeProducersRequest<'a> {
        topics: Array<'a, DescribeProducersTopicRequest<'a>>,
    }

    /// An element of [`DescribeProducersRequest::topics`].
    pub struct DescribeProducersTopicRequest<'a> {
        name:              &'a str,
        partition_indexes: Array<'a, i32>,
    }
}

wire! {
    /// The producers that each partition remembers.
    pub struct DescribeProducersResponse<'a> {
        throttle_time_ms: i32,
        topics:           Array<'a, TopicResponse<'a>>,
    }

    /// An element of [`DescribeProducersResponse::topics`].
    pub struct TopicResponse<'a> {
        name:       &'a str,
        partitions: Array<'a, PartitionResponse<'a>>,
    }

    /// An element of [`TopicResponse::partitions`].
    pub struct PartitionResponse<'a> {
        partition_index:  i32,
        error_code:       ErrorCode,
        error_message:    Option<&'a str> = null,
        active_producers: Array<'a, ProducerState>,
    }

    /// An element of [`PartitionResponse::active_producers`].
    pub struct ProducerState {
        producer_id:              i64,
        producer_epoch:           i32,
        last_sequence:            i32 = -1,
        last_timestamp:           i64 = -1,
        coordinator_epoch:        i32,
        current_txn_start_offset: i64 = -1,
    }
}

wire! {
    /// Asks for the state of transactional ids.
    pub struct DescribeTransactionsRequest<'a> {
        transactional_ids: Array<'a, &'a str>,
    }
}

wire! {
    /// State, producer and partitions of each transaction.
    pub struct DescribeTransactionsResponse<'a> {
        throttle_time_ms:   i32,
        transaction_states: Array<'a, DescribeTransactionsTransactionState<'a>>,
    }

    /// An element of [`DescribeTransactionsResponse::transaction_states`].
    pub struct DescribeTransactionsTransactionState<'a> {
        error_code:                ErrorCode,
        transactional_id:          &'a str,
        transaction_state:         &'a str,
        transaction_timeout_ms:    i32,
        transaction_start_time_ms: i64,
        producer_id:               i64,
        producer_epoch:            i16,
        topics:                    Array<'a, DescribeTransactionsTopicData<'a>>,
    }

    /// An element of [`DescribeTransactionsTransactionState::topics`].
    pub struct DescribeTransactionsTopicData<'a> {
        topic:      &'a str,
        partitions: Array<'a, i32>,
    }
}

wire! {
    /// Asks a broker for the transactions it coordinates, perhaps only some.
    pub struct ListTransactionsRequest<'a> {
        state_filters:            Array<'a, &'a str>,
        producer_id_filters:      Array<'a, i64>,
        duration_filter:          i64 = -1               [1..],
        transactional_id_pattern: Option<&'a str> = null [2..],
    }
}

wire! {
    /// The transactions of this broker; others know of others.
    pub struct ListTransactionsResponse<'a> {
        throttle_time_ms:      i32,
        error_code:            ErrorCode,
        unknown_state_filters: Array<'a, &'a str>,
        transaction_states:    Array<'a, ListTransactionsTransactionState<'a>>,
    }

    /// An element of [`ListTransactionsResponse::transaction_states`].
    pub struct ListTransactionsTransactionState<'a> {
        transactional_id:  &'a str,
        producer_id:       i64,
        transaction_state: &'a str,
    }
}
