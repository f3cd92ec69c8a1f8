//! The stages of `cargo xtask test`, in the order in which they run: what is quick to fail comes first.

mod build;
mod package;
mod real;
mod source;

use crate::shell::Result;
use crate::test::Options;
use crate::tools::Tool;

/// One named part of the test command.
pub struct Stage {
    /// How it is chosen by `--only`.
    pub name: &'static str,
    /// What it does, in a few words.
    pub what: &'static str,
    /// What has to be there before it runs.
    pub needs: &'static [Tool],
    /// Runs it.
    pub run: fn(&Options) -> Result,
}

/// All of them.
pub const STAGES: &[Stage] = &[
    Stage { name: "tidy", what: "STYLE.md, as far as a program can judge", needs: &[], run: source::tidy },
    Stage { name: "format", what: "cargo fmt --check", needs: &[Tool::Components], run: source::format },
    Stage {
        name: "lint",
        what: "clippy without a warning, in each set of features",
        needs: &[Tool::Components, Tool::Targets],
        run: source::lint,
    },
    Stage {
        name: "test",
        what: "tests of the workspace, and of the core crates in each set of features",
        needs: &[Tool::Kcat],
        run: build::test,
    },
    Stage {
        name: "hostile",
        what: "two million decodes of bytes that mean harm",
        needs: &[],
        run: build::hostile,
    },
    Stage { name: "doc", what: "rustdoc without a warning", needs: &[], run: source::doc },
    Stage {
        name: "embedded",
        what: "core crates for targets without an operating system",
        needs: &[Tool::Targets],
        run: build::embedded,
    },
    Stage {
        name: "proof",
        what: "no allocator and no panic in the linked codec",
        needs: &[Tool::Targets, Tool::Binutils],
        run: build::proof,
    },
    Stage { name: "package", what: "cargo package of what is published", needs: &[], run: package::package },
    Stage {
        name: "speed",
        what: "the codec beside a loop written by hand, in one run",
        needs: &[],
        run: build::speed,
    },
    Stage {
        name: "conformance",
        what: "the codec judged by Apache's own classes",
        needs: &[Tool::Java, Tool::Maven],
        run: real::conformance,
    },
    Stage {
        name: "sim",
        what: "550 simulated clusters, 150 hours of faults and transactions, and cuts at each byte",
        needs: &[],
        run: build::sim,
    },
    Stage {
        name: "cluster",
        what: "real Kafka: 4.3.1, with --all-brokers 3.9.2, 2.8.2, 2.1.1 and three nodes in trouble",
        needs: &[Tool::Java, Tool::Maven, Tool::Kcat],
        run: real::cluster,
    },
    Stage {
        name: "judges",
        what: "the in-process broker, judged by kcat, Java's clients and franz-go",
        needs: &[Tool::Java, Tool::Maven, Tool::Kcat, Tool::Go],
        run: real::judges,
    },
    Stage {
        name: "firmware",
        what: "the firmware in QEMU",
        needs: &[Tool::Targets, Tool::Qemu, Tool::Java, Tool::Maven, Tool::Kcat],
        run: real::firmware,
    },
    Stage {
        name: "size",
        what: "flash, RAM and stack",
        needs: &[Tool::Targets, Tool::Qemu],
        run: real::size,
    },
    Stage {
        name: "fuzz",
        what: "each fuzz target for some seconds",
        needs: &[Tool::Nightly, Tool::CargoFuzz],
        run: build::fuzz,
    },
    Stage { name: "miri", what: "the codec's tests in Miri", needs: &[Tool::Nightly], run: build::miri },
];
