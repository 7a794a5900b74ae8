//! FRRouting: zebra and bgpd for one session.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use ipnet::IpNet;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::frr_vty::FrrVty;
use super::{Daemon, Place, Terms, Words};
use crate::lab::child::{self, Child, missing, run, wait_until};
use crate::lab::error::{At, LabError, Result};
use crate::lab::options::LabFamily;
use crate::lab::routes::OUR_AS;

const ZEBRA: &str = "/usr/lib/frr/zebra";
const BGPD: &str = "/usr/lib/frr/bgpd";
/// FRR reads a configuration of a hundred thousand lines in it.
const START_PATIENCE: Duration = Duration::from_secs(120);
/// Netlink buffer of zebra, octets.
const NETLINK_BUFFER: &str = "16777216";

/// A running FRR.
#[derive(Debug)]
pub(super) struct Frr {
    place: Place,
    zebra: Child,
    bgpd: Child,
    vty: FrrVty,
    asn: u32,
    neighbor: String,
    family: &'static str,
    routes: Vec<Vec<IpNet>>,
}

impl Frr {
    /// Starts zebra, then bgpd with its routes in its configuration.
    pub(super) fn start(place: Place, terms: Terms<'_>) -> Result<Self> {
        for program in [ZEBRA, BGPD] {
            if !Path::new(program).is_file() {
                return Err(missing(program));
            }
        }
        let session = &terms.plan.sessions[place.only_session()];
        // The daemons drop root's privileges before they make their sockets.
        let sockets = place.sockets.to_string_lossy().into_owned();
        run("chown", &["frr:frrvty", &sockets])?;
        std::fs::set_permissions(&place.sockets, std::fs::Permissions::from_mode(0o775))
            .at(&sockets)?;
        let zebra = spawn(
            &place,
            ZEBRA,
            "zebra",
            &["-s", NETLINK_BUFFER],
            ZEBRA_CONFIGURATION,
        )?;
        wait_until("zebra's socket", START_PATIENCE, || {
            Ok(place.socket("zserv.api").exists().then_some(()))
        })?;
        let mut bgpd = spawn(&place, BGPD, "bgpd", &["-n"], &configuration(&place, terms))?;
        let socket = place.socket("bgpd.vty");
        let vty = wait_until("bgpd's terminal", START_PATIENCE, || {
            bgpd.must_run()?;
            Ok(FrrVty::connect(&socket).ok())
        })?;
        Ok(Self {
            asn: session.asn,
            neighbor: terms.plan.our_address.to_string(),
            family: family(terms.plan.family),
            routes: (0..session.routes.slices())
                .map(|slice| {
                    session
                        .routes
                        .slice(slice)
                        .map(|r| terms.plan.prefix(r))
                        .collect()
                })
                .collect(),
            place,
            zebra,
            bgpd,
            vty,
        })
    }
}

impl Daemon for Frr {
    fn sessions(&self) -> &[usize] {
        &self.place.sessions
    }

    fn must_run(&mut self) -> Result<()> {
        self.zebra.must_run()?;
        self.bgpd.must_run()
    }

    fn words(&mut self) -> Result<Vec<(usize, Words)>> {
        let text = self
            .vty
            .ask(&format!("show bgp neighbors {} json", self.neighbor))?;
        Ok(vec![(
            self.place.only_session(),
            words(&self.neighbor, &text)?,
        )])
    }

    fn table(&mut self, _session: usize) -> Result<HashSet<IpNet>> {
        let text = self.vty.ask(&format!(
            "show bgp {} neighbors {} routes json",
            self.family, self.neighbor
        ))?;
        table(&text)
    }

    fn change(&mut self, _session: usize, slice: usize, announced: bool) -> Result<()> {
        let no = if announced { "" } else { "no " };
        self.vty.ask("configure terminal")?;
        self.vty.ask(&format!("router bgp {}", self.asn))?;
        self.vty.ask(&format!("address-family {}", self.family))?;
        for prefix in &self.routes[slice] {
            self.vty.ask(&format!("{no}network {prefix}"))?;
        }
        self.vty.ask("end").map(drop)
    }
}

const ZEBRA_CONFIGURATION: &str =
    "frr defaults traditional\nhostname zebra\nlog timestamp precision 6\n";

fn spawn(place: &Place, program: &str, name: &str, more: &[&str], text: &str) -> Result<Child> {
    let file = place.directory.join(format!("{name}.conf"));
    std::fs::write(&file, text).at(file.display())?;
    let mut command = Command::new("ip");
    command
        .args(["netns", "exec", &place.namespace, program, "-f"])
        .arg(&file)
        .arg("-i")
        .arg(place.socket(&format!("{name}.pid")))
        .arg("--vty_socket")
        .arg(&place.sockets)
        .arg("-z")
        .arg(place.socket("zserv.api"))
        .args(["-P", "0", "--log", "stdout", "--log-level", "informational"])
        .args(more);
    let log = place.directory.join(format!("{name}.log"));
    Child::spawn(
        &format!("{name} in {}", place.namespace),
        &mut command,
        &log,
    )
}

const fn family(family: LabFamily) -> &'static str {
    match family {
        LabFamily::V4 => "ipv4 unicast",
        LabFamily::V6 => "ipv6 unicast",
    }
}

fn configuration(place: &Place, terms: Terms<'_>) -> String {
    let session = &terms.plan.sessions[place.only_session()];
    let us = terms.plan.our_address;
    let mut text = format!(
        "frr defaults traditional\nhostname {}\nlog timestamp precision 6\nrouter bgp {}\n bgp router-id {}\n \
         bgp log-neighbor-changes\n no bgp ebgp-requires-policy\n no bgp network import-check\n \
         no bgp default ipv4-unicast\n neighbor {us} remote-as {OUR_AS}\n neighbor {us} timers {} {}\n \
         neighbor {us} timers connect 1\n",
        place.namespace,
        session.asn,
        session.router_id,
        terms.keepalive_time(),
        terms.hold_time,
    );
    if let Some(key) = terms.md5 {
        let _ = writeln!(text, " neighbor {us} password {}", key.expose());
    }
    if terms.ttl_security {
        let _ = writeln!(text, " neighbor {us} ttl-security hops 1");
    }
    if session.peer_waits {
        let _ = writeln!(text, " neighbor {us} passive");
    }
    let _ = writeln!(text, " address-family {}", family(terms.plan.family));
    let _ = writeln!(text, "  neighbor {us} activate");
    for route in session.routes.all() {
        let _ = writeln!(text, "  network {}", terms.plan.prefix(route));
    }
    text.push_str(" exit-address-family\n");
    text
}

fn words(neighbor: &str, text: &str) -> Result<Words> {
    let all: Value = serde_json::from_str(text).at("FRR: show bgp neighbors")?;
    let own = &all[neighbor];
    let state = own["bgpState"]
        .as_str()
        .ok_or_else(|| LabError::new(format!("FRR does not know its neighbor {neighbor}")))?;
    let stats = &own["messageStats"];
    let prefixes = own["addressFamilyInfo"]
        .as_object()
        .into_iter()
        .flat_map(|families| families.values())
        .filter_map(|family| family["acceptedPrefixCounter"].as_u64())
        .sum();
    let count = |name: &str| own[name].as_u64();
    Ok(Words {
        line: format!(
            "{neighbor} {state}, up {}, connectionsEstablished {}, connectionsDropped {}",
            own["bgpTimerUpString"].as_str().unwrap_or("never"),
            count("connectionsEstablished").unwrap_or(0),
            count("connectionsDropped").unwrap_or(0),
        ),
        established: state == "Established",
        since: None,
        uptime: count("bgpTimerUpMsec").map(Duration::from_millis),
        times_established: count("connectionsEstablished"),
        times_dropped: count("connectionsDropped"),
        opens_received: stats["opensRecv"].as_u64(),
        notifications: stats["notificationsRecv"]
            .as_u64()
            .zip(stats["notificationsSent"].as_u64())
            .map(|(received, sent)| received + sent),
        updates_received: stats["updatesRecv"].as_u64(),
        prefixes_received: prefixes,
    })
}

#[derive(Deserialize)]
struct Routes {
    routes: BTreeMap<String, IgnoredAny>,
}

fn table(text: &str) -> Result<HashSet<IpNet>> {
    // Without a single route FRR gives an empty object.
    if text.trim() == "{}" || text.trim().is_empty() {
        return Ok(HashSet::new());
    }
    let routes: Routes = serde_json::from_str(text).at("FRR: show bgp neighbors routes")?;
    routes
        .routes
        .keys()
        .map(|prefix| prefix.parse().at(prefix))
        .collect()
}

/// FRR's version, in its own words.
pub(super) fn version() -> Result<String> {
    if !Path::new(BGPD).is_file() {
        return Err(missing(BGPD));
    }
    let text = child::run(BGPD, &["--version"])?;
    Ok(format!("FRR {}", text.lines().next().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_read() {
        let text = r#"{"10.99.0.1":{"bgpState":"Established","bgpTimerUpMsec":6000,"bgpTimerUpString":"00:00:06",
            "messageStats":{"opensRecv":1,"notificationsSent":0,"notificationsRecv":2,"updatesRecv":737},
            "addressFamilyInfo":{"ipv4Unicast":{"acceptedPrefixCounter":2002}},
            "connectionsEstablished":1,"connectionsDropped":0}}"#;
        let words = words("10.99.0.1", text).unwrap();
        assert!(words.established);
        assert_eq!(words.prefixes_received, 2002);
        assert_eq!(words.notifications, Some(2));
        assert_eq!(words.times_dropped, Some(0));
    }

    #[test]
    fn a_table_is_read_and_may_be_empty() {
        let text = r#"{"vrfId":0,"routes":{"20.0.0.0/24":[{"valid":true}],"20.0.1.0/24":[]}}"#;
        assert_eq!(table(text).unwrap().len(), 2);
        assert!(table("{}\n").unwrap().is_empty());
    }
}
