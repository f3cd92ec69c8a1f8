//! Which versions of which API each emulated release speaks, computed from the releases' own jars; only what this
//! broker implements is listed.

use kafka_proto::{ApiKey, VersionRange};

use crate::config::Release;

/// Key, the highest version in 2.1, 2.8 and 3.9 (-1: not there; the lowest is always 0), and the range in 4.3.
type Row = (ApiKey, i16, i16, i16, (i16, i16));

const TABLE: &[Row] = &[
    (ApiKey::PRODUCE, 7, 9, 11, (3, 13)),
    (ApiKey::FETCH, 10, 12, 17, (4, 18)),
    (ApiKey::LIST_OFFSETS, 4, 6, 9, (1, 11)),
    (ApiKey::METADATA, 7, 11, 12, (0, 13)),
    (ApiKey::OFFSET_COMMIT, 6, 8, 9, (2, 10)),
    (ApiKey::OFFSET_FETCH, 5, 7, 9, (1, 10)),
    (ApiKey::FIND_COORDINATOR, 2, 3, 6, (0, 6)),
    (ApiKey::JOIN_GROUP, 3, 7, 9, (0, 9)),
    (ApiKey::HEARTBEAT, 2, 4, 4, (0, 4)),
    (ApiKey::LEAVE_GROUP, 2, 4, 5, (0, 5)),
    (ApiKey::SYNC_GROUP, 2, 5, 5, (0, 5)),
    (ApiKey::DESCRIBE_GROUPS, 2, 5, 5, (0, 6)),
    (ApiKey::LIST_GROUPS, 2, 4, 5, (0, 5)),
    (ApiKey::SASL_HANDSHAKE, 1, 1, 1, (0, 1)),
    (ApiKey::SASL_AUTHENTICATE, 0, 2, 2, (0, 2)),
    (ApiKey::API_VERSIONS, 2, 3, 4, (0, 4)),
    (ApiKey::CREATE_TOPICS, 3, 7, 7, (2, 7)),
    (ApiKey::DELETE_TOPICS, 3, 6, 6, (1, 6)),
    (ApiKey::DELETE_RECORDS, 1, 2, 2, (0, 2)),
    (ApiKey::INIT_PRODUCER_ID, 1, 4, 5, (0, 5)),
    (ApiKey::OFFSET_FOR_LEADER_EPOCH, 2, 4, 4, (2, 4)),
    (ApiKey::ADD_PARTITIONS_TO_TXN, 1, 3, 5, (0, 5)),
    (ApiKey::ADD_OFFSETS_TO_TXN, 1, 3, 4, (0, 4)),
    (ApiKey::END_TXN, 1, 3, 4, (0, 5)),
    (ApiKey::TXN_OFFSET_COMMIT, 2, 3, 4, (0, 5)),
    (ApiKey::DESCRIBE_CONFIGS, 2, 4, 4, (1, 4)),
    (ApiKey::ALTER_CONFIGS, 1, 2, 2, (0, 2)),
    (ApiKey::CREATE_PARTITIONS, 1, 3, 3, (0, 3)),
    (ApiKey::DELETE_GROUPS, 1, 2, 2, (0, 2)),
    (ApiKey::INCREMENTAL_ALTER_CONFIGS, -1, 1, 1, (0, 1)),
    (ApiKey::OFFSET_DELETE, -1, 0, 0, (0, 0)),
    (ApiKey::DESCRIBE_CLUSTER, -1, 0, 1, (0, 2)),
    (ApiKey::CONSUMER_GROUP_HEARTBEAT, -1, -1, 0, (0, 1)),
    (ApiKey::CONSUMER_GROUP_DESCRIBE, -1, -1, 0, (0, 1)),
];

/// The versions `release` accepts of `key`, as far as kafka-proto decodes them; `None`: it does not know the API.
pub fn supported(release: Release, key: ApiKey) -> Option<VersionRange> {
    let (key, v2_1, v2_8, v3_9, v4_3) = *TABLE.iter().find(|row| row.0 == key)?;
    let (min, max) = match release {
        Release::V2_1 => (0, v2_1),
        Release::V2_8 => (0, v2_8),
        Release::V3_9 => (0, v3_9),
        Release::V4_3 => v4_3,
    };
    let known = key.versions()?;
    let range = VersionRange { min: min.max(known.min), max: max.min(known.max) };
    (range.min <= range.max).then_some(range)
}

/// What the ApiVersions response lists. Kafka 4 lists Produce from 0 for the sake of librdkafka (KAFKA-18659), and
/// rejects what it removed.
pub fn advertised(release: Release) -> impl Iterator<Item = (ApiKey, VersionRange)> {
    TABLE.iter().filter_map(move |row| {
        let range = supported(release, row.0)?;
        let listed_only = row.0 == ApiKey::PRODUCE && release == Release::V4_3;
        Some((row.0, if listed_only { VersionRange { min: 0, ..range } } else { range }))
    })
}
