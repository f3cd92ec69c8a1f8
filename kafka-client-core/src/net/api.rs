//! The APIs this client sends, and the version of each that a broker and the client have in common.

use kafka_proto::ApiKey;
use kafka_proto::messages::connection::ApiVersionsResponse;

/// An API the client sends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::enum_variant_names, reason = "ApiVersions is what Kafka calls it")]
pub(crate) enum Api {
    #[default]
    ApiVersions,
    Metadata,
    Produce,
    InitProducerId,
    Fetch,
    ListOffsets,
    FindCoordinator,
    AddPartitionsToTxn,
    AddOffsetsToTxn,
    TxnOffsetCommit,
    EndTxn,
}

const COUNT: usize = 11;

/// Key; oldest and newest version that the client negotiates, the newest no newer than this build speaks; and since when
/// a broker that asks for silence answers at once, and leaves it to the client to be silent (KIP-219).
const fn row(key: ApiKey, oldest: i16, newest: i16, silent_from: i16) -> (ApiKey, i16, i16, i16) {
    match key.versions() {
        Some(spoken) if spoken.max < newest => (key, oldest, spoken.max, silent_from),
        _ => (key, oldest, newest, silent_from),
    }
}

/// A [`row`] for each [`Api`], in the same order.
const SUPPORTED: [(ApiKey, i16, i16, i16); COUNT] = [
    row(ApiKey::API_VERSIONS, 0, 4, 2),
    row(ApiKey::METADATA, 1, 13, 6),
    row(ApiKey::PRODUCE, 3, 13, 6),
    row(ApiKey::INIT_PRODUCER_ID, 0, 5, 1),
    row(ApiKey::FETCH, 4, 17, 8),
    row(ApiKey::LIST_OFFSETS, 1, 10, 3),
    row(ApiKey::FIND_COORDINATOR, 0, 6, 2),
    row(ApiKey::ADD_PARTITIONS_TO_TXN, 0, 3, 1),
    row(ApiKey::ADD_OFFSETS_TO_TXN, 0, 4, 1),
    row(ApiKey::TXN_OFFSET_COMMIT, 0, 5, 1),
    row(ApiKey::END_TXN, 0, 5, 1),
];

impl Api {
    pub(crate) fn key(self) -> ApiKey {
        SUPPORTED.get(self as usize).map_or(ApiKey::API_VERSIONS, |s| s.0)
    }

    /// Whether an answer of this version means the client when it names a time to be silent.
    pub(crate) fn asks_for_silence(self, version: i16) -> bool {
        SUPPORTED.get(self as usize).is_some_and(|s| version >= s.3)
    }

    /// The newest version of ours.
    pub(crate) fn newest(self) -> i16 {
        SUPPORTED.get(self as usize).map_or(0, |s| s.2)
    }
}

/// What one broker and the client have in common: a version for each [`Api`], −1 where there is none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Versions([i8; COUNT]);

impl Default for Versions {
    fn default() -> Self {
        Versions([-1; COUNT])
    }
}

impl Versions {
    pub(crate) fn of(&self, api: Api) -> Option<i16> {
        self.0.get(api as usize).copied().filter(|v| *v >= 0).map(i16::from)
    }

    /// The highest common version of each API the broker lists.
    pub(crate) fn negotiate(response: &ApiVersionsResponse<'_>) -> Versions {
        let mut versions = Versions::default();
        for listed in response.api_keys.iter() {
            for (ours, version) in SUPPORTED.iter().zip(versions.0.iter_mut()) {
                let (key, oldest, newest, _) = *ours;
                let common = newest.min(listed.max_version);
                if key.0 == listed.api_key && common >= oldest.max(listed.min_version) {
                    *version = i8::try_from(common).unwrap_or(-1);
                }
            }
        }
        versions
    }
}
