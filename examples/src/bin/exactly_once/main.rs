//! Exactly once, with workers that are killed: `cargo run --release --bin exactly_once`.
//!
//! A worker reads a topic, makes something else of each record, writes it to another topic, and commits what it wrote and
//! how far it has read in one transaction. This program fills the first topic, starts workers as processes of their own,
//! kills each but the last in the middle of a transaction, and looks at what is in the second topic in the end. With no
//! cluster at hand it starts one in this process.
//!
//! `worker.rs` is what to copy: consume, transform, produce. `check.rs` reads the result.

mod check;
mod worker;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use kafka_broker::{Config, Server};
use kafka_examples::args::{Failure, Opt, Parsed, Spec, exit, print_out};
use kafka_examples::progress::Progress;
use kafka_std::{Admin, Error, ErrorCode, Isolation, Producer, Record};

const SPEC: Spec = Spec {
    name: "exactly_once",
    about: "Copies a topic in transactions, with workers that are killed, and shows that nothing is lost or doubled.",
    operands: "",
    operands_max: 0,
    options: &[
        Opt::value('b', "bootstrap", "HOST:PORT", "a cluster; without it, one is started in this process"),
        Opt::value('n', "records", "N", "how many records to copy, 1 to 1000000 (default 3000)"),
        Opt::value('k', "kills", "N", "how many workers to kill in the middle, 0 to 100 (default 2)"),
        Opt::value('w', "work", "RUN", "be a worker of this run, as the program starts them itself"),
        Opt::value('s', "stop-in", "N", "as a worker: stop in the Nth transaction, and wait to be killed"),
    ],
    notes: "",
};

/// Partitions of each topic.
const PARTITIONS: i32 = 3;
/// How long to wait for a cluster that does not answer.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// The transaction in which a worker is killed.
const KILLED_IN: u32 = 3;

/// What the workers of a run have in common.
#[derive(Clone, Debug)]
pub struct Run {
    /// `host:port` of brokers.
    pub bootstrap: String,
    /// Tells this run from others on the same cluster.
    pub id: String,
}

impl Run {
    /// The topic that is read.
    pub fn input(&self) -> String {
        format!("exactly-once-in-{}", self.id)
    }

    /// The topic that is written.
    pub fn output(&self) -> String {
        format!("exactly-once-out-{}", self.id)
    }

    /// The group whose offsets say how far the input was read, and the producer's `transactional.id`.
    pub fn name(&self) -> String {
        format!("exactly-once-{}", self.id)
    }
}

fn main() -> ExitCode {
    let result = SPEC.parse(std::env::args_os().skip(1)).and_then(|args| args.map_or(Ok(()), |a| run(&a)));
    exit(SPEC.name, result)
}

fn run(args: &Parsed) -> Result<(), Failure> {
    let records: u64 = args.number("records")?.unwrap_or(3000);
    let kills: u32 = args.number("kills")?.unwrap_or(2);
    if !(1..=1_000_000).contains(&records) || kills > 100 {
        return Err(args.usage("--records is 1 to 1000000, --kills 0 to 100".into()));
    }
    if let Some(id) = args.get("work") {
        let run = Run { bootstrap: args.required("bootstrap")?.to_owned(), id: id.to_owned() };
        return worker::work(&run, args.number("stop-in")?);
    }
    let (bootstrap, _server) = match args.get("bootstrap") {
        Some(bootstrap) => (bootstrap.to_owned(), None),
        None => {
            let server = Server::start(Config::default())?;
            (server.bootstrap(), Some(server))
        }
    };
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let run = Run { bootstrap, id: format!("{:x}-{:x}", std::process::id(), since_1970.as_millis()) };
    let mut admin = Progress::new(true)
        .wait(&run.bootstrap, || Admin::connect_within(&run.bootstrap, PATIENCE))
        .map_err(|error| match error {
            Error::Config(error) => args.usage(error.to_string()),
            other => other.into(),
        })?;
    let result = all(&mut admin, &run, records, kills);
    for topic in [run.input(), run.output()] {
        // Best effort: what went wrong before is what to tell.
        let _ = admin.delete_topic(&topic);
    }
    result
}

fn all(admin: &mut Admin, run: &Run, records: u64, kills: u32) -> Result<(), Failure> {
    create_topic(admin, &run.input())?;
    create_topic(admin, &run.output())?;
    fill(run, records)?;
    print_out(&format!("{records} records in topic {} at {}\n", run.input(), run.bootstrap))?;
    for number in 1..=kills {
        let mut worker = start(run, Some(KILLED_IN))?;
        let stopped = lines(&mut worker).any(|line| line == worker::STOPPED);
        // SIGKILL: nothing of it can clean up.
        worker.kill()?;
        worker.wait()?;
        let uncommitted = check::read(run, Isolation::ReadUncommitted)?.total();
        let what = if stopped { "killed in a transaction" } else { "had nothing left to do" };
        print_out(&format!("worker {number}: {what}; {uncommitted} records in the output's log\n"))?;
    }
    let mut worker = start(run, None)?;
    let last = lines(&mut worker).last();
    if !worker.wait()?.success() {
        return Err(Failure::Failed(format!("the last worker failed: {}", last.unwrap_or_default())));
    }
    print_out(&format!("worker {}: read to the end\n\n", kills + 1))?;
    let (all, committed) =
        (check::read(run, Isolation::ReadUncommitted)?, check::read(run, Isolation::ReadCommitted)?);
    let (missing, twice) = committed.compare(records);
    let aborted = all.total().saturating_sub(committed.total());
    print_out(&format!(
        "records read by read_uncommitted consumers  {:>8}\n\
         of these, written by workers that were killed {:>6}\n\
         records read by read_committed consumers    {:>8}\n\n\
         {missing} missing, {twice} twice.\n",
        all.total(),
        aborted,
        committed.total(),
    ))?;
    match (missing, twice) {
        (0, 0) => Ok(()),
        _ => Err(Failure::Failed("the output is not the input exactly once".into())),
    }
}

/// Numbers as records, in batches small enough for several transactions.
fn fill(run: &Run, records: u64) -> Result<(), Failure> {
    let producer = Producer::builder().bootstrap_servers(&run.bootstrap).batch_size(1024).build()?;
    let topic = producer.topic(&run.input())?;
    let mut deliveries = Vec::new();
    for number in 0..records {
        let text = number.to_string();
        deliveries.push(producer.send(Record::to(&topic).key(&text).value(&text))?);
    }
    deliveries.into_iter().try_for_each(|delivery| delivery.wait().map(drop))?;
    Ok(())
}

fn start(run: &Run, stop_in: Option<u32>) -> Result<Child, Failure> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--bootstrap", &run.bootstrap, "--work", &run.id]);
    if let Some(number) = stop_in {
        command.args(["--stop-in", &number.to_string()]);
    }
    Ok(command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?)
}

fn lines(worker: &mut Child) -> impl Iterator<Item = String> + use<> {
    worker.stdout.take().into_iter().flat_map(|out| BufReader::new(out).lines().map_while(Result::ok))
}

fn create_topic(admin: &mut Admin, topic: &str) -> Result<(), Error> {
    match admin.create_topic(topic, PARTITIONS, -1) {
        // Brokers before 2.4 have no default for the replication factor.
        Err(Error::Broker { code: ErrorCode::INVALID_REPLICATION_FACTOR, .. }) => {
            admin.create_topic(topic, PARTITIONS, 1)
        }
        result => result,
    }
}
