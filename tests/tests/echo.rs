//! The example echo server, real processes, a kernel's TCP as client: the connection survives what kills its server.

use std::fs;
use std::io::{Read, Write};
use std::process::Stdio;
use tcp_ha_tests::netns::{Lab, Process, built, wait_for};

/// A plain client in the peer's namespace that sends `input` and keeps what comes back.
fn netcat(lab: &Lab, input: &str, output: &str) -> Process {
    let input = fs::File::open(lab.dir.join(input)).expect("the client's input");
    let output = fs::File::create(lab.dir.join(output)).expect("the client's output");
    let mut command = lab.command(&lab.peer, "nc");
    command
        .args(["-N", "10.99.0.1", "7"])
        .stdin(input)
        .stdout(output)
        .stderr(Stdio::inherit());
    Process(command.spawn().expect("nc: apt-get install netcat-openbsd"))
}

fn random_file(lab: &Lab, name: &str, mebibytes: usize) {
    let mut random = fs::File::open("/dev/urandom").expect("/dev/urandom");
    let mut file = fs::File::create(lab.dir.join(name)).expect("an input file");
    let mut block = vec![0; 1 << 20];
    for _ in 0..mebibytes {
        random.read_exact(&mut block).expect("random octets");
        file.write_all(&block).expect("room for the input");
    }
}

fn digest(lab: &Lab, name: &str) -> String {
    let output = std::process::Command::new("sha256sum")
        .arg(lab.dir.join(name))
        .output()
        .expect("sha256sum");
    String::from_utf8_lossy(&output.stdout)
        .split_whitespace()
        .next()
        .unwrap_or_default()
        .to_owned()
}

fn came_back(lab: &Lab) -> u64 {
    fs::metadata(lab.dir.join("out")).map_or(0, |meta| meta.len())
}

#[test]
fn echo_survives_kills_with_100_mb_each_way() {
    let lab = Lab::new();
    random_file(&lab, "in", 100);
    let echo = built("examples/echo");
    let mut speaker = lab.node(&echo, "rp0", 0);
    wait_for("cold start", 10, || lab.said(0).contains("active in epoch"));
    let mut backup = lab.node(&echo, "rp1", 1);
    let mut client = netcat(&lab, "in", "out");
    for round in 0..3u32 {
        let ready = move |lab: &Lab| lab.said(round).matches(": ready").count() > 0;
        wait_for("ready connection", 20, || ready(&lab));
        let reached = u64::from(round + 1) * (20 << 20);
        wait_for("progress", 60, || came_back(&lab) > reached);
        speaker.signal("KILL");
        wait_for("takeover", 10, || lab.said(round + 1).contains("TakeOver"));
        speaker.0.wait().expect("the killed node ends");
        let tap = if round % 2 == 0 { "rp0" } else { "rp1" };
        speaker = std::mem::replace(&mut backup, lab.node(&echo, tap, round + 2));
    }
    wait_for("end of the client", 120, || {
        client.0.try_wait().expect("a child").is_some()
    });
    assert_eq!(came_back(&lab), 100 << 20);
    assert_eq!(digest(&lab, "in"), digest(&lab, "out"));
}

#[test]
fn a_resumed_active_is_silent_and_the_survivor_unharmed() {
    let lab = Lab::new();
    random_file(&lab, "in", 60);
    let echo = built("echo-that-closes");
    let speaker = lab.node(&echo, "rp0", 0);
    wait_for("cold start", 10, || lab.said(0).contains("ColdStart"));
    let _backup = lab.node(&echo, "rp1", 1);
    let mut client = netcat(&lab, "in", "out");
    wait_for("ready connection", 20, || {
        lab.said(0).contains("readiness: Ready")
    });
    wait_for("progress", 60, || came_back(&lab) > 5 << 20);
    speaker.signal("STOP");
    wait_for("takeover", 10, || lab.said(1).contains("TakeOver"));
    let before = came_back(&lab);
    wait_for("progress at the survivor", 60, || {
        came_back(&lab) > before + (1 << 20)
    });
    // From here on everything that comes in through the old active's port was said after its resumption.
    let capture = lab.dir.join("old.pcap");
    let mut tcpdump = lab.command(&lab.switch, "tcpdump");
    tcpdump
        .args(["-i", "rp0", "-Q", "in", "-U", "-n", "-w"])
        .arg(&capture)
        .stderr(Stdio::piped());
    let mut tcpdump = Process(tcpdump.spawn().expect("tcpdump: apt-get install tcpdump"));
    wait_for("capture", 10, || {
        fs::metadata(&capture).is_ok_and(|meta| meta.len() >= 24)
    });
    speaker.signal("CONT");
    wait_for("the daemon's closing", 10, || {
        lab.said(0).contains("closed 1 connections")
    });
    wait_for("the fence", 10, || lab.said(0).contains("Fenced"));
    wait_for("end of the client", 120, || {
        client.0.try_wait().expect("a child").is_some()
    });
    assert_eq!(digest(&lab, "in"), digest(&lab, "out"));
    tcpdump.signal("INT");
    wait_for("end of the capture", 10, || {
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
