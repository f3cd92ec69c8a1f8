//! ApiVersions (KIP-35, KIP-511): what this release speaks, and its features (KIP-584).

use kafka_proto::ErrorCode;
use kafka_proto::messages::{
    ApiVersion, ApiVersionsRequest, ApiVersionsResponse, FinalizedFeatureKey, SupportedFeatureKey,
};
use kafka_proto::wire::Array;

use crate::cluster::Cluster;
use crate::config::Release;
use crate::request::{Hangup, Rq};
use crate::versions;

impl Cluster {
    pub(crate) fn api_versions(&mut self, rq: &Rq<'_>, accepted: bool) -> Result<(), Hangup> {
        let keys: Vec<ApiVersion> = versions::advertised(self.config.release)
            .map(|(key, range)| ApiVersion { api_key: key.0, min_version: range.min, max_version: range.max })
            .collect();
        if !accepted {
            // KIP-511: the answer to a version that is too new has the shape of version 0.
            let answer = ApiVersionsResponse {
                error_code: ErrorCode::UNSUPPORTED_VERSION,
                api_keys: Array::slice(&keys),
                ..ApiVersionsResponse::default()
            };
            let ticket = crate::conn::Ticket { version: 0, ..rq.ticket };
            self.conns.reply(&ticket, &answer);
            return Ok(());
        }
        let request: ApiVersionsRequest<'_> = rq.decode()?;
        let (supported, finalized) = features(self.config.release, self.config.transaction_version);
        let mut answer = ApiVersionsResponse {
            error_code: rq.forced.unwrap_or(ErrorCode::NONE),
            api_keys: Array::slice(&keys),
            throttle_time_ms: self.throttle_ms(),
            supported_features: Array::slice(&supported),
            // It goes up with each change: only this level changes.
            finalized_features_epoch: match finalized.len() {
                0 => -1,
                _ => 1 + i64::from(self.config.transaction_version),
            },
            finalized_features: Array::slice(&finalized),
            ..ApiVersionsResponse::default()
        };
        if rq.version >= 3 && !(legal(request.client_software_name) && legal(request.client_software_version))
        {
            answer.error_code = ErrorCode::INVALID_REQUEST;
            answer.api_keys = Array::EMPTY;
        }
        self.conns.reply(&rq.ticket, &answer);
        Ok(())
    }
}

/// KIP-511: `[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?`.
fn legal(name: &str) -> bool {
    let bytes = name.as_bytes();
    let ends = [bytes.first(), bytes.last()];
    let inner = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.');
    ends.iter().all(|b| b.is_some_and(u8::is_ascii_alphanumeric)) && bytes.iter().all(inner)
}

type Features = (Vec<SupportedFeatureKey<'static>>, Vec<FinalizedFeatureKey<'static>>);

fn features(release: Release, transaction_version: i16) -> Features {
    let mut features: Vec<(&'static str, i16, i16, i16)> = Vec::new();
    if release >= Release::V3_9 {
        let metadata = if release >= Release::V4_3 { 29 } else { 21 };
        features.push(("metadata.version", if release >= Release::V4_3 { 7 } else { 1 }, metadata, metadata));
    }
    if release >= Release::V4_3 {
        features.push(("transaction.version", 0, 2, transaction_version));
        features.push(("group.version", 0, 1, 1));
    }
    let supported = features.iter().map(|&(name, min_version, max_version, _)| SupportedFeatureKey {
        name,
        min_version,
        max_version,
    });
    let finalized = features.iter().filter(|f| f.3 > 0).map(|&(name, _, _, level)| FinalizedFeatureKey {
        name,
        max_version_level: level,
        min_version_level: level,
    });
    (supported.collect(), finalized.collect())
}
