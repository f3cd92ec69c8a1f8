//! What the firmware talks to. Each listens on a loopback port of its own, which QEMU's guest reaches as 10.0.2.2,
//! from a thread that ends with this process.

use std::io::{BufReader, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;

use super::Result;

/// A server for one run of one program.
pub struct Server {
    what: &'static str,
    port: u16,
}

impl Server {
    /// What it is, for the person at the terminal.
    pub fn what(&self) -> &'static str {
        self.what
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// An error when what arrived is not what the program was to send.
    pub fn verdict(&self) -> Result<()> {
        Ok(())
    }
}

/// The server that `bin` needs.
pub fn for_bin(bin: &str) -> Result<Server> {
    match bin {
        "echo" => Ok(Server { what: "a TCP echo", port: serve(echo)? }),
        "pub_minimq" | "pub_rust_mqtt" => Ok(Server { what: "an MQTT 5 sink", port: serve(mqtt_sink)? }),
        _ => Err(format!("no program called {bin}").into()),
    }
}

/// Listens on a free port and gives each connection to `handle` on a thread of its own.
fn serve(handle: fn(TcpStream) -> std::io::Result<()>) -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.local_addr()?.port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || match handle(stream) {
                Err(error) if error.kind() != ErrorKind::UnexpectedEof => eprintln!("server: {error}"),
                _ => {}
            });
        }
    });
    Ok(port)
}

fn echo(mut stream: TcpStream) -> std::io::Result<()> {
    let mut back = stream.try_clone()?;
    std::io::copy(&mut stream, &mut back).map(drop)
}

/// Enough of an MQTT 5 server to publish to at QoS 1 (OASIS MQTT 5.0, chapter 3).
fn mqtt_sink(stream: TcpStream) -> std::io::Result<()> {
    const CONNECT: u8 = 1;
    const PUBLISH: u8 = 3;
    const PINGREQ: u8 = 12;
    const DISCONNECT: u8 = 14;
    let mut reply = stream.try_clone()?;
    let mut stream = BufReader::new(stream);
    loop {
        let first = byte(&mut stream)?;
        let mut packet = vec![0; variable_length(&mut stream)?];
        stream.read_exact(&mut packet)?;
        match first >> 4 {
            // Accepted, no session of before, no properties.
            CONNECT => reply.write_all(&[0x20, 3, 0, 0, 0])?,
            PUBLISH if first & 0b110 != 0 => {
                // The packet identifier stands behind the topic.
                let topic = packet.first_chunk().map_or(0, |len| usize::from(u16::from_be_bytes(*len)));
                let Some(id) = packet.get(2 + topic..4 + topic) else {
                    return Err(ErrorKind::InvalidData.into());
                };
                reply.write_all(&[0x40, 2, id[0], id[1]])?;
            }
            PUBLISH => {}
            PINGREQ => reply.write_all(&[0xd0, 0])?,
            DISCONNECT => return Ok(()),
            _ => return Err(ErrorKind::InvalidData.into()),
        }
    }
}

fn byte(stream: &mut impl Read) -> std::io::Result<u8> {
    let mut byte = [0];
    stream.read_exact(&mut byte)?;
    Ok(byte[0])
}

fn variable_length(stream: &mut impl Read) -> std::io::Result<usize> {
    let mut length = 0;
    for shift in [0, 7, 14, 21] {
        let byte = byte(stream)?;
        length |= usize::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(length);
        }
    }
    Err(ErrorKind::InvalidData.into())
}
