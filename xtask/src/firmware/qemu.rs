//! Running an ELF file on QEMU's mps2-an385: Cortex-M3, LAN9118 Ethernet, semihosting.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::Result;

/// Where the firmware's linker script puts the provisioning page.
const PAGE_ADDRESS: u64 = 0x0007_F000;

/// What is written into the provisioning page. Zero leaves the firmware's own default.
pub struct Provision {
    /// TCP port of the server on this machine's loopback.
    pub port: u16,
    /// Messages or records to send.
    pub count: u16,
}

impl Provision {
    /// The page as QEMU's loader takes it: eight bytes as one little-endian number. The address stays the default.
    fn page(&self) -> u64 {
        u64::from(self.port) << 32 | u64::from(self.count) << 48
    }
}

/// How a run ended.
pub struct Ran {
    /// All that the program wrote.
    pub output: Vec<u8>,
    /// The exit code, or `None` when it was stopped because its time was over.
    pub code: Option<i32>,
}

impl Ran {
    /// An error unless the program ended by itself with exit code 0.
    pub fn expect_success(&self, bin: &str) -> Result<()> {
        match self.code {
            Some(0) => Ok(()),
            Some(code) => Err(format!("{bin} ended with exit code {code}").into()),
            None => Err(format!("{bin} did not end in time").into()),
        }
    }
}

/// Runs `elf` until it exits or `time_max` has passed. `meanwhile` is called over and over, and is to take a moment.
pub fn run(elf: &Path, provision: &Provision, time_max: Duration, meanwhile: impl FnMut()) -> Result<Ran> {
    let page = format!("loader,addr={PAGE_ADDRESS:#x},data={:#x},data-len=8", provision.page());
    let mut child = Command::new("qemu-system-arm")
        .args(["-M", "mps2-an385", "-nographic", "-monitor", "none", "-serial", "null"])
        .args(["-semihosting-config", "enable=on,target=native", "-nic", "user,model=lan9118"])
        .args(["-device", &page, "-kernel"])
        .arg(elf)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("qemu-system-arm: {error}; on Debian: apt-get install qemu-system-arm"))?;
    let mut stdout = child.stdout.take().ok_or("no output of QEMU")?;
    let reader = thread::spawn(move || {
        let mut output = Vec::new();
        stdout.read_to_end(&mut output).map(|_| output)
    });
    let code = wait(&mut child, time_max, meanwhile)?;
    let output = reader.join().map_err(|_| "the reader of QEMU's output panicked")??;
    Ok(Ran { output, code })
}

fn wait(child: &mut Child, time_max: Duration, mut meanwhile: impl FnMut()) -> Result<Option<i32>> {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status.code());
        }
        if begun.elapsed() > time_max {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        meanwhile();
    }
}
