//! Files that have to be there.

use super::Problem;

const EXPECTED: [&str; 8] = [
    "README.md",
    "ARCHITECTURE.md",
    "STYLE.md",
    "CHANGELOG.md",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "Cargo.lock",
    ".ci/run",
];

pub fn check(files: &[String]) -> Vec<Problem> {
    let missing = EXPECTED.into_iter().filter(|name| !files.iter().any(|file| file == name));
    missing
        .map(|name| Problem {
            path: name.to_owned(),
            line: 0,
            rule: "missing",
            what: "is not there".to_owned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named() {
        let all = EXPECTED.map(String::from);
        assert!(check(&all).is_empty());
        assert_eq!(check(&all[1..])[0].path, "README.md");
    }
}
