//! What is judged by reading: style, format, lints, documentation.

use crate::features;
use crate::shell::{Result, cargo, root};
use crate::test::Options;
use crate::tidy;

/// Workspaces of their own, which the commands at the top do not reach.
const OTHER_WORKSPACES: [&str; 3] = ["examples/firmware", "tests/fuzz", "tests/proof"];

/// Those of them that are built for a device, with stable Rust.
const DEVICE_WORKSPACES: [&str; 2] = ["examples/firmware", "tests/proof"];

pub fn tidy(_: &Options) -> Result {
    tidy::tidy(&[])
}

pub fn format(_: &Options) -> Result {
    cargo("fmt --all --check").run()?;
    for dir in OTHER_WORKSPACES.into_iter().filter(|dir| root().join(dir).join("Cargo.toml").exists()) {
        cargo("fmt --all --check").dir(dir).run()?;
    }
    Ok(())
}

pub fn lint(_: &Options) -> Result {
    cargo("clippy --quiet --workspace --all-targets -- -D warnings").run()?;
    cargo("clippy --quiet -p kafka-broker --features judges --test judges -- -D warnings").run()?;
    for name in features::CORE {
        cargo("clippy --quiet --lib --no-default-features -p").args([name, "--"]).args(no_panic()).run()?;
        for set in features::sets(name)? {
            cargo("clippy --quiet -p").args([name]).args(set.args()).args(["--", "-D", "warnings"]).run()?;
        }
        cargo("clippy --quiet --all-features -p").args([name, "--", "-D", "warnings"]).run()?;
    }
    for dir in DEVICE_WORKSPACES {
        cargo("clippy --quiet --release --target thumbv7m-none-eabi -- -D warnings").dir(dir).run()?;
    }
    Ok(())
}

/// Lints for code that must not panic, whatever it is given.
fn no_panic() -> impl Iterator<Item = String> {
    ["indexing_slicing", "string_slice", "get_unwrap", "unwrap_used", "expect_used", "panic", "unreachable"]
        .into_iter()
        .map(|lint| format!("-Dclippy::{lint}"))
}

pub fn doc(_: &Options) -> Result {
    cargo("doc --quiet --workspace --no-deps").env("RUSTDOCFLAGS", "-D warnings").run()
}
