//! Samples of this machine: what the operating system says about it, as JSON keyed by sensor.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sysinfo::{CpuRefreshKind, Disks, MemoryRefreshKind, NetworkData, Networks, RefreshKind, System};

/// Sensors of one kind at most: what has more than that does not fit a screen. The total is always there.
const SENSORS_PER_KIND_MAX: usize = 8;

/// Between two samples at least: the operating system counts CPU time no finer.
pub const INTERVAL_MIN: Duration = sysinfo::MINIMUM_CPU_UPDATE_INTERVAL;

/// A value of a sensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Which sensor, e.g. `cpu.0`. It is the key of the record.
    pub sensor: String,
    /// What it says.
    pub value: f64,
    /// In which unit.
    pub unit: &'static str,
}

impl Sample {
    /// The record's value: `{"value":12.5,"unit":"%","n":17}`. The number tells the records of a run apart.
    pub fn to_json(&self, number: u64) -> String {
        // Three digits say all that these sensors know.
        let value = (self.value * 1e3).round() / 1e3;
        json!({ "value": value, "unit": self.unit, "n": number }).to_string()
    }
}

/// What stands in a record: the value, its unit, and the record's number. `None` for what is not ours.
pub fn from_json(bytes: &[u8]) -> Option<(f64, String, u64)> {
    let json: Value = serde_json::from_slice(bytes).ok()?;
    Some((json.get("value")?.as_f64()?, json.get("unit")?.as_str()?.to_owned(), json.get("n")?.as_u64()?))
}

/// The sensors of this machine.
pub struct Sensors {
    system: System,
    disks: Disks,
    networks: Networks,
    last: Instant,
}

impl Sensors {
    /// Finds them.
    pub fn new() -> Self {
        let kinds = RefreshKind::nothing()
            .with_cpu(CpuRefreshKind::nothing().with_cpu_usage())
            .with_memory(MemoryRefreshKind::nothing().with_ram());
        Sensors {
            system: System::new_with_specifics(kinds),
            disks: Disks::new_with_refreshed_list(),
            networks: Networks::new_with_refreshed_list(),
            last: Instant::now(),
        }
    }

    /// What they say now. CPU, disk and network are means since the call before.
    pub fn sample(&mut self) -> Vec<Sample> {
        self.system.refresh_cpu_usage();
        self.system.refresh_memory();
        self.disks.refresh(true);
        self.networks.refresh(true);
        let seconds = self.last.elapsed().as_secs_f64().max(1e-3);
        self.last = Instant::now();

        let mut samples = Vec::new();
        let mut add = |sensor: String, value: f64, unit: &'static str| {
            samples.push(Sample { sensor, value, unit });
        };
        add("cpu.total".into(), f64::from(self.system.global_cpu_usage()), "%");
        for (number, cpu) in self.system.cpus().iter().enumerate().take(SENSORS_PER_KIND_MAX) {
            add(format!("cpu.{number}"), f64::from(cpu.cpu_usage()), "%");
        }
        add("memory.used".into(), mebi(self.system.used_memory()), "MiB");
        add("memory.available".into(), mebi(self.system.available_memory()), "MiB");
        // One file system may be mounted at many places, and is one disk.
        let mut disks: Vec<_> = self.disks.list().iter().filter(|disk| disk.total_space() > 0).collect();
        disks.sort_by_key(|disk| disk.name().to_owned());
        disks.dedup_by_key(|disk| disk.name().to_owned());
        for disk in disks.into_iter().take(SENSORS_PER_KIND_MAX) {
            let name = disk.name().to_string_lossy().trim_start_matches("/dev/").to_owned();
            let used = disk.total_space().saturating_sub(disk.available_space());
            add(format!("disk.{name}.used"), mebi(used), "MiB");
            let usage = disk.usage();
            add(format!("disk.{name}.read"), kibi(usage.read_bytes) / seconds, "KiB/s");
            add(format!("disk.{name}.written"), kibi(usage.written_bytes) / seconds, "KiB/s");
        }
        // Many machines have interfaces that nobody uses.
        let used = |data: &NetworkData| data.total_received() + data.total_transmitted() > 0;
        let mut networks: Vec<_> = self.networks.iter().filter(|(_, data)| used(data)).collect();
        networks.sort_by_key(|(name, _)| name.as_str());
        for (name, data) in networks.into_iter().take(SENSORS_PER_KIND_MAX) {
            add(format!("net.{name}.received"), kibi(data.received()) / seconds, "KiB/s");
            add(format!("net.{name}.sent"), kibi(data.transmitted()) / seconds, "KiB/s");
        }
        samples
    }
}

fn kibi(bytes: u64) -> f64 {
    bytes as f64 / 1024.0
}

fn mebi(bytes: u64) -> f64 {
    kibi(bytes) / 1024.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_a_cpu_and_memory() {
        let samples = Sensors::new().sample();
        for sensor in ["cpu.total", "cpu.0", "memory.used"] {
            let sample = samples.iter().find(|s| s.sensor == sensor).expect(sensor);
            assert!(sample.value.is_finite() && sample.value >= 0.0, "{sample:?}");
        }
        let mut names: Vec<_> = samples.iter().map(|s| &s.sensor).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), samples.len(), "each sensor once");
    }

    #[test]
    fn what_is_written_can_be_read() {
        let sample = Sample { sensor: "cpu.0".into(), value: 12.34567, unit: "%" };
        assert_eq!(from_json(sample.to_json(7).as_bytes()), Some((12.346, "%".into(), 7)));
        assert_eq!(from_json(b"{\"value\":\"x\",\"n\":1}"), None);
        assert_eq!(from_json(b"\xff"), None);
    }
}
