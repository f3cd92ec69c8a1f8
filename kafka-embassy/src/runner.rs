//! The only loop: it asks the client what to do, and does it.

use core::future::poll_fn;
use core::net::SocketAddr;
use core::task::Poll;

use embassy_futures::join::{join_array, join3};
use embassy_futures::select::{Either, select};
use embassy_futures::yield_now;
use embassy_sync::blocking_mutex::raw::RawMutex;
use embassy_time::Timer;
use kafka_client_core::machine::Machine;
use kafka_client_core::net::{ADDRESSES_MAX, Action, HOST_LEN_MAX, HostId};
use kafka_client_core::producer::{Delivery, Seal};
use kafka_client_core::time::Instant;

use crate::connector::{Addresses, Connector, Resolver, literal};
use crate::link;
use crate::shared::{Inner, Shared, now};

/// Drives a client: connects, reads, writes, and keeps its time. Give [`run`](Self::run) a task of its own.
pub struct Runner<'d, M: RawMutex, C: Connector, R: Resolver, const N: usize> {
    pub(crate) shared: &'d Shared<'d, M>,
    pub(crate) connectors: [C; N],
    pub(crate) resolver: R,
}

impl<M: RawMutex, C: Connector, R: Resolver, const N: usize> Runner<'_, M, C, R, N> {
    /// Runs for ever, and tells `delivered` what became of each batch.
    ///
    /// Dropping the future closes all connections. What was appended is kept, and `run` may be called again.
    pub async fn run(&mut self, delivered: impl FnMut(&Delivery)) -> ! {
        let shared = self.shared;
        let mut index = 0;
        let links = self.connectors.each_mut().map(|connector| {
            index += 1;
            link::run(shared, index - 1, connector)
        });
        // In this order: what the loop hands to a link is taken in the same poll.
        join3(steer::<M, R>(shared, delivered), resolve(shared, &mut self.resolver), join_array(links)).await;
        unreachable!("none of them ends")
    }
}

/// What follows from the last change.
#[allow(clippy::large_enum_variant, reason = "there is one at a time, on the stack")]
enum Step<'d> {
    /// A checksum to be computed, while nobody holds the client.
    Seal(Seal<'d>),
    /// The end of a batch.
    Delivered(Delivery),
    /// Nothing before this time.
    Wait(Instant),
}

async fn steer<M: RawMutex, R: Resolver>(shared: &Shared<'_, M>, mut delivered: impl FnMut(&Delivery)) -> ! {
    loop {
        let at = loop {
            match shared.peek(|inner| step::<R>(inner, now())) {
                Step::Seal(mut seal) => {
                    seal.run();
                    shared.peek(|inner| inner.core.handle_sealed(now(), seal));
                }
                Step::Delivered(delivery) => {
                    delivered(&delivery);
                    shared.peek(|inner| inner.release(&delivery));
                }
                Step::Wait(at) => break at,
            }
        };
        if let Either::Second(()) = select(shared.changed(), Timer::at(not_before(at))).await {
            shared.peek(|inner| inner.core.handle_timeout(now()));
            // Whatever the timers say, the other tasks get their turn.
            yield_now().await;
        }
    }
}

/// The first tick that is not before `at`: a timer that is early by part of a tick would only be set again.
fn not_before(at: Instant) -> embassy_time::Instant {
    const TICK_US: u64 = 1_000_000_u64.div_ceil(embassy_time::TICK_HZ);
    match at {
        Instant::NEVER => embassy_time::Instant::MAX,
        Instant(us) => embassy_time::Instant::from_micros(us.saturating_add(TICK_US - 1)),
    }
}

/// Hands out what can be done, until there is something for the caller to do.
fn step<'d, R: Resolver>(inner: &mut Inner<'d>, now: Instant) -> Step<'d> {
    while let Some(action) = inner.core.poll_action(now) {
        act::<R>(inner, now, action);
    }
    while let Some((conn, rx)) = inner.core.poll_read() {
        if let Some(link) = inner.links.get_mut(conn.index()) {
            link.rx = Some(rx);
        }
    }
    if let Some(seal) = inner.core.poll_seal(now) {
        return Step::Seal(seal);
    }
    while let Some(tx) = inner.core.poll_transmit(now) {
        if let Some(link) = inner.links.get_mut(tx.conn().index()) {
            link.tx = Some(tx);
        }
    }
    if let Some(delivery) = inner.core.poll_delivery() {
        return Step::Delivered(delivery);
    }
    let told = inner.core.resolved_to();
    if inner.told < told {
        inner.told = told;
        inner.users.wake();
    }
    Step::Wait(inner.core.poll_timeout())
}

fn act<R: Resolver>(inner: &mut Inner<'_>, now: Instant, action: Action) {
    match action {
        Action::Resolve(id) => {
            let host = Machine::host(inner.core, id);
            let (port, found) = (host.port, literal(host.name));
            if found.is_empty() && R::KNOWS_NAMES && inner.unresolved.push(id).is_ok() {
                return;
            }
            // Without a resolver, or with too many names at a time, there is no address now; it is asked for again.
            resolved(inner, now, id, port, &found);
        }
        Action::Connect(conn, to) => {
            if let Some(link) = inner.links.get_mut(conn.index()) {
                link.connect = Some((conn, to));
            }
        }
        Action::Close(conn) => {
            if let Some(link) = inner.links.get_mut(conn.index()) {
                link.close = true;
            }
        }
    }
}

fn resolved(inner: &mut Inner<'_>, now: Instant, id: HostId, port: u16, found: &Addresses) {
    let mut addresses = heapless::Vec::<SocketAddr, ADDRESSES_MAX>::new();
    addresses.extend(found.iter().take(ADDRESSES_MAX).map(|address| SocketAddr::new(*address, port)));
    inner.core.handle_resolved(now, id, &addresses);
}

/// Resolves one name after the other.
async fn resolve<M: RawMutex, R: Resolver>(shared: &Shared<'_, M>, resolver: &mut R) -> ! {
    if R::KNOWS_NAMES {
        loop {
            // No waker is kept: this is polled whenever `steer` has handed something out.
            let (id, name, port) =
                poll_fn(|_| shared.peek(next_name).map_or(Poll::Pending, Poll::Ready)).await;
            let found = resolver.resolve(&name).await;
            shared.with(|inner, now| resolved(inner, now, id, port, &found));
        }
    } else {
        core::future::pending().await
    }
}

fn next_name(inner: &mut Inner<'_>) -> Option<(HostId, heapless::String<HOST_LEN_MAX>, u16)> {
    let id = inner.unresolved.pop()?;
    let host = Machine::host(inner.core, id);
    // A name that is too long has no address, which is what an empty one says too.
    let name = heapless::String::try_from(host.name).unwrap_or_default();
    Some((id, name, host.port))
}
