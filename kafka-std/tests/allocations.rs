//! A record costs no allocation once the producer runs: neither in the thread that sends it nor in the one that does the
//! I/O. What there is belongs to batches.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use kafka_broker::Server;
use kafka_std::{Producer, Record};

/// Counts the allocations of threads that asked for it.
struct Counting;

thread_local! {
    static COUNTED: Cell<bool> = const { Cell::new(false) };
}
static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

fn count() {
    // It has no destructor, so it can be looked at whenever a thread allocates.
    if COUNTED.with(Cell::get) {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
    }
}

#[allow(unsafe_code)]
// SAFETY: everything is handed to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller's promise.
        unsafe { System.realloc(memory, layout, size) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static GLOBAL: Counting = Counting;

const RECORDS: usize = 30_000;
const VALUE: &[u8] = &[b'x'; 100];

/// Sends some to warm up, then as many again; the allocations of the second half, on both threads, and its batches.
fn allocations(server: &Server, producer: &Producer, mut send: impl FnMut(&Producer, u64)) -> (usize, usize) {
    let mut half = || (0..RECORDS as u64).for_each(|token| send(producer, token));
    let flush = || assert!(producer.flush(Duration::from_secs(60)));
    // The cluster, which is held, answers nothing: never again are so many batches in use at a time.
    server.with(|_| half());
    flush();
    COUNTED.set(true);
    let (before, batches) = (ALLOCATIONS.load(Ordering::Relaxed), producer.metrics().batches);
    half();
    flush();
    COUNTED.set(false);
    let batches = producer.metrics().batches - batches;
    (ALLOCATIONS.load(Ordering::Relaxed) - before, batches as usize)
}

#[test]
fn a_record_costs_no_allocation_in_the_steady_state() {
    let server = Server::start(kafka_broker::Config::default()).expect("a free port");
    let producer = Producer::builder()
        .bootstrap_servers(&server.bootstrap())
        // So long that only full batches go, however slow the machine is.
        .linger(Duration::from_secs(60))
        // The handler runs on the thread that does the I/O: from the first result on, that is counted too.
        .on_delivery(|_, result| {
            COUNTED.set(true);
            assert!(result.is_ok());
        })
        .build()
        .expect("a producer");
    let topic = producer.topic("readings").expect("a topic");
    let record = Record::to(&topic).value(VALUE);

    // Its partitions are known from here on.
    producer.send_with(record, 0).expect("room");
    assert!(producer.flush(Duration::from_secs(60)));

    // A batch may cost two, and so may the end of each half.
    let few = |allocations: usize, batches: usize| allocations <= 3 * batches && batches < RECORDS / 10;
    let (tokens, batches) =
        allocations(&server, &producer, |producer, token| producer.send_with(record, token).expect("room"));
    assert!(few(tokens, batches), "{tokens} allocations with a token for {batches} batches");
    let (handles, batches) =
        allocations(&server, &producer, |producer, _| drop(producer.send(record).expect("room")));
    assert!(few(handles, batches), "{handles} allocations with a handle for {batches} batches");

    // A closure for each record is documented to cost one: the counting sees it.
    let (closures, _) = allocations(&server, &producer, |producer, token| {
        producer.send_then(record, move |result| assert!(result.is_ok(), "{token}")).expect("room");
    });
    assert!(closures >= RECORDS, "only {closures} allocations for {RECORDS} closures");
}
