//! `cargo xtask firmware` and `cargo xtask size`: examples/firmware built for Cortex-M3 and run in QEMU.
//!
//! What the programs talk to is started here, on loopback ports the system picks; the firmware learns address and
//! port from its provisioning page, which QEMU fills before the reset (examples/firmware/src/board.rs).

mod brokers;
mod build;
mod elf;
mod log;
mod qemu;
mod servers;
mod size;

use std::error::Error;
use std::thread;
use std::time::Duration;

pub use size::size;

use build::{Build, Log};
use qemu::Provision;

/// What went wrong, as text for the person at the terminal.
type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// A program is stopped when it takes longer than this.
const RUN_TIME_MAX: Duration = Duration::from_secs(120);

const USAGE: &str = "usage: cargo xtask firmware BIN [--count N] [--dhcp] [--kafka | --cut]
BIN is one of echo, pub_minimq, pub_rust_mqtt, telemetry; --kafka starts a real Kafka for it, --cut drops its
connection over and over while it runs";

/// `cargo xtask firmware BIN`: builds BIN, starts what it talks to, runs it in QEMU, shows its decoded log.
///
/// An error when it does not build, does not end in time, or ends with another exit code than 0.
pub fn firmware(args: &[String]) -> Result<()> {
    let mut bin = None;
    let mut count = 0;
    let mut features = Vec::new();
    let (mut kafka, mut cut) = (false, false);
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        match arg.as_str() {
            "--count" => count = rest.next().ok_or(USAGE)?.parse()?,
            "--dhcp" => features.push("dhcp"),
            "--kafka" => kafka = true,
            "--cut" => cut = true,
            name if !name.starts_with('-') && bin.is_none() => bin = Some(name),
            _ => return Err(USAGE.into()),
        }
    }
    let bin = bin.ok_or(USAGE)?;
    let elf = Build { bin, log: Log::Defmt, features: &features }.run()?;
    let server = servers::for_bin(bin, kafka)?;
    println!("{bin}: {} in QEMU, talking to {}", elf.display(), server.what());
    let provision = Provision { port: server.port()?, count };
    let disturb = || if cut { server.cut() } else { thread::sleep(Duration::from_millis(10)) };
    let ran = qemu::run(&elf, &provision, RUN_TIME_MAX, disturb)?;
    let log = log::decode(&elf, &ran.output)?;
    for line in &log {
        println!("  {line}");
    }
    ran.expect_success(bin)?;
    server.verdict(&log)
}
