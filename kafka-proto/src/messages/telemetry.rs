//! Client metrics that the broker asks for (KIP-714).

use crate::ErrorCode;
use crate::wire::{Array, Uuid};

wire! {
    /// Asks which metrics the cluster would like to have from this client.
    pub struct GetTelemetrySubscriptionsRequest {
        client_instance_id: Uuid,
    }
}

wire! {
    /// Which metrics to push, how often, and compressed in which ways.
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
    /// Sends the client's metrics in OpenTelemetry's format.
    pub struct PushTelemetryRequest<'a> {
        client_instance_id: Uuid,
        subscription_id:    i32,
        terminating:        bool,
        compression_type:   i8,
        metrics:            &'a [u8],
    }
}

wire! {
    /// Whether they were taken.
    pub struct PushTelemetryResponse {
        throttle_time_ms: i32,
        error_code:       ErrorCode,
    }
}
