//! The catalogue: every fault the simulation knows, by name, and how often each was met in which state of a client.

impl Fault {
    /// Whether a life without transactions has it too.
    pub fn is_plain(self) -> bool {
        self <= Fault::ProcessCrashed
    }
}

/// A fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Fault {
    ResetNow,
    ResetUpAtByte,
    ResetDownAtByte,
    FinUpAtByte,
    FinDownAtByte,
    HalfOpen,
    StallUp,
    LateResponse,
    ZeroWindow,
    Trickle,
    PartialWrites,
    BitFlip,
    LinkFlap,
    Refused,
    Unreachable,
    LeaderMoved,
    LeaderMovedManyTimes,
    NodeKilled,
    NodeVanished,
    RollingRestart,
    ConnectionsDropped,
    IsrShrunk,
    UncleanElection,
    RecordsDeleted,
    ProducersExpired,
    Throttled,
    ProduceError,
    ProduceErrorAfter,
    ProduceOutOfOrder,
    ProduceUnanswered,
    ProduceClosed,
    ProduceSlow,
    MetadataError,
    MetadataUnanswered,
    MetadataClosed,
    IdentityError,
    IdentityClosed,
    VersionsUnanswered,
    VersionsClosed,
    FetchError,
    FetchClosed,
    FetchSlow,
    OffsetsError,
    OffsetsClosed,
    ProcessStopped,
    ProcessCrashed,
    TransactionalCrashed,
    TransactionalTakenOver,
    TransactionDawdles,
    CoordinatorsMoved,
    CoordinatorsLoading,
    FindError,
    FindClosed,
    InitError,
    InitClosed,
    JoinError,
    JoinClosed,
    JoinSlow,
    TxnOffsetsError,
    TxnOffsetsClosed,
    EndError,
    EndErrorAfter,
    EndClosed,
    EndUnanswered,
    EndSlow,
    LeaderMovedWaiting,
    TopicRecreated,
    TopicGrown,
    EndLate,
}

/// A row of the catalogue.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The fault.
    pub fault: Fault,
    /// Its name.
    pub name: &'static str,
    /// What happens.
    pub what: &'static str,
}

macro_rules! catalogue {
    ($($fault:ident $name:literal $what:literal;)*) => {
        /// All faults, in the order of [`Fault`].
        pub const CATALOGUE: &[Row] = &[$(Row { fault: Fault::$fault, name: $name, what: $what }),*];
    };
}

catalogue! {
    ResetNow "reset" "a connection is reset";
    ResetUpAtByte "reset-request" "a connection is reset within a request";
    ResetDownAtByte "reset-response" "a connection is reset within a response";
    FinUpAtByte "fin-request" "the broker reads an end of stream within a request";
    FinDownAtByte "fin-response" "the client reads an end of stream within a response";
    HalfOpen "half-open" "a connection passes nothing more, and nobody is told";
    StallUp "stall" "requests do not arrive for a while";
    LateResponse "late-response" "responses do not arrive for a while";
    ZeroWindow "zero-window" "the socket takes no bytes for a while";
    Trickle "trickle" "bytes arrive one at a time";
    PartialWrites "partial-writes" "each write takes a few bytes";
    BitFlip "bit-flip" "a bit flips in a record on its way";
    LinkFlap "link-flap" "all connections of a client are reset, several times";
    Refused "refused" "a node refuses connections for a while";
    Unreachable "unreachable" "connections to a node are never answered, for a while";
    LeaderMoved "leader-moved" "a partition has another leader";
    LeaderMovedManyTimes "leaders-moved" "all partitions have other leaders";
    NodeKilled "node-killed" "a node dies and comes back";
    NodeVanished "node-vanished" "a node loses its power: nobody is told";
    RollingRestart "rolling-restart" "all nodes are restarted, one after the other";
    ConnectionsDropped "connections-dropped" "a node closes its connections";
    IsrShrunk "isr-shrunk" "a partition's in-sync replicas are its leader";
    UncleanElection "unclean-election" "records at the end of a partition are lost";
    RecordsDeleted "records-deleted" "the beginning of a log is deleted";
    ProducersExpired "producers-expired" "brokers forget idempotent producers that were idle for 70 s";
    Throttled "throttled" "answers carry a throttle time, and connections are muted";
    ProduceError "produce-error" "produce requests are refused with a retriable error";
    ProduceErrorAfter "produce-error-after" "records are appended and the answer is an error";
    ProduceOutOfOrder "produce-out-of-order" "a batch is refused for its sequence";
    ProduceUnanswered "produce-unanswered" "records are appended and never acknowledged";
    ProduceClosed "produce-closed" "the connection closes before or after the append";
    ProduceSlow "produce-slow" "acknowledgements come late";
    MetadataError "metadata-error" "metadata briefly says that topics are unknown or without a leader";
    MetadataUnanswered "metadata-unanswered" "metadata requests are not answered";
    MetadataClosed "metadata-closed" "the connection closes instead of metadata";
    IdentityError "identity-error" "no producer id is given, for now";
    IdentityClosed "identity-closed" "the connection closes instead of a producer id";
    VersionsUnanswered "versions-unanswered" "ApiVersions is not answered";
    VersionsClosed "versions-closed" "the connection closes instead of ApiVersions";
    FetchError "fetch-error" "fetches are refused with a retriable error";
    FetchClosed "fetch-closed" "the connection closes instead of records";
    FetchSlow "fetch-slow" "records come late";
    OffsetsError "offsets-error" "ListOffsets is refused with a retriable error";
    OffsetsClosed "offsets-closed" "the connection closes instead of an offset";
    ProcessStopped "process-stopped" "a client's process does not run for a while";
    ProcessCrashed "process-crashed" "a producer's process dies, and another one starts";
    TransactionalCrashed "txn-crashed" "a transactional producer's process dies, and another one starts";
    TransactionalTakenOver "txn-taken-over" "a successor begins while the transactional producer still runs";
    TransactionDawdles "txn-dawdles" "a transaction stays open longer than its timeout";
    CoordinatorsMoved "coordinators-moved" "all coordinators are other nodes";
    CoordinatorsLoading "coordinators-loading" "coordinators are loading for a while";
    FindError "find-error" "no coordinator is found, for now";
    FindClosed "find-closed" "the connection closes instead of a coordinator";
    InitError "txn-init-error" "InitProducerId is refused for now";
    InitClosed "txn-init-closed" "the connection closes before or after InitProducerId";
    JoinError "txn-join-error" "AddPartitionsToTxn or AddOffsetsToTxn is refused";
    JoinClosed "txn-join-closed" "the connection closes before or after AddPartitionsToTxn";
    JoinSlow "txn-join-slow" "partitions and offsets become part of a transaction late";
    TxnOffsetsError "txn-offsets-error" "TxnOffsetCommit is refused";
    TxnOffsetsClosed "txn-offsets-closed" "the connection closes before or after TxnOffsetCommit";
    EndError "txn-end-error" "EndTxn is refused for now";
    EndErrorAfter "txn-end-error-after" "the transaction ends and the answer is an error";
    EndClosed "txn-end-closed" "the connection closes before or after EndTxn";
    EndUnanswered "txn-end-unanswered" "the transaction ends and nobody says so";
    EndSlow "txn-end-slow" "the end of a transaction is answered late";
    LeaderMovedWaiting "leader-moved-waiting" "a leader moves while a batch waits for its replicas, and the next refuses";
    TopicRecreated "topic-recreated" "a topic is deleted and made anew: same name, another id";
    TopicGrown "topic-grown" "a topic gets another partition";
    EndLate "txn-end-late" "the end of a transaction arrives late, perhaps after it was asked for again";
}

/// What a client is doing when a fault is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum ClientState {
    NoMetadata,
    Idle,
    Busy,
    Disconnected,
}

/// How many states there are.
pub const STATES: usize = 4;

/// Their names, in order.
pub const STATE_NAMES: [&str; STATES] = ["no-metadata", "idle", "busy", "disconnected"];

/// How often each fault was met in each state.
#[derive(Clone, Debug)]
pub struct Counters(pub Vec<[u64; STATES]>);

impl Default for Counters {
    fn default() -> Self {
        Counters(vec![[0; STATES]; CATALOGUE.len()])
    }
}

impl Counters {
    /// A fault was met.
    pub fn count(&mut self, fault: Fault, state: ClientState) {
        self.0[fault as usize][state as usize] += 1;
    }

    /// Adds those of another run.
    pub fn add(&mut self, other: &Counters) {
        for (ours, theirs) in self.0.iter_mut().zip(&other.0) {
            ours.iter_mut().zip(theirs).for_each(|(a, b)| *a += b);
        }
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        self.0.iter().flatten().sum()
    }

    /// Faults that were never met, of those that a life may have.
    pub fn never(&self, may_have: impl Fn(Fault) -> bool) -> Vec<&'static str> {
        let mine = CATALOGUE.iter().zip(&self.0).filter(|(row, _)| may_have(row.fault));
        let zero = mine.filter(|(_, n)| n.iter().sum::<u64>() == 0);
        zero.map(|(row, _)| row.name).collect()
    }

    /// As a table.
    pub fn table(&self) -> String {
        let mut text = format!("{:<22}", "fault");
        STATE_NAMES.iter().for_each(|name| text.push_str(&format!("{name:>14}")));
        for (row, counts) in CATALOGUE.iter().zip(&self.0) {
            text.push_str(&format!("\n{:<22}", row.name));
            counts.iter().for_each(|n| text.push_str(&format!("{n:>14}")));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_faults_and_names_are_unique() {
        for (index, row) in CATALOGUE.iter().enumerate() {
            assert_eq!(row.fault as usize, index, "{}", row.name);
        }
        assert_eq!(CATALOGUE.len(), Fault::EndLate as usize + 1);
        let names: std::collections::BTreeSet<_> = CATALOGUE.iter().map(|row| row.name).collect();
        assert_eq!(names.len(), CATALOGUE.len());
    }
}
