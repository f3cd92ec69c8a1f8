//! Requests about many partitions: which cursors are in one, and how they are written topic by topic.

use core::cell::Cell;

use kafka_proto::ErrorCode;
use kafka_proto::wire::{Source, Writer};

use super::Consumer;
use super::cursor::{Cursor, Notice, Wait};
use crate::list::{delist, enlist};
use crate::metadata::Topic;
use crate::net::broker::{Role, Trouble};
use crate::net::chain::{Asked, Named, unchain};
use crate::net::leaders::{Follower, is_led_by_another};
use crate::random::backoff;
use crate::storage::NIL;
use crate::time::Instant;

impl<'m> Consumer<'m> {
    /// Enters a cursor into the list of what it waits for.
    pub(super) fn touch(&mut self, now: Instant, index: u32) {
        let cursor = &self.cursors[index];
        if index == NIL || !cursor.is_hungry() {
            return;
        }
        let leader = self.net.topics.partitions[index].leader;
        if leader == NIL {
            self.net.want_metadata();
        } else if cursor.backoff_until > now {
            enlist(&mut self.cursors, &mut self.delayed, Wait::Delayed, index);
        } else {
            let wait = cursor.role().into();
            enlist(&mut self.cursors, Cursor::list(&mut self.net.brokers[leader], wait), wait, index);
        }
    }

    /// Takes the cursors that wait for a request of this kind to this broker, chained in the order of topics and
    /// partitions; the first, or [`NIL`].
    pub(super) fn collect(&mut self, now: Instant, broker: u32, role: Role) -> u32 {
        let (mut head, mut tail) = (NIL, NIL);
        let wait = role.into();
        while let Some(index) =
            delist(&mut self.cursors, Cursor::list(&mut self.net.brokers[broker], wait), wait)
        {
            let cursor = &mut self.cursors[index];
            if !cursor.is_hungry() || cursor.role() != role || cursor.backoff_until > now {
                self.touch(now, index);
                continue;
            }
            cursor.asked = true;
            cursor.asked_version = cursor.version;
            cursor.asked_life = self.net.topics.life_of(index);
            self.chain_in_order(&mut head, &mut tail, index);
        }
        head
    }

    /// In order of topic and partition, beginning with the one that has waited longest: a broker fills its answer from
    /// the front, and those at the end may get nothing. They nearly always come in order already.
    fn chain_in_order(&mut self, head: &mut u32, tail: &mut u32, index: u32) {
        self.cursors[index].chain = NIL;
        let place = |at: u32| (self.net.topics.partitions[at].topic, self.net.topics.partitions[at].number);
        let first = place(if *head == NIL { index } else { *head });
        let key = |at: u32| (place(at) < first, place(at));
        if *tail == NIL || key(*tail) <= key(index) {
            match *tail {
                NIL => *head = index,
                last => self.cursors[last].chain = index,
            }
            *tail = index;
            return;
        }
        let (mut before, mut at) = (NIL, *head);
        while at != NIL && key(at) <= key(index) {
            (before, at) = (at, self.cursors[at].chain);
        }
        self.cursors[index].chain = at;
        match before {
            NIL => *head = index,
            _ => self.cursors[before].chain = index,
        }
    }

    /// Takes the cursor that an answer is about out of its request.
    pub(super) fn answered(&mut self, token: &mut u32, named: Named<'_>) -> Result<Asked, Trouble> {
        let asked =
            unchain(&mut self.cursors, &self.net.topics, token, named).ok_or(Trouble::Inconsistent)?;
        self.cursors[asked.index].asked = false;
        Ok(asked)
    }

    /// The request was not answered, or not about these: they are asked about again.
    pub(super) fn give_back(&mut self, now: Instant, token: u32) {
        let mut at = token;
        while at != NIL {
            let cursor = &mut self.cursors[at];
            let next = core::mem::replace(&mut cursor.chain, NIL);
            cursor.asked = false;
            self.touch(now, at);
            at = next;
        }
    }

    /// The whole request failed.
    pub(super) fn chain_failed(&mut self, now: Instant, token: u32, code: ErrorCode) {
        let mut at = token;
        while at != NIL {
            if !code.is_retriable() && code != ErrorCode::NONE {
                self.notice(at, Notice::Refused(code));
            }
            self.back_off(now, at);
            at = self.cursors[at].chain;
        }
        self.give_back(now, token);
    }

    /// The broker refused this partition. To find the leader elsewhere takes no backoff, once.
    pub(super) fn back_off_after(&mut self, now: Instant, index: u32, code: ErrorCode) {
        if is_led_by_another(code) && self.cursors[index].attempts == 0 {
            self.cursors[index].attempts = 1;
        } else {
            self.back_off(now, index);
        }
    }

    fn back_off(&mut self, now: Instant, index: u32) {
        let config = &self.net.config;
        let attempts = self.cursors[index].attempts;
        let wait = backoff(config.retry_backoff, config.retry_backoff_max, attempts, &mut self.net.random);
        let cursor = &mut self.cursors[index];
        cursor.attempts = attempts.saturating_add(1);
        cursor.backoff_until = now + wait;
    }
}

/// What one kind of request says about topics and partitions.
pub(super) trait Rows {
    fn topic(&self, topic: &Topic<'_>, partitions: &dyn Source, w: &mut Writer<'_>);
    fn partition(&self, consumer: &Consumer<'_>, index: u32, w: &mut Writer<'_>);
}

/// The topics of a request, written from a chain of cursors.
pub(super) struct ChainTopics<'a, 'm, R> {
    consumer: &'a Consumer<'m>,
    token: u32,
    rows: &'a R,
    /// Number and first cursor of the topic to be written next: topics are written in order.
    place: Cell<(usize, u32)>,
}

impl<'a, 'm, R: Rows> ChainTopics<'a, 'm, R> {
    pub(super) fn new(consumer: &'a Consumer<'m>, token: u32, rows: &'a R) -> Self {
        ChainTopics { consumer, token, rows, place: Cell::new((0, token)) }
    }

    /// The first cursor of the topic after the one that `at` belongs to, and how many cursors come before it.
    fn next_topic(&self, at: u32) -> (u32, usize) {
        let topic = self.consumer.net.topics.partitions[at].topic;
        let (mut at, mut count) = (at, 0);
        while at != NIL && self.consumer.net.topics.partitions[at].topic == topic {
            at = self.consumer.cursors[at].chain;
            count += 1;
        }
        (at, count)
    }
}

impl<R: Rows> Source for ChainTopics<'_, '_, R> {
    fn len(&self) -> usize {
        let (mut at, mut count) = (self.token, 0);
        while at != NIL {
            at = self.next_topic(at).0;
            count += 1;
        }
        count
    }

    fn write(&self, index: usize, w: &mut Writer<'_>) {
        let (mut number, mut at) = self.place.get();
        if number > index {
            (number, at) = (0, self.token);
        }
        while number < index && at != NIL {
            at = self.next_topic(at).0;
            number += 1;
        }
        let (next, len) = self.next_topic(at);
        self.place.set((index + 1, next));
        let topic = &self.consumer.net.topics.topics[self.consumer.net.topics.partitions[at].topic];
        let partitions = ChainPartitions { topics: self, len, place: Cell::new((0, at)), first: at };
        self.rows.topic(topic, &partitions, w);
    }
}

struct ChainPartitions<'a, 'b, 'm, R> {
    topics: &'a ChainTopics<'b, 'm, R>,
    first: u32,
    len: usize,
    place: Cell<(usize, u32)>,
}

impl<R: Rows> Source for ChainPartitions<'_, '_, '_, R> {
    fn len(&self) -> usize {
        self.len
    }

    fn write(&self, index: usize, w: &mut Writer<'_>) {
        let consumer = self.topics.consumer;
        let (mut number, mut at) = self.place.get();
        if number > index {
            (number, at) = (0, self.first);
        }
        while number < index && at != NIL {
            at = consumer.cursors[at].chain;
            number += 1;
        }
        self.place.set((index + 1, consumer.cursors[at].chain));
        self.topics.rows.partition(consumer, at, w);
    }
}
