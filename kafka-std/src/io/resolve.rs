//! Names: looked up on threads of their own, because the operating system's resolver blocks.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex};

use kafka_client_core::net::HostId;
use mio::Waker;

use crate::sync::lock;

/// A name that was looked up; without an address when it has none.
pub(super) type Found = (HostId, Vec<SocketAddr>);

/// Where the threads put what they found.
#[derive(Debug)]
pub(super) struct Resolver {
    found: Arc<Mutex<Vec<Found>>>,
    waker: Arc<Waker>,
}

impl Resolver {
    pub(super) fn new(waker: Arc<Waker>) -> Resolver {
        Resolver { found: Arc::default(), waker }
    }

    /// Looks a name up. An address in text needs no thread, and a thread cannot hold up another name's.
    pub(super) fn resolve(&self, host: HostId, name: String, port: u16) {
        if let Ok(ip) = name.parse::<IpAddr>() {
            return lock(&self.found).push((host, vec![SocketAddr::new(ip, port)]));
        }
        let (found, waker) = (self.found.clone(), self.waker.clone());
        let look_up = move || {
            let addresses = (name.as_str(), port).to_socket_addrs();
            let addresses = addresses.map(Iterator::collect).unwrap_or_default();
            lock(&found).push((host, addresses));
            // Fails only when the client is gone.
            let _ = waker.wake();
        };
        if std::thread::Builder::new().name("kafka-resolve".into()).spawn(look_up).is_err() {
            lock(&self.found).push((host, Vec::new()));
        }
    }

    pub(super) fn take(&self, into: &mut Vec<Found>) {
        into.append(&mut lock(&self.found));
    }
}
