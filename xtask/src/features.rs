//! The sets of features that are built and tested.

use crate::manifest::Manifest;
use crate::shell::{Result, root};

/// The crates that have to work without an operating system and without an allocator.
pub const CORE: [&str; 2] = ["kafka-proto", "kafka-client-core"];

/// All that work on a machine with `std` and can be linked there: `defmt` needs a logger of the firmware's.
const HOSTED: [&str; 7] = ["std", "gzip", "snappy", "lz4", "zstd", "arbitrary", "log"];

/// A set of features, given to cargo without the default ones.
#[derive(Debug, PartialEq, Eq)]
pub struct Set(Vec<String>);

impl Set {
    /// As cargo's arguments.
    pub fn args(&self) -> Vec<String> {
        let mut args = vec!["--no-default-features".to_owned()];
        if !self.0.is_empty() {
            args.extend(["--features".to_owned(), self.0.join(",")]);
        }
        args
    }
}

/// The sets that matter for the crate `name`: nothing, lz4 alone (what a device takes), an allocator without an
/// operating system, and everything. Those that its manifest does not know are left out.
pub fn sets(name: &str) -> Result<Vec<Set>> {
    let manifest = Manifest::read(&root().join(name).join("Cargo.toml"))?;
    Ok(sets_of(&manifest.features))
}

fn sets_of(known: &[String]) -> Vec<Set> {
    let wanted: [&[&str]; 4] = [&[], &["lz4"], &["alloc"], &HOSTED];
    let mut sets = Vec::new();
    for set in wanted {
        let set = set.iter().filter(|name| known.iter().any(|k| k == *name));
        let set = Set(set.map(|name| (*name).to_owned()).collect());
        if !sets.contains(&set) {
            sets.push(set);
        }
    }
    sets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_features_are_left_out_and_no_set_comes_twice() {
        let known = ["default", "std", "alloc", "gzip", "defmt"].map(String::from);
        let sets: Vec<String> = sets_of(&known).iter().map(|set| set.args().join(" ")).collect();
        let expected = ["", " --features alloc", " --features std,gzip"];
        assert_eq!(sets, expected.map(|rest| format!("--no-default-features{rest}")));
    }
}
