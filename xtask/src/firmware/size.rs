//! `cargo xtask size`: what each program costs, and by how much more than a bare TCP echo.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use super::build::{Build, Log};
use super::elf::Image;
use super::qemu::{self, Provision};
use super::{RUN_TIME_MAX, Result, servers};

const USAGE: &str = "usage: cargo xtask size [--symbols] [BIN]";

/// The rows of the table; the first is what the others are compared with.
const PROGRAMS: [(&str, &str); 4] = [
    ("echo", "embassy-net TCP echo"),
    ("pub_minimq", "minimq, publish QoS 1"),
    ("pub_rust_mqtt", "rust-mqtt, publish QoS 1"),
    ("telemetry", "Kafka producer, idempotent"),
];

/// What the Kafka program lends: batches and the receive buffer, of a size that is the user's to choose.
#[path = "../../../examples/firmware/src/sizes.rs"]
mod sizes;

/// How many symbols `--symbols` lists.
const SYMBOLS_SHOWN: usize = 40;

struct Row {
    image: Image,
    stack_peak: u64,
}

/// Prints the table; with `--symbols`, where the flash of BIN (or of the last program) goes.
pub fn size(args: &[String]) -> Result<()> {
    let mut symbols = false;
    let mut only = None;
    for arg in args {
        match arg.as_str() {
            "--symbols" => symbols = true,
            name if PROGRAMS.iter().any(|(bin, _)| *bin == name) => only = Some(name),
            _ => return Err(USAGE.into()),
        }
    }
    if symbols {
        let bin = only.unwrap_or(PROGRAMS[PROGRAMS.len() - 1].0);
        return print_symbols(&image(PROGRAMS[0].0)?, &image(bin)?);
    }
    println!("thumbv7m, opt-level z, fat LTO, quiet, TCP buffers 1024 + 1024; bytes");
    println!(
        "{:<26} {:>8} {:>8} {:>8} {:>8} {:>10} {:>8}",
        "", "flash", "+", "RAM", "+", "of it lent", "stack"
    );
    let mut base: Option<Row> = None;
    for (bin, label) in
        PROGRAMS.iter().filter(|(bin, _)| only.is_none_or(|only| *bin == only || *bin == "echo"))
    {
        let row = measure(bin)?;
        let lent = if *bin == "telemetry" { sizes::SLOTS * sizes::BATCH + sizes::RX } else { 0 };
        let over = |of: fn(&Row) -> u64| of(&row).saturating_sub(base.as_ref().map_or_else(|| of(&row), of));
        println!(
            "{label:<26} {:>8} {:>8} {:>8} {:>8} {lent:>10} {:>8}",
            row.image.flash,
            over(|row| row.image.flash),
            row.image.ram,
            over(|row| row.image.ram),
            row.stack_peak
        );
        base.get_or_insert(row);
    }
    Ok(())
}

fn image(bin: &str) -> Result<Image> {
    Image::read(&Build { bin, log: Log::Quiet, features: &[] }.run()?)
}

/// Sizes are those of the quiet build; the stack is that of a run of the same program that reports it.
fn measure(bin: &str) -> Result<Row> {
    let image = image(bin)?;
    let elf = Build { bin, log: Log::QuietButStack, features: &[] }.run()?;
    let server = servers::for_bin(bin, false)?;
    let ran = qemu::run(&elf, &Provision { port: server.port()?, count: 0 }, RUN_TIME_MAX, pause)?;
    ran.expect_success(bin)?;
    let said = String::from_utf8_lossy(&ran.output);
    let peak = said.trim().strip_prefix("peak stack: ").and_then(|rest| rest.strip_suffix(" B"));
    let stack_peak = peak.and_then(|number| number.parse().ok());
    Ok(Row {
        image,
        stack_peak: stack_peak.ok_or_else(|| format!("{bin} did not report its stack: {said}"))?,
    })
}

fn pause() {
    thread::sleep(Duration::from_millis(10));
}

fn print_symbols(base: &Image, image: &Image) -> Result<()> {
    let (before, after) = (base.flash_by_crate(), image.flash_by_crate());
    let mut crates: Vec<(&str, i64, u64)> = before
        .keys()
        .chain(after.keys())
        .collect::<BTreeSet<_>>()
        .into_iter()
        .map(|name| {
            let (was, is) = (before.get(name).copied().unwrap_or(0), after.get(name).copied().unwrap_or(0));
            (*name, is as i64 - was as i64, is)
        })
        .collect();
    crates.sort_by_key(|(_, more, _)| -more);
    println!("{:>8} {:>8}  flash by crate (more than the echo, in all)", "+", "bytes");
    for (name, more, bytes) in crates.iter().filter(|(_, more, bytes)| *more != 0 || *bytes >= 256) {
        println!("{more:>8} {bytes:>8}  {name}");
    }
    for (title, is_ram) in [("flash", false), ("RAM", true)] {
        println!("\n{:>8}  {title} by symbol", "bytes");
        for symbol in image.symbols.iter().filter(|symbol| symbol.is_ram == is_ram).take(SYMBOLS_SHOWN) {
            println!("{:>8}  {}", symbol.size, symbol.name);
        }
    }
    Ok(())
}
