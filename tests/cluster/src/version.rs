//! The releases that are tested, and how each is fetched and run.

/// A release of Apache Kafka.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// 4.3.1, KRaft: the newest server.
    V4_3,
    /// 3.9.2, KRaft: the last of the 3 series.
    V3_9,
    /// 2.8.2, with ZooKeeper.
    V2_8,
    /// 2.1.1, with ZooKeeper: the oldest that a 4.x client speaks to.
    V2_1,
}

impl Version {
    /// All of them, the newest first.
    pub const ALL: [Version; 4] = [Version::V4_3, Version::V3_9, Version::V2_8, Version::V2_1];

    /// The number as Maven writes it.
    pub const fn number(self) -> &'static str {
        match self {
            Version::V4_3 => "4.3.1",
            Version::V3_9 => "3.9.2",
            Version::V2_8 => "2.8.2",
            Version::V2_1 => "2.1.1",
        }
    }

    /// The release whose number begins with `text` ("4.3", "2.8.2").
    pub fn parse(text: &str) -> Option<Version> {
        Version::ALL.into_iter().find(|version| !text.is_empty() && version.number().starts_with(text))
    }

    /// Whether the broker is its own quorum (KRaft), or needs ZooKeeper beside it.
    pub const fn kraft(self) -> bool {
        matches!(self, Version::V4_3 | Version::V3_9)
    }

    /// The dependencies that make a class path of it, as the inside of a pom.
    pub(crate) fn dependencies(self) -> String {
        let number = self.number();
        let scala = if self == Version::V2_1 { "kafka_2.12" } else { "kafka_2.13" };
        // Without a binding there is no log at all; with two, which one wins is chance.
        let mut out = dependency("org.apache.kafka", scala, number)
            + &dependency("org.slf4j", "slf4j-simple", "1.7.36");
        if self.kraft() {
            out += &dependency("org.apache.kafka", "kafka-tools", number);
        }
        if self == Version::V2_1 {
            // ZooKeeper 3.4 cannot resolve addresses on Java 17.
            out += &dependency("org.apache.zookeeper", "zookeeper", "3.5.10");
        }
        out
    }
}

fn dependency(group: &str, artifact: &str, version: &str) -> String {
    let exclusions: String = ["slf4j-reload4j", "slf4j-log4j12"]
        .map(|id| format!("<exclusion><groupId>org.slf4j</groupId><artifactId>{id}</artifactId></exclusion>"))
        .concat();
    format!(
        "<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId><version>{version}</version>\
         <exclusions>{exclusions}</exclusions></dependency>\n"
    )
}
