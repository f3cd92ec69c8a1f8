//! What the documentation claims is shown by tests: every test that it names is there.

use std::collections::BTreeSet;

use super::Problem;

/// The documents in which `` `file::name` `` names a test.
const DOCUMENTS: [&str; 1] = ["docs/PRODUCER.md"];

/// Whether [`check`] looks at this file.
pub fn is_document(path: &str) -> bool {
    DOCUMENTS.contains(&path)
}

/// The tests of a file, as `file::name`.
pub fn tests(path: &str, text: &str) -> Vec<String> {
    let file = path.rsplit('/').next().and_then(|name| name.strip_suffix(".rs")).unwrap_or_default();
    let after_attribute = text.split("#[test]\n").skip(1);
    let name = |rest: &str| {
        // Other attributes may stand between.
        let (_, signature) = rest.lines().take(4).find_map(|line| line.split_once("fn "))?;
        Some(format!("{file}::{}", signature.split_once('(')?.0))
    };
    after_attribute.filter_map(name).collect()
}

/// The tests that a document names and that are not there.
pub fn check(path: &str, text: &str, tests: &BTreeSet<String>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, line) in text.lines().enumerate() {
        // What stands between backticks is every second piece.
        let quoted = line.split('`').skip(1).step_by(2).filter(|name| name.contains("::"));
        problems.extend(quoted.filter(|name| !tests.contains(*name)).map(|name| Problem {
            path: path.to_owned(),
            line: index + 1,
            rule: "claim",
            what: format!("no test {name}"),
        }));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_is_not_there_is_named() {
        let source =
            "#[test]\nfn is_there() {}\n\n#[test]\n#[ignore = \"slow\"]\nfn slow() {}\nfn helper() {}\n";
        let there: BTreeSet<String> = super::tests("a/tests/some.rs", source).into_iter().collect();
        assert_eq!(there.iter().collect::<Vec<_>>(), ["some::is_there", "some::slow"]);
        let text = "| `acks` | `some::is_there`, `some::slow` |\n| x | `some::helper`, `other::slow` |";
        let problems = check("docs/PRODUCER.md", text, &there);
        let found: Vec<_> = problems.iter().map(|p| (p.line, p.what.as_str())).collect();
        assert_eq!(found, [(2, "no test some::helper"), (2, "no test other::slow")]);
    }
}
