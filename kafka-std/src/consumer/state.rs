//! What lies under the consumer's lock: the core's consumer, and who waits for records.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar};
use std::task::Waker;

use kafka_client_core::consumer::{self as core, Notice};
use kafka_client_core::metadata::TopicId;
use kafka_client_core::time::Instant;

use crate::clock::Clock;
use crate::io::Client;
use crate::sync::{Seat, Wakers, wake_all};

/// What the I/O thread carries from the lock to the outside: whom to wake.
pub(crate) struct Work {
    arrived: Arc<Condvar>,
    notify: bool,
    wakers: Vec<Waker>,
    /// The thread that slept until now.
    waited: Option<u64>,
}

impl Work {
    pub(super) fn new(arrived: Arc<Condvar>) -> Work {
        Work { arrived, notify: false, wakers: Vec::new(), waited: None }
    }
}

/// Everything under the lock.
pub(crate) struct State {
    pub(super) core: core::Consumer<'static>,
    pub(super) topics: HashMap<Arc<str>, TopicId>,
    pub(super) names: Vec<Arc<str>>,
    pub(super) notices: VecDeque<(TopicId, i32, Notice)>,
    parked: bool,
    /// Threads that sleep on the condition, and tasks to be woken.
    pub(super) blocked: u32,
    /// The number of the last one.
    pub(super) sleeper: u64,
    wakers: Wakers,
    /// When the first of these tasks has waited long enough.
    waker_deadline: Instant,
    /// Something happened since somebody was woken.
    happened: bool,
    /// When a broker last answered with records, or somebody was told that none does.
    pub(super) progress: Instant,
    pub(super) dead: bool,
}

impl State {
    pub(super) fn new(core: core::Consumer<'static>, now: Instant) -> State {
        State {
            core,
            topics: HashMap::new(),
            names: Vec::new(),
            notices: VecDeque::new(),
            parked: false,
            blocked: 0,
            sleeper: 0,
            wakers: Wakers::default(),
            waker_deadline: Instant::NEVER,
            happened: false,
            progress: now,
            dead: false,
        }
    }

    /// The thread must look again; true when it has to be woken for that.
    pub(super) fn wake(&mut self) -> bool {
        std::mem::take(&mut self.parked)
    }

    /// Wakes a task when something happened, and at the deadline. What it returns is to be dropped without the lock.
    #[must_use = "to be dropped without the lock"]
    pub(super) fn wake_later(&mut self, seat: &mut Seat, waker: &Waker, deadline: Instant) -> Option<Waker> {
        self.waker_deadline = self.waker_deadline.min(deadline);
        self.wakers.keep(seat, waker)
    }

    /// Whether a poll would return at once.
    pub(super) fn has_something(&self) -> bool {
        self.core.has_fetched() || !self.notices.is_empty() || self.dead || self.core.is_closing()
    }

    fn notify(&mut self, work: &mut Work) {
        work.notify |= self.blocked > 0;
        if self.blocked == 1 && self.core.has_fetched() {
            work.waited = Some(self.sleeper);
        }
        work.wakers.extend(self.wakers.take());
        self.waker_deadline = Instant::NEVER;
        self.happened = false;
    }
}

impl Client for State {
    type Machine = core::Consumer<'static>;
    type Work = Work;

    fn machine(&mut self) -> &mut Self::Machine {
        &mut self.core
    }

    fn wakers(&mut self) -> &mut Wakers {
        &mut self.wakers
    }

    fn hand_in(&mut self, now: Instant, _work: &mut Work, happened: bool) {
        self.happened |= happened || self.waker_deadline <= now;
    }

    fn take_work(&mut self, _now: Instant, work: &mut Work) -> bool {
        while let Some(notice) = self.core.poll_notice() {
            self.notices.push_back(notice);
        }
        if self.core.has_fetched() || !self.notices.is_empty() {
            self.notify(work);
        }
        false
    }

    fn run(work: &mut Work) {
        if std::mem::take(&mut work.notify) {
            work.arrived.notify_all();
        }
        wake_all(work.wakers.drain(..));
    }

    fn park(&mut self, until: Instant, work: &mut Work) -> Instant {
        let until = until.min(self.waker_deadline);
        if self.happened {
            self.notify(work);
        }
        self.parked = true;
        until
    }

    fn rests(work: &mut Work) -> Option<u64> {
        // It takes what is there and polls again.
        work.waited.take()
    }

    fn leave(&mut self) -> bool {
        self.parked = true;
        true
    }

    fn unpark(&mut self, clock: &Clock) -> Instant {
        self.parked = false;
        clock.now()
    }

    fn is_closed(&self) -> bool {
        self.core.is_closed()
    }

    fn end(&mut self, work: &mut Work) {
        self.dead = true;
        self.notify(work);
        work.notify = true;
    }
}
