//! `cargo xtask bench`: this client beside others, in one run.
//!
//! Everybody gets the same work, one after the other, several rounds of it; a figure is the best of its rounds, as what
//! else the machine does only ever adds. What cannot be built here is left out, with a line that says why.

mod contestants;
mod report;
mod servers;
mod workloads;

use contestants::Contestant;
use report::{Report, Result as Figures};
use servers::Servers;
use workloads::{Server, WORKLOADS, Workload};

use crate::shell::{Result, Shell, cargo, root};

const USAGE: &str = "bench [--quick] [--only NAME,…] [--work NAME,…] [--rounds N]";
/// `--quick` divides the records by this, and makes one round.
const QUICK: usize = 4;

/// What the command line asks for.
struct Options {
    quick: bool,
    only: Vec<String>,
    work: Vec<String>,
    rounds: usize,
}

fn options(args: &[String]) -> Result<Options> {
    let mut options = Options { quick: false, only: Vec::new(), work: Vec::new(), rounds: 0 };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or(format!("{arg} needs a value: {USAGE}"));
        match arg.as_str() {
            "--quick" => options.quick = true,
            "--only" => options.only = value()?.split(',').map(String::from).collect(),
            "--work" => options.work = value()?.split(',').map(String::from).collect(),
            "--rounds" => options.rounds = value()?.parse()?,
            _ => return Err(format!("unknown argument {arg}: {USAGE}").into()),
        }
    }
    if options.rounds == 0 {
        options.rounds = if options.quick { 1 } else { 3 };
    }
    Ok(options)
}

/// Values like those of a telemetry: text whose numbers change.
fn values(size: usize) -> Vec<u8> {
    let one = |i: usize| {
        let mut text = format!(
            r#"{{"device":"d{:05}","seq":{i},"celsius":{:.2}"#,
            i * 7919 % 20_011,
            (i % 4001) as f64 / 100.0
        );
        while text.len() + 1 < size {
            text.push_str(&format!(
                r#","v{}":{}"#,
                text.len() % 89,
                (i + 1) * text.len() * 2_654_435 % 1_000_003
            ));
        }
        text.truncate(size - 1);
        text + "}"
    };
    (0..10_000_000 / size).flat_map(|i| one(i).into_bytes()).take(4_000_000 / size * size).collect()
}

/// Writes the values that all contestants send; the path by size.
fn data(size: usize) -> Result<String> {
    let folder = root().join("target/bench");
    std::fs::create_dir_all(&folder)?;
    let path = folder.join(format!("values-{size}"));
    std::fs::write(&path, values(size))?;
    Ok(path.display().to_string())
}

/// Runs one contestant's program on one workload; its line of JSON.
fn run(contestant: &Contestant, work: &Workload, n: usize, topic: &str, broker: &str) -> Result<String> {
    let size = work.size.to_string();
    // `timeout` ends what hangs. It also is a small process to be started from: the peak of resident memory survives
    // `exec`, and would be at least ours.
    let shell = Shell::new("timeout 300").args(contestant.command.iter()).args([
        work.mode,
        topic,
        &n.to_string(),
        &size,
        work.compression,
        "all",
    ]);
    let shell =
        shell.env("BROKER", broker).env("BATCH", work.batch.to_string()).env("DATA", data(work.size)?);
    let shell = contestant.env.iter().fold(shell, |shell, (name, value)| shell.env(name, value));
    let text = shell.read()?;
    text.lines().last().map(String::from).ok_or_else(|| "no result".into())
}

/// One contestant, one workload, once.
fn once(
    contestant: &Contestant,
    work: &Workload,
    n: usize,
    round: usize,
    servers: &mut Servers,
) -> Result<Figures> {
    let line = match work.server {
        Server::Sink => {
            let sink = servers.sink()?;
            let line = run(contestant, work, n, &format!("bench-{}", work.partitions), &sink.address)?;
            sink.check(n)?;
            line
        }
        Server::Kafka => {
            let topic = servers.topic(work, n, round)?;
            run(contestant, work, n, &topic, &servers.kafka()?.bootstrap())?
        }
    };
    let figures = Figures::parse(&line);
    match figures.errors {
        0 => Ok(figures),
        errors => Err(format!("{errors} records failed").into()),
    }
}

/// What this ran on, as far as it says so.
fn machine() -> String {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{cores} cores of {}", model.unwrap_or("an unknown processor"))
}

/// Builds, runs, and prints the tables.
pub fn bench(args: &[String]) -> Result {
    let options = options(args)?;
    cargo("build --quiet --release -p kafka-examples --bin kafka-bench").run()?;
    let wanted = |names: &[String], name: &str| names.is_empty() || names.iter().any(|n| n == name);
    let contestants = contestants::build(|name| wanted(&options.only, name))?;
    let work: Vec<&Workload> = WORKLOADS.iter().filter(|work| wanted(&options.work, work.name)).collect();
    let mut servers = Servers::default();
    let mut report = Report::new(contestants.iter().map(|c| c.name).collect());
    for round in 0..options.rounds {
        for work in &work {
            let n = if options.quick { work.n / QUICK } else { work.n };
            // Each round somebody else begins, as the first may find the server cold.
            let order = contestants.iter().cycle().skip(round).take(contestants.len());
            for contestant in order.filter(|c| c.can(work)) {
                match once(contestant, work, n, round, &mut servers) {
                    Ok(figures) => {
                        println!("{} {}: {}", work.name, contestant.name, figures.show(work));
                        report.add(work, contestant.name, figures);
                    }
                    Err(error) => println!("{} {} failed: {error}", work.name, contestant.name),
                }
            }
        }
    }
    let mut command = vec!["cargo xtask bench".to_owned()];
    command.extend_from_slice(args);
    println!("\n`{}`, the best of {}, on {}:\n", command.join(" "), options.rounds, machine());
    println!("{}", report.markdown(&work));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_their_size_and_differ() {
        for size in [100, 1024] {
            let all = values(size);
            assert_eq!(all.len() % size, 0);
            assert_ne!(all[..size], all[size..2 * size]);
        }
    }

    #[test]
    fn arguments_are_known_or_refused() {
        let parse = |line: &str| options(&line.split(' ').map(String::from).collect::<Vec<_>>());
        let options = parse("--quick --only this,floor").ok().filter(|o| o.quick && o.rounds == 1);
        assert_eq!(options.map(|o| o.only), Some(vec!["this".to_owned(), "floor".to_owned()]));
        assert!(parse("--quickly").is_err() && parse("--rounds").is_err());
    }
}
