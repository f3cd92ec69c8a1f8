//! kcat, librdkafka's command line: a judge that shares no code with Apache's clients nor with ours.

use std::process::Command;
use std::time::Duration;

use crate::{Finished, Result, run};

const TIMEOUT: Duration = Duration::from_secs(60);

/// Runs `kcat -b bootstrap args` and gives back its output whatever its exit code.
pub fn kcat(bootstrap: &str, args: &[&str], input: &[u8]) -> Result<Finished> {
    let mut command = Command::new("kcat");
    command.args(["-q", "-b", bootstrap]).args(args);
    run(&mut command, input, TIMEOUT)
}

/// Produces `input` as kcat reads it: a record per line, options in `args`.
pub fn produce(bootstrap: &str, topic: &str, args: &[&str], input: &[u8]) -> Result<()> {
    let mut all = vec!["-P", "-t", topic];
    all.extend_from_slice(args);
    kcat(bootstrap, &all, input)?.checked("kcat -P").map(drop)
}

/// The standard output of a read from the beginning to the end of `topic`.
pub fn consume(bootstrap: &str, topic: &str, args: &[&str]) -> Result<Vec<u8>> {
    let mut all = vec!["-C", "-t", topic, "-o", "beginning", "-e"];
    all.extend_from_slice(args);
    Ok(kcat(bootstrap, &all, &[])?.checked("kcat -C")?.stdout)
}
