//! An application that reads records, and notes what it was given.

use std::collections::BTreeMap;

use kafka_client_core::consumer::{Consumer, Decompressor, Fetched, Notice, Start};
use kafka_client_core::metadata::TopicId;
use kafka_client_core::time::Instant;

use crate::history::{History, What};
use crate::record::{digest, identify};
use crate::rng::Rng;

/// How an application reads when it is left to itself.
#[derive(Clone, Debug)]
pub struct Reading {
    /// Chance of its own.
    pub rng: Rng,
    /// Microseconds between its whims, on average.
    pub pause_us: u64,
    /// It has no whims after this time.
    pub until: u64,
    /// Percent of what is fetched that is held for a while.
    pub hold: u64,
    /// It often changes its mind at once.
    pub restless: bool,
}

/// A consumer and its application.
pub struct ConsumerApp<'m> {
    /// The machine.
    pub consumer: Consumer<'m>,
    /// Its number in the history.
    pub who: u16,
    /// Topics, with their numbers in the history and how many partitions are read.
    pub topics: Vec<(TopicId, u16, u32)>,
    /// Records it was given.
    pub records: u64,
    /// The offset after the last record it was given, by place.
    pub next: BTreeMap<(u16, i32), i64>,
    /// What it was told, in order.
    pub notices: Vec<(u16, i32, Notice)>,
    /// Batches it could not read.
    pub unreadable: Vec<String>,
    /// What it does by itself.
    pub plan: Option<Reading>,
    /// Fetched and not read yet, with the time when it will be.
    held: Option<(u64, Fetched<'m>)>,
    /// It will change its mind: when, of which topic and partition, and the offset.
    again: Option<(u64, usize, u32, i64)>,
    decompressor: Decompressor<'static>,
    op: u64,
}

impl<'m> ConsumerApp<'m> {
    /// An application that reads nothing yet.
    pub fn new(consumer: Consumer<'m>, who: u16) -> Self {
        ConsumerApp {
            consumer,
            who,
            topics: Vec::new(),
            records: 0,
            next: BTreeMap::new(),
            notices: Vec::new(),
            unreadable: Vec::new(),
            plan: None,
            held: None,
            again: None,
            decompressor: Decompressor::owned(1 << 20),
            op: 0,
        }
    }

    /// Reads a partition of the `topic`-th topic from `offset` on.
    pub fn seek(&mut self, now: Instant, history: &mut History, topic: usize, partition: u32, offset: i64) {
        let (handle, number, _) = self.topics[topic];
        let place = (number, partition as i32);
        let start = if offset == 0 { Start::Earliest } else { Start::Offset(offset) };
        if self.consumer.assign(now, handle, partition, start).is_ok() {
            self.next.insert(place, offset);
            history.push(now.0, self.who, What::Event { place, offset });
        }
    }

    /// Takes what was fetched, as an application does.
    pub(crate) fn work(&mut self, now: Instant, history: &mut History) -> bool {
        let mut progress = false;
        // What was taken comes before what is told now.
        if let Some((due, mut fetched)) = self.held.take() {
            if due > now.0 {
                self.held = Some((due, fetched));
                return progress;
            }
            // It may have been moved meanwhile.
            self.consumer.revalidate(&mut fetched);
            self.read(now, history, fetched);
            progress = true;
        }
        while let Some((topic, partition, notice)) = self.consumer.poll_notice() {
            progress = true;
            let number = self.number(topic);
            self.notices.push((number, partition, notice));
            if let Notice::Reset { to, .. } = notice {
                self.next.insert((number, partition), to);
                history.push(now.0, self.who, What::Event { place: (number, partition), offset: to });
            }
        }
        while let Some(fetched) = self.consumer.poll_fetched(now) {
            progress = true;
            if let Some(plan) = self.plan.as_mut().filter(|p| now.0 < p.until)
                && plan.rng.percent(plan.hold)
            {
                let due = now.0 + plan.rng.around(plan.pause_us);
                self.held = Some((due, fetched));
                break;
            }
            self.read(now, history, fetched);
        }
        progress
    }

    fn number(&self, topic: TopicId) -> u16 {
        self.topics.iter().find(|(id, ..)| *id == topic).map_or(u16::MAX, |(_, number, _)| *number)
    }

    fn read(&mut self, now: Instant, history: &mut History, mut fetched: Fetched<'m>) {
        self.op += 1;
        let stop = self.plan.as_mut().is_some_and(|p| now.0 < p.until && p.rng.percent(5));
        let mut stopped = None;
        'batches: while let Some(batch) = fetched.next_batch(&mut self.decompressor) {
            let batch = match batch {
                Ok(batch) => batch,
                Err(error) => {
                    self.unreadable.push(error.to_string());
                    continue;
                }
            };
            let number = self.topics.iter().find(|(id, ..)| *id == batch.topic).map_or(u16::MAX, |t| t.1);
            let place = (number, batch.partition);
            for record in batch.records() {
                let record = match record {
                    Ok(record) => record,
                    Err(error) => {
                        self.unreadable.push(error.to_string());
                        break;
                    }
                };
                let id = record.value.and_then(identify).map_or(u64::MAX, |(id, _)| id);
                let digest = digest(record.key, record.value);
                let offset = record.offset;
                if stop && offset % 7 == 3 {
                    stopped = Some(offset);
                    break 'batches;
                }
                self.records += 1;
                self.next.insert(place, offset + 1);
                history.push(now.0, self.who, What::Poll { place, offset, id, digest, op: self.op });
            }
        }
        if let Some(offset) = stopped {
            fetched.stop_at(offset);
        }
        self.consumer.release(now, fetched);
    }

    /// Acts by whim; returns when it acts next.
    pub(crate) fn act(&mut self, now: u64, history: &mut History) -> Option<u64> {
        if let Some((due, _)) = &self.held
            && *due <= now
        {
            self.work(Instant(now), history);
        }
        let mut plan = self.plan.take().filter(|plan| now < plan.until)?;
        if let Some((_, topic, partition, offset)) = self.again.take_if(|(due, ..)| *due <= now) {
            self.seek(Instant(now), history, topic, partition, offset);
        }
        let topic = plan.rng.below(self.topics.len() as u64) as usize;
        let (handle, number, partitions) = self.topics[topic];
        let partition = plan.rng.below(u64::from(partitions.max(1))) as u32;
        let place = (number, partition as i32);
        match plan.rng.below(40) {
            0 => {
                let next = self.next.get(&place).copied().unwrap_or(0);
                let back = plan.rng.below(50) as i64;
                self.seek(Instant(now), history, topic, partition, (next - back).max(0));
                if plan.restless && plan.rng.percent(50) {
                    self.seek(Instant(now), history, topic, partition, 0);
                    self.again = Some((now + plan.rng.below(2_000), topic, partition, next));
                }
            }
            1 => self.consumer.pause(handle, partition),
            2 => {
                self.consumer.unassign(handle, partition);
                let next = self.next.get(&place).copied().unwrap_or(0);
                self.seek(Instant(now), history, topic, partition, next);
            }
            _ => {
                for partition in 0..partitions {
                    self.consumer.resume(Instant(now), handle, partition);
                }
            }
        }
        let next = now + plan.rng.around(plan.pause_us);
        let next = self.again.map_or(next, |(due, ..)| next.min(due));
        self.plan = Some(plan);
        Some(next)
    }

    /// It stops having whims: everything is read.
    pub fn calm(&mut self, now: Instant) {
        self.plan = None;
        if let Some((_, fetched)) = self.held.take() {
            self.consumer.release(now, fetched);
        }
        for at in 0..self.topics.len() {
            let (handle, _, partitions) = self.topics[at];
            for partition in 0..partitions {
                self.consumer.resume(now, handle, partition);
            }
        }
    }
}
