//! Ports nobody uses.

use std::collections::HashSet;
use std::net::TcpListener;
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::{Error, Result};

/// Below the range from which Linux takes the ports of outgoing connections: a broker that is stopped and
/// started must find its port free again, and with a port of that range any client could be sitting on it.
const RANGE: std::ops::Range<u16> = 20_000..32_000;

static TAKEN: Mutex<Option<HashSet<u16>>> = Mutex::new(None);

/// A loopback port that is free now and was not handed out before by this process.
pub(crate) fn free() -> Result<u16> {
    let mut taken = TAKEN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let taken = taken.get_or_insert_with(HashSet::new);
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.subsec_nanos());
    let width = u32::from(RANGE.end - RANGE.start);
    // Programs that start together begin in different places.
    let start = nanos.wrapping_mul(2_654_435_761).wrapping_add(std::process::id().wrapping_mul(7919)) % width;
    for step in 0..width {
        let port = RANGE.start + ((start + step) % width) as u16;
        if !taken.contains(&port) && TcpListener::bind(("127.0.0.1", port)).is_ok() {
            taken.insert(port);
            return Ok(port);
        }
    }
    Err(Error::new("no free port on 127.0.0.1"))
}
