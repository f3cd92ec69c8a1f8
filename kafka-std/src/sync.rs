//! Locks and signals.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// A mutex for short critical sections between threads that take it millions of times a second.
///
/// A thread that finds it taken tries again for a moment before it goes to sleep. Without that the threads form a
/// convoy: each hands the lock to one that has to be woken by a system call first.
#[derive(Debug)]
pub(crate) struct Lock<T>(Mutex<T>);

/// How often to look again at once: about the length of one critical section.
const SPINS: u32 = 64;
/// How often to let another thread run before going to sleep.
const YIELDS: u32 = 8;

impl<T> Lock<T> {
    pub(crate) fn new(value: T) -> Self {
        Lock(Mutex::new(value))
    }

    /// Takes the lock. A panic of another holder does not matter: the state is whole between any two calls of the core.
    #[inline]
    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        match self.0.try_lock() {
            Ok(guard) => guard,
            Err(TryLockError::Poisoned(error)) => error.into_inner(),
            Err(TryLockError::WouldBlock) => self.lock_contended(),
        }
    }

    #[cold]
    fn lock_contended(&self) -> MutexGuard<'_, T> {
        for round in 0..SPINS + YIELDS {
            if round < SPINS {
                std::hint::spin_loop();
            } else {
                std::thread::yield_now();
            }
            match self.0.try_lock() {
                Ok(guard) => return guard,
                Err(TryLockError::Poisoned(error)) => return error.into_inner(),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Calls the application's code; false when it panicked. The panic hook has reported that, and who panicked has a state of
/// his own.
pub(crate) fn isolated(call: impl FnOnce()) -> bool {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(call)).map_err(discard).is_ok()
}

/// Drops what the application's code panicked with, which is its own too. What that panics with is kept for ever.
#[cold]
fn discard(payload: Box<dyn std::any::Any + Send>) {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(payload))).unwrap_or_else(std::mem::forget);
}

/// Wakes them all, also when the executor of one panics.
pub(crate) fn wake_all(wakers: impl IntoIterator<Item = Waker>) {
    wakers.into_iter().for_each(|waker| {
        isolated(|| waker.wake());
    });
}

/// Takes a mutex whose value is whole at any time.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sleeps on a condition until it is notified or the time is over. `None` as deadline: for ever.
pub(crate) fn wait_until<'a, T>(
    condition: &Condvar,
    guard: MutexGuard<'a, T>,
    deadline: Option<Instant>,
) -> MutexGuard<'a, T> {
    let Some(deadline) = deadline else {
        return condition.wait(guard).unwrap_or_else(PoisonError::into_inner);
    };
    let left = deadline.saturating_duration_since(Instant::now());
    condition.wait_timeout(guard, left).unwrap_or_else(PoisonError::into_inner).0
}

/// The moment `timeout` from now; `None` when that is beyond what the clock can count.
pub(crate) fn deadline_in(timeout: Duration) -> Option<Instant> {
    Instant::now().checked_add(timeout)
}

/// Tasks to be woken when something happens. Each future that waits has a place of its own, and gives it back when it is
/// dropped.
#[derive(Debug, Default)]
pub(crate) struct Wakers {
    places: Vec<Option<Waker>>,
    free: Vec<usize>,
    /// How often all were taken: nobody has a place of an earlier round any more.
    round: u64,
}

/// The place of a future in a list of [`Wakers`], if it has one: its round and its index.
#[derive(Debug, Default)]
pub(crate) struct Seat(Option<(u64, usize)>);

impl Clone for Seat {
    /// A place is one future's: another one begins without.
    fn clone(&self) -> Self {
        Seat::default()
    }
}

impl Seat {
    /// Whether it ever had a place: if not, there is none to give back.
    pub(crate) fn was_taken(&self) -> bool {
        self.0.is_some()
    }
}

impl Wakers {
    /// Sees to it that the task is woken. Returns the waker that it replaces, to be dropped without any lock: with it, all
    /// that belongs to another task may go.
    #[must_use = "to be dropped without the lock"]
    pub(crate) fn keep(&mut self, seat: &mut Seat, waker: &Waker) -> Option<Waker> {
        if let Some(known) = self.place(seat).and_then(Option::as_mut) {
            return (!known.will_wake(waker)).then(|| std::mem::replace(known, waker.clone()));
        }
        let index = self.free.pop().unwrap_or(self.places.len());
        match self.places.get_mut(index) {
            Some(place) => *place = Some(waker.clone()),
            None => self.places.push(Some(waker.clone())),
        }
        *seat = Seat(Some((self.round, index)));
        None
    }

    /// The future that has this place waits no more. Returns its waker, to be dropped without any lock.
    #[must_use = "to be dropped without the lock"]
    pub(crate) fn leave(&mut self, seat: &mut Seat) -> Option<Waker> {
        let waker = self.place(seat).and_then(Option::take);
        if let Some((_, index)) = seat.0.take().filter(|_| waker.is_some()) {
            self.free.push(index);
        }
        waker
    }

    /// Takes all of them, to be woken.
    pub(crate) fn take(&mut self) -> impl Iterator<Item = Waker> {
        self.round += 1;
        self.free.clear();
        self.places.drain(..).flatten()
    }

    /// Whether nobody waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.places.len() == self.free.len()
    }

    fn place(&mut self, seat: &Seat) -> Option<&mut Option<Waker>> {
        let (_, index) = seat.0.filter(|(round, _)| *round == self.round)?;
        self.places.get_mut(index)
    }
}

/// Something that happens once, and that threads and tasks can wait for.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    state: Mutex<Waiting>,
    condition: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    happened: bool,
    wakers: Wakers,
}

impl Signal {
    pub(crate) fn set(&self) {
        let wakers: Vec<Waker> = {
            let mut state = lock(&self.state);
            state.happened = true;
            state.wakers.take().collect()
        };
        self.condition.notify_all();
        wake_all(wakers);
    }

    pub(crate) fn has_happened(&self) -> bool {
        lock(&self.state).happened
    }

    /// Whether it happened before the deadline.
    pub(crate) fn wait(&self, deadline: Option<Instant>) -> bool {
        let mut state = lock(&self.state);
        while !state.happened && deadline.is_none_or(|d| Instant::now() < d) {
            state = wait_until(&self.condition, state, deadline);
        }
        state.happened
    }

    /// A future that ends when it has happened.
    pub(crate) fn happened(&self) -> Happened<'_> {
        Happened { signal: self, seat: Seat::default() }
    }
}

pub(crate) struct Happened<'a> {
    signal: &'a Signal,
    seat: Seat,
}

impl Future for Happened<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Happened { signal, seat } = &mut *self;
        let mut state = lock(&signal.state);
        if state.happened {
            return Poll::Ready(());
        }
        let replaced = state.wakers.keep(seat, cx.waker());
        drop(state);
        drop(replaced);
        Poll::Pending
    }
}

impl Drop for Happened<'_> {
    fn drop(&mut self) {
        let left = lock(&self.signal.state).wakers.leave(&mut self.seat);
        drop(left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    struct Task;

    impl std::task::Wake for Task {
        fn wake(self: Arc<Self>) {}
    }

    #[test]
    fn a_future_that_is_polled_often_is_kept_once_with_the_waker_of_its_last_poll() {
        let (first, second) = (Waker::from(Arc::new(Task)), Waker::from(Arc::new(Task)));
        let (mut wakers, mut seat) = (Wakers::default(), Seat::default());
        (0..100).for_each(|_| assert!(wakers.keep(&mut seat, &first).is_none()));
        assert!(wakers.keep(&mut seat, &second).expect("it is replaced").will_wake(&first));
        let taken: Vec<_> = wakers.take().collect();
        assert!(taken.len() == 1 && taken[0].will_wake(&second));
        assert!(wakers.is_empty());
    }

    #[test]
    fn who_leaves_is_not_woken_and_others_are() {
        let waker = Waker::from(Arc::new(Task));
        let mut wakers = Wakers::default();
        let mut seats: [Seat; 5] = Default::default();
        seats.iter_mut().for_each(|seat| drop(wakers.keep(seat, &waker)));
        assert!(wakers.leave(&mut seats[1]).is_some() && wakers.leave(&mut seats[3]).is_some());
        assert!(wakers.leave(&mut seats[1]).is_none(), "twice is once");
        assert!(wakers.keep(&mut seats[3], &waker).is_none());
        assert_eq!(wakers.take().count(), 4);
        // Their places of before are no longer theirs.
        let mut other = Seat::default();
        assert!(wakers.keep(&mut other, &waker).is_none());
        assert!(seats.iter_mut().all(|seat| wakers.leave(seat).is_none()));
        assert_eq!(wakers.take().count(), 1);
    }

    #[test]
    fn futures_that_come_and_go_take_no_more_room_than_at_one_time() {
        let waker = Waker::from(Arc::new(Task));
        let mut wakers = Wakers::default();
        let mut last = Seat::default();
        for _ in 0..1000 {
            let mut next = Seat::default();
            assert!(wakers.keep(&mut next, &waker).is_none());
            drop(wakers.leave(&mut last));
            last = next;
        }
        assert!(wakers.places.len() <= 2 && !wakers.is_empty());
    }
}
