//! What may break a rule, and why. Empty is best.

use super::Problem;

/// Path, rule, and the reason that would convince a reader.
const ALLOWED: &[(&str, &str, &str)] = &[
    ("kafka-proto/src/arbitrary.rs", "std", "makes messages for fuzzers, behind a feature no device takes"),
    (
        "kafka-proto/src/record/read.rs",
        "std",
        "one method decompresses into a vector; it belongs beside its twin",
    ),
];

pub fn allowed(path: &str, rule: &str) -> bool {
    ALLOWED.iter().any(|(allowed, of, _)| *allowed == path && *of == rule)
}

/// Entries whose file is gone.
pub fn stale(files: &[String]) -> Vec<Problem> {
    let gone = ALLOWED.iter().filter(|(path, _, _)| !files.iter().any(|file| file == path));
    gone.map(|(path, _, _)| Problem {
        path: (*path).to_owned(),
        line: 0,
        rule: "allow",
        what: "is excused in xtask/src/tidy/allow.rs, but does not exist".to_owned(),
    })
    .collect()
}
