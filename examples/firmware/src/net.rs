//! The network as all programs here have it, so that what they cost can be compared.

use embassy_executor::Spawner;
use embassy_net::{Config, Runner, Stack, StackResources, tcp::TcpSocket};
use embassy_time::Duration;
use static_cell::{ConstStaticCell, StaticCell};

use crate::lan9118::{Frames, Lan9118};
use crate::{board, clock};

/// TCP buffers, each way. The same in every program of the size table.
pub const TCP_BUFFER_BYTES: usize = 1024;

/// Sockets: the program's one, and one for DHCP.
const SOCKETS: usize = 2;

#[embassy_executor::task]
async fn drive(mut runner: Runner<'static, Lan9118>) -> ! {
    runner.run().await
}

/// Starts the clock and the network stack. To be called once.
// Not inlined: what it needs of the stack is given back before the program begins.
#[inline(never)]
pub fn start(spawner: Spawner) -> Stack<'static> {
    static RESOURCES: StaticCell<StackResources<SOCKETS>> = StaticCell::new();
    static FRAMES: ConstStaticCell<Frames> = ConstStaticCell::new(Frames::new());
    let Some(core) = cortex_m::Peripherals::take() else { board::exit_failed() };
    clock::start(core.SYST, board::CLOCK_HZ);
    let device = Lan9118::new([0x52, 0x54, 0x00, 0x12, 0x34, 0x56], FRAMES.take());
    // QEMU's board has no source of randomness; a product would seed from its own.
    let seed = 0x0123_4567_89ab_cdef;
    let (stack, runner) = embassy_net::new(device, config(), RESOURCES.init(StackResources::new()), seed);
    spawner.spawn(board::must(drive(runner), "the network task was started twice"));
    stack
}

#[cfg(feature = "dhcp")]
fn config() -> Config {
    Config::dhcpv4(Default::default())
}

#[cfg(not(feature = "dhcp"))]
fn config() -> Config {
    use embassy_net::{Ipv4Address, Ipv4Cidr, StaticConfigV4};
    Config::ipv4_static(StaticConfigV4 {
        address: Ipv4Cidr::new(Ipv4Address::new(10, 0, 2, 15), 24),
        gateway: Some(Ipv4Address::new(10, 0, 2, 2)),
        dns_servers: Default::default(),
    })
}

/// The buffers of the program's one connection. To be taken once.
fn buffers() -> (&'static mut [u8], &'static mut [u8]) {
    static RX: ConstStaticCell<[u8; TCP_BUFFER_BYTES]> = ConstStaticCell::new([0; TCP_BUFFER_BYTES]);
    static TX: ConstStaticCell<[u8; TCP_BUFFER_BYTES]> = ConstStaticCell::new([0; TCP_BUFFER_BYTES]);
    (RX.take(), TX.take())
}

/// The program's one socket. To be called once, instead of [`tcp`].
pub fn socket(stack: Stack<'static>) -> TcpSocket<'static> {
    let (rx, tx) = buffers();
    let mut socket = TcpSocket::new(stack, rx, tx);
    socket.set_timeout(Some(Duration::from_secs(10)));
    socket
}

/// The program's one connector. To be called once, instead of [`socket`].
pub fn tcp(stack: Stack<'static>) -> kafka_embassy::Tcp<'static> {
    let (rx, tx) = buffers();
    kafka_embassy::Tcp::new(stack, rx, tx)
}
