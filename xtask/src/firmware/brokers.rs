//! What the telemetry firmware talks to: the broker of tests/broker in this process, or a real Kafka read with kcat.
//!
//! Either is advertised as 10.0.2.2, the address by which QEMU's guest reaches this machine.

use std::thread;
use std::time::Duration;

use kafka_broker::{Config, Listen};
use kafka_cluster::{Kafka, Settings, Version, kcat};

use super::Result;
use super::servers::Server;

/// The topic that the firmware writes to.
const TOPIC: &str = "telemetry";
const PARTITIONS: i32 = 3;
const GUEST_VIEW: &str = "10.0.2.2";
/// Of a real Kafka: the listener advertised so.
const LISTENER: &str = "GUEST";
/// How many of the records are shown.
const SHOWN: usize = 6;
/// How often connections are dropped where that is asked for.
const CUT_PERIOD: Duration = Duration::from_millis(40);

/// A record as it is in the log.
struct Record {
    place: String,
    timestamp: i64,
    key: String,
    value: String,
}

impl Record {
    /// The firmware numbers its records from 0.
    fn sequence(&self) -> Option<u32> {
        self.value.split("\"seq\":").nth(1)?.split([',', '}']).next()?.parse().ok()
    }
}

/// The records must be what the firmware says it sent: as many, and the same CRC-32C over all of them in the order of
/// sending. So none is lost, doubled or changed.
fn judge(records: &mut [Record], log: &[String]) -> Result<()> {
    records.sort_by_key(Record::sequence);
    println!("{} records in {PARTITIONS} partitions, the first of them:", records.len());
    for record in records.iter().take(SHOWN) {
        println!("  {} {} {}", record.place, record.key, record.value);
    }
    if let Some(record) = records.iter().find(|record| record.timestamp != -1) {
        return Err(format!("a device without a wall clock sent a timestamp: {}", record.timestamp).into());
    }
    let lines = records.iter().flat_map(|record| [&record.key, "\t", &record.value, "\n"]);
    let bytes: String = lines.collect();
    let seen =
        format!("{} records, CRC-32C {:08x}", records.len(), kafka_proto::record::crc32c(bytes.as_bytes()));
    if log.iter().any(|line| line.contains(&seen)) {
        println!("the firmware sent what is in the log: {seen}");
        return Ok(());
    }
    Err(format!("in the log are {seen}, which is not what the firmware says it sent").into())
}

/// The broker of this project.
pub struct InProcess(kafka_broker::Server);

impl InProcess {
    pub fn start() -> Result<Self> {
        let config = Config { topics: vec![(TOPIC.to_owned(), PARTITIONS)], ..Config::default() };
        let listen = Listen { advertise: Some(GUEST_VIEW.to_owned()), ..Listen::default() };
        Ok(Self(kafka_broker::Server::start_on(config, &listen)?))
    }
}

impl Server for InProcess {
    fn what(&self) -> &str {
        "the in-process broker"
    }

    fn port(&self) -> Result<u16> {
        Ok(self.0.addrs.first().ok_or("the broker listens nowhere")?.port())
    }

    fn cut(&self) {
        thread::sleep(CUT_PERIOD);
        self.0.with(|cluster| cluster.drop_connections(0));
    }

    fn verdict(&self, log: &[String]) -> Result<()> {
        let text = |bytes: Option<Vec<u8>>| String::from_utf8(bytes.unwrap_or_default());
        let mut records = Vec::new();
        for partition in 0..PARTITIONS {
            for stored in self.0.with(|cluster| cluster.log(TOPIC, partition)).unwrap_or_default() {
                let place = format!("{partition}@{}", stored.offset);
                let (key, value) = (text(stored.key)?, text(stored.value)?);
                records.push(Record { place, timestamp: stored.timestamp, key, value });
            }
        }
        judge(&mut records, log)
    }
}

/// Apache Kafka.
pub struct Real(Kafka);

impl Real {
    pub fn start() -> Result<Self> {
        let kafka = Kafka::start(Settings::new(Version::V4_3).advertised(LISTENER, GUEST_VIEW))?;
        kafka.create_topic(TOPIC, PARTITIONS.unsigned_abs())?;
        Ok(Self(kafka))
    }
}

impl Server for Real {
    fn what(&self) -> &str {
        "Kafka 4.3.1"
    }

    fn port(&self) -> Result<u16> {
        let address = self.0.bootstrap_of(LISTENER);
        Ok(address.rsplit(':').next().unwrap_or_default().parse()?)
    }

    fn verdict(&self, log: &[String]) -> Result<()> {
        let read = kcat::consume(&self.0.bootstrap(), TOPIC, &["-f", "%p@%o %T %k %s\n"])?;
        let text = String::from_utf8(read)?;
        judge(&mut text.lines().map(parse).collect::<Result<Vec<_>>>()?, log)
    }
}

/// A line of kcat: place, timestamp, key, value.
fn parse(line: &str) -> Result<Record> {
    let mut fields = line.splitn(4, ' ').map(str::to_owned);
    let mut field = || fields.next().ok_or_else(|| format!("a record of another form: {line}"));
    let (place, timestamp, key, value) = (field()?, field()?, field()?, field()?);
    Ok(Record { place, timestamp: timestamp.parse()?, key, value })
}
