//! A peer of the size table: 20 messages of 64 bytes at QoS 1 with minimq, each waited for.
#![no_std]
#![no_main]

use embassy_executor::Spawner;
use embassy_net::Stack;
use embassy_time::Timer;
use kafka_firmware::{board, info, net};
use minimq::{Buffers, ConfigBuilder, Publication, QoS, Session};
use static_cell::{ConstStaticCell, StaticCell};

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    let stack = net::start(spawner);
    spawner.spawn(board::must(publish(stack), "the task was started twice"));
}

#[embassy_executor::task]
async fn publish(stack: Stack<'static>) {
    static RX: ConstStaticCell<[u8; 256]> = ConstStaticCell::new([0; 256]);
    static TX: ConstStaticCell<[u8; 768]> = ConstStaticCell::new([0; 768]);
    static SESSION: StaticCell<Session<'static>> = StaticCell::new();
    let to = board::provisioned(1883, 20);
    stack.wait_config_up().await;
    let mut socket = net::socket(stack);
    board::must(socket.connect((to.server, to.port)).await, "not connected");
    let config = ConfigBuilder::new(Buffers::new(RX.take(), TX.take())).client_id("board");
    let session = SESSION.init(Session::new(board::must(config, "client id")));
    let mut connection = board::must(session.connect(socket).await, "no session");
    let mut payload = [b'.'; 64];
    for round in 0..to.count {
        payload[0] = b'a' + round as u8 % 26;
        let message = Publication::bytes("board/readings", &payload).qos(QoS::AtLeastOnce);
        let Some(sent) = board::must(connection.publish(message).await, "not published") else {
            board::exit_failed()
        };
        while connection.is_pending(&sent) {
            board::must(connection.poll().await, "not acknowledged");
        }
    }
    let _ = connection.disconnect().await;
    info!("{=u16} messages acknowledged", to.count);
    Timer::after_millis(50).await;
    board::exit_ok()
}
