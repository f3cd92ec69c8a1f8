//! Where a cluster's nodes keep their files and on which ports they listen, and the properties that follow.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::settings::Settings;
use crate::{Result, cache_dir, ports};

/// The id under which KRaft formats its storage: 16 bytes in URL-safe base64, any will do.
pub(crate) const CLUSTER_ID: &str = "a2Fma2EtY2x1c3Rlci10ZQ";

/// Ports and folders of one node.
#[derive(Debug)]
pub(crate) struct NodePlan {
    pub(crate) id: usize,
    pub(crate) dir: PathBuf,
    /// The plain listener first, then those of the settings in their order.
    pub(crate) ports: Vec<u16>,
    pub(crate) controller_port: u16,
}

impl NodePlan {
    pub(crate) fn properties_file(&self) -> PathBuf {
        self.dir.join("server.properties")
    }

    pub(crate) fn log_file(&self) -> PathBuf {
        self.dir.join("node.log")
    }
}

/// A cluster's plan: made once, so that a node comes back with the ports and data it had.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) dir: PathBuf,
    pub(crate) nodes: Vec<NodePlan>,
    pub(crate) zookeeper_port: u16,
}

impl Layout {
    pub(crate) fn new(settings: &Settings) -> Result<Layout> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let runs = cache_dir().join("run");
        sweep(&runs);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = runs.join(format!("{}-{count}", std::process::id()));
        fs::create_dir_all(&dir)?;
        let dir = dir.canonicalize()?;
        let mut nodes = Vec::new();
        for id in 1..=settings.nodes {
            let dir = dir.join(format!("node-{id}"));
            fs::create_dir_all(&dir)?;
            let ports = (0..=settings.listeners.len()).map(|_| ports::free()).collect::<Result<_>>()?;
            nodes.push(NodePlan { id, dir, ports, controller_port: ports::free()? });
        }
        let layout = Layout { dir, nodes, zookeeper_port: ports::free()? };
        for node in &layout.nodes {
            fs::write(node.properties_file(), layout.properties(settings, node))?;
        }
        Ok(layout)
    }

    fn properties(&self, settings: &Settings, node: &NodePlan) -> String {
        let copies = settings.nodes.to_string();
        let mut list: Vec<(String, String)> = Vec::new();
        let mut set = |name: &str, value: &str| list.push((name.into(), value.into()));
        set("log.dirs", &node.dir.join("data").display().to_string());
        set("auto.create.topics.enable", "false");
        set("group.initial.rebalance.delay.ms", "0");
        set("offsets.topic.num.partitions", "4");
        set("offsets.topic.replication.factor", &copies);
        set("transaction.state.log.num.partitions", "4");
        set("transaction.state.log.replication.factor", &copies);
        set("transaction.state.log.min.isr", "1");
        set("default.replication.factor", &copies);
        set("share.coordinator.state.topic.num.partitions", "1");
        set("share.coordinator.state.topic.replication.factor", &copies);
        set("share.coordinator.state.topic.min.isr", "1");
        // Two cores serve everything: a broker made for a server would start dozens of threads.
        set("num.network.threads", "2");
        set("num.io.threads", "4");
        set("log.cleaner.dedupe.buffer.size", "16777216");
        // Stopping need not wait for leaders to move: tests that care say so.
        set("controlled.shutdown.enable", if settings.nodes > 1 { "true" } else { "false" });
        if settings.version.kraft() {
            self.kraft(node, &mut set);
        } else {
            set("broker.id", &node.id.to_string());
            set("zookeeper.connect", &format!("127.0.0.1:{}", self.zookeeper_port));
        }
        self.listeners(settings, node, &mut set);
        list.extend(settings.properties.iter().cloned());
        list.iter().fold(String::new(), |mut text, (name, value)| {
            let _ = writeln!(text, "{name}={value}");
            text
        })
    }

    fn kraft(&self, node: &NodePlan, set: &mut impl FnMut(&str, &str)) {
        let voters: Vec<String> =
            self.nodes.iter().map(|n| format!("{}@127.0.0.1:{}", n.id, n.controller_port)).collect();
        set("process.roles", "broker,controller");
        set("node.id", &node.id.to_string());
        set("controller.quorum.voters", &voters.join(","));
        set("controller.listener.names", "CONTROLLER");
        // A node that comes back is let in when its former life has expired, and a killed one is missed as long: the
        // default of 9 s is time that every restart in a test would sit out.
        set("broker.session.timeout.ms", "3000");
        set("broker.heartbeat.interval.ms", "500");
    }

    fn listeners(&self, settings: &Settings, node: &NodePlan, set: &mut impl FnMut(&str, &str)) {
        let mut listen = vec![format!("PLAIN://127.0.0.1:{}", node.ports[0])];
        let mut advertise = listen.clone();
        let mut protocols = vec!["PLAIN:PLAINTEXT".to_owned()];
        for (listener, port) in settings.listeners.iter().zip(&node.ports[1..]) {
            listen.push(format!("{}://127.0.0.1:{port}", listener.name));
            advertise.push(format!("{}://{}:{port}", listener.name, listener.advertised_host));
            protocols.push(format!("{}:{}", listener.name, listener.protocol));
        }
        if settings.version.kraft() {
            listen.push(format!("CONTROLLER://127.0.0.1:{}", node.controller_port));
            protocols.push("CONTROLLER:PLAINTEXT".to_owned());
        }
        set("listeners", &listen.join(","));
        set("advertised.listeners", &advertise.join(","));
        set("listener.security.protocol.map", &protocols.join(","));
        set("inter.broker.listener.name", "PLAIN");
    }
}

/// Removes what programs left that could not clean up: folders are named after the process that made them.
fn sweep(runs: &Path) {
    for entry in fs::read_dir(runs).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let owner = name.split('-').next().and_then(|pid| pid.parse::<i32>().ok());
        // SAFETY: signal 0 only asks whether the process exists.
        let gone = owner.is_some_and(|pid| unsafe { libc::kill(pid, 0) } != 0);
        if gone {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
