use std::sync::mpsc::{Receiver, Sender, channel};

use super::*;
use crate::register::MemoryRegister;
use crate::testing::eventually;

/// No call of these tests is patient for longer.
const PATIENCE: Duration = Duration::from_millis(5);

fn name(octet: u8) -> Incarnation {
    Incarnation::from_bytes([octet; 16])
}

/// Carries a request out when it is told to, one for each word; says when it has begun one.
struct Gated {
    inner: MemoryRegister,
    go: Mutex<Receiver<()>>,
    begun: Sender<()>,
}

impl Gated {
    fn pass(&self) {
        let _ = self.begun.send(());
        // The other end is gone when the test has ended.
        let _ = self.go.lock().unwrap().recv();
    }
}

impl Register for Gated {
    fn read(&self) -> Result<Option<Entry>, RegisterError> {
        self.pass();
        self.inner.read()
    }

    fn compare_and_swap(
        &self,
        expected: Option<Epoch>,
        active: Incarnation,
        standby: Option<Incarnation>,
    ) -> Result<Tenure, CasError> {
        self.pass();
        self.inner.compare_and_swap(expected, active, standby)
    }
}

struct Rig {
    remote: RemoteRegister,
    inner: MemoryRegister,
    go: Sender<()>,
    begun: Receiver<()>,
}

fn rig() -> Rig {
    patient(PATIENCE)
}

fn patient(patience: Duration) -> Rig {
    let inner = MemoryRegister::new();
    let ((go, told), (begin, begun)) = (channel(), channel());
    let gated = Gated {
        inner: inner.clone(),
        go: Mutex::new(told),
        begun: begin,
    };
    let remote = RemoteRegister::start(gated, "test", "nowhere".to_owned(), patience).unwrap();
    Rig {
        remote,
        inner,
        go,
        begun,
    }
}

impl Rig {
    /// Lets the request under way end, and waits until it has.
    fn finish(&self) {
        self.go.send(()).unwrap();
        eventually("the end of the request", || {
            self.remote.shared.state().request.is_none().then_some(())
        });
    }

    /// Lets one request pass, and reads until its answer has come.
    fn read(&self) -> Option<Entry> {
        self.go.send(()).unwrap();
        eventually("an answer", || self.remote.read().ok())
    }
}

#[test]
fn a_quick_register_answers_as_if_nothing_were_between() {
    let rig = patient(Duration::from_secs(60));
    for _ in 0..3 {
        rig.go.send(()).unwrap();
    }
    assert_eq!(rig.remote.read(), Ok(None));
    let tenure = rig.remote.compare_and_swap(None, name(1), None).unwrap();
    assert_eq!(tenure.epoch(), Epoch(1));
    assert_eq!(rig.remote.read(), Ok(Some(tenure.entry())));
    let health = rig.remote.health().unwrap();
    assert!(health.answered_us_ago.is_some() && health.failing.is_none());
}

#[test]
fn a_swap_that_takes_long_is_of_unknown_outcome_until_it_is_read() {
    let rig = rig();
    let swapped = rig.remote.compare_and_swap(None, name(1), None);
    assert!(matches!(swapped, Err(CasError::Unknown(_))), "{swapped:?}");
    let read = rig.remote.read();
    assert!(
        matches!(read, Err(RegisterError::Unavailable(_))),
        "{read:?}"
    );
    rig.finish();
    let entry = rig.read().unwrap();
    assert_eq!((entry.epoch, entry.active), (Epoch(1), name(1)));
}

#[test]
fn a_swap_that_took_long_and_was_not_made_is_not_seen() {
    let rig = rig();
    rig.inner.set_unavailable(true);
    let swapped = rig.remote.compare_and_swap(None, name(1), None);
    assert!(matches!(swapped, Err(CasError::Unknown(_))), "{swapped:?}");
    rig.finish();
    rig.inner.set_unavailable(false);
    assert_eq!(rig.read(), None);
}

#[test]
fn while_a_request_is_under_way_no_swap_is_begun() {
    let rig = rig();
    assert!(rig.remote.read().is_err());
    let swapped = rig.remote.compare_and_swap(None, name(1), None);
    assert!(
        matches!(swapped, Err(CasError::Unavailable(_))),
        "{swapped:?}"
    );
    rig.finish();
    assert_eq!(rig.inner.peek(), None);
}

#[test]
fn a_read_that_came_late_is_told_to_the_next() {
    let rig = rig();
    assert!(rig.remote.read().is_err());
    rig.finish();
    // No further word lets a request pass: this is the answer to the first.
    assert_eq!(rig.remote.read(), Ok(None));
    assert_eq!(rig.remote.read(), Ok(None));
}

#[test]
fn what_was_read_before_a_swap_is_not_told_after_it() {
    let rig = rig();
    assert!(rig.remote.read().is_err());
    rig.finish();
    assert!(rig.remote.compare_and_swap(None, name(1), None).is_err());
    rig.finish();
    let entry = rig.read().unwrap();
    assert_eq!(entry.epoch, Epoch(1));
}

#[test]
fn all_calls_together_wait_no_longer_than_the_patience_for_one_request() {
    let rig = rig();
    for _ in 0..1000 {
        assert!(rig.remote.read().is_err());
    }
    rig.begun.recv().unwrap();
    assert!(rig.begun.try_recv().is_err(), "one request was made");
    let waited = rig.remote.shared.state().request.as_ref().unwrap().waited;
    assert!(waited < 20 * PATIENCE, "waited {waited:?} in all");
}

#[test]
fn health_tells_of_a_register_that_does_not_answer_and_since_when() {
    let rig = rig();
    assert!(rig.remote.read().is_err());
    let failing = rig.remote.health().unwrap().failing.unwrap();
    assert!(failing.error.contains("no answer within"), "{failing:?}");
    rig.inner.set_unavailable(true);
    rig.finish();
    let failing = rig.remote.health().unwrap().failing.unwrap();
    assert!(failing.error.contains("switched off"), "{failing:?}");
    assert!(failing.since_us_ago >= PATIENCE.as_micros() as u64);
    rig.inner.set_unavailable(false);
    assert_eq!(rig.read(), None);
    assert_eq!(rig.remote.health().unwrap().failing, None);
}
