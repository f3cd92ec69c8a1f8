//! The running cluster.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::layout::{CLUSTER_ID, Layout, NodePlan};
use crate::node::{Node, START_TIMEOUT, java};
use crate::settings::Settings;
use crate::{Error, Result, ask, libs, run};

/// Real brokers on loopback ports. Stopped, and their data removed, when dropped.
///
/// All methods take `&self`, so one cluster in a `OnceLock` can serve all tests of a program.
#[derive(Debug)]
pub struct Kafka {
    settings: Settings,
    libs: PathBuf,
    layout: Layout,
    // Nodes are before ZooKeeper, so that they are dropped first.
    nodes: Mutex<Vec<Option<Node>>>,
    _zookeeper: Option<Node>,
}

impl Kafka {
    /// Fetches the release if needed, starts all nodes and waits until each knows all others.
    pub fn start(settings: Settings) -> Result<Kafka> {
        let mut last = None;
        // Another program may take a port between our look and the broker's bind: then everything moves.
        for _ in 0..3 {
            match Kafka::start_once(settings.clone()) {
                Err(error) if error.to_string().contains("BindException") => last = Some(error),
                other => return other,
            }
        }
        Err(last.unwrap_or_else(|| Error::new("no attempt was made")))
    }

    fn start_once(settings: Settings) -> Result<Kafka> {
        let libs = libs(settings.version)?;
        let layout = Layout::new(&settings)?;
        let zookeeper = if settings.version.kraft() { None } else { Some(start_zookeeper(&libs, &layout)?) };
        let nodes = layout.nodes.iter().map(|_| None).collect();
        let kafka = Kafka { settings, libs, layout, nodes: Mutex::new(nodes), _zookeeper: zookeeper };
        if kafka.settings.version.kraft() {
            kafka.layout.nodes.iter().try_for_each(|plan| kafka.format(plan))?;
        }
        // Together: a KRaft controller waits for its quorum.
        for plan in &kafka.layout.nodes {
            kafka.lock()[plan.id - 1] = Some(kafka.spawn(plan)?);
        }
        for plan in &kafka.layout.nodes {
            kafka.wait_started(plan.id)?;
        }
        kafka.wait_for_brokers(kafka.layout.nodes.len())?;
        Ok(kafka)
    }

    /// `host:port` of every node, for clients on this machine.
    pub fn bootstrap(&self) -> String {
        let ports = self.layout.nodes.iter().map(|node| format!("127.0.0.1:{}", node.ports[0]));
        ports.collect::<Vec<_>>().join(",")
    }

    /// The port of node `id` (from 1) for clients on this machine.
    pub fn port(&self, id: usize) -> u16 {
        self.layout.nodes[id - 1].ports[0]
    }

    /// The advertised `host:port` of every node on the extra listener `name`.
    ///
    /// # Panics
    /// When the settings had no such listener.
    pub fn bootstrap_of(&self, name: &str) -> String {
        let at = self.settings.listeners.iter().position(|listener| listener.name == name);
        let at = at.unwrap_or_else(|| panic!("no listener {name} in the settings"));
        let host = &self.settings.listeners[at].advertised_host;
        let ports = self.layout.nodes.iter().map(|node| format!("{host}:{}", node.ports[at + 1]));
        ports.collect::<Vec<_>>().join(",")
    }

    /// Creates `topic`, replicated to up to three nodes, and waits until it has leaders.
    pub fn create_topic(&self, topic: &str, partitions: u32) -> Result<()> {
        let copies = self.layout.nodes.len().min(3);
        self.create_topic_with(topic, partitions, copies, &[])
    }

    /// Creates `topic` with a replication factor and properties of its own (`min.insync.replicas` to `2`).
    pub fn create_topic_with(
        &self,
        topic: &str,
        partitions: u32,
        copies: usize,
        config: &[(&str, &str)],
    ) -> Result<()> {
        self.until(&format!("the topic {topic} is not created"), || {
            // Before KRaft only the controller creates topics; the others say 41.
            for port in self.running() {
                match ask::create_topic(port, topic, partitions, copies, config) {
                    Ok(0) => return Ok(true),
                    Ok(41) | Err(_) => {}
                    Ok(code) => return Err(Error::new(format!("creating {topic}: error code {code}"))),
                }
            }
            Ok(false)
        })?;
        self.until(&format!("not all partitions of {topic} have leaders"), || {
            Ok(self.running().iter().all(|port| {
                let seen = ask::metadata(*port, Some(topic)).map_or(0, |m| m.partitions_with_leader);
                seen == partitions as usize
            }))
        })
    }

    /// Waits until each partition of `topic` has at least `copies` replicas in sync.
    pub fn wait_in_sync(&self, topic: &str, copies: usize) -> Result<()> {
        self.until(&format!("{topic} does not get {copies} replicas in sync"), || {
            let enough =
                |port: &u16| ask::metadata(*port, Some(topic)).is_ok_and(|m| m.in_sync_min >= copies);
            Ok(self.running().iter().all(enough))
        })
    }

    /// Ends node `id` in an orderly way.
    pub fn stop(&self, id: usize) {
        let node = self.lock()[id - 1].take();
        node.into_iter().for_each(Node::stop);
    }

    /// `kill -9` for node `id`.
    pub fn kill(&self, id: usize) {
        let node = self.lock()[id - 1].take();
        node.into_iter().for_each(Node::kill);
    }

    /// Freezes node `id`: its sockets stay open and nothing answers.
    pub fn pause(&self, id: usize) {
        self.lock()[id - 1].iter().for_each(|node| node.signal(libc::SIGSTOP));
    }

    /// Ends a [`pause`](Kafka::pause).
    pub fn resume(&self, id: usize) {
        self.lock()[id - 1].iter().for_each(|node| node.signal(libc::SIGCONT));
    }

    /// Starts node `id` again, with its ports and data, and waits until the others see it.
    pub fn start_node(&self, id: usize) -> Result<()> {
        let node = self.spawn(&self.layout.nodes[id - 1])?;
        let running = {
            let mut nodes = self.lock();
            nodes[id - 1] = Some(node);
            nodes.iter().flatten().count()
        };
        self.wait_started(id)?;
        self.wait_for_brokers(running)
    }

    /// Stops node `id` in an orderly way and starts it.
    pub fn restart(&self, id: usize) -> Result<()> {
        self.stop(id);
        self.start_node(id)
    }

    /// The log of node `id` since it was last started.
    pub fn log(&self, id: usize) -> String {
        self.lock()[id - 1].as_ref().map(Node::log_text).unwrap_or_default()
    }

    /// The jars of the running release.
    pub fn libs(&self) -> &Path {
        &self.libs
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Option<Node>>> {
        // A test that panicked elsewhere must not take the cluster from the others.
        self.nodes.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn format(&self, plan: &NodePlan) -> Result<()> {
        let mut tool = java(&self.libs, 256, "warn", &[], "kafka.tools.StorageTool");
        tool.args(["format", "-t", CLUSTER_ID, "-c"]).arg(plan.properties_file());
        self.settings.scram.iter().for_each(|user| {
            tool.args(["--add-scram", user]);
        });
        run(&mut tool, &[], START_TIMEOUT)?.checked("formatting the storage").map(drop)
    }

    fn spawn(&self, plan: &NodePlan) -> Result<Node> {
        let mut broker = java(&self.libs, self.settings.heap_mib, "info", &self.settings.jvm, "kafka.Kafka");
        broker.arg(plan.properties_file()).current_dir(&plan.dir);
        Node::spawn(broker, plan.log_file())
    }

    fn wait_started(&self, id: usize) -> Result<()> {
        // Not under the lock: other nodes may be stopped and started meanwhile.
        let Some(mut node) = self.lock()[id - 1].take() else {
            return Err(Error::new(format!("node {id} was stopped while it was starting")));
        };
        // KRaft's words, and ZooKeeper's.
        let started = node.wait_for_log(&["Kafka Server started", &format!("[KafkaServer id={id}] started")]);
        self.lock()[id - 1] = Some(node);
        started.map_err(|e| e.while_(&format!("Kafka {} node {id}", self.settings.version.number())))
    }

    /// Waits until every running node answers a Metadata request with `count` brokers.
    fn wait_for_brokers(&self, count: usize) -> Result<()> {
        self.until(&format!("not every node sees {count} brokers"), || {
            let seen = |port: &u16| ask::metadata(*port, None).map_or(0, |m| m.brokers.len());
            Ok(self.running().iter().all(|port| seen(port) >= count))
        })
    }

    /// The ports of the nodes whose processes are there.
    fn running(&self) -> Vec<u16> {
        self.layout.nodes.iter().filter(|node| self.is_running(node.id)).map(|node| node.ports[0]).collect()
    }

    /// Asks again until `done`; after [`START_TIMEOUT`] an error that says `what` and shows the first node's log.
    fn until(&self, what: &str, mut done: impl FnMut() -> Result<bool>) -> Result<()> {
        let deadline = Instant::now() + START_TIMEOUT;
        while !done()? {
            if Instant::now() >= deadline {
                let failed = self.lock().iter().flatten().next().map(|node| node.failed(what));
                return Err(failed.unwrap_or_else(|| Error::new(what)));
            }
            std::thread::sleep(Duration::from_millis(30));
        }
        Ok(())
    }

    /// Whether the process of node `id` is there (paused counts).
    pub fn is_running(&self, id: usize) -> bool {
        self.lock()[id - 1].as_mut().is_some_and(|node| !node.ended())
    }
}

impl Drop for Kafka {
    fn drop(&mut self) {
        // The data goes anyway, so there is nothing to end in an orderly way.
        self.lock().drain(..).flatten().for_each(Node::kill);
        if std::thread::panicking() {
            eprintln!("the nodes' logs are kept in {}", self.layout.dir.display());
        } else {
            let _ = fs::remove_dir_all(&self.layout.dir);
        }
    }
}

fn start_zookeeper(libs: &Path, layout: &Layout) -> Result<Node> {
    let dir = layout.dir.join("zookeeper");
    fs::create_dir_all(&dir)?;
    let port = layout.zookeeper_port;
    let config = format!(
        "dataDir={}\nclientPort={port}\nclientPortAddress=127.0.0.1\nadmin.enableServer=false\nmaxClientCnxns=0\n",
        dir.display()
    );
    fs::write(dir.join("zoo.cfg"), config)?;
    let mut server = java(libs, 256, "info", &[], "org.apache.zookeeper.server.quorum.QuorumPeerMain");
    server.arg(dir.join("zoo.cfg")).current_dir(&dir);
    let mut node = Node::spawn(server, dir.join("node.log"))?;
    // "binding to port", in the words of this or that release.
    node.wait_for_log(&[&format!("127.0.0.1:{port}")]).map_err(|e| e.while_("ZooKeeper"))?;
    let deadline = Instant::now() + START_TIMEOUT;
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        if Instant::now() >= deadline || node.ended() {
            return Err(node.failed("ZooKeeper does not accept connections"));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(node)
}
