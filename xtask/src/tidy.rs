//! `cargo xtask tidy`: STYLE.md, as far as a program can judge.
//!
//! Each rule is a function from a file (or from the whole tree) to problems, with tests that show it bad samples.

mod allow;
mod claims;
mod crates;
mod length;
mod panics;
mod source;
mod tree;
mod words;

use std::collections::BTreeSet;
use std::fmt;

use crate::shell::{Result, Shell, root};
use source::Source;

/// One breach of a rule.
#[derive(Debug, PartialEq, Eq)]
pub struct Problem {
    path: String,
    /// From 1; 0 for the file as a whole.
    line: usize,
    rule: &'static str,
    what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {} ({})", self.path, self.what, self.rule),
            line => write!(f, "{}:{line}: {} ({})", self.path, self.what, self.rule),
        }
    }
}

/// Judges all files that are tracked or will be; prints each problem, and is an error when there is one.
pub fn tidy(args: &[String]) -> Result {
    if !args.is_empty() {
        return Err("cargo xtask tidy takes no arguments".into());
    }
    let files = files()?;
    let mut problems = tree::check(&files);
    problems.extend(crates::check()?);
    let (mut tests, mut documents) = (BTreeSet::new(), Vec::new());
    for path in &files {
        // What is not text (a corpus, a picture) has no style.
        let Ok(text) = std::fs::read_to_string(root().join(path)) else { continue };
        problems.extend(words::check(path, &text));
        if path.ends_with(".rs") {
            let source = Source::new(path, &text);
            problems.extend(length::check(&source));
            problems.extend(panics::check(&source));
            tests.extend(claims::tests(path, &text));
        } else if claims::is_document(path) {
            documents.push((path, text));
        }
    }
    problems.extend(documents.iter().flat_map(|(path, text)| claims::check(path, text, &tests)));
    problems.retain(|problem| !allow::allowed(&problem.path, problem.rule));
    problems.extend(allow::stale(&files));
    problems.iter().for_each(|problem| println!("{problem}"));
    match problems.len() {
        0 => Ok(()),
        count => Err(format!("{count} problems of style in {} files", files.len()).into()),
    }
}

/// Tracked files and new ones that are not ignored, relative to the top; without those that were just removed.
fn files() -> Result<Vec<String>> {
    let listed = Shell::new("git ls-files --cached --others --exclude-standard").read()?;
    let mut files: Vec<String> =
        listed.lines().map(String::from).filter(|path| root().join(path).exists()).collect();
    files.sort();
    files.dedup();
    Ok(files)
}
