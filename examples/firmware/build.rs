//! Tells the linker where the memory layout is and which scripts to run.
use std::{env, fs, path::Path};

fn main() {
    let out = env::var("OUT_DIR").expect("set by cargo");
    fs::write(Path::new(&out).join("memory.x"), include_str!("memory.x")).expect("OUT_DIR is writable");
    // cortex-m-rt asks the device crate for weak interrupt names; src/board.rs fills the table itself.
    fs::write(Path::new(&out).join("device.x"), "").expect("OUT_DIR is writable");
    println!("cargo:rustc-link-search={out}");
    println!("cargo:rustc-link-arg-bins=-Tlink.x");
    println!("cargo:rustc-link-arg-bins=--nmagic");
    if env::var_os("CARGO_FEATURE_DEFMT").is_some() {
        println!("cargo:rustc-link-arg-bins=-Tdefmt.x");
    }
    println!("cargo:rerun-if-changed=memory.x");
    println!("cargo:rerun-if-changed=build.rs");
}
