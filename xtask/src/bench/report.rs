//! The table.

use std::collections::HashMap;
use std::fmt::Write;

use super::contestants::{FLOOR, THIS};
use super::workloads::{Measure, TABLES, Table, Workload};

/// A number of a line of JSON without nesting.
pub fn field(line: &str, name: &str) -> Option<f64> {
    let rest = line.split(&format!("\"{name}\":")).nth(1)?;
    rest.split([',', '}']).next()?.parse().ok()
}

/// What one run gave, or the best of several.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Result {
    cpu_ns: f64,
    per_second: f64,
    p50_us: f64,
    p99_us: f64,
    idle_kb: f64,
    peak_kb: f64,
    pub errors: u64,
}

impl Result {
    pub fn parse(line: &str) -> Result {
        let number = |name| field(line, name).unwrap_or(0.0);
        Result {
            cpu_ns: number("cpu_ns_rec"),
            per_second: number("rps"),
            p50_us: number("p50_us"),
            p99_us: number("p99_us"),
            idle_kb: number("idle_rss_kb"),
            peak_kb: number("maxrss_kb"),
            errors: number("errors") as u64,
        }
    }

    /// Each figure by itself: the least, and of rates the greatest.
    fn best(self, other: Result) -> Result {
        Result {
            cpu_ns: self.cpu_ns.min(other.cpu_ns),
            per_second: self.per_second.max(other.per_second),
            p50_us: self.p50_us.min(other.p50_us),
            p99_us: self.p99_us.min(other.p99_us),
            idle_kb: self.idle_kb.min(other.idle_kb),
            peak_kb: self.peak_kb.min(other.peak_kb),
            errors: self.errors.max(other.errors),
        }
    }

    fn figure(&self, measure: Measure) -> f64 {
        match measure {
            Measure::Cpu => self.cpu_ns,
            Measure::Rate => self.per_second / 1e3,
            Measure::Latency => self.p50_us,
            Measure::Idle => self.idle_kb / 1024.0,
        }
    }

    pub fn show(&self, work: &Workload) -> String {
        let figure = self.figure(work.measure);
        match work.measure {
            Measure::Latency => format!("{figure:.0} / {:.0}", self.p99_us),
            Measure::Idle => format!("{figure:.1}"),
            Measure::Cpu | Measure::Rate => format!("{figure:.0}"),
        }
    }
}

fn unit(measure: Measure) -> &'static str {
    match measure {
        Measure::Cpu => "ns of CPU per record",
        Measure::Rate => "thousand records/s",
        Measure::Latency => "50 % / 99 %, µs",
        Measure::Idle => "MiB",
    }
}

/// The best results so far.
pub struct Report {
    names: Vec<&'static str>,
    best: HashMap<(&'static str, &'static str), Result>,
}

impl Report {
    pub fn new(names: Vec<&'static str>) -> Report {
        Report { names, best: HashMap::new() }
    }

    pub fn add(&mut self, work: &Workload, name: &'static str, result: Result) {
        let best = self.best.entry((work.name, name)).or_insert(result);
        *best = best.best(result);
    }

    /// The tables that have results, each under its title.
    pub fn markdown(&self, work: &[&Workload]) -> String {
        let mut text = String::new();
        for (table, title) in TABLES {
            let rows: Vec<&Workload> = work.iter().copied().filter(|work| work.table == table).collect();
            let columns: Vec<&str> =
                self.names.iter().copied().filter(|name| self.took_part(&rows, name)).collect();
            if !columns.is_empty() {
                let _ = writeln!(text, "## {title}\n\n{}", self.table(&rows, &columns));
            }
        }
        text
    }

    fn took_part(&self, rows: &[&Workload], name: &str) -> bool {
        rows.iter().any(|work| self.best(work, name).is_some())
    }

    fn best(&self, work: &Workload, name: &str) -> Option<Result> {
        self.best.iter().find(|((w, n), _)| *w == work.name && *n == name).map(|(_, best)| *best)
    }

    /// A row for each workload, a column for each contestant, and how this client stands to the floor.
    fn table(&self, rows: &[&Workload], columns: &[&str]) -> String {
        let ratios = columns.contains(&THIS) && columns.contains(&FLOOR);
        let (title, rule) = if ratios { (" this ÷ floor |", " --- |") } else { ("", "") };
        let mut text = format!("| workload | figure | {} |{title}\n", columns.join(" | "));
        let _ = writeln!(text, "| --- | --- |{}{rule}", " --- |".repeat(columns.len()));
        for work in rows {
            let figures =
                row(work.what, unit(work.measure), columns, |name| Some(self.best(work, name)?.show(work)));
            let ratio = self
                .best(work, THIS)
                .zip(self.best(work, FLOOR))
                .map_or("–".to_owned(), |(this, floor)| {
                    format!("{:.2}", this.figure(work.measure) / floor.figure(work.measure))
                });
            let _ = writeln!(text, "{figures}{}", if ratios { format!(" {ratio} |") } else { String::new() });
            if work.mode == "produce" && work.table == Table::Clients {
                let peak = |name: &str| Some(format!("{:.0}", self.best(work, name)?.peak_kb / 1024.0));
                let peaks = row("– its peak of resident memory", "MiB", columns, peak);
                let _ = writeln!(text, "{peaks}{}", if ratios { " – |" } else { "" });
            }
        }
        text
    }
}

fn row(what: &str, unit: &str, columns: &[&str], cell: impl Fn(&str) -> Option<String>) -> String {
    let cells: Vec<String> = columns.iter().map(|name| cell(name).unwrap_or("–".to_owned())).collect();
    format!("| {what} | {unit} | {} |", cells.join(" | "))
}

#[cfg(test)]
mod tests {
    use super::super::workloads::WORKLOADS;
    use super::*;

    #[test]
    fn numbers_are_found_by_their_names() {
        let line = r#"{"n":10,"cpu_ns_rec":71.5,"maxrss_kb":2048}"#;
        assert_eq!(field(line, "cpu_ns_rec"), Some(71.5));
        assert_eq!(field(line, "maxrss_kb"), Some(2048.0));
        assert_eq!(field(line, "rec"), None);
    }

    #[test]
    fn the_best_of_the_rounds_is_shown_with_its_ratio_to_the_floor() {
        let mut report = Report::new(vec![THIS, FLOOR]);
        for (name, ns) in [(THIS, 80), (THIS, 60), (FLOOR, 30), (FLOOR, 45)] {
            report.add(
                &WORKLOADS[0],
                name,
                Result::parse(&format!("{{\"cpu_ns_rec\":{ns},\"maxrss_kb\":4096}}")),
            );
        }
        let text = report.markdown(&[&WORKLOADS[0]]);
        assert!(text.contains("| ns of CPU per record | 60 | 30 | 2.00 |"), "{text}");
        assert_eq!(text.matches("## ").count(), 1, "a table without results: {text}");
    }
}
