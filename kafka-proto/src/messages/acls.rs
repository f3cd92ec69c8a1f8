//! Access control lists.

use crate::ErrorCode;
use crate::wire::Array;

wire! {
    /// Asks for the access rules that match a filter.
    pub struct DescribeAclsRequest<'a> {
        resource_type_filter: i8,
        resource_name_filter: Option<&'a str>,
        pattern_type_filter:  i8 = 3,
        principal_filter:     Option<&'a str>,
        host_filter:          Option<&'a str>,
        operation:            i8,
        permission_type:      i8,
    }
}

wire! {
    /// The rules, grouped by resource.
    pub struct DescribeAclsResponse<'a> {
        throttle_time_ms: i32,
        error_code:       ErrorCode,
        error_message:    Option<&'a str>,
        resources:        Array<'a, DescribeAclsResource<'a>>,
    }

    /// An element of [`DescribeAclsResponse::resources`].
    pub struct DescribeAclsResource<'a> {
        resource_type: i8,
        resource_name: &'a str,
        pattern_type:  i8 = 3,
        acls:          Array<'a, AclDescription<'a>>,
    }

    /// An element of [`DescribeAclsResource::acls`].
    pub struct AclDescription<'a> {
        principal:       &'a str,
        host:            &'a str,
        operation:       i8,
        permission_type: i8,
    }
}

wire! {
    /// Adds access rules.
    pub struct CreateAclsRequest<'a> {
        creations: Array<'a, AclCreation<'a>>,
    }

    /// An element of [`CreateAclsRequest::creations`].
    pub struct AclCreation<'a> {
        resource_type:         i8,
        resource_name:         &'a str,
        resource_pattern_type: i8 = 3,
        principal:             &'a str,
        host:                  &'a str,
        operation:             i8,
        permission_type:       i8,
    }
}

wire! {
    /// What came of each rule, in the order of the request.
    pub struct CreateAclsResponse<'a> {
        throttle_time_ms: i32,
        results:          Array<'a, AclCreationResult<'a>>,
    }

    /// An element of [`CreateAclsResponse::results`].
    pub struct AclCreationResult<'a> {
        error_code:    ErrorCode,
        error_message: Option<&'a str>,
    }
}

wire! {
    /// Removes all access rules that match one of the filters.
    pub struct DeleteAclsRequest<'a> {
        filters: Array<'a, DeleteAclsFilter<'a>>,
    }

    /// An element of [`DeleteAclsRequest::filters`].
    pub struct DeleteAclsFilter<'a> {
        resource_type_filter: i8,
        resource_name_filter: Option<&'a str>,
        pattern_type_filter:  i8 = 3,
        principal_filter:     Option<&'a str>,
        host_filter:          Option<&'a str>,
        operation:            i8,
        permission_type:      i8,
    }
}

wire! {
    /// The rules that each filter removed.
    pub struct DeleteAclsResponse<'a> {
        throttle_time_ms: i32,
        filter_results:   Array<'a, DeleteAclsFilterResult<'a>>,
    }

    /// An element of [`DeleteAclsResponse::filter_results`].
    pub struct DeleteAclsFilterResult<'a> {
        error_code:    ErrorCode,
        error_message: Option<&'a str>,
        matching_acls: Array<'a, DeleteAclsMatchingAcl<'a>>,
    }

    /// An element of [`DeleteAclsFilterResult::matching_acls`].
    pub struct DeleteAclsMatchingAcl<'a> {
        error_code:      ErrorCode,
        error_message:   Option<&'a str>,
        resource_type:   i8,
        resource_name:   &'a str,
        pattern_type:    i8 = 3,
        principal:       &'a str,
        host:            &'a str,
        operation:       i8,
        permission_type: i8,
    }
}
