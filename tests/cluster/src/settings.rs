//! What to start.

use crate::Version;

/// A listener besides the first one (which is plaintext and advertised as 127.0.0.1).
#[derive(Clone, Debug)]
pub struct Listener {
    /// Kafka's listener name, upper case, as used in properties.
    pub name: String,
    /// The host that Metadata responses give for it; it listens on 127.0.0.1 all the same.
    pub advertised_host: String,
    /// `PLAINTEXT`, `SASL_PLAINTEXT`, `SSL` or `SASL_SSL`.
    pub protocol: String,
}

/// Which release, how many nodes, and how they differ from a small default.
#[derive(Clone, Debug)]
pub struct Settings {
    pub(crate) version: Version,
    pub(crate) nodes: usize,
    pub(crate) listeners: Vec<Listener>,
    pub(crate) properties: Vec<(String, String)>,
    pub(crate) scram: Vec<String>,
    pub(crate) jvm: Vec<String>,
    pub(crate) heap_mib: u32,
}

impl Settings {
    /// One node of `version` that creates no topic by itself.
    pub fn new(version: Version) -> Self {
        Self {
            version,
            nodes: 1,
            listeners: Vec::new(),
            properties: Vec::new(),
            scram: Vec::new(),
            jvm: Vec::new(),
            heap_mib: 512,
        }
    }

    /// As many nodes; internal topics are replicated to all of them.
    #[must_use]
    pub fn nodes(mut self, nodes: usize) -> Self {
        self.nodes = nodes.max(1);
        self
    }

    /// Whether a topic comes into being when a client asks for it.
    #[must_use]
    pub fn auto_create_topics(self, on: bool) -> Self {
        self.property("auto.create.topics.enable", if on { "true" } else { "false" })
    }

    /// A broker property; the last one of a name wins, over the defaults too.
    #[must_use]
    pub fn property(mut self, name: &str, value: &str) -> Self {
        self.properties.push((name.into(), value.into()));
        self
    }

    /// A further plaintext listener that Metadata responses advertise as `host`: `10.0.2.2` is how a guest of
    /// QEMU's user network reaches this machine.
    #[must_use]
    pub fn advertised(self, name: &str, host: &str) -> Self {
        self.listener(Listener {
            name: name.into(),
            advertised_host: host.into(),
            protocol: "PLAINTEXT".into(),
        })
    }

    /// A further listener.
    #[must_use]
    pub fn listener(mut self, listener: Listener) -> Self {
        self.listeners.push(listener);
        self
    }

    /// A SCRAM user, in the words of `StorageTool --add-scram`: `SCRAM-SHA-256=[name=alice,password=secret]`. KRaft only.
    #[must_use]
    pub fn scram(mut self, user: &str) -> Self {
        self.scram.push(user.into());
        self
    }

    /// An argument for the broker's JVM, such as `-Djava.security.auth.login.config=…`.
    #[must_use]
    pub fn jvm(mut self, argument: &str) -> Self {
        self.jvm.push(argument.into());
        self
    }

    /// The heap of each node in MiB (512).
    #[must_use]
    pub fn heap_mib(mut self, mib: u32) -> Self {
        self.heap_mib = mib;
        self
    }
}
