//! What consumers tell each other through a classic group: subscriptions and assignments.

use super::common::TopicPartition;
use crate::wire::Array;

wire! {
    /// The response of ConsumerProtocolAssignment.
    pub struct ConsumerProtocolAssignment<'a> {
        assigned_partitions: Array<'a, TopicPartition<'a>>,
        user_data:           Option<&'a [u8]> = null,
    }
}

wire! {
    /// The response of ConsumerProtocolSubscription.
    pub struct ConsumerProtocolSubscription<'a> {
        topics:           Array<'a, &'a str>,
        user_data:        Option<&'a [u8]> = null,
        owned_partitions: Array<'a, TopicPartition<'a>> [1..],
        generation_id:    i32 = -1                      [2..],
        rack_id:          Option<&'a str> = null        [3..],
    }
}
