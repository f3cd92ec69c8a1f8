//! The baseline of the size table: one TCP connection, 100 KiB out and back, compared byte by byte.
#![no_std]
#![no_main]

use embassy_executor::Spawner;
use embassy_net::Stack;
use embassy_time::{Instant, Timer};
use embedded_io_async::Write;
use kafka_firmware::{board, info, net};

const BLOCK: usize = 512;

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    let stack = net::start(spawner);
    spawner.spawn(board::must(echo(stack), "the echo task was started twice"));
}

#[embassy_executor::task]
async fn echo(stack: Stack<'static>) {
    let to = board::provisioned(7, 200);
    stack.wait_config_up().await;
    let mut socket = net::socket(stack);
    board::must(socket.connect((to.server, to.port)).await, "not connected");
    let begun = Instant::now();
    for round in 0..to.count {
        let mut sent = [0; BLOCK];
        for (index, byte) in sent.iter_mut().enumerate() {
            *byte = (index as u16 ^ round) as u8;
        }
        board::must(socket.write_all(&sent).await, "not sent");
        let mut back = [0; BLOCK];
        let mut have = 0;
        while have < BLOCK {
            match socket.read(&mut back[have..]).await {
                Ok(0) | Err(_) => board::exit_failed(),
                Ok(n) => have += n,
            }
        }
        if back != sent {
            board::exit_failed();
        }
    }
    info!("echoed {=u32} B in {=u64} ms", u32::from(to.count) * BLOCK as u32, begun.elapsed().as_millis());
    socket.close();
    Timer::after_millis(50).await;
    board::exit_ok()
}
