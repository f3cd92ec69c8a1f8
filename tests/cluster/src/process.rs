//! Child processes that do not outlive us: not after a panic, not after `kill -9`, not after Ctrl-C.
//!
//! Three nets. `Drop` kills what its owner forgot. `atexit` kills what sits in a `static`, where Rust never drops.
//! And on Linux the kernel kills the child when its parent is gone, which covers the parent's own `SIGKILL`.

use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Sender};
use std::sync::{Mutex, Once, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use crate::{Error, Result};

/// How often a waiting loop looks again.
const LOOK_EVERY: Duration = Duration::from_millis(10);

static ALIVE: Mutex<Vec<i32>> = Mutex::new(Vec::new());

/// A child in a process group of its own, killed when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    reaped: bool,
}

impl Process {
    pub(crate) fn spawn(mut command: Command) -> Result<Process> {
        command.process_group(0);
        die_with_parent(&mut command);
        let name = command.get_program().to_string_lossy().into_owned();
        let child = nurse(command).map_err(|e| Error::new(format!("cannot start {name}: {e}")))?;
        static AT_EXIT: Once = Once::new();
        // SAFETY: `kill_all` is a plain `extern "C"` function without arguments, as `atexit` asks.
        AT_EXIT.call_once(|| unsafe {
            libc::atexit(kill_all);
        });
        alive(|pids| pids.push(child.id() as i32));
        Ok(Process { child, reaped: false })
    }

    /// Sends `signal` to the child and what it started. After the child was reaped this does nothing: its
    /// number may belong to somebody else.
    pub(crate) fn signal(&self, signal: i32) {
        if !self.reaped {
            signal_group(self.child.id() as i32, signal);
        }
    }

    /// The exit status, if it has ended.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        let status = self.child.try_wait().ok().flatten();
        if status.is_some() && !self.reaped {
            self.reaped = true;
            let pid = self.child.id() as i32;
            alive(|pids| pids.retain(|p| *p != pid));
        }
        status
    }

    /// Waits until it ends, at most `timeout`.
    pub(crate) fn wait(&mut self, timeout: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + timeout;
        loop {
            let status = self.ended();
            if status.is_some() || Instant::now() >= deadline {
                return status;
            }
            thread::sleep(LOOK_EVERY);
        }
    }

    /// SIGKILL, and waits until the kernel has taken it away.
    pub(crate) fn kill(&mut self) {
        self.signal(libc::SIGKILL);
        self.wait(Duration::from_secs(30));
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn alive(change: impl FnOnce(&mut Vec<i32>)) {
    change(&mut ALIVE.lock().unwrap_or_else(|poisoned| poisoned.into_inner()));
}

extern "C" fn kill_all() {
    // A lock held by a thread that exit() stopped would hang us here, so only try.
    if let Ok(pids) = ALIVE.try_lock() {
        pids.iter().for_each(|pid| signal_group(*pid, libc::SIGKILL));
    }
}

fn signal_group(leader: i32, signal: i32) {
    // SAFETY: kill(2) takes two numbers and touches no memory of ours.
    unsafe {
        libc::kill(-leader, signal);
    }
}

#[cfg(target_os = "linux")]
fn die_with_parent(command: &mut Command) {
    let parent = std::process::id() as i32;
    // SAFETY: between fork and exec only prctl, getppid and _exit are called, all async-signal-safe.
    unsafe {
        command.pre_exec(move || {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            // The parent may have died before the line above.
            if libc::getppid() != parent {
                libc::_exit(127);
            }
            Ok(())
        });
    }
}

#[cfg(not(target_os = "linux"))]
fn die_with_parent(_command: &mut Command) {}

/// Starts `command` from one thread that lives as long as this process.
///
/// The "parent" whose death Linux reports is the *thread* that forked. Each test has a thread of its own, and a
/// broker that several tests share must not die with the first of them.
fn nurse(command: Command) -> io::Result<Child> {
    type Order = (Command, Sender<io::Result<Child>>);
    static NURSE: OnceLock<Mutex<Sender<Order>>> = OnceLock::new();
    let nurse = NURSE.get_or_init(|| {
        let (orders, inbox) = mpsc::channel::<Order>();
        thread::spawn(move || {
            for (mut command, reply) in inbox {
                let _ = reply.send(command.spawn());
            }
        });
        Mutex::new(orders)
    });
    let (reply, answer) = mpsc::channel();
    let gone = |_| io::Error::other("the thread that starts children is gone");
    let orders = nurse.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    orders.send((command, reply)).map_err(|e| gone(e.to_string()))?;
    drop(orders);
    answer.recv().map_err(|e| gone(e.to_string()))?
}

/// What a program left behind when it ended.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// All it wrote to standard output.
    pub stdout: Vec<u8>,
    /// All it wrote to standard error.
    pub stderr: Vec<u8>,
}

impl Finished {
    /// Whether it ended with 0.
    pub fn ok(&self) -> bool {
        self.status.success()
    }

    /// Standard output as text.
    pub fn stdout_text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard error as text.
    pub fn stderr_text(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// An error with its output, unless it ended with 0.
    pub fn checked(self, what: &str) -> Result<Finished> {
        if self.ok() {
            return Ok(self);
        }
        let (out, err) = (self.stdout_text(), self.stderr_text());
        Err(Error::new(format!("{what} failed ({}):\n{out}{err}", self.status)))
    }
}

/// Runs `command` to its end with `input` on standard input; killed and an error after `timeout`.
pub fn run(command: &mut Command, input: &[u8], timeout: Duration) -> Result<Finished> {
    let mut owned = Command::new(command.get_program());
    owned.args(command.get_args());
    owned.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    if let Some(dir) = command.get_current_dir() {
        owned.current_dir(dir);
    }
    let what = format!("{command:?}");
    owned.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = Process::spawn(owned)?;
    let child = &mut process.child;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    thread::scope(|scope| {
        scope.spawn(move || {
            // A program that ends before it has read everything is not an error of ours.
            let _ = stdin.map(|mut pipe| pipe.write_all(input));
        });
        let stdout = scope.spawn(|| read_all(stdout));
        let stderr = scope.spawn(|| read_all(stderr));
        let status = process.wait(timeout);
        if status.is_none() {
            process.kill();
        }
        let stdout = stdout.join().unwrap_or_default();
        let stderr = stderr.join().unwrap_or_default();
        match status {
            Some(status) => Ok(Finished { status, stdout, stderr }),
            None => Err(Error::new(format!(
                "no end after {timeout:?}: {what}\n{}{}",
                String::from_utf8_lossy(&stdout),
                String::from_utf8_lossy(&stderr)
            ))),
        }
    })
}

fn read_all(pipe: Option<impl Read>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        let _ = pipe.read_to_end(&mut bytes);
    }
    bytes
}
