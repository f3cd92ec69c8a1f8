//! `cargo xtask fuzz`: the targets of tests/fuzz, each for some seconds, or one until it is stopped.

use std::{fs, thread};

use crate::shell::{Result, cargo, root};
use crate::tools::{self, Tool};

const USAGE: &str = "cargo xtask fuzz [--seconds N] [--list] [TARGET]…";
const DIR: &str = "tests/fuzz";
/// Targets that run beside each other.
const AT_ONCE: usize = 2;

/// Runs the targets named in `args`, or all of them.
pub fn fuzz(args: &[String]) -> Result {
    let (mut seconds, mut wanted) = (10, Vec::new());
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--seconds" => seconds = args.next().ok_or(USAGE)?.parse()?,
            "--list" => {
                targets()?.iter().for_each(|target| println!("{target}"));
                return Ok(());
            }
            name if !name.starts_with('-') => wanted.push(name.to_owned()),
            _ => return Err(USAGE.into()),
        }
    }
    tools::need(&[Tool::Nightly, Tool::CargoFuzz])?;
    let all = targets()?;
    if let Some(unknown) = wanted.iter().find(|name| !all.contains(name)) {
        return Err(format!("no fuzz target {unknown}; there are {}", all.join(", ")).into());
    }
    let chosen = if wanted.is_empty() { all } else { wanted };
    run_all(&chosen, seconds)
}

/// How long all targets take when each runs for `seconds`.
pub fn seconds_of_all(seconds: u64) -> Result<u64> {
    Ok(targets()?.len().div_ceil(AT_ONCE) as u64 * seconds)
}

/// Runs all targets, in `seconds` together.
pub fn fuzz_for(seconds: u64) -> Result {
    run_all(&targets()?, seconds / seconds_of_all(1)?.max(1))
}

/// The targets: the files of the folder `fuzz_targets`.
pub fn targets() -> Result<Vec<String>> {
    let dir = root().join(DIR).join("fuzz_targets");
    if !dir.exists() {
        return Ok(Vec::new());
    }
    let mut names = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if let (Some(name), true) = (path.file_stem(), path.extension().is_some_and(|e| e == "rs")) {
            names.push(name.to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// Builds all of them at once, for a build each would take longer; then two run at a time.
fn run_all(targets: &[String], seconds: u64) -> Result {
    cargo("+nightly fuzz build --fuzz-dir . --release").dir(DIR).read_all()?;
    for pair in targets.chunks(AT_ONCE) {
        // An error cannot leave its thread, its text can.
        let run = |target: &String| run(target, seconds).map_err(|error| error.to_string());
        let results: Vec<_> = thread::scope(|scope| {
            let running: Vec<_> = pair.iter().map(|target| scope.spawn(move || run(target))).collect();
            running.into_iter().map(|one| one.join().unwrap_or(Err("panicked".to_owned()))).collect()
        });
        for result in results {
            println!("  {}", result?);
        }
    }
    Ok(())
}

/// Runs one; gives what is to be said about it.
fn run(target: &str, seconds: u64) -> Result<String> {
    // What a run finds goes into `corpus`, which is not in the repository; what is committed is read only.
    let (corpus, seeds) = (format!("corpus/{target}"), format!("seeds/{target}"));
    fs::create_dir_all(root().join(DIR).join(&corpus))?;
    let mut folders = vec![corpus];
    if root().join(DIR).join(&seeds).exists() {
        folders.push(seeds);
    }
    // A message that takes a second or a gigabyte is a finding too.
    let limits = ["-timeout=5", "-rss_limit_mb=1024", "-verbosity=0", "-print_final_stats=1"];
    // Quiet unless it fails: then the whole output says how to run what was found again.
    let output = cargo("+nightly fuzz run --fuzz-dir . --release")
        .args([target])
        .args(folders)
        .args(["--", &format!("-max_total_time={seconds}")])
        .args(limits)
        .dir(DIR)
        .read_all()?;
    let stat = |name: &str| {
        let line = output.lines().find_map(|line| line.strip_prefix(&format!("stat::{name}:")));
        line.map_or("?", str::trim).to_owned()
    };
    let (runs, inputs) = (stat("number_of_executed_units"), stat("new_units_added"));
    Ok(format!("{target}: {runs} runs in {seconds} s, {inputs} new inputs, nothing found"))
}
