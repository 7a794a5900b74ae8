//! The example echo server, real processes, a kernel's TCP as client: the connection survives what kills its server.

use std::fs;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::Thread;
use tcp_ha_tests::netns::{Lab, Process, built, wait_for};

const MIB: u64 = 1 << 20;

/// A plain client in the peer's namespace: what it is fed comes back into `out`.
struct Netcat {
    process: Process,
    /// How much of the input the client may have been given.
    allowed: Arc<AtomicU64>,
    feeder: Thread,
}

impl Netcat {
    /// Starts the client; nothing is sent before it is allowed.
    fn start(lab: &Lab) -> Netcat {
        let mut input = fs::File::open(lab.dir.join("in")).expect("the client's input");
        let output = fs::File::create(lab.dir.join("out")).expect("the client's output");
        let mut command = lab.command(&lab.peer, "nc");
        command
            .args(["-N", "10.99.0.1", "7"])
            .stdin(Stdio::piped())
            .stdout(output);
        let mut process = command.spawn().expect("nc: apt-get install netcat-openbsd");
        let mut feed = process.stdin.take().expect("a pipe");
        let allowed = Arc::new(AtomicU64::new(0));
        let limit = Arc::clone(&allowed);
        let feeder = std::thread::spawn(move || {
            let (mut block, mut fed) = ([0; 1 << 16], 0);
            loop {
                while fed >= limit.load(Ordering::SeqCst) {
                    std::thread::park();
                }
                let n = input.read(&mut block).expect("the client's input");
                if n == 0 || feed.write_all(&block[..n]).is_err() {
                    return;
                }
                fed += n as u64;
            }
        });
        Netcat {
            process: Process(process),
            allowed,
            feeder: feeder.thread().clone(),
        }
    }

    /// Lets the client have the first `octets` of the input.
    fn allow(&self, octets: u64) {
        self.allowed.store(octets, Ordering::SeqCst);
        self.feeder.unpark();
    }

    fn has_ended(&mut self) -> bool {
        self.process.0.try_wait().expect("a child").is_some()
    }
}

fn random_file(lab: &Lab, mebibytes: u64) {
    let random = fs::File::open("/dev/urandom").expect("/dev/urandom");
    let mut file = fs::File::create(lab.dir.join("in")).expect("an input file");
    std::io::copy(&mut random.take(mebibytes * MIB), &mut file).expect("room for the input");
}

fn digest(lab: &Lab, name: &str) -> String {
    let output = Command::new("sha256sum")
        .arg(lab.dir.join(name))
        .output()
        .expect("sha256sum");
    let text = String::from_utf8_lossy(&output.stdout);
    text.split_whitespace().next().expect("a digest").to_owned()
}

fn came_back(lab: &Lab) -> u64 {
    fs::metadata(lab.dir.join("out")).map_or(0, |meta| meta.len())
}

/// Two nodes under a supervisor: whoever ends is started again on its TAP with the same command line.
struct Pair<'l> {
    lab: &'l Lab,
    program: PathBuf,
    nodes: [(u32, Process); 2],
    started: u32,
}

const TAPS: [&str; 2] = ["rp0", "rp1"];

impl<'l> Pair<'l> {
    fn start(lab: &'l Lab, program: PathBuf) -> Pair<'l> {
        let first = lab.node(&program, TAPS[0], 0);
        wait_for("cold start", 60, || lab.said(0).contains("active in epoch"));
        let second = lab.node(&program, TAPS[1], 1);
        Pair {
            lab,
            program,
            nodes: [(0, first), (1, second)],
            started: 2,
        }
    }

    fn supervise(&mut self) {
        for (at, (number, process)) in self.nodes.iter_mut().enumerate() {
            if process.0.try_wait().expect("a child").is_some() {
                *number = self.started;
                *process = self.lab.node(&self.program, TAPS[at], self.started);
                self.started += 1;
            }
        }
    }

    /// Place of the node that the register calls active.
    fn active(&self) -> Option<usize> {
        let entry = self.lab.entry()?;
        let name = format!("incarnation={}", entry.active);
        self.nodes
            .iter()
            .position(|(number, _)| plain(&self.lab.said(*number)).contains(&name))
    }

    /// Whether the register names a standby and the connection is ready.
    fn is_protected(&mut self) -> bool {
        self.supervise();
        let Some(active) = self.active() else {
            return false;
        };
        let said = self.lab.said(self.nodes[active].0);
        let last = said.lines().rfind(|line| line.starts_with("c1: "));
        self.lab.paired() && last == Some("c1: ready")
    }

    /// Kills the node that speaks; returns its place once another does.
    fn kill(&mut self) {
        let active = self.active().expect("a protected pair");
        self.nodes[active].1.signal("KILL");
        wait_for("takeover", 60, || {
            self.active().is_some_and(|now| now != active)
        });
    }
}

/// A log without colours.
fn plain(said: &str) -> String {
    let mut text = String::new();
    for part in said.split('\u{1b}') {
        text.push_str(part.split_once('m').map_or(part, |(_, rest)| rest));
    }
    text
}

#[test]
fn echo_survives_kills_with_100_mb_each_way() {
    survives_kills(&Lab::new());
}

#[test]
fn echo_survives_kills_with_frames_of_many_segments_both_ways() {
    let lab = Lab::with_offloads();
    survives_kills(&lab);
    let frames = mean_frames(&lab);
    assert!(
        frames.iter().all(|&octets| octets > 1_514),
        "no frame of one segment is longer than 1514 octets, and these were so on average: {frames:?}"
    );
}

fn survives_kills(lab: &Lab) {
    random_file(lab, 100);
    let mut pair = Pair::start(lab, built("examples/echo"));
    let mut client = Netcat::start(lab);
    for round in 0..3 {
        let reached = round * 30 * MIB;
        client.allow(reached + MIB);
        wait_for("protection", 60, || pair.is_protected());
        client.allow(reached + 30 * MIB);
        wait_for("progress", 60, || {
            pair.supervise();
            came_back(lab) > reached + 5 * MIB
        });
        wait_for("protection", 60, || pair.is_protected());
        pair.kill();
    }
    client.allow(u64::MAX);
    wait_for("end of the client", 120, || {
        pair.supervise();
        client.has_ended()
    });
    assert_eq!(came_back(lab), 100 * MIB);
    assert_eq!(digest(lab, "in"), digest(lab, "out"));
}

/// Mean octets of the frames that the peer has received and sent, the empty ones among them.
fn mean_frames(lab: &Lab) -> [u64; 2] {
    let output = lab
        .command(&lab.peer, "ip")
        .args(["-s", "-j", "link", "show", "eth0"])
        .output()
        .expect("iproute2");
    let shown: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    ["rx", "tx"].map(|way| {
        let counter = |name: &str| shown[0]["stats64"][way][name].as_u64().unwrap_or(0);
        counter("bytes") / counter("packets").max(1)
    })
}

#[test]
fn a_resumed_active_is_silent_and_the_survivor_unharmed() {
    let lab = Lab::new();
    random_file(&lab, 60);
    let echo = built("echo-that-closes");
    let speaker = lab.node(&echo, "rp0", 0);
    wait_for("cold start", 60, || lab.said(0).contains("ColdStart"));
    let _backup = lab.node(&echo, "rp1", 1);
    let mut client = Netcat::start(&lab);
    client.allow(MIB);
    wait_for("ready connection", 60, || {
        lab.said(0).contains("readiness: Ready")
    });
    client.allow(20 * MIB);
    wait_for("progress", 60, || came_back(&lab) > 5 * MIB);
    wait_for("a pair", 60, || lab.paired());
    speaker.signal("STOP");
    wait_for("takeover", 60, || lab.said(1).contains("TakeOver"));
    client.allow(30 * MIB);
    wait_for("progress at the survivor", 60, || {
        came_back(&lab) == 30 * MIB
    });
    // From here on everything that comes in through the old active's port was said after its resumption.
    let capture = lab.dir.join("old.pcap");
    let mut tcpdump = lab.command(&lab.switch, "tcpdump");
    tcpdump
        .args(["-i", "rp0", "-Q", "in", "-U", "-n", "-w"])
        .arg(&capture);
    let mut tcpdump = Process(tcpdump.spawn().expect("tcpdump: apt-get install tcpdump"));
    wait_for("capture", 60, || {
        fs::metadata(&capture).is_ok_and(|meta| meta.len() >= 24)
    });
    client.allow(u64::MAX);
    wait_for("load", 60, || came_back(&lab) > 31 * MIB);
    speaker.signal("CONT");
    wait_for("the daemon's closing", 60, || {
        lab.said(0).contains("closed 1 connections")
    });
    wait_for("the fence", 60, || lab.said(0).contains("Fenced"));
    wait_for("end of the client", 120, || client.has_ended());
    assert_eq!(digest(&lab, "in"), digest(&lab, "out"));
    tcpdump.signal("INT");
    wait_for("end of the capture", 60, || {
        tcpdump.0.try_wait().expect("a child").is_some()
    });
    let captured = fs::read(&capture).expect("a capture");
    assert_eq!(
        captured.len(),
        24,
        "the resumed active said something: {}",
        capture.display()
    );
}

#[test]
fn a_removed_socket_is_bound_again_and_a_standby_joins() {
    let lab = Lab::new();
    let echo = built("examples/echo");
    let _speaker = lab.node(&echo, "rp0", 0);
    wait_for("cold start", 60, || lab.said(0).contains("active in epoch"));
    let sockets = || -> Vec<_> {
        let entries = fs::read_dir(lab.register()).expect("a register");
        let paths = entries.map(|entry| entry.expect("an entry").path());
        paths
            .filter(|path| path.extension().is_some_and(|end| end == "sock"))
            .collect()
    };
    wait_for("the socket", 60, || !sockets().is_empty());
    for socket in sockets() {
        fs::remove_file(socket).expect("a socket that can be removed");
    }
    let _backup = lab.node(&echo, "rp1", 1);
    wait_for("a pair", 60, || lab.paired());
    assert!(
        lab.said(0).contains("socket was removed"),
        "{}",
        lab.said(0)
    );
}

#[test]
fn a_device_that_cannot_be_had_is_one_clear_line() {
    let lab = Lab::new();
    let echo = built("examples/echo");
    let _speaker = lab.node(&echo, "rp0", 0);
    wait_for("cold start", 60, || lab.said(0).contains("active in epoch"));
    let mut second = lab.node(&echo, "rp0", 1);
    wait_for("its end", 60, || {
        second.0.try_wait().expect("a child").is_some()
    });
    let said = lab.said(1);
    let line = said
        .lines()
        .find(|line| line.starts_with("Error"))
        .expect("an error");
    assert!(line.contains("rp0") && line.contains("busy"), "{line}");
}
