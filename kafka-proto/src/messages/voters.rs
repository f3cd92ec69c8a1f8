//! Adding and removing members of the controller quorum (KIP-853).

use super::common::Listener;
use crate::ErrorCode;
use crate::wire::{Array, Uuid};

wire! {
    /// Adds a controller to the quorum.
    pub struct AddRaftVoterRequest<'a> {
        cluster_id:         Option<&'a str>,
        timeout_ms:         i32,
        voter_id:           i32,
        voter_directory_id: Uuid,
        listeners:          Array<'a, Listener<'a>>,
        ack_when_committed: bool = TRUE [1..],
    }
}

wire! {
    /// Whether it votes now.
    pub struct AddRaftVoterResponse<'a> {
        throttle_time_ms: i32,
        error_code:       ErrorCode,
        error_message:    Option<&'a str>,
    }
}

wire! {
    /// Removes a controller from the quorum.
    pub struct RemoveRaftVoterRequest<'a> {
        cluster_id:         Option<&'a str>,
        voter_id:           i32,
        voter_directory_id: Uuid,
    }
}

wire! {
    /// Whether it is gone.
    pub struct RemoveRaftVoterResponse<'a> {
        throttle_time_ms: i32,
        error_code:       ErrorCode,
        error_message:    Option<&'a str>,
    }
}
