//! Your own event loop over `kafka-client-core`: lines from standard input become records, with nothing but `std::net`.
//!
//! `own_loop HOST:PORT TOPIC < LINES` prints partition and offset of each record. `turn` and `exchange` are the whole
//! adapter.

use std::collections::HashMap;
use std::io::{BufRead, Error, ErrorKind, IoSlice, Read, Write, stdin};
use std::net::{TcpStream, ToSocketAddrs};
use std::time;

use kafka_client_core::config::{ClientConfig, ProducerConfig};
use kafka_client_core::machine::Machine;
use kafka_client_core::net::{Action, Closed, ConnId, RxBuf, Transmit, Trouble};
use kafka_client_core::producer::{AppendError, Outcome, Producer};
use kafka_client_core::resources::ProducerMemory;
use kafka_client_core::time::Instant;
use kafka_proto::record::NewRecord;

type Socket = (TcpStream, Option<RxBuf<'static>>, Option<Transmit<'static>>);
type Sockets = HashMap<ConnId, Socket>;

/// One round: everything that can be done now.
fn turn(producer: &mut Producer<'static>, sockets: &mut Sockets, now: Instant) -> Result<(), Error> {
    producer.handle_timeout(now);
    while let Some(action) = producer.poll_action(now) {
        match action {
            Action::Resolve(id) => {
                let host = Machine::host(producer, id);
                let found: Vec<_> = (host.name, host.port).to_socket_addrs().into_iter().flatten().collect();
                producer.handle_resolved(now, id, &found);
            }
            Action::Connect(conn, address) => match TcpStream::connect(address) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    stream.set_nonblocking(true)?;
                    sockets.insert(conn, (stream, None, None));
                    producer.handle_connected(now, conn);
                }
                Err(_) => producer.handle_closed(now, conn, Closed::Because(Trouble::Refused), None, None),
            },
            Action::Close(conn) => {
                let (rx, transmit) =
                    sockets.remove(&conn).map_or((None, None), |socket| (socket.1, socket.2));
                producer.handle_closed(now, conn, Closed::Asked, rx, transmit);
            }
        }
    }
    while let Some(mut seal) = producer.poll_seal(now) {
        seal.run();
        producer.handle_sealed(now, seal);
    }
    while let Some(transmit) = producer.poll_transmit(now) {
        sockets.entry(transmit.conn()).and_modify(|socket| socket.2 = Some(transmit));
    }
    while let Some((conn, rx)) = producer.poll_read() {
        sockets.entry(conn).and_modify(|socket| socket.1 = Some(rx));
    }
    for conn in sockets.keys().copied().collect::<Vec<_>>() {
        let Some(mut socket) = sockets.remove(&conn) else { continue };
        match exchange(producer, conn, &mut socket, now) {
            Ok(()) => drop(sockets.insert(conn, socket)),
            Err(_) => producer.handle_closed(now, conn, Closed::Because(Trouble::Lost), socket.1, socket.2),
        }
    }
    Ok(())
}

/// Writes and reads what the socket takes and has.
fn exchange(
    producer: &mut Producer<'static>,
    conn: ConnId,
    socket: &mut Socket,
    now: Instant,
) -> Result<(), Error> {
    let unless_blocked =
        |error: Error| if error.kind() == ErrorKind::WouldBlock { Ok(0) } else { Err(error) };
    let (stream, reading, writing) = socket;
    if let Some(transmit) = writing {
        let slices: Vec<_> = transmit.chunks().map(IoSlice::new).collect();
        let written = stream.write_vectored(&slices).or_else(unless_blocked)?;
        transmit.advance(written);
    }
    if let Some(done) = writing.take_if(|transmit| transmit.is_done()) {
        producer.handle_written(now, done);
    }
    // What an error leaves in the socket goes back with the connection's end: the memory is the producer's.
    let Some(rx) = reading else { return Ok(()) };
    let received = match stream.read(rx.spare_mut()) {
        Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
        other => other.or_else(unless_blocked)?,
    };
    rx.advance(received);
    if let Some(rx) = reading.take_if(|_| received > 0) {
        producer.handle_received(now, conn, rx);
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().collect();
    let [_, bootstrap, topic] = &args[..] else {
        return Err("usage: own_loop HOST:PORT TOPIC < LINES".into());
    };
    let (host, port) = bootstrap.rsplit_once(':').ok_or("the first argument is not HOST:PORT")?;
    let config = ProducerConfig::DEFAULT;
    let memory = ProducerMemory::owned(config.batch_size, false);
    let bootstrap = [(host.to_owned().into(), port.parse()?)];
    let mut producer = Producer::new(ClientConfig::DEFAULT, config, bootstrap, memory)?;
    let topic = producer.topic(topic.clone().into())?;
    let (mut sockets, start) = (Sockets::new(), time::Instant::now());
    let mut lines = stdin().lock().lines().map_while(Result::ok).peekable();
    while lines.peek().is_some() || producer.unresolved() {
        let now = Instant(start.elapsed().as_micros() as u64);
        while let Some(line) = lines.peek() {
            let record = NewRecord { value: Some(line.as_bytes()), ..NewRecord::default() };
            match producer.append(now, topic, None, &record) {
                Ok(_) => drop(lines.next()),
                Err(AppendError::Full | AppendError::NoMetadata { .. }) => break,
                Err(error) => return Err(error.into()),
            }
        }
        turn(&mut producer, &mut sockets, now)?;
        while let Some(delivery) = producer.poll_delivery() {
            let Outcome::Acked { base_offset: Some(base), .. } = delivery.outcome else {
                return Err(format!("{delivery:?}").into());
            };
            (base..base + i64::from(delivery.count))
                .for_each(|offset| println!("{} {offset}", delivery.partition));
            producer.release(&delivery);
        }
        std::thread::sleep(time::Duration::from_micros(200)); // a real loop waits for its sockets, until `poll_timeout`
    }
    Ok(())
}
