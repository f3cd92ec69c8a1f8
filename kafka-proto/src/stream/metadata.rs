//! Metadata responses, one broker or partition at a time.
//!
//! A cluster's metadata is 12 KB and more; the memory needed here is that of the largest broker, topic head or
//! partition.

use super::Step;
use crate::ErrorCode;
use crate::message::Message;
use crate::messages::{MetadataResponse, MetadataResponseBroker, MetadataResponsePartition};
use crate::wire::{DecodeError, Fault, Reader, Uuid, Wire};

/// What a metadata response holds, in the order of the wire.
#[derive(Clone, Debug, PartialEq)]
pub enum MetadataItem<'a> {
    /// Nothing yet: the input has to hold at least this many bytes, or what is left of the response.
    More(usize),
    /// A broker.
    Broker(MetadataResponseBroker<'a>),
    /// What follows the brokers.
    Cluster {
        /// The cluster's id; from version 2 on.
        cluster_id: Option<&'a str>,
        /// −1 where none is known; from version 1 on.
        controller_id: i32,
    },
    /// A topic; its partitions follow.
    Topic(TopicHead<'a>),
    /// A partition of the topic before.
    Partition(MetadataResponsePartition<'a>),
    /// The end of a topic's partitions.
    TopicEnd,
    /// The end of the response. From version 13 on it may be an error as a whole.
    End(ErrorCode),
}

/// A topic without its partitions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TopicHead<'a> {
    /// Whether the topic can be used.
    pub error_code: ErrorCode,
    /// Null only where the topic was asked for by id.
    pub name: Option<&'a str>,
    /// From version 10 on.
    pub topic_id: Uuid,
    /// Whether it is Kafka's own.
    pub is_internal: bool,
    /// How many partitions follow.
    pub partitions: u32,
}

/// Where the reader is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Start,
    Brokers { left: u32 },
    Topics { left: u32 },
    Partitions { left: u32, topics: u32 },
    Done,
}

/// Reads a metadata response that arrives in pieces.
#[derive(Clone, Copy, Debug)]
pub struct MetadataStream {
    at: At,
    version: i16,
    /// Bytes of the response not taken yet.
    left: usize,
    /// Bytes taken; for errors.
    taken: usize,
    /// The fault that was met is not for want of input.
    sure: bool,
}

impl MetadataStream {
    /// `len` is that of the response's body, which follows the response header.
    ///
    /// # Errors
    /// [`Fault::Version`] where the version does not exist.
    pub fn new(version: i16, len: usize) -> Result<Self, DecodeError> {
        if !MetadataResponse::VERSIONS.contains(version) {
            return Err(DecodeError::new(Fault::Version, 0));
        }
        Ok(Self { at: At::Start, version, left: len, taken: 0, sure: false })
    }

    /// Bytes of the response that were not taken yet.
    #[must_use]
    pub const fn left(&self) -> usize {
        self.left
    }

    /// Takes the next item from the front of `input`, which may hold more than the response.
    ///
    /// # Errors
    /// As for [`Message::decode`]; the reader is then of no more use.
    pub fn next<'a>(&mut self, input: &'a [u8]) -> Result<Step<MetadataItem<'a>>, DecodeError> {
        let input = input.get(..self.left).unwrap_or(input);
        let flexible = self.version >= MetadataResponse::FLEXIBLE_FROM;
        let mut r = Reader::new(input, self.version, flexible);
        let (at, item) = self.read(&mut r);
        if let Err(error) = r.verdict() {
            let short = matches!(error.fault, Fault::Short | Fault::Length) && !self.sure;
            if short && input.len() < self.left {
                let need = input.len().saturating_add(1);
                return Ok(Step { consumed: 0, item: MetadataItem::More(need) });
            }
            return Err(self.error(error.fault, error.at as usize));
        }
        let consumed = r.position();
        self.at = at;
        self.taken = self.taken.saturating_add(consumed);
        self.left = self.left.saturating_sub(consumed);
        if at == At::Done && self.left != 0 {
            return Err(self.error(Fault::Trailing, 0));
        }
        Ok(Step { consumed, item })
    }

    fn error(&self, fault: Fault, at: usize) -> DecodeError {
        DecodeError::new(fault, u32::try_from(self.taken.saturating_add(at)).unwrap_or(u32::MAX))
    }

    /// The next item and where the reader is after it, both only meant where `r` did not fail.
    fn read<'a>(&mut self, r: &mut Reader<'a>) -> (At, MetadataItem<'a>) {
        match self.at {
            At::Start => {
                if self.version >= 3 {
                    r.i32(); // throttle time
                }
                let left = self.count(r);
                if left == 0 {
                    return self.cluster(r);
                }
                let broker = MetadataResponseBroker::read(r);
                (At::Brokers { left: left.wrapping_sub(1) }, MetadataItem::Broker(broker))
            }
            At::Brokers { left: 0 } => self.cluster(r),
            At::Brokers { left } => {
                let broker = MetadataResponseBroker::read(r);
                (At::Brokers { left: left.wrapping_sub(1) }, MetadataItem::Broker(broker))
            }
            At::Topics { left: 0 } | At::Done => self.end(r),
            At::Topics { left } => self.topic(r, left.wrapping_sub(1)),
            At::Partitions { left: 0, topics } => {
                if self.version >= 8 {
                    r.i32(); // authorized operations
                }
                r.skip_tags();
                (At::Topics { left: topics }, MetadataItem::TopicEnd)
            }
            At::Partitions { left, topics } => {
                let partition = MetadataResponsePartition::read(r);
                (At::Partitions { left: left.wrapping_sub(1), topics }, MetadataItem::Partition(partition))
            }
        }
    }

    fn cluster<'a>(&mut self, r: &mut Reader<'a>) -> (At, MetadataItem<'a>) {
        let cluster_id = if self.version >= 2 { r.nullable_str() } else { None };
        let controller_id = if self.version >= 1 { r.i32() } else { -1 };
        let left = self.count(r);
        (At::Topics { left }, MetadataItem::Cluster { cluster_id, controller_id })
    }

    fn topic<'a>(&mut self, r: &mut Reader<'a>, topics: u32) -> (At, MetadataItem<'a>) {
        let error_code = ErrorCode(r.i16());
        let name = r.nullable_str();
        if name.is_none() && self.version < 12 {
            r.fail(Fault::Null);
        }
        let topic_id = if self.version >= 10 { Uuid(r.chunk()) } else { Uuid::default() };
        let is_internal = self.version >= 1 && r.i8() != 0;
        let partitions = self.count(r);
        let head = TopicHead { error_code, name, topic_id, is_internal, partitions };
        (At::Partitions { left: partitions, topics }, MetadataItem::Topic(head))
    }

    fn end<'a>(&mut self, r: &mut Reader<'a>) -> (At, MetadataItem<'a>) {
        let mut error_code = ErrorCode::default();
        if self.at != At::Done {
            if (8..=10).contains(&self.version) {
                r.i32(); // authorized operations
            }
            if self.version >= 13 {
                error_code = ErrorCode(r.i16());
            }
            r.skip_tags();
        }
        (At::Done, MetadataItem::End(error_code))
    }

    /// The length of an array that need not be in the input, but has to be in the response.
    fn count(&mut self, r: &mut Reader<'_>) -> u32 {
        let count = if r.is_flexible() { i64::from(r.uvarint()).wrapping_sub(1) } else { r.i32().into() };
        match u32::try_from(count) {
            Ok(count) if count as usize <= self.left => count,
            _ => {
                // A reader that failed before keeps that fault.
                self.sure = !r.failed();
                let fault = if count == -1 { Fault::Null } else { Fault::Length };
                r.fail(fault);
                0
            }
        }
    }
}
