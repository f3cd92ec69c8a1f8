//! What the chores need besides stable Rust, and how it gets here.
//!
//! Programs come from the system's package manager, when we are root; otherwise the exact command is printed and the
//! run stops. Rust's own parts come with rustup, which needs no such rights.

use std::collections::BTreeSet;
use std::path::Path;

use crate::shell::{Result, Shell, cargo};

/// The targets without an operating system for which the core crates are built.
pub const TARGETS: [&str; 4] =
    ["thumbv6m-none-eabi", "thumbv7m-none-eabi", "thumbv7em-none-eabihf", "riscv32imac-unknown-none-elf"];

/// Where Go's own archive puts it, which nobody need have put on the path.
pub const GO_INSTALLED: &str = "/usr/local/go/bin/go";

/// Something a chore needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tool {
    /// rustfmt and clippy.
    Components,
    /// [`TARGETS`].
    Targets,
    /// A nightly toolchain with rust-src and Miri.
    Nightly,
    /// `cargo fuzz`.
    CargoFuzz,
    /// Java 17 or newer, compiler included.
    Java,
    /// Maven.
    Maven,
    /// kcat.
    Kcat,
    /// Go that can fetch the toolchain a module names (1.21 or newer).
    Go,
    /// QEMU for ARM boards.
    Qemu,
    /// `arm-none-eabi-objdump` and its like.
    Binutils,
}

impl Tool {
    /// The program to look for, and Debian's package that brings it.
    const fn package(self) -> Option<(&'static str, &'static str)> {
        match self {
            Tool::Java => Some(("javac", "default-jdk-headless")),
            Tool::Maven => Some(("mvn", "maven")),
            Tool::Kcat => Some(("kcat", "kcat")),
            Tool::Go => Some(("go", "golang-go")),
            Tool::Qemu => Some(("qemu-system-arm", "qemu-system-arm")),
            Tool::Binutils => Some(("arm-none-eabi-objdump", "binutils-arm-none-eabi")),
            Tool::Components | Tool::Targets | Tool::Nightly | Tool::CargoFuzz => None,
        }
    }
}

/// Makes sure that all of `tools` are there.
pub fn need(tools: &[Tool]) -> Result {
    let tools: BTreeSet<Tool> = tools.iter().copied().collect();
    install_packages(&missing_packages(&tools, on_path))?;
    for tool in &tools {
        match tool {
            Tool::Components => components()?,
            Tool::Targets => targets()?,
            Tool::Nightly => nightly()?,
            Tool::CargoFuzz => cargo_fuzz()?,
            Tool::Java => java_version()?,
            Tool::Go => go_version()?,
            _ => {}
        }
    }
    Ok(())
}

fn missing_packages(tools: &BTreeSet<Tool>, is_there: impl Fn(&str) -> bool) -> Vec<&'static str> {
    let packages = tools.iter().filter_map(|tool| tool.package());
    packages.filter(|(program, _)| !is_there(program)).map(|(_, package)| package).collect()
}

fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
        || (program == "go" && Path::new(GO_INSTALLED).exists())
}

fn install_packages(packages: &[&str]) -> Result {
    if packages.is_empty() {
        return Ok(());
    }
    let names = packages.join(" ");
    let command = format!("apt-get install -y --no-install-recommends {names}");
    if !Path::new("/usr/bin/apt-get").exists() {
        return Err(format!(
            "missing; these are Debian's names of the packages, please install them: {names}"
        )
        .into());
    }
    if Shell::new("id -u").read()?.trim() != "0" {
        return Err(format!("missing, please run:\n  sudo apt-get update && sudo {command}").into());
    }
    Shell::new("apt-get update -qq").run()?;
    Shell::new(&command).env("DEBIAN_FRONTEND", "noninteractive").run()
}

fn components() -> Result {
    let there = Shell::new("rustup component list --installed").read()?;
    for name in ["rustfmt", "clippy"] {
        if !there.lines().any(|line| line.starts_with(name)) {
            Shell::new("rustup component add").args([name]).run()?;
        }
    }
    Ok(())
}

fn targets() -> Result {
    let there = Shell::new("rustup target list --installed").read()?;
    let missing: Vec<&str> =
        TARGETS.into_iter().filter(|name| !there.lines().any(|line| line == *name)).collect();
    if missing.is_empty() { Ok(()) } else { Shell::new("rustup target add").args(missing).run() }
}

fn nightly() -> Result {
    let there = Shell::new("rustup toolchain list").read()?;
    if !there.lines().any(|line| line.starts_with("nightly")) {
        Shell::new("rustup toolchain install nightly --profile minimal").run()?;
    }
    let there = Shell::new("rustup component list --installed --toolchain nightly").read()?;
    for name in ["rust-src", "miri"] {
        if !there.lines().any(|line| line.starts_with(name)) {
            Shell::new("rustup component add --toolchain nightly").args([name]).run()?;
        }
    }
    Ok(())
}

fn cargo_fuzz() -> Result {
    if on_path("cargo-fuzz") { Ok(()) } else { cargo("install cargo-fuzz --locked --quiet").run() }
}

/// `javac 17.0.15` and newer.
fn java_version() -> Result {
    let text = Shell::new("javac -version").read()?;
    match major(&text) {
        Some(major) if major >= 17 => Ok(()),
        _ => Err(format!("Kafka needs Java 17 or newer, and this is {}", text.trim()).into()),
    }
}

/// `go version go1.26.8 linux/amd64` and newer than 1.20: that fetches the toolchain which a module asks for.
fn go_version() -> Result {
    let go = if Path::new(GO_INSTALLED).exists() { GO_INSTALLED } else { "go" };
    let text = Shell::new(&format!("{go} version")).read()?;
    match go_minor(&text) {
        Some(minor) if minor >= 21 => Ok(()),
        _ => Err(format!("franz-go needs Go 1.21 or newer, and this is {}", text.trim()).into()),
    }
}

fn go_minor(text: &str) -> Option<u32> {
    text.split("go1.").nth(1)?.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn major(text: &str) -> Option<u32> {
    text.split_whitespace().nth(1)?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_not_there_is_installed() {
        let tools = BTreeSet::from([Tool::Kcat, Tool::Java, Tool::Targets]);
        assert_eq!(missing_packages(&tools, |program| program == "javac"), ["kcat"]);
        assert_eq!(missing_packages(&tools, |_| true), [""; 0]);
    }

    #[test]
    fn reads_gos_version() {
        assert_eq!(go_minor("go version go1.26.8 linux/amd64"), Some(26));
        assert_eq!(go_minor("go version go1.19 linux/amd64"), Some(19));
        assert_eq!(go_minor("nothing"), None);
    }

    #[test]
    fn reads_javas_version() {
        assert_eq!(major("javac 17.0.15\n"), Some(17));
        assert_eq!(major("javac 1.8.0_392"), Some(1));
        assert_eq!(major(""), None);
    }
}
