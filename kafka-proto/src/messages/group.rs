//! Membership in classic groups.

use crate::ErrorCode;
use crate::wire::Array;

wire! {
    /// Enters a classic group or stays in it while it is rebalanced; offers the assignors that the member
    /// knows.
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

    /// An assignor, and what the member says in its format.
    pub struct JoinGroupRequestProtocol<'a> {
        name:     &'a str,
        metadata: &'a [u8],
    }
}

wire! {
    /// The new generation; the leader also gets the list of members, because it makes the assignment.
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

    /// A member, and what it said in the format of the chosen assignor.
    pub struct JoinGroupResponseMember<'a> {
        member_id:         &'a str,
        group_instance_id: Option<&'a str> = null [5..],
        metadata:          &'a [u8],
    }
}

wire! {
    /// Tells the coordinator of a classic group that the member is alive.
    pub struct HeartbeatRequest<'a> {
        group_id:          &'a str,
        generation_id:     i32,
        member_id:         &'a str,
        group_instance_id: Option<&'a str> = null [3..],
    }
}

wire! {
    /// Whether the member may go on, must rejoin, or is no longer known.
    pub struct HeartbeatResponse {
        throttle_time_ms: i32 [1..],
        error_code:       ErrorCode,
    }
}

wire! {
    /// Leaves a classic group, so that its partitions move on at once. Several members from version 3 on.
    pub struct LeaveGroupRequest<'a> {
        group_id:  &'a str,
        member_id: &'a str                       [0..=2],
        members:   Array<'a, MemberIdentity<'a>> [3..],
    }

    /// A member that leaves.
    pub struct MemberIdentity<'a> {
        member_id:         &'a str,
        group_instance_id: Option<&'a str> = null,
        reason:            Option<&'a str> = null [5..],
    }
}

wire! {
    /// Whether each member left.
    pub struct LeaveGroupResponse<'a> {
        throttle_time_ms: i32                           [1..],
        error_code:       ErrorCode,
        members:          Array<'a, MemberResponse<'a>> [3..],
    }

    /// Whether it left.
    pub struct MemberResponse<'a> {
        member_id:         &'a str,
        group_instance_id: Option<&'a str>,
        error_code:        ErrorCode,
    }
}

wire! {
    /// Fetches the member's assignment in a new generation; the leader brings everybody's.
    pub struct SyncGroupRequest<'a> {
        group_id:          &'a str,
        generation_id:     i32,
        member_id:         &'a str,
        group_instance_id: Option<&'a str> = null [3..],
        protocol_type:     Option<&'a str> = null [5..],
        protocol_name:     Option<&'a str> = null [5..],
        assignments:       Array<'a, SyncGroupRequestAssignment<'a>>,
    }

    /// What the leader assigns to a member.
    pub struct SyncGroupRequestAssignment<'a> {
        member_id:  &'a str,
        assignment: &'a [u8],
    }
}

wire! {
    /// What this member was assigned, in the format of the group's protocol.
    pub struct SyncGroupResponse<'a> {
        throttle_time_ms: i32                    [1..],
        error_code:       ErrorCode,
        protocol_type:    Option<&'a str> = null [5..],
        protocol_name:    Option<&'a str> = null [5..],
        assignment:       &'a [u8],
    }
}
