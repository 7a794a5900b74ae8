//! Load: threads that compete with the route processors for the processors.

use std::hint::spin_loop;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use super::error::{At, Result};

/// Turns between two looks at whether it is over.
const TURNS: u32 = 100_000;

/// Busy threads; dropped, they end.
#[derive(Debug)]
pub(crate) struct Busy {
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Busy {
    /// Starts `count` threads that never rest.
    ///
    /// # Errors
    /// The system refuses a thread.
    pub(crate) fn start(count: usize) -> Result<Self> {
        let mut busy = Self {
            over: Arc::new(AtomicBool::new(false)),
            threads: Vec::with_capacity(count),
        };
        for number in 0..count {
            let name = format!("busy {number}");
            let over = Arc::clone(&busy.over);
            let spin = move || {
                while !over.load(Ordering::Relaxed) {
                    (0..TURNS).for_each(|_| spin_loop());
                }
            };
            let thread = thread::Builder::new().name(name.clone());
            busy.threads.push(thread.spawn(spin).at(name)?);
        }
        Ok(busy)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}
