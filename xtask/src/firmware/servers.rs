//! What the firmware talks to. Each listens on a loopback port of its own, which QEMU's guest reaches as 10.0.2.2.

use std::io::{BufReader, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use super::Result;
use super::brokers::{InProcess, Real};

/// A server for one run of one program.
pub trait Server {
    /// What it is, for the person at the terminal.
    fn what(&self) -> &str;

    /// The port of this machine's loopback that the guest is to connect to.
    fn port(&self) -> Result<u16>;

    /// After a moment, breaks the connections it has, if it can.
    fn cut(&self) {
        thread::sleep(Duration::from_millis(10));
    }

    /// An error when what arrived is not what the program was to send; `log` is what it said about itself, and
    /// empty when the program is quiet.
    fn verdict(&self, _log: &[String]) -> Result<()> {
        Ok(())
    }
}

/// A server of ours, on threads of this process.
struct Threads {
    what: &'static str,
    port: u16,
}

impl Server for Threads {
    fn what(&self) -> &str {
        self.what
    }

    fn port(&self) -> Result<u16> {
        Ok(self.port)
    }
}

/// The server that `bin` needs; `kafka` asks for a real one.
pub fn for_bin(bin: &str, kafka: bool) -> Result<Box<dyn Server>> {
    match bin {
        "echo" => Ok(Box::new(Threads { what: "a TCP echo", port: serve(echo)? })),
        "pub_minimq" | "pub_rust_mqtt" => {
            Ok(Box::new(Threads { what: "an MQTT 5 sink", port: serve(mqtt_sink)? }))
        }
        "telemetry" if kafka => Ok(Box::new(Real::start()?)),
        "telemetry" => Ok(Box::new(InProcess::start()?)),
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
