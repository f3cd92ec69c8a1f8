//! Messages that are neither requests nor responses.

use kafka_proto::Message;
use kafka_proto::messages::*;

macro_rules! data {
    ($($name:ident $message:ident;)*) => {
        $(
            #[unsafe(no_mangle)]
            pub fn $name(version: i16, body: &[u8], out: &mut [u8]) -> usize {
                $message::decode(version, body).map_or(0, |message| message.encode(version, out).unwrap_or(0))
            }
        )*
    };
}

data! {
    proof_data_assignment ConsumerProtocolAssignment;
    proof_data_subscription ConsumerProtocolSubscription;
    proof_data_aborted_txn AbortedTxn;
    proof_data_control_record ControlRecordTypeSchema;
    proof_data_end_txn_marker EndTxnMarker;
    proof_data_leader_change LeaderChangeMessage;
    proof_data_snapshot_header SnapshotHeaderRecord;
    proof_data_snapshot_footer SnapshotFooterRecord;
    proof_data_kraft_version KRaftVersionRecord;
    proof_data_voters VotersRecord;
    proof_data_principal DefaultPrincipalData;
}
