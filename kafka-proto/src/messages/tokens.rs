//! Delegation tokens (KIP-48).

use crate::ErrorCode;
use crate::wire::Array;

wire! {
    /// Asks for a token with which others can act for this user.
    pub struct CreateDelegationTokenRequest<'a> {
        owner_principal_type: Option<&'a str> [3..],
        owner_principal_name: Option<&'a str> [3..],
        renewers:             Array<'a, CreatableRenewers<'a>>,
        max_lifetime_ms:      i64,
    }

    /// An element of [`CreateDelegationTokenRequest::renewers`].
    pub struct CreatableRenewers<'a> {
        principal_type: &'a str,
        principal_name: &'a str,
    }
}

wire! {
    /// The token and its secret.
    pub struct CreateDelegationTokenResponse<'a> {
        error_code:                     ErrorCode,
        principal_type:                 &'a str,
        principal_name:                 &'a str,
        token_requester_principal_type: &'a str [3..],
        token_requester_principal_name: &'a str [3..],
        issue_timestamp_ms:             i64,
        expiry_timestamp_ms:            i64,
        max_timestamp_ms:               i64,
        token_id:                       &'a str,
        hmac:                           &'a [u8],
        throttle_time_ms:               i32,
    }
}

wire! {
    /// Puts off the expiry of a token.
    pub struct RenewDelegationTokenRequest<'a> {
        hmac:            &'a [u8],
        renew_period_ms: i64,
    }
}

wire! {
    /// Until when the token is good now.
    pub struct RenewDelegationTokenResponse {
        error_code:          ErrorCode,
        expiry_timestamp_ms: i64,
        throttle_time_ms:    i32,
    }
}

wire! {
    /// Brings forward the expiry of a token, or ends it at once.
    pub struct ExpireDelegationTokenRequest<'a> {
        hmac:                  &'a [u8],
        expiry_time_period_ms: i64,
    }
}

wire! {
    /// When the token ends; in the past where it has ended at once.
    pub struct ExpireDelegationTokenResponse {
        error_code:          ErrorCode,
        expiry_timestamp_ms: i64,
        throttle_time_ms:    i32,
    }
}

wire! {
    /// Asks for the tokens of some owners.
    pub struct DescribeDelegationTokenRequest<'a> {
        owners: Option<Array<'a, DescribeDelegationTokenOwner<'a>>>,
    }

    /// An element of [`DescribeDelegationTokenRequest::owners`].
    pub struct DescribeDelegationTokenOwner<'a> {
        principal_type: &'a str,
        principal_name: &'a str,
    }
}

wire! {
    /// The tokens that the user may see.
    pub struct DescribeDelegationTokenResponse<'a> {
        error_code:       ErrorCode,
        tokens:           Array<'a, DescribedDelegationToken<'a>>,
        throttle_time_ms: i32,
    }

    /// An element of [`DescribeDelegationTokenResponse::tokens`].
    pub struct DescribedDelegationToken<'a> {
        principal_type:                 &'a str,
        principal_name:                 &'a str,
        token_requester_principal_type: &'a str [3..],
        token_requester_principal_name: &'a str [3..],
        issue_timestamp:                i64,
        expiry_timestamp:               i64,
        max_timestamp:                  i64,
        token_id:                       &'a str,
        hmac:                           &'a [u8],
        renewers:                       Array<'a, DescribedDelegationTokenRenewer<'a>>,
    }

    /// An element of [`DescribedDelegationToken::renewers`].
    pub struct DescribedDelegationTokenRenewer<'a> {
        principal_type: &'a str,
        principal_name: &'a str,
    }
}
