//! The only thread that touches sockets: one per client, whatever the number of brokers.
//!
//! It holds the client's lock while it hands in what happened and asks what to do next, and never while it writes,
//! reads, checksums, compresses or calls the application. [`Driver::turn`] is one round of that.
//!
//! Where a thread waits for the answer to one record, it can take the I/O over while it waits: [`shift`] says when.

mod resolve;
mod shift;
mod socket;

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use kafka_client_core::machine::Machine;
use kafka_client_core::net::{Action, Closed, ConnId, HostId, RxBuf, Transmit};
use kafka_client_core::time::Instant;
use mio::event::Event;
use mio::{Events, Interest, Poll, Token, Waker};

use crate::clock::Clock;
use crate::sync::{Lock, Seat, Wakers, lock};
use resolve::{Found, Resolver};
use shift::Shift;
pub(crate) use shift::{Drive, thread_number};
use socket::Socket;
pub(crate) use socket::{SocketOptions, trouble};

/// What the thread drives: a machine of the core, and what the application's side keeps beside it under one lock.
pub(crate) trait Client: Send + 'static {
    /// The machine.
    type Machine: Machine<'static>;
    /// What is to be done while nobody holds the lock.
    type Work: Send;

    /// The machine.
    fn machine(&mut self) -> &mut Self::Machine;
    /// The tasks that wait for something to happen to the client.
    fn wakers(&mut self) -> &mut Wakers;
    /// Work that was run comes back. `happened`: the core is being told something, too.
    fn hand_in(&mut self, now: Instant, work: &mut Self::Work, happened: bool);
    /// Takes work to be run; true when there is some.
    fn take_work(&mut self, now: Instant, work: &mut Self::Work) -> bool;
    /// Runs the work that was taken.
    fn run(work: &mut Self::Work);
    /// The thread has nothing to do and goes to sleep until then, unless it is woken. Whom it has to wake itself
    /// before goes into `work`, which is run once more. Returns when it must be back, `until` at the latest.
    fn park(&mut self, until: Instant, work: &mut Self::Work) -> Instant;
    /// The thread has parked: the number of the thread to which it leaves the I/O, as that will wait for an answer next.
    fn rests(work: &mut Self::Work) -> Option<u64>;
    /// Whether code of the application is called, which may take locks that a waiting thread holds: then only the client's
    /// thread does the I/O.
    fn calls_back(_work: &Self::Work) -> bool {
        false
    }
    /// Nobody does the I/O for a moment. Whether that does no harm, because nothing is under way.
    fn leave(&mut self) -> bool;
    /// The thread is awake, and will ask for work before it sleeps. Returns the time.
    fn unpark(&mut self, clock: &Clock) -> Instant;
    /// Whether the thread is to end.
    fn is_closed(&self) -> bool;
    /// The thread ends, whatever the reason: nothing will be sent any more.
    fn end(&mut self, work: &mut Self::Work);
}

/// What the thread and the handles share.
pub(crate) struct Shared<C: Client> {
    state: Lock<C>,
    waker: Arc<Waker>,
    pub(crate) clock: Clock,
    /// Who holds it does the I/O. `None` when the client has ended.
    driver: Mutex<Option<Driver<C>>>,
    shift: Shift,
    /// The thread that is about to call the application's code, or does, by its number; 0 for none.
    calling: AtomicU64,
}

/// A task that waits for something to happen to a client. It is no longer in the list of those when this is dropped.
pub(crate) struct Waiter<'a, C: Client> {
    shared: &'a Shared<C>,
    pub(crate) seat: Seat,
}

impl<'a, C: Client> Waiter<'a, C> {
    pub(crate) fn new(shared: &'a Shared<C>) -> Self {
        Waiter { shared, seat: Seat::default() }
    }
}

impl<C: Client> Drop for Waiter<'_, C> {
    fn drop(&mut self) {
        self.shared.leave(&mut self.seat);
    }
}

impl<C: Client> Shared<C> {
    #[inline]
    pub(crate) fn lock(&self) -> std::sync::MutexGuard<'_, C> {
        self.state.lock()
    }

    /// Sees to it that the I/O goes on.
    pub(crate) fn wake(&self) {
        // It fails only when the thread is gone, and then nobody has to be woken.
        let _ = self.waker.wake();
        self.shift.end_rest();
    }

    /// Whether this thread is in a call of the application's code by the client: it cannot wait for itself.
    pub(crate) fn is_calling(&self) -> bool {
        self.calling.load(Ordering::Relaxed) == thread_number()
    }

    /// Gives a place among the client's wakers back, if there is one.
    pub(crate) fn leave(&self, seat: &mut Seat) {
        if seat.was_taken() {
            let left = self.lock().wakers().leave(seat);
            // Without the lock: with it, all that belongs to a task may go.
            drop(left);
        }
    }

    /// As [`wake`](Self::wake), after a record was sent: the thread that sent it may be about to wait for it, and then
    /// does the I/O itself.
    pub(crate) fn wake_for_record(&self) {
        if !self.shift.is_left_to_caller() {
            self.wake();
        }
    }
}

/// What happened since the lock was held last.
enum News {
    Connected(ConnId),
    Closed(ConnId, Closed, Option<RxBuf<'static>>, Option<Transmit<'static>>),
    Received(ConnId, RxBuf<'static>),
    Written(Transmit<'static>),
}

/// What a turn found.
enum Next {
    /// There is more to do at once.
    Again,
    /// Nothing until then, unless something happens.
    Sleep(Instant),
    /// The client is closed.
    End,
}

/// Everything that belongs to the thread.
struct Driver<C: Client> {
    shared: Arc<Shared<C>>,
    poll: Poll,
    events: Events,
    /// Turns since the operating system was asked for events.
    busy: u32,
    sockets: Vec<Option<Socket>>,
    options: SocketOptions,
    resolver: Resolver,
    found: Vec<Found>,
    news: Vec<News>,
    actions: Vec<Action>,
    names: Vec<(HostId, String, u16)>,
    work: C::Work,
    /// When the core wants to be told the time.
    timeout: Instant,
}

const WAKER: Token = Token(usize::MAX);
/// Events taken from the operating system at a time.
const EVENTS: usize = 256;
/// Turns without asking the operating system for events, while there is work.
const BUSY_TURNS: u32 = 16;

/// Starts the thread of a client.
///
/// # Errors
/// Those of the operating system: no thread, no event queue.
pub(crate) fn start<C: Client>(
    client: C,
    work: C::Work,
    clock: Clock,
    options: SocketOptions,
    name: &str,
) -> io::Result<Arc<Shared<C>>> {
    let poll = Poll::new()?;
    let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
    let resolver = Resolver::new(waker.clone());
    let (state, driver, shift) = (Lock::new(client), Mutex::new(None), Shift::default());
    let shared = Arc::new(Shared { state, waker, clock, driver, shift, calling: AtomicU64::new(0) });
    let driver = Driver {
        shared: shared.clone(),
        poll,
        events: Events::with_capacity(EVENTS),
        busy: 0,
        sockets: Vec::new(),
        options,
        resolver,
        found: Vec::new(),
        news: Vec::new(),
        actions: Vec::new(),
        names: Vec::new(),
        work,
        timeout: Instant(0),
    };
    *lock(&shared.driver) = Some(driver);
    let of_thread = shared.clone();
    // Detached: who drops a client does not wait for it. It ends when the client is closed.
    let thread = std::thread::Builder::new().name(name.into()).spawn(move || shift::run(&of_thread));
    if let Err(error) = thread {
        lock(&shared.driver).take();
        return Err(error);
    }
    Ok(shared)
}

impl<C: Client> Driver<C> {
    /// Waits for events until then; without an end for [`Instant::NEVER`].
    fn sleep(&mut self, until: Instant) -> io::Result<()> {
        self.poll_for(self.shared.clock.until(until))
    }

    /// Takes the events that there are, every now and then, while there is work.
    fn glance(&mut self) -> io::Result<()> {
        self.busy += 1;
        if self.busy < BUSY_TURNS { Ok(()) } else { self.poll_for(Some(std::time::Duration::ZERO)) }
    }

    fn poll_for(&mut self, timeout: Option<std::time::Duration>) -> io::Result<()> {
        self.busy = 0;
        let mut events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        let polled = self.poll.poll(&mut events, timeout);
        if polled.is_ok() {
            events.iter().for_each(|event| self.note(event));
        }
        self.events = events;
        self.resolver.take(&mut self.found);
        match polled {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error),
            _ => Ok(()),
        }
    }

    fn note(&mut self, event: &Event) {
        let Some(Some(socket)) = self.sockets.get_mut(event.token().0) else { return };
        socket.readable |= event.is_readable() || event.is_read_closed() || event.is_error();
        socket.writable |= event.is_writable() || event.is_write_closed() || event.is_error();
        socket.hung_up |= event.is_read_closed() || event.is_error();
    }

    /// Everything that can be done now, once: with the lock, then without it.
    ///
    /// `shared` is the driver's own, which the caller has anyway: counting another use of it would touch the lock's line of
    /// the cache.
    fn turn(&mut self, shared: &Shared<C>) -> Next {
        let mut again = self.turn_sockets();
        let until = {
            let mut client = shared.lock();
            let now = client.unpark(&shared.clock);
            let happened = !self.news.is_empty() || !self.found.is_empty();
            client.hand_in(now, &mut self.work, happened);
            again |= self.hand_in(now, client.machine());
            again |= client.take_work(now, &mut self.work);
            again |= self.take(now, client.machine());
            if client.is_closed() {
                return Next::End;
            }
            self.timeout = client.machine().poll_timeout();
            if again { self.timeout } else { client.park(self.timeout, &mut self.work) }
        };
        self.run();
        self.act();
        match again || !self.news.is_empty() {
            true => Next::Again,
            false => Next::Sleep(until),
        }
    }

    /// Does the work that was taken, without the lock.
    fn run(&mut self) {
        let calls_back = C::calls_back(&self.work);
        if calls_back {
            self.shared.calling.store(thread_number(), Ordering::Relaxed);
        }
        C::run(&mut self.work);
        if calls_back {
            self.shared.calling.store(0, Ordering::Relaxed);
        }
    }

    /// Writes and reads what can be; true when there was something.
    fn turn_sockets(&mut self) -> bool {
        let mut turned = false;
        for index in 0..self.sockets.len() {
            let Some(Some(socket)) = self.sockets.get_mut(index) else { continue };
            if !socket.is_ready() {
                continue;
            }
            turned = true;
            let conn = socket.conn;
            match socket.turn() {
                Ok(progress) => {
                    if progress.connected {
                        self.news.push(News::Connected(conn));
                    }
                    self.news.extend(progress.written.map(News::Written));
                    self.news.extend(progress.received.map(|rx| News::Received(conn, rx)));
                }
                Err(trouble) => self.close(index, Closed::Because(trouble)),
            }
        }
        turned
    }

    /// Tells the core what happened; true when something did.
    fn hand_in(&mut self, now: Instant, machine: &mut C::Machine) -> bool {
        let happened = !self.news.is_empty() || !self.found.is_empty();
        for news in self.news.drain(..) {
            match news {
                News::Connected(conn) => machine.handle_connected(now, conn),
                News::Closed(conn, why, rx, transmit) => machine.handle_closed(now, conn, why, rx, transmit),
                News::Received(conn, rx) => machine.handle_received(now, conn, rx),
                News::Written(transmit) => machine.handle_written(now, transmit),
            }
        }
        for (host, addresses) in self.found.drain(..) {
            machine.handle_resolved(now, host, &addresses);
        }
        if self.timeout <= now {
            machine.handle_timeout(now);
        }
        happened
    }

    /// Asks the core what to do; true when there is something.
    fn take(&mut self, now: Instant, machine: &mut C::Machine) -> bool {
        let mut some = false;
        while let Some(transmit) = machine.poll_transmit(now) {
            some = true;
            let conn = transmit.conn();
            match self.sockets.get_mut(conn.index()) {
                Some(Some(socket)) if socket.conn == conn => socket.transmit = Some(transmit),
                // Of a connection that is gone already; its end was told with the frame that it had.
                _ => machine.handle_written(now, transmit),
            }
        }
        while let Some(action) = machine.poll_action(now) {
            some = true;
            if let Action::Resolve(id) = action {
                let host = machine.host(id);
                self.names.push((id, host.name.to_owned(), host.port));
            } else {
                self.actions.push(action);
            }
        }
        while let Some((conn, rx)) = machine.poll_read() {
            match self.sockets.get_mut(conn.index()) {
                Some(Some(socket)) if socket.conn == conn => {
                    socket.rx = Some(rx);
                    some |= socket.readable;
                }
                _ => drop(rx),
            }
        }
        some
    }

    fn act(&mut self) {
        for (host, name, port) in self.names.drain(..) {
            self.resolver.resolve(host, name, port);
        }
        self.resolver.take(&mut self.found);
        for action in std::mem::take(&mut self.actions) {
            match action {
                Action::Connect(conn, address) => {
                    let opened =
                        Socket::open(conn, address, self.options).and_then(|socket| self.enter(socket));
                    if let Err(error) = opened {
                        let why = Closed::Because(socket::trouble(&error));
                        self.news.push(News::Closed(conn, why, None, None));
                    }
                }
                Action::Close(conn) => match self.sockets.get(conn.index()) {
                    Some(Some(socket)) if socket.conn == conn => self.close(conn.index(), Closed::Asked),
                    _ => {}
                },
                Action::Resolve(_) => {}
            }
        }
    }

    fn enter(&mut self, mut socket: Socket) -> io::Result<()> {
        let index = socket.conn.index();
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut socket.stream, Token(index), interest)?;
        if self.sockets.len() <= index {
            self.sockets.resize_with(index + 1, || None);
        }
        if let Some(place) = self.sockets.get_mut(index) {
            *place = Some(socket);
        }
        Ok(())
    }

    fn close(&mut self, index: usize, why: Closed) {
        if let Some(mut socket) = self.sockets.get_mut(index).and_then(Option::take) {
            let _ = self.poll.registry().deregister(&mut socket.stream);
            self.news.push(News::Closed(socket.conn, why, socket.rx.take(), socket.transmit.take()));
        }
    }
}

impl<C: Client> Drop for Driver<C> {
    fn drop(&mut self) {
        let shared = self.shared.clone();
        shared.lock().end(&mut self.work);
        self.run();
    }
}
