//! One API each, as a client uses it.

use kafka_proto::frame::{EncodedFrame, decode_response_header, encode_request};
use kafka_proto::messages::*;
use kafka_proto::{ApiKey, DecodeError, EncodeError, Message};

macro_rules! client {
    ($($encode:ident $request:ident $(<$q:lifetime>)?, $decode:ident $response:ident $(<$r:lifetime>)?;)*) => {
        $(
            #[unsafe(no_mangle)]
            pub fn $encode(
                request: &$request $(<$q>)?,
                version: i16,
                out: &mut [u8],
                gaps: &mut [u32],
            ) -> Result<EncodedFrame, EncodeError> {
                encode_request(out, (version, 1, Some("proof")), request, gaps)
            }

            // Some responses borrow nothing.
            #[allow(clippy::needless_lifetimes)]
            // The message is handed out whole, so none of its fields can be left unread.
            #[unsafe(no_mangle)]
            pub fn $decode<'a>(
                version: i16,
                body: &'a [u8],
            ) -> Result<client!(@ $response $(<$r>)?), DecodeError> {
                $response::decode(version, body)
            }
        )*
    };
    (@ $response:ident <$r:lifetime>) => { $response<'a> };
    (@ $response:ident) => { $response };
}

client! {
    proof_client_produce_request ProduceRequest<'_>, proof_client_produce_response ProduceResponse<'a>;
    proof_client_fetch_request FetchRequest<'_>, proof_client_fetch_response FetchResponse<'a>;
    proof_client_metadata_request MetadataRequest<'_>, proof_client_metadata_response MetadataResponse<'a>;
    proof_client_api_versions_request ApiVersionsRequest<'_>, proof_client_api_versions_response ApiVersionsResponse<'a>;
    proof_client_join_group_request JoinGroupRequest<'_>, proof_client_join_group_response JoinGroupResponse<'a>;
    proof_client_heartbeat_request HeartbeatRequest<'_>, proof_client_heartbeat_response HeartbeatResponse;
}

#[cfg(not(feature = "twelve"))]
client! {
    proof_client_list_offsets_request ListOffsetsRequest<'_>, proof_client_list_offsets_response ListOffsetsResponse<'a>;
    proof_client_init_producer_id_request InitProducerIdRequest<'_>, proof_client_init_producer_id_response InitProducerIdResponse;
    proof_client_find_coordinator_request FindCoordinatorRequest<'_>, proof_client_find_coordinator_response FindCoordinatorResponse<'a>;
    proof_client_sync_group_request SyncGroupRequest<'_>, proof_client_sync_group_response SyncGroupResponse<'a>;
    proof_client_leave_group_request LeaveGroupRequest<'_>, proof_client_leave_group_response LeaveGroupResponse<'a>;
    proof_client_consumer_group_heartbeat_request ConsumerGroupHeartbeatRequest<'_>, proof_client_consumer_group_heartbeat_response ConsumerGroupHeartbeatResponse<'a>;
    proof_client_offset_commit_request OffsetCommitRequest<'_>, proof_client_offset_commit_response OffsetCommitResponse<'a>;
    proof_client_offset_fetch_request OffsetFetchRequest<'_>, proof_client_offset_fetch_response OffsetFetchResponse<'a>;
    proof_client_add_partitions_to_txn_request AddPartitionsToTxnRequest<'_>, proof_client_add_partitions_to_txn_response AddPartitionsToTxnResponse<'a>;
    proof_client_add_offsets_to_txn_request AddOffsetsToTxnRequest<'_>, proof_client_add_offsets_to_txn_response AddOffsetsToTxnResponse;
    proof_client_txn_offset_commit_request TxnOffsetCommitRequest<'_>, proof_client_txn_offset_commit_response TxnOffsetCommitResponse<'a>;
    proof_client_end_txn_request EndTxnRequest<'_>, proof_client_end_txn_response EndTxnResponse;
    proof_client_sasl_handshake_request SaslHandshakeRequest<'_>, proof_client_sasl_handshake_response SaslHandshakeResponse<'a>;
    proof_client_sasl_authenticate_request SaslAuthenticateRequest<'_>, proof_client_sasl_authenticate_response SaslAuthenticateResponse<'a>;
    proof_client_create_topics_request CreateTopicsRequest<'_>, proof_client_create_topics_response CreateTopicsResponse<'a>;
}

/// The header in front of each response.
#[unsafe(no_mangle)]
pub fn proof_client_header(key: i16, version: i16, frame: &[u8]) -> i32 {
    decode_response_header(ApiKey(key), version, frame).map_or(-1, |(correlation_id, _)| correlation_id)
}
