//! Every real daemon against a stand-in for the route processor: a BIRD at its address.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::process::Command;
use std::time::Duration;

use clap::Parser;

use super::bird_control::BirdControl;
use super::*;
use crate::lab::child::{Child, find, wait_until};
use crate::lab::network;
use crate::lab::options::{LabFamily, LabOptions};
use crate::lab::routes::OUR_AS;

const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    options: LabOptions,
}

/// Runs the named test again inside namespaces of its own; true when this is inside already.
fn inside(name: &str, peer: PeerKind) -> bool {
    if sandbox::is_inside() {
        sandbox::enter(peer).unwrap();
        return true;
    }
    let arguments = sandbox::choose(peer).unwrap();
    let status = Command::new("unshare")
        .args(arguments)
        .arg("--")
        .arg(std::env::current_exe().unwrap())
        .args([
            "--exact",
            &format!("lab::daemons::tests::{name}"),
            "--nocapture",
        ])
        .env(sandbox::INSIDE, "1")
        .status()
        .unwrap();
    assert!(status.success(), "{name} inside its namespaces: {status}");
    false
}

/// A BIRD that opens every session, or waits, as the route processors would.
fn stand_in(plan: &Plan, directory: &Path) -> (Child, BirdControl) {
    let channel = match plan.family {
        LabFamily::V4 => "ipv4",
        LabFamily::V6 => "ipv6",
    };
    let mut text = "router id 10.99.0.1;\nprotocol device { }\n".to_owned();
    let _ = writeln!(text, "protocol static own {{ {channel};");
    for route in plan.ours.all() {
        let _ = writeln!(text, "route {} blackhole;", plan.prefix(route));
    }
    text.push_str("}\n");
    for (index, session) in plan.sessions.iter().enumerate() {
        let _ = writeln!(
            text,
            "protocol bgp b{index} {{ local {} as {OUR_AS}; neighbor {} as {}; passive {}; connect delay time 1; \
             connect retry time 1; error wait time 1, 2; {channel} {{ import all; export where source = RTS_STATIC; next hop self; }}; }}",
            plan.our_address,
            session.address,
            session.asn,
            if session.peer_waits { "no" } else { "yes" },
        );
    }
    let (file, socket) = (directory.join("rp.conf"), directory.join("rp.ctl"));
    std::fs::write(&file, text).unwrap();
    let mut command = Command::new("ip");
    command
        .args(["netns", "exec", "rp"])
        .arg(find("bird").unwrap())
        .args(["-f", "-c"])
        .arg(&file)
        .arg("-s")
        .arg(&socket);
    let mut child = Child::spawn("stand-in", &mut command, &directory.join("rp.log")).unwrap();
    let control = wait_until("stand-in", PATIENCE, || {
        child.must_run()?;
        Ok(BirdControl::connect(&socket).ok())
    });
    (child, control.unwrap())
}

fn announced(control: &mut BirdControl, session: usize) -> u64 {
    let lines = control
        .ask_lines(&format!("show protocols all b{session}"))
        .unwrap();
    let line = lines
        .iter()
        .find_map(|line| line.trim().strip_prefix("Routes:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

fn try_daemon(name: &str, peer: PeerKind, family: &str) {
    if !inside(name, peer) {
        return;
    }
    let line = format!("lab --family {family} --sessions 2 --routes-in 6000 --routes-out 500");
    let options = Line::parse_from(line.split(' ')).options;
    let plan = Plan::new(&LabOptions { peer, ..options });
    // Left behind by a failure, to be read.
    let directory = std::env::temp_dir().join(format!("lab-test-{name}"));
    std::fs::create_dir_all(&directory).unwrap();
    let run = directory.as_path();
    network::build_segment().unwrap();
    network::build_namespace("rp", &[plan.our_address]).unwrap();
    let terms = Terms {
        md5: None,
        ao: None,
        ttl_security: false,
        binaries: None,
        plan: &plan,
        hold_time: 30,
    };
    let mut daemons = Vec::new();
    for place in Place::all(peer, 2, run).unwrap() {
        let addresses: Vec<IpAddr> = place
            .sessions
            .iter()
            .map(|&s| plan.sessions[s].address)
            .collect();
        network::build_namespace(&place.namespace, &addresses).unwrap();
        daemons.push(start(peer, place, terms).unwrap());
    }
    let (_stand_in, mut control) = stand_in(&plan, run);
    let expected: HashSet<IpNet> = plan.ours.all().map(|route| plan.prefix(route)).collect();
    for daemon in &mut daemons {
        for session in daemon.sessions().to_vec() {
            try_session(daemon.as_mut(), &mut control, &plan, session, &expected);
        }
        daemon.must_run().unwrap();
    }
    assert!(!version(peer).unwrap().is_empty());
    std::fs::remove_dir_all(run).unwrap();
}

fn words(daemon: &mut dyn Daemon, session: usize) -> Words {
    let all = daemon.words().unwrap();
    all.into_iter().find(|(it, _)| *it == session).unwrap().1
}

fn try_session(
    daemon: &mut dyn Daemon,
    control: &mut BirdControl,
    plan: &Plan,
    session: usize,
    expected: &HashSet<IpNet>,
) {
    let before = wait_until("the table at the peer", PATIENCE, || {
        let words = words(daemon, session);
        let complete = words.established && words.prefixes_received == expected.len() as u64;
        Ok(complete.then_some(words))
    })
    .unwrap();
    assert_eq!(&daemon.table(session).unwrap(), expected);
    let routes = &plan.sessions[session].routes;
    let all = u64::from(routes.len());
    let mut wait_for = |count: u64| {
        wait_until(&format!("{count} routes from the peer"), PATIENCE, || {
            Ok((announced(control, session) == count).then_some(()))
        })
        .unwrap();
    };
    wait_for(all);
    for _ in 0..2 {
        daemon.change(session, 1, false).unwrap();
        wait_for(all - routes.slice(1).count() as u64);
        daemon.change(session, 1, true).unwrap();
        wait_for(all);
    }
    let after = words(daemon, session);
    assert_eq!(
        after.breaks_since(&before, Duration::ZERO),
        Vec::<String>::new()
    );
    control.ask_lines(&format!("restart b{session}")).unwrap();
    wait_until("the break to be told", PATIENCE, || {
        let words = words(daemon, session);
        let breaks = words.breaks_since(&after, Duration::ZERO);
        Ok((words.established && !breaks.is_empty()).then_some(()))
    })
    .unwrap();
}

#[test]
fn bird_is_started_asked_and_changed() {
    try_daemon("bird_is_started_asked_and_changed", PeerKind::Bird, "4");
}

#[test]
fn bird_speaks_ipv6() {
    try_daemon("bird_speaks_ipv6", PeerKind::Bird, "6");
}

#[test]
fn frr_is_started_asked_and_changed() {
    try_daemon("frr_is_started_asked_and_changed", PeerKind::Frr, "4");
}

#[test]
fn frr_speaks_ipv6() {
    try_daemon("frr_speaks_ipv6", PeerKind::Frr, "6");
}

#[test]
fn gobgp_is_started_asked_and_changed() {
    try_daemon("gobgp_is_started_asked_and_changed", PeerKind::Gobgp, "4");
}

#[test]
fn gobgp_speaks_ipv6() {
    try_daemon("gobgp_speaks_ipv6", PeerKind::Gobgp, "6");
}

#[test]
fn openbgpd_is_started_asked_and_changed() {
    try_daemon(
        "openbgpd_is_started_asked_and_changed",
        PeerKind::Openbgpd,
        "4",
    );
}

#[test]
fn openbgpd_speaks_ipv6() {
    try_daemon("openbgpd_speaks_ipv6", PeerKind::Openbgpd, "6");
}
