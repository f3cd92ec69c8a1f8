//! Errors, by who must act: the one who configures, the one who calls, the one who operates the cluster.

mod consume;

use std::fmt;
use std::io;
use std::time::Duration;

pub use kafka_client_core::net::Trouble;
pub use kafka_proto::ErrorCode;

pub use consume::ConsumeError;

use crate::producer::DeliveryError;

/// Any error of this crate, for callers that do not tell them apart.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The configuration is wrong.
    Config(ConfigError),
    /// A record was not accepted.
    Send(SendError),
    /// An accepted record was not acknowledged.
    Delivery(DeliveryError),
    /// Reading went wrong.
    Consume(ConsumeError),
    /// The cluster could not be used in time.
    Unavailable(Unavailable),
    /// A broker refused a request.
    Broker {
        /// What was asked, and of what: "create topic readings".
        what: String,
        /// Its error code.
        code: ErrorCode,
        /// What it said beside.
        message: Option<String>,
    },
    /// A call about a transaction failed.
    Transaction(TransactionError),
    /// The operating system refused something the client needs.
    Io(io::Error),
}

impl Error {
    /// Whether it says that the open transaction has to be aborted, and that the same work can then be done again in
    /// another: `send`, `send_offsets` and `commit_transaction` can all be the first to find that out.
    pub fn must_abort(&self) -> bool {
        matches!(
            self,
            Error::Send(SendError::MustAbort(_)) | Error::Transaction(TransactionError::MustAbort(_))
        )
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Config(error) => error.fmt(f),
            Error::Send(error) => error.fmt(f),
            Error::Delivery(error) => error.fmt(f),
            Error::Consume(error) => error.fmt(f),
            Error::Unavailable(error) => error.fmt(f),
            Error::Broker { what, code, message: Some(message) } => write!(f, "{what}: {code}: {message}"),
            Error::Broker { what, code, message: None } => write!(f, "{what}: {code}"),
            Error::Transaction(error) => error.fmt(f),
            Error::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Config(error) => Some(error),
            Error::Send(error) => Some(error),
            Error::Delivery(error) => Some(error),
            Error::Consume(error) => Some(error),
            Error::Unavailable(error) => Some(error),
            Error::Broker { .. } => None,
            Error::Transaction(error) => Some(error),
            Error::Io(error) => Some(error),
        }
    }
}

macro_rules! from {
    ($($type:ty => $variant:ident),* $(,)?) => {$(
        impl From<$type> for Error {
            fn from(error: $type) -> Self {
                Error::$variant(error)
            }
        }
    )*};
}

from! {
    ConfigError => Config,
    SendError => Send,
    DeliveryError => Delivery,
    ConsumeError => Consume,
    Unavailable => Unavailable,
    TransactionError => Transaction,
    io::Error => Io,
}

/// Why a call about a transaction failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TransactionError {
    /// The call does not fit where the producer is, e.g. a second `begin_transaction`. Nothing was changed.
    WrongState(String),
    /// The transaction cannot be committed any more, for this reason. Abort it and begin another.
    MustAbort(ErrorCode),
    /// This producer can do nothing more: most often another one with the same `transactional.id` has taken its place
    /// (PRODUCER_FENCED). Close it.
    Failed(ErrorCode),
    /// The coordinator did not answer within `max.block.ms`. The same call goes on waiting.
    Unavailable(Unavailable),
    /// The topic of an offset cannot be used.
    Topic(SendError),
    /// An offset or its partition is negative.
    BadOffset {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// The offset.
        offset: i64,
    },
    /// The group whose offsets these are has no id.
    NoGroup,
    /// The producer was closed.
    Closed,
}

impl fmt::Display for TransactionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TransactionError::WrongState(why) => f.write_str(why),
            TransactionError::MustAbort(code) => {
                write!(f, "the transaction cannot be committed: {code}; abort it and begin another")
            }
            TransactionError::Failed(code) => {
                write!(f, "the producer can do nothing more: {code}; close it")
            }
            TransactionError::Unavailable(error) => error.fmt(f),
            TransactionError::Topic(error) => error.fmt(f),
            TransactionError::BadOffset { topic, partition, offset } => {
                write!(f, "offset {offset} of {topic}-{partition}: neither can be negative")
            }
            TransactionError::NoGroup => f.write_str("group.id: must not be empty"),
            TransactionError::Closed => f.write_str("the producer is closed"),
        }
    }
}

impl std::error::Error for TransactionError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            TransactionError::Unavailable(error) => Some(error),
            TransactionError::Topic(error) => Some(error),
            _ => None,
        }
    }
}

/// A setting that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigError {
    /// No setting has this name.
    UnknownKey {
        /// The name.
        key: String,
        /// The setting whose name is most like it.
        nearest: Option<&'static str>,
    },
    /// A setting of Kafka's other clients that this one does not have yet. It is not ignored, because what it asks for
    /// would not happen.
    NotSupported {
        /// Its name.
        key: &'static str,
        /// Why, or what to do instead.
        why: &'static str,
    },
    /// The value is none of those allowed.
    BadValue {
        /// The setting.
        key: String,
        /// The value it was given.
        value: String,
        /// What is allowed, like "0 to 2147483647" or "one of: 0, 1, all".
        allowed: String,
    },
    /// Settings that contradict each other.
    Contradiction {
        /// The setting to change.
        key: &'static str,
        /// What it must satisfy.
        rule: &'static str,
    },
    /// A line that is not `name=value`.
    Syntax {
        /// Its number, from 1.
        line: usize,
    },
}

impl ConfigError {
    pub(crate) fn bad_value(key: &str, value: &str, allowed: String) -> ConfigError {
        ConfigError::BadValue { key: key.to_owned(), value: value.to_owned(), allowed }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConfigError::UnknownKey { key, nearest: Some(nearest) } => {
                write!(f, "{key}: no such setting; did you mean {nearest}?")
            }
            ConfigError::UnknownKey { key, nearest: None } => write!(f, "{key}: no such setting"),
            ConfigError::NotSupported { key, why } => write!(f, "{key}: not supported yet: {why}"),
            ConfigError::BadValue { key, value, allowed } => {
                write!(f, "{key}: \"{value}\" is not allowed: must be {allowed}")
            }
            ConfigError::Contradiction { key, rule } => write!(f, "{key}: must be {rule}"),
            ConfigError::Syntax { line } => write!(f, "line {line}: not of the form name=value"),
        }
    }
}

impl std::error::Error for ConfigError {}

impl From<kafka_client_core::config::ConfigError> for ConfigError {
    fn from(error: kafka_client_core::config::ConfigError) -> Self {
        ConfigError::Contradiction { key: error.setting, rule: error.rule }
    }
}

/// The cluster could not be used in time: what was waited for, and what happened at each broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unavailable {
    /// What was waited for, like "the partitions of topic readings".
    pub what: String,
    /// How long.
    pub waited: Duration,
    /// Each broker that was tried, as `host:port`, and why it could not be used; `None` where no answer has come yet.
    pub brokers: Vec<(String, Option<Trouble>)>,
    /// What the cluster answered, if it did: UNKNOWN_TOPIC_OR_PARTITION for a topic that does not exist.
    pub answer: Option<ErrorCode>,
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: not available after {:.1} s", self.what, self.waited.as_secs_f64())?;
        if let Some(code) = self.answer {
            write!(f, ": the cluster answers {code}")?;
            if code == ErrorCode::UNKNOWN_TOPIC_OR_PARTITION {
                f.write_str(" (create the topic, or allow its creation on the brokers)")?;
            }
        }
        for (index, (broker, trouble)) in self.brokers.iter().enumerate() {
            f.write_str(if index == 0 { ": " } else { "; " })?;
            match trouble {
                Some(trouble) => write!(f, "{broker}: {trouble}")?,
                None => write!(f, "{broker}: no answer yet")?,
            }
        }
        Ok(())
    }
}

impl std::error::Error for Unavailable {}

/// Why a record was not accepted. Nothing was queued; the caller still has the record.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// `buffer.memory` is in use up to its end, and stayed so for `max.block.ms`. Sending again later can succeed.
    Full {
        /// How long the call waited; nothing for `try_send`.
        waited: Duration,
        /// Brokers that cannot be used at the moment, as `host:port`, and why.
        brokers: Vec<(String, Trouble)>,
    },
    /// The topic's partitions are not known, and did not become known within `max.block.ms`.
    Unavailable(Unavailable),
    /// The cluster will not let this client use the topic.
    Topic {
        /// Its name.
        topic: String,
        /// The cluster's answer, e.g. TOPIC_AUTHORIZATION_FAILED.
        code: ErrorCode,
    },
    /// Not 1 to 249 of `[a-zA-Z0-9._-]`, or `.` or `..`.
    IllegalTopicName(String),
    /// The topic has fewer partitions.
    NoSuchPartition {
        /// Its name.
        topic: String,
        /// The partition asked for.
        partition: u32,
        /// How many there are: 0 to this minus one.
        partitions: u32,
    },
    /// The record is larger than `max.request.size`.
    TooLarge {
        /// Bytes it would need.
        size: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// Its timestamp is negative, and not −1 for unknown.
    BadTimestamp(i64),
    /// The producer is transactional, and no transaction is open.
    WrongState(String),
    /// The open transaction cannot be committed any more, for this reason. Abort it, and send its records in another.
    MustAbort(ErrorCode),
    /// The topic handle is of another producer.
    ForeignTopic(String),
    /// The cluster refuses this producer altogether, e.g. CLUSTER_AUTHORIZATION_FAILED for its producer id, or
    /// PRODUCER_FENCED where another one has its `transactional.id`. Close it.
    Refused(ErrorCode),
    /// The producer was closed.
    Closed,
}

impl SendError {
    /// Whether sending the same record again, later, can succeed without anybody changing something.
    pub fn is_retriable(&self) -> bool {
        matches!(self, SendError::Full { .. } | SendError::Unavailable(_))
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SendError::Full { waited, brokers } => {
                write!(f, "buffer.memory is full")?;
                if !waited.is_zero() {
                    write!(f, ", and stayed so for {:.1} s", waited.as_secs_f64())?;
                }
                brokers.iter().try_for_each(|(broker, trouble)| write!(f, "; {broker}: {trouble}"))
            }
            SendError::Unavailable(error) => error.fmt(f),
            SendError::Topic { topic, code } => write!(f, "topic {topic}: the cluster answers {code}"),
            SendError::IllegalTopicName(name) => {
                write!(f, "\"{name}\": not a legal topic name: 1 to 249 of a-z, A-Z, 0-9, '.', '_', '-'")
            }
            SendError::NoSuchPartition { topic, partition, partitions } => {
                write!(f, "topic {topic} has no partition {partition}: it has {partitions}, counted from 0")
            }
            SendError::TooLarge { size, max } => {
                write!(f, "the record needs {size} bytes, and max.request.size allows {max}")
            }
            SendError::BadTimestamp(ms) => {
                write!(f, "timestamp {ms}: must be milliseconds since 1970, or -1 for unknown")
            }
            SendError::WrongState(why) => f.write_str(why),
            SendError::MustAbort(code) => {
                write!(f, "the transaction takes no more records: {code}; abort it and begin another")
            }
            SendError::ForeignTopic(name) => write!(f, "the handle of topic {name} is of another producer"),
            SendError::Refused(code) => write!(f, "the cluster refuses this producer: {code}"),
            SendError::Closed => f.write_str("the producer is closed"),
        }
    }
}

impl std::error::Error for SendError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            SendError::Unavailable(error) => Some(error),
            _ => None,
        }
    }
}
