//! OpenBGPD: one instance for one session, changed in bulk by bgpctl.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

use ipnet::IpNet;
use serde_json::Value;

use super::{Daemon, Place, Terms, Words};
use crate::lab::child::{self, Child, missing, run, run_with_input, wait_until};
use crate::lab::error::{At, LabError, Result};
use crate::lab::options::LabFamily;
use crate::lab::routes::{OUR_AS, Plan, RouteNumber};

const BGPD: &str = "/usr/sbin/bgpd";
const START_PATIENCE: Duration = Duration::from_secs(30);

/// A running OpenBGPD.
#[derive(Debug)]
pub(super) struct Openbgpd {
    place: Place,
    child: Child,
    socket: String,
    neighbor: String,
    /// Per slice the prefixes of each community, one a line.
    slices: Vec<Batches>,
}

/// Prefixes, one a line, by community: bgpctl takes one set of attributes for a whole list.
type Batches = BTreeMap<(u32, u32), String>;

impl Openbgpd {
    /// Starts bgpd and loads its routes.
    pub(super) fn start(place: Place, terms: Terms<'_>) -> Result<Self> {
        if !std::path::Path::new(BGPD).is_file() {
            return Err(missing(BGPD));
        }
        let file = place.directory.join("bgpd.conf");
        std::fs::write(&file, configuration(&place, terms)).at(file.display())?;
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600))
            .at(file.display())?;
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", &place.namespace, BGPD, "-d", "-f"])
            .arg(&file);
        let log = place.directory.join("bgpd.log");
        let child = Child::spawn(&format!("bgpd in {}", place.namespace), &mut command, &log)?;
        let session = &terms.plan.sessions[place.only_session()];
        let mut openbgpd = Self {
            child,
            socket: place.socket("bgpd.sock").to_string_lossy().into_owned(),
            neighbor: terms.plan.our_address.to_string(),
            slices: (0..session.routes.slices())
                .map(|slice| batches(terms.plan, session.routes.slice(slice)))
                .collect(),
            place,
        };
        wait_until("OpenBGPD's socket", START_PATIENCE, || {
            openbgpd.child.must_run()?;
            Ok(openbgpd.ask(&["show", "neighbor"]).ok())
        })?;
        // One community for all that never changes: one call rather than thousands.
        let stable: Vec<RouteNumber> = session.routes.stable().collect();
        if let Some(&first) = stable.first() {
            let list = lines(terms.plan, stable.into_iter());
            openbgpd.bulk("add", Some(Plan::community(first)), &list)?;
        }
        for slice in 0..openbgpd.slices.len() {
            openbgpd.change(0, slice, true)?;
        }
        Ok(openbgpd)
    }

    fn ask(&self, arguments: &[&str]) -> Result<String> {
        run(
            "bgpctl",
            &[&["-s", self.socket.as_str()], arguments].concat(),
        )
    }

    fn bulk(&self, verb: &str, community: Option<(u32, u32)>, list: &str) -> Result<()> {
        let community = community.map(|(asn, value)| format!("{asn}:{value}"));
        let mut line = vec!["-s", &self.socket, "network", "bulk"];
        if let Some(community) = &community {
            line.extend(["community", community]);
        }
        line.push(verb);
        run_with_input("bgpctl", &line, Some(list)).map(drop)
    }
}

impl Daemon for Openbgpd {
    fn sessions(&self) -> &[usize] {
        &self.place.sessions
    }

    fn must_run(&mut self) -> Result<()> {
        self.child.must_run()
    }

    fn words(&mut self) -> Result<Vec<(usize, Words)>> {
        let words = words(&self.ask(&["-j", "show", "neighbor", &self.neighbor])?)?;
        Ok(vec![(self.place.only_session(), words)])
    }

    fn table(&mut self, _session: usize) -> Result<HashSet<IpNet>> {
        let text = self.ask(&["show", "rib", "in", "neighbor", &self.neighbor])?;
        Ok(table(&text))
    }

    fn change(&mut self, _session: usize, slice: usize, announced: bool) -> Result<()> {
        if !announced {
            let list: String = self.slices[slice].values().map(String::as_str).collect();
            return self.bulk("delete", None, &list);
        }
        for (community, list) in &self.slices[slice] {
            self.bulk("add", Some(*community), list)?;
        }
        Ok(())
    }
}

fn lines(plan: &Plan, routes: impl Iterator<Item = RouteNumber>) -> String {
    routes.fold(String::new(), |mut text, route| {
        let _ = writeln!(text, "{}", plan.prefix(route));
        text
    })
}

fn batches(plan: &Plan, routes: impl Iterator<Item = RouteNumber>) -> Batches {
    let mut batches = Batches::new();
    for route in routes {
        let list = batches.entry(Plan::community(route)).or_default();
        let _ = writeln!(list, "{}", plan.prefix(route));
    }
    batches
}

fn configuration(place: &Place, terms: Terms<'_>) -> String {
    let session = &terms.plan.sessions[place.only_session()];
    let (wanted, unwanted) = match terms.plan.family {
        LabFamily::V4 => ("IPv4", "IPv6"),
        LabFamily::V6 => ("IPv6", "IPv4"),
    };
    format!(
        "AS {}\nrouter-id {}\nfib-update no\nholdtime {}\nlisten on {}\nsocket \"{}\"\n\
         neighbor {} {{\n  remote-as {OUR_AS}\n  local-address {}\n  descr \"rp\"\n{}  \
         announce {wanted} unicast\n  announce {unwanted} none\n}}\nallow from any\nallow to any\n",
        session.asn,
        session.router_id,
        terms.hold_time,
        session.address,
        place.socket("bgpd.sock").display(),
        terms.plan.our_address,
        session.address,
        if session.peer_waits {
            "  passive\n"
        } else {
            ""
        },
    )
}

fn words(text: &str) -> Result<Words> {
    let all: Value = serde_json::from_str(text).at("bgpctl show neighbor")?;
    let own = &all["neighbors"][0];
    let state = own["state"]
        .as_str()
        .ok_or_else(|| LabError::new("OpenBGPD does not know its neighbor"))?;
    let messages = &own["stats"]["message"];
    let uptime = own["last_updown_sec"].as_u64();
    Ok(Words {
        line: format!(
            "{} {state}, up for {}, Opens {}",
            own["remote_addr"].as_str().unwrap_or("?"),
            own["last_updown"].as_str().unwrap_or("never"),
            messages["received"]["open"].as_u64().unwrap_or(0),
        ),
        established: state == "Established",
        since: None,
        uptime: uptime.map(Duration::from_secs),
        times_established: None,
        times_dropped: None,
        opens_received: messages["received"]["open"].as_u64(),
        notifications: messages["received"]["notifications"]
            .as_u64()
            .zip(messages["sent"]["notifications"].as_u64())
            .map(|(received, sent)| received + sent),
        updates_received: messages["received"]["updates"].as_u64(),
        prefixes_received: own["stats"]["prefixes"]["received"].as_u64().unwrap_or(0),
    })
}

/// "N-?  20.0.0.0/24  10.99.0.1  100  0  65001 i": the prefix is the first word with a slash.
fn table(text: &str) -> HashSet<IpNet> {
    text.lines()
        .filter_map(|line| line.split_whitespace().find_map(|word| word.parse().ok()))
        .collect()
}

/// OpenBGPD's version, in its own words.
pub(super) fn version() -> Result<String> {
    let program = child::find("bgpctl").and_then(|_| {
        let program = std::path::Path::new(BGPD);
        program
            .is_file()
            .then_some(BGPD)
            .ok_or_else(|| missing(BGPD))
    })?;
    let output = Command::new(program).arg("-V").output().at(BGPD)?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).trim().to_owned();
    if said.is_empty() {
        return Err(LabError::new(format!("{BGPD} -V said nothing")));
    }
    Ok(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_and_counters_are_read() {
        let text = r#"{"neighbors":[{"remote_addr":"10.99.0.1","state":"Established","last_updown":"00:00:09",
            "last_updown_sec":9,"stats":{"prefixes":{"sent":1,"received":2002},
            "message":{"sent":{"notifications":0},"received":{"open":1,"notifications":0,"updates":737}}}}]}"#;
        let words = words(text).unwrap();
        assert!(words.established);
        assert_eq!(words.uptime, Some(Duration::from_secs(9)));
        assert_eq!(
            (words.opens_received, words.prefixes_received),
            (Some(1), 2002)
        );
    }

    #[test]
    fn a_table_is_read() {
        let text = "flags: * = Valid\norigin validation state: N = not-found\n\nflags  vs destination gateway lpref med aspath origin\n\
                    I   N-?  20.0.0.0/24          10.99.0.1        100     0 65001 i\n\
                    I   N-?  2a10:0:1::/48        fd99::1        100     0 65001 i\n";
        assert_eq!(table(text).len(), 2);
    }
}
