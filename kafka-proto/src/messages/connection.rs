//! What a connection begins with: versions and authentication.

use crate::ErrorCode;
use crate::wire::Array;

wire! {
    /// Names the SASL mechanism that is to be used.
    pub struct SaslHandshakeRequest<'a> {
        mechanism: &'a str,
    }
}

wire! {
    /// Whether the mechanism is accepted, and which ones are.
    pub struct SaslHandshakeResponse<'a> {
        error_code: ErrorCode,
        mechanisms: Array<'a, &'a str>,
    }
}

wire! {
    /// Asks which versions of which APIs the broker speaks; the first request on a connection.
    pub struct ApiVersionsRequest<'a> {
        client_software_name:    &'a str                [3..],
        client_software_version: &'a str                [3..],
        cluster_id:              Option<&'a str> = null [5..],
        node_id:                 i32 = -1               [5..],
    }
}

wire! {
    /// Which versions of which APIs the broker speaks, and which features the cluster has settled on. Always
    /// read as version 0 when the error is UNSUPPORTED_VERSION.
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

    /// The versions of one API, both ends included.
    pub struct ApiVersion {
        api_key:     i16,
        min_version: i16,
        max_version: i16,
    }

    /// The versions of a feature that this broker could do.
    pub struct SupportedFeatureKey<'a> {
        name:        &'a str,
        min_version: i16,
        max_version: i16,
    }

    /// The versions of a feature that the cluster has settled on.
    pub struct FinalizedFeatureKey<'a> {
        name:              &'a str,
        max_version_level: i16,
        min_version_level: i16,
    }
}

wire! {
    /// Carries one message of the SASL exchange to the broker.
    pub struct SaslAuthenticateRequest<'a> {
        auth_bytes: &'a [u8],
    }
}

wire! {
    /// The broker's message in the SASL exchange, and for how long the session is good.
    pub struct SaslAuthenticateResponse<'a> {
        error_code:          ErrorCode,
        error_message:       Option<&'a str>,
        auth_bytes:          &'a [u8],
        session_lifetime_ms: i64 [1..],
    }
}
