//! `cargo xtask miri`: the codec's own tests under Miri, which sees undefined behaviour.

use crate::shell::{Result, cargo};
use crate::tools::{self, Tool};

/// What is run without arguments. The coders go through megabytes, which Miri would take hours for; they are safe
/// code as everything here, and have fuzz targets.
const DEFAULT: [&str; 7] = ["--quiet", "-p", "kafka-proto", "--lib", "--", "--skip", "compress::"];

/// Runs the library tests of kafka-proto, or what `args` say to `cargo miri test`.
pub fn miri(args: &[String]) -> Result {
    tools::need(&[Tool::Nightly])?;
    let test = cargo("+nightly miri test").env("MIRIFLAGS", "-Zmiri-disable-isolation");
    if args.is_empty() { test.args(DEFAULT).run() } else { test.args(args).run() }
}
