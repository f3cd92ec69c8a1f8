//! DescribeConfigs, AlterConfigs and IncrementalAlterConfigs, for topics; brokers only show what they are.

use std::collections::BTreeMap;

use kafka_proto::messages::{
    AlterConfigsRequest, AlterConfigsResourceResponse, AlterConfigsResponse, DescribeConfigsRequest,
    DescribeConfigsResourceResult, DescribeConfigsResponse, DescribeConfigsResult,
    IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse,
};
use kafka_proto::{Array, ErrorCode};

use crate::cluster::Cluster;
use crate::config::Config;
use crate::request::{Hangup, Rq};

/// Types of resources.
const TOPIC: i8 = 2;
const BROKER: i8 = 4;
/// Where a value comes from.
const SET_ON_TOPIC: i8 = 1;
const STATIC: i8 = 4;
const DEFAULT: i8 = 5;
/// What IncrementalAlterConfigs does with a key.
const SET: i8 = 0;
const DELETE: i8 = 1;

type Entry = (String, String, i8);
type Done = Result<(), (ErrorCode, &'static str)>;

/// Keys of a topic and what they are by default.
fn topic_defaults(config: &Config) -> Vec<(&'static str, String)> {
    vec![
        ("cleanup.policy", "delete".into()),
        ("compression.type", "producer".into()),
        ("max.message.bytes", config.max_message_bytes.to_string()),
        ("message.timestamp.after.max.ms", i64::MAX.to_string()),
        ("message.timestamp.before.max.ms", i64::MAX.to_string()),
        ("message.timestamp.type", "CreateTime".into()),
        ("min.insync.replicas", config.min_insync_replicas.to_string()),
        ("retention.bytes", "-1".into()),
        ("retention.ms", "-1".into()),
        ("segment.bytes", config.segment_bytes.to_string()),
    ]
}

impl Cluster {
    pub(crate) fn describe_configs(&mut self, rq: &Rq<'_>) -> Result<(), Hangup> {
        let request: DescribeConfigsRequest<'_> = rq.decode()?;
        let mut found: Vec<Result<Vec<Entry>, ErrorCode>> = Vec::new();
        for resource in request.resources {
            let entries = match rq.forced {
                Some(code) => Err(code),
                None => self.entries(resource.resource_type, resource.resource_name),
            };
            found.push(entries.map(|mut entries| {
                if let Some(keys) = resource.configuration_keys {
                    entries.retain(|e| keys.iter().any(|k| k == e.0));
                }
                entries
            }));
        }
        let rows: Vec<Vec<DescribeConfigsResourceResult<'_>>> =
            found.iter().map(|f| f.iter().flatten().map(config_row).collect()).collect();
        let results: Vec<DescribeConfigsResult<'_>> = request
            .resources
            .iter()
            .zip(found.iter().zip(&rows))
            .map(|(resource, (found, rows))| DescribeConfigsResult {
                error_code: found.as_ref().err().copied().unwrap_or(ErrorCode::NONE),
                error_message: None,
                resource_type: resource.resource_type,
                resource_name: resource.resource_name,
                configs: Array::slice(rows),
            })
            .collect();
        let answer =
            DescribeConfigsResponse { throttle_time_ms: self.throttle_ms(), results: Array::slice(&results) };
        self.conns.reply(&rq.ticket, &answer);
        Ok(())
    }

    fn entries(&self, kind: i8, name: &str) -> Result<Vec<Entry>, ErrorCode> {
        match kind {
            TOPIC => {
                let topic = self.topics.named(name).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
                let mut all: BTreeMap<String, (String, i8)> = topic_defaults(&self.config)
                    .into_iter()
                    .map(|(key, value)| (key.to_owned(), (value, DEFAULT)))
                    .collect();
                all.extend(topic.config.iter().map(|(k, v)| (k.clone(), (v.clone(), SET_ON_TOPIC))));
                Ok(all.into_iter().map(|(key, (value, source))| (key, value, source)).collect())
            }
            BROKER if name.is_empty() => Ok(Vec::new()),
            BROKER => {
                let id: i32 = name.parse().map_err(|_| ErrorCode::INVALID_REQUEST)?;
                let node = self.nodes.iter().find(|n| n.id == id).ok_or(ErrorCode::INVALID_REQUEST)?;
                let entry = |key: &str, value: String| (key.to_owned(), value, STATIC);
                Ok(vec![
                    entry("broker.id", node.id.to_string()),
                    entry("auto.create.topics.enable", self.config.auto_create.to_string()),
                    entry("num.partitions", self.config.default_partitions.to_string()),
                    entry("message.max.bytes", self.config.max_message_bytes.to_string()),
                    entry("log.segment.bytes", self.config.segment_bytes.to_string()),
                ])
            }
            _ => Err(ErrorCode::INVALID_REQUEST),
        }
    }

    pub(crate) fn alter_configs(&mut self, rq: &Rq<'_>) -> Result<(), Hangup> {
        let request: AlterConfigsRequest<'_> = rq.decode()?;
        let mut responses = Vec::new();
        for resource in request.resources {
            let value = |c: kafka_proto::messages::AlterConfigsAlterableConfig<'_>| {
                Some((c.name.to_owned(), c.value?.to_owned()))
            };
            // The old request replaces everything that is set.
            let settings = resource.configs.iter().filter_map(value).collect();
            let (kind, name) = (resource.resource_type, resource.resource_name);
            let done = self.configure(rq, kind, name, |_| Ok(settings), request.validate_only);
            responses.push(altered(kind, name, done));
        }
        let answer = AlterConfigsResponse {
            throttle_time_ms: self.throttle_ms(),
            responses: Array::slice(&responses),
        };
        self.conns.reply(&rq.ticket, &answer);
        Ok(())
    }

    pub(crate) fn incremental_alter_configs(&mut self, rq: &Rq<'_>) -> Result<(), Hangup> {
        let request: IncrementalAlterConfigsRequest<'_> = rq.decode()?;
        let mut responses = Vec::new();
        for resource in request.resources {
            let (kind, name) = (resource.resource_type, resource.resource_name);
            let change = |mut settings: BTreeMap<String, String>| {
                for config in resource.configs {
                    match (config.config_operation, config.value) {
                        (SET, Some(value)) => drop(settings.insert(config.name.to_owned(), value.to_owned())),
                        (DELETE, _) => drop(settings.remove(config.name)),
                        _ => return Err((ErrorCode::INVALID_CONFIG, "only SET and DELETE are known")),
                    }
                }
                Ok(settings)
            };
            let done = self.configure(rq, kind, name, change, request.validate_only);
            responses.push(altered(kind, name, done));
        }
        let answer = IncrementalAlterConfigsResponse {
            throttle_time_ms: self.throttle_ms(),
            responses: Array::slice(&responses),
        };
        self.conns.reply(&rq.ticket, &answer);
        Ok(())
    }

    fn configure(
        &mut self,
        rq: &Rq<'_>,
        kind: i8,
        name: &str,
        change: impl FnOnce(
            BTreeMap<String, String>,
        ) -> Result<BTreeMap<String, String>, (ErrorCode, &'static str)>,
        validate_only: bool,
    ) -> Done {
        if let Some(code) = rq.forced {
            return Err((code, ""));
        }
        if kind != TOPIC {
            return Err((ErrorCode::INVALID_REQUEST, "only topics can be configured"));
        }
        let Self { topics, config, .. } = self;
        let topic = topics.named_mut(name).ok_or((ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, ""))?;
        let before = topic.config.clone();
        topic.config = change(before.clone())?;
        let applied = topic.apply_config(config);
        if validate_only || applied.is_err() {
            topic.config = before;
            // What was in force before was possible.
            let _ = topic.apply_config(config);
        }
        applied.map_err(|_| (ErrorCode::INVALID_CONFIG, "a configuration value is impossible"))
    }
}

fn config_row((name, value, source): &Entry) -> DescribeConfigsResourceResult<'_> {
    DescribeConfigsResourceResult {
        name,
        value: Some(value),
        read_only: *source == STATIC,
        config_source: *source,
        documentation: None,
        ..DescribeConfigsResourceResult::default()
    }
}

fn altered(resource_type: i8, resource_name: &str, done: Done) -> AlterConfigsResourceResponse<'_> {
    let (error_code, message) = done.err().unwrap_or((ErrorCode::NONE, ""));
    let error_message = (!message.is_empty()).then_some(message);
    AlterConfigsResourceResponse { error_code, error_message, resource_type, resource_name }
}
