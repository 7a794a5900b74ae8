//! BIRD and FRR as route processors, on the kernel's TCP.

use super::processor::{Daemon, Running, until};
use super::{HOLD_TIME, OWN, OWN_AS, SESSIONS, peer_address, peer_as};
use crate::network::run;
use crate::tap::place::Place;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

const ZEBRA: &str = "/usr/lib/frr/zebra";
const BGPD: &str = "/usr/lib/frr/bgpd";

/// A daemon that is killed, and what lives on beside it.
pub(super) struct Theirs {
    namespace: String,
    program: Vec<String>,
    /// What the command line has besides when it starts again.
    recovering: &'static [&'static str],
    log: PathBuf,
    running: Option<Daemon>,
    _beside: Option<Daemon>,
}

impl Theirs {
    pub(super) fn bird(place: &Place, graceful: bool) -> io::Result<Theirs> {
        let directory = &place.directory;
        let config = directory.join("rp-bird.conf");
        std::fs::write(&config, bird_configuration(graceful))?;
        let words = [
            "bird".to_owned(),
            "-f".to_owned(),
            "-c".to_owned(),
            text(&config),
            "-s".to_owned(),
            text(&directory.join("rp-bird.ctl")),
            "-P".to_owned(),
            text(&directory.join("rp-bird.pid")),
        ];
        let recovering: &[&str] = if graceful { &["-R"] } else { &[] };
        Theirs::start(place, words.into(), recovering, "rp-bird.log", None)
    }

    pub(super) fn frr(place: &Place, graceful: bool) -> io::Result<Theirs> {
        let directory = place.directory.join("frr");
        std::fs::create_dir_all(&directory)?;
        let words = |program: &str, name: &str| {
            let mut words = vec![program.to_owned()];
            for (option, file) in [
                ("-f", format!("{name}.conf")),
                ("-i", format!("{name}.pid")),
                ("-z", "zserv.api".to_owned()),
                ("--vty_socket", String::new()),
            ] {
                words.extend([option.to_owned(), text(&directory.join(file))]);
            }
            words.extend(["-P", "0", "--log", "stdout"].map(str::to_owned));
            words
        };
        std::fs::write(
            directory.join("zebra.conf"),
            "frr defaults traditional\nhostname zebra\n",
        )?;
        std::fs::write(directory.join("bgpd.conf"), frr_configuration(graceful))?;
        // The daemons drop root's privileges before they make their sockets.
        let mut owner = Command::new("chown");
        run(owner.args(["-R", "frr:frrvty"]).arg(&directory))?;
        let log = place.directory.join("zebra.log");
        let mut zebra = Daemon::start(inside(place, &words(ZEBRA, "zebra")), &log)?;
        until("zebra's socket", || {
            zebra.must_run(&log)?;
            Ok(directory.join("zserv.api").exists().then_some(()))
        })?;
        let mut bgpd = words(BGPD, "bgpd");
        bgpd.push("-n".to_owned());
        Theirs::start(place, bgpd, &[], "bgpd.log", Some(zebra))
    }

    fn start(
        place: &Place,
        program: Vec<String>,
        recovering: &'static [&'static str],
        log: &str,
        beside: Option<Daemon>,
    ) -> io::Result<Theirs> {
        let log = place.directory.join(log);
        let running = Daemon::start(inside(place, &program), &log)?;
        Ok(Theirs {
            namespace: place.near.clone(),
            program,
            recovering,
            log,
            running: Some(running),
            _beside: beside,
        })
    }
}

impl Running for Theirs {
    fn until_ready(&mut self) -> io::Result<()> {
        match &mut self.running {
            Some(running) => running.must_run(&self.log),
            None => Ok(()),
        }
    }

    fn kill_and_start(&mut self) -> io::Result<()> {
        if let Some(mut running) = self.running.take() {
            running.kill()?;
        }
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace]);
        command.args(&self.program).args(self.recovering);
        self.running = Some(Daemon::start(command, &self.log)?);
        Ok(())
    }
}

fn inside(place: &Place, words: &[String]) -> Command {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", &place.near]).args(words);
    command
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

fn bird_configuration(graceful: bool) -> String {
    let restart = if graceful { "on" } else { "off" };
    let mut text = format!("log stderr all;\nrouter id {OWN};\nprotocol device {{ }}\n");
    for session in 0..SESSIONS {
        let _ = write!(
            text,
            "protocol bgp p{session} {{\n  local {OWN} as {OWN_AS};\n  neighbor {} as {};\n  hold time {HOLD_TIME};\n  \
             connect delay time 1;\n  connect retry time 1;\n  error wait time 1, 2;\n  graceful restart {restart};\n  \
             ipv4 {{ import all; export all; next hop self; }};\n}}\n",
            peer_address(session),
            peer_as(session),
        );
    }
    text
}

fn frr_configuration(graceful: bool) -> String {
    let restart = if graceful {
        " bgp graceful-restart\n bgp graceful-restart preserve-fw-state\n"
    } else {
        " bgp graceful-restart-disable\n"
    };
    let mut text = format!(
        "frr defaults traditional\nhostname bgpd\nrouter bgp {OWN_AS}\n bgp router-id {OWN}\n no bgp ebgp-requires-policy\n{restart}"
    );
    let keepalive = HOLD_TIME / 3;
    for session in 0..SESSIONS {
        let (peer, asn) = (peer_address(session), peer_as(session));
        let _ = write!(
            text,
            " neighbor {peer} remote-as {asn}\n neighbor {peer} timers {keepalive} {HOLD_TIME}\n neighbor {peer} timers connect 1\n \
             neighbor {peer} next-hop-self\n"
        );
    }
    text
}
