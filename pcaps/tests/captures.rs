//! The captures in `captures/`: taken with real daemons, each with a text on how.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use pcaps::capture::check_file_with;
use pcaps::check::{CheckConfig, Observer, Report, Rule, SegmentSeen, Verdict};
use pcaps::packet::{LinkAddress, Neighbour};
use pcaps::time::Timestamp;

/// What a capture must show.
struct Expected {
    name: &'static str,
    us: &'static str,
    sessions: usize,
    takeovers: usize,
    broken: &'static [Rule],
}

const EXPECTED: [Expected; 6] = [
    healthy("bird-kill", "10.99.0.1", 2, 3),
    healthy("bird-hang-v6", "fd99::1", 1, 2),
    healthy("frr-kill", "10.99.0.1", 1, 2),
    healthy("gobgp-kill", "10.99.0.1", 1, 2),
    healthy("openbgpd-kill", "10.99.0.1", 1, 2),
    Expected {
        name: "bird-dies",
        us: "10.99.0.1",
        sessions: 1,
        takeovers: 0,
        broken: &[Rule::OneSynExchange, Rule::NoNewAttempt, Rule::NoFin],
    },
];

const fn healthy(
    name: &'static str,
    us: &'static str,
    sessions: usize,
    takeovers: usize,
) -> Expected {
    Expected {
        name,
        us,
        sessions,
        takeovers,
        broken: &[],
    }
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("captures")
}

/// Counts how often our clock jumped by a second or more between two segments of one flow that came closer together
/// than that: each is a takeover, as one session saw it.
struct Jumps {
    us: IpAddr,
    last: Vec<(pcaps::flow::FlowId, Timestamp, u32)>,
    jumps: usize,
    announcements: usize,
}

impl Observer for Jumps {
    fn on_segment(&mut self, segment: &SegmentSeen<'_>) {
        let Some(timestamps) = segment.tcp.options.timestamps else {
            return;
        };
        if segment.ip.source != self.us {
            return;
        }
        let (id, now) = (segment.flow.id, (segment.time, timestamps.tsval));
        match self.last.iter_mut().find(|(flow, ..)| *flow == id) {
            None => self.last.push((id, now.0, now.1)),
            Some((_, time, tsval)) => {
                let passed_ms = now.0.saturating_since(*time).as_millis() as u32;
                self.jumps += usize::from(now.1.wrapping_sub(*tsval) >= passed_ms + 900);
                (*time, *tsval) = now;
            }
        }
    }

    fn on_neighbour(&mut self, _: Timestamp, _: Option<LinkAddress>, neighbour: &Neighbour) {
        let ours = neighbour.target == self.us && neighbour.unsolicited;
        self.announcements += usize::from(ours);
    }
}

fn check(expected: &Expected) -> (Report, Jumps) {
    let us: IpAddr = expected.us.parse().expect("an address");
    let config = CheckConfig {
        us: vec![us],
        ..CheckConfig::default()
    };
    let observer = Jumps {
        us,
        last: Vec::new(),
        jumps: 0,
        announcements: 0,
    };
    let file = directory().join(expected.name).with_extension("pcapng");
    check_file_with(&file, config, observer).expect("a capture that can be read")
}

#[test]
fn captures_show_what_their_texts_say() {
    for expected in &EXPECTED {
        let (report, _) = check(expected);
        let broken: Vec<Rule> = report.broken.keys().copied().collect();
        assert_eq!(broken, expected.broken, "{}: {report}", expected.name);
        assert_eq!(
            report.sessions.len(),
            expected.sessions,
            "{}",
            expected.name
        );
        let verdict = if broken.is_empty() {
            Verdict::Pass
        } else {
            Verdict::Fail
        };
        assert_eq!(report.verdict, verdict, "{}: {report}", expected.name);
    }
}

#[test]
fn takeovers_are_seen_on_the_wire() {
    for expected in &EXPECTED {
        let (_, seen) = check(expected);
        let jumps = expected.takeovers * expected.sessions;
        assert_eq!(seen.jumps, jumps, "{}: jumps of our clock", expected.name);
        assert!(
            seen.announcements >= expected.takeovers,
            "{}",
            expected.name
        );
    }
}

#[test]
fn every_capture_is_small_expected_and_has_its_text() {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(directory()).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path
            .extension()
            .is_some_and(|extension| extension == "pcapng")
        {
            let size = std::fs::metadata(&path).expect("a file").len();
            assert!(size < 200_000, "{} has {size} octets", path.display());
            let text = std::fs::read_to_string(path.with_extension("md"));
            assert!(
                text.is_ok_and(|text| text.contains("**How.**")),
                "{}",
                path.display()
            );
            let name = path
                .file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            found.insert(name);
        }
    }
    let expected: BTreeSet<String> = EXPECTED.iter().map(|one| one.name.to_owned()).collect();
    assert_eq!(found, expected);
}
