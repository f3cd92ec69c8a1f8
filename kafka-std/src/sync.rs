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
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(call)).is_ok()
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

/// Something that happens once, and that threads and tasks can wait for.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    state: Mutex<Waiting>,
    condition: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    happened: bool,
    wakers: Vec<Waker>,
}

impl Signal {
    pub(crate) fn set(&self) {
        let wakers = {
            let mut state = lock(&self.state);
            state.happened = true;
            std::mem::take(&mut state.wakers)
        };
        self.condition.notify_all();
        wake_all(wakers);
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
        Happened(self)
    }
}

pub(crate) struct Happened<'a>(&'a Signal);

impl Future for Happened<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = lock(&self.0.state);
        if state.happened {
            return Poll::Ready(());
        }
        if !state.wakers.iter().any(|w| w.will_wake(cx.waker())) {
            state.wakers.push(cx.waker().clone());
        }
        Poll::Pending
    }
}

/// Remembers whom to wake. A task that is polled again and again, or that polls many futures, is one of the youngest
/// already: it is kept once.
pub(crate) fn keep_waker(wakers: &mut Vec<Waker>, waker: &Waker) {
    if !wakers.iter().rev().take(8).any(|known| known.will_wake(waker)) {
        wakers.push(waker.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_that_is_polled_often_is_kept_once() {
        struct Task;
        impl std::task::Wake for Task {
            fn wake(self: std::sync::Arc<Self>) {}
        }
        let waker = Waker::from(std::sync::Arc::new(Task));
        let mut wakers = Vec::new();
        (0..100).for_each(|_| keep_waker(&mut wakers, &waker));
        assert_eq!(wakers.len(), 1);
    }
}
