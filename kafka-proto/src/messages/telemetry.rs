//! Client metrics that the broker asks for (KIP-714).

use crate::ErrorCode;
use crate::wire::{Array, Uuid};

wire! {
    /// The request of GetTelemetrySubscriptions.
    pub struct GetTelemetrySubscriptionsRequest {
        client_instance_id: Uuid,
    }
}

wire! {
    /// The response of GetTelemetrySubscriptions.
    pub struct GetTelemetrySubscriptionsResponse<'a> {
        throttle_time_ms:           i32,
        error_code:                 ErrorCode,
        client_instance_id:         Uuid,
        subscription_id:            i32,
        accepted_compression_types: Array<'a, i8>,
        push_interval_ms:           i32,
        telemetry_max_bytes:        i32,
        delta_temporality:          bool,
        requested_metrics:          Array<'a, &'a str>,
    }
}

wire! {
    /// The request of PushTelemetry.
    pub struct PushTelemetryRequest<'a> {
        client_instance_id: Uuid,
        subscription_id:    i32,
        terminating:        bool,
        compression_type:   i8,
        metrics:            &'a [u8],
    }
}

wire! {
    /// The response of PushTelemetry.
    pub struct PushTelemetryResponse {
        throttle_time_ms: i32,
        error_code:       ErrorCode,
    }
}
