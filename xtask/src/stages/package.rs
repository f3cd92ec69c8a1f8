//! `cargo package` of what is published.

use std::fs;
use std::path::PathBuf;

use crate::shell::{Result, cargo};
use crate::test::Options;

/// The crates that are published, each after what it stands on.
const PUBLISHED: [&str; 4] = ["kafka-proto", "kafka-client-core", "kafka-std", "kafka-embassy"];

pub fn package(_: &Options) -> Result {
    forget_former_packages()?;
    let names = PUBLISHED.iter().flat_map(|name| ["-p", name]);
    // What is tested is the tree as it is; that it is also committed is not this stage's business.
    cargo("package --quiet --allow-dirty").args(names).run()
}

/// While it verifies, cargo serves the crates that stand on each other from a registry of its own, whose folders in the
/// cache have names that begin with `-`. What it once unpacked from there it takes again for the same version, however
/// much the crate has changed: so that goes first.
fn forget_former_packages() -> Result {
    let Some(home) = cargo_home() else { return Ok(()) };
    for kind in ["src", "cache"] {
        for registry in fs::read_dir(home.join("registry").join(kind)).into_iter().flatten().flatten() {
            if !registry.file_name().to_string_lossy().starts_with('-') {
                continue;
            }
            for package in fs::read_dir(registry.path())?.flatten() {
                let name = package.file_name().to_string_lossy().into_owned();
                let is_ours = PUBLISHED.iter().any(|ours| name.starts_with(&format!("{ours}-0.")));
                match (is_ours, package.path().is_dir()) {
                    (true, true) => fs::remove_dir_all(package.path())?,
                    (true, false) => fs::remove_file(package.path())?,
                    (false, _) => {}
                }
            }
        }
    }
    Ok(())
}

fn cargo_home() -> Option<PathBuf> {
    let set = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    set.or_else(|| std::env::home_dir().map(|home| home.join(".cargo")))
}
