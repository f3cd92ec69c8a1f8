//! Looking at groups and deleting them.

use crate::ErrorCode;
use crate::wire::Array;

wire! {
    /// Asks for the state and members of classic groups.
    pub struct DescribeGroupsRequest<'a> {
        groups:                        Array<'a, &'a str>,
        include_authorized_operations: bool [3..],
    }
}

wire! {
    /// State, protocol and members of each group.
    pub struct DescribeGroupsResponse<'a> {
        throttle_time_ms: i32 [1..],
        groups:           Array<'a, DescribeGroupsDescribedGroup<'a>>,
    }

    /// An element of [`DescribeGroupsResponse::groups`].
    pub struct DescribeGroupsDescribedGroup<'a> {
        error_code:            ErrorCode,
        error_message:         Option<&'a str> = null [6..],
        group_id:              &'a str,
        group_state:           &'a str,
        protocol_type:         &'a str,
        protocol_data:         &'a str,
        members:               Array<'a, DescribedGroupMember<'a>>,
        authorized_operations: i32 = -2147483648      [3..],
    }

    /// An element of [`DescribeGroupsDescribedGroup::members`].
    pub struct DescribedGroupMember<'a> {
        member_id:         &'a str,
        group_instance_id: Option<&'a str> = null [4..],
        client_id:         &'a str,
        client_host:       &'a str,
        member_metadata:   &'a [u8],
        member_assignment: &'a [u8],
    }
}

wire! {
    /// Asks a broker for the groups it coordinates, perhaps only those in some states or of some types.
    pub struct ListGroupsRequest<'a> {
        states_filter: Array<'a, &'a str> [4..],
        types_filter:  Array<'a, &'a str> [5..],
    }
}

wire! {
    /// The groups of this broker; others know of others.
    pub struct ListGroupsResponse<'a> {
        throttle_time_ms: i32 [1..],
        error_code:       ErrorCode,
        groups:           Array<'a, ListedGroup<'a>>,
    }

    /// An element of [`ListGroupsResponse::groups`].
    pub struct ListedGroup<'a> {
        group_id:      &'a str,
        protocol_type: &'a str,
        group_state:   &'a str [4..],
        group_type:    &'a str [5..],
    }
}

wire! {
    /// Deletes groups that have no members.
    pub struct DeleteGroupsRequest<'a> {
        groups_names: Array<'a, &'a str>,
    }
}

wire! {
    /// What came of each group.
    pub struct DeleteGroupsResponse<'a> {
        throttle_time_ms: i32,
        results:          Array<'a, DeletableGroupResult<'a>>,
    }

    /// An element of [`DeleteGroupsResponse::results`].
    pub struct DeletableGroupResult<'a> {
        group_id:      &'a str,
        error_code:    ErrorCode,
        error_message: Option<&'a str> = null [3..],
    }
}
