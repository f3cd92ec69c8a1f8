//! The producer as an adapter drives it, over lent memory. Each call is an entry of its own, so nothing that a caller
//! might know beforehand is optimised away.

use core::net::SocketAddr;

use kafka_client_core::config::{ClientConfig, ProducerConfig};
use kafka_client_core::machine::Machine;
use kafka_client_core::metadata::TopicId;
use kafka_client_core::net::{Action, Closed, ConnId, HostId, RxBuf, Transmit};
use kafka_client_core::producer::{AppendError, Delivery, Mark, Outcome, Producer, Seal};
use kafka_client_core::resources::Resources;
use kafka_client_core::storage::Text;
use kafka_client_core::time::Instant;
use kafka_proto::record::NewRecord;

type Memory = Resources<'static, 2, 4, 4, 16, 4, 1024, 1024, 256>;

#[unsafe(no_mangle)]
pub fn machine_new(
    client: ClientConfig<'static>,
    config: ProducerConfig,
    host: &'static str,
    memory: &'static mut Memory,
    out: &mut Option<Producer<'static>>,
) {
    *out = Producer::new(client, config, [(Text::from(host), 9092)], memory.lend()).ok();
}

#[unsafe(no_mangle)]
pub fn machine_topic(machine: &mut Producer<'static>, name: &'static str) -> Option<TopicId> {
    machine.topic(name.into()).ok()
}

#[unsafe(no_mangle)]
pub fn machine_append(
    machine: &mut Producer<'static>,
    now: Instant,
    topic: TopicId,
    partition: Option<u32>,
    record: &NewRecord<'_>,
) -> Result<u32, AppendError> {
    machine.append(now, topic, partition, record).map(|appended| appended.ticket.index)
}

#[unsafe(no_mangle)]
pub fn machine_command(machine: &mut Producer<'static>, now: Instant, which: u8) {
    match which {
        0 => _ = machine.flush(now),
        1 => machine.close(now),
        _ => machine.abort(),
    }
}

#[unsafe(no_mangle)]
pub fn machine_getters(machine: &Producer<'static>, host: HostId, topic: TopicId, flushed: Mark) -> usize {
    let flushed = machine.resolved_to() == flushed;
    let flags = [machine.unresolved(), flushed, machine.has_room(), machine.is_closed()];
    let numbers = machine.partitions(topic) as usize ^ machine.slots_in_use() ^ machine.troubles().count();
    let names = machine.topic_name(topic).len() ^ machine.host(host).name.len();
    let errors = machine.topic_error(topic).is_retriable() ^ machine.refused().is_some();
    flags.iter().fold(numbers ^ names ^ usize::from(errors), |all, flag| all << 1 ^ usize::from(*flag))
}

#[unsafe(no_mangle)]
pub fn machine_resolved(machine: &mut Producer<'static>, now: Instant, host: HostId, found: &[SocketAddr]) {
    machine.handle_resolved(now, host, found);
}

#[unsafe(no_mangle)]
pub fn machine_connected(machine: &mut Producer<'static>, now: Instant, conn: ConnId) {
    machine.handle_connected(now, conn);
}

#[unsafe(no_mangle)]
pub fn machine_closed(
    machine: &mut Producer<'static>,
    now: Instant,
    conn: ConnId,
    why: Closed,
    rx: Option<RxBuf<'static>>,
    transmit: Option<Transmit<'static>>,
) {
    machine.handle_closed(now, conn, why, rx, transmit);
}

#[unsafe(no_mangle)]
pub fn machine_read(machine: &mut Producer<'static>, now: Instant, received: &[u8]) -> bool {
    let Some((conn, mut rx)) = machine.poll_read() else { return false };
    let spare = rx.spare_mut();
    let len = spare.len().min(received.len());
    spare.iter_mut().zip(received).for_each(|(to, from)| *to = *from);
    rx.advance(len);
    machine.handle_received(now, conn, rx);
    true
}

#[unsafe(no_mangle)]
pub fn machine_write(machine: &mut Producer<'static>, now: Instant, write: fn(&[u8]) -> usize) -> bool {
    let Some(mut transmit) = machine.poll_transmit(now) else { return false };
    while !transmit.is_done() {
        let written = transmit.chunks().next().map_or(0, write);
        transmit.advance(written);
    }
    machine.handle_written(now, transmit);
    true
}

#[unsafe(no_mangle)]
pub fn machine_seal(machine: &mut Producer<'static>, now: Instant) -> bool {
    let Some(mut seal) = machine.poll_seal(now) else { return false };
    Seal::run(&mut seal);
    machine.handle_sealed(now, seal);
    true
}

#[unsafe(no_mangle)]
pub fn machine_action(machine: &mut Producer<'static>, now: Instant) -> Option<Action> {
    machine.handle_timeout(now);
    machine.poll_action(now)
}

#[unsafe(no_mangle)]
pub fn machine_timeout(machine: &mut Producer<'static>) -> Instant {
    machine.poll_timeout()
}

#[unsafe(no_mangle)]
pub fn machine_outcome(machine: &Producer<'static>, delivery: &Delivery, index: u32) -> Outcome {
    machine.outcome_of(delivery, index)
}

#[unsafe(no_mangle)]
pub fn machine_delivery(machine: &mut Producer<'static>) -> Option<Delivery> {
    let delivery = machine.poll_delivery()?;
    machine.release(&delivery);
    Some(delivery)
}
