//! The direction of dependencies: nothing points back.

use super::Problem;
use crate::manifest::Manifest;
use crate::shell::{Result, root};

/// A crate of ours, its folder, and the crates of ours that it may stand on.
struct Rule {
    name: &'static str,
    dir: &'static str,
    on: &'static [&'static str],
    /// The same for its tests and examples, in addition.
    in_tests: &'static [&'static str],
}

const CLIENT: &[&str] = &["kafka-proto", "kafka-client-core"];
const ALL_CLIENTS: &[&str] = &["kafka-proto", "kafka-client-core", "kafka-std", "kafka-broker"];

const RULES: &[Rule] = &[
    Rule { name: "kafka-proto", dir: "kafka-proto", on: &[], in_tests: &[] },
    Rule {
        name: "kafka-client-core",
        dir: "kafka-client-core",
        on: &["kafka-proto"],
        in_tests: &["kafka-broker"],
    },
    Rule { name: "kafka-std", dir: "kafka-std", on: CLIENT, in_tests: &["kafka-broker"] },
    Rule { name: "kafka-embassy", dir: "kafka-embassy", on: CLIENT, in_tests: &["kafka-broker"] },
    Rule { name: "kafka-broker", dir: "tests/broker", on: &["kafka-proto"], in_tests: &["kafka-cluster"] },
    Rule { name: "kafka-examples", dir: "examples", on: ALL_CLIENTS, in_tests: &["kafka-cluster"] },
    // Real Kafka must not stand on what it judges: our client comes in with its tests.
    Rule {
        name: "kafka-cluster",
        dir: "tests/cluster",
        on: &[],
        in_tests: &["kafka-proto", "kafka-client-core", "kafka-std", "kafka-broker", "kafka-sim"],
    },
    Rule {
        name: "kafka-sim",
        dir: "tests/sim",
        on: &["kafka-proto", "kafka-client-core", "kafka-broker"],
        in_tests: &[],
    },
    Rule {
        name: "kafka-conformance",
        dir: "tests/conformance",
        on: &["kafka-proto", "kafka-cluster"],
        in_tests: &[],
    },
    Rule { name: "kafka-bench-codec", dir: "tests/bench", on: ALL_CLIENTS, in_tests: &["kafka-cluster"] },
    Rule {
        name: "xtask",
        dir: "xtask",
        on: &["kafka-proto", "kafka-client-core", "kafka-std", "kafka-broker", "kafka-cluster", "kafka-sim"],
        in_tests: &[],
    },
];

pub fn check() -> Result<Vec<Problem>> {
    let mut problems = Vec::new();
    for rule in RULES {
        let path = format!("{}/Cargo.toml", rule.dir);
        let manifest = Manifest::read(&root().join(&path))?;
        problems.extend(judge(rule, &path, &manifest));
    }
    Ok(problems)
}

fn judge(rule: &Rule, path: &str, manifest: &Manifest) -> Vec<Problem> {
    let ours = |name: &&String| RULES.iter().any(|rule| rule.name == name.as_str());
    let allowed = |name: &str, lists: &[&[&str]]| lists.iter().any(|list| list.contains(&name));
    let bad = manifest.dependencies.iter().filter(ours).filter(|name| !allowed(name, &[rule.on]));
    let bad_in_tests = manifest
        .dev_dependencies
        .iter()
        .filter(ours)
        .filter(|name| !allowed(name, &[rule.on, rule.in_tests]));
    bad.chain(bad_in_tests)
        .map(|name| {
            let what = format!("{} does not stand on {name}: dependencies point one way", rule.name);
            Problem { path: path.to_owned(), line: 0, rule: "direction", what }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(name: &str, text: &str) -> usize {
        let rule = RULES.iter().find(|rule| rule.name == name).unwrap();
        judge(rule, "Cargo.toml", &Manifest::parse(text)).len()
    }

    #[test]
    fn what_points_back_is_seen() {
        assert_eq!(count("kafka-proto", "[dependencies]\nkafka-client-core.workspace = true"), 1);
        assert_eq!(count("kafka-client-core", "[dependencies]\nkafka-std = { path = \"../kafka-std\" }"), 1);
        assert_eq!(count("kafka-client-core", "[dependencies.kafka-embassy]\npath = \"x\""), 1);
        assert_eq!(count("kafka-std", "[dependencies]\nkafka-broker.workspace = true"), 1);
        assert_eq!(count("kafka-cluster", "[dependencies]\nkafka-std.workspace = true"), 1);
        assert_eq!(
            count("kafka-proto", "[target.'cfg(unix)'.dev-dependencies]\nkafka-std.workspace = true"),
            1
        );
    }

    #[test]
    fn what_points_forward_is_not() {
        let text = "[dependencies]\nkafka-proto.workspace = true\nlog = \"1\"\n[dev-dependencies]\nkafka-broker.workspace = true";
        assert_eq!(count("kafka-std", text), 0);
    }
}
