//! Membership in classic groups.

use crate::ErrorCode;
use crate::wire::Array;

wire! {
    /// The request of JoinGroup.
    pub struct JoinGroupRequest<'a> {
        group_id:             &'a str,
        session_timeout_ms:   i32,
        rebalance_timeout_ms: i32 = -1               [1..],
        member_id:            &'a str,
        group_instance_id:    Option<&'a str> = null [5..],
        protocol_type:        &'a str,
        protocols:            Array<'a, JoinGroupRequestProtocol<'a>>,
        reason:               Option<&'a str> = null [8..],
    }

    /// An element of [`JoinGroupRequest::protocols`].
    pub struct JoinGroupRequestProtocol<'a> {
        name:     &'a str,
        metadata: &'a [u8],
    }
}

wire! {
    /// The response of JoinGroup.
    pub struct JoinGroupResponse<'a> {
        throttle_time_ms: i32                    [2..],
        error_code:       ErrorCode,
        generation_id:    i32 = -1,
        protocol_type:    Option<&'a str> = null [7..],
        protocol_name:    Option<&'a str>        [0.., null 7..],
        leader:           &'a str,
        skip_assignment:  bool                   [9..],
        member_id:        &'a str,
        members:          Array<'a, JoinGroupResponseMember<'a>>,
    }

    /// An element of [`JoinGroupResponse::members`].
    pub struct JoinGroupResponseMember<'a> {
        member_id:         &'a str,
        group_instance_id: Option<&'a str> = null [5..],
        metadata:          &'a [u8],
    }
}

wire! {
    /// The request of Heartbeat.
    pub struct HeartbeatRequest<'a> {
        group_id:          &'a str,
        generation_id:     i32,
        member_id:         &'a str,
        group_instance_id: Option<&'a str> = null [3..],
    }
}

wire! {
    /// The response of Heartbeat.
    pub struct HeartbeatResponse {
        throttle_time_ms: i32 [1..],
        error_code:       ErrorCode,
    }
}

wire! {
    /// The request of LeaveGroup.
    pub struct LeaveGroupRequest<'a> {
        group_id:  &'a str,
        member_id: &'a str                       [0..=2],
        members:   Array<'a, MemberIdentity<'a>> [3..],
    }

    /// An element of [`LeaveGroupRequest::members`].
    pub struct MemberIdentity<'a> {
        member_id:         &'a str,
        group_instance_id: Option<&'a str> = null,
        reason:            Option<&'a str> = null [5..],
    }
}

wire! {
    /// The response of LeaveGroup.
    pub struct LeaveGroupResponse<'a> {
        throttle_time_ms: i32                           [1..],
        error_code:       ErrorCode,
        members:          Array<'a, MemberResponse<'a>> [3..],
    }

    /// An element of [`LeaveGroupResponse::members`].
    pub struct MemberResponse<'a> {
        member_id:         &'a str,
        group_instance_id: Option<&'a str>,
        error_code:        ErrorCode,
    }
}

wire! {
    /// The request of SyncGroup.
    pub struct SyncGroupRequest<'a> {
        group_id:          &'a str,
        generation_id:     i32,
        member_id:         &'a str,
        group_instance_id: Option<&'a str> = null [3..],
        protocol_type:     Option<&'a str> = null [5..],
        protocol_name:     Option<&'a str> = null [5..],
        assignments:       Array<'a, SyncGroupRequestAssignment<'a>>,
    }

    /// An element of [`SyncGroupRequest::assignments`].
    pub struct SyncGroupRequestAssignment<'a> {
        member_id:  &'a str,
        assignment: &'a [u8],
    }
}

wire! {
    /// The response of SyncGroup.
    pub struct SyncGroupResponse<'a> {
        throttle_time_ms: i32                    [1..],
        error_code:       ErrorCode,
        protocol_type:    Option<&'a str> = null [5..],
        protocol_name:    Option<&'a str> = null [5..],
        assignment:       &'a [u8],
    }
}
