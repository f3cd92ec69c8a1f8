//! What lies under the consumer's lock.

use std::collections::HashMap;
use std::sync::{Arc, Condvar};
use std::task::Waker;

use kafka_client_core::consumer::{self as core, Decompressor};
use kafka_client_core::metadata::TopicId;
use kafka_client_core::time::Instant;

use crate::clock::Clock;
use crate::io::Client;
use crate::sync::Signal;

/// What the I/O thread carries between the lock and the outside.
pub(crate) struct Work {
    ready: Arc<Condvar>,
    notify: bool,
    wakers: Vec<Waker>,
    signals: Vec<Arc<Signal>>,
}

impl Work {
    pub(super) fn new(ready: Arc<Condvar>) -> Work {
        Work { ready, notify: false, wakers: Vec::new(), signals: Vec::new() }
    }
}

/// Everything under the lock.
pub(crate) struct State {
    pub(super) core: core::Consumer<'static>,
    /// By the number of the topic. Shared with the records that were handed out.
    pub(super) topics: Arc<Vec<Arc<str>>>,
    pub(super) by_name: HashMap<Arc<str>, TopicId>,
    /// Memory for decompression that no records use.
    #[expect(clippy::vec_box, reason = "they move in and out of records, and are some kilobytes large")]
    pub(super) spare: Vec<Box<Decompressor<'static>>>,
    /// While the thread sleeps: until when.
    parked: Option<Instant>,
    /// Threads that sleep on the condition.
    pub(super) blocked: u32,
    pub(super) wakers: Vec<Waker>,
    pub(super) closes: Vec<Arc<Signal>>,
    /// The thread has ended.
    pub(super) dead: bool,
    happened: bool,
}

impl State {
    pub(super) fn new(core: core::Consumer<'static>) -> State {
        State {
            core,
            topics: Arc::default(),
            by_name: HashMap::new(),
            spare: Vec::new(),
            parked: None,
            blocked: 0,
            wakers: Vec::new(),
            closes: Vec::new(),
            dead: false,
            happened: false,
        }
    }

    /// The thread must look again; true when it has to be woken for that.
    pub(super) fn wake(&mut self) -> bool {
        self.parked.take().is_some()
    }

    fn notify(&mut self, work: &mut Work) {
        work.notify |= self.blocked > 0;
        work.wakers.append(&mut self.wakers);
        self.happened = false;
    }
}

impl Client for State {
    type Machine = core::Consumer<'static>;
    type Work = Work;

    fn machine(&mut self) -> &mut Self::Machine {
        &mut self.core
    }

    fn hand_in(&mut self, _now: Instant, _work: &mut Work) {
        self.happened = true;
    }

    fn take_work(&mut self, _now: Instant, work: &mut Work) -> bool {
        if self.core.has_news() {
            self.notify(work);
        }
        work.notify || !work.wakers.is_empty()
    }

    fn run(work: &mut Work) {
        if std::mem::take(&mut work.notify) {
            work.ready.notify_all();
        }
        work.wakers.drain(..).for_each(Waker::wake);
        work.signals.drain(..).for_each(|signal| signal.set());
    }

    fn park(&mut self, until: Instant, work: &mut Work) -> Instant {
        if self.happened {
            self.notify(work);
        }
        self.parked = Some(until);
        until
    }

    fn unpark(&mut self, clock: &Clock) -> Instant {
        self.parked = None;
        clock.now()
    }

    fn is_closed(&self) -> bool {
        self.core.is_closed()
    }

    fn end(&mut self, work: &mut Work) {
        self.dead = true;
        self.notify(work);
        work.notify = true;
        work.signals.append(&mut self.closes);
    }
}
