//! The cluster behind TCP: one thread, one listener per node.

mod link;
mod run;

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use mio::{Poll, Waker};

use crate::cluster::Cluster;
use crate::config::{Config, ConfigError};
use run::Runner;

/// Where to listen and what to tell clients.
#[derive(Debug, Clone)]
pub struct Listen {
    /// Host and port of node 0, like "127.0.0.1:9092"; the others follow on the next ports. Port 0: any free ones.
    pub address: String,
    /// The host that clients are told; the one of `address` if `None`.
    pub advertise: Option<String>,
    /// Decides everything random.
    pub seed: u64,
    /// Gets a line for each connection that is refused or closed for cause.
    pub log: fn(&str),
}

impl Default for Listen {
    fn default() -> Self {
        Self { address: "127.0.0.1:0".into(), advertise: None, seed: 1, log: |_| {} }
    }
}

/// Why a server did not start.
#[derive(Debug)]
pub enum StartError {
    /// The configuration cannot be.
    Config(ConfigError),
    /// The address could not be listened on.
    Listen(String, io::Error),
    /// The operating system refused a thread or a poll.
    System(io::Error),
}

impl std::fmt::Display for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Config(error) => write!(f, "configuration: {error}"),
            Self::Listen(address, error) => write!(f, "cannot listen on {address}: {error}"),
            Self::System(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for StartError {}

impl From<ConfigError> for StartError {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl From<io::Error> for StartError {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}

/// A running cluster. It stops when this is dropped.
#[derive(Debug)]
pub struct Server {
    /// One address per node.
    pub addrs: Vec<SocketAddr>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    cluster: Mutex<Cluster>,
    stop: AtomicBool,
    waker: Waker,
    start: Instant,
}

impl Shared {
    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// A panic in one test's closure must not take the broker down with it.
    fn cluster(&self) -> MutexGuard<'_, Cluster> {
        self.cluster.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Server {
    /// Starts on free ports of 127.0.0.1.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn start(config: Config) -> Result<Self, StartError> {
        Self::start_on(config, &Listen::default())
    }

    /// Starts where `listen` says.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn start_on(mut config: Config, listen: &Listen) -> Result<Self, StartError> {
        config.wall_clock_ms = wall_clock_ms();
        let mut cluster = Cluster::new(config, listen.seed)?;
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), run::WAKER)?;
        let failed = |error| StartError::Listen(listen.address.clone(), error);
        let first = listen.address.to_socket_addrs().map_err(failed)?.next();
        let first = first.ok_or_else(|| failed(io::ErrorKind::AddrNotAvailable.into()))?;
        let mut listeners = Vec::new();
        let mut addrs = Vec::new();
        for node in 0..cluster.nodes().len() {
            let mut addr = first;
            if first.port() != 0 {
                let port = u16::try_from(node).ok().and_then(|n| first.port().checked_add(n));
                addr.set_port(port.ok_or_else(|| failed(io::ErrorKind::AddrNotAvailable.into()))?);
            }
            let bound = mio::net::TcpListener::bind(addr);
            let bound = bound.map_err(|error| StartError::Listen(addr.to_string(), error))?;
            let addr = bound.local_addr()?;
            let host = listen.advertise.clone().unwrap_or_else(|| advertised_host(addr));
            cluster.set_address(node as i32, &host, addr.port());
            addrs.push(addr);
            listeners.push(bound);
        }
        let shared = Arc::new(Shared {
            cluster: Mutex::new(cluster),
            stop: AtomicBool::new(false),
            waker,
            start: Instant::now(),
        });
        let mut runner = Runner::new(poll, shared.clone(), listeners, addrs.clone(), listen.log)?;
        let thread = std::thread::Builder::new().name("kafka-broker".into()).spawn(move || runner.run())?;
        Ok(Self { addrs, shared, thread: Some(thread) })
    }

    /// The addresses as `bootstrap.servers`.
    pub fn bootstrap(&self) -> String {
        let addrs: Vec<String> = self.addrs.iter().map(SocketAddr::to_string).collect();
        addrs.join(",")
    }

    /// Looks at the cluster or sets faults in it. The sockets wait meanwhile: be brief.
    pub fn with<T>(&self, f: impl FnOnce(&mut Cluster) -> T) -> T {
        let result = {
            let mut cluster = self.shared.cluster();
            cluster.poll(self.shared.now());
            f(&mut cluster)
        };
        // A waker that fails means the thread is gone, and nothing is left to be told.
        let _ = self.shared.waker.wake();
        result
    }

    /// Microseconds on the cluster's clock.
    pub fn now(&self) -> u64 {
        self.shared.now()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        let _ = self.shared.waker.wake();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn wall_clock_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(0)
}

/// Nobody can connect to "every address".
fn advertised_host(addr: SocketAddr) -> String {
    if addr.ip().is_unspecified() { "localhost".into() } else { addr.ip().to_string() }
}
