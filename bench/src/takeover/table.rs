//! The table of takeovers.

use super::course::{Course, ranks};
use super::play::Load;
use super::stage::{Kind, Setting, Stage};
use crate::report::{Row, Section};
use crate::spread::Spread;
use std::io;

/// Messages of all sessions in a second, where they converse.
const MESSAGES_A_SECOND: u64 = 5_000;
/// In turn.
const KINDS: [Kind; 2] = [Kind::Kill, Kind::Hang];
/// Rounds that may be spoiled.
const SPOILED_MAX: usize = 5;
/// What a node with a full table holds, MiB.
const FULL_HEAP_MIB: usize = 3 << 10;

fn settings(sessions: usize) -> Vec<Setting> {
    let mut settings = Vec::new();
    let counts = [1, 100, 1_000, sessions];
    for sessions in counts {
        let pause_ms = (sessions as u64 * 1_000).div_ceil(MESSAGES_A_SECOND);
        let loads = [Load::Idle, Load::Messages { pause_ms }, Load::Bulk];
        for load in loads {
            // Each socket of so many holds what it could not send yet.
            if load == Load::Bulk && sessions > 1_000 {
                continue;
            }
            settings.push(Setting {
                sessions,
                load,
                heap_mib: 0,
            });
        }
    }
    let pause_ms = 1_000_000_u64.div_ceil(MESSAGES_A_SECOND);
    settings.push(Setting {
        sessions: 1_000,
        load: Load::Messages { pause_ms },
        heap_mib: FULL_HEAP_MIB,
    });
    settings
}

/// Kills and hangs in turn; only those whose title has these words, where there are any.
///
/// # Errors
/// No root, tcpdump is missing, or no takeover went as it should. A setting of which that is so is left out, and said.
pub fn takeovers(sessions: usize, rounds: usize, only: Option<&str>) -> io::Result<Vec<Section>> {
    let settings = settings(sessions).into_iter();
    let wanted = settings.filter(|it| only.is_none_or(|words| title(it).contains(words)));
    let mut sections = Vec::new();
    let mut failed = None;
    for setting in wanted {
        match section(setting, rounds) {
            Ok(section) => sections.push(section),
            // What else there is to be measured says something all the same.
            Err(error) => {
                eprintln!("not measured: {error}");
                failed = Some(error);
            }
        }
    }
    match failed {
        Some(error) if sections.is_empty() => Err(error),
        _ => Ok(sections),
    }
}

fn title(setting: &Setting) -> String {
    let load = match setting.load {
        Load::Idle => "idle".to_owned(),
        Load::Messages { pause_ms } => format!("messages, each {pause_ms} ms"),
        Load::Bulk => "bulk".to_owned(),
    };
    let heap = match setting.heap_mib {
        0 => String::new(),
        heap_mib => format!(", {} GiB of heap", heap_mib >> 10),
    };
    let sessions = setting.sessions;
    format!("Takeover: {sessions} sessions, {load}{heap}")
}

fn section(setting: Setting, rounds: usize) -> io::Result<Section> {
    let title = title(&setting);
    eprintln!("{title}");
    let mut section = Section::new(
        &title,
        "Each row over all rounds. First segments and acknowledgements: the kernel's times at the survivor's TAP.",
    );
    let failed = |error: io::Error| io::Error::new(error.kind(), format!("{title}: {error}"));
    let (courses, spoiled) = played(setting, rounds).map_err(failed)?;
    for kind in KINDS {
        let of_kind: Vec<&Course> = courses.iter().filter(|it| it.kind == kind).collect();
        section.rows.extend(rows(kind, setting, &of_kind));
    }
    let what = "rounds played again, since nobody was cut who was taken for dead";
    section.rows.push(Row::once(what, "rounds", spoiled as f64));
    Ok(section)
}

/// All rounds, and how many were spoiled: where others use the processors, a living active may be taken for dead.
fn played(setting: Setting, rounds: usize) -> io::Result<(Vec<Course>, usize)> {
    let (mut courses, mut spoiled) = (Vec::new(), 0);
    while courses.len() < rounds * KINDS.len() {
        let mut stage = Stage::raise(setting)?;
        let left = rounds * KINDS.len() - courses.len();
        for number in 0..left {
            // An odd stage before has left the other kind to begin with.
            let kind = KINDS[(courses.len() + number) % KINDS.len()];
            if let Err(error) = stage.cut(kind) {
                spoiled += 1;
                if spoiled > SPOILED_MAX {
                    return Err(error);
                }
                eprintln!("again: {error}");
                break;
            }
        }
        courses.extend(stage.finish()?);
    }
    Ok((courses, spoiled))
}

fn rows(kind: Kind, setting: Setting, courses: &[&Course]) -> Vec<Row> {
    let name = match kind {
        Kind::Kill => "kill",
        Kind::Hang => "hang",
    };
    let mut rows = Vec::new();
    let mut row = |what: &str, goal: Option<&str>, figure: &dyn Fn(&Course) -> Option<f64>| {
        let figures = courses.iter().filter_map(|course| figure(course));
        if let Some(spread) = Spread::of(figures.collect()) {
            let row = Row::of(format!("{name}: {what}"), "ms", spread);
            rows.push(match goal {
                Some(goal) => row.goal(goal),
                None => row,
            });
        }
    };
    let p99 = (kind == Kind::Kill && setting.sessions == 1_000).then_some("<= 5");
    let last = (kind == Kind::Kill && setting.sessions >= 10_000).then_some("<= 50");
    let hang = (kind == Kind::Hang).then_some("<= 30");
    row("cut to detection", None, &|it| Some(it.detection));
    row("detection to fence", None, &|it| Some(it.fence));
    row("fence to the first frame ready", None, &|it| Some(it.built));
    row("fence to the last frame written", None, &|it| {
        Some(it.spoken)
    });
    let segment = |it: &Course, rank: usize| Some(ranks(&it.words.segment)[rank]);
    row("cut to first segment, first session", hang, &|it| {
        segment(it, 0)
    });
    row("cut to first segment, p99 of sessions", p99, &|it| {
        segment(it, 2)
    });
    row("cut to first segment, last session", last, &|it| {
        segment(it, 3)
    });
    let advance = |it: &Course, rank: usize| Some(ranks(&it.words.advance)[rank]);
    row("cut to first advancing ACK, median", None, &|it| {
        advance(it, 1)
    });
    row("cut to first advancing ACK, last", None, &|it| {
        advance(it, 3)
    });
    let waited = |it: &Course, rank: usize| it.answers.map(|answers| answers[rank]);
    row("wait for an answer, median", None, &|it| waited(it, 0));
    row("wait for an answer, longest", None, &|it| waited(it, 1));
    rows
}
