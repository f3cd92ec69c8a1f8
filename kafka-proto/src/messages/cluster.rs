//! The quorum, features, and nodes that leave the cluster.

use super::common::Listener;
use crate::ErrorCode;
use crate::wire::{Array, Uuid};

wire! {
    /// Asks for the state of the controller quorum.
    pub struct DescribeQuorumRequest<'a> {
        topics: Array<'a, DescribeQuorumRequestTopicData<'a>>,
    }

    /// An element of [`DescribeQuorumRequest::topics`].
    pub struct DescribeQuorumRequestTopicData<'a> {
        topic_name: &'a str,
        partitions: Array<'a, DescribeQuorumRequestPartitionData>,
    }

    /// An element of [`DescribeQuorumRequestTopicData::partitions`].
    pub struct DescribeQuorumRequestPartitionData {
        partition_index: i32,
    }
}

wire! {
    /// Leader, voters and observers, and how far each has got.
    pub struct DescribeQuorumResponse<'a> {
        error_code:    ErrorCode,
        error_message: Option<&'a str>     [2..],
        topics:        Array<'a, DescribeQuorumResponseTopicData<'a>>,
        nodes:         Array<'a, Node<'a>> [2..],
    }

    /// An element of [`DescribeQuorumResponse::topics`].
    pub struct DescribeQuorumResponseTopicData<'a> {
        topic_name: &'a str,
        partitions: Array<'a, DescribeQuorumResponsePartitionData<'a>>,
    }

    /// An element of [`DescribeQuorumResponseTopicData::partitions`].
    pub struct DescribeQuorumResponsePartitionData<'a> {
        partition_index: i32,
        error_code:      ErrorCode,
        error_message:   Option<&'a str> [2..],
        leader_id:       i32,
        leader_epoch:    i32,
        high_watermark:  i64,
        current_voters:  Array<'a, DescribeQuorumReplicaState>,
        observers:       Array<'a, DescribeQuorumReplicaState>,
    }

    /// Used in [`DescribeQuorumResponsePartitionData::current_voters`] and
    /// [`DescribeQuorumResponsePartitionData::observers`].
    pub struct DescribeQuorumReplicaState {
        replica_id:               i32,
        replica_directory_id:     Uuid     [2..],
        log_end_offset:           i64,
        last_fetch_timestamp:     i64 = -1 [1..],
        last_caught_up_timestamp: i64 = -1 [1..],
    }

    /// An element of [`DescribeQuorumResponse::nodes`].
    pub struct Node<'a> {
        node_id:   i32,
        listeners: Array<'a, Listener<'a>>,
    }
}

wire! {
    /// Raises or lowers the finalized version of cluster features.
    pub struct UpdateFeaturesRequest<'a> {
        timeout_ms:      i32 = 60000,
        feature_updates: Array<'a, FeatureUpdateKey<'a>>,
        validate_only:   bool [1..],
    }

    /// An element of [`UpdateFeaturesRequest::feature_updates`].
    pub struct FeatureUpdateKey<'a> {
        feature:           &'a str,
        max_version_level: i16,
        allow_downgrade:   bool   [0..=0],
        upgrade_type:      i8 = 1 [1..],
    }
}

wire! {
    /// Whether the features were changed.
    pub struct UpdateFeaturesResponse<'a> {
        throttle_time_ms: i32,
        error_code:       ErrorCode,
        error_message:    Option<&'a str>,
        results:          Array<'a, UpdatableFeatureResult<'a>> [0..=1],
    }

    /// An element of [`UpdateFeaturesResponse::results`].
    pub struct UpdatableFeatureResult<'a> {
        feature:       &'a str,
        error_code:    ErrorCode,
        error_message: Option<&'a str>,
    }
}

wire! {
    /// Removes a broker from the cluster's records; it must be stopped.
    pub struct UnregisterBrokerRequest {
        broker_id: i32,
    }
}

wire! {
    /// Whether it was removed.
    pub struct UnregisterBrokerResponse<'a> {
        throttle_time_ms: i32,
        error_code:       ErrorCode,
        error_message:    Option<&'a str>,
    }
}

wire! {
    /// Removes a controller from the cluster's records.
    pub struct UnregisterControllerRequest {
        controller_id: i32,
    }
}

wire! {
    /// Whether it was removed.
    pub struct UnregisterControllerResponse<'a> {
        throttle_time_ms: i32,
        error_code:       ErrorCode,
        error_message:    Option<&'a str>,
    }
}
