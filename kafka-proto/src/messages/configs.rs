//! Configurations of topics, brokers and other resources.

use crate::ErrorCode;
use crate::wire::Array;

wire! {
    /// Asks for the configuration of topics, brokers and other resources.
    pub struct DescribeConfigsRequest<'a> {
        resources:             Array<'a, DescribeConfigsResource<'a>>,
        include_synonyms:      bool,
        include_documentation: bool [3..],
    }

    /// An element of [`DescribeConfigsRequest::resources`].
    pub struct DescribeConfigsResource<'a> {
        resource_type:      i8,
        resource_name:      &'a str,
        configuration_keys: Option<Array<'a, &'a str>>,
    }
}

wire! {
    /// The settings, where each comes from, and what else it can be called.
    pub struct DescribeConfigsResponse<'a> {
        throttle_time_ms: i32,
        results:          Array<'a, DescribeConfigsResult<'a>>,
    }

    /// An element of [`DescribeConfigsResponse::results`].
    pub struct DescribeConfigsResult<'a> {
        error_code:    ErrorCode,
        error_message: Option<&'a str>,
        resource_type: i8,
        resource_name: &'a str,
        configs:       Array<'a, DescribeConfigsResourceResult<'a>>,
    }

    /// An element of [`DescribeConfigsResult::configs`].
    pub struct DescribeConfigsResourceResult<'a> {
        name:          &'a str,
        value:         Option<&'a str>,
        read_only:     bool,
        config_source: i8 = -1,
        is_sensitive:  bool,
        synonyms:      Array<'a, DescribeConfigsSynonym<'a>>,
        config_type:   i8              [3..],
        documentation: Option<&'a str> [3..],
    }

    /// An element of [`DescribeConfigsResourceResult::synonyms`].
    pub struct DescribeConfigsSynonym<'a> {
        name:   &'a str,
        value:  Option<&'a str>,
        source: i8,
    }
}

wire! {
    /// Replaces the whole configuration of resources: what is not named goes back to its default.
    /// IncrementalAlterConfigs is kinder.
    pub struct AlterConfigsRequest<'a> {
        resources:     Array<'a, AlterConfigsResource<'a>>,
        validate_only: bool,
    }

    /// An element of [`AlterConfigsRequest::resources`].
    pub struct AlterConfigsResource<'a> {
        resource_type: i8,
        resource_name: &'a str,
        configs:       Array<'a, AlterConfigsAlterableConfig<'a>>,
    }

    /// An element of [`AlterConfigsResource::configs`].
    pub struct AlterConfigsAlterableConfig<'a> {
        name:  &'a str,
        value: Option<&'a str>,
    }
}

wire! {
    /// What came of each resource.
    pub struct AlterConfigsResponse<'a> {
        throttle_time_ms: i32,
        responses:        Array<'a, AlterConfigsResourceResponse<'a>>,
    }

    /// Used in [`AlterConfigsResponse::responses`] and [`IncrementalAlterConfigsResponse::responses`].
    pub struct AlterConfigsResourceResponse<'a> {
        error_code:    ErrorCode,
        error_message: Option<&'a str>,
        resource_type: i8,
        resource_name: &'a str,
    }
}

wire! {
    /// Sets, deletes, extends or shortens single settings and leaves the others alone.
    pub struct IncrementalAlterConfigsRequest<'a> {
        resources:     Array<'a, IncrementalAlterConfigsResource<'a>>,
        validate_only: bool,
    }

    /// An element of [`IncrementalAlterConfigsRequest::resources`].
    pub struct IncrementalAlterConfigsResource<'a> {
        resource_type: i8,
        resource_name: &'a str,
        configs:       Array<'a, IncrementalAlterConfigsAlterableConfig<'a>>,
    }

    /// An element of [`IncrementalAlterConfigsResource::configs`].
    pub struct IncrementalAlterConfigsAlterableConfig<'a> {
        name:             &'a str,
        config_operation: i8,
        value:            Option<&'a str>,
    }
}

wire! {
    /// What came of each resource.
    pub struct IncrementalAlterConfigsResponse<'a> {
        throttle_time_ms: i32,
        responses:        Array<'a, AlterConfigsResourceResponse<'a>>,
    }
}

wire! {
    /// Asks for the resources that have a configuration of their own.
    pub struct ListConfigResourcesRequest<'a> {
        resource_types: Array<'a, i8> [1..],
    }
}

wire! {
    /// Their types and names.
    pub struct ListConfigResourcesResponse<'a> {
        throttle_time_ms: i32,
        error_code:       ErrorCode,
        config_resources: Array<'a, ConfigResource<'a>>,
    }

    /// An element of [`ListConfigResourcesResponse::config_resources`].
    pub struct ConfigResource<'a> {
        resource_name: &'a str,
        resource_type: i8 = 16 [1..],
    }
}
