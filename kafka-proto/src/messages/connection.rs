//! What a connection begins with: versions and authentication.

use crate::ErrorCode;
use crate::wire::Array;

wire! {
    /// The request of SaslHandshake.
    pub struct SaslHandshakeRequest<'a> {
        mechanism: &'a str,
    }
}

wire! {
    /// The response of SaslHandshake.
    pub struct SaslHandshakeResponse<'a> {
        error_code: ErrorCode,
        mechanisms: Array<'a, &'a str>,
    }
}

wire! {
    /// The request of ApiVersions.
    pub struct ApiVersionsRequest<'a> {
        client_software_name:    &'a str                [3..],
        client_software_version: &'a str                [3..],
        cluster_id:              Option<&'a str> = null [5..],
        node_id:                 i32 = -1               [5..],
    }
}

wire! {
    /// The response of ApiVersions.
    pub struct ApiVersionsResponse<'a> {
        error_code:       ErrorCode,
        api_keys:         Array<'a, ApiVersion>,
        throttle_time_ms: i32 [1..],
    } tagged {
        0 => supported_features:       Array<'a, SupportedFeatureKey<'a>> [3..],
        1 => finalized_features_epoch: i64 = -1                           [3..],
        2 => finalized_features:       Array<'a, FinalizedFeatureKey<'a>> [3..],
        3 => zk_migration_ready:       bool                               [3..],
    }

    /// An element of [`ApiVersionsResponse::api_keys`].
    pub struct ApiVersion {
        api_key:     i16,
        min_version: i16,
        max_version: i16,
    }

    /// An element of [`ApiVersionsResponse::supported_features`].
    pub struct SupportedFeatureKey<'a> {
        name:        &'a str,
        min_version: i16,
        max_version: i16,
    }

    /// An element of [`ApiVersionsResponse::finalized_features`].
    pub struct FinalizedFeatureKey<'a> {
        name:              &'a str,
        max_version_level: i16,
        min_version_level: i16,
    }
}

wire! {
    /// The request of SaslAuthenticate.
    pub struct SaslAuthenticateRequest<'a> {
        auth_bytes: &'a [u8],
    }
}

wire! {
    /// The response of SaslAuthenticate.
    pub struct SaslAuthenticateResponse<'a> {
        error_code:          ErrorCode,
        error_message:       Option<&'a str>,
        auth_bytes:          &'a [u8],
        session_lifetime_ms: i64 [1..],
    }
}
