//! Structures that several subjects share.

use crate::wire::Array;

wire! {
    /// Used in [`PartitionProduceResponse::current_leader`] and [`FetchPartitionData::current_leader`].
    pub struct LeaderIdAndEpoch {
        leader_id:    i32 = -1,
        leader_epoch: i32 = -1,
    }

    /// Used in [`ProduceResponse::node_endpoints`], [`FetchResponse::node_endpoints`] and
    /// [`ShareFetchResponse::node_endpoints`].
    pub struct NodeEndpoint<'a> {
        node_id: i32,
        host:    &'a str,
        port:    i32,
        rack:    Option<&'a str> = null,
    }

    /// Used in [`Node::listeners`] and [`AddRaftVoterRequest::listeners`].
    pub struct Listener<'a> {
        name: &'a str,
        host: &'a str,
        port: u16,
    }

    /// Used in [`TopicInfo::topic_configs`], [`StreamsGroupHeartbeatRequest::client_tags`] and
    /// [`StreamsGroupDescribeMember::client_tags`].
    pub struct KeyValue<'a> {
        key:   &'a str,
        value: &'a str,
    }

    /// Used in [`StreamsGroupHeartbeatSubtopology::state_changelog_topics`],
    /// [`StreamsGroupHeartbeatSubtopology::repartition_source_topics`] and
    /// [`StreamsGroupDescribeSubtopology::state_changelog_topics`].
    pub struct TopicInfo<'a> {
        name:               &'a str,
        partitions:         i32,
        replication_factor: i16,
        topic_configs:      Array<'a, KeyValue<'a>>,
    }

    /// Used in [`StreamsGroupHeartbeatRequest::active_tasks`],
    /// [`StreamsGroupHeartbeatRequest::standby_tasks`] and [`StreamsGroupHeartbeatRequest::warmup_tasks`].
    pub struct TaskIds<'a> {
        subtopology_id: &'a str,
        partitions:     Array<'a, i32>,
    }

    /// Used in [`StreamsGroupHeartbeatRequest::task_offsets`],
    /// [`StreamsGroupHeartbeatRequest::task_end_offsets`] and [`StreamsGroupDescribeMember::task_offsets`].
    pub struct TaskOffset<'a> {
        subtopology_id: &'a str,
        partition:      i32,
        offset:         i64,
    }

    /// Used in [`EndpointToPartitions::active_partitions`], [`EndpointToPartitions::standby_partitions`] and
    /// [`ConsumerProtocolAssignment::assigned_partitions`].
    pub struct TopicPartition<'a> {
        topic:      &'a str,
        partitions: Array<'a, i32>,
    }

    /// Used in [`TopologyDescriptionSubtopology::nodes`], [`TopologyDescriptionGlobalStore::source`] and
    /// [`TopologyDescriptionGlobalStore::processor`].
    pub struct TopologyDescriptionNode<'a> {
        name:          &'a str,
        node_type:     i8,
        source_topics: Array<'a, &'a str>,
        sink_topic:    Option<&'a str> = null,
        stores:        Array<'a, &'a str>,
        successors:    Array<'a, &'a str>,
    }

    /// An element of [`TopologyDescription::subtopologies`].
    pub struct TopologyDescriptionSubtopology<'a> {
        subtopology_id: &'a str,
        nodes:          Array<'a, TopologyDescriptionNode<'a>>,
    }

    /// An element of [`TopologyDescription::global_stores`].
    pub struct TopologyDescriptionGlobalStore<'a> {
        source:    TopologyDescriptionNode<'a>,
        processor: TopologyDescriptionNode<'a>,
    }

    /// Used in [`StreamsGroupDescribeDescribedGroup::topology_description`] and
    /// [`StreamsGroupTopologyDescriptionUpdateRequest::topology_description`].
    pub struct TopologyDescription<'a> {
        subtopologies: Array<'a, TopologyDescriptionSubtopology<'a>>,
        global_stores: Array<'a, TopologyDescriptionGlobalStore<'a>>,
    }
}
