//! `cargo xtask proof`: the codec as a static library, linked for two microcontrollers and searched. What cannot be
//! reached is not linked, so a name of the allocator or of a panic in the result is a way to it from an entry.

mod image;
mod weigh;

use std::path::PathBuf;

use crate::shell::{Result, Shell, cargo, root};
use crate::tools::{self, Tool};
use image::{Forbidden, Image};

const USAGE: &str = "cargo xtask proof [--size]";
const DIR: &str = "tests/proof";
/// One with the whole instruction set, one with the smallest.
const TARGETS: [&str; 2] = ["thumbv7em-none-eabihf", "thumbv6m-none-eabi"];
/// The features of the library that are proven, one set after another.
const FEATURES: [&str; 3] = ["", "flexible", "flexible lz4"];
/// How the names of what is exported begin.
const CODEC: &str = "proof_";
const MACHINES: &str = "machine_";
/// Exported by the library where a panic is wanted.
const SPOILED: &str = "spoiled";

/// Proves, or with `--size` weighs what each group of messages takes of the flash.
pub fn proof(args: &[String]) -> Result {
    tools::need(&[Tool::Targets, Tool::Binutils])?;
    match args {
        [] => prove(),
        [arg] if arg == "--size" => weigh::weigh(),
        _ => Err(USAGE.into()),
    }
}

fn prove() -> Result {
    let mut bad = 0;
    for target in TARGETS {
        for features in FEATURES {
            for overflow_checks in [false, true] {
                let library = Library { target, features, overflow_checks };
                // Of the state machines' arithmetic nothing comes from the wire unchecked, so its checks are not
                // counted; whatever an overflow leads to is met by a bound.
                let entries: &[&str] = if overflow_checks { &[CODEC] } else { &[CODEC, MACHINES] };
                let image = library.link(entries)?;
                let found = image.forbidden();
                bad += found.len();
                library.report(&image, &found)?;
            }
        }
    }
    search_finds_what_is_there()?;
    if bad == 0 { Ok(()) } else { Err(format!("{bad} functions that must not be there").into()) }
}

/// A search that finds nothing proves something only if it can find.
fn search_finds_what_is_there() -> Result {
    let library = Library { target: TARGETS[0], features: SPOILED, overflow_checks: false };
    let found = library.link(&[CODEC])?.forbidden();
    if found.iter().any(|forbidden| forbidden.kind == "panic") {
        println!("  with a panic put in on purpose: found, as it must be");
        return Ok(());
    }
    Err("the search does not find a panic that was put in on purpose".into())
}

/// One way of building the library.
#[derive(Clone, Copy)]
struct Library {
    target: &'static str,
    features: &'static str,
    overflow_checks: bool,
}

impl Library {
    /// Builds it and links what can be reached from the exported functions whose names begin with one of `entries`.
    fn link(self, entries: &[&str]) -> Result<Image> {
        let archive = self.build()?;
        let exported = image::exported(&archive)?;
        let roots: Vec<String> = exported
            .into_iter()
            .filter(|name| entries.iter().any(|entry| name.starts_with(entry)))
            .flat_map(|name| ["-u".to_owned(), name])
            .collect();
        if roots.is_empty() {
            return Err(
                format!("the library exports nothing that begins with {}", entries.join(" or ")).into()
            );
        }
        let out = archive.with_extension("elf");
        // Symbols without an address, such as an allocator nobody provides, are errors here already.
        Shell::new(&linker()?)
            .args(["-flavor", "gnu", "--gc-sections", "--no-undefined", "-e", "0", "-o"])
            .args([out.as_os_str(), archive.as_os_str()])
            .args(roots)
            .read()?;
        Image::read(&out)
    }

    fn build(self) -> Result<PathBuf> {
        let checks = if self.overflow_checks { "true" } else { "false" };
        let target_dir = root().join("target/proof");
        cargo("build --quiet --release --target")
            .args([self.target, "--features", self.features, "--target-dir"])
            .args([&target_dir])
            .env("CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS", checks)
            .dir(DIR)
            .read()?;
        Ok(target_dir.join(self.target).join("release/libkafka_proof.a"))
    }

    fn report(self, image: &Image, found: &[Forbidden]) -> Result {
        let features = if self.features.is_empty() { "no features" } else { self.features };
        let checks =
            if self.overflow_checks { ", codec with overflow checks" } else { ", codec and producer" };
        let verdict = if found.is_empty() { "no allocator, no panic" } else { "FOUND" };
        let (functions, flash) = (image.functions(), image.flash);
        println!("  {:22} {features}{checks}: {functions} functions, {flash} bytes: {verdict}", self.target);
        for forbidden in found {
            println!("    {}: {}", forbidden.kind, forbidden.name);
            for caller in image.callers(&forbidden.name)? {
                println!("      in {caller}");
            }
        }
        Ok(())
    }
}

/// The linker that came with Rust.
fn linker() -> Result<String> {
    let sysroot = Shell::new("rustc --print sysroot").read()?;
    let version = Shell::new("rustc -vV").read()?;
    let host =
        version.lines().find_map(|line| line.strip_prefix("host: ")).ok_or("rustc does not name its host")?;
    Ok(format!("{}/lib/rustlib/{host}/bin/rust-lld", sysroot.trim()))
}
