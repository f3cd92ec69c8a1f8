//! The brokers the client knows: those it was configured with, and those the cluster told it of.

use core::net::SocketAddr;
use core::ops::Deref;

use heapless::Vec;

use crate::list::List;
use crate::storage::Text;
use crate::time::Instant;

/// At most this many addresses of one name are tried: enough for a dual-stack host with a few of each, or without a heap
/// one and a spare.
pub const ADDRESSES_MAX: usize = if cfg!(feature = "alloc") { 4 } else { 2 };

/// What a connection is for. A broker answers the requests of a connection one at a time, so a long poll has a
/// connection of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Role {
    /// Produce, metadata and everything else that is answered at once.
    #[default]
    Main,
    /// Fetch, which the broker may hold back for `fetch.max.wait.ms`.
    Fetch,
}

/// How many roles there are.
pub(crate) const ROLES: usize = 2;

/// Why a broker could not be used, in the user's terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trouble {
    /// The name has no address.
    Unresolved,
    /// Nobody listens there.
    Refused,
    /// The network does not reach it.
    Unreachable,
    /// No answer in time: to the connection, or to a request.
    TimedOut,
    /// The other side closed or reset the connection.
    Lost,
    /// What answered does not speak Kafka's protocol; the four bytes where a length should be.
    NotKafka([u8; 4]),
    /// It answered with bytes that do not decode.
    Malformed(kafka_proto::DecodeError),
    /// It answered something that was not asked, or not everything that was.
    Inconsistent,
    /// It does not support a version of an API that this client needs.
    Unsupported,
    /// A response is larger than the receive buffer that was lent.
    ResponseTooLarge {
        /// Bytes the receive buffer must have.
        need: u32,
    },
}

impl core::fmt::Display for Trouble {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Trouble::Unresolved => f.write_str("the name does not resolve to an address"),
            Trouble::Refused => f.write_str("connection refused: nothing listens there"),
            Trouble::Unreachable => f.write_str("the network does not reach it"),
            Trouble::TimedOut => f.write_str("no answer in time"),
            Trouble::Lost => f.write_str("the connection was closed by the other side"),
            Trouble::NotKafka(start) => {
                f.write_str("not a Kafka server: it answered \"")?;
                start.iter().try_for_each(|byte| core::fmt::Display::fmt(&byte.escape_ascii(), f))?;
                f.write_str("\"")
            }
            Trouble::Malformed(error) => write!(f, "its response does not decode: {error}"),
            Trouble::Inconsistent => f.write_str("its response does not match the request"),
            Trouble::Unsupported => f.write_str("it lacks an API version that this client needs"),
            Trouble::ResponseTooLarge { need } => {
                write!(f, "its response needs a receive buffer of {need} bytes")
            }
        }
    }
}

/// How far the name of a broker is on its way to addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Resolution {
    #[default]
    Unknown,
    Asked,
    Known,
}

/// The longest host name that a cluster may advertise where there is no heap.
pub const HOST_LEN_MAX: usize = 63;

/// The name of a host: from the configuration, or copied from a response.
#[derive(Clone, Debug)]
pub(crate) enum HostName<'m> {
    Configured(Text<'m>),
    #[cfg(not(feature = "alloc"))]
    Copied(heapless::String<HOST_LEN_MAX>),
}

impl HostName<'_> {
    /// A copy; `None` when there is no heap and it is longer than [`HOST_LEN_MAX`].
    pub(crate) fn copied(name: &str) -> Option<Self> {
        #[cfg(feature = "alloc")]
        return Some(HostName::Configured(Text::Owned(name.into())));
        #[cfg(not(feature = "alloc"))]
        return heapless::String::try_from(name).ok().map(HostName::Copied);
    }
}

impl Deref for HostName<'_> {
    type Target = str;
    fn deref(&self) -> &str {
        match self {
            HostName::Configured(name) => name,
            #[cfg(not(feature = "alloc"))]
            HostName::Copied(name) => name,
        }
    }
}

/// A broker, or a bootstrap address that is not yet known to be one.
#[derive(Debug)]
pub(crate) struct Broker<'m> {
    /// The broker's id; [`BOOTSTRAP`] for an address from the configuration.
    pub(crate) id: i32,
    pub(crate) host: HostName<'m>,
    pub(crate) port: u16,
    pub(crate) resolution: Resolution,
    pub(crate) addresses: Vec<SocketAddr, ADDRESSES_MAX>,
    /// The address to try next.
    address: usize,
    /// Failed attempts in a row.
    pub(crate) failures: u32,
    /// Not to be connected to before.
    pub(crate) retry_at: Instant,
    pub(crate) trouble: Option<Trouble>,
    /// Which ApiVersions request to begin with: the newest, then 3, then 0.
    pub(crate) hello: u8,
    /// Something other than `work` needs a connection, by role.
    pub(crate) wanted: [bool; ROLES],
    /// Partitions with something to send on the connection of each role.
    pub(crate) work: [List; ROLES],
    /// Partitions whose open batch has lingered long enough and waits for a request to go.
    pub(crate) due: List,
    /// Sealed batches that wait in `work`.
    pub(crate) sealed: u32,
}

/// The id of a bootstrap address.
pub(crate) const BOOTSTRAP: i32 = -1;

impl Default for Broker<'_> {
    fn default() -> Self {
        Broker::new(BOOTSTRAP, HostName::Configured(Text::default()), 0)
    }
}

impl<'m> Broker<'m> {
    pub(crate) fn new(id: i32, host: HostName<'m>, port: u16) -> Self {
        Broker {
            id,
            host,
            port,
            resolution: Resolution::Unknown,
            addresses: Vec::new(),
            address: 0,
            failures: 0,
            retry_at: Instant(0),
            trouble: None,
            hello: 0,
            wanted: [false; ROLES],
            work: [List::default(); ROLES],
            due: List::default(),
            sealed: 0,
        }
    }

    /// Whether something waits for a connection of this role.
    pub(crate) fn demands(&self, role: Role) -> bool {
        let wanted = self.wanted.get(role as usize).copied().unwrap_or(false);
        let work = self.work.get(role as usize).is_some_and(|list| !list.is_empty());
        wanted || work || (role == Role::Main && !self.due.is_empty())
    }

    pub(crate) fn want(&mut self, role: Role, wanted: bool) {
        if let Some(flag) = self.wanted.get_mut(role as usize) {
            *flag = wanted;
        }
    }

    /// The address to connect to; `None` sends the name to be resolved (again).
    pub(crate) fn next_address(&mut self) -> Option<SocketAddr> {
        let address = self.addresses.get(self.address).copied();
        self.address += 1;
        if address.is_none() {
            // Every address was tried: what the name means may have changed.
            self.resolution = Resolution::Unknown;
            self.address = 0;
        }
        address
    }

    /// A connection works: its address is the one to come back to.
    pub(crate) fn succeeded(&mut self) {
        self.failures = 0;
        self.address = self.address.saturating_sub(1);
        self.trouble = None;
    }

    pub(crate) fn resolved(&mut self, found: &[SocketAddr]) {
        self.addresses.clear();
        self.address = 0;
        self.addresses.extend(found.iter().copied().take(ADDRESSES_MAX));
        self.resolution = if found.is_empty() { Resolution::Unknown } else { Resolution::Known };
    }
}
