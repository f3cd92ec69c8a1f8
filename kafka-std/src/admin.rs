//! The cluster as an operator sees it: what there is, topics to be created or deleted, and how far groups have read.
//! Blocking.

mod link;
mod offsets;

use std::time::{Duration, Instant};

use kafka_proto::ErrorCode;
use kafka_proto::messages::metadata::{
    MetadataRequest, MetadataRequestTopic, MetadataResponse, MetadataResponseTopic,
};
use kafka_proto::messages::topics::{
    CreatableTopic, CreateTopicsRequest, CreateTopicsResponse, DeleteTopicState, DeleteTopicsRequest,
    DeleteTopicsResponse,
};
use kafka_proto::wire::Array;

use crate::config::bootstrap_servers;
use crate::error::Error;
use link::Link;
pub use offsets::CommittedOffset;

/// A connection to a cluster, for its operator.
///
/// ```
/// # fn main() -> Result<(), kafka_std::Error> {
/// # let server = kafka_broker::Server::start(kafka_broker::Config::default()).unwrap();
/// # let bootstrap = server.bootstrap();
/// let mut admin = kafka_std::Admin::connect(&bootstrap)?;
/// admin.create_topic("readings", 3, 1)?;
/// let cluster = admin.metadata(Some(&["readings"]))?;
/// assert_eq!(cluster.topics[0].partitions.len(), 3);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Admin {
    bootstrap: Vec<(String, u16)>,
    timeout: Duration,
    /// `None` once something went wrong on it: an answer that did not come may still come, to another question.
    link: Option<Link>,
}

/// A cluster: its brokers, and topics asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// Its id; `None` from brokers that have none.
    pub id: Option<String>,
    /// The id of the broker that is the controller, or stands for it; `None` when there is none.
    pub controller: Option<i32>,
    /// All brokers that are up, by id.
    pub brokers: Vec<BrokerInfo>,
    /// The topics that were asked for, by name.
    pub topics: Vec<TopicInfo>,
}

/// A broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerInfo {
    /// Its id.
    pub id: i32,
    /// Where it is to be reached.
    pub host: String,
    /// The port there.
    pub port: u16,
    /// Its rack, if it has one.
    pub rack: Option<String>,
}

/// A topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicInfo {
    /// Its name.
    pub name: String,
    /// Kafka's own, like `__consumer_offsets`.
    pub internal: bool,
    /// What the cluster says of it: UNKNOWN_TOPIC_OR_PARTITION when it does not exist.
    pub error: ErrorCode,
    /// Its partitions, by number.
    pub partitions: Vec<PartitionInfo>,
}

/// A partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionInfo {
    /// Its number.
    pub partition: i32,
    /// The broker that leads it, if one does.
    pub leader: Option<i32>,
    /// How often leadership has changed; `None` from brokers before 2.1.
    pub leader_epoch: Option<i32>,
    /// The brokers that have a copy.
    pub replicas: Vec<i32>,
    /// Those of them that are in sync.
    pub isr: Vec<i32>,
}

impl Admin {
    /// Connects to one of these brokers, `host:port` separated by commas.
    ///
    /// # Errors
    /// [`Error::Config`] for a list that cannot be read; [`Error::Unavailable`], naming each broker and what happened
    /// there, when none answers.
    pub fn connect(servers: &str) -> Result<Admin, Error> {
        Admin::connect_within(servers, Duration::from_secs(30))
    }

    /// As [`connect`](Self::connect), with the time that this and every later call may take in all, whatever the number
    /// of brokers; 30 seconds otherwise.
    ///
    /// # Errors
    /// See [`connect`](Self::connect).
    pub fn connect_within(servers: &str, timeout: Duration) -> Result<Admin, Error> {
        let bootstrap = bootstrap_servers(servers)?;
        let link = Some(Link::to_any(&bootstrap, deadline(timeout))?);
        Ok(Admin { bootstrap, timeout, link })
    }

    /// The brokers of the cluster, and these topics, or all there are. Creates none.
    ///
    /// Asks again, on another connection, where the one it has is gone. So do the other calls.
    ///
    /// # Errors
    /// [`Error::Unavailable`]. A topic that does not exist is no error: its [`TopicInfo::error`] says so.
    pub fn metadata(&mut self, topics: Option<&[&str]>) -> Result<Cluster, Error> {
        self.metadata_by(topics, deadline(self.timeout))
    }

    fn metadata_by(&mut self, topics: Option<&[&str]>, deadline: Instant) -> Result<Cluster, Error> {
        let names: Option<Vec<MetadataRequestTopic<'_>>> = topics.map(|names| {
            names.iter().map(|name| MetadataRequestTopic { name: Some(name), ..Default::default() }).collect()
        });
        let request = MetadataRequest {
            topics: names.as_deref().map(Array::slice),
            allow_auto_topic_creation: false,
            ..MetadataRequest::default()
        };
        let (version, body) = self.call(&request, deadline)?;
        let response = link::decode::<MetadataResponse<'_>>(version, &body, "metadata")?;
        Ok(cluster(version, &response))
    }

    /// Creates a topic. A replication factor of −1 is the cluster's default, and so is a partition count of −1
    /// (brokers from 2.4 on).
    ///
    /// # Errors
    /// [`Error::Broker`] with the cluster's answer, e.g. TOPIC_ALREADY_EXISTS; [`Error::Unavailable`].
    pub fn create_topic(
        &mut self,
        name: &str,
        partitions: i32,
        replication_factor: i16,
    ) -> Result<(), Error> {
        let topic = [CreatableTopic {
            name,
            num_partitions: partitions,
            replication_factor,
            ..CreatableTopic::default()
        }];
        let request = CreateTopicsRequest {
            topics: Array::slice(&topic),
            timeout_ms: self.timeout_ms(),
            ..CreateTopicsRequest::default()
        };
        let what = format!("create topic {name}");
        self.at_controller(&what, |admin, deadline| {
            let (version, body) = admin.call(&request, deadline)?;
            let response = link::decode::<CreateTopicsResponse<'_>>(version, &body, "create topics")?;
            let result = response.topics.first();
            Ok(result.map_or((ErrorCode::UNKNOWN_SERVER_ERROR, None), |topic| {
                (topic.error_code, topic.error_message.map(str::to_owned))
            }))
        })
    }

    /// Deletes a topic with everything in it.
    ///
    /// # Errors
    /// [`Error::Broker`] with the cluster's answer, e.g. UNKNOWN_TOPIC_OR_PARTITION; [`Error::Unavailable`].
    pub fn delete_topic(&mut self, name: &str) -> Result<(), Error> {
        let (names, topics) = ([name], [DeleteTopicState { name: Some(name), ..Default::default() }]);
        let request = DeleteTopicsRequest {
            topics: Array::slice(&topics),
            topic_names: Array::slice(&names),
            timeout_ms: self.timeout_ms(),
        };
        let what = format!("delete topic {name}");
        self.at_controller(&what, |admin, deadline| {
            let (version, body) = admin.call(&request, deadline)?;
            let response = link::decode::<DeleteTopicsResponse<'_>>(version, &body, "delete topics")?;
            let result = response.responses.first();
            Ok(result.map_or((ErrorCode::UNKNOWN_SERVER_ERROR, None), |topic| {
                (topic.error_code, topic.error_message.map(str::to_owned))
            }))
        })
    }

    fn timeout_ms(&self) -> i32 {
        i32::try_from(self.timeout.as_millis()).unwrap_or(i32::MAX)
    }

    /// Brokers with ZooKeeper change topics only at the controller; the others pass it on by themselves.
    fn at_controller(
        &mut self,
        what: &str,
        mut ask: impl FnMut(&mut Admin, Instant) -> Result<(ErrorCode, Option<String>), Error>,
    ) -> Result<(), Error> {
        let deadline = deadline(self.timeout);
        let mut answer = ask(self, deadline)?;
        if answer.0 == ErrorCode::NOT_CONTROLLER {
            let cluster = self.metadata_by(Some(&[]), deadline)?;
            if let Some(broker) = cluster.brokers.iter().find(|b| Some(b.id) == cluster.controller) {
                self.link = Some(Link::to_any(&[(broker.host.clone(), broker.port)], deadline)?);
                answer = ask(self, deadline)?;
            }
        }
        match answer {
            (ErrorCode::NONE, _) => Ok(()),
            (code, message) => Err(Error::Broker { what: what.to_owned(), code, message }),
        }
    }

    /// Asks, on a new connection if the old one is gone.
    fn call<'a, R: kafka_proto::Request<'a>>(
        &mut self,
        request: &R,
        deadline: Instant,
    ) -> Result<(i16, Vec<u8>), Error> {
        let begin = Instant::now();
        if let Some(mut link) = self.link.take() {
            match link.call(request, deadline) {
                Ok(answer) => {
                    self.link = Some(link);
                    return Ok(answer);
                }
                Err(trouble) if Instant::now() >= deadline => {
                    return Err(link.unavailable(trouble, begin.elapsed()).into());
                }
                Err(_) => {}
            }
        }
        let mut link = Link::to_any(&self.bootstrap, deadline)?;
        let answer = link.call(request, deadline);
        let answer = answer.map_err(|trouble| link.unavailable(trouble, begin.elapsed()))?;
        self.link = Some(link);
        Ok(answer)
    }
}

/// The longest that a call can take: longer, and the clock could not count it.
const TIMEOUT_MAX: Duration = Duration::from_secs(365 * 86_400);

fn deadline(timeout: Duration) -> Instant {
    Instant::now() + timeout.min(TIMEOUT_MAX)
}

fn cluster(version: i16, response: &MetadataResponse<'_>) -> Cluster {
    let brokers = response.brokers.iter().map(|broker| BrokerInfo {
        id: broker.node_id,
        host: broker.host.to_owned(),
        port: u16::try_from(broker.port).unwrap_or(0),
        rack: broker.rack.map(str::to_owned),
    });
    let mut cluster = Cluster {
        id: response.cluster_id.map(str::to_owned),
        controller: (response.controller_id >= 0).then_some(response.controller_id),
        brokers: brokers.collect(),
        topics: response.topics.iter().map(|topic| topic_info(version, &topic)).collect(),
    };
    cluster.brokers.sort_by_key(|broker| broker.id);
    cluster.topics.sort_by(|a, b| a.name.cmp(&b.name));
    cluster
}

fn topic_info(version: i16, topic: &MetadataResponseTopic<'_>) -> TopicInfo {
    let partitions = topic.partitions.iter().map(|partition| PartitionInfo {
        partition: partition.partition_index,
        leader: (partition.leader_id >= 0).then_some(partition.leader_id),
        leader_epoch: (version >= 7 && partition.leader_epoch >= 0).then_some(partition.leader_epoch),
        replicas: partition.replica_nodes.iter().collect(),
        isr: partition.isr_nodes.iter().collect(),
    });
    let mut info = TopicInfo {
        name: topic.name.unwrap_or_default().to_owned(),
        internal: topic.is_internal,
        error: topic.error_code,
        partitions: partitions.collect(),
    };
    info.partitions.sort_by_key(|partition| partition.partition);
    info
}
