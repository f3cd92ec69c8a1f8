//! Running other programs: the command is shown, and its failure is an error that names it.

use std::error::Error;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What went wrong, as text for the person at the terminal.
pub type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

/// The top of this checkout.
pub fn root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask).to_owned()
}

/// A command, run at the top of the checkout unless told otherwise.
pub struct Shell(Command);

impl Shell {
    /// `program` with `args`, a blank between two of them: `Shell::new("cargo fmt --check")`.
    pub fn new(line: &str) -> Shell {
        let mut words = line.split_whitespace();
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words).current_dir(root());
        Shell(command)
    }

    /// Further arguments, which may hold blanks.
    #[must_use]
    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Shell {
        self.0.args(args);
        self
    }

    /// One more variable of the environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Shell {
        self.0.env(name, value);
        self
    }

    /// Another folder than the top, relative to it.
    #[must_use]
    pub fn dir(mut self, dir: &str) -> Shell {
        self.0.current_dir(root().join(dir));
        self
    }

    /// Runs it with our own output; an error when it does not end with 0.
    pub fn run(mut self) -> Result {
        let line = self.line();
        println!("  $ {line}");
        let status = self.0.status().map_err(|e| format!("{line}: {e}"))?;
        if status.success() { Ok(()) } else { Err(format!("{line}: {status}").into()) }
    }

    /// Runs it and gives back its standard output; an error with all its output when it does not end with 0.
    pub fn read(self) -> Result<String> {
        self.output().map(|(out, _)| out)
    }

    /// The same with what it wrote to standard error behind it.
    pub fn read_all(self) -> Result<String> {
        self.output().map(|(out, err)| out + &err)
    }

    fn output(mut self) -> Result<(String, String)> {
        let line = self.line();
        let done = self.0.stdin(Stdio::null()).output().map_err(|e| format!("{line}: {e}"))?;
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        let (out, err) = (text(&done.stdout), text(&done.stderr));
        if done.status.success() {
            Ok((out, err))
        } else {
            Err(format!("{line}: {}\n{out}{err}", done.status).into())
        }
    }

    fn line(&self) -> String {
        let mut words = vec![self.0.get_program().to_string_lossy().into_owned()];
        words.extend(self.0.get_args().map(|arg| arg.to_string_lossy().into_owned()));
        if let Some(dir) = self.0.get_current_dir().and_then(|dir| dir.strip_prefix(root()).ok())
            && dir != Path::new("")
        {
            words.insert(0, format!("cd {} &&", dir.display()));
        }
        for (name, value) in self.0.get_envs() {
            words.insert(0, format!("{}={}", name.display(), value.unwrap_or_default().display()));
        }
        words.join(" ")
    }
}

/// `cargo` as the person at the terminal would run it. Not `$CARGO`: that is one toolchain's own program, which
/// does not know `+nightly`.
pub fn cargo(line: &str) -> Shell {
    Shell::new(&format!("cargo {line}"))
}
