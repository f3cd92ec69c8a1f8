//! A peer of the size table: 20 messages of 64 bytes at QoS 1 with rust-mqtt, each waited for.
#![no_std]
#![no_main]

use core::num::NonZero;

use embassy_executor::Spawner;
use embassy_net::Stack;
use embassy_time::Timer;
use kafka_firmware::{board, info, net};
use rust_mqtt::Bytes;
use rust_mqtt::buffer::BumpBuffer;
use rust_mqtt::client::options::{ConnectOptions, DisconnectOptions, PublicationOptions, TopicReference};
use rust_mqtt::client::{Client, event::Event};
use rust_mqtt::config::KeepAlive;
use rust_mqtt::types::{MqttString, TopicName};
use static_cell::ConstStaticCell;

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    let stack = net::start(spawner);
    spawner.spawn(board::must(publish(stack), "the task was started twice"));
}

#[embassy_executor::task]
async fn publish(stack: Stack<'static>) {
    static MEMORY: ConstStaticCell<[u8; 1024]> = ConstStaticCell::new([0; 1024]);
    let to = board::provisioned(1883, 20);
    stack.wait_config_up().await;
    let mut socket = net::socket(stack);
    board::must(socket.connect((to.server, to.port)).await, "not connected");
    let mut buffer = BumpBuffer::new(MEMORY.take());
    let mut client = Client::<'_, '_, _, _, 1, 1, 1, 1, 0, 0, 0>::new(&mut buffer);
    let keep_alive = NonZero::new(60).map_or(KeepAlive::Infinite, KeepAlive::Seconds);
    let options = ConnectOptions::new().clean_start().keep_alive(keep_alive);
    let id = board::must(MqttString::from_str("board"), "client id");
    board::must(client.connect(socket, &options, Some(id)).await, "no session");
    let name = board::must(MqttString::from_str("board/readings"), "topic");
    let Some(topic) = TopicName::new(name) else { board::exit_failed() };
    let mut payload = [b'.'; 64];
    for round in 0..to.count {
        payload[0] = b'a' + round as u8 % 26;
        let options = PublicationOptions::new(TopicReference::Name(topic.as_borrowed())).at_least_once();
        board::must(client.publish(&options, Bytes::from(&payload[..])).await, "not published");
        loop {
            let event = board::must(client.poll().await, "not acknowledged");
            let done = matches!(event, Event::PublishAcknowledged(_) | Event::PublishComplete(_));
            // SAFETY: nothing borrowed from the buffer is alive: the event was looked at and dropped.
            unsafe { client.buffer_mut().reset() };
            if done {
                break;
            }
        }
    }
    let _ = client.disconnect(&DisconnectOptions::new()).await;
    info!("{=u16} messages acknowledged", to.count);
    Timer::after_millis(50).await;
    board::exit_ok()
}
