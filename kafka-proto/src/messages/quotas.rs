//! Client quotas (KIP-546).

use crate::ErrorCode;
use crate::wire::Array;

wire! {
    /// Asks for the quotas of the users, client ids and addresses that match.
    pub struct DescribeClientQuotasRequest<'a> {
        components: Array<'a, ComponentData<'a>>,
        strict:     bool,
    }

    /// An element of [`DescribeClientQuotasRequest::components`].
    pub struct ComponentData<'a> {
        entity_type: &'a str,
        match_type:  i8,
        r#match:     Option<&'a str>,
    }
}

wire! {
    /// The quotas of each entity that matched.
    pub struct DescribeClientQuotasResponse<'a> {
        throttle_time_ms: i32,
        error_code:       ErrorCode,
        error_message:    Option<&'a str>,
        entries:          Option<Array<'a, DescribeClientQuotasEntryData<'a>>>,
    }

    /// An element of [`DescribeClientQuotasResponse::entries`].
    pub struct DescribeClientQuotasEntryData<'a> {
        entity: Array<'a, EntityData<'a>>,
        values: Array<'a, ValueData<'a>>,
    }

    /// Used in [`DescribeClientQuotasEntryData::entity`], [`AlterClientQuotasRequestEntryData::entity`] and
    /// [`AlterClientQuotasResponseEntryData::entity`].
    pub struct EntityData<'a> {
        entity_type: &'a str,
        entity_name: Option<&'a str>,
    }

    /// An element of [`DescribeClientQuotasEntryData::values`].
    pub struct ValueData<'a> {
        key:   &'a str,
        value: f64,
    }
}

wire! {
    /// Sets or removes quotas.
    pub struct AlterClientQuotasRequest<'a> {
        entries:       Array<'a, AlterClientQuotasRequestEntryData<'a>>,
        validate_only: bool,
    }

    /// An element of [`AlterClientQuotasRequest::entries`].
    pub struct AlterClientQuotasRequestEntryData<'a> {
        entity: Array<'a, EntityData<'a>>,
        ops:    Array<'a, OpData<'a>>,
    }

    /// An element of [`AlterClientQuotasRequestEntryData::ops`].
    pub struct OpData<'a> {
        key:    &'a str,
        value:  f64,
        remove: bool,
    }
}

wire! {
    /// What came of each entity.
    pub struct AlterClientQuotasResponse<'a> {
        throttle_time_ms: i32,
        entries:          Array<'a, AlterClientQuotasResponseEntryData<'a>>,
    }

    /// An element of [`AlterClientQuotasResponse::entries`].
    pub struct AlterClientQuotasResponseEntryData<'a> {
        error_code:    ErrorCode,
        error_message: Option<&'a str>,
        entity:        Array<'a, EntityData<'a>>,
    }
}
