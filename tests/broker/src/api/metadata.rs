//! Metadata: brokers, controller and topics, and topics that come into being because somebody asks for them.

use kafka_proto::ErrorCode;
use kafka_proto::messages::{
    MetadataRequest, MetadataResponse, MetadataResponseBroker, MetadataResponsePartition,
    MetadataResponseTopic,
};
use kafka_proto::wire::{Array, Uuid};

use crate::cluster::Cluster;
use crate::config::Release;
use crate::conn::encode;
use crate::partition::Partition;
use crate::request::{Hangup, Rq};
use crate::topics::{NO_ID, Topic, TopicId, valid_name, visible_id};

/// A topic that the answer lists.
enum Asked<'a> {
    There(TopicId),
    /// What was asked for, and why it cannot be shown.
    Missing(Option<&'a str>, TopicId, ErrorCode),
}

impl Cluster {
    pub(crate) fn metadata(&mut self, rq: &Rq<'_>) -> Result<(), Hangup> {
        let request: MetadataRequest<'_> = rq.decode()?;
        let all = match &request.topics {
            None => true,
            Some(topics) => rq.version == 0 && topics.is_empty(),
        };
        let asked: Vec<Asked<'_>> = if all {
            self.topics.iter().map(|t| Asked::There(t.id)).collect()
        } else {
            let create = request.allow_auto_topic_creation && self.config.auto_create;
            let topics = request.topics.into_iter().flatten();
            topics.map(|t| self.asked(t.name, t.topic_id.0, create, rq.version)).collect()
        };
        let partitions: Vec<Vec<PartitionLists>> = asked.iter().map(|a| self.partition_lists(a)).collect();
        let rows: Vec<Vec<MetadataResponsePartition<'_>>> =
            partitions.iter().map(|lists| lists.iter().map(|l| l.row(rq.version)).collect()).collect();
        let topics: Vec<MetadataResponseTopic<'_>> =
            asked.iter().zip(&rows).map(|(asked, rows)| self.topic_row(asked, rows, rq.forced)).collect();
        let brokers: Vec<MetadataResponseBroker<'_>> = self
            .nodes
            .iter()
            .filter(|n| n.alive)
            .map(|n| MetadataResponseBroker {
                node_id: n.id,
                host: &n.host,
                port: n.port,
                rack: n.rack.as_deref(),
            })
            .collect();
        let answer = MetadataResponse {
            throttle_time_ms: self.throttle_ms(),
            brokers: Array::slice(&brokers),
            cluster_id: Some(&self.cluster_id),
            controller_id: self.controller(),
            topics: Array::slice(&topics),
            error_code: rq.forced.unwrap_or(ErrorCode::NONE),
            ..MetadataResponse::default()
        };
        let frame = encode(&rq.ticket, &answer, Vec::new());
        self.conns.send(&rq.ticket, frame);
        Ok(())
    }

    fn asked<'a>(&mut self, name: Option<&'a str>, id: TopicId, create: bool, version: i16) -> Asked<'a> {
        let Some(name) = name else {
            return match self.topics.get(&id) {
                Some(topic) if version >= 12 => Asked::There(topic.id),
                _ if version >= 12 => Asked::Missing(None, id, ErrorCode::UNKNOWN_TOPIC_ID),
                _ => Asked::Missing(None, id, ErrorCode::INVALID_REQUEST),
            };
        };
        if let Some(id) = self.topics.id(name) {
            return Asked::There(id);
        }
        if !valid_name(name) {
            return Asked::Missing(Some(name), NO_ID, ErrorCode::INVALID_TOPIC_EXCEPTION);
        }
        let mut code = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
        if create {
            match self.create_topic(name, self.config.default_partitions) {
                // The one who asked first learns of the topic with the next request, as from Kafka.
                Ok(()) if self.config.release < Release::V3_9 => code = ErrorCode::LEADER_NOT_AVAILABLE,
                Ok(()) => {}
                Err(error) => code = error,
            }
        }
        Asked::Missing(Some(name), NO_ID, code)
    }

    fn partition_lists(&self, asked: &Asked<'_>) -> Vec<PartitionLists> {
        let Asked::There(id) = asked else { return Vec::new() };
        let partitions = self.topics.get(id).map_or(&[][..], |t| &t.partitions);
        let offline = |p: &Partition| p.replicas.iter().copied().filter(|n| !self.is_alive(*n)).collect();
        let lists = partitions.iter().enumerate().map(|(index, p)| PartitionLists {
            index: index as i32,
            leader: p.leader,
            epoch: p.leader_epoch,
            replicas: p.replicas.clone(),
            isr: p.isr.clone(),
            offline: offline(p),
        });
        lists.collect()
    }

    fn topic_row<'s>(
        &'s self,
        asked: &Asked<'s>,
        rows: &'s [MetadataResponsePartition<'s>],
        forced: Option<ErrorCode>,
    ) -> MetadataResponseTopic<'s> {
        match asked {
            Asked::Missing(name, id, code) => MetadataResponseTopic {
                error_code: *code,
                name: *name,
                topic_id: Uuid(*id),
                ..MetadataResponseTopic::default()
            },
            Asked::There(id) => {
                let name = self.topics.get(id).map(|t: &Topic| t.name.as_str());
                MetadataResponseTopic {
                    error_code: forced.unwrap_or(ErrorCode::NONE),
                    name,
                    topic_id: Uuid(visible_id(self.config.release, *id)),
                    partitions: if forced.is_some() { Array::EMPTY } else { Array::slice(rows) },
                    ..MetadataResponseTopic::default()
                }
            }
        }
    }

    /// The living node with the lowest id stands in for the controller.
    pub(crate) fn controller(&self) -> i32 {
        self.nodes.iter().find(|n| n.alive).map_or(-1, |n| n.id)
    }

    pub(crate) fn throttle_ms(&self) -> i32 {
        i32::try_from(self.faults.throttle_ms).unwrap_or(i32::MAX)
    }
}

struct PartitionLists {
    index: i32,
    leader: i32,
    epoch: i32,
    replicas: Vec<i32>,
    isr: Vec<i32>,
    offline: Vec<i32>,
}

impl PartitionLists {
    fn row(&self, version: i16) -> MetadataResponsePartition<'_> {
        let leaderless = self.leader < 0;
        MetadataResponsePartition {
            error_code: if leaderless { ErrorCode::LEADER_NOT_AVAILABLE } else { ErrorCode::NONE },
            partition_index: self.index,
            leader_id: self.leader,
            leader_epoch: self.epoch,
            replica_nodes: Array::slice(&self.replicas),
            isr_nodes: Array::slice(&self.isr),
            offline_replicas: if version >= 5 { Array::slice(&self.offline) } else { Array::EMPTY },
        }
    }
}
