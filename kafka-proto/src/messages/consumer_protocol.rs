//! What consumers tell each other through a classic group: subscriptions and assignments.

use super::common::TopicPartition;
use crate::wire::Array;

wire! {
    /// What the leader of a classic group assigns to a member. Travels in SyncGroup behind a 16-bit version.
    pub struct ConsumerProtocolAssignment<'a> {
        assigned_partitions: Array<'a, TopicPartition<'a>>,
        user_data:           Option<&'a [u8]> = null,
    }
}

wire! {
    /// What a consumer tells its classic group when it joins: the topics it wants, and the partitions it
    /// already has (from version 1 on). Travels in JoinGroup behind a 16-bit version.
    pub struct ConsumerProtocolSubscription<'a> {
        topics:           Array<'a, &'a str>,
        user_data:        Option<&'a [u8]> = null,
        owned_partitions: Array<'a, TopicPartition<'a>> [1..],
        generation_id:    i32 = -1                      [2..],
        rack_id:          Option<&'a str> = null        [3..],
    }
}
