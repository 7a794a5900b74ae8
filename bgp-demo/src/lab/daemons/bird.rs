//! BIRD 2: one instance for one session.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::process::Command;
use std::time::Duration;

use ipnet::IpNet;

use super::bird_control::BirdControl;
use super::{Daemon, Place, Terms, Words};
use crate::lab::child::{self, Child, wait_until};
use crate::lab::error::{At, LabError, Result};
use crate::lab::options::LabFamily;
use crate::lab::routes::{OUR_AS, Plan, RouteNumber};

const START_PATIENCE: Duration = Duration::from_secs(30);

/// A running BIRD.
#[derive(Debug)]
pub(super) struct Bird {
    place: Place,
    child: Child,
    control: BirdControl,
}

impl Bird {
    /// Starts BIRD with its routes in its configuration.
    pub(super) fn start(place: Place, terms: Terms<'_>) -> Result<Self> {
        let program = child::find("bird")?;
        let file = place.directory.join("bird.conf");
        std::fs::write(&file, configuration(&place, terms)).at(file.display())?;
        let socket = place.socket("bird.ctl");
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", &place.namespace])
            .arg(program)
            .args(["-f", "-c"])
            .arg(&file)
            .arg("-s")
            .arg(&socket)
            .arg("-P")
            .arg(place.socket("bird.pid"));
        let log = place.directory.join("bird.log");
        let mut child = Child::spawn(&format!("BIRD in {}", place.namespace), &mut command, &log)?;
        let control = wait_until("BIRD's control socket", START_PATIENCE, || {
            child.must_run()?;
            Ok(BirdControl::connect(&socket).ok())
        })?;
        Ok(Self {
            place,
            child,
            control,
        })
    }
}

impl Daemon for Bird {
    fn sessions(&self) -> &[usize] {
        &self.place.sessions
    }

    fn must_run(&mut self) -> Result<()> {
        self.child.must_run()
    }

    fn words(&mut self) -> Result<Vec<(usize, Words)>> {
        let session = self.place.only_session();
        let command = format!("show protocols all b{session}");
        let lines = self.control.ask_lines(&command)?;
        Ok(vec![(session, words(session, &lines)?)])
    }

    fn table(&mut self, session: usize) -> Result<HashSet<IpNet>> {
        let mut table = HashSet::new();
        let command = format!("show route table t{session} protocol b{session}");
        self.control.ask(&command, &mut |line| {
            // "20.0.0.0/24  unicast [b0 ...] * (100) [AS65001i]", then indented next hops.
            if let Some(prefix) = line
                .split_whitespace()
                .next()
                .and_then(|word| word.parse().ok())
            {
                table.insert(prefix);
            }
        })?;
        Ok(table)
    }

    fn change(&mut self, session: usize, slice: usize, announced: bool) -> Result<()> {
        let verb = if announced { "enable" } else { "disable" };
        self.control
            .ask(&format!("{verb} c{session}_{slice}"), &mut |_| ())
    }
}

fn words(session: usize, lines: &[String]) -> Result<Words> {
    let name = format!("b{session}");
    let own = lines
        .iter()
        .find(|line| line.split_whitespace().next() == Some(&name))
        .ok_or_else(|| LabError::new(format!("BIRD does not know its protocol {name}")))?;
    // "b0  BGP  ---  up  2026-11-21 03:01:47.254412  Established"
    let columns: Vec<&str> = own.split_whitespace().collect();
    let number = |label: &str, column: usize| -> Option<u64> {
        let rest = lines
            .iter()
            .find_map(|line| line.trim().strip_prefix(label))?;
        rest.split_whitespace().nth(column)?.parse().ok()
    };
    Ok(Words {
        line: columns.join(" "),
        established: columns.get(3) == Some(&"up") && columns.get(6) == Some(&"Established"),
        since: columns.get(4..6).map(|moment| moment.join(" ")),
        updates_received: number("Import updates:", 0),
        prefixes_received: number("Routes:", 0).unwrap_or(0),
        ..Words::default()
    })
}

fn configuration(place: &Place, terms: Terms<'_>) -> String {
    let session = place.only_session();
    let plan = &terms.plan.sessions[session];
    let channel = match terms.plan.family {
        LabFamily::V4 => "ipv4",
        LabFamily::V6 => "ipv6",
    };
    let mut text = format!(
        "log stderr all;\n\
         timeformat log iso long us;\ntimeformat protocol iso long us;\ntimeformat base iso long us;\n\
         router id {};\nprotocol device {{ }}\n{channel} table t{session};\n",
        plan.router_id
    );
    let stable = plan.routes.stable();
    statics(&mut text, terms.plan, channel, session, None, stable);
    for slice in 0..plan.routes.slices() {
        let routes = plan.routes.slice(slice);
        statics(&mut text, terms.plan, channel, session, Some(slice), routes);
    }
    let _ = write!(
        text,
        "protocol bgp b{session} {{\n  debug {{ states, events }};\n  local {} as {};\n  neighbor {} as {OUR_AS};\n  \
         {}passive {};\n  hold time {};\n  connect delay time 1;\n  connect retry time 2;\n  error wait time 1, 5;\n  \
         {channel} {{ table t{session}; import all; export where source = RTS_STATIC; next hop self; }};\n}}\n",
        plan.address,
        plan.asn,
        terms.plan.our_address,
        demands(terms),
        if plan.peer_waits { "yes" } else { "no" },
        terms.hold_time,
    );
    text
}

/// Signatures and TTL security, in BIRD's words.
fn demands(terms: Terms<'_>) -> String {
    let mut text = String::new();
    if let Some(key) = terms.md5 {
        let _ = write!(text, "password \"{}\";\n  ", key.expose());
    }
    if terms.ttl_security {
        text.push_str("ttl security on;\n  ");
    }
    text
}

fn statics(
    text: &mut String,
    plan: &Plan,
    channel: &str,
    session: usize,
    slice: Option<usize>,
    routes: impl Iterator<Item = RouteNumber>,
) {
    let name = match slice {
        None => format!("s{session}"),
        Some(slice) => format!("c{session}_{slice}"),
    };
    let _ = writeln!(
        text,
        "protocol static {name} {{ {channel} {{ table t{session}; import all; }};"
    );
    for route in routes {
        let (asn, value) = Plan::community(route);
        let _ = writeln!(
            text,
            "  route {} blackhole {{ bgp_community.add(({asn}, {value})); }};",
            plan.prefix(route)
        );
    }
    text.push_str("}\n");
}

/// BIRD's version, in its own words.
pub(super) fn version() -> Result<String> {
    // It tells its version on its standard error.
    let program = child::find("bird")?;
    let output = Command::new(program).arg("--version").output().at("bird")?;
    Ok(String::from_utf8_lossy(&output.stderr).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_since_and_counters_are_read() {
        let lines: Vec<String> = [
            "Name       Proto      Table      State  Since         Info",
            "b3         BGP        ---        up     2026-11-21 03:01:47.254412  Established   ",
            "  Channel ipv4",
            "    Routes:         19469 imported, 2002 exported, 17469 preferred",
            "      Import updates:          19470          0          0          0      19469",
        ]
        .map(str::to_owned)
        .into();
        let words = words(3, &lines).unwrap();
        assert!(words.established);
        assert_eq!(words.since.as_deref(), Some("2026-11-21 03:01:47.254412"));
        assert_eq!(words.prefixes_received, 19469);
        assert_eq!(words.updates_received, Some(19470));
    }

    #[test]
    fn a_session_that_is_not_up_is_not_established() {
        let line =
            "b0  BGP  ---  start  2026-11-21 03:01:47.254412  Active  Socket: Connection refused";
        assert!(!words(0, &[line.to_owned()]).unwrap().established);
    }
}
