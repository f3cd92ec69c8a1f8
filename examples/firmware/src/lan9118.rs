//! SMSC LAN9118, the Ethernet controller of QEMU's MPS2 boards, behind `embassy_net_driver::Driver`.
//!
//! Frames cross two word-wide FIFOs. One buffer each way is enough: embassy-net holds at most one received frame
//! and, while it does, builds at most one answer.

use core::task::Context;

use embassy_net_driver::{Capabilities, Driver, HardwareAddress, LinkState, RxToken, TxToken};
use embassy_sync::waitqueue::AtomicWaker;

/// Its interrupt number on mps2-an385.
pub const IRQ: usize = 13;
/// Ethernet header and 1,500 bytes; the checksum is the controller's.
const FRAME_BYTES_MAX: usize = 1514;
const FRAME_WORDS: usize = FRAME_BYTES_MAX.div_ceil(4);
/// What a frame occupies in the transmit FIFO besides its bytes: two command words and padding.
const TX_OVERHEAD_BYTES: usize = 16;

/// Wakes embassy-net; registered by the driver, woken by [`interrupt`].
static WAKER: AtomicWaker = AtomicWaker::new();

/// The controller's registers, by offset (LAN9118 data sheet, section 5.3).
#[derive(Clone, Copy)]
#[repr(usize)]
enum Reg {
    RxData = 0x00,
    TxData = 0x20,
    RxStatus = 0x40,
    TxStatus = 0x48,
    IrqConfig = 0x54,
    IntStatus = 0x58,
    IntEnable = 0x5c,
    FifoInt = 0x68,
    RxConfig = 0x6c,
    TxConfig = 0x70,
    HwConfig = 0x74,
    RxFifoInfo = 0x7c,
    TxFifoInfo = 0x80,
    MacCommand = 0xa4,
    MacData = 0xa8,
}

impl Reg {
    fn address(self) -> *mut u32 {
        (0x4020_0000 + self as usize) as *mut u32
    }

    fn read(self) -> u32 {
        // SAFETY: a register of the device, aligned, always mapped on this board.
        unsafe { self.address().read_volatile() }
    }

    fn write(self, value: u32) {
        // SAFETY: as `read`; no register makes the device access memory of ours.
        unsafe { self.address().write_volatile(value) }
    }
}

/// Registers behind the MAC's command register (section 5.4).
mod mac {
    pub const CONTROL: u32 = 1;
    pub const CONTROL_TX_RX_ON: u32 = 1 << 3 | 1 << 2;
    pub const ADDRESS_HIGH: u32 = 2;
    pub const ADDRESS_LOW: u32 = 3;
    pub const BUSY: u32 = 1 << 31;
    pub const IS_READ: u32 = 1 << 30;
}

const HW_SOFT_RESET: u32 = 1;
const HW_TX_FIFO_5K_MUST_BE_ONE: u32 = 5 << 16 | 1 << 20;
const IRQ_ENABLE_ACTIVE_HIGH_PUSH_PULL: u32 = 1 << 8 | 1 << 4 | 1;
const TX_ON: u32 = 1 << 1;
const TX_FIRST_AND_LAST_SEGMENT: u32 = 1 << 13 | 1 << 12;
/// A received frame waits, or the status of a sent one.
const INT_RX_STATUS: u32 = 1 << 3;
const INT_TX_STATUS: u32 = 1 << 7;

fn mac_wait() {
    while Reg::MacCommand.read() & mac::BUSY != 0 {}
}

fn mac_write(register: u32, value: u32) {
    mac_wait();
    Reg::MacData.write(value);
    Reg::MacCommand.write(mac::BUSY | register);
    mac_wait();
}

fn mac_read(register: u32) -> u32 {
    mac_wait();
    Reg::MacCommand.write(mac::BUSY | mac::IS_READ | register);
    mac_wait();
    Reg::MacData.read()
}

/// The Ethernet interrupt: silent until the driver asks again.
pub extern "C" fn interrupt() {
    Reg::IntEnable.write(0);
    WAKER.wake();
}

/// A frame buffer each way. Lent to the driver, so that its 3 KiB are never moved over a stack.
pub struct Frames {
    rx: [u32; FRAME_WORDS],
    tx: [u32; FRAME_WORDS],
}

impl Frames {
    /// Empty frames.
    pub const fn new() -> Self {
        Self { rx: [0; FRAME_WORDS], tx: [0; FRAME_WORDS] }
    }
}

impl Default for Frames {
    fn default() -> Self {
        Self::new()
    }
}

/// The controller. There is one in the system, so [`Lan9118::new`] is called once.
pub struct Lan9118 {
    address: [u8; 6],
    frames: &'static mut Frames,
}

impl Lan9118 {
    /// Resets the controller and turns it on, with `address` as its own.
    pub fn new(address: [u8; 6], frames: &'static mut Frames) -> Self {
        Reg::HwConfig.write(HW_SOFT_RESET);
        while Reg::HwConfig.read() & HW_SOFT_RESET != 0 {}
        Reg::HwConfig.write(HW_TX_FIFO_5K_MUST_BE_ONE);
        // Interrupt at the first status word in either FIFO; received frames start on a word.
        Reg::FifoInt.write(0);
        Reg::RxConfig.write(0);
        Reg::IntEnable.write(0);
        Reg::IntStatus.write(!0);
        Reg::IrqConfig.write(IRQ_ENABLE_ACTIVE_HIGH_PUSH_PULL);
        let [a, b, c, d, e, f] = address;
        mac_write(mac::ADDRESS_LOW, u32::from_le_bytes([a, b, c, d]));
        mac_write(mac::ADDRESS_HIGH, u32::from_le_bytes([e, f, 0, 0]));
        Reg::TxConfig.write(TX_ON);
        mac_write(mac::CONTROL, mac_read(mac::CONTROL) | mac::CONTROL_TX_RX_ON);
        // SAFETY: sets one bit of NVIC_ISER0; the handler is in the vector table.
        unsafe { (0xE000_E100 as *mut u32).write_volatile(1 << IRQ) };
        Self { address, frames }
    }

    fn can_receive(&self) -> bool {
        Reg::RxFifoInfo.read() >> 16 & 0xff != 0
    }

    fn can_send(&self) -> bool {
        // The status of what was sent is not looked at, but it has to leave the FIFO.
        while Reg::TxFifoInfo.read() >> 16 & 0xff != 0 {
            Reg::TxStatus.read();
        }
        (Reg::TxFifoInfo.read() & 0xffff) as usize >= FRAME_BYTES_MAX + TX_OVERHEAD_BYTES
    }

    /// True when `ready` holds; otherwise the next interrupt wakes the caller.
    fn ready_or_wake(&self, cx: &mut Context<'_>, ready: impl Fn(&Self) -> bool) -> bool {
        if ready(self) {
            return true;
        }
        WAKER.register(cx.waker());
        Reg::IntStatus.write(!0);
        Reg::IntEnable.write(INT_RX_STATUS | INT_TX_STATUS);
        // Again: what came between the first look and the acknowledgement raises no interrupt.
        ready(self)
    }
}

/// The words as bytes, in the order of the wire.
fn bytes_of(words: &mut [u32; FRAME_WORDS], len: usize) -> &mut [u8] {
    let len = len.min(FRAME_BYTES_MAX);
    // SAFETY: `len` bytes are inside the array, every byte of a u32 is initialised, and u8 needs no alignment.
    unsafe { core::slice::from_raw_parts_mut(words.as_mut_ptr().cast(), len) }
}

/// A received frame, still in the FIFO.
pub struct Received<'a>(&'a mut [u32; FRAME_WORDS]);

/// Room for a frame in the transmit FIFO.
pub struct Room<'a>(&'a mut [u32; FRAME_WORDS]);

impl RxToken for Received<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, f: F) -> R {
        let with_checksum = (Reg::RxStatus.read() >> 16 & 0x3fff) as usize;
        for index in 0..with_checksum.div_ceil(4) {
            let word = Reg::RxData.read();
            if let Some(place) = self.0.get_mut(index) {
                *place = word;
            }
        }
        f(bytes_of(self.0, with_checksum.saturating_sub(4)))
    }
}

impl TxToken for Room<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let result = f(bytes_of(self.0, len));
        Reg::TxData.write(TX_FIRST_AND_LAST_SEGMENT | len as u32);
        Reg::TxData.write((len as u32) << 16 | len as u32);
        for word in self.0.iter().take(len.div_ceil(4)) {
            Reg::TxData.write(*word);
        }
        result
    }
}

impl Driver for Lan9118 {
    type RxToken<'a> = Received<'a>;
    type TxToken<'a> = Room<'a>;

    fn receive(&mut self, cx: &mut Context<'_>) -> Option<(Received<'_>, Room<'_>)> {
        let both = |this: &Self| this.can_receive() && this.can_send();
        self.ready_or_wake(cx, both).then_some((Received(&mut self.frames.rx), Room(&mut self.frames.tx)))
    }

    fn transmit(&mut self, cx: &mut Context<'_>) -> Option<Room<'_>> {
        self.ready_or_wake(cx, Self::can_send).then_some(Room(&mut self.frames.tx))
    }

    fn link_state(&mut self, _: &mut Context<'_>) -> LinkState {
        LinkState::Up
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.max_transmission_unit = FRAME_BYTES_MAX;
        capabilities.max_burst_size = Some(1);
        capabilities
    }

    fn hardware_address(&self) -> HardwareAddress {
        HardwareAddress::Ethernet(self.address)
    }
}
