//! `cargo xtask fuzz`: the targets of tests/fuzz, each for some seconds, or one until it is stopped.

use std::fs;

use crate::shell::{Result, cargo, root};
use crate::tools::{self, Tool};

const USAGE: &str = "cargo xtask fuzz [--seconds N] [--list] [TARGET]…";
const DIR: &str = "tests/fuzz";

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
    chosen.iter().try_for_each(|target| run(target, seconds))
}

/// Runs every target for `seconds`.
pub fn fuzz_each(seconds: u64) -> Result {
    targets()?.iter().try_for_each(|target| run(target, seconds))
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

fn run(target: &str, seconds: u64) -> Result {
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
    println!(
        "  {target}: {} runs in {seconds} s, {} new inputs, nothing found",
        stat("number_of_executed_units"),
        stat("new_units_added")
    );
    Ok(())
}
