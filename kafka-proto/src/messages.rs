//! Every message, grouped by subject.
//!
//! Structures and fields are named as in Apache Kafka's message definitions. Where two messages use one name for
//! different structures, the name begins with that of the API. A structure's `Default` holds the defaults of the
//! definitions; a version that lacks a field reads as that field's default.

pub mod acls;
pub mod cluster;
pub mod common;
pub mod configs;
pub mod connection;
pub mod consumer_group;
pub mod consumer_protocol;
pub mod control;
pub mod fetch;
pub mod group;
pub mod group_admin;
pub mod log_dirs;
pub mod metadata;
pub mod offsets;
pub mod partitions;
pub mod produce;
pub mod quotas;
pub mod scram;
pub mod share_fetch;
pub mod share_group;
pub mod share_offsets;
pub mod share_state;
pub mod streams_describe;
pub mod streams_group;
pub mod streams_topology;
pub mod telemetry;
pub mod tokens;
pub mod topics;
pub mod transaction;
pub mod transaction_admin;
pub mod voters;

pub use acls::*;
pub use cluster::*;
pub use common::*;
pub use configs::*;
pub use connection::*;
pub use consumer_group::*;
pub use consumer_protocol::*;
pub use control::*;
pub use fetch::*;
pub use group::*;
pub use group_admin::*;
pub use log_dirs::*;
pub use metadata::*;
pub use offsets::*;
pub use partitions::*;
pub use produce::*;
pub use quotas::*;
pub use scram::*;
pub use share_fetch::*;
pub use share_group::*;
pub use share_offsets::*;
pub use share_state::*;
pub use streams_describe::*;
pub use streams_group::*;
pub use streams_topology::*;
pub use telemetry::*;
pub use tokens::*;
pub use topics::*;
pub use transaction::*;
pub use transaction_admin::*;
pub use voters::*;
