//! An application that writes records, and notes what it was told about each.

use std::collections::BTreeMap;

use kafka_client_core::metadata::TopicId;
use kafka_client_core::producer::{AppendError, Appended, Delivery, Outcome, Producer, Seal};
use kafka_client_core::time::Instant;
use kafka_proto::record::NewRecord;

use crate::history::{History, What};
use crate::inject::PRODUCERS_KEPT;
use crate::record::{digest, value};
use crate::rng::Rng;
use crate::txn_app::TxnApp;

/// What became of a record, as the producer said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// When.
    pub at: u64,
    /// The batch's outcome.
    pub outcome: Outcome,
    /// The record's own offset, if it is known.
    pub offset: Option<i64>,
}

/// How an application writes when it is left to itself.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Chance of its own.
    pub rng: Rng,
    /// Microseconds between bursts, on average.
    pub pause_us: u64,
    /// Records in a burst, at most.
    pub burst: u64,
    /// Bytes of filling, at most.
    pub filling: u64,
    /// Percent of batches that take a while to be sealed, as on a busy machine.
    pub slow_seal: u64,
    /// It stops after this time.
    pub until: u64,
    /// When it writes nothing for so long that brokers may forget it.
    pub naps: Option<Naps>,
}

/// Long times without a record.
#[derive(Clone, Debug)]
pub struct Naps {
    /// Chance of its own.
    pub rng: Rng,
    /// When the next one begins.
    pub awake_until: u64,
}

impl Naps {
    /// When to go on, if it is time to sleep.
    fn begin(&mut self, now: u64) -> Option<u64> {
        if now < self.awake_until {
            return None;
        }
        let next = now + PRODUCERS_KEPT + self.rng.between(2_000_000, 45_000_000);
        self.awake_until = next + self.rng.between(5_000_000, 60_000_000);
        Some(next)
    }
}

/// A producer and its application.
pub struct ProducerApp<'m> {
    /// The machine.
    pub producer: Producer<'m>,
    /// Its number in the history.
    pub who: u16,
    /// Topics, with their numbers in the history.
    pub topics: Vec<(TopicId, u16)>,
    /// What it was told, by record id.
    pub told: BTreeMap<u64, Told>,
    /// When each record was accepted.
    pub accepted: BTreeMap<u64, u64>,
    /// Topics that it waits for, having been told that they are not known yet. It does not ask again.
    pub awaited: Vec<usize>,
    /// Records the producer said it is full for.
    pub full: u64,
    /// Keep deliveries instead of releasing them.
    pub hold_deliveries: bool,
    /// Deliveries held.
    pub held: Vec<Delivery>,
    /// What it does by itself.
    pub plan: Option<Plan>,
    /// What it does in transactions, if it has any.
    pub txn: Option<Box<TxnApp>>,
    /// Something it must never be told, and was.
    pub wrong: Vec<String>,
    /// A batch that is being sealed, and until when.
    sealing: Option<(u64, Seal<'m>)>,
    batches: Vec<Vec<u64>>,
    next_id: u64,
}

impl<'m> ProducerApp<'m> {
    /// An application; ids of its records begin at `first_id`.
    pub fn new(producer: Producer<'m>, who: u16, first_id: u64) -> Self {
        ProducerApp {
            producer,
            who,
            topics: Vec::new(),
            told: BTreeMap::new(),
            accepted: BTreeMap::new(),
            awaited: Vec::new(),
            full: 0,
            hold_deliveries: false,
            held: Vec::new(),
            plan: None,
            txn: None,
            wrong: Vec::new(),
            sealing: None,
            batches: Vec::new(),
            next_id: first_id,
        }
    }

    /// The id of the next record.
    pub fn next_id(&self) -> u64 {
        self.next_id
    }

    /// Appends a record to the `topic`-th topic.
    ///
    /// # Errors
    /// As the producer says.
    pub fn send(
        &mut self,
        now: Instant,
        history: &mut History,
        topic: usize,
        partition: Option<u32>,
        filling: usize,
    ) -> Result<Appended, AppendError> {
        let (handle, number) = self.topics[topic];
        let id = self.next_id;
        let body = value(id, number, filling);
        let key = id.to_be_bytes();
        // Some have a key, some do not.
        let key = id.is_multiple_of(3).then_some(&key[..]);
        let record = NewRecord { key, value: Some(&body), headers: &[], timestamp: id as i64 };
        let appended = self.producer.append(now, handle, partition, &record)?;
        self.next_id += 1;
        let slot = appended.ticket.batch.slot();
        if self.batches.len() <= slot {
            self.batches.resize(slot + 1, Vec::new());
        }
        if self.batches[slot].len() != appended.ticket.index as usize {
            let found = self.batches[slot].len();
            self.wrong
                .push(format!("record {id} has ticket {:?} after {found} of its batch", appended.ticket));
        }
        self.batches[slot].push(id);
        self.accepted.insert(id, now.0);
        let place = (number, appended.partition as i32);
        let digest = digest(key, Some(&body));
        let op = self.txn.as_ref().map_or(id, |txn| txn.op);
        history.push(now.0, self.who, What::Send { place, id, digest, op });
        Ok(appended)
    }

    /// Seals and takes deliveries, as an adapter does.
    pub(crate) fn work(&mut self, now: Instant, history: &mut History) -> bool {
        let mut progress = false;
        if self.sealing.as_ref().is_some_and(|(due, _)| *due <= now.0)
            && let Some((_, seal)) = self.sealing.take()
        {
            self.producer.handle_sealed(now, seal);
            progress = true;
        }
        while self.sealing.is_none()
            && let Some(mut seal) = self.producer.poll_seal(now)
        {
            seal.run();
            progress = true;
            if let Some(plan) = self.plan.as_mut()
                && plan.rng.percent(plan.slow_seal)
            {
                self.sealing = Some((now.0 + plan.rng.below(5_000), seal));
                break;
            }
            self.producer.handle_sealed(now, seal);
        }
        while let Some(delivery) = self.producer.poll_delivery() {
            self.delivered(now, history, &delivery);
            match self.hold_deliveries {
                true => self.held.push(delivery),
                false => self.producer.release(&delivery),
            }
            progress = true;
        }
        // What became of the records comes before what became of the transaction.
        progress |= self.txn.is_some() && self.watch_transaction(now.0, history);
        progress
    }

    fn delivered(&mut self, now: Instant, history: &mut History, delivery: &Delivery) {
        let (first, count) = (delivery.first as usize, delivery.count as usize);
        let all = self.batches.get_mut(delivery.batch.slot());
        // A batch that was sent in parts is told of part by part.
        let ids: Vec<_> =
            all.as_ref().map_or(Vec::new(), |ids| ids.iter().skip(first).take(count).copied().collect());
        let whole =
            all.map_or(0, |ids| if delivery.parts_left == 0 { std::mem::take(ids).len() } else { ids.len() });
        if ids.len() != count || (first == 0 && delivery.parts_left == 0 && whole != count) {
            self.wrong.push(format!("{delivery:?} for a batch of {whole} records"));
        }
        for (index, id) in ids.into_iter().enumerate() {
            let (offset, what) = match delivery.outcome {
                Outcome::Acked { base_offset, .. } => {
                    let offset = base_offset.map(|base| base + index as i64);
                    (offset, What::Acked { id, offset })
                }
                Outcome::NotWritten(error) => (None, What::NotWritten { id, why: format!("{error:?}") }),
                Outcome::Indeterminate(error) => {
                    (None, What::Indeterminate { id, why: format!("{error:?}") })
                }
            };
            history.push(now.0, self.who, what);
            self.told.insert(id, Told { at: now.0, outcome: delivery.outcome, offset });
        }
    }

    /// Whether a batch is with the sealing thread.
    pub fn is_sealing(&self) -> bool {
        self.sealing.is_some()
    }

    /// When the batch that is being sealed is ready.
    pub(crate) fn sealed_at(&self) -> Option<u64> {
        self.sealing.as_ref().map(|(due, _)| *due)
    }

    /// Whether it waits for a topic.
    pub fn awaits(&mut self, topic: usize) -> bool {
        let (handle, _) = self.topics[topic];
        if self.producer.partitions(handle) > 0 {
            self.awaited.retain(|awaited| *awaited != topic);
        }
        self.awaited.contains(&topic)
    }

    /// Acts by plan; returns when it acts next.
    pub(crate) fn act(&mut self, now: u64, history: &mut History) -> Option<u64> {
        if self.txn.is_some() {
            return self.act_in_transactions(now, history);
        }
        let mut plan = self.plan.take().filter(|plan| now < plan.until)?;
        for _ in 0..plan.rng.between(1, plan.burst) {
            let topic = plan.rng.below(self.topics.len() as u64) as usize;
            let partitions = self.producer.partitions(self.topics[topic].0);
            if self.awaits(topic) {
                break;
            }
            let chosen = plan.rng.percent(60) && partitions > 0;
            let partition = chosen.then(|| plan.rng.below(u64::from(partitions)) as u32);
            let filling = plan.rng.below(plan.filling + 1) as usize;
            match self.send(Instant(now), history, topic, partition, filling) {
                Ok(_) => {}
                Err(AppendError::Full) => {
                    self.full += 1;
                    break;
                }
                Err(AppendError::NoMetadata { .. }) => {
                    self.awaited.push(topic);
                    break;
                }
                Err(_) => break,
            }
        }
        if plan.rng.percent(5) {
            self.producer.flush(Instant(now));
        }
        let next = now + plan.rng.around(plan.pause_us);
        let next = plan.naps.as_mut().and_then(|naps| naps.begin(now)).unwrap_or(next);
        self.plan = Some(plan);
        Some(next)
    }
}
