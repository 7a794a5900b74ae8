//! What a run says while it goes on.

use std::time::{Duration, Instant};

/// Tells people how far a run has come; programs read the report.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Progress {
    began: Instant,
}

impl Progress {
    /// Begins to count.
    pub(crate) fn begin() -> Self {
        Self {
            began: Instant::now(),
        }
    }

    /// Time since the beginning.
    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Says a line.
    pub(crate) fn say(&self, line: &str) {
        eprintln!("[{:6.1} s] {line}", self.elapsed().as_secs_f64());
    }
}
