//! A register that may take long, for a loop that may not wait.
//!
//! Requests run on a thread of their own, one at a time. A call waits for its request a moment at
//! most; then it says that the outcome is not known (a swap) or that the register is out of reach
//! (a read), while the request goes on. So slowness is nothing new to a node: it reads until it
//! knows, as after any unknown outcome. All calls together wait no longer than that moment for any
//! one request, so that a register which answers nothing costs a loop almost nothing.
//!
//! A read that comes while a swap is under way waits for its end, and reads after it. What a read
//! finds after its caller went on is kept a little while for the next one: a register that is always
//! slower than the moment can still be used.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::{CasError, Entry, Failing, Health, Register, RegisterError, Tenure};
use crate::ids::{Epoch, Incarnation};

/// For so long a read that nobody waited for any more may be taken for fresh.
const LATE: Duration = Duration::from_millis(100);
const STACK_OCTETS: usize = 512 << 10;
/// Nice value of the thread: a takeover waits for it.
const PRIORITY: i32 = -15;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Read,
    Swap {
        expected: Option<Epoch>,
        active: Incarnation,
        standby: Option<Incarnation>,
    },
}

#[derive(Clone, Debug)]
enum Answer {
    Read(Result<Option<Entry>, RegisterError>),
    Swap(Result<Tenure, CasError>),
}

impl Answer {
    /// What the register failed with, if it did.
    fn error(&self) -> Option<String> {
        match self {
            Self::Read(Err(error)) => Some(error.to_string()),
            Self::Swap(Err(error @ (CasError::Unknown(_) | CasError::Unavailable(_)))) => {
                Some(error.to_string())
            }
            _ => None,
        }
    }
}

/// The request that is under way.
#[derive(Debug)]
struct Request {
    number: u64,
    asked: Asked,
    since: Instant,
    /// For how long calls have waited for it.
    waited: Duration,
}

#[derive(Debug, Default)]
struct State {
    /// Requests so far.
    number: u64,
    request: Option<Request>,
    /// The last request that ended.
    answer: Option<(u64, Answer)>,
    /// What a read has found, and when, until somebody takes it.
    late: Option<(Option<Entry>, Instant)>,
    answered: Option<Instant>,
    failing: Option<(String, Instant)>,
    ended: bool,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// There is a request, or the end.
    asked: Condvar,
    /// A request has ended.
    answered: Condvar,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A register behind a thread; see the module's text.
#[derive(Debug)]
pub struct RemoteRegister {
    shared: Arc<Shared>,
    patience: Duration,
    kind: &'static str,
    place: String,
}

impl RemoteRegister {
    /// Asks `register`, which is a `kind` at `place`, on a thread of its own; a call waits `patience` at most.
    ///
    /// # Errors
    /// The system's, when there is no thread to be had.
    pub fn start(
        register: impl Register + 'static,
        kind: &'static str,
        place: String,
        patience: Duration,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let worker = Arc::clone(&shared);
        thread::Builder::new()
            .name("register".to_owned())
            .stack_size(STACK_OCTETS)
            .spawn(move || work(&worker, &register))?;
        Ok(Self {
            shared,
            patience,
            kind,
            place,
        })
    }

    /// Hands `asked` to the thread, which must be idle.
    fn submit(&self, state: &mut State, asked: Asked) -> u64 {
        state.number += 1;
        if asked != Asked::Read {
            state.late = None;
        }
        state.request = Some(Request {
            number: state.number,
            asked,
            since: Instant::now(),
            waited: Duration::ZERO,
        });
        self.shared.asked.notify_one();
        state.number
    }

    /// Waits until request `number` has ended, as long as calls may wait for it. Says whether it has.
    fn wait_for<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        number: u64,
    ) -> (MutexGuard<'a, State>, bool) {
        loop {
            let Some(request) = state.request.as_ref().filter(|it| it.number == number) else {
                return (state, true);
            };
            let left = self.patience.saturating_sub(request.waited);
            if left.is_zero() {
                return (state, false);
            }
            let begun = Instant::now();
            let waited = self.shared.answered.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            if let Some(request) = &mut state.request {
                request.waited += begun.elapsed();
            }
        }
    }

    /// Waits until nothing is under way; an error says what still is.
    fn wait_idle(&self) -> Result<MutexGuard<'_, State>, String> {
        let state = self.shared.state();
        let Some(number) = state.request.as_ref().map(|it| it.number) else {
            return Ok(state);
        };
        match self.wait_for(state, number) {
            (state, true) => Ok(state),
            (state, false) => Err(self.slow(&state)),
        }
    }

    fn slow(&self, state: &State) -> String {
        let ms = self.patience.as_millis();
        let last = state
            .failing
            .as_ref()
            .map_or(String::new(), |(error, _)| format!(" (before: {error})"));
        format!("{}: no answer within {ms} ms{last}", self.place)
    }

    /// The answer to request `number`, if it has ended in time.
    fn answer(&self, state: MutexGuard<'_, State>, number: u64) -> Result<Answer, String> {
        let (mut state, ended) = self.wait_for(state, number);
        let answer = state.answer.take_if(|(of, _)| ended && *of == number);
        match answer {
            Some((_, answer)) => {
                state.late = None;
                Ok(answer)
            }
            None => Err(self.slow(&state)),
        }
    }
}

impl Register for RemoteRegister {
    fn read(&self) -> Result<Option<Entry>, RegisterError> {
        let mut state = self.wait_idle().map_err(RegisterError::Unavailable)?;
        if let Some((found, at)) = &state.late
            && at.elapsed() < LATE
        {
            return Ok(*found);
        }
        let number = self.submit(&mut state, Asked::Read);
        match self.answer(state, number) {
            Ok(Answer::Read(found)) => found,
            Ok(Answer::Swap(_)) => Err(RegisterError::Unavailable("answers to another".to_owned())),
            Err(slow) => Err(RegisterError::Unavailable(slow)),
        }
    }

    fn compare_and_swap(
        &self,
        expected: Option<Epoch>,
        active: Incarnation,
        standby: Option<Incarnation>,
    ) -> Result<Tenure, CasError> {
        let mut state = self.wait_idle().map_err(CasError::Unavailable)?;
        let asked = Asked::Swap {
            expected,
            active,
            standby,
        };
        let number = self.submit(&mut state, asked);
        match self.answer(state, number) {
            Ok(Answer::Swap(outcome)) => outcome,
            Ok(Answer::Read(_)) => Err(CasError::Unknown("answers to another".to_owned())),
            Err(slow) => Err(CasError::Unknown(slow)),
        }
    }

    fn health(&self) -> Option<Health> {
        let state = self.shared.state();
        let ago_us = |at: Instant| at.elapsed().as_micros() as u64;
        // One that does not answer fails, though it has not said so yet.
        let stuck = state
            .request
            .as_ref()
            .filter(|it| it.since.elapsed() > self.patience);
        let failing = match (&state.failing, stuck) {
            (Some((error, since)), _) => Some((error.clone(), *since)),
            (None, Some(request)) => Some((self.slow(&state), request.since)),
            (None, None) => None,
        };
        Some(Health {
            kind: self.kind,
            place: self.place.clone(),
            answered_us_ago: state.answered.map(ago_us),
            failing: failing.map(|(error, since)| Failing {
                error,
                since_us_ago: ago_us(since),
            }),
        })
    }
}

impl Drop for RemoteRegister {
    fn drop(&mut self) {
        // Not joined: it may be in the middle of a request.
        self.shared.state().ended = true;
        self.shared.asked.notify_one();
    }
}

/// The life of the thread.
fn work(shared: &Shared, register: &dyn Register) {
    // Where it is not permitted, a busy host makes for slower answers.
    let _ = rustix::process::setpriority_process(None, PRIORITY);
    let mut state = shared.state();
    loop {
        if state.ended {
            return;
        }
        let Some(request) = &state.request else {
            let waited = shared.asked.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
            continue;
        };
        let (number, asked) = (request.number, request.asked);
        drop(state);
        let answer = ask(register, asked);
        state = shared.state();
        state.end(number, answer);
        shared.answered.notify_all();
    }
}

fn ask(register: &dyn Register, asked: Asked) -> Answer {
    match asked {
        Asked::Read => Answer::Read(register.read()),
        Asked::Swap {
            expected,
            active,
            standby,
        } => Answer::Swap(register.compare_and_swap(expected, active, standby)),
    }
}

impl State {
    /// The request under way has ended.
    fn end(&mut self, number: u64, answer: Answer) {
        let now = Instant::now();
        match answer.error() {
            None => {
                self.answered = Some(now);
                self.failing = None;
            }
            Some(error) => {
                let since = self.failing.take().map(|(_, since)| since);
                let begun = self.request.as_ref().map(|it| it.since);
                self.failing = Some((error, since.or(begun).unwrap_or(now)));
            }
        }
        if let Answer::Read(Ok(found)) = &answer {
            self.late = Some((*found, now));
        }
        self.request = None;
        self.answer = Some((number, answer));
    }
}

impl fmt::Display for RemoteRegister {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.place)
    }
}

#[cfg(test)]
mod tests;
