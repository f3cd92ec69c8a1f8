//! One JVM that is a broker or a ZooKeeper: its command line, its log, its life.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::process::Process;
use crate::{Error, Result};

/// How long a node may take until it logs that it has started, on a busy machine.
pub(crate) const START_TIMEOUT: Duration = Duration::from_secs(90);
/// How long a node may take to end after SIGTERM before it is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(40);
/// How much of a log an error shows, in bytes.
const TAIL: usize = 4000;

/// A running node.
#[derive(Debug)]
pub(crate) struct Node {
    process: Process,
    log: PathBuf,
    /// Where this run's part of the log begins: the file goes on over restarts.
    log_start: usize,
}

/// The command that runs `class` with the jars in `libs`.
pub(crate) fn java(libs: &Path, heap_mib: u32, level: &str, jvm: &[String], class: &str) -> Command {
    let mut java = Command::new("java");
    java.arg(format!("-Xmx{heap_mib}m"));
    // One compiler tier and a simple collector: a test's JVM is young and small, and two cores serve everything.
    java.args(["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto", "-Djava.awt.headless=true"]);
    java.arg(format!("-Dorg.slf4j.simpleLogger.defaultLogLevel={level}"));
    java.arg("-Dorg.slf4j.simpleLogger.showDateTime=true");
    java.arg("-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS");
    java.args(jvm);
    java.arg("-cp").arg(libs.join("*")).arg(class);
    java
}

impl Node {
    pub(crate) fn spawn(mut command: Command, log: PathBuf) -> Result<Node> {
        let log_start = fs::metadata(&log).map_or(0, |data| data.len() as usize);
        let file: File = OpenOptions::new().create(true).append(true).open(&log)?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        Ok(Node { process: Process::spawn(command)?, log, log_start })
    }

    /// Waits until this run's log holds one of `signs`.
    pub(crate) fn wait_for_log(&mut self, signs: &[&str]) -> Result<()> {
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            let ended = self.process.ended();
            let log = self.log_text();
            if signs.iter().any(|sign| log.contains(sign)) {
                return Ok(());
            }
            if let Some(status) = ended {
                return Err(self.failed(&format!("ended while starting ({status})")));
            }
            if Instant::now() >= deadline {
                return Err(self.failed("does not start"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// What this run has logged so far.
    pub(crate) fn log_text(&self) -> String {
        let bytes = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(bytes.get(self.log_start..).unwrap_or_default()).into_owned()
    }

    /// An error that shows the end of the log.
    pub(crate) fn failed(&self, what: &str) -> Error {
        let log = self.log_text();
        let from =
            (log.len().saturating_sub(TAIL)..=log.len()).find(|at| log.is_char_boundary(*at)).unwrap_or(0);
        Error::new(format!("{what}; its log ({}) ends:\n{}", self.log.display(), &log[from..]))
    }

    pub(crate) fn ended(&mut self) -> bool {
        self.process.ended().is_some()
    }

    pub(crate) fn signal(&self, signal: i32) {
        self.process.signal(signal);
    }

    /// SIGTERM, and SIGKILL when that does not help.
    pub(crate) fn stop(mut self) {
        self.process.signal(libc::SIGCONT);
        self.process.signal(libc::SIGTERM);
        self.process.wait(STOP_TIMEOUT);
    }

    /// SIGKILL.
    pub(crate) fn kill(mut self) {
        self.process.kill();
    }
}
