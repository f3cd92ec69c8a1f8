//! One file per API: decode, do, answer.

mod api_versions;
mod configs;
mod describe_cluster;
mod epochs;
pub(crate) mod fetch;
mod fetch_answer;
mod find_coordinator;
mod list_offsets;
mod metadata;
mod partition_admin;
pub(crate) mod produce;
mod sasl;
mod topic_admin;
