//! `kafka-sim --seeds A..B [--hours H] [--trace]`: runs seeds, prints what they did, and fails at a violation.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use kafka_sim::faults::Counters;
use kafka_sim::run::{Report, run_life};
use kafka_sim::swarm::Life;

struct Options {
    from: u64,
    to: u64,
    hours: f64,
    life: Life,
    trace: bool,
    table: bool,
    threads: usize,
    /// No seed begins after so many seconds, if there were hours enough.
    seconds: u64,
    /// Cluster-hours without which it does not stop early.
    at_least: f64,
}

const USAGE: &str = "kafka-sim --seeds A..B [--transactions] [--hours H (of virtual time, per seed)] [--trace] [--table] [--threads N] [--seconds S] [--at-least H]";

fn options() -> Result<Options, String> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut options = Options {
        from: 0,
        to: 20,
        hours: 0.1,
        life: Life::Plain,
        trace: false,
        table: false,
        threads,
        seconds: u64::MAX,
        at_least: 0.0,
    };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or(format!("{arg} needs a value"));
        match arg.as_str() {
            "--seeds" => {
                let text = value()?;
                let (from, to) = text.split_once("..").ok_or("--seeds is A..B")?;
                options.from = from.parse().map_err(|_| "--seeds is A..B".to_owned())?;
                options.to = to.parse().map_err(|_| "--seeds is A..B".to_owned())?;
            }
            "--hours" => options.hours = value()?.parse().map_err(|_| "--hours is a number".to_owned())?,
            "--threads" => {
                options.threads = value()?.parse().map_err(|_| "--threads is a number".to_owned())?
            }
            "--seconds" => {
                options.seconds = value()?.parse().map_err(|_| "--seconds is a number".to_owned())?
            }
            "--at-least" => {
                options.at_least = value()?.parse().map_err(|_| "--at-least is hours".to_owned())?
            }
            "--transactions" => options.life = Life::Transactions,
            "--trace" => options.trace = true,
            "--table" => options.table = true,
            _ => return Err(format!("unknown: {arg}")),
        }
    }
    if options.from >= options.to || options.hours <= 0.0 || options.hours > 10_000.0 {
        return Err("there must be a seed, and time to run it".into());
    }
    Ok(options)
}

/// Runs a seed; a panic is a violation.
fn guarded(seed: u64, life: Life, virtual_us: u64, trace: bool) -> Report {
    catch_unwind(AssertUnwindSafe(|| run_life(seed, life, virtual_us, trace))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|t| (*t).to_owned())).unwrap_or_default();
        Report { seed, violations: vec![format!("S5: panic: {text}")], ..Report::default() }
    })
}

fn main() -> ExitCode {
    let options = match options() {
        Ok(options) => options,
        Err(error) => {
            eprintln!("{error}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let virtual_us = (options.hours * 3.6e9) as u64;
    if options.trace {
        let report = guarded(options.from, options.life, virtual_us, true);
        report.trace.iter().for_each(|line| println!("{line}"));
        println!("--- history ---\n{}", report.history);
        report.violations.iter().for_each(|v| println!("VIOLATION {v}"));
        return ExitCode::from(u8::from(!report.violations.is_empty()));
    }
    let begun = Instant::now();
    let next = AtomicU64::new(options.from);
    let virtual_done = AtomicU64::new(0);
    let reports = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..options.threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    let lived = virtual_done.load(Ordering::Relaxed) as f64 / 3.6e9;
                    let over = begun.elapsed().as_secs() >= options.seconds && lived >= options.at_least;
                    if seed >= options.to || over {
                        break;
                    }
                    let mut report = guarded(seed, options.life, virtual_us, false);
                    // S4: the same seed is the same run. Each tenth is run again to see it.
                    if seed.is_multiple_of(10) && report.violations.is_empty() {
                        let again = guarded(seed, options.life, virtual_us, false);
                        if again.hash != report.hash {
                            let text = format!("S4: hash {:x}, then {:x}", report.hash, again.hash);
                            report.violations.push(text);
                        }
                    }
                    virtual_done.fetch_add(report.virtual_us, Ordering::Relaxed);
                    if let Ok(mut all) = reports.lock() {
                        tell(&options, &report);
                        all.push(report);
                    }
                }
            });
        }
    });
    let mut reports = reports.into_inner().unwrap_or_default();
    reports.sort_by_key(|r| r.seed);
    summary(&options, &reports, begun.elapsed().as_secs_f64())
}

/// What is wrong with a seed, and how to see it again.
fn tell(options: &Options, report: &Report) {
    if report.violations.is_empty() {
        return;
    }
    println!("seed {}: {} violations", report.seed, report.violations.len());
    report.violations.iter().take(5).for_each(|v| println!("    {v}"));
    let (seed, next, hours) = (report.seed, report.seed + 1, options.hours);
    let life = if options.life == Life::Transactions { " --transactions" } else { "" };
    println!(
        "    replay: cargo run -p kafka-sim --profile checked -- --seeds {seed}..{next}{life} --hours {hours} --trace"
    );
}

fn summary(options: &Options, reports: &[Report], seconds: f64) -> ExitCode {
    let mut fired = Counters::default();
    reports.iter().for_each(|r| fired.add(&r.fired));
    let hours = reports.iter().map(|r| r.virtual_us).sum::<u64>() as f64 / 3.6e9;
    let sum = |f: fn(&Report) -> u64| reports.iter().map(f).sum::<u64>();
    let records = sum(|r| r.records);
    if options.table {
        println!("{}", fired.table());
    }
    println!(
        "{} seeds, {hours:.1} cluster-hours, {records} records ({:.1}/s; {} acked, {} not written, {} indeterminate), {} polled",
        reports.len(),
        records as f64 / (hours * 3600.0),
        sum(|r| r.outcomes[0]),
        sum(|r| r.outcomes[1]),
        sum(|r| r.outcomes[2]),
        sum(|r| r.polled),
    );
    let ended = |n: usize| reports.iter().map(|r| r.transactions[n]).sum::<u64>();
    if options.life == Life::Transactions {
        println!("{} transactions committed, {} aborted, {} ended unknown", ended(0), ended(1), ended(2));
    }
    println!(
        "{} faults ({:.0} an hour; never met: {:?}), {} events, {seconds:.1} s, {:.1} seeds/s, {:.2} cluster-hours/s",
        fired.total(),
        fired.total() as f64 / hours,
        fired.never(|fault| fault.is_plain() || options.life == Life::Transactions),
        sum(|r| r.events),
        reports.len() as f64 / seconds,
        hours / seconds,
    );
    let wrong = reports.iter().filter(|r| !r.violations.is_empty()).count();
    println!("{wrong} seeds with violations");
    ExitCode::from(u8::from(wrong > 0))
}
