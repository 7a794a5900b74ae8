//! The peers: a BIRD for each session, since one has a single session with an address.

use super::processor::{Daemon, until};
use super::{HOLD_TIME, OWN, OWN_AS, ROUTES, SESSIONS, peer_address, peer_as};
use crate::tap::place::Place;
use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::process::Command;

/// How the peer stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Standing {
    /// Sessions that are established.
    pub(super) established: usize,
    /// Routes that it holds from the route processor, over all sessions.
    pub(super) routes: usize,
    /// Routes that it was told so far.
    pub(super) told: usize,
}

/// See the module's text.
pub(super) struct Peer {
    instances: Vec<Instance>,
}

/// One BIRD.
struct Instance {
    control: BufReader<UnixStream>,
    _running: Daemon,
}

impl Peer {
    /// Starts them.
    pub(super) fn start(place: &Place, graceful: bool) -> io::Result<Peer> {
        let instances = (0..SESSIONS).map(|session| Instance::start(place, session, graceful));
        Ok(Peer {
            instances: instances.collect::<io::Result<_>>()?,
        })
    }

    /// How they stand now, together.
    pub(super) fn standing(&mut self) -> io::Result<Standing> {
        // All are asked before the first is heard.
        for instance in &mut self.instances {
            let control = instance.control.get_mut();
            control.write_all(b"show protocols all\n")?;
        }
        let mut all = Standing::default();
        for instance in &mut self.instances {
            let one = standing(&instance.answer()?);
            all.established += one.established;
            all.routes += one.routes;
            all.told += one.told;
        }
        Ok(all)
    }
}

impl Instance {
    fn start(place: &Place, session: usize, graceful: bool) -> io::Result<Instance> {
        let file = |end: &str| place.directory.join(format!("peer{session}.{end}"));
        let (config, socket, log) = (file("conf"), file("ctl"), file("log"));
        std::fs::write(&config, configuration(session, graceful))?;
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &place.far, "bird", "-f", "-c"]);
        command.arg(&config).arg("-s").arg(&socket);
        command.arg("-P").arg(file("pid"));
        let mut running = Daemon::start(command, &log)?;
        let stream = until("BIRD's control socket", || {
            running.must_run(&log)?;
            Ok(UnixStream::connect(&socket).ok())
        })?;
        let mut instance = Instance {
            control: BufReader::new(stream),
            _running: running,
        };
        instance.answer()?;
        Ok(instance)
    }

    /// Lines are `dddd-text` or ` text` when more follow, and `dddd text` when it is the last.
    fn answer(&mut self) -> io::Result<Vec<String>> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if self.control.read_line(&mut line)? == 0 {
                return Err(io::Error::other("BIRD closed its control socket"));
            }
            let whole = line.trim_end();
            let numbered = whole.get(..4).is_some_and(|it| it.parse::<u16>().is_ok());
            lines.push(
                whole
                    .get(if numbered { 5 } else { 1 }..)
                    .unwrap_or("")
                    .to_owned(),
            );
            if numbered && whole.as_bytes().get(4) != Some(&b'-') {
                return Ok(lines);
            }
        }
    }
}

fn standing(lines: &[String]) -> Standing {
    let mut standing = Standing::default();
    let mut is_bgp = false;
    for line in lines {
        let words: Vec<&str> = line.split_whitespace().collect();
        if !line.starts_with(' ') {
            is_bgp = words.get(1) == Some(&"BGP");
            let established = is_bgp && words.contains(&"Established");
            standing.established += usize::from(established);
        } else if is_bgp {
            let number = |at: usize| words.get(at).and_then(|it| it.parse::<usize>().ok());
            match words.first() {
                Some(&"Routes:") => standing.routes += number(1).unwrap_or(0),
                Some(&"Import") if words.get(1) == Some(&"updates:") => {
                    standing.told += number(2).unwrap_or(0);
                }
                _ => {}
            }
        }
    }
    standing
}

fn configuration(session: usize, graceful: bool) -> String {
    let restart = if graceful { "aware" } else { "off" };
    let (address, asn) = (peer_address(session), peer_as(session));
    let mut text = format!(
        "log stderr all;\nrouter id {address};\nprotocol device {{ }}\nprotocol static st {{ ipv4;\n"
    );
    for route in 0..ROUTES {
        let number = session * ROUTES + route;
        let (high, low) = (number >> 8, number & 0xff);
        let _ = writeln!(text, "  route 30.{high}.{low}.0/24 blackhole;");
    }
    let _ = write!(
        text,
        "}}\nprotocol bgp b {{\n  local {address} as {asn};\n  strict bind yes;\n  neighbor {OWN} as {OWN_AS};\n  \
         hold time {HOLD_TIME};\n  connect delay time 1;\n  connect retry time 1;\n  error wait time 1, 2;\n  \
         graceful restart {restart};\n  \
         ipv4 {{ import all; export where source = RTS_STATIC; next hop self; }};\n}}\n",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bgp_sessions_and_their_routes_count() {
        let lines: Vec<String> = [
            "Name       Proto      Table      State  Since         Info",
            "s0         Static     t0         up     2026-11-21    ",
            "  Channel ipv4",
            "    Routes:         1000 imported, 0 exported, 1000 preferred",
            "b0         BGP        ---        up     2026-11-21    Established   ",
            "  Channel ipv4",
            "    Routes:         9000 imported, 1000 exported, 9000 preferred",
            "      Import updates:          9001          0          0          0       9000",
            "b1         BGP        ---        start  2026-11-21    Active        ",
        ]
        .map(str::to_owned)
        .into();
        let expected = Standing {
            established: 1,
            routes: 9_000,
            told: 9_001,
        };
        assert_eq!(standing(&lines), expected);
    }

    #[test]
    fn each_route_is_there_once() {
        let text: String = (0..SESSIONS).map(|it| configuration(it, true)).collect();
        let routes: std::collections::BTreeSet<_> = text
            .lines()
            .filter(|line| line.contains("blackhole"))
            .collect();
        assert_eq!(routes.len(), SESSIONS * ROUTES);
    }
}
