//! A pair on two TAPs of one bridge, its client, and cuts in a row: each survivor gets a new standby and is cut in its turn.

use super::clock::Moment;
use super::course::Course;
use super::play::{Load, Part, Word};
use super::wire::{Capture, Cut, first_words};
use crate::tap::actor::Actor;
use crate::tap::place::{Place, SPARE_TAP, TAP};
use crate::tap::role::{Role, Said};
use rustix::process::Signal;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long any single wait may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Rest between ready and a cut; a part of it is drawn anew each time, so that cuts fall on no rhythm.
const REST: Duration = Duration::from_millis(150);
const REST_MORE_MS: u64 = 130;

/// Time between two questions to a survivor.
const ASK_AGAIN: Duration = Duration::from_millis(200);

/// How an active is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// SIGKILL.
    Kill,
    /// SIGSTOP.
    Hang,
}

/// What is measured together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Setting {
    /// Connections.
    pub(super) sessions: usize,
    /// What flows on them.
    pub(super) load: Load,
    /// Memory that each node holds besides, MiB.
    pub(super) heap_mib: usize,
}

/// See the module's text.
pub(super) struct Stage {
    setting: Setting,
    taps: [&'static str; 2],
    nodes: [Option<Actor>; 2],
    client: Actor,
    active: usize,
    register: PathBuf,
    captures: Option<[Capture; 2]>,
    cuts: Vec<Cut>,
    courses: Vec<Course>,
    // The last: what runs inside must have ended.
    place: Place,
}

impl Stage {
    /// Raises everything; returns when all connections are ready.
    pub(super) fn raise(setting: Setting) -> io::Result<Stage> {
        let place = Place::with_bridge()?;
        let register = place.register()?;
        let taps = [TAP, SPARE_TAP];
        let start = |at: usize, stands_by| start(&place, &register, &setting, taps[at], stands_by);
        let (active, standby) = (start(0, false)?, start(1, true)?);
        let active = active.until_ready()?;
        let role = Role::Takeover(Part::Client {
            sessions: setting.sessions,
            load: setting.load,
        });
        let mut client = Actor::start(&place.near, &role)?;
        let opened = hear(&mut client, "all sessions open", |said| {
            matches!(said, Said::Opened { .. })
        });
        opened?;
        let captures = [
            Capture::start(&place, taps[0])?,
            Capture::start(&place, taps[1])?,
        ];
        let mut stage = Stage {
            setting,
            taps,
            nodes: [Some(active), Some(standby)],
            client,
            active: 0,
            register,
            captures: Some(captures),
            cuts: Vec::new(),
            courses: Vec::new(),
            place,
        };
        stage.until_ready()?;
        Ok(stage)
    }

    fn node(&mut self, at: usize) -> io::Result<&mut Actor> {
        let node = self.nodes[at].as_mut();
        node.ok_or_else(|| io::Error::other("no node there"))
    }

    fn until_ready(&mut self) -> io::Result<()> {
        let active = self.active;
        let node = self.node(active)?;
        let ready = hear(node, "all connections ready", |said| {
            *said == Said::Takeover(Word::AllReady)
        });
        ready.map(drop)
    }

    /// Cuts the active, waits until every session is served again, and gives the survivor a new standby.
    pub(super) fn cut(&mut self, kind: Kind) -> io::Result<()> {
        let (dead, survivor) = (self.active, 1 - self.active);
        let spread = (self.cuts.len() as u64 * 37) % REST_MORE_MS;
        std::thread::sleep(REST + Duration::from_millis(spread));
        let signal = match kind {
            Kind::Kill => Signal::KILL,
            Kind::Hang => Signal::STOP,
        };
        let moment = Moment::now();
        self.node(dead)?.signal(signal)?;
        let answered = self.answers(moment)?;
        let took = self.how_it_was(survivor)?;
        let course = Course::of(kind, moment, took, answered, self.setting.sessions)?;
        eprintln!("{course}");
        self.courses.push(course);
        self.cuts.push(Cut {
            unix_ns: moment.unix_ns,
            survivor,
        });
        // A stopped process is ended by it as well.
        self.nodes[dead] = None;
        let tap = self.taps[dead];
        let standby = start(&self.place, &self.register, &self.setting, tap, true)?;
        self.nodes[dead] = Some(standby);
        self.active = survivor;
        self.until_ready()
    }

    /// How long the client waited for answers. Nobody answers bulk, and who never waits for room notices nothing.
    fn answers(&mut self, cut: Moment) -> io::Result<Option<Said>> {
        if self.setting.load == Load::Bulk {
            return Ok(None);
        }
        self.client.tell(&cut.mono_us.to_string())?;
        let answered = |said: &Said| matches!(said, Said::Takeover(Word::Answered { .. }));
        hear(&mut self.client, "answers on all sessions", answered).map(Some)
    }

    /// Asks a survivor, who may have to become one first.
    fn how_it_was(&mut self, survivor: usize) -> io::Result<Said> {
        let (node, deadline) = (self.node(survivor)?, Instant::now() + PATIENCE);
        while Instant::now() < deadline {
            node.tell("how was it")?;
            if let Some(said) = node.hear_within(ASK_AGAIN)?
                && matches!(said, Said::Takeover(Word::TookOver { .. }))
            {
                return Ok(said);
            }
        }
        Err(io::Error::new(io::ErrorKind::TimedOut, "nobody took over"))
    }

    /// Takes everything down, and says how all takeovers went.
    pub(super) fn finish(mut self) -> io::Result<Vec<Course>> {
        let mut files = Vec::new();
        for capture in self.captures.take().into_iter().flatten() {
            files.push(capture.stop()?);
        }
        self.nodes = [None, None];
        let [first, second] = &files[..] else {
            return Err(io::Error::other("no captures"));
        };
        let words = first_words([first, second], &self.cuts)?;
        let mut courses = std::mem::take(&mut self.courses);
        for (course, words) in courses.iter_mut().zip(words) {
            let (heard, all) = (words.segment.len(), self.setting.sessions);
            if heard < all {
                let what = format!("the captures show {heard} of {all} sessions spoken to");
                return Err(io::Error::other(what));
            }
            course.words = words;
        }
        Ok(courses)
    }
}

fn start(
    place: &Place,
    register: &std::path::Path,
    setting: &Setting,
    tap: &str,
    stands_by: bool,
) -> io::Result<Actor> {
    let part = Part::Node {
        tap: tap.to_owned(),
        register: register.to_owned(),
        stands_by,
        sessions: setting.sessions,
        echoes: setting.load != Load::Bulk,
        heap_mib: setting.heap_mib,
    };
    Actor::start(&place.near, &Role::Takeover(part))
}

/// What was waited for.
fn hear(actor: &mut Actor, what: &str, wanted: impl Fn(&Said) -> bool) -> io::Result<Said> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match actor.hear_within(left)? {
            Some(said) if wanted(&said) => return Ok(said),
            Some(_) => {}
            None => {
                let what = format!("waited {} s in vain: {what}", PATIENCE.as_secs());
                return Err(io::Error::new(io::ErrorKind::TimedOut, what));
            }
        }
    }
}
