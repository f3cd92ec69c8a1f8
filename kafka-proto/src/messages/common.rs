//! Structures that several subjects share.

use crate::wire::Array;

wire! {
    /// The partition's leader and its epoch; −1 where unknown.
    pub struct LeaderIdAndEpoch {
        leader_id:    i32 = -1,
        leader_epoch: i32 = -1,
    }

    /// A broker that leads partitions named in the same response, so that nobody has to ask for metadata
    /// first (KIP-951).
    pub struct NodeEndpoint<'a> {
        node_id: i32,
        host:    &'a str,
        port:    i32,
        rack:    Option<&'a str> = null,
    }

    /// A way to reach a controller.
    pub struct Listener<'a> {
        name: &'a str,
        host: &'a str,
        port: u16,
    }

    /// A name and what it stands for.
    pub struct KeyValue<'a> {
        key:   &'a str,
        value: &'a str,
    }

    /// An internal topic of a Streams application.
    pub struct TopicInfo<'a> {
        name:               &'a str,
        partitions:         i32,
        replication_factor: i16,
        topic_configs:      Array<'a, KeyValue<'a>>,
    }

    /// Tasks of one subtopology, by partition.
    pub struct TaskIds<'a> {
        subtopology_id: &'a str,
        partitions:     Array<'a, i32>,
    }

    /// How far a task has got.
    pub struct TaskOffset<'a> {
        subtopology_id: &'a str,
        partition:      i32,
        offset:         i64,
    }

    /// Partitions of a topic.
    pub struct TopicPartition<'a> {
        topic:      &'a str,
        partitions: Array<'a, i32>,
    }

    /// A source, processor or sink. What matters depends on the type.
    pub struct TopologyDescriptionNode<'a> {
        name:          &'a str,
        node_type:     i8,
        source_topics: Array<'a, &'a str>,
        sink_topic:    Option<&'a str> = null,
        stores:        Array<'a, &'a str>,
        successors:    Array<'a, &'a str>,
    }

    /// A part of the topology that can run by itself.
    pub struct TopologyDescriptionSubtopology<'a> {
        subtopology_id: &'a str,
        nodes:          Array<'a, TopologyDescriptionNode<'a>>,
    }

    /// A store that every instance holds in full, and what fills it.
    pub struct TopologyDescriptionGlobalStore<'a> {
        source:    TopologyDescriptionNode<'a>,
        processor: TopologyDescriptionNode<'a>,
    }

    /// A Streams application's topology as people read it.
    pub struct TopologyDescription<'a> {
        subtopologies: Array<'a, TopologyDescriptionSubtopology<'a>>,
        global_stores: Array<'a, TopologyDescriptionGlobalStore<'a>>,
    }
}
