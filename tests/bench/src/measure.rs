//! Thread CPU time, allocations, and the table of results. Cases run interleaved, so that a slow second of the machine
//! falls on all of them.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The system's allocator, counting.
pub struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: everything is handed to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Relaxed);
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Relaxed);
        // SAFETY: as above.
        unsafe { System.realloc(at, layout, size) }
    }
}

fn cpu_ns() -> u64 {
    let mut t = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `t` is a valid timespec to write to.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut t) };
    t.tv_sec as u64 * 1_000_000_000 + t.tv_nsec as u64
}

/// One case: what it is called, what it is compared with, and its work.
struct Case<'a> {
    name: &'static str,
    group: &'static str,
    work: Box<dyn FnMut() + 'a>,
    allocations: u64,
    iterations: u64,
    ns: Vec<f64>,
}

/// What a case came to.
pub struct Figure {
    pub group: &'static str,
    pub name: &'static str,
    /// To the first of its group.
    pub ratio: f64,
    pub allocations: u64,
}

/// The cases of one run.
pub struct Table<'a> {
    unit: &'static str,
    per: usize,
    cases: Vec<Case<'a>>,
}

const ROUNDS: usize = 25;
const ROUND_NS: u64 = 20_000_000;

impl<'a> Table<'a> {
    /// Times are divided by `per`, the number of units.
    pub fn new(unit: &'static str, per: usize) -> Self {
        Self { unit, per, cases: Vec::new() }
    }

    /// Adds a case; the first of each group is what the others' ratios are to.
    pub fn add(&mut self, group: &'static str, name: &'static str, work: impl FnMut() + 'a) {
        let work = Box::new(work);
        self.cases.push(Case { name, group, work, allocations: 0, iterations: 0, ns: Vec::new() });
    }

    fn measure(&mut self) {
        for case in &mut self.cases {
            for _ in 0..100 {
                (case.work)();
            }
            let before = ALLOCATIONS.load(Relaxed);
            (case.work)();
            case.allocations = ALLOCATIONS.load(Relaxed) - before;
            let start = cpu_ns();
            (case.work)();
            case.iterations = (ROUND_NS / (cpu_ns() - start).max(200)).clamp(5, 200_000);
        }
        for _ in 0..ROUNDS {
            for case in &mut self.cases {
                let start = cpu_ns();
                for _ in 0..case.iterations {
                    (case.work)();
                }
                let ns = (cpu_ns() - start) as f64 / case.iterations as f64 / self.per as f64;
                case.ns.push(ns);
            }
        }
    }

    /// Measures everything and prints it; what each case came to.
    pub fn print(mut self) -> Vec<Figure> {
        self.measure();
        // The groups were added in pieces.
        self.cases.sort_by_key(|case| case.group);
        println!("| case | ns per {} (median) | min-max | ratio of the minima | allocations |", self.unit);
        println!("| --- | --- | --- | --- | --- |");
        // Noise only ever adds: the minima are what the machine can do, and they are what is compared.
        let mut first: Option<(&str, f64)> = None;
        let mut figures = Vec::new();
        for case in &mut self.cases {
            case.ns.sort_by(f64::total_cmp);
            let median = case.ns[case.ns.len() / 2];
            let (min, max) = (case.ns[0], case.ns[case.ns.len() - 1]);
            let base = match first {
                Some((group, base)) if group == case.group => base,
                _ => {
                    first = Some((case.group, min));
                    min
                }
            };
            println!(
                "| {}: {} | {median:.2} | {min:.2}-{max:.2} | {:.2} | {} |",
                case.group,
                case.name,
                min / base,
                case.allocations
            );
            let (group, name, allocations) = (case.group, case.name, case.allocations);
            figures.push(Figure { group, name, ratio: min / base, allocations });
        }
        figures
    }
}
