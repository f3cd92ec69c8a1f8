//! From a request frame to the code that answers it.

use kafka_proto::{ApiKey, DecodeError, ErrorCode, Message};

use crate::cluster::Cluster;
use crate::conn::Ticket;
use crate::versions;

/// A request on its way to its handler.
pub(crate) struct Rq<'a> {
    pub ticket: Ticket,
    pub version: i16,
    /// The node it arrived at.
    pub node: i32,
    /// An error that a fault wants answered, nothing done.
    pub forced: Option<ErrorCode>,
    /// The record of each batch that it is said to be about.
    pub forced_index: Option<i32>,
    /// An error that a fault wants answered after it was done.
    pub forced_after: Option<ErrorCode>,
    pub client_id: &'a str,
    pub body: &'a [u8],
}

impl<'a> Rq<'a> {
    pub fn decode<M: Message<'a>>(&self) -> Result<M, Hangup> {
        M::decode(self.version, self.body).map_err(|error| {
            Hangup(format!("malformed {} version {}: {error}", self.ticket.key, self.version))
        })
    }
}

/// The connection is closed, with a line for the log (none when it is empty).
pub(crate) struct Hangup(pub String);

impl From<DecodeError> for Hangup {
    fn from(error: DecodeError) -> Self {
        Self(format!("malformed request: {error}"))
    }
}

impl Cluster {
    pub(crate) fn route(&mut self, rq: &Rq<'_>) -> Result<(), Hangup> {
        let key = rq.ticket.key;
        let range = versions::supported(self.config.release, key);
        let accepted = range.is_some_and(|r| (r.min..=r.max).contains(&rq.version));
        if !accepted && key != ApiKey::API_VERSIONS {
            return Err(Hangup(format!("unsupported request: {key} version {}", rq.version)));
        }
        self.check_login(rq)?;
        match key {
            ApiKey::SASL_HANDSHAKE => self.sasl_handshake(rq),
            ApiKey::SASL_AUTHENTICATE => self.sasl_authenticate(rq),
            ApiKey::API_VERSIONS => self.api_versions(rq, accepted),
            ApiKey::METADATA => self.metadata(rq),
            ApiKey::PRODUCE => self.produce(rq),
            ApiKey::FETCH => self.fetch(rq),
            ApiKey::LIST_OFFSETS => self.list_offsets(rq),
            ApiKey::OFFSET_FOR_LEADER_EPOCH => self.offset_for_leader_epoch(rq),
            ApiKey::CREATE_TOPICS => self.create_topics(rq),
            ApiKey::DELETE_TOPICS => self.delete_topics(rq),
            ApiKey::INIT_PRODUCER_ID => self.init_producer_id(rq),
            ApiKey::FIND_COORDINATOR => self.find_coordinator(rq),
            ApiKey::DESCRIBE_CLUSTER => self.describe_cluster(rq),
            ApiKey::JOIN_GROUP => self.join_group(rq),
            ApiKey::SYNC_GROUP => self.sync_group(rq),
            ApiKey::HEARTBEAT => self.heartbeat(rq),
            ApiKey::LEAVE_GROUP => self.leave_group(rq),
            ApiKey::OFFSET_COMMIT => self.offset_commit(rq),
            ApiKey::OFFSET_FETCH => self.offset_fetch(rq),
            ApiKey::OFFSET_DELETE => self.offset_delete(rq),
            ApiKey::DESCRIBE_GROUPS => self.describe_groups(rq),
            ApiKey::LIST_GROUPS => self.list_groups(rq),
            ApiKey::DELETE_GROUPS => self.delete_groups(rq),
            ApiKey::ADD_PARTITIONS_TO_TXN => self.add_partitions_to_txn(rq),
            ApiKey::ADD_OFFSETS_TO_TXN => self.add_offsets_to_txn(rq),
            ApiKey::END_TXN => self.end_txn(rq),
            ApiKey::TXN_OFFSET_COMMIT => self.txn_offset_commit(rq),
            ApiKey::CREATE_PARTITIONS => self.create_partitions(rq),
            ApiKey::DELETE_RECORDS => self.delete_records_api(rq),
            ApiKey::DESCRIBE_CONFIGS => self.describe_configs(rq),
            ApiKey::ALTER_CONFIGS => self.alter_configs(rq),
            ApiKey::INCREMENTAL_ALTER_CONFIGS => self.incremental_alter_configs(rq),
            ApiKey::CONSUMER_GROUP_HEARTBEAT => self.consumer_group_heartbeat(rq),
            ApiKey::CONSUMER_GROUP_DESCRIBE => self.consumer_group_describe(rq),
            _ => Err(Hangup(format!("{key} is not implemented"))),
        }
    }
}
