//! Building one program of examples/firmware.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::Result;

const TARGET: &str = "thumbv7m-none-eabi";

/// What a program says about itself.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Log {
    /// defmt over semihosting, the peak of its stack included.
    Defmt,
    /// Nothing at all: what is compared by size.
    Quiet,
    /// Only the peak of its stack, as a line of text.
    QuietButStack,
}

/// A release build of one program.
pub struct Build<'a> {
    pub bin: &'a str,
    pub log: Log,
    /// Features besides those that `bin` and `log` need.
    pub features: &'a [&'a str],
}

impl Build<'_> {
    /// Builds; the path of the ELF file.
    pub fn run(&self) -> Result<PathBuf> {
        let mut features = self.features.to_vec();
        match self.bin {
            "pub_minimq" => features.push("minimq"),
            "pub_rust_mqtt" => features.push("rust-mqtt"),
            _ => {}
        }
        match self.log {
            Log::Defmt => features.push("defmt"),
            Log::Quiet => {}
            Log::QuietButStack => features.push("stack"),
        }
        let workspace = workspace();
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        // The folder matters: its .cargo/config.toml names the target and the level of the log.
        cargo.current_dir(&workspace).args(["build", "--quiet", "--release", "--bin", self.bin]);
        cargo.args(["--no-default-features", "--features", &features.join(",")]);
        // Three kinds of build take turns on the same names; each keeps what it compiled.
        let target_dir = workspace.join("target").join(match self.log {
            Log::Defmt => "defmt",
            Log::Quiet => "quiet",
            Log::QuietButStack => "stack",
        });
        cargo.arg("--target-dir").arg(&target_dir);
        if !cargo.status()?.success() {
            return Err(format!(
                "{} does not build; is the target there? rustup target add {TARGET}",
                self.bin
            )
            .into());
        }
        Ok(target_dir.join(TARGET).join("release").join(self.bin))
    }
}

/// examples/firmware of this checkout.
fn workspace() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask).join("examples/firmware")
}
