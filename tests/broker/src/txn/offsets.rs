//! TxnOffsetCommit: offsets that become visible when their transaction commits.

use kafka_proto::messages::{
    TxnOffsetCommitRequest, TxnOffsetCommitRequestPartition, TxnOffsetCommitResponse,
    TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use kafka_proto::{Array, ErrorCode};

use super::TxnState;
use crate::cluster::Cluster;
use crate::group::offset_api::Committer;
use crate::group::offsets::{Committed, METADATA_MAX};
use crate::request::{Hangup, Rq};

impl Cluster {
    pub(crate) fn txn_offset_commit(&mut self, rq: &Rq<'_>) -> Result<(), Hangup> {
        let request: TxnOffsetCommitRequest<'_> = rq.decode()?;
        let checked = self.check_txn_commit(rq, &request);
        let mut rows: Vec<Vec<TxnOffsetCommitResponsePartition>> = Vec::new();
        for topic in request.topics {
            let found = self.topic_of(rq.version >= 6, topic.name, topic.topic_id);
            let (name, count) =
                found.map_or((String::new(), 0), |t| (t.name.clone(), t.partitions.len() as i32));
            let commit = topic.partitions.iter().map(|p| TxnOffsetCommitResponsePartition {
                partition_index: p.partition_index,
                error_code: match checked {
                    Err(code) => code,
                    Ok(()) if !(0..count).contains(&p.partition_index) => {
                        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
                    }
                    Ok(()) => self.commit_in_txn(&request, &name, &p),
                },
            });
            rows.push(commit.collect());
        }
        let topics: Vec<TxnOffsetCommitResponseTopic<'_>> = request
            .topics
            .iter()
            .zip(&rows)
            .map(|(t, rows)| TxnOffsetCommitResponseTopic {
                name: t.name,
                topic_id: t.topic_id,
                partitions: Array::slice(rows),
            })
            .collect();
        let answer =
            TxnOffsetCommitResponse { throttle_time_ms: self.throttle_ms(), topics: Array::slice(&topics) };
        self.conns.reply(&rq.ticket, &answer);
        Ok(())
    }

    fn check_txn_commit(
        &mut self,
        rq: &Rq<'_>,
        request: &TxnOffsetCommitRequest<'_>,
    ) -> Result<(), ErrorCode> {
        self.check_group(request.group_id, rq)?;
        let who = Committer {
            member_id: request.member_id,
            instance_id: request.group_instance_id,
            epoch: request.generation_id_or_member_epoch,
        };
        // Before KIP-447 the producer did not say for whom it commits; it still may.
        if who.epoch >= 0 || !who.member_id.is_empty() {
            self.check_commit(request.group_id, &who, rq.version, 3)?;
        } else {
            self.group_or_new(request.group_id)?;
        }
        let (name, id, epoch) = (request.transactional_id, request.producer_id, request.producer_epoch);
        if rq.version >= 5 && self.config.transactions_v2() {
            let txn = self.begin_or_go_on(name, id, epoch, ErrorCode::INVALID_PRODUCER_EPOCH)?;
            txn.groups.insert(request.group_id.to_owned());
            return Ok(());
        }
        let txn = self.transactions.get(name).ok_or(ErrorCode::INVALID_PRODUCER_ID_MAPPING)?;
        txn.check(id, epoch, ErrorCode::INVALID_PRODUCER_EPOCH)?;
        match txn.state == TxnState::Ongoing && txn.groups.contains(request.group_id) {
            true => Ok(()),
            false => Err(ErrorCode::INVALID_TXN_STATE),
        }
    }

    fn commit_in_txn(
        &mut self,
        request: &TxnOffsetCommitRequest<'_>,
        topic: &str,
        p: &TxnOffsetCommitRequestPartition<'_>,
    ) -> ErrorCode {
        let metadata = p.committed_metadata.unwrap_or_default();
        if metadata.len() > METADATA_MAX {
            return ErrorCode::OFFSET_METADATA_TOO_LARGE;
        }
        let committed = Committed {
            offset: p.committed_offset,
            leader_epoch: p.committed_leader_epoch,
            metadata: metadata.to_owned(),
            at: self.now,
        };
        if let Some(group) = self.groups.get_mut(request.group_id) {
            let key = (topic.to_owned(), p.partition_index);
            group.offsets.commit_in_txn(request.producer_id, key, committed);
        }
        ErrorCode::NONE
    }
}
