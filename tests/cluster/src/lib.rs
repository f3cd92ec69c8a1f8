//! Real Kafka for tests: fetched with Maven into a cache, started on free loopback ports, and never left running.
//!
//! ```no_run
//! use kafka_cluster::{Kafka, Settings, Version};
//!
//! let kafka = Kafka::start(Settings::new(Version::V4_3)).expect("a broker");
//! kafka.create_topic("telemetry", 3).expect("a topic");
//! println!("{}", kafka.bootstrap());
//! // Dropping it stops the broker, and so does the end of this process, whatever ended it.
//! ```
//!
//! * [`Settings`] says which release, how many nodes, which extra listeners and properties.
//! * [`Kafka`] is the running cluster; its nodes can be stopped, killed, paused and started again.
//! * [`tools`] runs Apache's own command-line programs, [`kcat`] runs kcat.
//! * [`judge`] writes records with those programs and reads them back byte for byte: the other side of our tests.
//!
//! Needs `java` (17 or newer), `mvn`, and for [`kcat`] the program of that name: `cargo xtask test` installs them.

mod ask;
mod cache;
mod error;
mod kafka;
mod layout;
mod node;
mod ports;
mod process;
mod settings;
mod version;

pub mod judge;
pub mod kcat;
pub mod tools;

pub use cache::{cache_dir, libs};
pub use error::{Error, Result};
pub use kafka::Kafka;
pub use process::{Finished, run};
pub use settings::{Listener, Settings};
pub use version::Version;
