//! embassy-time on SysTick: a tick of one millisecond.

use core::cell::{Cell, RefCell};
use core::task::Waker;

use cortex_m::peripheral::{SYST, syst::SystClkSource};
use critical_section::{CriticalSection, Mutex};
use embassy_time_driver::{Driver, TICK_HZ};
use embassy_time_queue_utils::Queue;

struct SysTickClock {
    /// Milliseconds since [`start`].
    now: Mutex<Cell<u64>>,
    /// The earliest time in `timers`, so that a tick with nothing due looks at no timer.
    next: Mutex<Cell<u64>>,
    timers: Mutex<RefCell<Queue>>,
}

embassy_time_driver::time_driver_impl!(static CLOCK: SysTickClock = SysTickClock {
    now: Mutex::new(Cell::new(0)),
    next: Mutex::new(Cell::new(u64::MAX)),
    timers: Mutex::new(RefCell::new(Queue::new())),
});

impl SysTickClock {
    fn tick(&self, cs: CriticalSection<'_>) {
        let now = self.now.borrow(cs).get() + 1;
        self.now.borrow(cs).set(now);
        if now >= self.next.borrow(cs).get() {
            let next = self.timers.borrow(cs).borrow_mut().next_expiration(now);
            self.next.borrow(cs).set(next);
        }
    }
}

impl Driver for SysTickClock {
    fn now(&self) -> u64 {
        critical_section::with(|cs| self.now.borrow(cs).get())
    }

    fn schedule_wake(&self, at: u64, waker: &Waker) {
        critical_section::with(|cs| {
            if self.timers.borrow(cs).borrow_mut().schedule_wake(at, waker) {
                // The tick recomputes the true next time; here it is enough to be early.
                let next = self.next.borrow(cs);
                next.set(next.get().min(at));
            }
        });
    }
}

/// Starts the tick on a core clock of `hz`.
pub fn start(mut systick: SYST, hz: u32) {
    systick.set_clock_source(SystClkSource::Core);
    systick.set_reload(hz / TICK_HZ as u32 - 1);
    systick.clear_current();
    systick.enable_counter();
    systick.enable_interrupt();
}

#[cortex_m_rt::exception]
fn SysTick() {
    critical_section::with(|cs| CLOCK.tick(cs));
}
