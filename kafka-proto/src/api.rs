//! Every API: its key, its messages, its versions.

use crate::message::{Message, Request};
use crate::messages::*;
#[cfg(feature = "schema")]
use crate::schema::MessageSchema;
use crate::wire::{DecodeError, EncodeError, Fault, VersionRange};
use core::fmt;

/// The key of an API. Keys that are not known survive as numbers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ApiKey(pub i16);

/// Which of an API's two messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From client to broker.
    Request,
    /// From broker to client.
    Response,
}

macro_rules! apis {
    ($($key:literal $konst:ident $request:ident $(<$q:lifetime>)? => $response:ident $(<$r:lifetime>)?,
        $min:literal ..= $max:literal, flexible $flexible:tt;)*) => {
        impl ApiKey {
            $(
                #[doc = concat!("[`", stringify!($request), "`], versions ", $min, " to ", $max, ".")]
                pub const $konst: ApiKey = ApiKey($key);
            )*

            /// Every API, by key.
            pub const ALL: &'static [ApiKey] = &[$(ApiKey::$konst),*];

            /// The first version with compact lengths, tagged fields and the longer header; `i16::MAX` where there
            /// is none. `None` for an unknown key.
            pub fn flexible_from(self) -> Option<i16> {
                // A byte for each key, because this table is in every firmware.
                const NEVER: u8 = 0xfe;
                const UNKNOWN: u8 = 0xff;
                const TABLE: [u8; 95] = {
                    let mut table = [UNKNOWN; 95];
                    $(table[$key] = if flexible_from!($flexible) == i16::MAX {
                        NEVER
                    } else {
                        flexible_from!($flexible) as u8
                    };)*
                    table
                };
                match *TABLE.get(usize::try_from(self.0).ok()?)? {
                    UNKNOWN => None,
                    NEVER => Some(i16::MAX),
                    from => Some(from.into()),
                }
            }

            /// The versions this crate reads and writes. `None` for an unknown key.
            pub const fn versions(self) -> Option<VersionRange> {
                match self.0 {
                    $($key => Some(VersionRange::spoken($min, $max, flexible_from!($flexible))),)*
                    _ => None,
                }
            }

            /// The name without "Request", as in `Produce`. `None` for an unknown key.
            pub fn name(self) -> Option<&'static str> {
                let request = match self.0 {
                    $($key => stringify!($request),)*
                    _ => return None,
                };
                request.strip_suffix("Request")
            }
        }

        $(
            message! { $request $(<$q>)?, $min, $max, $flexible }
            message! { $response $(<$r>)?, $min, $max, $flexible }
            request! { $request $(<$q>)? => $response $(<$r>)?, $konst }
        )*

        /// Reads the body of a message of any API and writes it again to `out`; returns the length written.
        ///
        /// The bytes come out as they went in, except for tagged fields that are not known: those are dropped.
        pub fn transcode(
            key: ApiKey,
            version: i16,
            direction: Direction,
            body: &[u8],
            out: &mut [u8],
        ) -> Result<usize, TranscodeError> {
            match (key.0, direction) {
                $(
                    ($key, Direction::Request) => again($request::decode(version, body)?, version, out),
                    ($key, Direction::Response) => again($response::decode(version, body)?, version, out),
                )*
                _ => Err(TranscodeError::Decode(DecodeError::new(Fault::ApiKey, 0))),
            }
        }

        /// Reads the body of a message of any API and prints its fields.
        pub fn show(
            key: ApiKey,
            version: i16,
            direction: Direction,
            body: &[u8],
            out: &mut dyn fmt::Write,
        ) -> Result<(), DecodeError> {
            // What the caller's sink refuses is the caller's to notice.
            let _ = match (key.0, direction) {
                $(
                    ($key, Direction::Request) => write!(out, "{:?}", $request::decode(version, body)?),
                    ($key, Direction::Response) => write!(out, "{:?}", $response::decode(version, body)?),
                )*
                _ => return Err(DecodeError::new(Fault::ApiKey, 0)),
            };
            Ok(())
        }

        /// Every request and response as data.
        #[cfg(feature = "schema")]
        #[allow(elided_lifetimes_in_paths)]
        pub const MESSAGES: &[MessageSchema] = &[$(
            schema::<$request>(Some((ApiKey($key), Direction::Request))),
            schema::<$response>(Some((ApiKey($key), Direction::Response))),
        )*];
    };
}

/// The same for messages that are no requests or responses.
macro_rules! data {
    ($($name:ident $(<$lt:lifetime>)?, $min:literal ..= $max:literal, flexible $flexible:tt;)*) => {
        $(message! { $name $(<$lt>)?, $min, $max, $flexible })*

        /// The messages that are neither requests nor responses, as data.
        #[cfg(feature = "schema")]
        #[allow(elided_lifetimes_in_paths)]
        pub const EMBEDDED: &[MessageSchema] = &[$(schema::<$name>(None)),*];
    };
}

macro_rules! message {
    ($name:ident <$lt:lifetime>, $($rest:tt)*) => {
        impl<$lt> Message<$lt> for $name<$lt> { message! { @ $($rest)* } }
    };
    ($name:ident, $($rest:tt)*) => {
        impl<'a> Message<'a> for $name { message! { @ $($rest)* } }
    };
    (@ $min:literal, $max:literal, $flexible:tt) => {
        const VERSIONS: VersionRange = VersionRange::spoken($min, $max, flexible_from!($flexible));
        const FLEXIBLE_FROM: i16 = flexible_from!($flexible);
    };
}

macro_rules! request {
    ($name:ident <$lt:lifetime> => $($rest:tt)*) => {
        impl<$lt> Request<$lt> for $name<$lt> { request! { @ $($rest)* } }
    };
    ($name:ident => $($rest:tt)*) => {
        impl<'a> Request<'a> for $name { request! { @ $($rest)* } }
    };
    (@ $response:ident <$r:lifetime>, $konst:ident) => {
        const KEY: ApiKey = ApiKey::$konst;
        type Response<$r> = $response<$r>;
    };
    (@ $response:ident, $konst:ident) => {
        const KEY: ApiKey = ApiKey::$konst;
        type Response<'r> = $response;
    };
}

macro_rules! flexible_from {
    (never) => {
        i16::MAX
    };
    ($from:literal) => {
        $from
    };
}

apis! {
     0 PRODUCE ProduceRequest<'a> => ProduceResponse<'r>, 3..=13, flexible 9;
     1 FETCH FetchRequest<'a> => FetchResponse<'r>, 4..=18, flexible 12;
     2 LIST_OFFSETS ListOffsetsRequest<'a> => ListOffsetsResponse<'r>, 1..=11, flexible 6;
     3 METADATA MetadataRequest<'a> => MetadataResponse<'r>, 0..=13, flexible 9;
     8 OFFSET_COMMIT OffsetCommitRequest<'a> => OffsetCommitResponse<'r>, 2..=10, flexible 8;
     9 OFFSET_FETCH OffsetFetchRequest<'a> => OffsetFetchResponse<'r>, 1..=10, flexible 6;
    10 FIND_COORDINATOR FindCoordinatorRequest<'a> => FindCoordinatorResponse<'r>, 0..=6, flexible 3;
    11 JOIN_GROUP JoinGroupRequest<'a> => JoinGroupResponse<'r>, 0..=9, flexible 6;
    12 HEARTBEAT HeartbeatRequest<'a> => HeartbeatResponse, 0..=4, flexible 4;
    13 LEAVE_GROUP LeaveGroupRequest<'a> => LeaveGroupResponse<'r>, 0..=5, flexible 4;
    14 SYNC_GROUP SyncGroupRequest<'a> => SyncGroupResponse<'r>, 0..=5, flexible 4;
    15 DESCRIBE_GROUPS DescribeGroupsRequest<'a> => DescribeGroupsResponse<'r>, 0..=6, flexible 5;
    16 LIST_GROUPS ListGroupsRequest<'a> => ListGroupsResponse<'r>, 0..=5, flexible 3;
    17 SASL_HANDSHAKE SaslHandshakeRequest<'a> => SaslHandshakeResponse<'r>, 0..=1, flexible never;
    18 API_VERSIONS ApiVersionsRequest<'a> => ApiVersionsResponse<'r>, 0..=5, flexible 3;
    19 CREATE_TOPICS CreateTopicsRequest<'a> => CreateTopicsResponse<'r>, 2..=7, flexible 5;
    20 DELETE_TOPICS DeleteTopicsRequest<'a> => DeleteTopicsResponse<'r>, 1..=6, flexible 4;
    21 DELETE_RECORDS DeleteRecordsRequest<'a> => DeleteRecordsResponse<'r>, 0..=2, flexible 2;
    22 INIT_PRODUCER_ID InitProducerIdRequest<'a> => InitProducerIdResponse, 0..=6, flexible 2;
    23 OFFSET_FOR_LEADER_EPOCH OffsetForLeaderEpochRequest<'a> => OffsetForLeaderEpochResponse<'r>, 2..=4, flexible 4;
    24 ADD_PARTITIONS_TO_TXN AddPartitionsToTxnRequest<'a> => AddPartitionsToTxnResponse<'r>, 0..=5, flexible 3;
    25 ADD_OFFSETS_TO_TXN AddOffsetsToTxnRequest<'a> => AddOffsetsToTxnResponse, 0..=4, flexible 3;
    26 END_TXN EndTxnRequest<'a> => EndTxnResponse, 0..=5, flexible 3;
    27 WRITE_TXN_MARKERS WriteTxnMarkersRequest<'a> => WriteTxnMarkersResponse<'r>, 1..=2, flexible 1;
    28 TXN_OFFSET_COMMIT TxnOffsetCommitRequest<'a> => TxnOffsetCommitResponse<'r>, 0..=6, flexible 3;
    29 DESCRIBE_ACLS DescribeAclsRequest<'a> => DescribeAclsResponse<'r>, 1..=3, flexible 2;
    30 CREATE_ACLS CreateAclsRequest<'a> => CreateAclsResponse<'r>, 1..=3, flexible 2;
    31 DELETE_ACLS DeleteAclsRequest<'a> => DeleteAclsResponse<'r>, 1..=3, flexible 2;
    32 DESCRIBE_CONFIGS DescribeConfigsRequest<'a> => DescribeConfigsResponse<'r>, 1..=4, flexible 4;
    33 ALTER_CONFIGS AlterConfigsRequest<'a> => AlterConfigsResponse<'r>, 0..=2, flexible 2;
    34 ALTER_REPLICA_LOG_DIRS AlterReplicaLogDirsRequest<'a> => AlterReplicaLogDirsResponse<'r>, 1..=2, flexible 2;
    35 DESCRIBE_LOG_DIRS DescribeLogDirsRequest<'a> => DescribeLogDirsResponse<'r>, 1..=5, flexible 2;
    36 SASL_AUTHENTICATE SaslAuthenticateRequest<'a> => SaslAuthenticateResponse<'r>, 0..=2, flexible 2;
    37 CREATE_PARTITIONS CreatePartitionsRequest<'a> => CreatePartitionsResponse<'r>, 0..=3, flexible 2;
    38 CREATE_DELEGATION_TOKEN CreateDelegationTokenRequest<'a> => CreateDelegationTokenResponse<'r>, 1..=3, flexible 2;
    39 RENEW_DELEGATION_TOKEN RenewDelegationTokenRequest<'a> => RenewDelegationTokenResponse, 1..=2, flexible 2;
    40 EXPIRE_DELEGATION_TOKEN ExpireDelegationTokenRequest<'a> => ExpireDelegationTokenResponse, 1..=2, flexible 2;
    41 DESCRIBE_DELEGATION_TOKEN DescribeDelegationTokenRequest<'a> => DescribeDelegationTokenResponse<'r>, 1..=3, flexible 2;
    42 DELETE_GROUPS DeleteGroupsRequest<'a> => DeleteGroupsResponse<'r>, 0..=3, flexible 2;
    43 ELECT_LEADERS ElectLeadersRequest<'a> => ElectLeadersResponse<'r>, 0..=2, flexible 2;
    44 INCREMENTAL_ALTER_CONFIGS IncrementalAlterConfigsRequest<'a> => IncrementalAlterConfigsResponse<'r>, 0..=1, flexible 1;
    45 ALTER_PARTITION_REASSIGNMENTS AlterPartitionReassignmentsRequest<'a> => AlterPartitionReassignmentsResponse<'r>, 0..=1, flexible 0;
    46 LIST_PARTITION_REASSIGNMENTS ListPartitionReassignmentsRequest<'a> => ListPartitionReassignmentsResponse<'r>, 0..=0, flexible 0;
    47 OFFSET_DELETE OffsetDeleteRequest<'a> => OffsetDeleteResponse<'r>, 0..=0, flexible never;
    48 DESCRIBE_CLIENT_QUOTAS DescribeClientQuotasRequest<'a> => DescribeClientQuotasResponse<'r>, 0..=1, flexible 1;
    49 ALTER_CLIENT_QUOTAS AlterClientQuotasRequest<'a> => AlterClientQuotasResponse<'r>, 0..=1, flexible 1;
    50 DESCRIBE_USER_SCRAM_CREDENTIALS DescribeUserScramCredentialsRequest<'a> => DescribeUserScramCredentialsResponse<'r>, 0..=0, flexible 0;
    51 ALTER_USER_SCRAM_CREDENTIALS AlterUserScramCredentialsRequest<'a> => AlterUserScramCredentialsResponse<'r>, 0..=0, flexible 0;
    55 DESCRIBE_QUORUM DescribeQuorumRequest<'a> => DescribeQuorumResponse<'r>, 0..=2, flexible 0;
    57 UPDATE_FEATURES UpdateFeaturesRequest<'a> => UpdateFeaturesResponse<'r>, 0..=2, flexible 0;
    60 DESCRIBE_CLUSTER DescribeClusterRequest => DescribeClusterResponse<'r>, 0..=2, flexible 0;
    61 DESCRIBE_PRODUCERS DescribeProducersRequest<'a> => DescribeProducersResponse<'r>, 0..=0, flexible 0;
    64 UNREGISTER_BROKER UnregisterBrokerRequest => UnregisterBrokerResponse<'r>, 0..=0, flexible 0;
    65 DESCRIBE_TRANSACTIONS DescribeTransactionsRequest<'a> => DescribeTransactionsResponse<'r>, 0..=0, flexible 0;
    66 LIST_TRANSACTIONS ListTransactionsRequest<'a> => ListTransactionsResponse<'r>, 0..=2, flexible 0;
    68 CONSUMER_GROUP_HEARTBEAT ConsumerGroupHeartbeatRequest<'a> => ConsumerGroupHeartbeatResponse<'r>, 0..=1, flexible 0;
    69 CONSUMER_GROUP_DESCRIBE ConsumerGroupDescribeRequest<'a> => ConsumerGroupDescribeResponse<'r>, 0..=1, flexible 0;
    71 GET_TELEMETRY_SUBSCRIPTIONS GetTelemetrySubscriptionsRequest => GetTelemetrySubscriptionsResponse<'r>, 0..=0, flexible 0;
    72 PUSH_TELEMETRY PushTelemetryRequest<'a> => PushTelemetryResponse, 0..=0, flexible 0;
    74 LIST_CONFIG_RESOURCES ListConfigResourcesRequest<'a> => ListConfigResourcesResponse<'r>, 0..=1, flexible 0;
    75 DESCRIBE_TOPIC_PARTITIONS DescribeTopicPartitionsRequest<'a> => DescribeTopicPartitionsResponse<'r>, 0..=0, flexible 0;
    76 SHARE_GROUP_HEARTBEAT ShareGroupHeartbeatRequest<'a> => ShareGroupHeartbeatResponse<'r>, 1..=1, flexible 0;
    77 SHARE_GROUP_DESCRIBE ShareGroupDescribeRequest<'a> => ShareGroupDescribeResponse<'r>, 1..=1, flexible 0;
    78 SHARE_FETCH ShareFetchRequest<'a> => ShareFetchResponse<'r>, 1..=2, flexible 0;
    79 SHARE_ACKNOWLEDGE ShareAcknowledgeRequest<'a> => ShareAcknowledgeResponse<'r>, 1..=2, flexible 0;
    80 ADD_RAFT_VOTER AddRaftVoterRequest<'a> => AddRaftVoterResponse<'r>, 0..=1, flexible 0;
    81 REMOVE_RAFT_VOTER RemoveRaftVoterRequest<'a> => RemoveRaftVoterResponse<'r>, 0..=0, flexible 0;
    83 INITIALIZE_SHARE_GROUP_STATE InitializeShareGroupStateRequest<'a> => InitializeShareGroupStateResponse<'r>, 0..=0, flexible 0;
    84 READ_SHARE_GROUP_STATE ReadShareGroupStateRequest<'a> => ReadShareGroupStateResponse<'r>, 0..=0, flexible 0;
    85 WRITE_SHARE_GROUP_STATE WriteShareGroupStateRequest<'a> => WriteShareGroupStateResponse<'r>, 0..=1, flexible 0;
    86 DELETE_SHARE_GROUP_STATE DeleteShareGroupStateRequest<'a> => DeleteShareGroupStateResponse<'r>, 0..=0, flexible 0;
    87 READ_SHARE_GROUP_STATE_SUMMARY ReadShareGroupStateSummaryRequest<'a> => ReadShareGroupStateSummaryResponse<'r>, 0..=1, flexible 0;
    88 STREAMS_GROUP_HEARTBEAT StreamsGroupHeartbeatRequest<'a> => StreamsGroupHeartbeatResponse<'r>, 0..=1, flexible 0;
    89 STREAMS_GROUP_DESCRIBE StreamsGroupDescribeRequest<'a> => StreamsGroupDescribeResponse<'r>, 0..=1, flexible 0;
    90 DESCRIBE_SHARE_GROUP_OFFSETS DescribeShareGroupOffsetsRequest<'a> => DescribeShareGroupOffsetsResponse<'r>, 0..=1, flexible 0;
    91 ALTER_SHARE_GROUP_OFFSETS AlterShareGroupOffsetsRequest<'a> => AlterShareGroupOffsetsResponse<'r>, 0..=0, flexible 0;
    92 DELETE_SHARE_GROUP_OFFSETS DeleteShareGroupOffsetsRequest<'a> => DeleteShareGroupOffsetsResponse<'r>, 0..=0, flexible 0;
    93 STREAMS_GROUP_TOPOLOGY_DESCRIPTION_UPDATE StreamsGroupTopologyDescriptionUpdateRequest<'a> => StreamsGroupTopologyDescriptionUpdateResponse<'r>, 0..=0, flexible 0;
    94 UNREGISTER_CONTROLLER UnregisterControllerRequest => UnregisterControllerResponse<'r>, 0..=0, flexible 0;
}

data! {
    ConsumerProtocolAssignment<'a>, 0..=3, flexible never;
    ConsumerProtocolSubscription<'a>, 0..=3, flexible never;
    AbortedTxn, 0..=0, flexible never;
    ControlRecordTypeSchema, 0..=0, flexible never;
    EndTxnMarker, 0..=0, flexible never;
    LeaderChangeMessage<'a>, 0..=1, flexible 0;
    SnapshotHeaderRecord, 0..=0, flexible 0;
    SnapshotFooterRecord, 0..=0, flexible 0;
    KRaftVersionRecord, 0..=0, flexible 0;
    VotersRecord<'a>, 0..=0, flexible 0;
    DefaultPrincipalData<'a>, 0..=0, flexible 0;
}

#[cfg(feature = "schema")]
const fn schema<'a, M: Message<'a>>(api: Option<(ApiKey, Direction)>) -> MessageSchema {
    let body = match M::KIND {
        crate::schema::Kind::Structure(body) => body,
        _ => &crate::schema::Structure { name: "", fields: &[] },
    };
    MessageSchema { api, versions: M::VERSIONS, flexible_from: M::FLEXIBLE_FROM, body }
}

fn again<'a, M: Message<'a>>(message: M, version: i16, out: &mut [u8]) -> Result<usize, TranscodeError> {
    Ok(message.encode(version, out)?)
}

/// Why a message could not be read and written again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum TranscodeError {
    /// The bytes are not such a message.
    Decode(DecodeError),
    /// The message did not fit the buffer.
    Encode(EncodeError),
}

impl From<DecodeError> for TranscodeError {
    fn from(error: DecodeError) -> Self {
        TranscodeError::Decode(error)
    }
}

impl From<EncodeError> for TranscodeError {
    fn from(error: EncodeError) -> Self {
        TranscodeError::Encode(error)
    }
}

impl fmt::Display for TranscodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TranscodeError::Decode(error) => error.fmt(f),
            TranscodeError::Encode(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for TranscodeError {}

impl fmt::Display for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "API {}", self.0),
        }
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
