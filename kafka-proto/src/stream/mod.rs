//! Reading what is larger than the receiver's memory: records and metadata, an element at a time.
//!
//! Each reader is given what has arrived and takes from its front. A [`Step`] says how many bytes were taken and what
//! they were; the caller keeps the rest and adds to it. Where a step asks for more than the caller's memory can hold,
//! that element is too large for it, and nothing but more memory helps.

mod metadata;
mod records;

pub use metadata::{MetadataItem, MetadataStream, TopicHead};
pub use records::{RecordItem, RecordStream, StreamError, Unverified};

/// What a reader took from the front of its input, and what that was.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step<T> {
    /// Bytes that are done with; the caller drops them once it is done with `item`, which may borrow from them.
    pub consumed: usize,
    /// What they were.
    pub item: T,
}
