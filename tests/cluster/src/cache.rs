//! The jars: fetched once with Maven, complete or not there at all.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::{Error, Result, Version, run};

/// How long Maven may take to fetch one release over a slow line.
const FETCH_TIMEOUT: Duration = Duration::from_secs(15 * 60);

/// Written last: with it the folder is complete.
const MARKER: &str = "complete";

/// Where releases and the nodes' data are kept: `$KAFKA_CACHE`, else `kafka` in cargo's target folder.
pub fn cache_dir() -> PathBuf {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
    if let Some(dir) = set("KAFKA_CACHE") {
        return absolute(PathBuf::from(dir));
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let target = match set("CARGO_TARGET_DIR") {
        Some(dir) => root.join(dir),
        None => root.join("target"),
    };
    absolute(target.join("kafka"))
}

/// JVMs run in folders of their own, where a relative path would mean something else.
fn absolute(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}

/// The folder with the jars of `version`; fetches them when they are not there yet.
pub fn libs(version: Version) -> Result<PathBuf> {
    let home = cache_dir().join(version.number());
    let libs = home.join("libs");
    if home.join(MARKER).exists() {
        return Ok(libs);
    }
    fs::create_dir_all(&home)?;
    // Several test programs may want the same release: one fetches, the others wait here.
    let lock = File::create(home.join("lock"))?;
    lock.lock()?;
    if !home.join(MARKER).exists() {
        fetch(version, &home, &libs)
            .map_err(|e| e.while_(&format!("fetching Kafka {}", version.number())))?;
        fs::write(home.join(MARKER), version.number())?;
    }
    Ok(libs)
}

fn fetch(version: Version, home: &Path, libs: &Path) -> Result<()> {
    if libs.exists() {
        fs::remove_dir_all(libs)?;
    }
    fs::write(home.join("pom.xml"), pom(version))?;
    let mut maven = Command::new("mvn");
    maven.current_dir(home).args(["-q", "-B", "dependency:copy-dependencies"]);
    maven.arg(format!("-DoutputDirectory={}", libs.display()));
    let done = run(&mut maven, &[], FETCH_TIMEOUT)?;
    if !done.ok() {
        return Err(Error::new(format!("mvn failed\n{}{}", done.stdout_text(), done.stderr_text())));
    }
    let jar = libs.join(format!("kafka-clients-{}.jar", version.number()));
    if !jar.exists() {
        return Err(Error::new(format!("mvn succeeded, but there is no {}", jar.display())));
    }
    Ok(())
}

fn pom(version: Version) -> String {
    format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\">\n\
         <modelVersion>4.0.0</modelVersion>\n\
         <groupId>local</groupId><artifactId>kafka-libs</artifactId><version>1</version>\n\
         <dependencies>\n{}</dependencies>\n</project>\n",
        version.dependencies()
    )
}
