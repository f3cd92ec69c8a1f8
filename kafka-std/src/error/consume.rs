//! What a consumer reports.

use std::fmt;

use super::{ErrorCode, Unavailable};

/// What a consumer has to report. It goes on with the next poll; what it says about one partition concerns only that.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConsumeError {
    /// The cluster could not be used in time.
    Unavailable(Unavailable),
    /// The broker refuses to serve a partition, e.g. TOPIC_AUTHORIZATION_FAILED. It is tried again.
    Refused {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// The broker's answer.
        code: ErrorCode,
    },
    /// A position does not exist any more; reading goes on elsewhere, as `auto.offset.reset` says. Records in between
    /// are gone.
    Reset {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// The position that was lost.
        from: i64,
        /// Where reading goes on.
        to: i64,
    },
    /// A position does not exist, and `auto.offset.reset` is none: the partition waits for a seek.
    OutOfRange {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// The position.
        position: i64,
    },
    /// A batch cannot be read, or a record in it: damaged, malformed by its producer, or in a codec this build lacks. The
    /// partition waits for a seek.
    Unreadable {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// The first offset that cannot be read.
        base: i64,
        /// The offset after the batch: where to seek to skip it.
        next: i64,
        /// What is wrong with it.
        why: String,
    },
    /// Not 1 to 249 of `[a-zA-Z0-9._-]`, or `.` or `..`.
    IllegalTopicName(String),
    /// The consumer was closed.
    Closed,
}

impl fmt::Display for ConsumeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConsumeError::Unavailable(error) => error.fmt(f),
            ConsumeError::Refused { topic, partition, code } => {
                write!(f, "{topic}-{partition}: the broker answers {code}")
            }
            ConsumeError::Reset { topic, partition, from, to } => {
                write!(f, "{topic}-{partition}: offset {from} does not exist; reading goes on at {to}")
            }
            ConsumeError::OutOfRange { topic, partition, position } => {
                write!(
                    f,
                    "{topic}-{partition}: offset {position} does not exist, and auto.offset.reset is none"
                )
            }
            ConsumeError::Unreadable { topic, partition, base, next, why } => {
                write!(f, "{topic}-{partition}: what is at offset {base} cannot be read: {why}")?;
                write!(f, "; go on at {next} to skip it")
            }
            ConsumeError::IllegalTopicName(name) => {
                write!(f, "\"{name}\": not a legal topic name: 1 to 249 of a-z, A-Z, 0-9, '.', '_', '-'")
            }
            ConsumeError::Closed => f.write_str("the consumer is closed"),
        }
    }
}

impl std::error::Error for ConsumeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ConsumeError::Unavailable(error) => Some(error),
            _ => None,
        }
    }
}

impl From<Unavailable> for ConsumeError {
    fn from(error: Unavailable) -> Self {
        ConsumeError::Unavailable(error)
    }
}
