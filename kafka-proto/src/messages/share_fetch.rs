//! Records of share groups: fetching and acknowledging them (KIP-932).

use super::common::NodeEndpoint;
use crate::ErrorCode;
use crate::wire::{Array, Records, Uuid};

wire! {
    /// Acquires records of a share group, and acknowledges earlier ones on the way.
    pub struct ShareFetchRequest<'a> {
        group_id:              Option<&'a str> = null,
        member_id:             Option<&'a str>,
        share_session_epoch:   i32,
        max_wait_ms:           i32,
        min_bytes:             i32,
        max_bytes:             i32 = 2147483647,
        max_records:           i32,
        batch_size:            i32,
        share_acquire_mode:    i8   [2..],
        is_renew_ack:          bool [2..],
        topics:                Array<'a, ShareFetchTopic<'a>>,
        forgotten_topics_data: Array<'a, ShareFetchForgottenTopic<'a>>,
    }

    /// An element of [`ShareFetchRequest::topics`].
    pub struct ShareFetchTopic<'a> {
        topic_id:   Uuid,
        partitions: Array<'a, ShareFetchPartition<'a>>,
    }

    /// An element of [`ShareFetchTopic::partitions`].
    pub struct ShareFetchPartition<'a> {
        partition_index:         i32,
        acknowledgement_batches: Array<'a, AcknowledgementBatch<'a>>,
    }

    /// Used in [`ShareFetchPartition::acknowledgement_batches`] and
    /// [`AcknowledgePartition::acknowledgement_batches`].
    pub struct AcknowledgementBatch<'a> {
        first_offset:      i64,
        last_offset:       i64,
        acknowledge_types: Array<'a, i8>,
    }

    /// An element of [`ShareFetchRequest::forgotten_topics_data`].
    pub struct ShareFetchForgottenTopic<'a> {
        topic_id:   Uuid,
        partitions: Array<'a, i32>,
    }
}

wire! {
    /// The records, and which of them this member has acquired.
    pub struct ShareFetchResponse<'a> {
        throttle_time_ms:            i32,
        error_code:                  ErrorCode,
        error_message:               Option<&'a str> = null,
        acquisition_lock_timeout_ms: i32,
        responses:                   Array<'a, ShareFetchableTopicResponse<'a>>,
        node_endpoints:              Array<'a, NodeEndpoint<'a>>,
    }

    /// An element of [`ShareFetchResponse::responses`].
    pub struct ShareFetchableTopicResponse<'a> {
        topic_id:   Uuid,
        partitions: Array<'a, ShareFetchPartitionData<'a>>,
    }

    /// An element of [`ShareFetchableTopicResponse::partitions`].
    pub struct ShareFetchPartitionData<'a> {
        partition_index:           i32,
        error_code:                ErrorCode,
        error_message:             Option<&'a str> = null,
        acknowledge_error_code:    ErrorCode,
        acknowledge_error_message: Option<&'a str> = null,
        current_leader:            ShareLeaderIdAndEpoch,
        records:                   Records<'a> [0.., null 0..=0],
        acquired_records:          Array<'a, AcquiredRecords>,
    }

    /// The partition's leader and its epoch.
    pub struct ShareLeaderIdAndEpoch {
        leader_id:    i32,
        leader_epoch: i32,
    }

    /// An element of [`ShareFetchPartitionData::acquired_records`].
    pub struct AcquiredRecords {
        first_offset:   i64,
        last_offset:    i64,
        delivery_count: i16,
    }
}

wire! {
    /// Accepts, releases or rejects records that were acquired.
    pub struct ShareAcknowledgeRequest<'a> {
        group_id:            Option<&'a str> = null,
        member_id:           Option<&'a str>,
        share_session_epoch: i32,
        is_renew_ack:        bool [2..],
        topics:              Array<'a, AcknowledgeTopic<'a>>,
    }

    /// An element of [`ShareAcknowledgeRequest::topics`].
    pub struct AcknowledgeTopic<'a> {
        topic_id:   Uuid,
        partitions: Array<'a, AcknowledgePartition<'a>>,
    }

    /// An element of [`AcknowledgeTopic::partitions`].
    pub struct AcknowledgePartition<'a> {
        partition_index:         i32,
        acknowledgement_batches: Array<'a, AcknowledgementBatch<'a>>,
    }
}

wire! {
    /// What came of each acknowledgement.
    pub struct ShareAcknowledgeResponse<'a> {
        throttle_time_ms:            i32,
        error_code:                  ErrorCode,
        error_message:               Option<&'a str> = null,
        acquisition_lock_timeout_ms: i32 [2..],
        responses:                   Array<'a, ShareAcknowledgeTopicResponse<'a>>,
        node_endpoints:              Array<'a, NodeEndpoint<'a>>,
    }

    /// An element of [`ShareAcknowledgeResponse::responses`].
    pub struct ShareAcknowledgeTopicResponse<'a> {
        topic_id:   Uuid,
        partitions: Array<'a, ShareAcknowledgePartitionData<'a>>,
    }

    /// An element of [`ShareAcknowledgeTopicResponse::partitions`].
    pub struct ShareAcknowledgePartitionData<'a> {
        partition_index: i32,
        error_code:      ErrorCode,
        error_message:   Option<&'a str> = null,
        current_leader:  ShareLeaderIdAndEpoch,
    }
}
