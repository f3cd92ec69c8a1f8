//! What was received, gone through to its last element. Each element goes to a function that nothing is known about, so
//! none of its fields can be left unread.

use kafka_proto::messages::*;

#[unsafe(no_mangle)]
pub fn proof_walk_produce(
    response: &ProduceResponse<'_>,
    topic: fn(&TopicProduceResponse<'_>),
    partition: fn(&PartitionProduceResponse<'_>),
) {
    for each in &response.responses {
        topic(&each);
        each.partition_responses.iter().for_each(|each| partition(&each));
    }
}

#[unsafe(no_mangle)]
pub fn proof_walk_fetch(
    response: &FetchResponse<'_>,
    topic: fn(&FetchableTopicResponse<'_>),
    partition: fn(&FetchPartitionData<'_>),
) {
    for each in &response.responses {
        topic(&each);
        each.partitions.iter().for_each(|each| partition(&each));
    }
}

#[unsafe(no_mangle)]
pub fn proof_walk_metadata(
    response: &MetadataResponse<'_>,
    broker: fn(&MetadataResponseBroker<'_>),
    topic: fn(&MetadataResponseTopic<'_>),
    partition: fn(&MetadataResponsePartition<'_>),
) {
    response.brokers.iter().for_each(|each| broker(&each));
    for each in &response.topics {
        topic(&each);
        each.partitions.iter().for_each(|each| partition(&each));
    }
}

#[unsafe(no_mangle)]
pub fn proof_walk_join_group(response: &JoinGroupResponse<'_>, member: fn(&JoinGroupResponseMember<'_>)) {
    response.members.iter().for_each(|each| member(&each));
}

#[unsafe(no_mangle)]
pub fn proof_walk_api_versions(response: &ApiVersionsResponse<'_>, api: fn(&ApiVersion)) {
    response.api_keys.iter().for_each(|each| api(&each));
}
