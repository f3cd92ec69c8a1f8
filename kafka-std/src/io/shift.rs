//! Who does the I/O: the client's thread, or a thread that waits for an answer.
//!
//! A record that is sent and waited for by one thread costs two hand-overs between threads when another one does the
//! I/O, and each costs more than all the rest. So when the I/O thread has answered a thread that slept for it, and has
//! nothing else to do, it *rests*: it leaves the driver, and the next thread to wait takes it. The rest is short. If
//! nobody has driven meanwhile, the I/O thread goes on as before; if a driving thread leaves something unfinished, it
//! ends the rest at once. So a rest can delay what nobody waits for by [`REST`] twice, and cannot lose it.
//!
//! A client that calls code of the application never rests: that code may want a lock which the waiting thread holds.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, TryLockError};
use std::time::{Duration, Instant};

use super::{Client, Next, Shared};
use crate::sync::{lock, wait_until};

/// How long the I/O thread leaves the driver alone.
const REST: Duration = Duration::from_millis(1);

#[derive(Debug, Default)]
pub(super) struct Shift {
    /// While the I/O thread rests: the number of the thread that waited or drove last; 0 otherwise.
    left_to: AtomicU64,
    /// How often a waiting thread has driven.
    driven: AtomicU64,
    /// One is driving now.
    driving: AtomicBool,
    /// The rest is over.
    called: Mutex<bool>,
    condition: Condvar,
}

impl Shift {
    /// Whether the I/O thread rests, and the calling thread was the last to wait or to drive.
    pub(super) fn is_left_to_caller(&self) -> bool {
        self.left_to.load(Ordering::Acquire) == thread_number()
    }

    /// The calling thread has driven, and will likely again; false when the rest is over.
    fn leave_to_caller(&self) -> bool {
        let left_to = self.left_to.load(Ordering::Acquire);
        // An exchange, lest a rest that has ended meanwhile looks like one that goes on.
        let (to, order) = (thread_number(), Ordering::AcqRel);
        left_to != 0 && self.left_to.compare_exchange(left_to, to, order, Ordering::Acquire).is_ok()
    }

    fn is_resting(&self) -> bool {
        self.left_to.load(Ordering::Acquire) != 0
    }

    pub(super) fn end_rest(&self) {
        if self.is_resting() {
            *lock(&self.called) = true;
            self.condition.notify_one();
        }
    }

    /// Rests until called, or until nobody has driven for a while.
    fn rest(&self, leave_to: u64) {
        let mut called = lock(&self.called);
        *called = false;
        self.left_to.store(leave_to, Ordering::Release);
        let mut driven = self.driven.load(Ordering::Relaxed);
        loop {
            let end = Instant::now() + REST;
            while !*called && Instant::now() < end {
                called = wait_until(&self.condition, called, Some(end));
            }
            let now = self.driven.load(Ordering::Relaxed);
            // Who drives does all there is to do; only when nobody did is it the I/O thread's turn.
            if *called || (now == driven && !self.driving.load(Ordering::Acquire)) {
                break;
            }
            driven = now;
        }
        self.left_to.store(0, Ordering::Release);
    }
}

/// A number of the calling thread, never 0.
pub(crate) fn thread_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    thread_local!(static NUMBER: u64 = NEXT.fetch_add(1, Ordering::Relaxed));
    NUMBER.with(|number| *number)
}

/// The I/O thread.
pub(super) fn run<C: Client>(shared: &Shared<C>) {
    let _gone = Gone(shared);
    loop {
        let waiter = {
            let mut place = lock(&shared.driver);
            let Some(driver) = place.as_mut() else { return };
            let waiter = loop {
                let polled = match driver.turn() {
                    Next::End => {
                        place.take();
                        return;
                    }
                    Next::Again => driver.glance(),
                    Next::Sleep(until) => match C::rests(&mut driver.work) {
                        Some(waiter) => break waiter,
                        None => driver.sleep(until),
                    },
                };
                if polled.is_err() {
                    place.take();
                    return;
                }
            };
            shared.lock().leave();
            waiter
        };
        shared.shift.rest(waiter);
    }
}

/// Ends the client with its thread, also when that panicked: nobody may wait for it any more.
struct Gone<'a, C: Client>(&'a Shared<C>);

impl<C: Client> Drop for Gone<'_, C> {
    fn drop(&mut self) {
        lock(&self.0.driver).take();
    }
}

/// Something that a waiting thread can keep going.
pub(crate) trait Drive: Send + Sync {
    /// Does the I/O until `done`, if nobody else does it; gives up at the deadline.
    fn drive(&self, done: &dyn Fn() -> bool, deadline: Option<Instant>);

    /// Sees to it that somebody does the I/O: the caller will wait, and cannot do it.
    fn see_to_it(&self);

    /// Whether the caller is the one who does the I/O, in a call of the application's code: he cannot wait for himself.
    fn is_calling(&self) -> bool;
}

impl<C: Client> Drive for Shared<C> {
    fn drive(&self, done: &dyn Fn() -> bool, deadline: Option<Instant>) {
        if !self.shift.is_resting() {
            return;
        }
        let mut place = match self.driver.try_lock() {
            Ok(place) => place,
            Err(TryLockError::Poisoned(error)) => error.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        let Some(driver) = place.as_mut() else { return };
        self.shift.driving.store(true, Ordering::Release);
        let _ended = Ended(&self.shift.driving);
        while !done() {
            let polled = match driver.turn() {
                Next::End => {
                    place.take();
                    return;
                }
                _ if done() || C::calls_back(&driver.work) => break,
                Next::Again => driver.glance(),
                Next::Sleep(until) => match deadline {
                    Some(deadline) => {
                        let left = deadline.saturating_duration_since(Instant::now());
                        if left.is_zero() {
                            break;
                        }
                        let left = self.clock.now() + core_duration(left);
                        driver.sleep(until.min(left))
                    }
                    None => driver.sleep(until),
                },
            };
            if polled.is_err() {
                place.take();
                return;
            }
        }
        let idle = self.lock().leave() && !C::calls_back(&driver.work);
        drop(place);
        self.shift.driving.store(false, Ordering::Release);
        self.shift.driven.fetch_add(1, Ordering::Relaxed);
        if !idle || !self.shift.leave_to_caller() {
            self.wake();
        }
    }

    fn see_to_it(&self) {
        if self.shift.is_resting() {
            self.wake();
        }
    }

    fn is_calling(&self) -> bool {
        Shared::is_calling(self)
    }
}

/// Says that nobody drives any more, also when a callback panicked.
struct Ended<'a>(&'a AtomicBool);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

fn core_duration(time: Duration) -> kafka_client_core::time::Duration {
    kafka_client_core::time::Duration(u64::try_from(time.as_micros()).unwrap_or(u64::MAX))
}
