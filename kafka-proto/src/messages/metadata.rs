//! Who leads what: Metadata, coordinators, the cluster as a whole.

use crate::ErrorCode;
use crate::wire::{Array, Uuid};

wire! {
    /// Asks for the brokers, and for the partitions and leaders of some topics: null for all topics, an empty
    /// list for none.
    pub struct MetadataRequest<'a> {
        topics:                                Option<Array<'a, MetadataRequestTopic<'a>>> [0.., null 1..],
        allow_auto_topic_creation:             bool = TRUE                                 [4..],
        include_cluster_authorized_operations: bool                                        [8..=10],
        include_topic_authorized_operations:   bool                                        [8..],
    }

    /// A topic asked about: by name, or from version 10 on by id with a null name.
    pub struct MetadataRequestTopic<'a> {
        topic_id: Uuid            [10..],
        name:     Option<&'a str> [0.., null 10..],
    }
}

wire! {
    /// The brokers, and who leads and who follows each partition.
    pub struct MetadataResponse<'a> {
        throttle_time_ms:              i32                    [3..],
        brokers:                       Array<'a, MetadataResponseBroker<'a>>,
        cluster_id:                    Option<&'a str> = null [2..],
        controller_id:                 i32 = -1               [1..],
        topics:                        Array<'a, MetadataResponseTopic<'a>>,
        cluster_authorized_operations: i32 = -2147483648      [8..=10],
        error_code:                    ErrorCode              [13..],
    }

    /// A broker and where to reach it.
    pub struct MetadataResponseBroker<'a> {
        node_id: i32,
        host:    &'a str,
        port:    i32,
        rack:    Option<&'a str> = null [1..],
    }

    /// A topic and its partitions.
    pub struct MetadataResponseTopic<'a> {
        error_code:                  ErrorCode,
        name:                        Option<&'a str>   [0.., null 12..],
        topic_id:                    Uuid              [10..],
        is_internal:                 bool              [1..],
        partitions:                  Array<'a, MetadataResponsePartition<'a>>,
        topic_authorized_operations: i32 = -2147483648 [8..],
    }

    /// A partition: its leader, −1 where there is none, and its replicas.
    pub struct MetadataResponsePartition<'a> {
        error_code:       ErrorCode,
        partition_index:  i32,
        leader_id:        i32,
        leader_epoch:     i32 = -1       [7..],
        replica_nodes:    Array<'a, i32>,
        isr_nodes:        Array<'a, i32>,
        offline_replicas: Array<'a, i32> [5..],
    }
}

wire! {
    /// Asks which broker looks after a group (key type 0), a transactional id (1) or a share group's state
    /// (2). Several keys from version 4 on.
    pub struct FindCoordinatorRequest<'a> {
        key:              &'a str            [0..=3],
        key_type:         i8                 [1..],
        coordinator_keys: Array<'a, &'a str> [4..],
    }
}

wire! {
    /// The coordinator of each key.
    pub struct FindCoordinatorResponse<'a> {
        throttle_time_ms: i32                        [1..],
        error_code:       ErrorCode                  [0..=3],
        error_message:    Option<&'a str>            [1..=3],
        node_id:          i32                        [0..=3],
        host:             &'a str                    [0..=3],
        port:             i32                        [0..=3],
        coordinators:     Array<'a, Coordinator<'a>> [4..],
    }

    /// The coordinator of one key.
    pub struct Coordinator<'a> {
        key:           &'a str,
        node_id:       i32,
        host:          &'a str,
        port:          i32,
        error_code:    ErrorCode,
        error_message: Option<&'a str>,
    }
}

wire! {
    /// Asks for the brokers, or the controllers, without any topic.
    pub struct DescribeClusterRequest {
        include_cluster_authorized_operations: bool,
        endpoint_type:                         i8 = 1 [1..],
        include_fenced_brokers:                bool   [2..],
    }
}

wire! {
    /// The nodes of the cluster and what the user may do to it.
    pub struct DescribeClusterResponse<'a> {
        throttle_time_ms:              i32,
        error_code:                    ErrorCode,
        error_message:                 Option<&'a str> = null,
        endpoint_type:                 i8 = 1 [1..],
        cluster_id:                    &'a str,
        controller_id:                 i32 = -1,
        brokers:                       Array<'a, DescribeClusterBroker<'a>>,
        cluster_authorized_operations: i32 = -2147483648,
    }

    /// An element of [`DescribeClusterResponse::brokers`].
    pub struct DescribeClusterBroker<'a> {
        broker_id: i32,
        host:      &'a str,
        port:      i32,
        rack:      Option<&'a str> = null,
        is_fenced: bool [2..],
    }
}

wire! {
    /// Asks for topics and partitions a page at a time, where Metadata would be too large.
    pub struct DescribeTopicPartitionsRequest<'a> {
        topics:                   Array<'a, DescribeTopicPartitionsTopicRequest<'a>>,
        response_partition_limit: i32 = 2000,
        cursor:                   Option<Cursor<'a>> = null,
    }

    /// An element of [`DescribeTopicPartitionsRequest::topics`].
    pub struct DescribeTopicPartitionsTopicRequest<'a> {
        name: &'a str,
    }

    /// Used in [`DescribeTopicPartitionsRequest::cursor`] and
    /// [`DescribeTopicPartitionsResponse::next_cursor`].
    pub struct Cursor<'a> {
        topic_name:      &'a str,
        partition_index: i32,
    }
}

wire! {
    /// A page of topics and partitions, and where the next page begins.
    pub struct DescribeTopicPartitionsResponse<'a> {
        throttle_time_ms: i32,
        topics:           Array<'a, DescribeTopicPartitionsResponseTopic<'a>>,
        next_cursor:      Option<Cursor<'a>> = null,
    }

    /// An element of [`DescribeTopicPartitionsResponse::topics`].
    pub struct DescribeTopicPartitionsResponseTopic<'a> {
        error_code:                  ErrorCode,
        name:                        Option<&'a str>,
        topic_id:                    Uuid,
        is_internal:                 bool,
        partitions:                  Array<'a, DescribeTopicPartitionsResponsePartition<'a>>,
        topic_authorized_operations: i32 = -2147483648,
    }

    /// An element of [`DescribeTopicPartitionsResponseTopic::partitions`].
    pub struct DescribeTopicPartitionsResponsePartition<'a> {
        error_code:               ErrorCode,
        partition_index:          i32,
        leader_id:                i32,
        leader_epoch:             i32 = -1,
        replica_nodes:            Array<'a, i32>,
        isr_nodes:                Array<'a, i32>,
        eligible_leader_replicas: Option<Array<'a, i32>> = null,
        last_known_elr:           Option<Array<'a, i32>> = null,
        offline_replicas:         Array<'a, i32>,
    }
}
