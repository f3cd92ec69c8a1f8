//! What each group of messages takes of a device's flash when a client uses it alone.

use super::{Library, TARGETS};
use crate::shell::Result;

/// Bytes that rows may take on either target. What a caller goes through has to be built, field by field; that the
/// elements' code is there once, for checking and for handing out, is what the second limit watches over.
const LIMITS: [(&str, u64); 2] = [(MEASURE, 8500), (WALKED, 10_500)];
/// Six APIs, their requests written and their responses read.
const MEASURE: &str = "Produce, Fetch, Metadata, JoinGroup, Heartbeat, ApiVersions";

/// With the loops that go through it.
const WALKED: &str = "the same, and gone through to the last element";

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
    (MEASURE, &["proof_client_"]),
    (WALKED, &["proof_client_", "proof_walk_"]),
    ("the producer with its state machine, classic", &["machine_"]),
    ("all that a client uses", &["proof_client_", "proof_walk_", "proof_records_"]),
    ("everything, both directions, each version", &["proof_"]),
];

/// Prints the table; an error where a row is over its limit.
pub fn weigh() -> Result {
    println!(
        "flash in bytes, opt-level z, fat LTO, each row linked alone; the measure's rows are compiled alone too."
    );
    println!("In brackets without memcpy and its like, which any firmware has.\n");
    println!("{:50} {:>16} {:>16}", "", "thumbv7em", "thumbv6m");
    let mut over = Vec::new();
    for (label, entries) in GROUPS {
        let mut line = format!("{label:50}");
        for target in TARGETS {
            let library = Library { target, features: features(label), overflow_checks: false };
            let image = library.link(entries)?;
            line += &format!(" {:>8} {:>7}", image.flash, format!("({})", image.flash - image.memory));
            for (row, limit) in LIMITS {
                if row == *label && image.flash > limit {
                    over.push(format!("{row}: more than {limit} bytes for {target}"));
                }
            }
        }
        println!("{line}");
    }
    if over.is_empty() { Ok(()) } else { Err(over.join("; ").into()) }
}

/// What the library is compiled with for a row.
fn features(label: &str) -> &'static str {
    match label {
        MEASURE => "twelve",
        WALKED => "walk",
        _ if label.starts_with("lz4") => "flexible lz4",
        _ if label.ends_with("classic") => "",
        _ => "flexible",
    }
}
