//! Time and CPU of a section, and the line it is reported with.

use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;

struct Usage {
    user: f64,
    system: f64,
    rss_max_kb: i64,
}

fn usage() -> Usage {
    let seconds = |t: TimeVal| t.tv_sec() as f64 + t.tv_usec() as f64 / 1e6;
    match getrusage(UsageWho::RUSAGE_SELF) {
        Ok(u) => {
            Usage { user: seconds(u.user_time()), system: seconds(u.system_time()), rss_max_kb: u.max_rss() }
        }
        Err(_) => Usage { user: 0.0, system: 0.0, rss_max_kb: 0 },
    }
}

/// What is measured, from its start.
pub struct Section {
    usage: Usage,
    start: Instant,
}

impl Section {
    pub fn start() -> Section {
        Section { usage: usage(), start: Instant::now() }
    }

    /// Its end.
    pub fn stop(&self) -> Measured {
        let wall = self.start.elapsed().as_secs_f64();
        let now = usage();
        let (user, sys) = (now.user - self.usage.user, now.system - self.usage.system);
        Measured { wall, user, sys, rss_max_kb: now.rss_max_kb }
    }

    /// Ends it, and prints the line for `n` records of `bytes` together; `extra` begins with a comma.
    pub fn report(&self, n: usize, bytes: u64, extra: &str) {
        self.stop().report(n, bytes, extra);
    }

    /// Prints the line for one latency per record.
    pub fn report_latencies(&self, mut latencies: Vec<Duration>) {
        latencies.sort_unstable();
        let n = latencies.len().max(1);
        let us = |d: Duration| d.as_secs_f64() * 1e6;
        let at = |q: f64| {
            let index = ((n as f64 * q).ceil() as usize).clamp(1, n) - 1;
            us(latencies.get(index).copied().unwrap_or_default())
        };
        let mean = us(latencies.iter().sum::<Duration>()) / n as f64;
        let extra = format!(
            ",\"p50_us\":{:.1},\"p99_us\":{:.1},\"p999_us\":{:.1},\"max_us\":{:.1},\"mean_us\":{mean:.1}",
            at(0.5),
            at(0.99),
            at(0.999),
            at(1.0),
        );
        self.report(latencies.len(), 0, &extra);
    }
}

/// What a section came to.
pub struct Measured {
    wall: f64,
    user: f64,
    sys: f64,
    rss_max_kb: i64,
}

impl Measured {
    /// CPU time of the process, user and system, in ns.
    pub fn cpu_ns(&self) -> f64 {
        (self.user + self.sys) * 1e9
    }

    /// Prints the line for `n` records of `bytes` together; `extra` begins with a comma.
    pub fn report(&self, n: usize, bytes: u64, extra: &str) {
        let Measured { wall, user, sys, rss_max_kb } = self;
        println!(
            "{{\"n\":{n},\"wall\":{wall:.4},\"rps\":{:.0},\"mbps\":{:.2},\"user\":{user:.4},\"sys\":{sys:.4},\
             \"cpu_ns_rec\":{:.1},\"maxrss_kb\":{}{extra}}}",
            n as f64 / wall,
            bytes as f64 / wall / 1e6,
            self.cpu_ns() / n.max(1) as f64,
            rss_max_kb,
        );
    }
}

/// Resident memory now, in KiB; 0 where the system does not say.
pub fn rss_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0)
}
