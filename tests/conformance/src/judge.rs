//! Running the judge.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, BufWriter, Error, Result, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

/// A release of kafka-clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release {
    /// 4.3.1
    V4_3,
    /// 4.4.0, whose definitions the tables follow.
    V4_4,
}

impl Release {
    /// As Maven knows it.
    pub fn number(self) -> &'static str {
        match self {
            Release::V4_3 => "4.3.1",
            Release::V4_4 => "4.4.0",
        }
    }
}

/// Apache's message classes in a JVM of their own.
pub struct Judge {
    libs: PathBuf,
}

impl Judge {
    /// The judge over this release; its jars are fetched with Maven once.
    pub fn new(release: Release) -> Result<Judge> {
        let home = kafka_cluster::cache_dir().join(format!("judge-{}", release.number()));
        fs::create_dir_all(&home)?;
        // Several test programs may want the same jars: one fetches, the others wait here.
        let lock = File::create(home.join("lock"))?;
        lock.lock()?;
        let libs = home.join("libs");
        let complete = home.join("complete");
        if !complete.exists() {
            fetch(release, &home, &libs)?;
            fs::write(complete, release.number())?;
        }
        Ok(Judge { libs })
    }

    /// Random messages, `count` of every API, version and direction: each line goes to `each`.
    pub fn random(&self, seed: u64, count: u64, each: impl FnMut(&str)) -> Result<()> {
        self.run(&["random", &seed.to_string(), &count.to_string()], Vec::new(), each)
    }

    /// What Apache makes of these messages, one line each.
    pub fn check(&self, lines: Vec<String>, each: impl FnMut(&str)) -> Result<()> {
        self.run(&["check"], lines, each)
    }

    /// The definitions inside the jar, one JSON document per line.
    pub fn definitions(&self) -> Result<Vec<String>> {
        let mut lines = Vec::new();
        self.run(&["schemas"], Vec::new(), |line| lines.push(line.to_owned()))?;
        Ok(lines)
    }

    /// Random record batches, `count` of every magic and codec: each line goes to `each`.
    pub fn batches_written(&self, seed: u64, count: u64, each: impl FnMut(&str)) -> Result<()> {
        self.run_source("Batches.java", &["write", &seed.to_string(), &count.to_string()], Vec::new(), each)
    }

    /// What Apache reads in these record batches, lines of hex; one line each.
    pub fn batches_read(&self, lines: Vec<String>, each: impl FnMut(&str)) -> Result<()> {
        self.run_source("Batches.java", &["read"], lines, each)
    }

    fn run(&self, arguments: &[&str], input: Vec<String>, each: impl FnMut(&str)) -> Result<()> {
        self.run_source("Judge.java", arguments, input, each)
    }

    fn run_source(
        &self,
        source: &str,
        arguments: &[&str],
        input: Vec<String>,
        mut each: impl FnMut(&str),
    ) -> Result<()> {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("java").join(source);
        let mut java = Command::new("java");
        java.arg("-cp").arg(self.libs.join("*")).arg(source).args(arguments);
        let child = java.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let mut child = Running(child);
        let (stdin, stdout) = (child.0.stdin.take(), child.0.stdout.take());
        let writer = thread::spawn(move || -> Result<()> {
            let mut stdin = BufWriter::new(stdin.ok_or(Error::other("no stdin"))?);
            for line in input {
                writeln!(stdin, "{line}")?;
            }
            stdin.flush()
        });
        let mut stdout = BufReader::with_capacity(1 << 16, stdout.ok_or(Error::other("no stdout"))?);
        let mut line = String::new();
        while stdout.read_line(&mut line)? > 0 {
            each(line.trim_end_matches('\n'));
            line.clear();
        }
        writer.join().map_err(|_| Error::other("the writer panicked"))??;
        match child.0.wait()? {
            status if status.success() => Ok(()),
            status => Err(Error::other(format!("the judge failed: {arguments:?}, {status}"))),
        }
    }
}

/// Ends with its owner, also when a test fails half way.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn fetch(release: Release, home: &Path, libs: &Path) -> Result<()> {
    let pom = format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\">\n\
         <modelVersion>4.0.0</modelVersion>\n\
         <groupId>local</groupId><artifactId>judge</artifactId><version>1</version>\n\
         <dependencies>\n\
         <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-clients</artifactId>\
         <version>{}</version></dependency>\n\
         <dependency><groupId>com.fasterxml.jackson.core</groupId><artifactId>jackson-databind</artifactId>\
         <version>2.19.0</version></dependency>\n\
         </dependencies>\n</project>\n",
        release.number()
    );
    fs::write(home.join("pom.xml"), pom)?;
    let mut maven = Command::new("mvn");
    maven.current_dir(home).args(["-q", "-B", "dependency:copy-dependencies"]);
    maven.arg(format!("-DoutputDirectory={}", libs.display()));
    let output = maven.stdin(Stdio::null()).output()?;
    if !output.status.success() {
        return Err(Error::other(format!("mvn failed\n{}", String::from_utf8_lossy(&output.stdout))));
    }
    Ok(())
}
