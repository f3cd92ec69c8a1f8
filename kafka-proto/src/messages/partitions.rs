//! Elections and reassignments of replicas.

use crate::ErrorCode;
use crate::wire::Array;

wire! {
    /// Has new leaders elected: preferred ones, or unclean ones where no other is left.
    pub struct ElectLeadersRequest<'a> {
        election_type:    i8 [1..],
        topic_partitions: Option<Array<'a, ElectLeadersTopicPartitions<'a>>>,
        timeout_ms:       i32 = 60000,
    }

    /// An element of [`ElectLeadersRequest::topic_partitions`].
    pub struct ElectLeadersTopicPartitions<'a> {
        topic:      &'a str,
        partitions: Array<'a, i32>,
    }
}

wire! {
    /// What came of each election.
    pub struct ElectLeadersResponse<'a> {
        throttle_time_ms:         i32,
        error_code:               ErrorCode [1..],
        replica_election_results: Array<'a, ReplicaElectionResult<'a>>,
    }

    /// An element of [`ElectLeadersResponse::replica_election_results`].
    pub struct ReplicaElectionResult<'a> {
        topic:            &'a str,
        partition_result: Array<'a, ElectLeadersPartitionResult<'a>>,
    }

    /// An element of [`ReplicaElectionResult::partition_result`].
    pub struct ElectLeadersPartitionResult<'a> {
        partition_id:  i32,
        error_code:    ErrorCode,
        error_message: Option<&'a str>,
    }
}

wire! {
    /// Moves partitions to other brokers, or cancels a move with a null list of replicas.
    pub struct AlterPartitionReassignmentsRequest<'a> {
        timeout_ms:                      i32 = 60000,
        allow_replication_factor_change: bool = TRUE [1..],
        topics:                          Array<'a, ReassignableTopic<'a>>,
    }

    /// An element of [`AlterPartitionReassignmentsRequest::topics`].
    pub struct ReassignableTopic<'a> {
        name:       &'a str,
        partitions: Array<'a, ReassignablePartition<'a>>,
    }

    /// An element of [`ReassignableTopic::partitions`].
    pub struct ReassignablePartition<'a> {
        partition_index: i32,
        replicas:        Option<Array<'a, i32>> = null,
    }
}

wire! {
    /// What came of each partition.
    pub struct AlterPartitionReassignmentsResponse<'a> {
        throttle_time_ms:                i32,
        allow_replication_factor_change: bool = TRUE [1..],
        error_code:                      ErrorCode,
        error_message:                   Option<&'a str>,
        responses:                       Array<'a, ReassignableTopicResponse<'a>>,
    }

    /// An element of [`AlterPartitionReassignmentsResponse::responses`].
    pub struct ReassignableTopicResponse<'a> {
        name:       &'a str,
        partitions: Array<'a, ReassignablePartitionResponse<'a>>,
    }

    /// An element of [`ReassignableTopicResponse::partitions`].
    pub struct ReassignablePartitionResponse<'a> {
        partition_index: i32,
        error_code:      ErrorCode,
        error_message:   Option<&'a str>,
    }
}

wire! {
    /// Asks which partitions are being moved.
    pub struct ListPartitionReassignmentsRequest<'a> {
        timeout_ms: i32 = 60000,
        topics:     Option<Array<'a, ListPartitionReassignmentsTopics<'a>>> = null,
    }

    /// An element of [`ListPartitionReassignmentsRequest::topics`].
    pub struct ListPartitionReassignmentsTopics<'a> {
        name:              &'a str,
        partition_indexes: Array<'a, i32>,
    }
}

wire! {
    /// The moves going on: who holds the partition, who comes, who goes.
    pub struct ListPartitionReassignmentsResponse<'a> {
        throttle_time_ms: i32,
        error_code:       ErrorCode,
        error_message:    Option<&'a str>,
        topics:           Array<'a, OngoingTopicReassignment<'a>>,
    }

    /// An element of [`ListPartitionReassignmentsResponse::topics`].
    pub struct OngoingTopicReassignment<'a> {
        name:       &'a str,
        partitions: Array<'a, OngoingPartitionReassignment<'a>>,
    }

    /// An element of [`OngoingTopicReassignment::partitions`].
    pub struct OngoingPartitionReassignment<'a> {
        partition_index:   i32,
        replicas:          Array<'a, i32>,
        adding_replicas:   Array<'a, i32>,
        removing_replicas: Array<'a, i32>,
    }
}
