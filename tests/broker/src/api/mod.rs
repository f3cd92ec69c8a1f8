//! One file per API: decode, do, answer.

mod api_versions;
mod describe_cluster;
mod epochs;
pub(crate) mod fetch;
mod fetch_answer;
mod find_coordinator;
mod list_offsets;
mod metadata;
pub(crate) mod produce;
mod topic_admin;
