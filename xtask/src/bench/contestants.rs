//! Who takes part, and how each is built: with its language's ordinary tools, from `tests/bench/peers`.

use std::path::Path;

use kafka_cluster::Version;

use super::workloads::{Measure, Table, Workload};
use crate::shell::{Result, Shell, cargo, root};
use crate::tools::GO_INSTALLED;

/// A program with kafka-bench's command line.
pub struct Contestant {
    pub name: &'static str,
    pub command: Vec<String>,
    /// What its environment has besides.
    pub env: &'static [(&'static str, &'static str)],
}

impl Contestant {
    pub fn can(&self, work: &Workload) -> bool {
        // The floor is no client: it neither compresses, nor waits, nor rests.
        let simple = work.compression == "none" && work.mode != "e2e" && work.measure != Measure::Idle;
        match work.table {
            Table::Clients => self.env.is_empty() && (self.name != FLOOR || simple),
            Table::Ways => self.name == THIS || self.name == FLOOR || !self.env.is_empty(),
            Table::Partitions => self.name == THIS,
        }
    }
}

/// This client otherwise used: see `kafka-bench`.
const WAYS: [(&str, &[(&str, &str)]); 4] = [
    ("send_all", &[("SEND", "all")]),
    ("send_with", &[("SEND", "token")]),
    ("2-threads", &[("THREADS", "2")]),
    ("4-threads", &[("THREADS", "4")]),
];

/// The name of this client in the table.
pub const THIS: &str = "this";
/// The name of what is no client.
pub const FLOOR: &str = "floor";
const PEERS: &str = "tests/bench/peers";
/// Where the Rust ones are built.
const TARGET: &str = "target/peers";

fn path(of: &str) -> String {
    root().join(of).display().to_string()
}

/// The server of the benchmark, which [`build`] builds as well.
pub fn sink() -> String {
    path(&format!("{TARGET}/release/sink"))
}

fn rust(name: &str, features: &str) -> Result<Vec<String>> {
    let manifest = format!("--manifest-path {PEERS}/Cargo.toml --target-dir {TARGET}");
    cargo(&format!("build --quiet --release {manifest} --bin {name} {features}")).read_all()?;
    Ok(vec![path(&format!("{TARGET}/release/{name}"))])
}

fn go() -> Result<Vec<String>> {
    let go = if Path::new(GO_INSTALLED).exists() { GO_INSTALLED } else { "go" };
    let program = path("target/bench/franz-go");
    let build = Shell::new(go).args(["build", "-mod=readonly", "-trimpath", "-o", &program, "."]);
    build.dir("tests/bench/peers/go").read_all()?;
    Ok(vec![program])
}

/// Apache's client comes with Kafka, which the tests fetch anyway.
fn java() -> Result<Vec<String>> {
    let classes = path("target/bench/java");
    let libs = format!("{}/*", kafka_cluster::libs(Version::V4_3)?.display());
    let source = path("tests/bench/peers/java/Bench.java");
    Shell::new("javac").args(["-cp", &libs, "-d", &classes, &source]).read_all()?;
    let words = ["java", "-Xmx512m", "-cp", &format!("{classes}:{libs}"), "Bench"];
    Ok(words.map(String::from).to_vec())
}

/// Builds those that are wanted. Without the sink, the floor or this client there is nothing to compare; any other that
/// cannot be built is left out.
pub fn build(wanted: impl Fn(&str) -> bool) -> Result<Vec<Contestant>> {
    rust("sink", "")?;
    let mut all = vec![
        Contestant { name: THIS, command: vec![path("target/release/kafka-bench")], env: &[] },
        Contestant { name: FLOOR, command: rust("floor", "")?, env: &[] },
    ];
    for (name, env) in WAYS {
        all.push(Contestant { name, command: vec![path("target/release/kafka-bench")], env });
    }
    type Build = fn() -> Result<Vec<String>>;
    let others: [(&'static str, Build); 5] = [
        ("rskafka", || rust("rskafka", "--features rskafka")),
        ("franz-go", go),
        ("rdkafka", || rust("rdkafka", "--features rdkafka")),
        ("krafka", || rust("krafka", "--features krafka")),
        ("java", java),
    ];
    for (name, build) in others.into_iter().filter(|(name, _)| wanted(name)) {
        match build() {
            Ok(command) => all.push(Contestant { name, command, env: &[] }),
            Err(error) => println!("without {name}: {}", reason(&error.to_string())),
        }
    }
    all.retain(|contestant| wanted(contestant.name));
    Ok(all)
}

/// The line of a failed build that says why.
fn reason(output: &str) -> &str {
    let mut lines = output.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or("no reason given");
    lines.find(|line| line.starts_with("error")).unwrap_or(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_with_the_error_is_the_reason() {
        assert_eq!(reason("cargo build: exit status: 101\n  error: no cmake\nmore"), "error: no cmake");
        assert_eq!(reason("go: No such file or directory"), "go: No such file or directory");
    }
}
