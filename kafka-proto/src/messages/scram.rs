//! SCRAM credentials (KIP-554).

use crate::ErrorCode;
use crate::wire::Array;

wire! {
    /// Asks which SCRAM mechanisms users have credentials for; the secrets stay with the broker.
    pub struct DescribeUserScramCredentialsRequest<'a> {
        users: Option<Array<'a, UserName<'a>>>,
    }

    /// An element of [`DescribeUserScramCredentialsRequest::users`].
    pub struct UserName<'a> {
        name: &'a str,
    }
}

wire! {
    /// Mechanisms and iterations of each user.
    pub struct DescribeUserScramCredentialsResponse<'a> {
        throttle_time_ms: i32,
        error_code:       ErrorCode,
        error_message:    Option<&'a str>,
        results:          Array<'a, DescribeUserScramCredentialsResult<'a>>,
    }

    /// An element of [`DescribeUserScramCredentialsResponse::results`].
    pub struct DescribeUserScramCredentialsResult<'a> {
        user:             &'a str,
        error_code:       ErrorCode,
        error_message:    Option<&'a str>,
        credential_infos: Array<'a, CredentialInfo>,
    }

    /// An element of [`DescribeUserScramCredentialsResult::credential_infos`].
    pub struct CredentialInfo {
        mechanism:  i8,
        iterations: i32,
    }
}

wire! {
    /// Stores or deletes SCRAM credentials; the password is salted and hashed by the sender.
    pub struct AlterUserScramCredentialsRequest<'a> {
        deletions:  Array<'a, ScramCredentialDeletion<'a>>,
        upsertions: Array<'a, ScramCredentialUpsertion<'a>>,
    }

    /// An element of [`AlterUserScramCredentialsRequest::deletions`].
    pub struct ScramCredentialDeletion<'a> {
        name:      &'a str,
        mechanism: i8,
    }

    /// An element of [`AlterUserScramCredentialsRequest::upsertions`].
    pub struct ScramCredentialUpsertion<'a> {
        name:            &'a str,
        mechanism:       i8,
        iterations:      i32,
        salt:            &'a [u8],
        salted_password: &'a [u8],
    }
}

wire! {
    /// What came of each user.
    pub struct AlterUserScramCredentialsResponse<'a> {
        throttle_time_ms: i32,
        results:          Array<'a, AlterUserScramCredentialsResult<'a>>,
    }

    /// An element of [`AlterUserScramCredentialsResponse::results`].
    pub struct AlterUserScramCredentialsResult<'a> {
        user:          &'a str,
        error_code:    ErrorCode,
        error_message: Option<&'a str>,
    }
}
