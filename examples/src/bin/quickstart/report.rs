//! What was produced and read back, as tables.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use kafka_examples::chart::sparkline;
use kafka_examples::latency::{Latencies, milliseconds};
use kafka_examples::table::Table;

/// Characters of a chart.
const CHART_WIDTH: usize = 30;

/// A record that was read back.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Its key.
    pub sensor: String,
    /// Where it is.
    pub partition: i32,
    /// Where it is there.
    pub offset: i64,
    /// What the sensor said.
    pub value: f64,
    /// In which unit.
    pub unit: String,
    /// The record's number in this run.
    pub number: u64,
    /// From the call that sent it until the application had it.
    pub latency: Duration,
}

/// All that is to be said.
#[derive(Debug, Default)]
pub struct Report {
    /// Records that were sent.
    pub sent: u64,
    /// From the call that sent a record until its acknowledgement, for each that has one.
    pub acknowledged: Vec<Duration>,
    /// Records that were read back, in the order in which they came.
    pub seen: Vec<Seen>,
}

impl Report {
    /// Records that were read back twice, and records that were not.
    pub fn doubled_and_missing(&self) -> (u64, u64) {
        let mut numbers: Vec<u64> = self.seen.iter().map(|seen| seen.number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let different = numbers.len() as u64;
        (self.seen.len() as u64 - different, self.sent.saturating_sub(different))
    }

    /// A row per sensor and partition.
    pub fn sensors(&self) -> Table {
        let mut rows: BTreeMap<(&str, i32), Vec<&Seen>> = BTreeMap::new();
        for seen in &self.seen {
            rows.entry((&seen.sensor, seen.partition)).or_default().push(seen);
        }
        let mut table =
            Table::new(["sensor", ">partition", ">offsets", ">records", ">last", "", "over time"]);
        for ((sensor, partition), seen) in rows {
            let (Some(first), Some(last)) = (seen.first(), seen.last()) else { continue };
            let values: Vec<f64> = seen.iter().map(|seen| seen.value).collect();
            table.row([
                sensor.to_owned(),
                partition.to_string(),
                format!("{}..{}", first.offset, last.offset),
                seen.len().to_string(),
                format!("{:.1}", last.value),
                last.unit.clone(),
                sparkline(&values, (last.unit == "%").then_some(0.0..100.0), CHART_WIDTH),
            ]);
        }
        table
    }

    /// A row per partition.
    pub fn partitions(&self) -> Table {
        let mut rows: BTreeMap<i32, (i64, i64, u64)> = BTreeMap::new();
        for seen in &self.seen {
            let row = rows.entry(seen.partition).or_insert((seen.offset, seen.offset, 0));
            *row = (row.0.min(seen.offset), row.1.max(seen.offset), row.2 + 1);
        }
        let mut table = Table::new([">partition", ">offsets", ">records"]);
        for (partition, (first, last, count)) in rows {
            table.row([partition.to_string(), format!("{first}..{last}"), count.to_string()]);
        }
        table
    }

    /// Two rows of percentiles.
    pub fn latencies(&self) -> Table {
        let mut table = Table::new(["latency", ">records", ">50 %", ">90 %", ">99 %", ">greatest"]);
        let acknowledged: Latencies = self.acknowledged.iter().copied().collect();
        let consumed: Latencies = self.seen.iter().map(|seen| seen.latency).collect();
        for (what, all) in [("send to acknowledgement", acknowledged), ("send to application", consumed)] {
            let at = |percent| all.percentile(percent).map_or("-".to_owned(), milliseconds);
            table.row([what.to_owned(), all.count().to_string(), at(50.0), at(90.0), at(99.0), at(100.0)]);
        }
        table
    }

    /// The whole report.
    pub fn text(&self) -> String {
        let mut text = format!("{}\n{}\n{}\n", self.sensors(), self.partitions(), self.latencies());
        let (doubled, missing) = self.doubled_and_missing();
        let _ = writeln!(
            text,
            "{} records sent, {} acknowledged, {} read back; {missing} missing, {doubled} twice.",
            self.sent,
            self.acknowledged.len(),
            self.seen.len(),
        );
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(sensor: &str, partition: i32, offset: i64, number: u64) -> Seen {
        Seen {
            sensor: sensor.into(),
            partition,
            offset,
            value: number as f64,
            unit: "%".into(),
            number,
            latency: Duration::from_millis(number),
        }
    }

    #[test]
    fn records_are_counted_by_sensor_and_by_partition() {
        let all =
            vec![seen("cpu", 0, 10, 0), seen("mem", 1, 0, 1), seen("cpu", 0, 12, 2), seen("net", 0, 11, 3)];
        let report = Report { sent: 4, acknowledged: vec![Duration::from_millis(1); 4], seen: all };
        let sensors = report.sensors().to_string();
        assert!(sensors.contains("cpu             0   10..12        2   2.0  %  ▁▁"), "{sensors}");
        let partitions = report.partitions().to_string();
        assert!(partitions.contains("        0   10..12        3"), "{partitions}");
        assert_eq!(report.doubled_and_missing(), (0, 0));
        assert!(
            report.text().ends_with("4 records sent, 4 acknowledged, 4 read back; 0 missing, 0 twice.\n")
        );
    }

    #[test]
    fn what_is_missing_or_twice_is_seen() {
        let all = vec![seen("cpu", 0, 0, 0), seen("cpu", 0, 1, 0), seen("cpu", 0, 2, 1)];
        let report = Report { sent: 3, acknowledged: Vec::new(), seen: all };
        assert_eq!(report.doubled_and_missing(), (1, 1));
        assert!(report.latencies().to_string().contains("-"));
    }
}
