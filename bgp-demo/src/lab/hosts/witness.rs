//! Who saw the register change: etcd tells the order of its entries, and no times. A thread of the laboratory reads it all the time, so
//! that each epoch has a span in which it began.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use pcaps::time::Timestamp;
use tcp_ha::ipc::Register;
use tcp_ha::ipc::register::{EtcdConfig, EtcdRegister};

use super::rounds::now;
use super::{Etcds, KEY};
use crate::lab::error::{At, LabError, Result};

/// How often the register is read; the spans are so long, as long as etcd answers.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// How long a member may take to be connected to, and to answer.
const PATIENCE: Duration = Duration::from_millis(200);

/// A time in which something happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    /// Not before.
    pub(super) after: Timestamp,
    /// Not after.
    pub(super) by: Timestamp,
}

/// What was seen of the register: epochs with the time in which they, or earlier ones that nobody saw, began.
#[derive(Debug, Clone, Default)]
pub(super) struct Sights {
    seen: Vec<(u64, Span)>,
    /// When the last read began that was answered.
    last: Timestamp,
}

impl Sights {
    /// A read from `began` to `ended` found the register in `epoch`; 0 where it was empty.
    pub(super) fn note(&mut self, epoch: u64, began: Timestamp, ended: Timestamp) {
        let newest = self.seen.last().map_or(0, |(epoch, _)| *epoch);
        if epoch > newest {
            // A linearizable read tells what was there at some moment of the read, so the last one was before the change.
            let after = self.last;
            self.seen.push((epoch, Span { after, by: ended }));
        }
        self.last = began;
    }

    /// When `epoch` began.
    pub(super) fn began(&self, epoch: u64) -> Span {
        let at = self.seen.partition_point(|(seen, _)| *seen < epoch);
        let never = Span {
            after: self.last,
            by: Timestamp::from_nanos(u64::MAX),
        };
        self.seen.get(at).map_or(never, |(_, span)| *span)
    }
}

/// The thread; dropped, it ends.
#[derive(Debug)]
pub(super) struct Witness {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<Sights>>,
}

impl Witness {
    /// Begins to look.
    ///
    /// # Errors
    /// The system refuses a thread.
    pub(super) fn start() -> Result<Self> {
        let mut config = EtcdConfig::new(Etcds::urls().to_vec());
        KEY.clone_into(&mut config.key);
        config.connect_timeout = PATIENCE;
        config.answer_timeout = PATIENCE;
        let register = EtcdRegister::open(&config).at("the register's witness")?;
        let over = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&over);
        let look = move || {
            let mut sights = Sights::default();
            while !ended.load(Ordering::Relaxed) {
                let began = now();
                // Where etcd does not answer, nothing is known; the span gets longer.
                if let Ok(entry) = register.read() {
                    let epoch = entry.map_or(0, |entry| entry.epoch.0);
                    sights.note(epoch, began, now());
                }
                thread::sleep(LOOK_EVERY);
            }
            sights
        };
        let thread = thread::Builder::new().name("witness".to_owned());
        let thread = thread.spawn(look).at("the register's witness")?;
        Ok(Self {
            over,
            thread: Some(thread),
        })
    }

    /// Ends the looking: what was seen.
    ///
    /// # Errors
    /// It was ended before, or has panicked.
    pub(super) fn stop(&mut self) -> Result<Sights> {
        self.over.store(true, Ordering::Relaxed);
        let thread = self.thread.take();
        thread
            .and_then(|thread| thread.join().ok())
            .ok_or_else(|| LabError::new("the register's witness has ended too early"))
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: u64) -> Timestamp {
        Timestamp::from_micros(micros)
    }

    #[test]
    fn an_epoch_began_between_the_last_read_without_it_and_the_first_with_it() {
        let mut sights = Sights::default();
        sights.note(0, at(10), at(11));
        sights.note(1, at(20), at(21));
        sights.note(1, at(30), at(31));
        sights.note(2, at(40), at(41));
        let span = |after, by| Span {
            after: at(after),
            by: at(by),
        };
        assert_eq!(sights.began(1), span(10, 21));
        assert_eq!(sights.began(2), span(30, 41));
    }

    #[test]
    fn epochs_that_nobody_saw_began_with_the_next_that_was_seen() {
        let mut sights = Sights::default();
        sights.note(1, at(20), at(21));
        sights.note(4, at(900), at(905));
        let span = Span {
            after: at(20),
            by: at(905),
        };
        assert_eq!([sights.began(2), sights.began(4)], [span, span]);
        assert_eq!(sights.began(5).after, at(900));
        assert_eq!(sights.began(5).by, Timestamp::from_nanos(u64::MAX));
    }
}
