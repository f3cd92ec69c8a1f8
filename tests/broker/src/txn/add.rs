//! AddPartitionsToTxn and AddOffsetsToTxn.

use kafka_proto::messages::{
    AddOffsetsToTxnRequest, AddOffsetsToTxnResponse, AddPartitionsToTxnPartitionResult,
    AddPartitionsToTxnRequest, AddPartitionsToTxnResponse, AddPartitionsToTxnResult, AddPartitionsToTxnTopic,
    AddPartitionsToTxnTopicResult, AddPartitionsToTxnTransaction,
};
use kafka_proto::{Array, ErrorCode};

use super::{TxnState, fenced};
use crate::cluster::Cluster;
use crate::request::{Hangup, Rq};

/// Per topic: the partitions asked for, and those that exist.
type Found = Vec<Vec<(i32, Option<(String, i32)>)>>;
type Rows = Vec<Vec<AddPartitionsToTxnPartitionResult>>;

impl Cluster {
    pub(crate) fn add_partitions_to_txn(&mut self, rq: &Rq<'_>) -> Result<(), Hangup> {
        let request: AddPartitionsToTxnRequest<'_> = rq.decode()?;
        let single = AddPartitionsToTxnTransaction {
            transactional_id: request.v3_and_below_transactional_id,
            producer_id: request.v3_and_below_producer_id,
            producer_epoch: request.v3_and_below_producer_epoch,
            verify_only: false,
            topics: request.v3_and_below_topics,
        };
        let asked: Vec<AddPartitionsToTxnTransaction<'_>> =
            if rq.version < 4 { vec![single] } else { request.transactions.iter().collect() };
        let rows: Vec<Rows> = asked.iter().map(|txn| self.add_partitions(rq, txn)).collect();
        let topics: Vec<Vec<AddPartitionsToTxnTopicResult<'_>>> =
            asked.iter().zip(&rows).map(|(txn, rows)| topic_rows(&txn.topics, rows)).collect();
        let results: Vec<AddPartitionsToTxnResult<'_>> = asked
            .iter()
            .zip(&topics)
            .map(|(txn, topics)| AddPartitionsToTxnResult {
                transactional_id: txn.transactional_id,
                topic_results: Array::slice(topics),
            })
            .collect();
        let mut answer = AddPartitionsToTxnResponse {
            throttle_time_ms: self.throttle_ms(),
            results_by_transaction: Array::slice(&results),
            ..AddPartitionsToTxnResponse::default()
        };
        if let Some(topics) = topics.first().filter(|_| rq.version < 4) {
            answer.results_by_topic_v3_and_below = Array::slice(topics);
        }
        self.conns.reply(&rq.ticket, &answer);
        Ok(())
    }

    fn add_partitions(&mut self, rq: &Rq<'_>, asked: &AddPartitionsToTxnTransaction<'_>) -> Rows {
        let found: Found = asked
            .topics
            .iter()
            .map(|t| {
                let topic = self.topics.named(t.name);
                let partition =
                    |index| topic.and_then(|t| t.partition(index).map(|_| (t.name.clone(), index)));
                t.partitions.iter().map(|index| (index, partition(index))).collect()
            })
            .collect();
        let all = found.iter().flatten().all(|(_, there)| there.is_some());
        let outcome = if all { self.try_add(rq, asked, &found) } else { Ok(()) };
        let code = |there: &Option<(String, i32)>| match (outcome, there) {
            (Err(code), _) => code,
            (Ok(()), None) => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
            (Ok(()), Some(_)) if !all => ErrorCode::OPERATION_NOT_ATTEMPTED,
            (Ok(()), Some(_)) => ErrorCode::NONE,
        };
        let row = |(partition_index, there): &(i32, Option<_>)| AddPartitionsToTxnPartitionResult {
            partition_index: *partition_index,
            partition_error_code: code(there),
        };
        found.iter().map(|parts| parts.iter().map(row).collect()).collect()
    }

    fn try_add(
        &mut self,
        rq: &Rq<'_>,
        asked: &AddPartitionsToTxnTransaction<'_>,
        found: &Found,
    ) -> Result<(), ErrorCode> {
        if let Some(code) = rq.forced {
            return Err(code);
        }
        let name = asked.transactional_id;
        self.check_coordinator(name, rq.node)?;
        let parts = found.iter().flatten().filter_map(|(_, there)| there.clone());
        let (id, epoch, old) = (asked.producer_id, asked.producer_epoch, fenced(rq.version, 2));
        if asked.verify_only {
            let txn = self.transactions.get(name).ok_or(ErrorCode::INVALID_PRODUCER_ID_MAPPING)?;
            txn.check(id, epoch, old)?;
            let mut parts = parts;
            let inside = txn.state == TxnState::Ongoing && parts.all(|p| txn.partitions.contains(&p));
            return if inside { Ok(()) } else { Err(ErrorCode::TRANSACTION_ABORTABLE) };
        }
        let txn = self.begin_or_go_on(name, id, epoch, old)?;
        txn.partitions.extend(parts);
        Ok(())
    }

    pub(crate) fn add_offsets_to_txn(&mut self, rq: &Rq<'_>) -> Result<(), Hangup> {
        let request: AddOffsetsToTxnRequest<'_> = rq.decode()?;
        let (name, group) = (request.transactional_id, request.group_id);
        let mut outcome = match rq.forced {
            Some(code) => Err(code),
            None => self.check_coordinator(name, rq.node),
        };
        if outcome.is_ok() {
            let (id, epoch) = (request.producer_id, request.producer_epoch);
            let txn = self.begin_or_go_on(name, id, epoch, fenced(rq.version, 2));
            outcome = txn.map(|txn| txn.groups.insert(group.to_owned())).map(|_| ());
        }
        let answer = AddOffsetsToTxnResponse {
            throttle_time_ms: self.throttle_ms(),
            error_code: outcome.err().unwrap_or(ErrorCode::NONE),
        };
        self.conns.reply(&rq.ticket, &answer);
        Ok(())
    }
}

fn topic_rows<'a>(
    topics: &Array<'a, AddPartitionsToTxnTopic<'a>>,
    rows: &'a Rows,
) -> Vec<AddPartitionsToTxnTopicResult<'a>> {
    let row = |(t, rows): (AddPartitionsToTxnTopic<'a>, &'a Vec<_>)| AddPartitionsToTxnTopicResult {
        name: t.name,
        results_by_partition: Array::slice(rows),
    };
    topics.iter().zip(rows).map(row).collect()
}
