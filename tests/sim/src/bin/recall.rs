//! `recall [--seeds N] [--hours H] [--trace SEED] [NAME…]`: makes each known bug again, and counts the seeds until the
//! simulation notices. A bug that it does not notice is a failure of the simulation. With `--trace` one seed is shown,
//! with the bug of this name.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use kafka_client_core::recall::{Bug, set};
use kafka_sim::run::run_life;
use kafka_sim::swarm::Life;

/// The bugs, with what else must be so that they can show, and the kind of life in which they do.
const BUGS: &[(Life, &[Bug])] = &[
    (Life::Plain, &[Bug::B1ForgetOnUnknownTopic]),
    (Life::Transactions, &[Bug::B2InitWithinTransaction]),
    (Life::Plain, &[Bug::B3ReuseSequence]),
    (Life::Plain, &[Bug::B4NoPartitionIsOk]),
    (Life::Transactions, &[Bug::B5FreeInFlight]),
    (Life::Plain, &[Bug::B6NewSequenceAfterLoss]),
    (Life::Plain, &[Bug::B7KeepSequenceUnderNewEpoch]),
    (Life::Plain, &[Bug::B8MixEpochs]),
    (Life::Plain, &[Bug::B9SequenceOverflows, Bug::NearLastSequence]),
    (Life::Plain, &[Bug::B10EpochStays, Bug::NearLastEpoch]),
    (Life::Plain, &[Bug::B11OvertakeUnknown]),
    (Life::Plain, &[Bug::B12ResendMaybeWritten]),
    (Life::Plain, &[Bug::B13OtherBytes]),
    (Life::Plain, &[Bug::B14HalfAFrame]),
    (Life::Transactions, &[Bug::B15OldTopicId]),
    (Life::Transactions, &[Bug::B16SameEpochAfterUnknownEnd]),
    (Life::Transactions, &[Bug::B17UnstableOffsets]),
    (Life::Transactions, &[Bug::B18EpochOfTheLastTransaction]),
    (Life::Transactions, &[Bug::B19MarkerHides]),
    (Life::Transactions, &[Bug::B20ListIsSorted]),
    (Life::Transactions, &[Bug::B21OneMarkerEndsAll]),
    (Life::Plain, &[Bug::B23ResumeDrops]),
    (Life::Plain, &[Bug::B24ResetOnDisconnect]),
    (Life::Transactions, &[Bug::B28LookupWins]),
    (Life::Plain, &[Bug::B31WholeBatch]),
    (Life::Plain, &[Bug::F1OrderAcrossBrokers]),
    (Life::Transactions, &[Bug::F2NotLeaderIsDefinite]),
    (Life::Plain, &[Bug::F3EndlessWrite]),
    (Life::Plain, &[Bug::F4OpenAfterClose]),
    (Life::Plain, &[Bug::F5MutedForEver]),
    (Life::Transactions, &[Bug::F6WaitForOldLeader]),
    (Life::Transactions, &[Bug::F7CoordinatorStays]),
    (Life::Transactions, &[Bug::F8BegunWhenAsked]),
    (Life::Transactions, &[Bug::F9OffsetsAfterAbort]),
    (Life::Transactions, &[Bug::F10ZombieRenews]),
    (Life::Transactions, &[Bug::F11HotWait]),
];

/// Conditions alone: nothing may be noticed, but for the rule named.
///
/// After the last epoch comes another producer id, and no broker knows that the one follows the other: what was sent
/// under the old id, to a connection that ended before the answer, may still arrive and stand behind newer records. An
/// epoch fences it, an id cannot; its outcome is `Indeterminate`, as it must be.
const SOUND: &[(&[Bug], Option<&str>)] =
    &[(&[], None), (&[Bug::NearLastSequence], None), (&[Bug::NearLastEpoch], Some("P3"))];

/// A client that does not return for so long never will.
const HUNG: Duration = Duration::from_secs(60);

struct Options {
    /// A process for each bug: one that never returns ends with its process.
    alone: bool,
    seeds: u64,
    virtual_us: u64,
    names: Vec<String>,
    trace: Option<u64>,
}

fn options() -> Option<Options> {
    let mut options =
        Options { alone: false, seeds: 600, virtual_us: 360_000_000, names: Vec::new(), trace: None };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--alone" => options.alone = true,
            "--seeds" => options.seeds = args.next()?.parse().ok()?,
            "--hours" => options.virtual_us = (args.next()?.parse::<f64>().ok()? * 3.6e9) as u64,
            "--trace" => options.trace = Some(args.next()?.parse().ok()?),
            name => options.names.push(name.to_owned()),
        }
    }
    Some(options)
}

/// The first violation of a seed that counts.
fn violation(seed: u64, life: Life, virtual_us: u64, excused: Option<&str>) -> Option<String> {
    let run = catch_unwind(AssertUnwindSafe(|| run_life(seed, life, virtual_us, false)));
    match run {
        Ok(report) => {
            report.violations.into_iter().find(|text| !excused.is_some_and(|rule| text.starts_with(rule)))
        }
        Err(_) => Some("S5: panic".into()),
    }
}

/// Seeds run until one notices, and what it says; seeds run, where none does.
fn hunt(seeds: u64, life: Life, virtual_us: u64, excused: Option<&'static str>) -> (u64, Option<String>) {
    let next = Arc::new(AtomicU64::new(0));
    let (sender, results) = channel();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    for _ in 0..threads {
        let (next, sender) = (Arc::clone(&next), sender.clone());
        std::thread::spawn(move || {
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= seeds || sender.send((seed, violation(seed, life, virtual_us, excused))).is_err() {
                    break;
                }
            }
        });
    }
    drop(sender);
    let mut done = 0;
    loop {
        match results.recv_timeout(HUNG) {
            Ok((seed, Some(text))) => return (seed + 1, Some(text)),
            Ok((_, None)) => done += 1,
            Err(RecvTimeoutError::Disconnected) => return (seeds, None),
            Err(RecvTimeoutError::Timeout) => return (done + 1, Some("S7: the client never returns".into())),
        }
    }
}

/// Hunts for a bug in a process of its own; whether it was found.
fn hunt_apart(options: &Options, name: &str) -> bool {
    let child = std::env::current_exe().and_then(|program| {
        Command::new(program)
            .args(["--alone", "--seeds", &options.seeds.to_string()])
            .args(["--hours", &(options.virtual_us as f64 / 3.6e9).to_string(), name])
            .status()
    });
    child.is_ok_and(|status| status.success())
}

/// Shows one seed, in either life of a condition, or in that of the bug.
fn show(seed: u64, virtual_us: u64, lives: &[Life], bugs: &[Bug]) {
    set(bugs);
    for life in lives {
        let report = run_life(seed, *life, virtual_us, true);
        println!("--- {bugs:?}, {life:?}");
        report.trace.iter().for_each(|line| println!("{line}"));
        println!("--- history ---\n{}", report.history);
        report.violations.iter().for_each(|v| println!("VIOLATION {v}"));
    }
}

fn main() -> ExitCode {
    let Some(options) = options() else {
        eprintln!("recall [--seeds N] [--hours H] [--trace SEED] [NAME...]");
        return ExitCode::from(2);
    };
    std::panic::set_hook(Box::new(|_| {}));
    let wanted = |bugs: &[Bug]| {
        let name = bugs.first().map_or(String::new(), |bug| format!("{bug:?}"));
        options.names.is_empty()
            || options.names.iter().any(|n| !name.is_empty() && name.starts_with(n.as_str()))
    };
    if let Some(seed) = options.trace {
        let both = [Life::Plain, Life::Transactions];
        SOUND.iter().filter(|(b, _)| wanted(b)).for_each(|(b, _)| show(seed, options.virtual_us, &both, b));
        let ours = BUGS.iter().filter(|(_, b)| wanted(b));
        ours.for_each(|(life, bugs)| show(seed, options.virtual_us, &[*life], bugs));
        return ExitCode::SUCCESS;
    }
    let mut failed = false;
    for (bugs, excused) in SOUND.iter().filter(|(bugs, _)| wanted(bugs) && !options.alone) {
        set(bugs);
        for life in [Life::Plain, Life::Transactions] {
            if let (seeds, Some(text)) = hunt(options.seeds.min(40), life, options.virtual_us, *excused) {
                println!("{:<30} WRONG after {seeds} seeds: {text}", format!("{bugs:?}"));
                failed = true;
            }
        }
    }
    for (life, bugs) in BUGS.iter().filter(|(_, bugs)| wanted(bugs)) {
        let name = bugs.first().map_or(String::new(), |bug| format!("{bug:?}"));
        if !options.alone {
            failed |= !hunt_apart(&options, &name);
            continue;
        }
        set(bugs);
        let (seeds, found) = hunt(options.seeds, *life, options.virtual_us, None);
        match found {
            Some(text) => {
                println!("{name:<30} {seeds:>4} seeds  {}", text.chars().take(100).collect::<String>())
            }
            None => {
                println!("{name:<30} NOT FOUND in {seeds} seeds");
                failed = true;
            }
        }
    }
    ExitCode::from(u8::from(failed))
}
