//! `cargo xtask miri`: the codec's tests under Miri, which sees undefined behaviour. The codec has no unsafe code of its
//! own; what it stands on has: the processor's checksum, gzip, snappy, zstd.

use crate::shell::{Result, cargo};
use crate::tools::{self, Tool};

/// What is run without arguments: all tests of the crate. How often each does what it does is less in Miri, and that
/// stands in the tests.
const DEFAULT: [&str; 8] =
    ["--quiet", "-p", "kafka-proto", "--features", "arbitrary,gzip,snappy,zstd", "--lib", "--tests", "--"];

/// Runs the tests of kafka-proto, or what `args` say to `cargo miri test`.
pub fn miri(args: &[String]) -> Result {
    tools::need(&[Tool::Nightly])?;
    let test = cargo("+nightly miri test").env("MIRIFLAGS", "-Zmiri-disable-isolation");
    if args.is_empty() { test.args(DEFAULT).run() } else { test.args(args).run() }
}
