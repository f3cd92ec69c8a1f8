//! What lies under the producer's lock: the core's producer, and per batch whom to tell of its end.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Weak};
use std::task::Waker;

use kafka_client_core::metadata::TopicId;
use kafka_client_core::producer::{self as core, AppendError, Appended, Mark, Outcome, Progress, Seal};
use kafka_client_core::time::{Duration, Instant};
use kafka_proto::record::NewRecord;

use super::delivery::BatchState;
use super::listeners::{Callback, Hooks, Listeners, Tokened, ended, tell};
use super::pace::Pace;
use super::record::Topic;
use super::returned::Returned;
use super::shared::{Handle, Owner};
use crate::clock::{Clock, Ticks};
use crate::io::{Client, Drive};
use crate::sync::{Seat, Signal, Wakers, wake_all};

/// Where a record was put: its batch's slot, and its place in the batch.
#[derive(Clone, Copy)]
pub(super) struct Place {
    slot: usize,
    pub(super) index: u32,
}

/// Somebody waits for all batches up to the mark.
pub(super) struct Flush {
    pub(super) mark: Mark,
    pub(super) done: Arc<Signal>,
}

/// What the I/O thread carries between the lock and the outside.
pub(crate) struct Work {
    seals: Vec<Seal<'static>>,
    ended: Vec<(core::Delivery, Listeners)>,
    /// Of batches that were under way when the thread failed.
    lost: Vec<Listeners>,
    /// Listeners that were told, for their memory.
    told: Vec<Listeners>,
    hooks: Hooks,
    room: Arc<Condvar>,
    notify_room: bool,
    wakers: Vec<Waker>,
    signals: Vec<Arc<Signal>>,
    /// The thread that slept for one of the batches that ended.
    waited: Option<u64>,
    rests: Option<u64>,
    calls_back: bool,
}

impl Work {
    pub(super) fn new(hooks: Hooks, room: Arc<Condvar>) -> Work {
        let calls_back = hooks.handler.is_some() || hooks.interceptors.is_some();
        Work {
            seals: Vec::new(),
            ended: Vec::new(),
            lost: Vec::new(),
            told: Vec::new(),
            hooks,
            room,
            notify_room: false,
            wakers: Vec::new(),
            signals: Vec::new(),
            waited: None,
            rests: None,
            calls_back,
        }
    }
}

/// The application's partitioner.
pub(super) type ThePartitioner = Box<dyn core::Partitioner + Send>;

/// Everything under the lock.
pub(crate) struct State {
    pub(super) core: core::Producer<'static>,
    pub(super) partitioner: Option<ThePartitioner>,
    pub(super) ticks: Ticks,
    linger: Duration,
    /// By the number of the batch's slot.
    listeners: Vec<Listeners>,
    /// Empty ones with memory.
    spare: Vec<Listeners>,
    /// By the number of the topic.
    pub(super) topics: Vec<Topic>,
    pub(super) by_name: HashMap<Arc<str>, TopicId>,
    /// While the thread sleeps: until when.
    parked: Option<Instant>,
    /// Batches that filled since some were sealed.
    filled: u32,
    /// When batches were last sealed, and whether they were several: then more will follow.
    sealed_at: Instant,
    flow: bool,
    /// Somebody asked for what is there to be sent now.
    urgent: bool,
    /// A record was sent whose result goes to a closure.
    has_closures: bool,
    /// Deliveries whose listeners are being told.
    telling: u32,
    /// Threads that sleep until there is room in the pool, or a topic's partitions are known, or the transaction is settled.
    pub(super) blocked: u32,
    pub(super) pace: Pace,
    /// Who sends is too far ahead of the network. Set with each new batch.
    pub(super) ahead: bool,
    /// Tasks that wait for the same.
    room_wakers: Wakers,
    /// When the first of these tasks has waited long enough.
    room_deadline: Instant,
    /// Batches that ended since somebody was woken, and whether anything else happened.
    released: u32,
    happened: bool,
    /// The state of the transaction when somebody was last woken.
    settled: core::TransactionState,
    pub(super) flushes: Vec<Flush>,
    /// Up to here all batches are resolved, and their listeners were told as soon as `telling` is 0.
    told: Mark,
    /// The thread has ended: nothing is sent any more.
    pub(super) dead: bool,
    pub(super) ended: Arc<Signal>,
    /// For who waits for a batch.
    pub(super) drive: Option<Weak<dyn Drive>>,
}

/// With somebody waiting for room, this many batches must end before he is woken while the thread has work: who is
/// woken for each batch spends his time falling asleep.
const RELEASED_ENOUGH: u32 = 32;
/// Full batches that make up a request worth its system calls, whatever the time.
const FILLED_ENOUGH: u32 = 6;
/// While batches fill quickly, a request goes once in so long, with what has gathered: a request costs as much as ten
/// kilobytes of records.
const FLOW_INTERVAL: Duration = Duration(100);
/// Seals taken at a time, so that a request goes while the others are sealed.
const SEALS_MAX: usize = 16;

impl State {
    pub(super) fn new(
        core: core::Producer<'static>,
        linger: Duration,
        partitioner: Option<ThePartitioner>,
    ) -> State {
        State {
            core,
            partitioner,
            ticks: Ticks::new(),
            linger,
            listeners: Vec::new(),
            spare: Vec::new(),
            topics: Vec::new(),
            by_name: HashMap::new(),
            parked: None,
            filled: 0,
            sealed_at: Instant(0),
            flow: false,
            urgent: false,
            has_closures: false,
            telling: 0,
            blocked: 0,
            pace: Pace::default(),
            ahead: false,
            room_wakers: Wakers::default(),
            room_deadline: Instant::NEVER,
            released: 0,
            happened: false,
            settled: core::TransactionState::Off,
            flushes: Vec::new(),
            told: Mark::default(),
            dead: false,
            ended: Arc::default(),
            drive: None,
        }
    }

    /// What the application's partitioner says.
    #[cold]
    pub(super) fn choose(&mut self, topic: TopicId, record: &NewRecord<'_>) -> Option<u32> {
        self.core.choose(topic, record, self.partitioner.as_deref_mut()?)
    }

    /// Takes a record; where it is, and whether the thread must be woken.
    #[inline(always)]
    pub(super) fn append(
        &mut self,
        now: Instant,
        topic: TopicId,
        partition: Option<u32>,
        record: &NewRecord<'_>,
    ) -> Result<(Place, bool), AppendError> {
        if self.dead {
            return Err(AppendError::Closed);
        }
        // Taken apart at once: moved as a whole, it would be written in small pieces and read in large ones, which
        // stalls the processor longer than all the rest of this function takes.
        let Appended { ticket, partition, progress } = self.core.append(now, topic, partition, record)?;
        let place = Place { slot: ticket.batch.slot(), index: ticket.index };
        let wake = match progress {
            Progress::Joined => false,
            _ => self.opened(now, topic, place.slot, partition, progress),
        };
        Ok((place, wake))
    }

    /// A batch was opened: somebody will want to know of its end. True when the thread must be woken for it.
    #[cold]
    fn opened(
        &mut self,
        now: Instant,
        topic: TopicId,
        slot: usize,
        partition: u32,
        progress: Progress,
    ) -> bool {
        while self.listeners.len() <= slot {
            self.listeners.push(Listeners::default());
        }
        let name = self.topics.get(topic.index()).map(|t| t.name.clone()).unwrap_or_default();
        let state = Owner::new(BatchState::new(name, partition, self.drive.clone()));
        if let Some(listeners) = self.listeners.get_mut(slot) {
            *listeners = self.spare.pop().unwrap_or_default();
            listeners.state = Some(state);
        }
        if progress == Progress::Filled {
            self.filled += 1;
        }
        self.ahead = self.pace.is_ahead(self.core.slots_in_use());
        self.needs_wake(now, progress)
    }

    /// Whether the thread sleeps too long for what was just appended. If so it counts as awake.
    fn needs_wake(&mut self, now: Instant, progress: Progress) -> bool {
        let Some(until) = self.parked else { return false };
        let due = match progress {
            Progress::Joined => return false,
            Progress::Opened => now + self.linger,
            Progress::Filled if self.filled >= FILLED_ENOUGH => now,
            // In the flow, the thread comes back by itself soon.
            Progress::Filled => now + self.linger.min(FLOW_INTERVAL),
        };
        let wake = due < until;
        if wake {
            self.parked = None;
        }
        wake
    }

    /// Whether batches may be sealed now, or better gather for a moment.
    fn may_seal(&self, now: Instant) -> bool {
        !self.flow
            || self.urgent
            || self.filled >= FILLED_ENOUGH
            || self.blocked > 0
            || self.pace.held > 0
            || !self.room_wakers.is_empty()
            || self.linger.0 == 0
            || now >= self.sealed_at + FLOW_INTERVAL
    }

    fn take_seals(&mut self, now: Instant, work: &mut Work) {
        while work.seals.len() < SEALS_MAX {
            let Some(seal) = self.core.poll_seal(now) else { break };
            work.seals.push(seal);
        }
        if !work.seals.is_empty() {
            self.flow = work.seals.len() > 1;
            self.sealed_at = now;
            self.filled = 0;
            self.urgent = false;
        }
    }

    /// A record found no room.
    #[cold]
    pub(super) fn buffer_full(&mut self) {
        let partitions: u32 = self.topics.iter().map(|topic| self.core.partitions(topic.id)).sum();
        self.pace.full(self.core.slots_in_use(), partitions as usize);
    }

    /// The thread must look again; true when it has to be woken for that.
    pub(super) fn wake(&mut self) -> bool {
        self.urgent = true;
        self.parked.take().is_some()
    }

    /// The state of a batch that takes records.
    #[inline]
    pub(super) fn batch(&mut self, place: Place) -> Option<Handle<BatchState>> {
        Some(self.listeners.get_mut(place.slot)?.state.as_mut()?.handle())
    }

    #[inline]
    pub(super) fn listen(&mut self, place: Place, timestamp: i64, token: u64) {
        if let Some(listeners) = self.listeners.get_mut(place.slot) {
            listeners.tokens.push(Tokened { token, timestamp, index: place.index });
        }
    }

    /// Interceptors want to know what becomes of it.
    #[cold]
    pub(super) fn observe(&mut self, place: Place, timestamp: i64) {
        if let Some(listeners) = self.listeners.get_mut(place.slot) {
            listeners.rare().observed.push((place.index, timestamp));
        }
    }

    pub(super) fn call_back(&mut self, place: Place, timestamp: i64, callback: Callback) {
        self.has_closures = true;
        if let Some(listeners) = self.listeners.get_mut(place.slot) {
            listeners.rare().callbacks.push((place.index, timestamp, callback));
        }
    }

    /// Whether all batches up to the mark are resolved and their listeners were told.
    pub(super) fn is_flushed(&self, mark: Mark) -> bool {
        self.telling == 0 && self.told >= mark
    }

    /// Wakes a task when something happened, and at the deadline. What it returns is to be dropped without the lock.
    #[must_use = "to be dropped without the lock"]
    pub(super) fn await_room(&mut self, seat: &mut Seat, waker: &Waker, deadline: Instant) -> Option<Waker> {
        self.room_deadline = self.room_deadline.min(deadline);
        self.room_wakers.keep(seat, waker)
    }

    /// Keeps what is known of a batch that is not in the log, its records foremost, for who may ask.
    #[cold]
    fn hand_back(&mut self, delivery: &core::Delivery) {
        let listeners = self.listeners.get_mut(delivery.batch.slot()).filter(|l| l.anybody());
        if let Some(listeners) = listeners {
            listeners.hand_back(Returned::of(&mut self.core, delivery));
        }
    }

    fn notify_room(&mut self, work: &mut Work) {
        if self.blocked > 0 || !self.room_wakers.is_empty() {
            work.notify_room |= self.blocked > 0;
            work.wakers.extend(self.room_wakers.take());
        }
        self.room_deadline = Instant::NEVER;
        self.released = 0;
        self.happened = false;
    }
}

impl Client for State {
    type Machine = core::Producer<'static>;
    type Work = Work;

    fn machine(&mut self) -> &mut Self::Machine {
        &mut self.core
    }

    fn wakers(&mut self) -> &mut Wakers {
        &mut self.room_wakers
    }

    fn hand_in(&mut self, now: Instant, work: &mut Work, happened: bool) {
        for seal in work.seals.drain(..) {
            self.core.handle_sealed(now, seal);
        }
        for (delivery, _) in work.ended.drain(..) {
            self.core.release(&delivery);
            self.released += 1;
        }
        self.spare.append(&mut work.told);
        self.telling = 0;
        self.happened |= happened || self.room_deadline <= now;
        work.calls_back |= self.has_closures;
    }

    fn take_work(&mut self, now: Instant, work: &mut Work) -> bool {
        if self.may_seal(now) {
            self.take_seals(now, work);
        }
        // Before new ends are taken: those of the turn before were told, and their slots are free.
        let told = self.told;
        work.signals.extend(self.flushes.extract_if(.., |flush| flush.mark <= told).map(|flush| flush.done));
        while let Some(delivery) = self.core.poll_delivery() {
            if let Outcome::NotWritten(_) = delivery.outcome {
                self.hand_back(&delivery);
            }
            let listeners = self.listeners.get_mut(delivery.batch.slot());
            let listeners = listeners.and_then(|listeners| ended(listeners, &delivery));
            work.ended.push((delivery, listeners.unwrap_or_default()));
            self.telling += 1;
        }
        self.told = self.core.resolved_to();
        if self.released >= RELEASED_ENOUGH {
            self.notify_room(work);
        }
        work.notify_room |= self.pace.held > 0 && !self.pace.is_behind(self.core.slots_in_use());
        !work.seals.is_empty() || !work.ended.is_empty()
    }

    fn run(work: &mut Work) {
        for seal in &mut work.seals {
            seal.run();
        }
        for (delivery, listeners) in &mut work.ended {
            let mut listeners = std::mem::take(listeners);
            work.waited = tell(delivery.outcome, &mut listeners, &work.hooks).or(work.waited);
            if listeners.has_memory() {
                work.told.push(listeners);
            }
        }
        for mut listeners in work.lost.drain(..) {
            // What was under way is anybody's guess.
            tell(Outcome::Indeterminate(core::SendError::Closed), &mut listeners, &work.hooks);
        }
        if std::mem::take(&mut work.notify_room) {
            work.room.notify_all();
        }
        wake_all(work.wakers.drain(..));
        work.signals.drain(..).for_each(|signal| signal.set());
    }

    fn park(&mut self, until: Instant, work: &mut Work) -> Instant {
        let settled = self.core.transaction();
        if self.happened || self.released > 0 || settled != self.settled {
            self.settled = settled;
            self.notify_room(work);
        }
        if !self.core.unresolved() {
            self.pace.end();
        }
        // Somebody slept for the answer, and nothing else is under way: he will send the next record, and wait again.
        work.rests = work.waited.take().filter(|_| !self.core.unresolved() && !work.calls_back);
        let mut until = until.min(self.room_deadline);
        if self.flow {
            // For what gathers meanwhile. Once that is nothing the flow is over.
            let next = self.sealed_at + FLOW_INTERVAL;
            self.flow = self.ticks.last() < next;
            until = if self.flow { until.min(next) } else { until };
        }
        self.parked = Some(until);
        until
    }

    fn rests(work: &mut Work) -> Option<u64> {
        work.rests.take()
    }

    fn calls_back(work: &Work) -> bool {
        work.calls_back
    }

    fn leave(&mut self) -> bool {
        // Whatever comes next finds a thread that sleeps.
        self.parked = Some(Instant::NEVER);
        !self.core.unresolved()
    }

    fn unpark(&mut self, clock: &Clock) -> Instant {
        self.parked = None;
        self.ticks.read(clock)
    }

    fn is_closed(&self) -> bool {
        self.core.is_closed() && self.telling == 0
    }

    fn end(&mut self, work: &mut Work) {
        self.dead = true;
        work.calls_back |= self.has_closures;
        // What the thread failed at is not tried again.
        work.seals.clear();
        // There are some only when the thread failed. They are told without the lock, as all others.
        work.lost.extend(self.listeners.iter_mut().filter(|l| l.state.is_some()).map(std::mem::take));
        self.notify_room(work);
        work.notify_room = true;
        work.signals.extend(self.flushes.drain(..).map(|flush| flush.done));
        work.signals.push(self.ended.clone());
    }
}
