//! The tables: a row per setting. Names and meanings are Java's; the names in brackets are librdkafka's for the same.

use kafka_client_core::config::{Acks, Isolation, OffsetReset};

use super::Use::{Refuse, Set};
use super::parse::{boolean, bootstrap, codec, millis, socket_buffer, whole};
use super::{Common, Row};
use crate::consumer::ConsumerSettings;
use crate::producer::ProducerSettings;

const INT_MAX: i64 = i32::MAX as i64;

/// Settings of every client.
pub(crate) const COMMON: &[Row<Common>] = &[
    ("bootstrap.servers", &["metadata.broker.list"], Set(|c, v| bootstrap(v).map(|b| c.bootstrap = Ok(b)))),
    ("client.id", &[], Set(|c, v| whole_text(v).map(|id| c.client_id = id))),
    (
        "request.timeout.ms",
        &["socket.timeout.ms"],
        Set(|c, v| millis(v, 1).map(|d| c.client.request_timeout = d)),
    ),
    ("retry.backoff.ms", &[], Set(|c, v| millis(v, 0).map(|d| c.client.retry_backoff = d))),
    ("retry.backoff.max.ms", &[], Set(|c, v| millis(v, 0).map(|d| c.client.retry_backoff_max = d))),
    ("reconnect.backoff.ms", &[], Set(|c, v| millis(v, 0).map(|d| c.client.reconnect_backoff = d))),
    ("reconnect.backoff.max.ms", &[], Set(|c, v| millis(v, 0).map(|d| c.client.reconnect_backoff_max = d))),
    (
        "socket.connection.setup.timeout.ms",
        &[],
        Set(|c, v| millis(v, 1).map(|d| c.client.connection_setup_timeout = d)),
    ),
    ("connections.max.idle.ms", &[], Set(|c, v| millis(v, 1).map(|d| c.client.connections_max_idle = d))),
    (
        "metadata.max.age.ms",
        &["topic.metadata.refresh.interval.ms"],
        Set(|c, v| millis(v, 1).map(|d| c.client.metadata_max_age = d)),
    ),
    (
        "send.buffer.bytes",
        &["socket.send.buffer.bytes"],
        Set(|c, v| socket_buffer(v).map(|n| c.sockets.send_buffer = n)),
    ),
    (
        "receive.buffer.bytes",
        &["socket.receive.buffer.bytes"],
        Set(|c, v| socket_buffer(v).map(|n| c.sockets.receive_buffer = n)),
    ),
    ("allow.auto.create.topics", &[], Set(|c, v| boolean(v).map(|b| c.client.allow_auto_create_topics = b))),
    ("security.protocol", &[], Refuse("PLAINTEXT", "TLS and SASL are to come; only PLAINTEXT can be used")),
    ("sasl.mechanism", &["sasl.mechanisms"], Refuse("", "SASL is to come")),
    ("sasl.jaas.config", &[], Refuse("", "SASL is to come")),
    ("sasl.username", &[], Refuse("", "SASL is to come")),
    ("sasl.password", &[], Refuse("", "SASL is to come")),
    ("ssl.ca.location", &["ssl.truststore.location"], Refuse("", "TLS is to come")),
    ("ssl.certificate.location", &["ssl.keystore.location"], Refuse("", "TLS is to come")),
    ("ssl.key.location", &[], Refuse("", "TLS is to come")),
    ("ssl.endpoint.identification.algorithm", &[], Refuse("https", "TLS is to come")),
    (
        "interceptor.classes",
        &[],
        Refuse("", "give the builder an Interceptor: Java classes cannot be loaded"),
    ),
    ("metric.reporters", &[], Refuse("", "Java classes cannot be loaded")),
    ("client.dns.lookup", &[], Refuse("use_all_dns_ips", "every address of a name is always tried")),
    (
        "metadata.recovery.strategy",
        &[],
        Refuse("rebootstrap", "the bootstrap servers are always tried again"),
    ),
    ("enable.metrics.push", &[], Refuse("false", "pushing metrics (KIP-714) is to come")),
    ("socket.nagle.disable", &[], Refuse("true", "frames are always sent at once")),
    ("tcp.nodelay", &[], Refuse("true", "frames are always sent at once")),
];

/// Settings of a producer.
pub(crate) const PRODUCER: &[Row<ProducerSettings>] = &[
    ("acks", &["request.required.acks"], Set(|p, v| acks(v).map(|a| p.core.acks = a))),
    ("enable.idempotence", &[], Set(|p, v| boolean(v).map(|b| p.idempotence = Some(b)))),
    (
        "max.in.flight.requests.per.connection",
        &["max.in.flight"],
        Set(|p, v| whole(v, 1..=8).map(|n| p.max_in_flight = Some(n))),
    ),
    (
        "batch.size",
        &[],
        Set(|p, v| whole(v, 0..=INT_MAX).map(|n: u32| p.core.batch_size = n.max(BATCH_SIZE_MIN))),
    ),
    ("linger.ms", &["queue.buffering.max.ms"], Set(|p, v| millis(v, 0).map(|d| p.core.linger = d))),
    ("buffer.memory", &[], Set(|p, v| whole(v, 0..=i64::MAX).map(|n| p.core.buffer_memory = n))),
    (
        "queue.buffering.max.kbytes",
        &[],
        Set(|p, v| whole(v, 1..=INT_MAX).map(|n: u64| p.core.buffer_memory = n << 10)),
    ),
    (
        "max.block.ms",
        &[],
        Set(|p, v| millis(v, 0).map(|d| p.max_block = std::time::Duration::from_micros(d.0))),
    ),
    (
        "max.request.size",
        &["message.max.bytes"],
        Set(|p, v| whole(v, 0..=INT_MAX).map(|n| p.core.max_request_size = n)),
    ),
    ("compression.type", &["compression.codec"], Set(|p, v| codec(v).map(|c| p.core.codec = c))),
    // Java's -1 is zlib's default.
    (
        "compression.gzip.level",
        &[],
        Set(|p, v| whole(v, -1..=9).map(|level: i32| p.levels.gzip = Some(level).filter(|l| *l != -1))),
    ),
    ("compression.lz4.level", &[], Set(|p, v| whole(v, 1..=17).map(|level| p.levels.lz4 = Some(level)))),
    (
        "compression.zstd.level",
        &[],
        Set(|p, v| whole(v, -131_072..=22).map(|level| p.levels.zstd = Some(level))),
    ),
    ("retries", &["message.send.max.retries"], Set(|p, v| whole(v, 0..=INT_MAX).map(|n| p.core.retries = n))),
    (
        "delivery.timeout.ms",
        &["message.timeout.ms"],
        Set(|p, v| millis(v, 1).map(|d| p.core.delivery_timeout = d)),
    ),
    ("partitioner.class", &[], Set(partitioner_class)),
    ("partitioner", &[], Set(|p, v| spread(v).map(|b| p.core.partitioner.ignore_keys = b))),
    ("partitioner.ignore.keys", &[], Set(|p, v| boolean(v).map(|b| p.core.partitioner.ignore_keys = b))),
    (
        "partitioner.adaptive.partitioning.enable",
        &[],
        Set(|p, v| boolean(v).map(|b| p.core.partitioner.adaptive = b)),
    ),
    (
        "partitioner.availability.timeout.ms",
        &[],
        Set(|p, v| millis(v, 0).map(|d| p.core.partitioner.availability_timeout = d)),
    ),
    (
        "metadata.max.idle.ms",
        &[],
        Refuse("300000", "metadata of a topic is kept as long as the producer lives"),
    ),
    ("transactional.id", &[], Set(|p, v| whole_text(v).map(|id| p.transactional_id = id))),
    ("transaction.timeout.ms", &[], Set(|p, v| millis(v, 1).map(|d| p.transaction_timeout = d))),
    (
        "key.serializer",
        &[],
        Refuse(
            "org.apache.kafka.common.serialization.ByteArraySerializer",
            "records are bytes: serialize before sending",
        ),
    ),
    (
        "value.serializer",
        &[],
        Refuse(
            "org.apache.kafka.common.serialization.ByteArraySerializer",
            "records are bytes: serialize before sending",
        ),
    ),
    (
        "queue.buffering.max.messages",
        &[],
        Refuse("0", "records are limited by their bytes: use buffer.memory"),
    ),
    ("batch.num.messages", &[], Refuse("", "batches are limited by their bytes: use batch.size")),
    (
        "enable.gapless.guarantee",
        &[],
        Refuse("false", "a record that fails does not hold up those behind it"),
    ),
];

/// Settings of a consumer.
pub(crate) const CONSUMER: &[Row<ConsumerSettings>] = &[
    ("fetch.min.bytes", &[], Set(|c, v| whole(v, 0..=INT_MAX).map(|n| c.core.fetch_min_bytes = n))),
    (
        "fetch.max.wait.ms",
        &["fetch.wait.max.ms"],
        Set(|c, v| millis(v, 0).map(|d| c.core.fetch_max_wait = d)),
    ),
    ("fetch.max.bytes", &[], Set(|c, v| whole(v, 0..=INT_MAX).map(|n| c.core.fetch_max_bytes = n))),
    (
        "max.partition.fetch.bytes",
        &["fetch.message.max.bytes"],
        Set(|c, v| whole(v, 0..=INT_MAX).map(|n| c.core.partition_fetch_bytes = n)),
    ),
    ("auto.offset.reset", &[], Set(|c, v| offset_reset(v).map(|r| c.core.offset_reset = r))),
    ("check.crcs", &[], Set(|c, v| boolean(v).map(|b| c.core.check_crcs = b))),
    ("client.rack", &[], Set(|c, v| whole_text(v).map(|r| c.rack = r))),
    (
        "default.api.timeout.ms",
        &[],
        Set(|c, v| millis(v, 0).map(|d| c.api_timeout = std::time::Duration::from_micros(d.0))),
    ),
    ("isolation.level", &[], Set(|c, v| isolation(v).map(|i| c.core.isolation = i))),
    ("group.id", &[], Refuse("", "consumer groups are to come: assign partitions instead")),
    ("group.instance.id", &[], Refuse("", "consumer groups are to come")),
    ("group.protocol", &[], Refuse("classic", "consumer groups are to come")),
    ("group.remote.assignor", &[], Refuse("", "consumer groups are to come")),
    ("partition.assignment.strategy", &[], Refuse("", "consumer groups are to come")),
    ("session.timeout.ms", &[], Refuse("45000", "consumer groups are to come")),
    ("heartbeat.interval.ms", &[], Refuse("3000", "consumer groups are to come")),
    ("max.poll.interval.ms", &[], Refuse("300000", "consumer groups are to come")),
    ("enable.auto.commit", &[], Refuse("false", "consumer groups are to come")),
    ("auto.commit.interval.ms", &[], Refuse("5000", "consumer groups are to come")),
    (
        "max.poll.records",
        &[],
        Refuse("500", "a poll returns what one fetch brought; stop reading it at any record"),
    ),
    ("exclude.internal.topics", &[], Refuse("true", "subscriptions by pattern are to come")),
    (
        "key.deserializer",
        &[],
        Refuse(
            "org.apache.kafka.common.serialization.ByteArrayDeserializer",
            "records are bytes: deserialize what was read",
        ),
    ),
    (
        "value.deserializer",
        &[],
        Refuse(
            "org.apache.kafka.common.serialization.ByteArrayDeserializer",
            "records are bytes: deserialize what was read",
        ),
    ),
];

fn offset_reset(text: &str) -> Result<OffsetReset, String> {
    match text.to_ascii_lowercase().as_str() {
        "earliest" | "smallest" | "beginning" => Ok(OffsetReset::Earliest),
        "latest" | "largest" | "end" => Ok(OffsetReset::Latest),
        "none" | "error" => Ok(OffsetReset::None),
        _ => Err("one of earliest, latest, none".into()),
    }
}

/// The smallest batch the core works with. Java takes `batch.size=0` to mean "no batching", which this is too.
const BATCH_SIZE_MIN: u32 = 128;

fn whole_text(text: &str) -> Result<String, String> {
    Ok(text.to_owned())
}

fn acks(text: &str) -> Result<Acks, String> {
    match text {
        "0" => Ok(Acks::None),
        "1" => Ok(Acks::Leader),
        "all" | "-1" => Ok(Acks::All),
        _ => Err("one of 0, 1, all (or -1, which is all)".into()),
    }
}

/// Java's own partitioners; those of an application are values, not names.
fn partitioner_class(p: &mut ProducerSettings, text: &str) -> Result<(), String> {
    let name = text.rsplit('.').next().unwrap_or_default();
    let (round_robin, ignore_keys) = match name {
        "" | "DefaultPartitioner" => (false, p.core.partitioner.ignore_keys),
        "UniformStickyPartitioner" => (false, true),
        "RoundRobinPartitioner" => (true, p.core.partitioner.ignore_keys),
        _ => {
            return Err("RoundRobinPartitioner, UniformStickyPartitioner or nothing; \
                 for others give the builder a Partitioner"
                .into());
        }
    };
    (p.round_robin, p.core.partitioner.ignore_keys) = (round_robin, ignore_keys);
    Ok(())
}

/// librdkafka's partitioners, as far as this client has them: whether keys are ignored.
fn spread(text: &str) -> Result<bool, String> {
    match text {
        "murmur2_random" => Ok(false),
        "random" => Ok(true),
        _ => Err("one of murmur2_random, random; for others give the builder a Partitioner".into()),
    }
}

fn isolation(text: &str) -> Result<Isolation, String> {
    match text.to_ascii_lowercase().as_str() {
        "read_uncommitted" => Ok(Isolation::ReadUncommitted),
        "read_committed" => Ok(Isolation::ReadCommitted),
        _ => Err("one of read_uncommitted, read_committed".into()),
    }
}
