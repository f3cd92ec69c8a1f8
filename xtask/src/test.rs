//! `cargo xtask test`: the stages one after the other, the time of each, and one closing line.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use crate::shell::Result;
use crate::stages::{STAGES, Stage};
use crate::tools::{self, Tool};

const USAGE: &str =
    "cargo xtask test [--only STAGE]… [--list] [--long] [--all-brokers] [--keep-going] [--budget MINUTES]
  --only STAGE      only this one; may be given several times
  --list            the stages and what each does
  --long            more rounds where chance is at work: vectors, hostile bytes, seeds, fuzzing
  --all-brokers     Kafka 3.9, 2.8 and 2.1 too, and clusters of three nodes
  --keep-going      do not stop at the first stage that fails
  --budget MINUTES  what --long may take in all (65)";

/// How a run was asked for.
pub struct Options {
    /// More rounds of everything that is random.
    pub long: bool,
    /// The older releases and three nodes too.
    pub all_brokers: bool,
    only: Vec<String>,
    list: bool,
    keep_going: bool,
    budget: Duration,
    started: Instant,
}

impl Options {
    fn parse(args: &[String]) -> Result<Options> {
        let mut options = Options {
            long: false,
            all_brokers: false,
            only: Vec::new(),
            list: false,
            keep_going: false,
            budget: Duration::from_secs(65 * 60),
            started: Instant::now(),
        };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--long" => options.long = true,
                "--all-brokers" => options.all_brokers = true,
                "--list" => options.list = true,
                "--keep-going" => options.keep_going = true,
                "--only" => options.only.push(args.next().ok_or(USAGE)?.clone()),
                "--budget" => {
                    options.budget = Duration::from_secs(60 * args.next().ok_or(USAGE)?.parse::<u64>()?)
                }
                _ => return Err(USAGE.into()),
            }
        }
        match options.only.iter().find(|name| !STAGES.iter().any(|stage| stage.name == name.as_str())) {
            Some(unknown) => Err(format!("no stage {unknown}; there are {}", names(STAGES)).into()),
            None => Ok(options),
        }
    }

    /// Seconds for a random chore that would take any time: `short` as a rule, with `--long` the part `share` of what
    /// is left of the budget, but never less than `short`.
    pub fn seconds(&self, short: u64, share: f64) -> u64 {
        let left = self.budget.saturating_sub(self.started.elapsed()).as_secs_f64();
        if self.long { short.max((left * share) as u64) } else { short }
    }

    fn selected(&self) -> Vec<&'static Stage> {
        let wanted = |stage: &&Stage| self.only.is_empty() || self.only.iter().any(|name| name == stage.name);
        STAGES.iter().filter(wanted).collect()
    }
}

/// Runs what `args` ask for; an error when a stage failed.
pub fn test(args: &[String]) -> Result {
    let options = Options::parse(args)?;
    if options.list {
        STAGES.iter().for_each(|stage| println!("{:12} {}", stage.name, stage.what));
        return Ok(());
    }
    let stages = options.selected();
    let mut report = Report::default();
    report.run("tools", || {
        let needs: Vec<Tool> = stages.iter().flat_map(|stage| stage.needs.iter().copied()).collect();
        tools::need(&needs)
    });
    for stage in &stages {
        if report.failed() > 0 && !options.keep_going {
            report.not_run += 1;
        } else {
            report.run(stage.name, || (stage.run)(&options));
        }
    }
    report.print(options.started.elapsed());
    if report.failed() == 0 { Ok(()) } else { Err("not all stages passed".into()) }
}

/// Everything: what a person waits for, the long variants, all brokers. It goes on after a failure, so that one run
/// tells all.
pub fn ci(args: &[String]) -> Result {
    let all = ["--long", "--all-brokers", "--keep-going"].map(String::from);
    test(&[&all[..], args].concat())
}

#[derive(Default)]
struct Report {
    /// Name, time, and what went wrong.
    done: Vec<(&'static str, Duration, Option<String>)>,
    not_run: usize,
}

impl Report {
    fn run(&mut self, name: &'static str, stage: impl FnOnce() -> Result) {
        println!("\n== {name}");
        let begin = Instant::now();
        // A stage that panics is a stage that failed: the summary is wanted all the same.
        let result = catch_unwind(AssertUnwindSafe(stage));
        let error = match result {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some("panicked".to_owned()),
        };
        let time = begin.elapsed();
        match &error {
            None => println!("== {name}: passed in {:.1} s", time.as_secs_f64()),
            Some(error) => println!("== {name}: FAILED after {:.1} s: {error}", time.as_secs_f64()),
        }
        self.done.push((name, time, error));
    }

    fn failed(&self) -> usize {
        self.done.iter().filter(|(_, _, error)| error.is_some()).count()
    }

    fn print(&self, total: Duration) {
        println!();
        for (name, time, error) in &self.done {
            let verdict = if error.is_none() { "passed" } else { "FAILED" };
            println!("{name:12} {:7.1} s  {verdict}", time.as_secs_f64());
        }
        println!("{:12} {:7.1} s\n", "total", total.as_secs_f64());
        println!("{}", self.closing_line());
    }

    fn closing_line(&self) -> String {
        let failed = self.failed();
        let line = format!("{} passed, {failed} failed", self.done.len() - failed);
        if self.not_run == 0 { line } else { format!("{line}, {} not run", self.not_run) }
    }
}

fn names(stages: &[Stage]) -> String {
    stages.iter().map(|stage| stage.name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_and_panics_are_counted() {
        let mut report = Report::default();
        report.run("good", || Ok(()));
        report.run("bad", || Err("no".into()));
        report.run("worse", || panic!("on purpose"));
        assert_eq!(report.closing_line(), "1 passed, 2 failed");
        report.not_run = 3;
        assert_eq!(report.closing_line(), "1 passed, 2 failed, 3 not run");
    }

    #[test]
    fn unknown_stages_and_options_are_errors() {
        let parse = |line: &str| Options::parse(&line.split(' ').map(String::from).collect::<Vec<_>>());
        assert!(parse("--only nonsense").is_err());
        assert!(parse("--only").is_err());
        assert!(parse("--fast").is_err());
        let options = parse("--only tidy --long --budget 10").ok().unwrap();
        assert_eq!(options.selected().len(), 1);
        assert!((290..=300).contains(&options.seconds(10, 0.5)));
    }
}
