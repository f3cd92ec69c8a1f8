//! What each group of messages takes of a device's flash when a client uses it alone.

use super::{Library, TARGETS};
use crate::shell::Result;

/// A row of the table, and the beginnings of the names that are linked for it.
const GROUPS: &[(&str, &[&str])] = &[
    ("ApiVersions", &["proof_client_header", "proof_client_api_versions"]),
    ("Metadata", &["proof_client_header", "proof_client_metadata"]),
    ("Produce", &["proof_client_header", "proof_client_produce"]),
    ("InitProducerId", &["proof_client_header", "proof_client_init_producer_id"]),
    ("Fetch", &["proof_client_header", "proof_client_fetch"]),
    ("ListOffsets", &["proof_client_header", "proof_client_list_offsets"]),
    (
        "classic group (join, sync, heartbeat, leave)",
        &[
            "proof_client_header",
            "proof_client_join_group",
            "proof_client_sync_group",
            "proof_client_heartbeat",
            "proof_client_leave_group",
            "proof_client_find_coordinator",
        ],
    ),
    (
        "consumer group (KIP-848)",
        &["proof_client_header", "proof_client_consumer_group_heartbeat", "proof_client_find_coordinator"],
    ),
    ("committed offsets", &["proof_client_header", "proof_client_offset_"]),
    (
        "transactions",
        &[
            "proof_client_header",
            "proof_client_add_",
            "proof_client_txn_",
            "proof_client_end_txn",
            "proof_client_init_producer_id",
            "proof_client_find_coordinator",
        ],
    ),
    ("SASL", &["proof_client_header", "proof_client_sasl"]),
    ("record batches, written", &["proof_records_append", "proof_records_finish"]),
    ("record batches, read", &["proof_records_read"]),
    ("lz4, written", &["proof_compress"]),
    ("lz4, read", &["proof_decompress"]),
    (
        "the producer's set",
        &[
            "proof_client_header",
            "proof_client_api_versions",
            "proof_client_metadata",
            "proof_client_produce",
            "proof_client_init_producer_id",
            "proof_records_append",
            "proof_records_finish",
        ],
    ),
    (
        "Produce, Fetch, Metadata, JoinGroup, Heartbeat, ApiVersions",
        &[
            "proof_client_header",
            "proof_client_produce",
            "proof_client_fetch",
            "proof_client_metadata",
            "proof_client_join_group",
            "proof_client_heartbeat",
            "proof_client_api_versions",
        ],
    ),
    ("the producer: state machine, messages, batches", &["machine_"]),
    ("all that a client uses", &["proof_client_", "proof_records_"]),
    ("everything, both directions, each version", &["proof_"]),
];

/// Prints the table.
pub fn weigh() -> Result {
    println!("flash in bytes, opt-level z, fat LTO, each row linked alone\n");
    println!("{:62} {:>10} {:>10}", "", "thumbv7em", "thumbv6m");
    for (label, entries) in GROUPS {
        let mut line = format!("{label:62}");
        for target in TARGETS {
            let features = if label.starts_with("lz4") { "lz4" } else { "" };
            let library = Library { target, features, overflow_checks: false };
            line += &format!(" {:>10}", library.link(entries)?.flash);
        }
        println!("{line}");
    }
    Ok(())
}
