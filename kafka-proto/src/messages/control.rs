//! What control records and internal logs hold.

use crate::wire::{Array, Uuid};

wire! {
    /// An entry in a broker's index of aborted transactions.
    pub struct AbortedTxn {
        producer_id:        i64,
        first_offset:       i64,
        last_offset:        i64,
        last_stable_offset: i64,
    }
}

wire! {
    /// The key of a control record: what kind of record it is. 0 is an abort marker, 1 a commit marker. The
    /// version stands in front of it.
    pub struct ControlRecordTypeSchema {
        r#type: i16,
    }
}

wire! {
    /// The value of the control record that ends a transaction in a partition. The version stands in front of
    /// it.
    pub struct EndTxnMarker {
        coordinator_epoch: i32,
    }
}

wire! {
    /// The value of the control record with which a new leader of the controller quorum begins.
    pub struct LeaderChangeMessage<'a> {
        version:         i16,
        leader_id:       i32,
        voters:          Array<'a, LeaderChangeMessageVoter>,
        granting_voters: Array<'a, LeaderChangeMessageVoter>,
    }

    /// Used in [`LeaderChangeMessage::voters`] and [`LeaderChangeMessage::granting_voters`].
    pub struct LeaderChangeMessageVoter {
        voter_id:           i32,
        voter_directory_id: Uuid [1..],
    }
}

wire! {
    /// The value of the control record that begins a snapshot of cluster metadata.
    pub struct SnapshotHeaderRecord {
        version:                      i16,
        last_contained_log_timestamp: i64,
    }
}

wire! {
    /// The value of the control record that ends a snapshot of cluster metadata.
    pub struct SnapshotFooterRecord {
        version: i16,
    }
}

wire! {
    /// The value of the control record that says which version of KRaft the controllers have settled on.
    pub struct KRaftVersionRecord {
        version:       i16,
        kraft_version: i16,
    }
}

wire! {
    /// The value of the control record that lists the controllers which vote.
    pub struct VotersRecord<'a> {
        version: i16,
        voters:  Array<'a, VotersRecordVoter<'a>>,
    }

    /// An element of [`VotersRecord::voters`].
    pub struct VotersRecordVoter<'a> {
        voter_id:              i32,
        voter_directory_id:    Uuid,
        endpoints:             Array<'a, VotersRecordEndpoint<'a>>,
        kraft_version_feature: KRaftVersionFeature,
    }

    /// An element of [`VotersRecordVoter::endpoints`].
    pub struct VotersRecordEndpoint<'a> {
        name: &'a str,
        host: &'a str,
        port: u16,
    }

    /// What [`VotersRecordVoter::kraft_version_feature`] holds.
    pub struct KRaftVersionFeature {
        min_supported_version: i16,
        max_supported_version: i16,
    }
}

wire! {
    /// How brokers write down whom a forwarded request is from.
    pub struct DefaultPrincipalData<'a> {
        r#type:              &'a str,
        name:                &'a str,
        token_authenticated: bool,
    }
}
