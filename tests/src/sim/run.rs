//! One life: phases of traffic and faults, each ending in calm.

use super::fault::{Fault, Faults};
use super::plan;
use super::report::Figures;
use crate::world::{Dice, Weather, World};
use std::cell::RefCell;
use std::fmt;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

/// Each life has at least so many turns of nodes and peers.
pub const STEPS_MIN: u64 = 2_000;

/// Takeovers that a life has at least.
const TAKEOVERS_MIN: u32 = 3;

/// Other faults that a life has at least.
const OTHERS_MIN: u64 = 5;

/// Once the faults stop, all sessions are ready again within this simulated time, in microseconds.
pub const CALM_US: u64 = 15_000_000;

/// The channel of a life is so late at most, with hangs shorter than the silence that means something.
const LATE_US: u64 = 50_000;

/// A life under way.
pub struct Life {
    /// Where it is lived.
    pub world: World,
    pub(super) dice: Dice,
    /// What it met.
    pub faults: Faults,
    /// Client connections that ended, and were opened again.
    pub reopened: u64,
    step_limit: u64,
}

/// What was wrong with a life.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Its seed.
    pub seed: u64,
    /// Who found it.
    pub checker: String,
    /// What was found.
    pub what: String,
    /// After so many turns.
    pub step: u64,
    /// The last lines of its trace.
    pub trace: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Failure {
            seed,
            step,
            checker,
            what,
            ..
        } = self;
        write!(f, "seed {seed}, step {step}: [{checker}] {what}")
    }
}

/// Lines of a trace that are shown.
const TRACE_LINES: usize = 1_000;

thread_local! {
    static LAST_PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

static HOOK: Once = Once::new();

/// Lives the life of a seed; with `traced`, a failure tells what came before it.
///
/// # Errors
/// What a checker found.
pub fn live(seed: u64, traced: bool) -> Result<Figures, Box<Failure>> {
    live_until(seed, traced, u64::MAX)
}

/// Lives the life of a seed, at most so many steps of it.
///
/// # Errors
/// What a checker found.
pub fn live_until(seed: u64, traced: bool, step_limit: u64) -> Result<Figures, Box<Failure>> {
    HOOK.call_once(|| {
        let shown = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let quiet = LAST_PANIC.with_borrow_mut(|last| {
                last.as_mut().map(|last| *last = info.to_string()).is_some()
            });
            if !quiet {
                shown(info);
            }
        }));
    });
    LAST_PANIC.set(Some(String::new()));
    let mut life = Life::new(seed, step_limit);
    life.world.trace.on = traced;
    let lived = panic::catch_unwind(AssertUnwindSafe(|| life.run()));
    let told = LAST_PANIC.take().unwrap_or_default();
    if lived.is_ok() {
        return Ok(life.figures());
    }
    Err(Box::new(failure(seed, &told, &life)))
}

fn failure(seed: u64, told: &str, life: &Life) -> Failure {
    // "panicked at file:line:column:" comes first, then what was said.
    let (place, said) = told.split_once('\n').unwrap_or(("", told));
    let named = said
        .strip_prefix('[')
        .and_then(|rest| rest.split_once("] "));
    let (checker, what) = match named {
        Some((checker, what)) => (checker.to_owned(), what.to_owned()),
        None => ("assertion".to_owned(), format!("{said} ({place})")),
    };
    Failure {
        seed,
        checker,
        what,
        step: life.world.steps,
        trace: life
            .world
            .trace
            .last(TRACE_LINES)
            .map(str::to_owned)
            .collect(),
    }
}

impl Life {
    fn new(seed: u64, step_limit: u64) -> Life {
        let mut dice = Dice::new(seed);
        let mut world = World::new(plan::scenario(seed, &mut dice));
        world.leaps = true;
        world.compares = true;
        world.keeps_sent = false;
        // Where there are several versions, nodes of all of them meet.
        world.mixes_versions = Some(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        world.onlooker.late_us = LATE_US;
        world.wishes.closes_after_peer = true;
        world.wishes.ends_the_other = dice.one_in(3);
        world.wishes.supplies_late = dice.below(20) as u32;
        if !dice.one_in(4) {
            world.segment.learned = Some(Default::default());
        }
        Life {
            world,
            dice,
            faults: Faults::default(),
            reopened: 0,
            step_limit,
        }
    }

    fn run(&mut self) {
        self.world.add_node();
        self.world.turn();
        if !self.dice.one_in(5) {
            self.world.add_node();
        }
        self.world.peer.connect(self.world.now_us);
        while !self.is_full() {
            if self.dice.one_in(4) {
                self.turns_up_to(60);
            } else {
                self.calm();
            }
            self.phase();
            self.end_conditions();
        }
        self.calm();
        self.attack_shadow(self.world.scenario.seed);
        self.calm();
    }

    fn is_full(&self) -> bool {
        self.world.steps >= STEPS_MIN
            && self.world.takeovers >= TAKEOVERS_MIN
            && self.faults.others() >= OTHERS_MIN
    }

    /// Traffic with one fault, or several at once.
    fn phase(&mut self) {
        let more = self.dice.below(4_000);
        let message = self.world.scenario.message;
        self.world.peer.send_more(plan::whole(message, more));
        self.world.wake_all();
        self.turns_up_to(12);
        let conditions = self.dice.pick(&[0, 1, 1, 2]);
        for _ in 0..conditions {
            self.meet_condition();
            self.turns_up_to(25);
        }
        if self.dice.one_in(2) {
            self.meet_takeover();
            self.turns_up_to(200);
            if self.dice.one_in(4) {
                self.meet_takeover();
                self.turns_up_to(200);
            }
        } else {
            self.turns_up_to(80);
        }
    }

    pub(super) fn turns_up_to(&mut self, bound: u64) {
        for _ in 0..self.dice.below(bound) {
            self.turn();
        }
    }

    pub(super) fn turn(&mut self) {
        if self.world.steps >= self.step_limit {
            panic!("[limit] after {} steps", self.world.steps);
        }
        self.world.turn();
        self.look_after_clients();
    }

    pub(super) fn meet(&mut self, fault: Fault) {
        self.faults.count(fault);
        let now_us = self.world.now_us;
        self.world.trace.note(now_us, || format!("==== {fault:?}"));
        self.world.wake_all();
    }

    /// All that lasts ends; what is dead stays dead.
    fn end_conditions(&mut self) {
        let world = &mut self.world;
        world.loss = 0;
        world.segment.weather = Weather::default();
        world.segment.plug_all();
        world.register.set_unavailable(false);
        world.register.tell_outcomes();
        world.moody.stay_calm();
        world.peer.reads = true;
        world.wishes.pauses = false;
        if let Some(channel) = &mut world.channel {
            for pipe in [&mut channel.to_active, &mut channel.to_standby] {
                pipe.held = false;
                pipe.delay_us = 0;
                pipe.octets_at_a_time = 0;
            }
        }
        self.protect_again();
        self.wake_the_hanging();
        let now_us = self.world.now_us;
        self.world.trace.note(now_us, || "==== calm".to_owned());
        self.world.wake_all();
    }

    /// The faults stop: within a bound, all sessions are ready and everything has come back.
    fn calm(&mut self) {
        self.end_conditions();
        let end_us = self.world.now_us + CALM_US;
        while !self.is_calm() {
            if self.world.now_us >= end_us {
                let why = self.unrest();
                panic!("[liveness] {CALM_US} us after the last fault: {why}");
            }
            self.wake_the_heir();
            self.keep_nodes();
            self.world.give_up_forgotten();
            self.turn();
        }
    }

    fn figures(&self) -> Figures {
        Figures {
            seeds: 1,
            steps: self.world.steps,
            simulated_us: self.world.now_us,
            takeovers: u64::from(self.world.takeovers),
            cold_starts: u64::from(self.world.cold_starts),
            reopened: self.reopened,
            backed: self.world.onlooker.backed,
            level: self.world.level,
            judged: self.world.peer.judged(),
            faults: self.faults.clone(),
        }
    }
}
