//! The client and what its users and the runner share of it.
//!
//! The client is behind a mutex that is never held across an await: whoever changes it marks it `changed`, and the
//! runner, woken, asks it what to do next.

use core::cell::RefCell;
use core::future::poll_fn;
use core::task::Poll;

use embassy_sync::blocking_mutex::Mutex;
use embassy_sync::blocking_mutex::raw::RawMutex;
use embassy_sync::waitqueue::{MultiWakerRegistration, WakerRegistration};
use kafka_client_core::net::HostId;
use kafka_client_core::producer::{Delivery, Mark, Outcome, Producer};
use kafka_client_core::time::Instant;

use crate::link::Link;

/// How many tasks wait for room or for outcomes without waking each other in vain.
const WAITERS: usize = 4;

/// How many names wait to be resolved.
const NAMES: usize = 4;

/// What became of the records so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Tally {
    /// The broker confirmed them.
    pub acked: u32,
    /// They are not in the log, and never will be.
    pub not_written: u32,
    /// They may be in the log.
    pub indeterminate: u32,
}

/// See the module.
pub(crate) struct Shared<'d, M: RawMutex> {
    inner: Mutex<M, RefCell<Inner<'d>>>,
}

pub(crate) struct Inner<'d> {
    /// Where it was made: moving it here would take as much stack again.
    pub(crate) core: &'d mut Producer<'d>,
    pub(crate) links: &'d mut [Link<'d>],
    /// Names to be resolved.
    pub(crate) unresolved: heapless::Vec<HostId, NAMES>,
    /// What became of records so far.
    pub(crate) tally: Tally,
    /// Up to here all batches are resolved, and their deliveries were told.
    pub(crate) told: Mark,
    /// The runner has not yet asked what follows from the last change.
    changed: bool,
    runner: WakerRegistration,
    pub(crate) users: MultiWakerRegistration<WAITERS>,
}

/// The core's time of now.
pub(crate) fn now() -> Instant {
    Instant(embassy_time::Instant::now().as_micros())
}

impl<'d, M: RawMutex> Shared<'d, M> {
    pub(crate) fn new(core: &'d mut Producer<'d>, links: &'d mut [Link<'d>]) -> Self {
        let runner = WakerRegistration::new();
        let users = MultiWakerRegistration::new();
        Self {
            inner: Mutex::new(RefCell::new(Inner {
                core,
                links,
                unresolved: heapless::Vec::new(),
                tally: Tally::default(),
                told: Mark::default(),
                changed: true,
                runner,
                users,
            })),
        }
    }

    /// Looks at the client or changes it without consequence for the runner.
    pub(crate) fn peek<R>(&self, f: impl FnOnce(&mut Inner<'d>) -> R) -> R {
        self.inner.lock(|inner| f(&mut inner.borrow_mut()))
    }

    /// Changes the client; the runner will see to what follows.
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut Inner<'d>, Instant) -> R) -> R {
        let now = now();
        self.peek(|inner| {
            let result = f(inner, now);
            inner.change();
            result
        })
    }

    /// Waits until the client was changed since the last call. For the runner.
    pub(crate) async fn changed(&self) {
        poll_fn(|cx| {
            self.peek(|inner| {
                if core::mem::take(&mut inner.changed) {
                    return Poll::Ready(());
                }
                inner.runner.register(cx.waker());
                Poll::Pending
            })
        })
        .await;
    }

    /// Waits until `f` finds what it looks for in a link. For the parts of the runner that come after `steer`: no waker
    /// is kept, because they are polled whenever it has handed something out.
    pub(crate) async fn wait<R>(&self, index: usize, mut f: impl FnMut(&mut Link<'d>) -> Option<R>) -> R {
        poll_fn(|_| match self.peek(|inner| f(inner.links.get_mut(index)?)) {
            Some(found) => Poll::Ready(found),
            None => Poll::Pending,
        })
        .await
    }
}

impl Inner<'_> {
    /// The runner is to see what follows from a change.
    pub(crate) fn change(&mut self) {
        self.changed = true;
        self.runner.wake();
    }

    /// The slot of a batch that was delivered is free: whoever waits for that is woken.
    pub(crate) fn release(&mut self, delivery: &Delivery) {
        let count = match delivery.outcome {
            Outcome::Acked { .. } => &mut self.tally.acked,
            Outcome::NotWritten(_) => &mut self.tally.not_written,
            Outcome::Indeterminate(_) => &mut self.tally.indeterminate,
        };
        *count = count.wrapping_add(delivery.count);
        self.core.release(delivery);
        self.users.wake();
    }
}
