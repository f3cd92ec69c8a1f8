//! A topic as the application knows it: its handle, its name, and why it cannot be had.

/// The longest topic name (Kafka's own limit, which keeps a log's file names legal).
pub const TOPIC_LEN_MAX: usize = 249;

/// A topic of this client: an index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicId {
    pub(crate) index: u32,
    /// How many topics had the place before.
    pub(crate) tenant: u32,
}

impl TopicId {
    /// The first topic at a place: a consumer gives no place to another.
    pub(crate) fn first_at(index: u32) -> TopicId {
        TopicId { index, tenant: 0 }
    }

    /// The number of the topic: 0 for the first that was registered. Where memory is lent, it can be that of a topic
    /// which was not used for `metadata.max.idle.ms`.
    pub fn index(self) -> usize {
        self.index as usize
    }
}

/// Whether Kafka accepts this topic name: 1 to 249 of `[a-zA-Z0-9._-]`, but not `.` or `..`.
pub fn is_legal_topic_name(name: &str) -> bool {
    let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    (1..=TOPIC_LEN_MAX).contains(&name.len()) && name != "." && name != ".." && name.bytes().all(legal)
}

/// Why a topic cannot be used at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopicError {
    /// Not 1 to 249 of `[a-zA-Z0-9._-]`, or `.` or `..`.
    IllegalName,
    /// The lent tables have no room for another topic.
    NoRoom,
}

impl core::fmt::Display for TopicError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            TopicError::IllegalName => "not a legal topic name: 1 to 249 of a-z, A-Z, 0-9, '.', '_', '-'",
            TopicError::NoRoom => "no room for another topic in the memory that was lent",
        })
    }
}

impl core::error::Error for TopicError {}
