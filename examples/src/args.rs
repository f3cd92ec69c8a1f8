//! Command lines: a table of options, from which they are parsed and explained.

use std::ffi::OsString;
use std::fmt;
use std::io::{ErrorKind, Write};
use std::process::ExitCode;
use std::str::FromStr;

use crate::advice::advice;
use crate::nearest::nearest;

/// An option.
#[derive(Clone, Copy, Debug)]
pub struct Opt {
    /// `-t`.
    pub short: Option<char>,
    /// `--topic`, without the dashes; it also names the option in [`Parsed`].
    pub long: &'static str,
    /// What its value is called in the help; `None` for a flag.
    pub value: Option<&'static str>,
    /// What it does, in a line.
    pub help: &'static str,
}

impl Opt {
    /// An option with a value.
    pub const fn value(short: char, long: &'static str, value: &'static str, help: &'static str) -> Opt {
        Opt { short: Some(short), long, value: Some(value), help }
    }

    /// An option without a value.
    pub const fn flag(short: char, long: &'static str, help: &'static str) -> Opt {
        Opt { short: Some(short), long, value: None, help }
    }
}

/// The option every program has.
const HELP: Opt = Opt::flag('h', "help", "print this");

/// A program's command line.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// How the program is called, e.g. "kafka-cli produce".
    pub name: &'static str,
    /// What it does.
    pub about: &'static str,
    /// Its arguments that are no options, as in the help, e.g. `[FILE]`.
    pub operands: &'static str,
    /// How many of them there may be.
    pub operands_max: usize,
    /// Its options.
    pub options: &'static [Opt],
    /// What the help ends with.
    pub notes: &'static str,
}

/// Why a program did not do what it was asked to.
#[derive(Debug)]
pub enum Failure {
    /// The command line cannot be understood. Exit code 2.
    Usage {
        /// The program.
        program: &'static str,
        /// What is wrong with it.
        what: String,
    },
    /// It was understood, and went wrong. Exit code 1.
    Failed(String),
    /// As `Failed`, and what there is to say was said.
    Told,
}

impl<E: std::error::Error + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Failure::Failed(match advice(&error) {
            Some(advice) => format!("{error}\n{advice}"),
            None => error.to_string(),
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Usage { program, what } => write!(f, "{what}\nSee {program} --help."),
            Failure::Failed(what) => f.write_str(what),
            Failure::Told => Ok(()),
        }
    }
}

/// Prints on standard output. A reader who has seen enough and went away is no failure, and no panic as with `print!`.
///
/// # Errors
/// [`Failure::Failed`] when it cannot be written, as on a full disk.
pub fn print_out(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(cannot_print(&error)),
        _ => Ok(()),
    }
}

/// What to say when standard output cannot be written.
pub fn cannot_print(error: &std::io::Error) -> Failure {
    Failure::Failed(format!("standard output: {error}"))
}

/// Ends a program: says on standard error what went wrong, and turns it into the exit code.
pub fn exit(program: &str, result: Result<(), Failure>) -> ExitCode {
    let Err(failure) = result else { return ExitCode::SUCCESS };
    if !matches!(failure, Failure::Told) {
        crate::progress::complain(&format!("{program}: {failure}"));
    }
    match failure {
        Failure::Usage { .. } => ExitCode::from(2),
        Failure::Failed(_) | Failure::Told => ExitCode::FAILURE,
    }
}

/// A command line that was understood.
#[derive(Debug, Default)]
pub struct Parsed {
    program: &'static str,
    values: Vec<(&'static str, String)>,
    /// The arguments that are no options.
    pub operands: Vec<OsString>,
}

impl Spec {
    /// Parses the arguments; `None` when they ask for help, which was printed then.
    ///
    /// # Errors
    /// [`Failure::Usage`].
    pub fn parse(&self, args: impl IntoIterator<Item = OsString>) -> Result<Option<Parsed>, Failure> {
        let mut parsed = Parsed { program: self.name, ..Parsed::default() };
        let mut args = args.into_iter();
        let mut options_end = false;
        while let Some(arg) = args.next() {
            match arg.to_str() {
                Some("--") if !options_end => options_end = true,
                Some(text) if !options_end && text.starts_with("--") => {
                    self.long(&text[2..], &mut args, &mut parsed)?;
                }
                Some(text) if !options_end && text.len() > 1 && text.starts_with('-') => {
                    self.short(&text[1..], &mut args, &mut parsed)?;
                }
                _ if parsed.operands.len() < self.operands_max => parsed.operands.push(arg),
                _ => return Err(parsed.usage(format!("one argument too many: {}", arg.display()))),
            }
        }
        if parsed.has(HELP.long) {
            print_out(&self.help())?;
            return Ok(None);
        }
        Ok(Some(parsed))
    }

    fn options(&self) -> impl Iterator<Item = &Opt> {
        self.options.iter().chain([&HELP])
    }

    /// `--name`, `--name=value` or `--name value`.
    fn long(
        &self,
        text: &str,
        args: &mut impl Iterator<Item = OsString>,
        parsed: &mut Parsed,
    ) -> Result<(), Failure> {
        let (name, given) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (text, None),
        };
        let Some(option) = self.options().find(|o| o.long == name) else {
            let hint = nearest(name, self.options().map(|o| o.long))
                .map_or(String::new(), |near| format!("; did you mean --{near}?"));
            return Err(parsed.usage(format!("unknown option --{name}{hint}")));
        };
        let value = match (option.value, given) {
            (None, None) => String::new(),
            (None, Some(_)) => return Err(parsed.usage(format!("--{name} takes no value"))),
            (Some(_), Some(value)) => value,
            (Some(what), None) => parsed.next(&format!("--{name}"), what, args)?,
        };
        parsed.values.push((option.long, value));
        Ok(())
    }

    /// `-x`, `-xvalue`, `-x value`, and flags in one: `-xyz`.
    fn short(
        &self,
        text: &str,
        args: &mut impl Iterator<Item = OsString>,
        parsed: &mut Parsed,
    ) -> Result<(), Failure> {
        for (at, letter) in text.char_indices() {
            let Some(option) = self.options().find(|o| o.short == Some(letter)) else {
                let other = self.options().find(|o| o.short.is_some_and(|s| s.eq_ignore_ascii_case(&letter)));
                let hint = other.or_else(|| {
                    let near = nearest(text, self.options().map(|o| o.long))?;
                    self.options().find(|o| o.long == near)
                });
                let hint = match hint {
                    Some(Opt { short: Some(s), long, .. }) => format!("; did you mean -{s} (--{long})?"),
                    Some(Opt { long, .. }) => format!("; did you mean --{long}?"),
                    None => String::new(),
                };
                return Err(parsed.usage(format!("unknown option -{letter}{hint}")));
            };
            let Some(what) = option.value else {
                parsed.values.push((option.long, String::new()));
                continue;
            };
            let value = match &text[at + letter.len_utf8()..] {
                "" => parsed.next(&format!("-{letter}"), what, args)?,
                rest => rest.to_owned(),
            };
            parsed.values.push((option.long, value));
            break;
        }
        Ok(())
    }

    /// What `--help` prints.
    pub fn help(&self) -> String {
        let operands = if self.operands.is_empty() { String::new() } else { format!(" {}", self.operands) };
        let mut text =
            format!("{}\n\nUsage: {} [OPTIONS]{operands}\n\nOptions:\n", self.about.trim_end(), self.name);
        for option in self.options() {
            let short = option.short.map_or("    ".to_owned(), |letter| format!("-{letter}, "));
            let value = option.value.map_or(String::new(), |value| format!(" {value}"));
            let left = format!("{short}--{}{value}", option.long);
            text.push_str(&format!("  {left:<28} {}\n", option.help));
        }
        if !self.notes.is_empty() {
            text.push_str(&format!("\n{}\n", self.notes.trim_end()));
        }
        text
    }
}

impl Parsed {
    /// The program's complaint about its command line.
    pub fn usage(&self, what: String) -> Failure {
        Failure::Usage { program: self.program, what }
    }

    fn next(
        &self,
        option: &str,
        what: &str,
        args: &mut impl Iterator<Item = OsString>,
    ) -> Result<String, Failure> {
        let value = args.next().ok_or_else(|| self.usage(format!("{option} needs its {what}")))?;
        value.into_string().map_err(|_| self.usage(format!("{option}: its {what} is not UTF-8")))
    }

    /// Whether the option was given.
    pub fn has(&self, long: &str) -> bool {
        self.all(long).next().is_some()
    }

    /// The value it was given last.
    pub fn get(&self, long: &str) -> Option<&str> {
        self.all(long).last()
    }

    /// All values it was given, in order.
    pub fn all(&self, long: &str) -> impl Iterator<Item = &str> {
        self.values.iter().filter(move |(name, _)| *name == long).map(|(_, value)| value.as_str())
    }

    /// The value of an option that must be there.
    ///
    /// # Errors
    /// [`Failure::Usage`].
    pub fn required(&self, long: &str) -> Result<&str, Failure> {
        self.get(long).ok_or_else(|| self.usage(format!("--{long} is missing")))
    }

    /// The value as a number.
    ///
    /// # Errors
    /// [`Failure::Usage`].
    pub fn number<T: FromStr>(&self, long: &str) -> Result<Option<T>, Failure> {
        let Some(text) = self.get(long) else { return Ok(None) };
        match text.parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(self.usage(format!("--{long}: \"{text}\" is not a number that fits"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: Spec = Spec {
        name: "prog",
        about: "Does things.",
        operands: "[FILE]",
        operands_max: 1,
        options: &[
            Opt::value('b', "bootstrap", "HOST:PORT", "where"),
            Opt::value('o', "offset", "N", "from"),
            Opt::flag('e', "exit", "end"),
            Opt::flag('Z', "null", "empty is null"),
        ],
        notes: "",
    };

    fn parse(args: &[&str]) -> Result<Parsed, String> {
        let args = args.iter().map(|arg| OsString::from(*arg));
        SPEC.parse(args).map(|p| p.expect("no help")).map_err(|failure| failure.to_string())
    }

    #[test]
    fn options_come_in_all_the_usual_forms() {
        for args in [
            &["-b", "h:1", "-e", "x"][..],
            &["-bh:1", "-e", "x"],
            &["-eb", "h:1", "x"],
            &["x", "--bootstrap", "h:1", "--exit"],
            &["--bootstrap=h:1", "--exit", "--", "x"],
        ] {
            let parsed = parse(args).expect("a good command line");
            assert_eq!(parsed.get("bootstrap"), Some("h:1"), "{args:?}");
            assert!(parsed.has("exit") && !parsed.has("null"));
            assert_eq!(parsed.operands, ["x"]);
        }
        assert_eq!(parse(&["-o", "-5"]).expect("a value may begin with a dash").get("offset"), Some("-5"));
        assert_eq!(parse(&["-"]).expect("standard input").operands, ["-"]);
    }

    #[test]
    fn what_cannot_be_understood_is_named_with_what_was_meant() {
        let complaint = |args: &[&str]| parse(args).expect_err("a bad command line");
        assert!(complaint(&["--bootstrp", "x"]).contains("--bootstrp; did you mean --bootstrap?"));
        assert!(complaint(&["-z"]).contains("unknown option -z; did you mean -Z (--null)?"));
        assert!(complaint(&["-b"]).contains("-b needs its HOST:PORT"));
        assert!(complaint(&["--exit=1"]).contains("takes no value"));
        assert!(complaint(&["a", "b"]).contains("one argument too many: b"));
        assert!(complaint(&["--verbose"]).ends_with("unknown option --verbose\nSee prog --help."));
    }

    #[test]
    fn the_help_has_every_option() {
        let help = SPEC.help();
        for option in SPEC.options() {
            assert!(help.contains(&format!("--{}", option.long)));
        }
    }
}
