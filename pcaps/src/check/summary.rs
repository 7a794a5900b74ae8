//! From what was followed to a report.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::check::config::CheckConfig;
use crate::check::judge::Judge;
use crate::check::report::{
    CaptureCounts, DirectionReport, FlowReport, Opening, Report, SessionReport, Verdict,
};
use crate::check::session::Pair;
use crate::check::side::Side;
use crate::check::track::{Table, Tracked};
use crate::flow::{Direction, Flow};

/// Lines on what could not be judged; further ones are counted.
const UNJUDGED_MAX: usize = 200;

/// What could not be judged, as it is gathered.
#[derive(Default)]
struct Unjudged {
    lines: Vec<String>,
    more: u64,
}

impl Unjudged {
    fn note(&mut self, line: String) {
        if self.lines.len() < UNJUDGED_MAX {
            self.lines.push(line);
        } else {
            self.more += 1;
        }
    }

    fn into_lines(mut self) -> Vec<String> {
        if self.more > 0 {
            self.lines.push(format!("{} more", self.more));
        }
        self.lines
    }
}

pub(super) fn summarize(
    config: &CheckConfig,
    table: Table,
    judge: Judge,
    counts: CaptureCounts,
) -> Report {
    let mut unjudged = Unjudged::default();
    note_capture(config, &counts, &table, &mut unjudged);
    let flows: Vec<FlowReport> = table
        .flows
        .into_iter()
        .map(|tracked| flow_report(config, tracked, &mut unjudged))
        .collect();
    let sessions = sessions(config, &flows);
    let unjudged = unjudged.into_lines();
    let verdict = if !judge.broken.is_empty() {
        Verdict::Fail
    } else if !unjudged.is_empty() {
        Verdict::Inconclusive
    } else {
        Verdict::Pass
    };
    Report {
        verdict,
        unjudged,
        broken: judge.broken,
        violations: judge.violations,
        capture: counts,
        sessions,
        flows,
    }
}

fn note_capture(
    config: &CheckConfig,
    counts: &CaptureCounts,
    table: &Table,
    unjudged: &mut Unjudged,
) {
    let judged = |tracked: &Tracked| {
        let open = !matches!(tracked.opening, Opening::Refused | Opening::Unanswered);
        open && is_judged(config, &tracked.flow)
    };
    if !table.flows.iter().any(judged) {
        let whose = if config.us.is_empty() {
            ""
        } else {
            " of the addresses given"
        };
        unjudged.note(format!("no open TCP connection{whose} is in the capture"));
    }
    for (reason, count) in &counts.skipped {
        unjudged.note(format!("{count} packet(s) could not be read: {reason}"));
    }
    if counts.untracked > 0 {
        unjudged.note(format!(
            "{} segment(s) of connections beyond the first {}",
            counts.untracked, config.flows_max
        ));
    }
    if counts.dropped_by_capture > 0 {
        let dropped = counts.dropped_by_capture;
        unjudged.note(format!(
            "{dropped} packet(s) lost by the capture, as it says"
        ));
    }
    if counts.truncated {
        unjudged.note("the file ends within a packet".to_owned());
    }
}

fn flow_report(config: &CheckConfig, tracked: Tracked, unjudged: &mut Unjudged) -> FlowReport {
    let Tracked {
        flow,
        opening,
        first,
        last,
        client,
        server,
        reset: _,
        attempt: _,
        previous: _,
        broken,
    } = tracked;
    let before = unjudged.lines.len() as u64 + unjudged.more;
    if opening == Opening::NotCaptured {
        unjudged.note(format!("{flow}: the capture lacks its SYN exchange"));
    }
    let mut direction = |side: Side, which: Direction| {
        let name = format!("{} > {}", flow.source(which), flow.destination(which));
        note_side(&side, &name, unjudged);
        direction_report(side)
    };
    let from_client = direction(client, Direction::FromClient);
    let from_server = direction(server, Direction::FromServer);
    let gaps = unjudged.lines.len() as u64 + unjudged.more > before;
    let broken = broken.values().sum();
    FlowReport {
        verdict: match (broken, gaps || !is_judged(config, &flow)) {
            (0, false) => Verdict::Pass,
            (0, true) => Verdict::Inconclusive,
            _ => Verdict::Fail,
        },
        id: flow.id,
        ends: flow.ends,
        ours: flow.ours,
        opening,
        first,
        last,
        broken,
        from_client,
        from_server,
    }
}

/// Whether one of a flow's ends is under test.
fn is_judged(config: &CheckConfig, flow: &Flow) -> bool {
    config.us.is_empty()
        || config.us.contains(&flow.ends.client.ip())
        || config.us.contains(&flow.ends.server.ip())
}

/// Notes what could not be judged of one direction.
fn note_side(side: &Side, name: &str, unjudged: &mut Unjudged) {
    let report = &side.report;
    if side.edge_unjudged {
        unjudged.note(format!(
            "{name}: window edge, since its scale was not captured"
        ));
    }
    if report.lost_by_capture > 0 {
        let lost = report.lost_by_capture;
        unjudged.note(format!(
            "{name}: {lost} octet(s) acknowledged but not in the capture"
        ));
    }
    if report.uncompared_octets > 0 {
        let octets = report.uncompared_octets;
        unjudged.note(format!(
            "{name}: {octets} octet(s) sent again, whose first sending is not at hand"
        ));
    }
    if report.out_of_place > 0 {
        let segments = report.out_of_place;
        unjudged.note(format!("{name}: {segments} segment(s) far from its stream"));
    }
    if let Some(beyond) = side.acked_beyond {
        unjudged.note(format!(
            "{name}: packet {} acknowledges {} octet(s) that the capture lacks, and nothing after it tells whether they were sent",
            beyond.place.packet,
            beyond.ack.octets_since(side.snd_max)
        ));
    }
}

fn direction_report(side: Side) -> DirectionReport {
    let beyond_gap = side.stream.waiting_octets() as u64;
    DirectionReport {
        beyond_gap,
        silences: side.silences.into_longest(),
        ..side.report
    }
}

fn sessions(config: &CheckConfig, flows: &[FlowReport]) -> Vec<SessionReport> {
    let mut sessions: BTreeMap<Pair, SessionReport> = BTreeMap::new();
    for flow in flows {
        let pair = Pair::of(flow.ends.client.ip(), flow.ends.server.ip());
        let session = sessions.entry(pair).or_insert_with(|| SessionReport {
            verdict: Verdict::Pass,
            addresses: addresses(config, pair),
            syn_exchanges: 0,
            refused: 0,
            unanswered: 0,
            resets: 0,
            fins: 0,
            notifications: 0,
            flows: Vec::new(),
        });
        session.verdict = session.verdict.max(flow.verdict);
        session.flows.push(flow.id);
        match flow.opening {
            Opening::Exchanged => session.syn_exchanges += 1,
            Opening::Refused => session.refused += 1,
            Opening::Unanswered => session.unanswered += 1,
            Opening::NotCaptured => {}
        }
        for direction in [&flow.from_client, &flow.from_server] {
            if flow.opening != Opening::Refused {
                session.resets += direction.resets;
            }
            session.fins += u32::from(direction.fin);
            let notifications = direction.bgp.get("NOTIFICATION").copied().unwrap_or(0);
            session.notifications += u32::try_from(notifications).unwrap_or(u32::MAX);
        }
    }
    sessions.into_values().collect()
}

/// The addresses of a pair, ours first.
fn addresses(config: &CheckConfig, pair: Pair) -> [IpAddr; 2] {
    let Pair(one, other) = pair;
    if config.us.contains(&other) && !config.us.contains(&one) {
        [other, one]
    } else {
        [one, other]
    }
}
