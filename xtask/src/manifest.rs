//! As much of a Cargo.toml as the chores need: the name, the dependencies of each kind, the features.

use std::fs;
use std::path::Path;

use crate::shell::Result;

/// A crate's manifest.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    /// `package.name`.
    pub name: String,
    /// Whether it may be published.
    pub publish: bool,
    /// The names under `dependencies` and `build-dependencies`, for whatever target.
    pub dependencies: Vec<String>,
    /// The names under `dev-dependencies`.
    pub dev_dependencies: Vec<String>,
    /// The names under `features`.
    pub features: Vec<String>,
}

impl Manifest {
    /// Reads `path`.
    pub fn read(path: &Path) -> Result<Manifest> {
        let text = fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
        Ok(Manifest::parse(&text))
    }

    /// Tables and the first word of each line. Enough for manifests as cargo's own documentation writes them, and
    /// these are ours.
    pub fn parse(text: &str) -> Manifest {
        let mut manifest = Manifest { publish: true, ..Manifest::default() };
        let mut table = String::new();
        let mut depth = 0_i32;
        for line in text.lines().map(|line| line.split('#').next().unwrap_or_default().trim()) {
            if depth == 0 && line.starts_with('[') {
                table = line.trim_matches(['[', ']']).to_owned();
                // `[dependencies.name]`
                if let Some((kind, name)) = table.clone().rsplit_once('.') {
                    manifest.add(kind, name);
                }
            } else if depth == 0
                && let Some((key, value)) = line.split_once('=')
            {
                let key = key.trim().split('.').next().unwrap_or_default().trim_matches('"');
                match (table.as_str(), key) {
                    ("package", "name") => manifest.name = value.trim().trim_matches('"').to_owned(),
                    ("package", "publish") => manifest.publish = value.trim() != "false",
                    _ => manifest.add(&table.clone(), key),
                }
            }
            // A value that goes on over lines: a list of features.
            let count = |c: char| line.matches(c).count() as i32;
            if !line.starts_with('[') || depth > 0 {
                depth += count('[') + count('{') - count(']') - count('}');
            }
        }
        manifest
    }

    fn add(&mut self, table: &str, name: &str) {
        // `target.'cfg(…)'.dependencies`
        let list = match table.rsplit('.').next().unwrap_or_default() {
            "dependencies" | "build-dependencies" if !table.starts_with("workspace") => {
                &mut self.dependencies
            }
            "dev-dependencies" => &mut self.dev_dependencies,
            "features" => &mut self.features,
            _ => return,
        };
        list.push(name.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_of_writing_a_dependency() {
        let text = r#"
            [package]
            name = "sample" # a comment
            publish = false
            [features]
            default = ["std"]
            std = [
                "alloc",
                "dep:other",
            ]
            alloc = []
            [dependencies]
            one = "1"
            two = { version = "2", default-features = false }
            three.workspace = true
            [dependencies.four]
            version = "4"
            [target.'cfg(unix)'.dependencies]
            five = "5"
            [build-dependencies]
            six = "6"
            [dev-dependencies]
            seven.workspace = true
            [lints]
            workspace = true
            [workspace.dependencies]
            eight = "8"
        "#;
        let manifest = Manifest::parse(text);
        assert_eq!(manifest.name, "sample");
        assert!(!manifest.publish);
        assert_eq!(manifest.dependencies, ["one", "two", "three", "four", "five", "six"]);
        assert_eq!(manifest.dev_dependencies, ["seven"]);
        assert_eq!(manifest.features, ["default", "std", "alloc"]);
    }
}
