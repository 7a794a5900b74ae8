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

/// What a capture of other people's TCPs must show, whoever judges: no TCP breaks a rule that is not of lifecycle.
struct Foreign {
    name: &'static str,
    /// Completed exchanges of SYN.
    exchanges: u32,
    /// Directions that sent a FIN.
    fins: u32,
    /// A NOTIFICATION that was sent.
    notification: Option<(u8, u8)>,
    /// Octets were sent again.
    again: bool,
}

const FOREIGN: [Foreign; 19] = [
    foreign("open-close", 2, 4, Some((6, 2)), false),
    foreign("close-by-peer", 1, 2, Some((6, 3)), false),
    foreign("md5", 1, 2, Some((6, 2)), false),
    foreign("md5-v6", 1, 2, Some((6, 2)), false),
    foreign("v6", 1, 2, None, false),
    foreign("loss-1-sender", 1, 0, None, true),
    foreign("loss-1-receiver", 1, 0, None, true),
    foreign("loss-5-sender", 1, 0, None, true),
    foreign("loss-5-receiver", 1, 0, None, true),
    foreign("loss-5-reno", 1, 0, None, true),
    foreign("outage", 1, 0, None, true),
    foreign("zero-window", 1, 0, None, true),
    foreign("hold-expiry", 1, 2, Some((4, 0)), false),
    foreign("notification", 2, 2, Some((2, 2)), false),
    foreign("kill-gobgp", 2, 2, None, false),
    foreign("exabgp", 1, 2, None, false),
    foreign("openbgpd", 1, 2, Some((6, 2)), false),
    foreign("table", 1, 0, None, false),
    foreign("wrap", 1, 0, None, false),
];

const fn foreign(
    name: &'static str,
    exchanges: u32,
    fins: u32,
    notification: Option<(u8, u8)>,
    again: bool,
) -> Foreign {
    Foreign {
        name,
        exchanges,
        fins,
        notification,
        again,
    }
}

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
fn captures_of_other_people_show_what_their_texts_say() {
    for expected in &FOREIGN {
        let file = directory().join(expected.name).with_extension("pcapng");
        let (report, ()) =
            check_file_with(&file, CheckConfig::default(), ()).expect("a capture that can be read");
        let name = expected.name;
        assert!(report.unjudged.is_empty(), "{name}: {report}");
        let of_lifecycle = report.broken.keys().all(|rule| rule.is_of_lifecycle());
        assert!(of_lifecycle, "{name}: {report}");
        let session = &report.sessions[0];
        assert!(
            session.syn_exchanges >= expected.exchanges && session.fins >= expected.fins,
            "{name}: {report}"
        );
        let directions = || {
            let flows = report.flows.iter();
            flows.flat_map(|flow| [&flow.from_client, &flow.from_server])
        };
        let again = directions().any(|direction| direction.retransmitted_octets > 0);
        assert_eq!(again, expected.again, "{name}: {report}");
        let told = expected.notification.is_none_or(|notification| {
            directions().any(|direction| direction.notifications.contains(&notification))
        });
        assert!(told, "{name}: {report}");
    }
}

/// Finds a direction whose sequence numbers pass 2^32.
#[derive(Default)]
struct Wraps {
    high: BTreeSet<IpAddr>,
    wrapped: bool,
}

impl Observer for Wraps {
    fn on_segment(&mut self, segment: &SegmentSeen<'_>) {
        let (seq, source) = (segment.tcp.seg_seq.0, segment.ip.source);
        if seq > u32::MAX - (1 << 20) && segment.tcp.payload_len > 0 {
            self.high.insert(source);
        }
        self.wrapped |= seq < 1 << 20 && self.high.contains(&source);
    }
}

#[test]
fn sequence_numbers_wrap_in_the_capture_of_it() {
    let file = directory().join("wrap.pcapng");
    let checked = check_file_with(&file, CheckConfig::default(), Wraps::default());
    let (_, seen) = checked.expect("a capture that can be read");
    assert!(seen.wrapped);
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
            assert!(size < 300_000, "{} has {size} octets", path.display());
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
    let ours = EXPECTED.iter().map(|one| one.name);
    let foreign = FOREIGN.iter().map(|one| one.name);
    let expected: BTreeSet<String> = ours.chain(foreign).map(str::to_owned).collect();
    assert_eq!(found, expected);
}
