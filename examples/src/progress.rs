//! Progress, for people: a bar on standard error while that is a terminal, and nothing at all when it is not.

use std::io::{IsTerminal, Write, stderr};
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

/// Drawn at most this often.
const INTERVAL: Duration = Duration::from_millis(100);
/// Characters of the bar itself.
const WIDTH: usize = 28;
/// Back to the start of the line, and clear it.
const CLEAR: &str = "\r\x1b[K";

/// A line on standard error. Unlike `eprintln!` it does not panic when nobody listens there any more.
pub fn complain(text: &str) {
    let _ = writeln!(stderr(), "{text}");
}

/// A line of progress. It may be used from several threads; it is gone when this is dropped.
#[derive(Debug)]
pub struct Progress {
    shown: bool,
    drawn: Mutex<Option<Instant>>,
}

impl Progress {
    /// Shown when standard error is a terminal that can clear a line, and `wanted`.
    pub fn new(wanted: bool) -> Progress {
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        Progress { shown: wanted && !dumb && stderr().is_terminal(), drawn: Mutex::new(None) }
    }

    /// How far it is: `done`, the total where that is known, and a text. Asked for only when it is drawn.
    pub fn update(&self, state: impl FnOnce() -> (u64, Option<u64>, String)) {
        if !self.shown {
            return;
        }
        let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        if drawn.is_some_and(|at| at.elapsed() < INTERVAL) {
            return;
        }
        *drawn = Some(Instant::now());
        let (done, total, text) = state();
        let bar = total.map_or(String::new(), |total| bar(done, total));
        let _ = write!(stderr(), "{CLEAR}{bar}{text}");
    }

    /// Does something that may take long: from the second second on it says what is waited for, and for how long.
    pub fn wait<T>(&self, what: &str, call: impl FnOnce() -> T) -> T {
        if !self.shown {
            return call();
        }
        std::thread::scope(|scope| {
            let (done, ended) = mpsc::channel::<()>();
            scope.spawn(move || {
                let begin = Instant::now();
                while ended.recv_timeout(INTERVAL) == Err(mpsc::RecvTimeoutError::Timeout) {
                    let seconds = begin.elapsed().as_secs();
                    if seconds > 0 {
                        self.update(|| (0, None, format!("waiting for {what}: {seconds} s")));
                    }
                }
                self.clear();
            });
            let result = call();
            drop(done);
            result
        })
    }

    /// Takes it away until the next update.
    pub fn clear(&self) {
        if self.drawn.lock().unwrap_or_else(PoisonError::into_inner).take().is_some() {
            let _ = write!(stderr(), "{CLEAR}");
        }
    }

    /// Prints a line on standard error; the bar comes again below it.
    pub fn say(&self, text: &str) {
        let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        let clear = if drawn.take().is_some() { CLEAR } else { "" };
        complain(&format!("{clear}{text}"));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

/// `[████▌   ]  56 %  `
fn bar(done: u64, total: u64) -> String {
    let share = if total == 0 { 1.0 } else { (done as f64 / total as f64).min(1.0) };
    let eighths = (share * (WIDTH * 8) as f64) as usize;
    let mut bar = "█".repeat(eighths / 8);
    if !eighths.is_multiple_of(8) {
        bar.push(['▏', '▎', '▍', '▌', '▋', '▊', '▉'][eighths % 8 - 1]);
    }
    format!("[{bar:<WIDTH$}] {:>3.0} %  ", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_has_one_width_from_nothing_to_too_much() {
        for (done, total) in [(0, 100), (1, 100), (37, 100), (99, 100), (100, 100), (200, 100), (0, 0)] {
            assert_eq!(bar(done, total).chars().count(), WIDTH + 10, "{done} of {total}");
        }
        assert!(bar(0, 100).contains("  0 %") && bar(200, 100).contains("100 %"));
    }
}
