//! The producer as its adapter drives it: timers, what was received, what to do next.

use core::net::SocketAddr;

use kafka_proto::ErrorCode;

use super::Producer;
use super::batch::{Place, SendError};
use super::partition::Wait;
use crate::list::delist;
use crate::machine::Machine;
use crate::metadata::HAS_IDS;
use crate::net::api::Api;
use crate::net::{Action, Closed, ConnId, Host, HostId, Inbound, RxBuf, Transmit};
use crate::recall::recalled;
use crate::storage::NIL;
use crate::time::Instant;

impl<'m> Producer<'m> {
    /// The topic is another one of the same name: its brokers know nothing of the sequences so far.
    fn start_anew(&mut self, now: Instant, topic: u32) {
        for partition in self.acc.partitions.indices() {
            if self.net.topics.partitions[partition].topic == topic && self.config.idempotence {
                self.acc.partitions[partition].lose_sequence();
                self.unstamp(partition);
                self.settle(now, partition);
            }
        }
    }

    /// Open batches whose linger time is over become due.
    pub(super) fn handle_linger(&mut self, now: Instant) {
        loop {
            let slot = self.acc.pool.lingering();
            if slot == NIL || self.acc.pool.batches[slot].created + self.config.linger > now {
                return;
            }
            self.acc.pool.batches[slot].due = true;
            self.touch(now, self.acc.pool.batches[slot].partition);
        }
    }

    /// Batches older than `delivery.timeout.ms` are resolved.
    fn handle_expiry(&mut self, now: Instant) {
        let mut slot = self.acc.pool.oldest();
        while slot != NIL {
            let batch = &self.acc.pool.batches[slot];
            if batch.created + self.config.delivery_timeout > now {
                return;
            }
            let (newer, partition) = (batch.newer, batch.partition);
            // One that is being sealed comes back in a moment.
            if batch.place != Place::Sealing {
                self.fail(slot, SendError::TimedOut);
                self.settle(now, partition);
            }
            slot = newer;
        }
    }

    fn handle_delayed(&mut self, now: Instant) {
        let mut waiting = core::mem::take(&mut self.acc.delayed);
        while let Some(partition) = delist(&mut self.acc.partitions, &mut waiting, Wait::Delayed) {
            self.touch(now, partition);
        }
    }

    fn on_metadata(&mut self, now: Instant) {
        self.acc.cover(self.net.topics.partitions.len());
        self.note_idle(now);
        for topic in self.net.topics.topics.indices() {
            if recalled!(B1ForgetOnUnknownTopic) && self.net.topics.topics[topic].error != ErrorCode::NONE {
                self.acc.partitions.indices().for_each(|p| self.acc.partitions[p].next_sequence = 0);
            }
            if HAS_IDS && core::mem::take(&mut self.net.topics.topics[topic].recreated) {
                self.start_anew(now, topic);
            }
        }
    }

    /// Who waits for a broker that no longer leads it waits for another one now.
    fn follow_leaders(&mut self, now: Instant) {
        let mut walk = self.net.moves();
        while let Some(partition) = self.net.next_moved(&mut walk, &mut self.acc.partitions) {
            self.acc.partitions[partition].unestablish();
            self.touch(now, partition);
        }
    }
}

impl<'m> Machine<'m> for Producer<'m> {
    fn host(&self, host: HostId) -> Host<'_> {
        self.net.host(host)
    }

    fn handle_resolved(&mut self, now: Instant, host: HostId, found: &[SocketAddr]) {
        self.net.handle_resolved(now, host, found);
    }

    fn handle_connected(&mut self, now: Instant, conn: ConnId) {
        self.net.handle_connected(now, conn);
    }

    fn handle_closed(
        &mut self,
        now: Instant,
        conn: ConnId,
        why: Closed,
        rx: Option<RxBuf<'m>>,
        transmit: Option<Transmit<'m>>,
    ) {
        Producer::handle_closed(self, now, conn, why, rx, transmit);
        self.refuse_if_unsupported(now);
        self.fail_unsent_if_lost(now);
    }

    fn handle_received(&mut self, now: Instant, conn: ConnId, mut rx: RxBuf<'m>) {
        loop {
            // After each answer: who is entered into a list by one is looked for there when the next one changes leaders.
            self.follow_leaders(now);
            match self.net.receive(now, conn, &mut rx) {
                Inbound::Done => break,
                Inbound::Handled => {}
                Inbound::Metadata => self.on_metadata(now),
                Inbound::Reply(mut reply) => {
                    let body = rx.mem.get(reply.body.clone()).unwrap_or_default();
                    let outcome = match reply.request.api {
                        Api::Produce => self.on_produce(now, conn, &mut reply.request, body),
                        Api::Metadata | Api::ApiVersions | Api::Fetch | Api::ListOffsets => Ok(()),
                        _ if self.txn.is_on() => self.on_transaction(now, &reply.request, body),
                        Api::InitProducerId => self.on_identity(now, reply.request.version, body),
                        _ => Ok(()),
                    };
                    if let Err(trouble) = outcome {
                        self.net.abandon(conn, reply.request, trouble);
                        break;
                    }
                    rx.consume(reply.end);
                }
            }
        }
        self.follow_leaders(now);
        self.net.keep_rx(conn, rx);
        self.refuse_if_unsupported(now);
        self.fail_unsent_if_lost(now);
        self.close_when_done();
    }

    fn handle_written(&mut self, now: Instant, transmit: Transmit<'m>) {
        Producer::handle_written(self, now, transmit);
        self.refuse_if_unsupported(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.net.handle_timeout(now);
        self.handle_linger(now);
        self.handle_expiry(now);
        self.handle_delayed(now);
        self.refuse_if_unsupported(now);
        self.fail_unsent_if_lost(now);
        self.close_when_done();
    }

    fn poll_action(&mut self, now: Instant) -> Option<Action> {
        // Whatever resolved the last batch.
        self.close_when_done();
        self.demand_identity(now);
        if self.txn.is_on() {
            self.demand_coordinator(now);
        }
        self.net.poll_action(now)
    }

    fn poll_read(&mut self) -> Option<(ConnId, RxBuf<'m>)> {
        self.net.poll_read()
    }

    fn poll_transmit(&mut self, now: Instant) -> Option<Transmit<'m>> {
        if let Some(own) = self.net.poll_transmit(now) {
            return Some(own);
        }
        if let Some(identity) = self.poll_identity(now) {
            return Some(identity);
        }
        if self.txn.is_on()
            && let Some(ask) = self.poll_transaction(now)
        {
            return Some(ask);
        }
        self.poll_produce(now)
    }

    fn poll_timeout(&mut self) -> Instant {
        let mut next = self.net.poll_timeout().min(self.identity_at());
        if self.txn.is_on() {
            next = next.min(self.transaction_at());
        }
        let lingering = self.acc.pool.lingering();
        if lingering != NIL {
            next = next.min(self.acc.pool.batches[lingering].created + self.config.linger);
        }
        let mut oldest = self.acc.pool.oldest();
        // One that is being sealed cannot be resolved before it comes back.
        while self.acc.pool.batches[oldest].place == Place::Sealing {
            oldest = self.acc.pool.batches[oldest].newer;
        }
        if oldest != NIL {
            next = next.min(self.acc.pool.batches[oldest].created + self.config.delivery_timeout);
        }
        let mut delayed = self.acc.delayed.head;
        while delayed != NIL {
            next = next.min(self.acc.partitions[delayed].backoff_until);
            delayed = self.acc.partitions[delayed].next_delayed();
        }
        next
    }
}

#[cfg(all(test, feature = "alloc"))]
mod tests {
    use kafka_proto::record::NewRecord;

    use super::*;
    use crate::config::{ClientConfig, ProducerConfig};
    use crate::list::ENLISTED;
    use crate::metadata::tests::answer;
    use crate::resources::ProducerMemory;

    /// What an answer makes a producer with batches for 1,000 partitions on 3 brokers do.
    fn relisted(leader: impl Fn(i32) -> i32) -> u32 {
        let config = ProducerConfig { idempotence: false, batch_size: 128, ..ProducerConfig::DEFAULT };
        let memory = ProducerMemory::owned(config.batch_size, false);
        let mut producer =
            Producer::new(ClientConfig::DEFAULT, config, [("node".into(), 9092)], memory).expect("sound");
        let topic = producer.topic("t".into()).expect("room");
        answer(&mut producer.net, 1_000, |partition| partition % 3);
        producer.on_metadata(Instant(0));
        producer.follow_leaders(Instant(0));
        for partition in 0..1_000 {
            producer.append(Instant(0), topic, Some(partition), &NewRecord::default()).expect("room");
        }
        producer.flush(Instant(0));
        ENLISTED.set(0);
        answer(&mut producer.net, 1_000, leader);
        producer.on_metadata(Instant(0));
        producer.follow_leaders(Instant(0));
        ENLISTED.get()
    }

    #[test]
    fn metadata_that_says_nothing_new_moves_nobody() {
        assert_eq!(relisted(|partition| partition % 3), 0);
    }

    #[test]
    fn who_has_another_leader_waits_for_that_one() {
        let moved = relisted(|partition| if partition == 0 { 1 } else { partition % 3 });
        // Those that stay in the list of the old one are entered again.
        assert!((1..=334).contains(&moved), "{moved}");
    }
}
