//! Playing a script.

mod compare;
mod failure;

use super::line::{Call, Comparison, Field, Line, Packet, Script, What, When};
use super::show::seconds;
use super::stage::{Answer, Pending, Stage, Step};
use compare::differences;
pub use failure::Failure;

/// `*` waits for at most so long, in microseconds.
const PATIENCE: u64 = 4 * 3_600 * 1_000_000;
/// No script lets timers fire so often.
const STEPS: usize = 1_000_000;

/// Plays a script as written; then, unless it says `--cuts=off`, once for each of its lines with a takeover before that line. After a takeover
/// only what must hold for every script is looked at: no checkpoint is refused, twins are equal, edge and TSval do not go back.
///
/// # Errors
/// The first line that did not come true, with what was seen instead.
pub fn run(script: &Script) -> Result<(), Failure> {
    Player::new(script, None)?.play()?;
    if script.settings.cuts {
        for at in 1..script.lines.len() {
            Player::new(script, Some(at))?.play()?;
        }
    }
    Ok(())
}

/// A call that has not returned.
struct Waiting<'a> {
    line: &'a Line,
    call: &'a Call,
    pending: Pending,
    until: u64,
}

struct Player<'a> {
    script: &'a Script,
    stage: Stage,
    /// When the line before came true.
    last: u64,
    waiting: Option<Waiting<'a>>,
    cut: Option<usize>,
    /// After a cut what leaves is not compared.
    strict: bool,
    trace: Vec<String>,
}

impl<'a> Player<'a> {
    fn new(script: &'a Script, cut: Option<usize>) -> Result<Player<'a>, Failure> {
        let active = script
            .lines
            .iter()
            .any(|line| matches!(&line.what, What::Call(call) if call.name == "connect"));
        let stage = Stage::new(&script.settings, active)
            .map_err(|what| Failure::without_line(&script.name, what))?;
        Ok(Player {
            script,
            stage,
            last: 0,
            waiting: None,
            cut,
            strict: true,
            trace: Vec::new(),
        })
    }

    fn play(mut self) -> Result<(), Failure> {
        for (at, line) in self.script.lines.iter().enumerate() {
            if self.cut == Some(at) {
                if !self.stage.has_connections() {
                    return Ok(());
                }
                self.trace
                    .push(format!("{} takeover", seconds(self.stage.now())));
                self.strict = false;
                self.stage
                    .take_over()
                    .map_err(|what| self.failure(line, what))?;
            }
            self.play_line(line)
                .map_err(|what| self.failure(line, what))?;
        }
        let Some(line) = self.script.lines.last() else {
            return Ok(());
        };
        self.nothing_unexpected()
            .map_err(|what| self.failure(line, what))?;
        match &self.waiting {
            Some(waiting) if self.strict => {
                Err(self.failure(waiting.line, "the call never returned".into()))
            }
            _ => Ok(()),
        }
    }

    fn failure(&self, line: &Line, what: String) -> Failure {
        Failure::new(self.script, line, self.cut, what, &self.trace)
    }

    fn play_line(&mut self, line: &'a Line) -> Result<(), String> {
        let (from, to) = self.window(line.when);
        if let What::Out(packet) = &line.what {
            return self.expect(line.when, packet, from, to);
        }
        self.advance(from)?;
        let looks = matches!(
            line.what,
            What::State(_) | What::Info(_) | What::Dropped(..) | What::Peer(_)
        );
        if !looks {
            self.nothing_unexpected()?;
        }
        self.trace.push(format!("{} {}", seconds(from), line.text));
        self.last = from;
        match &line.what {
            What::Out(_) => Ok(()),
            What::In(packet) => self.stage.arrive(packet),
            What::Icmp(icmp) => self.stage.icmp(icmp),
            What::Takeover => self.stage.take_over(),
            What::Peer(number) => {
                self.stage.choose_peer(*number);
                Ok(())
            }
            What::Call(call) => self.begin_call(line, call, from),
            What::State(_) | What::Info(_) | What::Dropped(..) if !self.strict => Ok(()),
            What::State(state) => match self.stage.state() {
                seen if seen == *state => Ok(()),
                seen => Err(format!("the state is {seen}")),
            },
            What::Info(field) => self.check_field(field),
            What::Dropped(reason, count) => match self.stage.dropped(reason)? {
                seen if seen == *count => Ok(()),
                seen => Err(format!("{seen} segments were dropped as {reason}")),
            },
        }?;
        self.ask_waiting()
    }

    /// The moments between which a line may come true.
    fn window(&self, when: When) -> (u64, u64) {
        let now = self.stage.now();
        match when {
            When::At(at) => (at, at),
            When::After(after) => (self.last + after, self.last + after),
            When::AtBetween(from, to) => (from, to),
            When::AfterBetween(from, to) => (self.last + from, self.last + to),
            When::Any => (now, now + PATIENCE),
        }
    }

    /// Lets time pass, timers included.
    fn advance(&mut self, to: u64) -> Result<(), String> {
        for _ in 0..STEPS {
            match self.stage.next_timeout() {
                Some(at) if at <= to => {
                    self.stage.advance_to(at)?;
                    self.ask_waiting()?;
                }
                _ => {
                    return self.stage.advance_to(to);
                }
            }
        }
        Err("timers fire without end".into())
    }

    /// The next segment is this one, and leaves in time.
    fn expect(&mut self, when: When, packet: &Packet, from: u64, to: u64) -> Result<(), String> {
        if !self.strict {
            let at = from.max(self.stage.now());
            self.last = at;
            self.stage.sent.clear();
            return self.advance(at);
        }
        let tolerance = self.script.settings.tolerance_micros;
        let latest = to + tolerance;
        while self.stage.sent.is_empty() {
            match self.stage.next_timeout() {
                Some(at) if at <= latest => self.advance(at.max(self.stage.now()))?,
                _ => {
                    self.advance(latest)?;
                    return Err(format!(
                        "expected by {}: > {packet}\n  nothing left",
                        seconds(to)
                    ));
                }
            }
        }
        let Some(seen) = self.stage.sent.pop_front() else {
            return Err("nothing left".into());
        };
        compare::learn_clock(&mut self.stage, &seen, packet);
        let flow = self.stage.flow();
        let shown = seen.packet(flow.bases);
        self.trace.push(format!("{} > {shown}", seconds(seen.at)));
        let mut differs = differences(packet, &shown, &seen);
        if seen.dst != flow.remote || seen.src != flow.local {
            differs.push(format!("the flow ({} to {})", seen.src, seen.dst));
        }
        if seen.at > latest || seen.at + tolerance < from {
            differs.push("the time".into());
        }
        self.last = match when {
            When::At(_) | When::After(_) => from,
            _ => seen.at,
        };
        if differs.is_empty() {
            return Ok(());
        }
        Err(format!(
            "expected {}: > {packet}\n  seen     {}: > {shown}\n  differs in {}",
            seconds(from),
            seconds(seen.at),
            differs.join(", ")
        ))
    }

    /// No segment has left that no line speaks of.
    fn nothing_unexpected(&mut self) -> Result<(), String> {
        if !self.strict {
            self.stage.sent.clear();
            return Ok(());
        }
        let Some(seen) = self.stage.sent.pop_front() else {
            return Ok(());
        };
        let shown = seen.packet(self.stage.flow().bases);
        Err(format!("unexpected, at {}: > {shown}", seconds(seen.at)))
    }

    fn begin_call(&mut self, line: &'a Line, call: &'a Call, from: u64) -> Result<(), String> {
        if self.waiting.is_some() {
            return if self.strict {
                Err("an earlier call has not returned".into())
            } else {
                Ok(())
            };
        }
        let step = self.stage.call(call)?;
        if !self.strict {
            // What it returns may differ after a takeover, and what it reads may not be there yet.
            return Ok(());
        }
        match step {
            Step::Waits(pending) => {
                let relative = matches!(line.when, When::After(_));
                let before = if relative { from - after(line.when) } else { 0 };
                let Some(until) = line.until else {
                    return Err("the call blocks".into());
                };
                self.waiting = Some(Waiting {
                    line,
                    call,
                    pending,
                    until: before + until,
                });
                Ok(())
            }
            Step::Returned(answer) => returned(call, answer),
        }
    }

    /// A call that waits may return now.
    fn ask_waiting(&mut self) -> Result<(), String> {
        let Some(waiting) = self.waiting.take() else {
            return Ok(());
        };
        let Waiting {
            line,
            call,
            pending,
            until,
        } = waiting;
        let step = self.stage.attempt(pending)?;
        let (now, tolerance) = (self.stage.now(), self.script.settings.tolerance_micros);
        let answer = match step {
            Step::Returned(answer) => answer,
            Step::Waits(_) if self.strict && now > until + tolerance => {
                return Err(format!("`{}` has not returned", line.text));
            }
            Step::Waits(pending) => {
                self.waiting = Some(Waiting {
                    line,
                    call,
                    pending,
                    until,
                });
                return Ok(());
            }
        };
        if !self.strict {
            return Ok(());
        }
        if now.abs_diff(until) > tolerance {
            return Err(format!("`{}` returned at {}", line.text, seconds(now)));
        }
        returned(call, answer)
    }

    fn check_field(&mut self, field: &Field) -> Result<(), String> {
        let info = self.stage.connection().ok_or("there is no connection")?;
        let seen = compare::field(&info, &field.name)?;
        let holds = match field.comparison {
            Comparison::Equal => seen == field.value,
            Comparison::Other => seen != field.value,
            Comparison::AtMost => seen <= field.value,
            Comparison::AtLeast => seen >= field.value,
            Comparison::Below => seen < field.value,
            Comparison::Above => seen > field.value,
        };
        if holds {
            Ok(())
        } else {
            Err(format!("{} is {seen}", field.name))
        }
    }
}

fn after(when: When) -> u64 {
    match when {
        When::After(after) => after,
        _ => 0,
    }
}

/// A call returned what the script says.
fn returned(call: &Call, answer: Answer) -> Result<(), String> {
    let right = match answer {
        Answer::Done(value) => value == call.value && call.errno.is_none(),
        Answer::Failed(error) => call.value == -1 && call.errno.as_deref() == Some(error),
    };
    if right {
        Ok(())
    } else {
        Err(format!("the call came to {answer:?}"))
    }
}

#[cfg(test)]
mod tests;
