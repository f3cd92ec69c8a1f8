//! The board: its interrupt table, its provisioning page, how it ends, and how much of its stack it used.

use core::net::Ipv4Addr;
use cortex_m_semihosting::debug;

/// Core clock of mps2-an385 in Hz.
pub const CLOCK_HZ: u32 = 25_000_000;

/// Where `memory.x` puts the provisioning page.
const PAGE: *const [u8; 8] = 0x0007_F000 as *const [u8; 8];

/// What the host wrote into the provisioning page, as a factory would: the address of the server (4 bytes), its
/// port (2 bytes, little endian) and a count (2 bytes, little endian). Zero means "not provisioned".
#[derive(Clone, Copy)]
pub struct Provisioned {
    /// The server: 10.0.2.2, QEMU's name for the host's loopback, unless provisioned.
    pub server: Ipv4Addr,
    /// Its TCP port.
    pub port: u16,
    /// How many messages or records to send.
    pub count: u16,
}

/// Reads the provisioning page; `port` and `count` stand in for what is not provisioned.
pub fn provisioned(port: u16, count: u16) -> Provisioned {
    // SAFETY: the page is plain memory that nothing in the program writes; volatile because the host does.
    let [a, b, c, d, p0, p1, n0, n1] = unsafe { PAGE.read_volatile() };
    let or = |value: u16, default| if value == 0 { default } else { value };
    Provisioned {
        server: if [a, b, c, d] == [0; 4] { Ipv4Addr::new(10, 0, 2, 2) } else { Ipv4Addr::new(a, b, c, d) },
        port: or(u16::from_le_bytes([p0, p1]), port),
        count: or(u16::from_le_bytes([n0, n1]), count),
    }
}

/// Ends the program: QEMU exits with 0.
pub fn exit_ok() -> ! {
    report_stack();
    leave(debug::EXIT_SUCCESS)
}

/// Ends the program: QEMU exits with 1.
pub fn exit_failed() -> ! {
    leave(debug::EXIT_FAILURE)
}

fn leave(status: debug::ExitStatus) -> ! {
    loop {
        debug::exit(status);
    }
}

/// The value, or the end of the program. `what` is logged; a quiet build carries no text.
#[track_caller]
pub fn must<T, E>(result: Result<T, E>, what: &'static str) -> T {
    match result {
        Ok(value) => value,
        Err(_) => {
            crate::error!("{=str}", what);
            exit_failed()
        }
    }
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    #[cfg(feature = "defmt")]
    defmt::error!("{}", defmt::Display2Format(info));
    let _ = info;
    exit_failed()
}

unsafe extern "C" {
    /// Lowest word of the stack, from the linker.
    static _stack_end: u32;
    /// The word above its highest.
    #[cfg(feature = "stack")]
    static _stack_start: u32;
}

/// Bytes between the stack pointer and the statics, now.
pub fn stack_free() -> u32 {
    cortex_m::register::msp::read().saturating_sub((&raw const _stack_end) as u32)
}

/// Most stack used since reset, in bytes.
#[cfg(feature = "stack")]
pub fn stack_peak() -> usize {
    let (mut word, top) = (&raw const _stack_end, &raw const _stack_start);
    // SAFETY: all words between the two linker symbols are RAM that was painted at reset.
    while word < top && unsafe { word.read_volatile() } == cortex_m_rt::STACK_PAINT_VALUE {
        word = word.wrapping_add(1);
    }
    top as usize - word as usize
}

#[cfg(feature = "defmt")]
fn report_stack() {
    defmt::info!("peak stack: {=usize} B", stack_peak());
}

/// Without defmt the line is text, made without `core::fmt`.
#[cfg(all(feature = "stack", not(feature = "defmt")))]
fn report_stack() {
    let mut rest = stack_peak();
    let mut line = *b"peak stack: 000000 B\n";
    for digit in line[12..18].iter_mut().rev() {
        *digit += (rest % 10) as u8;
        rest /= 10;
    }
    if let Ok(mut out) = cortex_m_semihosting::hio::hstdout() {
        let _ = out.write_all(&line);
    }
}

#[cfg(not(feature = "stack"))]
fn report_stack() {}

/// One entry of the vector table.
#[repr(C)]
pub union Vector {
    handler: unsafe extern "C" fn(),
    _reserved: usize,
}

unsafe extern "C" {
    fn DefaultHandler();
}

/// The device's part of the vector table: Ethernet is interrupt 13, nothing else is enabled.
#[unsafe(link_section = ".vector_table.interrupts")]
#[unsafe(no_mangle)]
pub static __INTERRUPTS: [Vector; 32] = {
    let mut table = [const { Vector { handler: DefaultHandler } }; 32];
    table[crate::lan9118::IRQ] = Vector { handler: crate::lan9118::interrupt };
    table
};
